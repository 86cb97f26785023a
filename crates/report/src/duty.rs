//! Duties: what a law asks of the record, and how far the record answers it, model by model.
//!
//! A measurement, not legal advice: where a law gives a number the report says whether it is met, elsewhere it gives the
//! figure. Fields are complete where they are neither null nor empty.

use crate::fairness::{Fairness, Grouping};
use crate::law::{Duty, Law, Measure, RETENTION_POLICY_DEFAULT};
use crate::path::{Condition, Path};
use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use crate::{Binary, ProbabilityOf};
use jiff::Timestamp;
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Models that are listed; the rest is counted.
const MODELS_MAX: usize = 100;

/// Fields that one law may ask for: the columns of the query that counts them.
const FIELD_COLUMNS: [&str; 12] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"];
#[cfg(test)]
pub(crate) const FIELDS_MAX: usize = FIELD_COLUMNS.len();

/// A category of less than this part may be left out of a bias audit (6 RCNY § 5-301(d)).
const SMALL_CATEGORY: f64 = 0.02;

/// A pause of less than this is no gap: decisions are looked at by the hour.
const GAP_SECONDS_MIN: i64 = 3_600;

/// What a law asks of the decisions of a model, or of all models, and what answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Duties {
    /// The name of the report.
    pub regulation: String,
    /// What the law is called.
    pub title: String,
    /// Where it stands.
    pub law: String,
    /// Its text.
    pub source: String,
    /// How to read the report.
    pub notes: Vec<String>,
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
    /// Which prediction is adverse, where that matters.
    pub adverse: Option<String>,
    /// By model, the most decisions first.
    pub models: Vec<ModelDuties>,
    /// Models that are not listed because there are too many.
    pub other_models: u64,
    /// Selection rates by category, where they are asked for.
    pub categories: Vec<Category>,
}

/// What answers the duties for one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelDuties {
    /// The model.
    pub model_id: String,
    /// Its decisions of the period.
    pub total_predictions: u64,
    /// What was found, in the order of the law's articles.
    pub findings: Vec<Finding>,
}

/// What was found about one duty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// Which article asks.
    pub article: String,
    /// What it asks.
    pub asks: String,
    /// What is measured: a field of decisions, or what the figures count.
    pub measure: String,
    /// How many there are.
    pub count: Option<u64>,
    /// Of how many.
    pub of: Option<u64>,
    /// Their part, from 0 to 1; null of none.
    pub share: Option<f64>,
    /// What is no count: times, days.
    pub value: Option<String>,
    /// Whether that is what is asked for; null where the law gives no measure.
    pub met: Option<bool>,
}

/// The selection rate of one category of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Category {
    /// By what the categories are made.
    pub group_by: String,
    /// The category.
    pub category: String,
    /// People, or decisions about them; null if suppressed.
    pub n: Option<u64>,
    /// Those selected.
    pub selected: Option<u64>,
    /// Their part.
    pub selection_rate: Option<f64>,
    /// The selection rate as a part of that of the category selected most.
    pub impact_ratio: Option<f64>,
    /// Whether it is less than 2 % of all: an auditor may leave it out.
    pub is_small: Option<bool>,
    /// Whether it is too small to be shown.
    pub suppressed: bool,
}

/// What a law needs to be told beside the decisions.
pub struct Circumstances<'a> {
    /// The days that decisions of a retention policy are kept, by its name.
    pub retention_days: &'a (dyn Fn(&str) -> Option<u32> + Send + Sync),
    /// Which prediction is adverse.
    pub adverse: Option<Condition>,
    /// Which prediction selects somebody.
    pub selected: Option<Condition>,
    /// The categories of people: one path, or two that are crossed too.
    pub categories: Vec<Path>,
    /// The least category that is shown.
    pub min_group: u64,
}

