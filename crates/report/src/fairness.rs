//! Fairness: do groups of people fare alike? By the model's own decisions, by what people made of them, and, where outcomes are
//! known, by its errors.

use crate::binary::{Binary, number_sql};
use crate::bins;
use crate::label;
use crate::path::{Condition, Path};
use crate::private::{self, Guarantee, Privacy, UNIT};
use crate::scope::Scope;
use crate::source::{Error, Rows, Source};
use crate::sql::text;
use onrecord_statistics::contingency::ChiSquared;
use onrecord_statistics::fairness::{Confusion, Counts, Measure, Total, measure};
use onrecord_statistics::privacy::noisy_rate;
use onrecord_statistics::ratio;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The least group that is shown, if nothing is said.
pub const MIN_GROUP_DEFAULT: u64 = 10;

/// Groups of a report.
const GROUPS_MAX: usize = 200;

/// Bins of numbers.
const BINS_MAX: usize = 100;

/// How the groups are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    /// By what: one path, or two that are crossed.
    pub by: Vec<Path>,
    /// How numbers are put together.
    pub bins: Option<Bins>,
    /// The least group that is shown.
    pub min_group: u64,
    /// The group to compare with, a value for each path; the one with the highest rate if nothing is said.
    pub reference: Vec<String>,
}

/// How numbers are put together, as `numpy.histogram` has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// So many of the same width, from the least number to the greatest.
    Count(usize),
    /// Between these edges, which ascend.
    Edges(Vec<f64>),
}

/// What is wrong with bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bins are a count from 1 to {BINS_MAX}, or the edges of at most as many, ascending, as 18,30,50,65")]
pub struct BinsError;

/// How groups fare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fairness {
    /// The model.
    pub model_id: String,
    /// The days of the period, a part of one as a whole.
    pub period_days: i64,
    /// The first instant of the period (RFC 3339).
    pub since: String,
    /// The first instant after it (RFC 3339).
    pub until: String,
    /// By what the groups are made.
    pub group_by: Vec<String>,
    /// Which prediction counts as positive.
    pub positive: String,
    /// Which outcome does.
    pub outcome: Option<String>,
    /// Smaller groups are suppressed.
    pub min_group: u64,
    /// The group that the others are compared with; null if none can be.
    #[schema(value_type = Label)] // A label may be null already, and would fit null twice.
    pub reference: Option<Label>,
    /// All decisions together, those of suppressed groups too.
    pub total: Total,
    /// Decisions that are left out because their prediction has no value where it would be positive or not.
    pub without_prediction: u64,
    /// The groups, by their names; the one whose value is missing last.
    pub groups: Vec<Group>,
    /// Whether all groups that are shown have the same rate.
    pub chi_squared: Option<ChiSquared>,
    /// The least rate as a part of the greatest, of known groups that are shown.
    pub demographic_parity_ratio: Option<f64>,
    /// The greatest rate less the least, of known groups that are shown.
    pub demographic_parity_difference: Option<f64>,
    /// The greater of the differences in `tpr` and `fpr`; null if one of them cannot be estimated for a group.
    pub equalized_odds_difference: Option<f64>,
    /// What was asked for and is nowhere in the period: most likely it is spelt otherwise.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// How private the figures are; absent if they are exact. Private figures are noisy, of the groups that were named, and
    /// have no intervals, tests and errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Guarantee>,
}

/// What a group is called: the value it has in common, null if it is missing; of crossed groups one value for each path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Label {
    /// Of one path.
    One(Option<String>),
    /// Of two.
    Crossed(Vec<Option<String>>),
}

