//! Volume: is everything logged? Decisions, refusals, errors and repeats by the hour, and hours without a decision where
//! there usually are some.

use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest period: a row an hour is given, and a year has 8,784 of them.
pub const DAYS_MAX: i64 = 366;

/// So many decisions there must usually be before an hour without any is a gap: by chance alone less than one hour in a
/// hundred would be (e⁻⁵).
const USUAL_MIN: f64 = 5.0;

/// Hours of the same kind from which what is usual is known.
const HOURS_KNOWN_MIN: usize = 3;

/// Refusals for which the sender is not to blame.
const ERRORS: [&str; 4] = ["busy", "full", "unavailable", "corrupt"];

/// What came in, by the hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Volume {
    /// The model; null for all of them.
    pub model_id: Option<String>,
    /// The days of the period, a part of one as a whole.
    pub period_days: i64,
    /// The first instant of the period (RFC 3339).
    pub since: String,
    /// The first instant after it (RFC 3339).
    pub until: String,
    /// Decisions in all.
    pub total_predictions: u64,
    /// Refusals in all, of whatever was sent, by whichever model.
    pub refusals: u64,
    /// Those among the refusals for which the sender is not to blame: busy, disk full, unavailable, corrupt.
    pub errors: u64,
    /// Entries that were sent again and were on the record already, of whichever model.
    pub repeats: u64,
    /// The hours of UTC in which something happened, oldest first.
    pub hours: Vec<Hour>,
    /// Hours without a decision where there usually are some, oldest first.
    pub gaps: Vec<Gap>,
}

/// One hour of UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hour {
    /// When it begins (RFC 3339).
    pub hour: String,
    /// Decisions, by their own time.
    pub decisions: u64,
    /// Refusals, by the time when they went on the record, which is up to a minute later.
    pub refusals: u64,
    /// Those for which the sender is not to blame.
    pub errors: u64,
    /// Repeats.
    pub repeats: u64,
}

/// An hour without a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Gap {
    /// When it begins (RFC 3339).
    pub hour: String,
    /// How many decisions there usually are: the median of the hours of the same time of day, on working days or weekends.
    pub usual: f64,
}

impl Volume {
    /// Asks what came in.
    ///
    /// # Errors
    /// [`Error::Unfit`] for a period of more than [`DAYS_MAX`] days; what the source says.
    pub async fn ask<S: Source + ?Sized>(source: &S, scope: &Scope) -> Result<Self, Error<S::Error>> {
        if scope.period.days() > DAYS_MAX {
            return Err(Error::Unfit(format!("volume is given by the hour, for at most {DAYS_MAX} days")));
        }
        let mut hours: BTreeMap<Timestamp, Hour> = BTreeMap::new();
        let decisions = format!(
            "SELECT date_trunc('hour', timestamp) AS hour, count(*) AS decisions FROM ai_audit_logs WHERE {} GROUP BY hour",
            scope.sql()
        );
        let rows = Rows::of(source, decisions).await?;
        for (hour, count) in rows.timestamps("hour")?.into_iter().zip(rows.counts("decisions")?) {
            hours.entry(hour.ok_or(Error::Answer("hour"))?).or_default().decisions += count;
        }
        let counts: BTreeMap<Timestamp, u64> = hours.iter().map(|(hour, row)| (*hour, row.decisions)).collect();
        let told = format!(
            "SELECT date_trunc('hour', recorded_at) AS hour, e.key AS reason, sum(e.value::bigint)::bigint AS times \
             FROM systems, jsonb_each_text(detail) AS e WHERE what IN ('refused', 'repeated') \
             AND recorded_at >= TIMESTAMPTZ '{}' AND recorded_at < TIMESTAMPTZ '{}' GROUP BY hour, reason",
            scope.since(),
            scope.until()
        );
        let rows = Rows::of(source, told).await?;
        let (at, reasons, times) = (rows.timestamps("hour")?, rows.texts("reason")?, rows.counts("times")?);
        for ((at, reason), times) in at.into_iter().zip(reasons).zip(times) {
            let hour = hours.entry(at.ok_or(Error::Answer("hour"))?).or_default();
            match reason.as_deref() {
                Some("repeated") => hour.repeats += times,
                reason => {
                    hour.refusals += times;
                    hour.errors += if reason.is_some_and(|reason| ERRORS.contains(&reason)) { times } else { 0 };
                }
            }
        }
        let sum = |count: fn(&Hour) -> u64| hours.values().map(count).sum::<u64>();
        Ok(Self {
            model_id: scope.model_id.clone(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            total_predictions: sum(|hour| hour.decisions),
            refusals: sum(|hour| hour.refusals),
            errors: sum(|hour| hour.errors),
            repeats: sum(|hour| hour.repeats),
            // What is to come is no gap, and says nothing of what is usual.
            gaps: gaps(&counts, scope.period.since, scope.period.until.min(Timestamp::now())),
            hours: hours.into_iter().map(|(at, hour)| Hour { hour: at.to_string(), ..hour }).collect(),
        })
    }
}

/// Which hours are alike: the time of day, and whether it is the weekend.
fn kind(hour: Timestamp) -> (bool, i8) {
    let at = hour.to_zoned(TimeZone::UTC);
    (matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday), at.hour())
}

