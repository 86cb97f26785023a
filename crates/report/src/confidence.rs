//! Confidence: how sure a model says it is, how often people overrode it all the same, and, where outcomes are known, whether
//! it is as sure as it should be.

use crate::binary::{Binary, ProbabilityOf};
use crate::bins;
use crate::private::{self, Guarantee, Privacy, UNIT};
use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use onrecord_statistics::calibration::{self, Bin, Brier, Reliability};
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};

/// The buckets of confidence, as the edges of ten.
const BUCKETS: u32 = 10;

/// Bins of calibration, if nothing is said.
pub const BINS_DEFAULT: u32 = 10;

/// More bins tell nothing.
pub const BINS_MAX: u32 = 100;

/// How sure a model was in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Confidence {
    /// The model.
    pub model_id: String,
    /// The days of the period, a part of one as a whole.
    pub period_days: i64,
    /// The first instant of the period (RFC 3339).
    pub since: String,
    /// The first instant after it (RFC 3339).
    pub until: String,
    /// Decisions in all.
    pub total_predictions: u64,
    /// Those among them that have a probability from 0 to 1.
    pub with_probability: u64,
    /// The buckets of a tenth that have decisions.
    pub buckets: Vec<Bucket>,
    /// Where the probability is.
    pub probability: String,
    /// What it is of.
    pub probability_of: ProbabilityOf,
    /// Which prediction counts as positive.
    pub positive: Option<String>,
    /// Which outcome does.
    pub outcome: Option<String>,
    /// Decisions with a probability, whose outcome is known: those that the rest is of.
    pub n_outcome: u64,
    /// The Brier score: the mean squared difference of probability and outcome. Null without outcomes.
    pub brier: Option<f64>,
    /// What the Brier score is made of, in the bins of equal width.
    pub brier_decomposition: Option<Brier>,
    /// The expected calibration error.
    pub ece: Option<Ece>,
    /// The reliability diagram, in bins of equal width.
    pub reliability: Vec<Reliability>,
    /// What was asked for and is nowhere in the period: most likely it is spelt otherwise.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// How private the figures are; absent if they are exact. Private figures are noisy, and there are all ten buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Guarantee>,
}

/// One bucket of confidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bucket {
    /// Its lower edge; it ends before the next tenth, the last one with 1.
    pub confidence_bucket: f64,
    /// Decisions in it.
    pub count: u64,
    /// The part of them that a person overrode.
    pub override_rate: f64,
    /// Whether confidence and agreement differ by more than a fifth: `|confidence_bucket − (1 − override_rate)| > 0.2`.
    pub calibration_warning: bool,
}

/// The expected calibration error: the mean distance of probability and what came, weighted by the bins' counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ece {
    /// How many bins there are, of equal mass at most.
    pub bins: u32,
    /// In bins of the same width.
    pub equal_width: f64,
    /// In bins that hold about the same number of decisions: their edges are the quantiles (linear, as numpy's).
    pub equal_mass: f64,
}

impl Bucket {
    /// Of the bucket `at`, which has `count` decisions.
    fn new(at: u32, count: u64, overrides: u64) -> Self {
        // In whole numbers, so that a difference of exactly a fifth is no warning.
        let (n, agreed) = (i128::from(count), i128::from(count - overrides.min(count)));
        let tenths = i128::from(BUCKETS);
        let calibration_warning = (i128::from(at) * n - tenths * agreed).abs() > 2 * n;
        Self {
            confidence_bucket: f64::from(at) / f64::from(BUCKETS),
            count,
            override_rate: ratio(overrides as f64, count as f64).unwrap_or(0.0),
            calibration_warning,
        }
    }
}

