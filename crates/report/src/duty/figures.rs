//! The figures that duties are measured by, as SQL over decisions and readings. Only what the law at hand asks for is asked.

use super::law::{Law, Measure, RETENTION_POLICY_DEFAULT};
use crate::path::{Condition, Path};
use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Fields that one law may ask for: the columns of the query that counts them.
const FIELD_COLUMNS: [&str; 12] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"];
#[cfg(test)]
pub(super) const FIELDS_MAX: usize = FIELD_COLUMNS.len();

/// A pause of less than this is no gap: decisions are looked at by the hour.
const GAP_SECONDS_MIN: i64 = 3_600;

/// The figures of one model.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) decisions: u64,
    pub(super) reviewed: u64,
    pub(super) overridden: u64,
    pub(super) overridden_with_reason: u64,
    pub(super) explained: u64,
    pub(super) adverse: u64,
    pub(super) adverse_with_reasons: u64,
    pub(super) adverse_with_reasoning: u64,
    pub(super) fields: Vec<u64>,
    /// The first and the last decision, of all times.
    pub(super) lifetime: Option<(Timestamp, Timestamp)>,
    /// The longest time without a decision, in seconds, and when it began.
    pub(super) gap: Option<(i64, Timestamp)>,
    pub(super) retention: Vec<Retention>,
}

/// Decisions of one retention policy.
pub(super) struct Retention {
    pub(super) policy: String,
    pub(super) decisions: u64,
    /// Those which themselves ask to be kept at least as long as the law asks.
    pub(super) long_enough: u64,
}

/// Readings of the period.
#[derive(Default)]
pub(super) struct Readings {
    pub(super) count: u64,
    pub(super) with_purpose: u64,
}

impl Figures {
    /// The figures of all models, the most decisions first.
    ///
    /// # Errors
    /// What the source says.
    pub(super) async fn ask<S: Source + ?Sized>(
        source: &S,
        law: &Law,
        scope: &Scope,
        adverse: Option<&Condition>,
    ) -> Result<Vec<(String, Self)>, Error<S::Error>> {
        let fields = law.fields();
        let adverse = adverse.filter(|_| law.asks(Measure::AdverseWithReasons)).map(Condition::sql);
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
            columns.push(format!(
                "count(*) FILTER (WHERE {adverse} AND ({reasoning} OR {features})) AS adverse_with_reasons"
            ));
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
        let (models, decisions, reviewed) =
            (rows.texts("model_id")?, rows.counts("decisions")?, rows.counts("reviewed")?);
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
}

impl Readings {
    /// Counts them, if the law asks.
    ///
    /// # Errors
    /// What the source says.
    pub(super) async fn ask<S: Source + ?Sized>(source: &S, law: &Law, scope: &Scope) -> Result<Self, Error<S::Error>> {
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
