//! The fairness report: groups.

use super::chart::{self, Chart, Point};
use super::{Cell, Report, Table};
use crate::fairness::{Fairness, Group};

/// What counts as significant.
const ALPHA: f64 = 0.05;

impl Report for Fairness {
    fn title(&self) -> String {
        format!("Fairness of {} by {}", self.model_id, self.group_by.join(" and "))
    }

    fn period(&self) -> (&str, &str) {
        (&self.since, &self.until)
    }

    fn decisions(&self) -> u64 {
        self.total.n + self.without_prediction
    }

    fn facts(&self) -> Vec<(&'static str, Cell)> {
        let mut facts = vec![
            ("positive", Cell::Text(self.positive.clone())),
            ("n", Cell::Count(self.total.n)),
            ("k", Cell::count(self.total.k)),
            ("rate", Cell::number(self.total.rate, 4)),
            ("reference", Cell::text(self.reference.as_ref().map(ToString::to_string).as_deref())),
            ("demographic_parity_ratio", Cell::number(self.demographic_parity_ratio, 4)),
            ("demographic_parity_difference", Cell::number(self.demographic_parity_difference, 4)),
            ("chi_squared, p", Cell::number(self.chi_squared.map(|test| test.p_value), 4)),
        ];
        if self.outcome.is_some() {
            facts.push(("outcome", Cell::text(self.outcome.as_deref())));
            facts.push(("equalized_odds_difference", Cell::number(self.equalized_odds_difference, 4)));
        }
        if self.without_prediction > 0 {
            facts.push(("without_prediction", Cell::Count(self.without_prediction)));
        }
        facts
    }

    fn tables(&self) -> Vec<Table> {
        let row = |group: &Group| {
            let Group { measure, .. } = group;
            vec![
                Cell::Text(group.group.to_string()),
                Cell::count(measure.n),
                Cell::count(measure.k),
                Cell::number(measure.rate, 4),
                Cell::number(measure.wilson_low, 4),
                Cell::number(measure.wilson_high, 4),
                Cell::number(measure.ratio, 4),
                Cell::number(measure.difference, 4),
                Cell::number(measure.p_value, 4),
                Cell::number(measure.p_value_holm, 4),
            ]
        };
        let rates = vec![
            "group",
            "n",
            "k",
            "rate",
            "wilson_low",
            "wilson_high",
            "ratio",
            "difference",
            "p_value",
            "p_value_holm",
        ];
        let errors = |group: &Group| {
            let Group { measure, .. } = group;
            vec![
                Cell::Text(group.group.to_string()),
                Cell::count(measure.n_outcome),
                Cell::number(measure.tpr, 4),
                Cell::number(measure.fpr, 4),
                Cell::number(measure.ppv, 4),
                Cell::number(group.mean_confidence, 4),
                Cell::number(group.brier, 4),
            ]
        };
        let after = |group: &Group| {
            vec![
                Cell::Text(group.group.to_string()),
                Cell::number(group.measure.rate, 4),
                Cell::count(group.n_after_review),
                Cell::count(group.k_after_review),
                Cell::number(group.rate_after_review, 4),
                Cell::number(group.ratio_after_review, 4),
                Cell::Truth(group.measure.suppressed),
            ]
        };
        let table = |title, columns, row: &dyn Fn(&Group) -> Vec<Cell>| Table {
            title,
            columns,
            rows: self.groups.iter().map(row).collect(),
        };
        let mut tables = vec![table("The model\u{2019}s own decisions", rates, &row)];
        if self.outcome.is_some() {
            let columns = vec!["group", "n_outcome", "tpr", "fpr", "ppv", "mean_confidence", "brier"];
            tables.push(table("Errors, where the outcome is known", columns, &errors));
        }
        let columns = vec![
            "group",
            "rate",
            "n_after_review",
            "k_after_review",
            "rate_after_review",
            "ratio_after_review",
            "suppressed",
        ];
        tables.push(table("After human review", columns, &after));
        tables
    }

    fn charts(&self) -> Vec<Chart> {
        let point = |group: &Group| {
            let measure = &group.measure;
            Some(Point {
                x: 0.0,
                low: measure.wilson_low?,
                y: measure.rate?,
                high: measure.wilson_high?,
                label: group.group.to_string(),
            })
        };
        let points: Vec<Point> = self.groups.iter().filter_map(point).collect();
        let best = self.groups.iter().find(|group| Some(&group.group) == self.reference.as_ref());
        let guide =
            best.and_then(|best| best.measure.rate).map(|rate| rate * onrecord_statistics::fairness::FOUR_FIFTHS);
        let title = "Rate by group, with 95 % intervals; the dashed line is four fifths of the reference";
        chart::intervals(title, &points, guide).into_iter().collect()
    }

    fn warnings(&self) -> Vec<String> {
        if self.privacy.is_some() {
            return Vec::new();
        }
        let reference = self.reference.as_ref().map(ToString::to_string).unwrap_or_default();
        let told = |group: &Group| {
            let (ratio, passes) = (group.measure.ratio?, group.measure.passes_four_fifths?);
            let p = group.measure.p_value_holm?;
            let is_significant = p < ALPHA;
            if passes && !is_significant {
                return None;
            }
            let fifths = if passes { "passes four fifths" } else { "is below four fifths" };
            let sure = match (passes, is_significant) {
                (true, _) => "and the difference is still significant",
                (false, true) => "and the difference is significant",
                (false, false) => "though so few decisions may differ by chance",
            };
            Some(format!(
                "{} to {reference}: the ratio {ratio:.4} {fifths}, {sure} (p {} after Holm).",
                group.group,
                Cell::Number(p, 4).shown()
            ))
        };
        self.warnings.iter().cloned().chain(self.groups.iter().filter_map(told)).collect()
    }

    fn privacy(&self) -> Option<&crate::private::Guarantee> {
        self.privacy.as_ref()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "A measurement, not a verdict: groups may differ for reasons that are lawful, and be treated unlike where their rates \
             are alike."
                .to_owned(),
            "Ratio and difference are to the reference, the group with the highest rate unless another is named. Intervals are \
             Wilson\u{2019}s, p-values those of Fisher\u{2019}s exact test against the reference, corrected by Holm for the number of \
             groups. Four fifths is the rule of 29 CFR § 1607.4 D."
                .to_owned(),
            format!(
                "A group of fewer than {} decisions is suppressed, with others as small where the total would give it away. \
                 (missing) are decisions without a value for the group.",
                self.min_group
            ),
        ];
        if self.outcome.is_some() {
            notes.push(
                "tpr, fpr and ppv are of decisions whose outcome is known, which may not be like the others: an outcome is often \
                 known only where the decision was positive. A dash is what cannot be estimated."
                    .to_owned(),
            );
        }
        notes
    }
}