/// The figures of one model.
#[derive(Default)]
struct Figures {
    decisions: u64,
    reviewed: u64,
    overridden: u64,
    overridden_with_reason: u64,
    explained: u64,
    adverse: u64,
    adverse_with_reasons: u64,
    adverse_with_reasoning: u64,
    fields: Vec<u64>,
    /// The first and the last decision, of all times.
    lifetime: Option<(Timestamp, Timestamp)>,
    /// The longest time without a decision, in seconds, and when it began.
    gap: Option<(i64, Timestamp)>,
    retention: Vec<Retention>,
}

/// Decisions of one retention policy.
struct Retention {
    policy: String,
    decisions: u64,
    /// Those which themselves ask to be kept at least as long as the law asks.
    long_enough: u64,
}

/// Readings of the period.
#[derive(Default)]
struct Readings {
    count: u64,
    with_purpose: u64,
}

impl Duties {
    /// Asks how far the record answers what a law asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that is no report's; [`Error::Unfit`] if the law needs to be told more; what the
    /// source says.
    pub async fn ask<S: Source + ?Sized>(
        source: &S,
        regulation: &str,
        scope: &Scope,
        of: &Circumstances<'_>,
    ) -> Result<Self, Error<S::Error>> {
        let law = Law::named(regulation).ok_or(Error::NotFound("there is no such report"))?;
        let unfit = |text: &str| Err(Error::Unfit(text.to_owned()));
        if law.asks(Measure::AdverseWithReasons) && of.adverse.is_none() {
            return unfit("say which prediction is adverse (adverse), as prediction.approved=false");
        }
        if law.asks(Measure::ImpactRatio) && (of.selected.is_none() || of.categories.is_empty()) {
            return unfit("say which prediction selects somebody (positive), and by what categories are made (group)");
        }
        let mut figures = figures(source, &law, scope, of).await?;
        let other_models = figures.len().saturating_sub(MODELS_MAX) as u64;
        let total_predictions = figures.iter().map(|(_, figures)| figures.decisions).sum();
        figures.truncate(MODELS_MAX);
        let (readings, categories) = (readings(source, &law, scope).await?, categories(source, &law, scope, of).await?);
        let model = |(model_id, figures): (String, Figures)| ModelDuties {
            model_id,
            total_predictions: figures.decisions,
            findings: findings(&law, &figures, &readings, &categories, of),
        };
        Ok(Self {
            regulation: regulation.to_owned(),
            model_id: scope.model_id.clone(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            total_predictions,
            adverse: of.adverse.as_ref().map(ToString::to_string),
            models: figures.into_iter().map(model).collect(),
            other_models,
            categories,
            title: law.title,
            law: law.law,
            source: law.source,
            notes: law.notes,
        })
    }
}

/// The SQL condition that a decision has a field, and that it is not empty.
fn is_given(field: &Path) -> String {
    if field.is_document() {
        let document = field.json_sql();
        return format!("{document} <> '{{}}' AND {document} <> '[]' AND {document} <> '\"\"'");
    }
    match field.is_in_document() {
        true => format!("{} NOT IN ('', '{{}}', '[]')", field.text_sql()),
        false => format!("{} IS NOT NULL", field.text_sql()),
    }
}

/// The figures of all models, the most decisions first.
async fn figures<S: Source + ?Sized>(
    source: &S,
    law: &Law,
    scope: &Scope,
    of: &Circumstances<'_>,
) -> Result<Vec<(String, Figures)>, Error<S::Error>> {
    let fields = law.fields();
    let adverse = of.adverse.as_ref().filter(|_| law.asks(Measure::AdverseWithReasons)).map(Condition::sql);
    let (reasoning, features) =
        ("explanation->>'reasoning' NOT IN ('')", "explanation->>'top_features' NOT IN ('', '[]')");
    let mut columns = vec![
        "count(*) AS decisions".to_owned(),
        "count(*) FILTER (WHERE human_reviewed) AS reviewed".to_owned(),
        "count(*) FILTER (WHERE overridden) AS overridden".to_owned(),
        "count(*) FILTER (WHERE overridden AND override_reason <> '') AS overridden_with_reason".to_owned(),
    ];
    if law.asks(Measure::Explained) {
        columns.push(format!("count(*) FILTER (WHERE {reasoning} OR {features}) AS explained"));
    }
    if let Some(adverse) = &adverse {
        columns.push(format!("count(*) FILTER (WHERE {adverse}) AS adverse"));
        columns
            .push(format!("count(*) FILTER (WHERE {adverse} AND ({reasoning} OR {features})) AS adverse_with_reasons"));
        columns.push(format!("count(*) FILTER (WHERE {adverse} AND {reasoning}) AS adverse_with_reasoning"));
    }
    let named = fields.iter().zip(FIELD_COLUMNS);
    columns.extend(named.map(|(field, name)| format!("count(*) FILTER (WHERE {}) AS {name}", is_given(field))));
    let sql = format!(
        "SELECT model_id, {} FROM ai_audit_logs WHERE {} GROUP BY model_id ORDER BY decisions DESC, model_id",
        columns.join(", "),
        scope.sql()
    );
    let rows = Rows::of(source, sql).await?;
    let (models, decisions, reviewed) = (rows.texts("model_id")?, rows.counts("decisions")?, rows.counts("reviewed")?);
    let (overridden, reasoned) = (rows.counts("overridden")?, rows.counts("overridden_with_reason")?);
    let counts = |name, is_asked| if is_asked { rows.counts(name) } else { Ok(vec![0; rows.len()]) };
    let explained = counts("explained", law.asks(Measure::Explained))?;
    let (adverse_all, reasons) =
        (counts("adverse", adverse.is_some())?, counts("adverse_with_reasons", adverse.is_some())?);
    let reasonings = counts("adverse_with_reasoning", adverse.is_some())?;
    let by_field: Vec<Vec<u64>> =
        FIELD_COLUMNS.iter().take(fields.len()).map(|name| rows.counts(name)).collect::<Result<_, _>>()?;
    let mut lifetimes = if law.asks(Measure::Lifetime) { lifetimes(source, scope).await? } else { BTreeMap::new() };
    let mut gaps = if law.asks(Measure::LongestGap) { gaps(source, scope).await? } else { BTreeMap::new() };
    let mut retention = retention(source, law, scope).await?;
    let model = |at: usize| {
        let model_id = models[at].clone().unwrap_or_default();
        let figures = Figures {
            decisions: decisions[at],
            reviewed: reviewed[at],
            overridden: overridden[at],
            overridden_with_reason: reasoned[at],
            explained: explained[at],
            adverse: adverse_all[at],
            adverse_with_reasons: reasons[at],
            adverse_with_reasoning: reasonings[at],
            fields: by_field.iter().map(|counts| counts[at]).collect(),
            lifetime: lifetimes.remove(&model_id),
            gap: gaps.remove(&model_id),
            retention: retention.remove(&model_id).unwrap_or_default(),
        };
        (model_id, figures)
    };
    Ok((0..rows.len()).map(model).collect())
}

/// The first and the last decision of each model before the end of the period, whenever the period begins.
async fn lifetimes<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
) -> Result<BTreeMap<String, (Timestamp, Timestamp)>, Error<S::Error>> {
    let sql = format!(
        "SELECT model_id, min(timestamp) AS first, max(timestamp) AS last FROM ai_audit_logs \
         WHERE {} timestamp < TIMESTAMPTZ '{}' GROUP BY model_id",
        scope.model_id.as_ref().map(|id| format!("model_id = {} AND", crate::sql::text(id))).unwrap_or_default(),
        scope.until()
    );
    let rows = Rows::of(source, sql).await?;
    let (models, first, last) = (rows.texts("model_id")?, rows.timestamps("first")?, rows.timestamps("last")?);
    let lifetime = |at: usize| Some((models[at].clone()?, (first[at]?, last[at]?)));
    Ok((0..rows.len()).filter_map(lifetime).collect())
}

