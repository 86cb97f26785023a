//! Overrides: how often people decided otherwise than the model, which of its versions they overrode, who did, why, and how
//! long it took until somebody looked.

use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use crate::spread::Spread;
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};

/// Rows of each list; the rest is counted.
const ROWS_MAX: usize = 100;

/// Reviews and overrides of a model's decisions, or of all models'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Overrides {
    /// The model; null for all of them.
    pub model_id: Option<String>,
    /// The days of the period, a part of one as a whole.
    pub period_days: i64,
    /// The first instant of the period (RFC 3339).
    pub since: String,
    /// The first instant after it (RFC 3339).
    pub until: String,
    /// Decisions of the period.
    pub total_predictions: u64,
    /// Those that a person reviewed, whenever that was.
    pub reviewed: u64,
    /// Those that a person overrode, by the latest review of each.
    pub overrides: u64,
    /// Overrides as a part of all decisions; null without decisions.
    pub override_rate: Option<f64>,
    /// Overrides as a part of the reviewed ones; null if none was reviewed.
    pub override_rate_of_reviewed: Option<f64>,
    /// How long it took from the decision to a review, of all reviews that are entries of their own.
    pub time_to_review: TimeToReview,
    /// By model and version, the most overrides first.
    pub by_version: Vec<ByVersion>,
    /// Decisions of versions that are not listed because there are too many.
    pub other_versions: u64,
    /// By reviewer, the most reviews first. One who reviewed a decision several times counts as often.
    pub by_reviewer: Vec<ByReviewer>,
    /// Reviews by reviewers who are not listed because there are too many.
    pub other_reviewers: u64,
    /// By the reason given, the most frequent first.
    pub by_reason: Vec<ByReason>,
    /// Overrides whose reason is not listed because there are too many.
    pub other_reasons: u64,
}

/// How long it took until somebody looked, in seconds, to three significant digits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TimeToReview {
    /// Reviews from the time of their decision on: those that the rest is of.
    pub count: u64,
    /// Reviews that are dated before their decision, and are not among the others.
    pub before_decision: u64,
    /// Within this time half of them came.
    pub p50_seconds: Option<f64>,
    /// Within this time 90 % of them came.
    pub p90_seconds: Option<f64>,
    /// Within this time 99 % of them came.
    pub p99_seconds: Option<f64>,
}

/// The decisions of one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ByVersion {
    /// The model.
    pub model_id: String,
    /// Its version.
    pub model_version: String,
    /// Decisions.
    pub total_predictions: u64,
    /// Those that a person reviewed.
    pub reviewed: u64,
    /// Those that a person overrode.
    pub overrides: u64,
    /// Overrides as a part of all decisions.
    pub override_rate: Option<f64>,
}

/// The reviews of one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ByReviewer {
    /// The reviewer's token; null for reviews that name nobody.
    pub reviewer: Option<String>,
    /// Reviews.
    pub reviews: u64,
    /// Those that overrode the decision.
    pub overrides: u64,
    /// Overrides as a part of the reviews.
    pub override_rate: Option<f64>,
}

/// The overrides with one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ByReason {
    /// The reason as it was given; null for none.
    pub override_reason: Option<String>,
    /// Overrides.
    pub overrides: u64,
}

