//! Decisions of yes or no, how sure the model was, and what came of them.

use crate::path::{Condition, Path};
use crate::scope::Scope;
use serde::{Deserialize, Serialize};

/// What a probability is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbabilityOf {
    /// Of the prediction that was made, whichever it was.
    #[default]
    Prediction,
    /// Of the positive one.
    Positive,
}

/// Which predictions and which outcomes count as positive, and where the probability is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Which prediction counts as positive.
    pub positive: Option<Condition>,
    /// Which outcome does.
    pub outcome: Option<Condition>,
    /// Where the probability is.
    pub probability: Path,
    /// What it is of.
    pub probability_of: ProbabilityOf,
}

impl Binary {
    /// What to say of so many positive predictions and outcomes among the decisions of a period that has some. A value that
    /// never occurs is most likely misspelt, and every rate of it is 0.
    pub(crate) fn warnings(&self, positives: u64, came: u64) -> Vec<String> {
        let is_lost = |condition: &Option<Condition>, count| condition.is_some() && count == 0;
        let positive = is_lost(&self.positive, positives)
            .then_some("positive: no decision of the period has that value; look at how it is spelt.");
        let outcome = is_lost(&self.outcome, came)
            .then_some("outcome: no decision of the period has an outcome with that value; look at how it is spelt.");
        positive.into_iter().chain(outcome).map(str::to_owned).collect()
    }

    /// The query of one row a decision: `positive`, `positive_after` (what people made of it), `came` (whether the outcome was
    /// positive), `probability`, `hit` (whether what the probability is of came true); each is null where it is not known.
    /// `columns` are selected beside them.
    pub(crate) fn rows_sql(&self, scope: &Scope, columns: &[String]) -> String {
        let positive = self.positive.as_ref().map_or("NULL::boolean".to_owned(), Condition::sql);
        let after = match &self.positive {
            Some(condition) if condition.path.column() == "prediction" => {
                let human = Condition { path: condition.path.within("human_decision"), ..condition.clone() };
                format!("CASE WHEN overridden THEN {} ELSE {positive} END", human.sql())
            }
            _ => positive.clone(),
        };
        // Of several outcomes the latest counts.
        let latest = |outcome: &Condition| Condition { path: outcome.path.within("latest_outcome"), ..outcome.clone() };
        let came = self.outcome.as_ref().map_or("NULL::boolean".to_owned(), |outcome| latest(outcome).sql());
        let hit = match self.probability_of {
            ProbabilityOf::Prediction => format!("({positive}) = ({came})"),
            ProbabilityOf::Positive => came.clone(),
        };
        let columns: String = columns.iter().map(|column| format!("{column}, ")).collect();
        format!(
            "SELECT {columns}({positive}) AS positive, ({after}) AS positive_after, ({came}) AS came, \
             {} AS probability, ({hit}) AS hit, overridden FROM ai_audit_logs WHERE {}",
            number_sql(&self.probability, Some((0.0, 1.0))),
            scope.sql()
        )
    }
}

/// The expression of the number at a path; null for what is no number, or not within the bounds.
pub(crate) fn number_sql(path: &Path, bounds: Option<(f64, f64)>) -> String {
    let (is_number, number) = match path.is_number() {
        true => (None, path.json_sql()),
        false => (
            Some(format!("jsonb_typeof({}) = 'number'", path.json_sql())),
            format!("({})::double precision", path.text_sql()),
        ),
    };
    // A confidence was checked when it was recorded.
    let bounds = bounds.filter(|_| path.column() != "confidence");
    let within = bounds.map(|(low, high)| format!("{number} BETWEEN {low} AND {high}"));
    // Only what is a number can be compared as one: each condition stands inside the one before it.
    let guarded = |value, condition: String| format!("CASE WHEN {condition} THEN {value} END");
    [within, is_number].into_iter().flatten().fold(number, guarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_out_of_bounds_is_null() {
        let sql = |path: &str, bounds| number_sql(&path.parse().unwrap(), bounds);
        assert_eq!(sql("confidence", Some((0.0, 1.0))), "confidence");
        assert_eq!(sql("processing_time_ms", None), "processing_time_ms");
        assert_eq!(
            sql("processing_time_ms", Some((0.0, 1.0))),
            "CASE WHEN processing_time_ms BETWEEN 0 AND 1 THEN processing_time_ms END"
        );
        let (kind, number) = ("jsonb_typeof(metadata->'p') = 'number'", "(metadata->>'p')::double precision");
        assert_eq!(sql("metadata.p", None), format!("CASE WHEN {kind} THEN {number} END"));
        let within = format!("CASE WHEN {number} BETWEEN 0 AND 1 THEN {number} END");
        assert_eq!(sql("metadata.p", Some((0.0, 1.0))), format!("CASE WHEN {kind} THEN {within} END"));
    }
}
