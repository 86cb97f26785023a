//! Usage: how many decisions a model made each day, how sure it was, how often people overrode it, how long it took.
//!
//! The totals are weighted by volume: the mean of all decisions, not the mean of the days' means, in which a day with one
//! decision would weigh as much as a day with a million.

use crate::period::Period;
use crate::source::{Error, Rows, Source};
use crate::sql::text;
use serde::{Deserialize, Serialize};

/// Usage of one model in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// The model.
    pub model_id: String,
    /// The days of the period, a part of one as a whole.
    pub period_days: i64,
    /// The first instant of the period (RFC 3339).
    pub since: String,
    /// The first instant after it (RFC 3339).
    pub until: String,
    /// The days with decisions, newest first.
    pub daily_stats: Vec<DailyStats>,
    /// Decisions in all.
    pub total_predictions: u64,
    /// The mean confidence of those that have one; null if none has.
    pub avg_confidence: Option<f64>,
    /// Decisions that a person overrode, by the latest review of each.
    pub overrides: u64,
    /// Their part of all, from 0 to 1; null without decisions.
    pub override_rate: Option<f64>,
    /// The mean time that a decision took, in milliseconds, of those that have one.
    pub avg_latency_ms: Option<f64>,
    /// The time within which half were made, to three significant digits.
    pub latency_p50_ms: Option<f64>,
    /// The time within which 95 % were made, to three significant digits.
    pub latency_p95_ms: Option<f64>,
    /// The time within which 99 % were made, to three significant digits.
    pub latency_p99_ms: Option<f64>,
}

/// One day of UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DailyStats {
    /// The day, as 2026-11-27.
    pub date: String,
    /// Decisions.
    pub total_predictions: u64,
    /// The mean confidence of those that have one.
    pub avg_confidence: Option<f64>,
    /// Decisions that a person overrode, whenever that was.
    pub overrides: u64,
    /// The mean time that a decision took, in milliseconds, of those that have one.
    pub avg_latency_ms: Option<f64>,
}

/// Counts and sums of one day.
#[derive(Clone, Debug, Default)]
struct Day {
    date: String,
    decisions: u64,
    confident: u64,
    confidence: f64,
    overrides: u64,
    timed: u64,
    latency_ms: f64,
}

impl Usage {
    /// Asks for the usage of a model.
    ///
    /// # Errors
    /// What the source says.
    pub async fn ask<S: Source + ?Sized>(source: &S, model_id: &str, period: &Period) -> Result<Self, Error<S::Error>> {
        let days = days(source, model_id, period).await?;
        let latencies = latencies(source, model_id, period).await?;
        Ok(Self::of(model_id, period, &days, &latencies))
    }

    fn of(model_id: &str, period: &Period, days: &[Day], latencies: &[(f64, u64)]) -> Self {
        let sum = |count: fn(&Day) -> u64| days.iter().map(count).sum::<u64>();
        let total = |number: fn(&Day) -> f64| days.iter().map(number).sum::<f64>();
        let (decisions, overrides) = (sum(|day| day.decisions), sum(|day| day.overrides));
        Self {
            model_id: model_id.to_owned(),
            period_days: period.days(),
            since: period.since.to_string(),
            until: period.until.to_string(),
            daily_stats: days.iter().map(DailyStats::of).collect(),
            total_predictions: decisions,
            avg_confidence: mean(total(|day| day.confidence), sum(|day| day.confident)),
            overrides,
            override_rate: mean(overrides as f64, decisions),
            avg_latency_ms: mean(total(|day| day.latency_ms), sum(|day| day.timed)),
            latency_p50_ms: nearest_rank(latencies, 50),
            latency_p95_ms: nearest_rank(latencies, 95),
            latency_p99_ms: nearest_rank(latencies, 99),
        }
    }
}

impl DailyStats {
    fn of(day: &Day) -> Self {
        Self {
            date: day.date.clone(),
            total_predictions: day.decisions,
            avg_confidence: mean(day.confidence, day.confident),
            overrides: day.overrides,
            avg_latency_ms: mean(day.latency_ms, day.timed),
        }
    }
}

/// A sum over a count; `None` without any.
fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

/// The least value that at least `percent` of all do not exceed; `values` ascend, each with its count.
fn nearest_rank(values: &[(f64, u64)], percent: u64) -> Option<f64> {
    let count: u64 = values.iter().map(|(_, count)| count).sum();
    let rank = (u128::from(count) * u128::from(percent)).div_ceil(100);
    let mut seen = 0_u128;
    values.iter().find_map(|(value, count)| {
        seen += u128::from(*count);
        (seen >= rank).then_some(*value)
    })
}