impl Default for Label {
    fn default() -> Self {
        Self::One(None)
    }
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Group {
    /// Its value, null if it is missing.
    pub group: Label,
    /// What was measured of the model's own decisions.
    #[serde(flatten)]
    pub measure: Measure,
    /// Decisions that are positive or not after people reviewed them.
    pub n_after_review: Option<u64>,
    /// Positive ones among them.
    pub k_after_review: Option<u64>,
    /// Their part.
    pub rate_after_review: Option<f64>,
    /// The rate after review, as a part of the reference's.
    pub ratio_after_review: Option<f64>,
    /// The mean probability, of those that have one.
    pub mean_confidence: Option<f64>,
    /// The Brier score, of those whose outcome is known.
    pub brier: Option<f64>,
}

impl Label {
    fn new(mut values: Vec<Option<String>>) -> Self {
        if values.len() == 1 { Self::One(values.pop().flatten()) } else { Self::Crossed(values) }
    }

    fn is_missing(&self) -> bool {
        match self {
            Self::One(value) => value.is_none(),
            Self::Crossed(values) => values.iter().any(Option::is_none),
        }
    }

    fn is(&self, values: &[String]) -> bool {
        match self {
            Self::One(value) => value.as_slice() == values,
            Self::Crossed(found) => found.iter().map(Option::as_ref).eq(values.iter().map(Some)),
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: &Option<String>| label::shown(value.as_deref());
        match self {
            Self::One(value) => f.write_str(&shown(value)),
            Self::Crossed(values) => f.write_str(&values.iter().map(shown).collect::<Vec<_>>().join(label::CROSS)),
        }
    }
}

impl FromStr for Bins {
    type Err = BinsError;

