//! Differentially private answers: counts with noise, of at most so many decisions of each person.
//!
//! The unit is one person, by their subject; a decision without a user is a unit of its own. What is more than a person's
//! bound is left out, the same ones each time. Which days, buckets and groups there are is fixed by the question, never by
//! the data.

use crate::period::Period;
use crate::source::Error;
use onrecord_statistics::privacy::{self, Epsilon};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// Decisions of a person that count, if nothing is said.
pub const MAX_CONTRIBUTIONS_DEFAULT: u64 = 1;

/// More decisions of a person would need more noise than there are decisions.
const MAX_CONTRIBUTIONS_MAX: u64 = 1_000;

/// Days of a private report: each gets noise of its own.
const DAYS_MAX: i64 = 3_660;

/// How private an answer is asked to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Privacy {
    /// What the answer costs.
    pub epsilon: Epsilon,
    /// Decisions of a person that count.
    pub max_contributions: u64,
}

/// How private an answer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Guarantee {
    /// What the answer cost: ε of pure differential privacy.
    pub epsilon: f64,
    /// Decisions of a person that count; a person's others are left out.
    pub max_contributions: u64,
    /// Who is protected.
    pub unit: String,
}

impl Privacy {
    /// What was asked for.
    ///
    /// # Errors
    /// What is wrong with it, for whoever asked.
    pub fn new(epsilon: f64, max_contributions: Option<u64>) -> Result<Self, String> {
        let max_contributions = max_contributions.unwrap_or(MAX_CONTRIBUTIONS_DEFAULT);
        if max_contributions == 0 || max_contributions > MAX_CONTRIBUTIONS_MAX {
            return Err(format!("max_contributions must be from 1 to {MAX_CONTRIBUTIONS_MAX}"));
        }
        let epsilon = Epsilon::new(epsilon).map_err(|error| error.to_string())?;
        Ok(Self { epsilon, max_contributions })
    }

    /// What holds of the answer.
    pub(crate) fn guarantee(&self) -> Guarantee {
        Guarantee {
            epsilon: self.epsilon.value(),
            max_contributions: self.max_contributions,
            unit: "one person, by user_id; a decision without a user is one of its own".to_owned(),
        }
    }

    /// The rows of a query of one row a decision, at most so many of a person. The query must select `unit` and `place`, as
    /// [`UNIT`] does.
    pub(crate) fn bounded(&self, rows: &str) -> String {
        format!(
            "(SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY unit ORDER BY place) AS nth FROM ({rows}) AS given) \
             AS numbered WHERE nth <= {}) AS bounded",
            self.max_contributions
        )
    }

    /// Counts with noise, for one of `parts` questions that cost the same. One decision changes the counts by `weight` at
    /// most.
    pub(crate) fn noisy<E: std::error::Error>(
        &self,
        counts: &[u64],
        parts: u32,
        weight: u64,
    ) -> Result<Vec<i64>, Error<E>> {
        privacy::noisy(counts, self.epsilon.split(parts), self.max_contributions * weight)
            .map_err(|error| Error::Noise(error.to_string()))
    }
}

/// Who a decision is about, and the order in which a person's decisions count: by their event ids, which say nothing of
/// what was decided.
pub(crate) const UNIT: &str = "coalesce(user_id, decision_id) AS unit, event_id AS place";

/// The counts of the cells that are `wanted`, whatever was `found`: what was not found is none, so that which cells there are
/// says nothing.
pub(crate) fn cells<K: Eq + Hash>(wanted: &[K], found: &[K], counts: &[u64]) -> Vec<u64> {
    let counts: HashMap<&K, u64> = found.iter().zip(counts.iter().copied()).collect();
    wanted.iter().map(|cell| counts.get(cell).copied().unwrap_or(0)).collect()
}

/// A count that is shown: not less than none.
pub(crate) fn count(noisy: i64) -> u64 {
    u64::try_from(noisy).unwrap_or(0)
}

/// The days of UTC of a period, newest first.
///
/// # Errors
/// [`Error::Unfit`] if there are too many.
pub(crate) fn days<E: std::error::Error>(period: &Period) -> Result<Vec<String>, Error<E>> {
    if period.days() > DAYS_MAX {
        return Err(Error::Unfit(format!("with epsilon a period has at most {DAYS_MAX} days")));
    }
    let utc = jiff::tz::TimeZone::UTC;
    let first = period.since.to_zoned(utc.clone()).date();
    let last = jiff::Timestamp::from_microsecond(period.until.as_microsecond() - 1).unwrap_or(period.until);
    let last = last.to_zoned(utc).date();
    let days = std::iter::successors(Some(last), |day| day.yesterday().ok()).take_while(|day| *day >= first);
    Ok(days.map(|day| day.to_string()).collect())
}