fn of_model(model_id: &str, period: &Period) -> String {
    format!("model_id = {} AND {}", text(model_id), period.sql())
}

async fn days<S: Source + ?Sized>(source: &S, model_id: &str, period: &Period) -> Result<Vec<Day>, Error<S::Error>> {
    let sql = format!(
        "SELECT date(timestamp)::text AS date, count(*) AS decisions, count(confidence) AS confident, \
         sum(confidence) AS confidence, count(*) FILTER (WHERE overridden) AS overrides, \
         count(processing_time_ms) AS timed, sum(processing_time_ms) AS latency_ms \
         FROM ai_audit_logs WHERE {} GROUP BY date(timestamp) ORDER BY date(timestamp) DESC",
        of_model(model_id, period)
    );
    let rows = Rows::of(source, sql).await?;
    let (dates, decisions) = (rows.texts("date")?, rows.counts("decisions")?);
    let (confident, confidence) = (rows.counts("confident")?, rows.numbers("confidence")?);
    let (overrides, timed, latency) = (rows.counts("overrides")?, rows.counts("timed")?, rows.numbers("latency_ms")?);
    let day = |at: usize| Day {
        date: dates[at].clone().unwrap_or_default(),
        decisions: decisions[at],
        confident: confident[at],
        confidence: confidence[at].unwrap_or(0.0),
        overrides: overrides[at],
        timed: timed[at],
        latency_ms: latency[at].unwrap_or(0.0),
    };
    Ok((0..rows.len()).map(day).collect())
}

/// How often each time was taken, ascending. Times are counted by their first three digits, so that there are some
/// thousand groups at most however many decisions there are.
async fn latencies<S: Source + ?Sized>(
    source: &S,
    model_id: &str,
    period: &Period,
) -> Result<Vec<(f64, u64)>, Error<S::Error>> {
    let sql = format!(
        "SELECT exponent, round(ms / power(10, exponent))::bigint AS digits, count(*) AS decisions FROM (\
         SELECT processing_time_ms AS ms, \
         CASE WHEN processing_time_ms < 0.001 THEN -5 ELSE floor(log10(processing_time_ms))::bigint - 2 END AS exponent \
         FROM ai_audit_logs WHERE processing_time_ms IS NOT NULL AND {}) GROUP BY exponent, digits",
        of_model(model_id, period)
    );
    let rows = Rows::of(source, sql).await?;
    let (exponents, digits, counts) = (rows.integers("exponent")?, rows.integers("digits")?, rows.counts("decisions")?);
    let mut values = Vec::with_capacity(rows.len());
    for at in 0..rows.len() {
        let (Some(exponent), Some(digits)) = (exponents[at], digits[at]) else { return Err(Error::Answer("digits")) };
        let value: f64 = format!("{digits}e{exponent}").parse().map_err(|_| Error::Answer("digits"))?;
        values.push((value, counts[at]));
    }
    values.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let values: Vec<(f64, u64)> = (1..=100).map(|at| (f64::from(at), 1)).collect();
        assert_eq!([50, 95, 99].map(|percent| nearest_rank(&values, percent)), [Some(50.0), Some(95.0), Some(99.0)]);
        assert_eq!([50, 95, 99].map(|percent| nearest_rank(&[(7.0, 1)], percent)), [Some(7.0); 3]);
        assert_eq!(nearest_rank(&[(1.0, 99), (9.0, 1)], 99), Some(1.0));
        assert_eq!(nearest_rank(&[(1.0, 98), (9.0, 2)], 99), Some(9.0));
        assert_eq!(nearest_rank(&[], 50), None);
    }

    #[test]
    fn totals_are_weighted_by_volume() {
        let period = Period::new(Some(2), None, None, "2026-11-27T00:00:00Z".parse().unwrap(), 30).unwrap();
        let day = |date: &str, decisions, confidence| Day {
            date: date.to_owned(),
            decisions,
            confident: decisions,
            confidence,
            overrides: 1,
            ..Day::default()
        };
        let usage = Usage::of("m", &period, &[day("b", 1, 0.1), day("a", 9, 8.1)], &[]);
        assert_eq!((usage.total_predictions, usage.override_rate), (10, Some(0.2)));
        assert!((usage.avg_confidence.unwrap() - 0.82).abs() < 1e-12, "not the mean 0.5 of the two days");
        assert_eq!((usage.avg_latency_ms, usage.latency_p50_ms), (None, None));
        let empty = Usage::of("m", &period, &[], &[]);
        assert_eq!((empty.total_predictions, empty.avg_confidence, empty.override_rate), (0, None, None));
    }
}