    fn from_str(written: &str) -> Result<Self, BinsError> {
        if let Ok(count) = written.trim().parse::<usize>() {
            return if (1..=BINS_MAX).contains(&count) { Ok(Self::Count(count)) } else { Err(BinsError) };
        }
        let edges: Vec<f64> =
            written.split(',').map(|edge| edge.trim().parse()).collect::<Result<_, _>>().map_err(|_| BinsError)?;
        let ascend = edges.windows(2).all(|pair| pair[0] < pair[1]) && edges.iter().all(|edge| edge.is_finite());
        if ascend && (2..=BINS_MAX + 1).contains(&edges.len()) { Ok(Self::Edges(edges)) } else { Err(BinsError) }
    }
}

/// One row of counts.
struct Counted {
    label: Label,
    counts: Counts,
    without_prediction: u64,
    after: (u64, u64),
    probability: (f64, u64),
    squares: (f64, u64),
}

impl Fairness {
    /// Asks how groups fare.
    ///
    /// # Errors
    /// [`Error::Unfit`] if a path has no value or no single one, or too many of them; what the source says.
    pub async fn ask<S: Source + ?Sized>(
        source: &S,
        scope: &Scope,
        binary: &Binary,
        grouping: &Grouping,
    ) -> Result<Self, Error<S::Error>> {
        let unfit = |text: &str| Error::Unfit(text.to_owned());
        let positive = positive(binary)?;
        if grouping.by.is_empty() || grouping.by.len() > 2 {
            return Err(unfit("give one group, or two that are crossed"));
        }
        if grouping.min_group == 0 {
            return Err(unfit("min_group must be at least 1"));
        }
        let counted = counted(source, scope, binary, grouping).await?;
        let counts: Vec<Counts> = counted.iter().map(|row| row.counts).collect();
        let reference = match grouping.reference.len() {
            0 => None,
            _ => {
                let at = counted.iter().position(|row| row.label.is(&grouping.reference));
                Some(at.ok_or_else(|| unfit("no group is called as the reference is"))?)
            }
        };
        let measured = measure(&counts, grouping.min_group, reference);
        let without_prediction = counted.iter().map(|row| row.without_prediction).sum();
        if measured.total.n == 0 && without_prediction > 0 {
            return Err(unfit("no prediction has a value at the path that says which one is positive"));
        }
        // Where the total is not told this would tell it.
        let warnings = match measured.total.k {
            Some(k) if measured.total.n > 0 => {
                let came = counts.iter().map(|of| of.confusion.true_positive + of.confusion.false_negative).sum();
                binary.warnings(k, came)
            }
            _ => Vec::new(),
        };
        let after = |row: &Counted| ratio(row.after.1 as f64, row.after.0 as f64);
        let best = measured.reference.and_then(|at| after(&counted[at]));
        let reference = measured.reference.map(|at| counted[at].label.clone());
        let groups =
            counted.into_iter().zip(measured.groups).map(|(row, measure)| Group::new(row, measure, best, grouping));
        Ok(Self {
            model_id: scope.model(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            group_by: grouping.by.iter().map(ToString::to_string).collect(),
            positive: positive.to_string(),
            outcome: binary.outcome.as_ref().map(ToString::to_string),
            min_group: grouping.min_group,
            reference,
            total: measured.total,
            without_prediction,
            groups: groups.collect(),
            chi_squared: measured.chi_squared,
            demographic_parity_ratio: measured.demographic_parity_ratio,
            demographic_parity_difference: measured.demographic_parity_difference,
            equalized_odds_difference: measured.equalized_odds_difference,
            warnings,
            privacy: None,
        })
    }

    /// The rates of the groups `values` with noise; which groups there are would tell who is among the decisions. With edges
    /// of bins these are the groups.
    ///
    /// # Errors
    /// [`Error::Unfit`] if the groups are not named or more than rates are asked for; [`Error::Noise`]; what the source says.
    pub async fn ask_private<S: Source + ?Sized>(
        source: &S,
        scope: &Scope,
        binary: &Binary,
        grouping: &Grouping,
        values: &[String],
        privacy: &Privacy,
    ) -> Result<Self, Error<S::Error>> {
        let unfit = |text: &str| Error::Unfit(text.to_owned());
        let positive = positive(binary)?;
        let [by] = &grouping.by[..] else { return Err(unfit("with epsilon give one group")) };
        if binary.outcome.is_some() || !grouping.reference.is_empty() {
            return Err(unfit("with epsilon there are rates only: leave out outcome and reference"));
        }
        if (1..values.len()).any(|at| values[..at].contains(&values[at])) {
            // A person would count twice, and the noise is for once.
            return Err(unfit("a group is named twice"));
        }
        let key = match (&grouping.bins, values) {
            (Some(Bins::Edges(edges)), []) => GroupKey {
                expression: format!("({})::text", bins::sql(&number_sql(by, None), edges)),
                bins: Some(bins::labels(edges)),
            },
            (None, [_, ..]) => GroupKey { expression: by.text_sql(), bins: None },
            _ => {
                return Err(unfit(
                    "with epsilon name the groups, each with group_value, or give edges of bins: which groups there are would \
                     tell who is among the decisions",
                ));
            }
        };
        let labels: Vec<String> = key.bins.clone().unwrap_or_else(|| values.to_vec());
        let rows = binary.rows_sql(scope, &[UNIT.to_owned(), format!("{} AS group_0", key.expression)]);
        let names: Vec<String> = match key.bins {
            Some(_) => (0..labels.len()).map(|at| text(&at.to_string())).collect(),
            None => labels.iter().map(|label| text(label)).collect(),
        };
        let sql = format!(
            "SELECT group_0, count(positive) AS n, count(*) FILTER (WHERE positive) AS k FROM {} \
             WHERE group_0 IN ({}) OR group_0 IS NULL GROUP BY group_0",
            privacy.bounded(&rows),
            names.join(", ")
        );
        let rows = Rows::of(source, sql).await?;
        let found: Vec<Option<String>> = rows.texts("group_0")?.into_iter().map(|value| key.name(value)).collect();
        let wanted: Vec<Option<String>> = labels.into_iter().map(Some).chain([None]).collect();
        let noisy = |name| privacy.noisy(&private::cells(&wanted, &found, &rows.counts(name)?), 2, 1);
        let (n, k) = (noisy("n")?, noisy("k")?);
        let rates: Vec<Option<f64>> = n.iter().zip(&k).map(|(n, k)| noisy_rate(*k, *n)).collect();
        let known = || (0..wanted.len()).filter(|at| wanted[*at].is_some()).filter_map(|at| Some((at, rates[at]?)));
        let best = known().max_by(|(_, left), (_, right)| left.total_cmp(right));
        let least = known().map(|(_, rate)| rate).reduce(f64::min);
        let group = |at: usize| {
            let relative = rates[at].zip(best).and_then(|(rate, (_, best))| ratio(rate, best));
            let measure = Measure {
                n: Some(private::count(n[at])),
                k: Some(private::count(k[at])),
                rate: rates[at],
                ratio: relative,
                difference: rates[at].zip(best).map(|(rate, (_, best))| rate - best),
                // Noise can carry a ratio over the line, so that nothing passes or fails.
                passes_four_fifths: None,
                ..Measure::default()
            };
            Group { group: Label::One(wanted[at].clone()), measure, ..Group::default() }
        };
        let (all, positives) = (n.iter().sum(), k.iter().sum());
        Ok(Self {
            model_id: scope.model(),
            period_days: scope.period.days(),
            since: scope.since(),
            until: scope.until(),
            group_by: vec![by.to_string()],
            positive: positive.to_string(),
            outcome: None,
            min_group: 1,
            reference: best.map(|(at, _)| Label::One(wanted[at].clone())),
            total: Total {
                n: private::count(all),
                k: Some(private::count(positives)),
                rate: noisy_rate(positives, all),
            },
            without_prediction: 0,
            groups: (0..wanted.len()).map(group).collect(),
            chi_squared: None,
            demographic_parity_ratio: least.zip(best).and_then(|(least, (_, best))| ratio(least, best)),
            demographic_parity_difference: least.zip(best).map(|(least, (_, best))| best - least),
            equalized_odds_difference: None,
            warnings: Vec::new(),
            privacy: Some(privacy.guarantee()),
        })
    }
}

/// Which prediction counts as positive: without that there is no rate.
fn positive<E: std::error::Error>(binary: &Binary) -> Result<&Condition, Error<E>> {
    let missing = || Error::Unfit("say which prediction counts as positive (positive)".to_owned());
    binary.positive.as_ref().ok_or_else(missing)
}

impl Group {
    fn new(row: Counted, measure: Measure, best_after: Option<f64>, grouping: &Grouping) -> Self {
        let shown = !measure.suppressed;
        let (n, k) = row.after;
        let rate = ratio(k as f64, n as f64).filter(|_| shown);
        let few = row.squares.1 < grouping.min_group;
        Self {
            group: row.label,
            n_after_review: Some(n).filter(|_| shown),
            k_after_review: Some(k).filter(|_| shown),
            rate_after_review: rate,
            ratio_after_review: rate.zip(best_after).and_then(|(rate, best)| ratio(rate, best)),
            mean_confidence: ratio(row.probability.0, row.probability.1 as f64).filter(|_| shown),
            brier: ratio(row.squares.0, row.squares.1 as f64).filter(|_| shown && !few),
            measure,
        }
    }
}

/// The counts of all groups.
async fn counted<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
    binary: &Binary,
    grouping: &Grouping,
) -> Result<Vec<Counted>, Error<S::Error>> {
    let Some(keys) = keys(source, scope, grouping).await? else { return Ok(Vec::new()) };
    let columns: Vec<String> =
        keys.iter().enumerate().map(|(at, key)| format!("{} AS group_{at}", key.expression)).collect();
    let names: String = (0..keys.len()).map(|at| format!("group_{at}, ")).collect();
    let by: Vec<String> = (0..keys.len()).map(|at| format!("group_{at}")).collect();
    let sql = format!(
        "SELECT {names}count(*) AS decisions, count(positive) AS n, count(*) FILTER (WHERE positive) AS k, \
         count(positive_after) AS n_after, count(*) FILTER (WHERE positive_after) AS k_after, \
         count(*) FILTER (WHERE positive AND came) AS tp, count(*) FILTER (WHERE positive AND NOT came) AS fp, \
         count(*) FILTER (WHERE NOT positive AND came) AS fn, count(*) FILTER (WHERE NOT positive AND NOT came) AS tn, \
         count(probability) AS p_n, sum(probability) AS p, \
         count(*) FILTER (WHERE hit IS NOT NULL AND probability IS NOT NULL) AS judged, \
         sum(CASE WHEN hit THEN (1 - probability) * (1 - probability) WHEN NOT hit THEN probability * probability END) AS squares \
         FROM ({}) AS judged GROUP BY {by} ORDER BY {by} LIMIT {}",
        binary.rows_sql(scope, &columns),
        GROUPS_MAX + 1,
        by = by.join(", "),
    );
    let rows = Rows::of(source, sql).await?;
    if rows.len() > GROUPS_MAX {
        return Err(Error::Unfit(format!(
            "there are more than {GROUPS_MAX} groups; put numbers together with bins, or name another field"
        )));
    }
    let count = |name| rows.counts(name);
    let (decisions, n, k) = (count("decisions")?, count("n")?, count("k")?);
    let (n_after, k_after) = (count("n_after")?, count("k_after")?);
    let (tp, fp, fneg, tn) = (count("tp")?, count("fp")?, count("fn")?, count("tn")?);
    let (p_n, p, judged, squares) = (count("p_n")?, rows.numbers("p")?, count("judged")?, rows.numbers("squares")?);
    let values = [rows.texts("group_0")?, if keys.len() > 1 { rows.texts("group_1")? } else { Vec::new() }];
    let counted = |at: usize| {
        let of_key = |(key, values): (&GroupKey, &Vec<Option<String>>)| key.name(values[at].clone());
        let label = Label::new(keys.iter().zip(&values).map(of_key).collect());
        let confusion = Confusion {
            true_positive: tp[at],
            false_positive: fp[at],
            false_negative: fneg[at],
            true_negative: tn[at],
        };
        Counted {
            counts: Counts { is_missing: label.is_missing(), n: n[at], k: k[at], confusion },
            label,
            without_prediction: decisions[at] - n[at].min(decisions[at]),
            after: (n_after[at], k_after[at]),
            probability: (p[at].unwrap_or_default(), p_n[at]),
            squares: (squares[at].unwrap_or_default(), judged[at]),
        }
    };
    // A group without a single decision of yes or no is none.
    Ok((0..rows.len()).map(counted).filter(|row| row.counts.n > 0 || row.without_prediction > 0).collect())
}

/// One of the things by which groups are made.
struct GroupKey {
    /// Its value as text or, of numbers in bins, the number of the bin.
    expression: String,
    /// The names of the bins.
    bins: Option<Vec<String>>,
}

/// What a number outside all bins is called.
const OUTSIDE: &str = "outside";

impl GroupKey {
    fn name(&self, value: Option<String>) -> Option<String> {
        let Some(bins) = &self.bins else { return value };
        let at: i64 = value?.parse().ok()?;
        Some(usize::try_from(at).ok().and_then(|at| bins.get(at)).cloned().unwrap_or_else(|| OUTSIDE.to_owned()))
    }
}

/// How the groups are made, once it is known what is at their paths; `None` if there are no decisions at all.
async fn keys<S: Source + ?Sized>(
    source: &S,
    scope: &Scope,
    grouping: &Grouping,
) -> Result<Option<Vec<GroupKey>>, Error<S::Error>> {
    let mut keys = Vec::new();
    for path in &grouping.by {
        let (json, number) = (path.json_sql(), number_sql(path, None));
        let (kind, number) = match (path.is_in_document(), path.is_number()) {
            (true, _) => (format!("jsonb_typeof({json})"), number),
            (false, true) => (format!("CASE WHEN {json} IS NOT NULL THEN 'number' END"), number),
            (false, false) => {
                (format!("CASE WHEN {json} IS NOT NULL THEN 'string' END"), "NULL::double precision".to_owned())
            }
        };
        let sql = format!(
            "SELECT count(*) AS decisions, count(*) FILTER (WHERE kind <> 'null') AS known, \
             count(*) FILTER (WHERE kind IN ('object', 'array')) AS documents, \
             count(*) FILTER (WHERE kind = 'number') AS numbers, min(number) AS least, max(number) AS greatest \
             FROM (SELECT {kind} AS kind, {number} AS number FROM ai_audit_logs WHERE {}) AS looked_at",
            scope.sql()
        );
        let rows = Rows::of(source, sql).await?;
        let (known, documents, numbers) = (rows.count("known")?, rows.count("documents")?, rows.count("numbers")?);
        if rows.count("decisions")? == 0 {
            return Ok(None);
        }
        if known == 0 {
            return Err(Error::Unfit(
                "no decision of this model and period has a value at the path of the group".to_owned(),
            ));
        }
        if documents > 0 {
            return Err(Error::Unfit(format!(
                "the path of the group leads to an object, a list or a sealed value in {documents} decisions: name a field inside it, or another one"
            )));
        }
        let edges = match (&grouping.bins, rows.number("least")?.zip(rows.number("greatest")?)) {
            (Some(bins), Some((least, greatest))) if numbers == known => Some(bins.edges(least, greatest)),
            _ => None,
        };
        keys.push(match edges {
            Some(edges) => GroupKey {
                expression: format!(
                    "CASE WHEN {number} IS NOT NULL THEN coalesce({}, -1) END",
                    bins::sql(&format!("({number})"), &edges)
                ),
                bins: Some(bins::labels(&edges)),
            },
            None => GroupKey { expression: path.text_sql(), bins: None },
        });
    }
    if grouping.bins.is_some() && keys.iter().all(|key| key.bins.is_none()) {
        return Err(Error::Unfit(
            "bins are for numbers, and the path of the group leads to other values too".to_owned(),
        ));
    }
    Ok(Some(keys))
}

impl Bins {
    /// The edges, as numpy has them: all the same are in the middle of bins that are one wide together.
    fn edges(&self, least: f64, greatest: f64) -> Vec<f64> {
        match self {
            Self::Edges(edges) => edges.clone(),
            Self::Count(count) => {
                let (least, greatest) =
                    if least < greatest { (least, greatest) } else { (least - 0.5, greatest + 0.5) };
                let step = (greatest - least) / *count as f64;
                // The greatest doubles are further apart than a double can say.
                let step = if step.is_finite() { step } else { greatest / *count as f64 - least / *count as f64 };
                let mut edges: Vec<f64> = (0..*count).map(|at| least + step * at as f64).collect();
                edges.push(greatest);
                edges
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_a_count_or_edges() {
        assert_eq!("5".parse(), Ok(Bins::Count(5)));
        assert_eq!("18,30, 50.5".parse(), Ok(Bins::Edges(vec![18.0, 30.0, 50.5])));
        for wrong in ["", "0", "101", "3,2", "3,3", "a,b", "1,NaN", "1,inf", "1.5", "-3"] {
            assert_eq!(wrong.parse::<Bins>(), Err(BinsError), "{wrong}");
        }
        assert_eq!(Bins::Count(2).edges(10.0, 20.0), [10.0, 15.0, 20.0]);
        assert_eq!(Bins::Count(1).edges(3.0, 3.0), [2.5, 3.5]);
        assert_eq!(Bins::Count(2).edges(-f64::MAX, f64::MAX), [-f64::MAX, 0.0, f64::MAX]);
    }

    #[test]
    fn labels_are_values_or_lists_of_them() {
        let json = |values: &[Option<&str>]| {
            let values = values.iter().map(|value| value.map(str::to_owned)).collect();
            serde_json::to_string(&Label::new(values)).unwrap()
        };
        assert_eq!((json(&[Some("f")]), json(&[None])), ("\"f\"".to_owned(), "null".to_owned()));
        assert_eq!(json(&[Some("f"), None]), r#"["f",null]"#);
        let label = |json: &str| serde_json::from_str::<Label>(json).unwrap();
        assert!(label("null").is_missing() && label(r#"["f",null]"#).is_missing() && !label("\"f\"").is_missing());
        assert!(label(r#"["f","x"]"#).is(&["f".to_owned(), "x".to_owned()]) && label("\"f\"").is(&["f".to_owned()]));
    }
}