/// The longest time without a decision of each model, between the first and the last of the period. Every gap of an hour or
/// more lies between the last decision of one hour and the first of a later one, so that hours are enough to find it.
async fn gaps<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
) -> Result<BTreeMap<String, (i64, Timestamp)>, Error<S::Error>> {
    let sql = format!(
        "WITH hours AS (SELECT model_id, date_trunc('hour', timestamp) AS hour, min(timestamp) AS first, \
         max(timestamp) AS last FROM ai_audit_logs WHERE {} GROUP BY model_id, date_trunc('hour', timestamp)), \
         pauses AS (SELECT model_id, lag(last) OVER (PARTITION BY model_id ORDER BY hour) AS begins, first AS ends FROM hours), \
         ranked AS (SELECT model_id, begins, ends, row_number() OVER (PARTITION BY model_id \
         ORDER BY extract(epoch FROM ends) - extract(epoch FROM begins) DESC, begins) AS place \
         FROM pauses WHERE begins IS NOT NULL) \
         SELECT model_id, begins, ends FROM ranked WHERE place = 1",
        scope.sql()
    );
    let rows = Rows::of(source, sql).await?;
    let (models, begins, ends) = (rows.texts("model_id")?, rows.timestamps("begins")?, rows.timestamps("ends")?);
    let gap = |at: usize| {
        let seconds = ends[at]?.as_second() - begins[at]?.as_second();
        Some((models[at].clone()?, (seconds, begins[at]?)))
    };
    Ok((0..rows.len()).filter_map(gap).filter(|(_, (seconds, _))| *seconds >= GAP_SECONDS_MIN).collect())
}

