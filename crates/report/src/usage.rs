//! Usage: how many decisions a model made each day, how sure it was, how often people overrode it, how long it took.
//!
//! The totals are weighted by volume: the mean of all decisions, not the mean of the days' means, in which a day with one
//! decision would weigh as much as a day with a million.

use crate::private::{self, Guarantee, Privacy, UNIT};
use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use crate::spread::Spread;
use crate::sql::{UNIT as SCALE, scaled_sql};
use onrecord_statistics::privacy::noisy_rate;
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};

/// A confidence of 1 in whole numbers, which noise is for.
const CONFIDENCE_UNITS: u64 = 10_000;

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
    /// Decisions of persons who opted out: their records say that consent was not given. Absent where figures are private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_consent: Option<u64>,
    /// The mean time that a decision took, in milliseconds, of those that have one.
    pub avg_latency_ms: Option<f64>,
    /// The time within which half were made, to three significant digits.
    pub latency_p50_ms: Option<f64>,
    /// The time within which 95 % were made, to three significant digits.
    pub latency_p95_ms: Option<f64>,
    /// The time within which 99 % were made, to three significant digits.
    pub latency_p99_ms: Option<f64>,
    /// How private the figures are; absent if they are exact. Private figures are noisy, and have no latencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Guarantee>,
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
    without_consent: u64,
    timed: u64,
    latency: f64,
    /// How many milliseconds `latency` counts by: more than one where sums would overflow; the same for all days.
    latency_unit_ms: f64,
}

impl Usage {
    /// Asks for the usage of a model.
    ///
    /// # Errors
    /// What the source says.
    pub async fn ask<S: Source + ?Sized>(source: &S, scope: &Scope) -> Result<Self, Error<S::Error>> {
        let days = days(source, scope).await?;
        let latencies =
            Spread::ask(source, "processing_time_ms", &format!("ai_audit_logs WHERE {}", scope.sql())).await?;
        Ok(Self::of(scope, &days, &latencies))
    }

    /// The same with noise, of all days of the period.
    ///
    /// # Errors
    /// [`Error::Unfit`] for too long a period; [`Error::Noise`]; what the source says.
    pub async fn ask_private<S: Source + ?Sized>(
        source: &S,
        scope: &Scope,
        privacy: &Privacy,
    ) -> Result<Self, Error<S::Error>> {
        let dates = private::days(&scope.period)?;
        let rows = format!(
            "SELECT {UNIT}, date(timestamp)::text AS date, confidence, overridden FROM ai_audit_logs WHERE {}",
            scope.sql()
        );
        let counted = format!(
            "SELECT date, count(*) AS decisions, count(confidence) AS confident, \
             sum(round(confidence * {CONFIDENCE_UNITS})::bigint)::bigint AS confidence, \
             count(*) FILTER (WHERE overridden) AS overrides FROM {} GROUP BY date",
            privacy.bounded(&rows)
        );
        let rows = Rows::of(source, counted).await?;
        let found: Vec<String> = rows.texts("date")?.into_iter().map(Option::unwrap_or_default).collect();
        let noisy = |name, weight| privacy.noisy(&private::cells(&dates, &found, &rows.counts(name)?), 4, weight);
        let (decisions, confident) = (noisy("decisions", 1)?, noisy("confident", 1)?);
        let (confidence, overrides) = (noisy("confidence", CONFIDENCE_UNITS)?, noisy("overrides", 1)?);
        let mean = |sum: i64, count: i64| {
            (count > 0).then(|| (sum as f64 / CONFIDENCE_UNITS as f64 / count as f64).clamp(0.0, 1.0))
        };
        let day = |at: usize| DailyStats {
            date: dates[at].clone(),
            total_predictions: private::count(decisions[at]),
            avg_confidence: mean(confidence[at], confident[at]),
            overrides: private::count(overrides[at]),
            avg_latency_ms: None,
        };
        // Sums of noisy counts cost nothing more.
        let sum = |counts: &[i64]| counts.iter().sum::<i64>();
        Ok(Self {
            daily_stats: (0..dates.len()).map(day).collect(),
            total_predictions: private::count(sum(&decisions)),
            avg_confidence: mean(sum(&confidence), sum(&confident)),
            overrides: private::count(sum(&overrides)),
            override_rate: noisy_rate(sum(&overrides), sum(&decisions)),
            without_consent: None,
            privacy: Some(privacy.guarantee()),
            ..Self::of(scope, &[], &Spread::default())
        })
    }

