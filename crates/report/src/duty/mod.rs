//! Duties: what a law asks of the record, and how far the record answers it, model by model.
//!
//! A measurement, not legal advice: where a law gives a number the report says whether it is met, elsewhere it gives the
//! figure. Fields are complete where they are neither null nor empty.

mod figures;
mod law;

use crate::fairness::{Fairness, Grouping};
use crate::path::{Condition, Path};
use crate::scope::Scope;
use crate::source::{Error, Source};
use crate::{Binary, ProbabilityOf};
use figures::{Figures, Readings, Retention};
use law::{Duty, Law, Measure};
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};

/// Models that are listed; the rest is counted.
const MODELS_MAX: usize = 100;

/// A category of less than this part may be left out of a bias audit (6 RCNY § 5-301(d)).
const SMALL_CATEGORY: f64 = 0.02;

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
        let mut figures = Figures::ask(source, &law, scope, of.adverse.as_ref()).await?;
        let other_models = figures.len().saturating_sub(MODELS_MAX) as u64;
        let total_predictions = figures.iter().map(|(_, figures)| figures.decisions).sum();
        figures.truncate(MODELS_MAX);
        let (readings, categories) =
            (Readings::ask(source, &law, scope).await?, categories(source, &law, scope, of).await?);
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