impl Overrides {
    /// Asks for reviews and overrides.
    ///
    /// # Errors
    /// What the source says.
    pub async fn ask<S: Source + ?Sized>(source: &S, scope: &Scope) -> Result<Self, Error<S::Error>> {
        let totals = format!(
            "SELECT count(*) AS decisions, {REVIEWED} AS reviewed, \
             count(*) FILTER (WHERE overridden) AS overrides FROM ai_audit_logs WHERE {}",
            scope.sql()
        );
        let rows = Rows::of(source, totals).await?;
        let (decisions, reviewed, overrides) =
            (rows.count("decisions")?, rows.count("reviewed")?, rows.count("overrides")?);
        let by_reason = by_reason(source, scope).await?;
        let listed: u64 = by_reason.iter().map(|reason| reason.overrides).sum();
        let reviews = reviews(scope);
        let times =
            Spread::ask(source, "extract(epoch FROM r.timestamp - decided_at)::double precision", &reviews).await?;
        let counted = format!(
            "SELECT count(*) AS reviews, count(*) FILTER (WHERE r.timestamp < decided_at) AS early FROM {reviews}"
        );
        let rows = Rows::of(source, counted).await?;
        let (all_reviews, before_decision) = (rows.count("reviews")?, rows.count("early")?);
        let (by_version, by_reviewer) = (by_version(source, scope).await?, by_reviewer(source, &reviews).await?);
        let listed_decisions: u64 = by_version.iter().map(|version| version.total_predictions).sum();
        let listed_reviews: u64 = by_reviewer.iter().map(|reviewer| reviewer.reviews).sum();
        Ok(Self {
            model_id: scope.model_id.clone(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            total_predictions: decisions,
            reviewed,
            overrides,
            override_rate: ratio(overrides as f64, decisions as f64),
            override_rate_of_reviewed: ratio(overrides as f64, reviewed as f64),
            time_to_review: TimeToReview {
                count: times.count(),
                before_decision,
                p50_seconds: times.percentile(50),
                p90_seconds: times.percentile(90),
                p99_seconds: times.percentile(99),
            },
            by_version,
            other_versions: decisions.saturating_sub(listed_decisions),
            by_reviewer,
            other_reviewers: all_reviews.saturating_sub(listed_reviews),
            by_reason,
            other_reasons: overrides.saturating_sub(listed),
        })
    }
}

/// Decisions that a person reviewed: whoever overrode one has looked at it.
const REVIEWED: &str = "count(*) FILTER (WHERE human_reviewed OR overridden)";

/// Every review of a decision, as `r`, with the time `decided_at`, as it follows FROM.
fn reviews(scope: &Scope) -> String {
    format!(
        "reviews AS r JOIN (SELECT leaf_index AS decided_leaf, timestamp AS decided_at FROM ai_audit_logs WHERE {}) AS d \
         ON r.decision_leaf = decided_leaf",
        scope.sql()
    )
}

async fn by_version<S: Source + ?Sized>(source: &S, scope: &Scope) -> Result<Vec<ByVersion>, Error<S::Error>> {
    let sql = format!(
        "SELECT model_id, model_version, count(*) AS decisions, {REVIEWED} AS reviewed, \
         count(*) FILTER (WHERE overridden) AS overrides FROM ai_audit_logs WHERE {} \
         GROUP BY model_id, model_version ORDER BY overrides DESC, decisions DESC, model_id, model_version LIMIT {ROWS_MAX}",
        scope.sql()
    );
    let rows = Rows::of(source, sql).await?;
    let (models, versions) = (rows.texts("model_id")?, rows.texts("model_version")?);
    let (decisions, reviewed, overrides) =
        (rows.counts("decisions")?, rows.counts("reviewed")?, rows.counts("overrides")?);
    let row = |at: usize| ByVersion {
        model_id: models[at].clone().unwrap_or_default(),
        model_version: versions[at].clone().unwrap_or_default(),
        total_predictions: decisions[at],
        reviewed: reviewed[at],
        overrides: overrides[at],
        override_rate: ratio(overrides[at] as f64, decisions[at] as f64),
    };
    Ok((0..rows.len()).map(row).collect())
}

async fn by_reviewer<S: Source + ?Sized>(source: &S, of: &str) -> Result<Vec<ByReviewer>, Error<S::Error>> {
    let sql = format!(
        "SELECT r.reviewer AS reviewer, count(*) AS reviews, count(*) FILTER (WHERE r.overridden) AS overrides \
         FROM {of} GROUP BY r.reviewer ORDER BY reviews DESC, reviewer LIMIT {ROWS_MAX}"
    );
    let rows = Rows::of(source, sql).await?;
    let (reviewers, reviews, overrides) = (rows.texts("reviewer")?, rows.counts("reviews")?, rows.counts("overrides")?);
    let row = |at: usize| ByReviewer {
        reviewer: reviewers[at].clone(),
        reviews: reviews[at],
        overrides: overrides[at],
        override_rate: ratio(overrides[at] as f64, reviews[at] as f64),
    };
    Ok((0..rows.len()).map(row).collect())
}

async fn by_reason<S: Source + ?Sized>(source: &S, scope: &Scope) -> Result<Vec<ByReason>, Error<S::Error>> {
    let sql = format!(
        "SELECT override_reason, count(*) AS overrides FROM ai_audit_logs WHERE overridden AND {} \
         GROUP BY override_reason ORDER BY overrides DESC, override_reason LIMIT {ROWS_MAX}",
        scope.sql()
    );
    let rows = Rows::of(source, sql).await?;
    let (reasons, overrides) = (rows.texts("override_reason")?, rows.counts("overrides")?);
    let row = |at: usize| ByReason { override_reason: reasons[at].clone(), overrides: overrides[at] };
    Ok((0..rows.len()).map(row).collect())
}