/// The decisions of each model by retention policy.
async fn retention<S: Source + ?Sized>(
    source: &S,
    law: &Law,
    scope: &Scope,
) -> Result<BTreeMap<String, Vec<Retention>>, Error<S::Error>> {
    if !law.asks(Measure::Retention) {
        return Ok(BTreeMap::new());
    }
    let days_min = law.duties.iter().find_map(|duty| duty.days_min).unwrap_or(0);
    let sql = format!(
        "SELECT model_id, coalesce(data_retention_policy, '{RETENTION_POLICY_DEFAULT}') AS policy, count(*) AS decisions, \
         count(*) FILTER (WHERE data_retention_days >= {days_min}) AS long_enough FROM ai_audit_logs WHERE {} \
         GROUP BY model_id, coalesce(data_retention_policy, '{RETENTION_POLICY_DEFAULT}') ORDER BY model_id, policy",
        scope.sql()
    );
    let rows = Rows::of(source, sql).await?;
    let (models, policies) = (rows.texts("model_id")?, rows.texts("policy")?);
    let (decisions, long_enough) = (rows.counts("decisions")?, rows.counts("long_enough")?);
    let mut found: BTreeMap<String, Vec<Retention>> = BTreeMap::new();
    for at in 0..rows.len() {
        let (model_id, policy) = (models[at].clone().unwrap_or_default(), policies[at].clone().unwrap_or_default());
        let of_policy = Retention { policy, decisions: decisions[at], long_enough: long_enough[at] };
        found.entry(model_id).or_default().push(of_policy);
    }
    Ok(found)
}

async fn readings<S: Source + ?Sized>(source: &S, law: &Law, scope: &Scope) -> Result<Readings, Error<S::Error>> {
    if !law.asks(Measure::Readings) {
        return Ok(Readings::default());
    }
    let sql = format!(
        "SELECT count(*) AS readings, count(*) FILTER (WHERE purpose <> '') AS with_purpose FROM accesses \
         WHERE recorded_at >= TIMESTAMPTZ '{}' AND recorded_at < TIMESTAMPTZ '{}'",
        scope.since(),
        scope.until()
    );
    let rows = Rows::of(source, sql).await?;
    Ok(Readings { count: rows.count("readings")?, with_purpose: rows.count("with_purpose")? })
}