/// The whole hours of the period without a decision where hours of their kind usually have some. What is before the first
/// decision of the period is no gap.
fn gaps(counts: &BTreeMap<Timestamp, u64>, since: Timestamp, until: Timestamp) -> Vec<Gap> {
    let Some((first, _)) = counts.first_key_value() else { return Vec::new() };
    let step = SignedDuration::from_hours(1);
    let ends_within = |hour: &Timestamp| hour.checked_add(step).is_ok_and(|end| end <= until);
    let begin = if *first < since { first.checked_add(step).ok() } else { Some(*first) };
    let hours: Vec<Timestamp> =
        std::iter::successors(begin, |hour| hour.checked_add(step).ok()).take_while(ends_within).collect();
    let count = |hour: &Timestamp| counts.get(hour).copied().unwrap_or(0);
    let mut by_kind: BTreeMap<(bool, i8), Vec<u64>> = BTreeMap::new();
    hours.iter().for_each(|hour| by_kind.entry(kind(*hour)).or_default().push(count(hour)));
    let usual: BTreeMap<(bool, i8), f64> = by_kind
        .into_iter()
        .filter(|(_, counts)| counts.len() >= HOURS_KNOWN_MIN)
        .map(|(kind, mut counts)| {
            counts.sort_unstable();
            let middle = counts.len() / 2;
            let median = match counts.len() % 2 {
                0 => (counts[middle - 1] + counts[middle]) as f64 / 2.0,
                _ => counts[middle] as f64,
            };
            (kind, median)
        })
        .collect();
    let gap = |hour: &Timestamp| {
        let usual = *usual.get(&kind(*hour))?;
        (count(hour) == 0 && usual >= USUAL_MIN).then(|| Gap { hour: hour.to_string(), usual })
    };
    hours.iter().filter_map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_an_empty_hour_where_others_are_not() {
        let start: Timestamp = "2026-11-02T00:00:00Z".parse().unwrap(); // a Monday
        let at = |hour: i64| start.checked_add(SignedDuration::from_hours(hour)).unwrap();
        // Two weeks, office hours of working days only; Wednesday at ten is missing.
        let is_open = |hour: &i64| hour / 24 % 7 < 5 && (8..18).contains(&(hour % 24)) && *hour != 2 * 24 + 10;
        let counts: BTreeMap<_, _> = (0..14 * 24).filter(is_open).map(|hour| (at(hour), 5)).collect();
        let found = gaps(&counts, start, at(14 * 24));
        assert_eq!(found, [Gap { hour: "2026-11-04T10:00:00Z".to_owned(), usual: 5.0 }]);
        assert_eq!(gaps(&BTreeMap::new(), start, at(48)), []);
        // The hour that is not over is no gap, and of two days nothing is known.
        assert_eq!(gaps(&BTreeMap::from([(at(0), 3)]), start, at(47)), []);
    }
}