impl Confidence {
    /// Asks how sure a model was. `bins` are those of calibration.
    ///
    /// # Errors
    /// [`Error::Unfit`] if an outcome is named and no positive prediction, which it would be compared with; what the source
    /// says.
    pub async fn ask<S: Source + ?Sized>(
        source: &S,
        scope: &Scope,
        binary: &Binary,
        bins: u32,
    ) -> Result<Self, Error<S::Error>> {
        if bins == 0 || bins > BINS_MAX {
            return Err(Error::Unfit(format!("bins must be from 1 to {BINS_MAX}")));
        }
        let is_compared = binary.outcome.is_some() && binary.probability_of == ProbabilityOf::Prediction;
        if is_compared && binary.positive.is_none() {
            return Err(Error::Unfit(
                "to compare outcomes with predictions, say which prediction counts as positive \
                 (positive), or that the probability is of the positive one (probability_of)"
                    .to_owned(),
            ));
        }
        let rows = binary.rows_sql(scope, &[]);
        let (total_predictions, buckets) = buckets(source, &rows).await?;
        let warnings = match binary.positive.is_some() || binary.outcome.is_some() {
            true => warnings(source, binary, &rows).await?,
            false => Vec::new(),
        };
        let edges = calibration::edges_equal_width(bins);
        let (mut wide, mut mass) = (Vec::new(), Vec::new());
        if binary.outcome.is_some() {
            wide = counted(source, &rows, &edges).await?;
            if wide.iter().any(|bin| bin.count > 0) {
                let quantiles = quantiles(source, &rows, bins).await?;
                mass = counted(source, &rows, &calibration::edges_equal_mass(&quantiles)).await?;
            }
        }
        let errors = calibration::expected_calibration_error(&wide).zip(calibration::expected_calibration_error(&mass));
        let brier = calibration::brier(&wide);
        Ok(Self {
            model_id: scope.model(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            total_predictions,
            with_probability: buckets.iter().map(|bucket| bucket.count).sum(),
            buckets,
            probability: binary.probability.to_string(),
            probability_of: binary.probability_of,
            positive: binary.positive.as_ref().map(ToString::to_string),
            outcome: binary.outcome.as_ref().map(ToString::to_string),
            n_outcome: wide.iter().map(|bin| bin.count).sum(),
            brier: brier.map(|brier| brier.score),
            brier_decomposition: brier,
            ece: errors.map(|(equal_width, equal_mass)| Ece { bins, equal_width, equal_mass }),
            reliability: if brier.is_some() { calibration::reliability(&wide) } else { Vec::new() },
            warnings,
            privacy: None,
        })
    }

    /// The buckets with noise.
    ///
    /// # Errors
    /// [`Error::Unfit`] if outcomes are asked for too; [`Error::Noise`]; what the source says.
    pub async fn ask_private<S: Source + ?Sized>(
        source: &S,
        scope: &Scope,
        binary: &Binary,
        privacy: &Privacy,
    ) -> Result<Self, Error<S::Error>> {
        if binary.outcome.is_some() {
            return Err(Error::Unfit("with epsilon there are buckets only: leave out the outcome".to_owned()));
        }
        let rows = privacy.bounded(&binary.rows_sql(scope, &[UNIT.to_owned()]));
        let bin = bins::sql("probability", &calibration::edges_equal_width(BUCKETS));
        let sql = format!(
            "SELECT coalesce({bin}, {BUCKETS}) AS bin, count(*) AS decisions, \
             count(*) FILTER (WHERE overridden) AS overrides FROM {rows} GROUP BY bin"
        );
        let rows = Rows::of(source, sql).await?;
        let found = rows.integers("bin")?;
        // The last cell is of decisions without a probability.
        let wanted: Vec<Option<i64>> = (0..=i64::from(BUCKETS)).map(Some).collect();
        let noisy = |name| privacy.noisy(&private::cells(&wanted, &found, &rows.counts(name)?), 2, 1);
        let (decisions, overrides) = (noisy("decisions")?, noisy("overrides")?);
        let bucket = |at: u32| {
            let (decisions, overrides) = (decisions[at as usize], overrides[at as usize]);
            Bucket::new(at, private::count(decisions), private::count(overrides.min(decisions)))
        };
        Ok(Self {
            model_id: scope.model(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            total_predictions: private::count(decisions.iter().sum()),
            with_probability: private::count(decisions[..BUCKETS as usize].iter().sum()),
            buckets: (0..BUCKETS).map(bucket).collect(),
            probability: binary.probability.to_string(),
            probability_of: binary.probability_of,
            positive: binary.positive.as_ref().map(ToString::to_string),
            outcome: None,
            n_outcome: 0,
            brier: None,
            brier_decomposition: None,
            ece: None,
            reliability: Vec::new(),
            warnings: Vec::new(),
            privacy: Some(privacy.guarantee()),
        })
    }
}

/// All decisions, and the buckets of those that have a probability.
async fn buckets<S: Source + ?Sized>(source: &S, rows: &str) -> Result<(u64, Vec<Bucket>), Error<S::Error>> {
    let bin = bins::sql("probability", &calibration::edges_equal_width(BUCKETS));
    let sql = format!(
        "SELECT {bin} AS bin, count(*) AS decisions, count(*) FILTER (WHERE overridden) AS overrides \
         FROM ({rows}) AS judged GROUP BY bin ORDER BY bin"
    );
    let rows = Rows::of(source, sql).await?;
    let (at, decisions, overrides) = (rows.integers("bin")?, rows.counts("decisions")?, rows.counts("overrides")?);
    let bucket = |row: usize| {
        let at = u32::try_from(at[row]?).ok()?;
        Some(Bucket::new(at, decisions[row], overrides[row]))
    };
    Ok((decisions.iter().sum(), (0..rows.len()).filter_map(bucket).collect()))
}

/// Whether what counts as positive is there at all.
async fn warnings<S: Source + ?Sized>(source: &S, binary: &Binary, rows: &str) -> Result<Vec<String>, Error<S::Error>> {
    let sql = format!(
        "SELECT count(*) AS decisions, count(*) FILTER (WHERE positive) AS positives, count(*) FILTER (WHERE came) AS came \
         FROM ({rows}) AS judged"
    );
    let rows = Rows::of(source, sql).await?;
    match rows.count("decisions")? {
        0 => Ok(Vec::new()),
        _ => Ok(binary.warnings(rows.count("positives")?, rows.count("came")?)),
    }
}

/// What calibration needs of each bin.
async fn counted<S: Source + ?Sized>(source: &S, rows: &str, edges: &[f64]) -> Result<Vec<Bin>, Error<S::Error>> {
    let sql = format!(
        "SELECT {} AS bin, count(*) AS n, sum(probability) AS p, sum(probability * probability) AS pp, \
         count(*) FILTER (WHERE hit) AS hits, sum(CASE WHEN hit THEN probability ELSE 0 END) AS ph \
         FROM ({rows}) AS judged WHERE hit IS NOT NULL AND probability IS NOT NULL GROUP BY bin",
        bins::sql("probability", edges)
    );
    let rows = Rows::of(source, sql).await?;
    let (at, count, hits) = (rows.integers("bin")?, rows.counts("n")?, rows.counts("hits")?);
    let (sum, squares, of_hits) = (rows.numbers("p")?, rows.numbers("pp")?, rows.numbers("ph")?);
    let mut bins: Vec<Bin> =
        edges.windows(2).map(|edge| Bin { low: edge[0], high: edge[1], ..Bin::default() }).collect();
    for row in 0..rows.len() {
        let at = at[row].and_then(|at| usize::try_from(at).ok()).ok_or(Error::Answer("bin"))?;
        let bin = bins.get_mut(at).ok_or(Error::Answer("bin"))?;
        *bin = Bin {
            count: count[row],
            probability_sum: sum[row].unwrap_or_default(),
            probability_square_sum: squares[row].unwrap_or_default(),
            outcomes: hits[row],
            probability_outcome_sum: of_hits[row].unwrap_or_default(),
            ..*bin
        };
    }
    Ok(bins)
}

/// The quantiles that part the probabilities into so many parts, ends included.
async fn quantiles<S: Source + ?Sized>(source: &S, rows: &str, parts: u32) -> Result<Vec<f64>, Error<S::Error>> {
    let fractions: Vec<String> = (0..=parts).map(|at| format!("{:?}", f64::from(at) / f64::from(parts))).collect();
    let sql = format!(
        "SELECT unnest(percentile_cont(ARRAY[{}]) WITHIN GROUP (ORDER BY probability)) AS quantile \
         FROM ({rows}) AS judged WHERE hit IS NOT NULL AND probability IS NOT NULL",
        fractions.join(", ")
    );
    let rows = Rows::of(source, sql).await?;
    Ok(rows.numbers("quantile")?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_more_than_a_fifth() {
        let warns = |at, count, overrides| Bucket::new(at, count, overrides).calibration_warning;
        assert!(!warns(9, 10, 3), "0.9 and 0.7: exactly a fifth");
        assert!(warns(9, 100, 31));
        assert!(!warns(7, 10, 5) && warns(7, 100, 51), "0.7 and 0.5");
        assert!(warns(0, 1, 0) && !warns(0, 1, 1));
        assert_eq!(Bucket::new(3, 4, 1).confidence_bucket, 0.3);
    }
}