/// Selection rates by each path, and by both crossed.
async fn categories<S: Source + ?Sized>(
    source: &S,
    law: &Law,
    scope: &Scope,
    of: &Circumstances<'_>,
) -> Result<Vec<Category>, Error<S::Error>> {
    if !law.asks(Measure::ImpactRatio) {
        return Ok(Vec::new());
    }
    let probability = "confidence".parse().map_err(|_| Error::Answer("confidence"))?;
    let binary =
        Binary { positive: of.selected.clone(), outcome: None, probability, probability_of: ProbabilityOf::Prediction };
    let mut ways: Vec<Vec<Path>> = of.categories.iter().map(|path| vec![path.clone()]).collect();
    if of.categories.len() > 1 {
        ways.push(of.categories.clone());
    }
    let mut categories = Vec::new();
    for by in ways {
        let grouping = Grouping { by, bins: None, min_group: of.min_group, reference: Vec::new() };
        let fairness = Fairness::ask(source, scope, &binary, &grouping).await?;
        let (group_by, total) = (fairness.group_by.join(" × "), fairness.total.n);
        categories.extend(fairness.groups.into_iter().map(|group| Category {
            group_by: group_by.clone(),
            category: group.group.to_string(),
            n: group.measure.n,
            selected: group.measure.k,
            selection_rate: group.measure.rate,
            impact_ratio: group.measure.ratio,
            is_small: group.measure.n.map(|n| (n as f64) < SMALL_CATEGORY * total as f64),
            suppressed: group.measure.suppressed,
        }));
    }
    Ok(categories)
}

/// What was found, duty by duty.
fn findings(
    law: &Law,
    figures: &Figures,
    readings: &Readings,
    categories: &[Category],
    of: &Circumstances<'_>,
) -> Vec<Finding> {
    let fields = law.fields();
    let mut found = Vec::new();
    for duty in &law.duties {
        for field in &duty.fields {
            let at = fields.iter().position(|known| known.to_string() == *field);
            let count = at.and_then(|at| figures.fields.get(at)).copied().unwrap_or(0);
            found.push(Finding::complete(duty, field, count, figures.decisions));
        }
        match duty.measure {
            None => {}
            Some(Measure::Retention) => found.extend(
                figures
                    .retention
                    .iter()
                    .map(|of_policy| Finding::of_retention(duty, of_policy, (of.retention_days)(&of_policy.policy))),
            ),
            Some(measure) => found.push(measured(duty, measure, figures, readings, categories)),
        }
    }
    found
}

fn measured(duty: &Duty, measure: Measure, figures: &Figures, readings: &Readings, categories: &[Category]) -> Finding {
    let part = |name: &str, count: u64, of: u64| Finding {
        count: Some(count),
        of: Some(of),
        share: ratio(count as f64, of as f64),
        ..Finding::new(duty, name)
    };
    let value = |name: &str, value: String| Finding { value: Some(value), ..Finding::new(duty, name) };
    match measure {
        Measure::Lifetime => {
            let told = figures.lifetime.map(|(first, last)| format!("{first} to {last}"));
            value("lifetime", told.unwrap_or_else(|| "no decision".to_owned()))
        }
        Measure::LongestGap => {
            let told = figures.gap.map(|(seconds, begins)| format!("{} from {begins}", duration(seconds)));
            value("longest gap", told.unwrap_or_else(|| "less than an hour".to_owned()))
        }
        Measure::Explained => part("reasons or top features", figures.explained, figures.decisions),
        Measure::Reviewed => part("reviewed", figures.reviewed, figures.decisions),
        Measure::Overridden => part("overridden", figures.overridden, figures.decisions),
        Measure::OverriddenWithReason => {
            Finding::complete(duty, "overridden with a reason", figures.overridden_with_reason, figures.overridden)
        }
        Measure::Readings => Finding { count: Some(readings.count), ..Finding::new(duty, "readings") },
        Measure::ReadingsWithPurpose => part("readings with a purpose", readings.with_purpose, readings.count),
        Measure::AdverseWithReasons => {
            Finding::complete(duty, "adverse with reasons", figures.adverse_with_reasons, figures.adverse)
        }
        Measure::AdverseWithReasoning => {
            part("adverse with reasoning", figures.adverse_with_reasoning, figures.adverse)
        }
        Measure::ImpactRatio => {
            let least = categories.iter().filter_map(|category| category.impact_ratio).reduce(f64::min);
            value("least impact ratio", least.map_or_else(|| "none".to_owned(), |least| format!("{least:.4}")))
        }
        Measure::Retention => Finding::new(duty, "retention"),
    }
}