    fn of(scope: &Scope, days: &[Day], latencies: &Spread) -> Self {
        let sum = |count: fn(&Day) -> u64| days.iter().map(count).sum::<u64>();
        let total = |number: fn(&Day) -> f64| days.iter().map(number).sum::<f64>();
        let (decisions, overrides) = (sum(|day| day.decisions), sum(|day| day.overrides));
        Self {
            model_id: scope.model(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            daily_stats: days.iter().map(DailyStats::of).collect(),
            total_predictions: decisions,
            avg_confidence: ratio(total(|day| day.confidence), sum(|day| day.confident) as f64),
            overrides,
            override_rate: ratio(overrides as f64, decisions as f64),
            without_consent: Some(sum(|day| day.without_consent)),
            avg_latency_ms: ratio(total(|day| day.latency), sum(|day| day.timed) as f64)
                .and_then(|mean| finite(mean * days.first()?.latency_unit_ms)),
            latency_p50_ms: latencies.percentile(50),
            latency_p95_ms: latencies.percentile(95),
            latency_p99_ms: latencies.percentile(99),
            privacy: None,
        }
    }
}

impl DailyStats {
    fn of(day: &Day) -> Self {
        Self {
            date: day.date.clone(),
            total_predictions: day.decisions,
            avg_confidence: ratio(day.confidence, day.confident as f64),
            overrides: day.overrides,
            avg_latency_ms: ratio(day.latency, day.timed as f64).and_then(|mean| finite(mean * day.latency_unit_ms)),
        }
    }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

async fn days<S: Source + ?Sized>(source: &S, scope: &Scope) -> Result<Vec<Day>, Error<S::Error>> {
    let days = days_by(source, scope, "processing_time_ms", 1.0).await?;
    match days.iter().map(|day| day.latency).sum::<f64>().is_finite() {
        true => Ok(days),
        false => days_by(source, scope, &scaled_sql("processing_time_ms"), SCALE).await,
    }
}

/// The days, with latencies as the expression `latency` gives them.
async fn days_by<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
    latency: &str,
    latency_unit_ms: f64,
) -> Result<Vec<Day>, Error<S::Error>> {
    let sql = format!(
        "SELECT date(timestamp)::text AS date, count(*) AS decisions, count(confidence) AS confident, \
         sum(confidence) AS confidence, count(*) FILTER (WHERE overridden) AS overrides, \
         count(*) FILTER (WHERE NOT consent_given) AS without_consent, count(processing_time_ms) AS timed, sum({latency}) AS latency \
         FROM ai_audit_logs WHERE {} GROUP BY date(timestamp) ORDER BY date(timestamp) DESC",
        scope.sql()
    );
    let rows = Rows::of(source, sql).await?;
    let (dates, decisions) = (rows.texts("date")?, rows.counts("decisions")?);
    let (confident, confidence) = (rows.counts("confident")?, rows.numbers("confidence")?);
    let (overrides, timed, latency) = (rows.counts("overrides")?, rows.counts("timed")?, rows.numbers("latency")?);
    let without_consent = rows.counts("without_consent")?;
    let day = |at: usize| Day {
        date: dates[at].clone().unwrap_or_default(),
        decisions: decisions[at],
        confident: confident[at],
        confidence: confidence[at].unwrap_or(0.0),
        overrides: overrides[at],
        without_consent: without_consent[at],
        timed: timed[at],
        latency: latency[at].unwrap_or(0.0),
        latency_unit_ms,
    };
    Ok((0..rows.len()).map(day).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_weighted_by_volume() {
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let period = crate::Period::new(Some(2), None, None, now, 30).unwrap();
        let scope = Scope { model_id: Some("m".to_owned()), period };
        let day = |date: &str, decisions, confidence| Day {
            date: date.to_owned(),
            decisions,
            confident: decisions,
            confidence,
            overrides: 1,
            ..Day::default()
        };
        let usage = Usage::of(&scope, &[day("b", 1, 0.1), day("a", 9, 8.1)], &Spread::default());
        assert_eq!((usage.total_predictions, usage.override_rate), (10, Some(0.2)));
        assert!((usage.avg_confidence.unwrap() - 0.82).abs() < 1e-12, "not the mean 0.5 of the two days");
        assert_eq!((usage.avg_latency_ms, usage.latency_p50_ms), (None, None));
        let empty = Usage::of(&scope, &[], &Spread::default());
        assert_eq!((empty.total_predictions, empty.avg_confidence, empty.override_rate), (0, None, None));
    }
}