impl Finding {
    fn new(duty: &Duty, measure: &str) -> Self {
        Self { article: duty.article.clone(), asks: duty.asks.clone(), measure: measure.to_owned(), ..Self::default() }
    }

    /// Of all that must have something, how many have it.
    fn complete(duty: &Duty, measure: &str, count: u64, of: u64) -> Self {
        let (share, met) = (ratio(count as f64, of as f64), (of > 0).then_some(count == of));
        Self { count: Some(count), of: Some(of), share, met, ..Self::new(duty, measure) }
    }

    /// Of the decisions of a retention policy, how many are kept as long as the law asks: all, if the policy keeps them so
    /// long, else those that ask for it themselves.
    fn of_retention(duty: &Duty, of_policy: &Retention, days: Option<u32>) -> Self {
        let measure = format!("retention {}", of_policy.policy);
        let value = Some(days.map_or_else(|| "unknown".to_owned(), |days| format!("{days} days")));
        let Some(days_min) = duty.days_min else {
            return Self { value, count: Some(of_policy.decisions), ..Self::new(duty, &measure) };
        };
        let is_long_enough = days.is_some_and(|days| days >= days_min);
        let kept = if is_long_enough { of_policy.decisions } else { of_policy.long_enough };
        Self { value, ..Self::complete(duty, &measure, kept, of_policy.decisions) }
    }
}

/// Days, hours and minutes.
fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min")];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duty(days_min: Option<u32>) -> Duty {
        let measure = Some(Measure::Retention);
        Duty { article: "Art. 1".into(), asks: "to keep".into(), fields: Vec::new(), measure, days_min }
    }

    #[test]
    fn decisions_are_kept_long_enough_by_their_policy_or_by_themselves() {
        let standard = Retention { policy: "standard".into(), decisions: 10, long_enough: 4 };
        let found = |days_min, days| {
            let finding = Finding::of_retention(&duty(days_min), &standard, days);
            (finding.count, finding.met, finding.value.unwrap())
        };
        assert_eq!(found(Some(184), Some(365)), (Some(10), Some(true), "365 days".to_owned()));
        assert_eq!(found(Some(366), Some(365)), (Some(4), Some(false), "365 days".to_owned()));
        assert_eq!(found(Some(184), None), (Some(4), Some(false), "unknown".to_owned()));
        assert_eq!(found(None, Some(365)), (Some(10), None, "365 days".to_owned()));
    }

    #[test]
    fn of_nothing_nothing_is_missing_and_nothing_is_met() {
        let finding = Finding::complete(&duty(None), "explanation", 0, 0);
        assert_eq!((finding.share, finding.met), (None, None));
        assert_eq!(Finding::complete(&duty(None), "explanation", 1, 2).met, Some(false));
    }

    #[test]
    fn times_are_told_in_words() {
        assert_eq!(
            (duration(3_600), duration(90_061), duration(86_400)),
            ("1 h".into(), "1 d 1 h 1 min".into(), "1 d".into())
        );
    }
}
