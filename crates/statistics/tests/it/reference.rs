//! `tests/reference/reference.py` prints the figures and the rows that they are of; here the rows are counted again.

use onrecord_statistics::calibration::{
    Bin, brier, edges_equal_mass, edges_equal_width, expected_calibration_error, reliability,
};
use onrecord_statistics::contingency::fisher_exact;
use onrecord_statistics::fairness::{Confusion, Counts, Measure, measure};
use onrecord_statistics::multiple::holm;
use onrecord_statistics::proportion::wilson;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const PYTHON: &str = "ONRECORD_REFERENCE_PYTHON";

fn figures() -> Value {
    let python = std::env::var_os(PYTHON).unwrap_or_else(|| panic!("{PYTHON} is not set"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = here.join("../../examples/mortgages/loanapp.csv");
    let output = Command::new(python).arg(here.join("tests/reference/reference.py")).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn same(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: {expected}"));
    let bound = 1e-9 * expected.abs().max(1e-3);
    assert!((found - expected).abs() <= bound, "{what}: {found}, and {expected} in the reference");
}

#[track_caller]
fn same_or_none(what: &str, found: Option<f64>, expected: &Value) {
    // The references say NaN for what cannot be estimated, which JSON has not.
    match found {
        Some(found) => same(what, found, expected),
        None => assert!(expected.as_f64().is_none_or(f64::is_nan), "{what}: none, and {expected} in the reference"),
    }
}

struct Rows {
    group: Vec<String>,
    probability: Vec<f64>,
    decision: Vec<bool>,
    outcome: Vec<bool>,
}

impl Rows {
    fn of(set: &Value) -> Self {
        let list = |name: &str| set["rows"][name].as_array().unwrap();
        let truth = |name| list(name).iter().map(|value| value == 1).collect();
        Self {
            group: list("group").iter().map(|group| group.as_str().unwrap().to_owned()).collect(),
            probability: list("probability").iter().map(|value| value.as_f64().unwrap()).collect(),
            decision: truth("decision"),
            outcome: truth("outcome"),
        }
    }

    fn counts(&self, labels: &Value, decision: &[bool]) -> Vec<Counts> {
        let of_label = |label: &Value| {
            let mut counts = Counts::default();
            for at in (0..self.group.len()).filter(|at| self.group[*at] == label.as_str().unwrap()) {
                counts.n += 1;
                counts.k += u64::from(decision[at]);
                let Confusion { true_positive, false_positive, false_negative, true_negative } = &mut counts.confusion;
                *match (decision[at], self.outcome[at]) {
                    (true, true) => true_positive,
                    (true, false) => false_positive,
                    (false, true) => false_negative,
                    (false, false) => true_negative,
                } += 1;
            }
            counts
        };
        labels.as_array().unwrap().iter().map(of_label).collect()
    }

    fn bins(&self, edges: &[f64]) -> Vec<Bin> {
        let mut bins: Vec<Bin> =
            edges.windows(2).map(|edge| Bin { low: edge[0], high: edge[1], ..Bin::default() }).collect();
        for (probability, outcome) in self.probability.iter().zip(&self.outcome) {
            let at = edges[1..edges.len() - 1].partition_point(|edge| edge <= probability);
            let bin = &mut bins[at];
            bin.count += 1;
            bin.probability_sum += probability;
            bin.probability_square_sum += probability * probability;
            bin.outcomes += u64::from(*outcome);
            bin.probability_outcome_sum += if *outcome { *probability } else { 0.0 };
        }
        bins
    }
}

fn compare_groups(name: &str, found: &[Measure], expected: &Value) {
    for (at, (found, expected)) in found.iter().zip(expected.as_array().unwrap()).enumerate() {
        for (what, value) in [
            ("rate", found.rate),
            ("wilson_low", found.wilson_low),
            ("wilson_high", found.wilson_high),
            ("ratio", found.ratio),
            ("difference", found.difference),
            ("p_value", found.p_value),
            ("p_value_holm", found.p_value_holm),
            ("tpr", found.tpr),
            ("fpr", found.fpr),
            ("ppv", found.ppv),
        ] {
            same_or_none(&format!("{name}, group {at}, {what}"), value, &expected[what]);
        }
    }
}

#[test]
#[ignore = "needs fairlearn, scikit-learn, scipy and statsmodels; ./test installs them"]
fn figures_are_those_of_the_references() {
    let figures = figures();
    for set in figures["sets"].as_array().unwrap() {
        let (name, rows, expected) = (set["name"].as_str().unwrap(), Rows::of(set), &set["fairness"]);
        let found = measure(&rows.counts(&expected["labels"], &rows.decision), 1, None);
        assert_eq!(found.reference.map(|at| at as u64), expected["reference"].as_u64(), "{name}");
        compare_groups(name, &found.groups, &expected["groups"]);
        let chi = found.chi_squared.unwrap();
        same(&format!("{name}, χ²"), chi.statistic, &expected["chi_squared"][0]);
        same(&format!("{name}, p of χ²"), chi.p_value, &expected["chi_squared"][1]);
        for (what, value) in [
            ("demographic_parity_ratio", found.demographic_parity_ratio),
            ("demographic_parity_difference", found.demographic_parity_difference),
            ("equalized_odds_difference", found.equalized_odds_difference),
        ] {
            same_or_none(&format!("{name}, {what}"), value, &expected[what]);
        }
        let found = measure(&rows.counts(&set["outcomes"]["labels"], &rows.outcome), 1, None);
        compare_groups(&format!("{name}, by outcome"), &found.groups, &set["outcomes"]["groups"]);

        let expected = &set["calibration"];
        let bins = rows.bins(&edges_equal_width(10));
        same(&format!("{name}, Brier"), brier(&bins).unwrap().score, &expected["brier"]);
        let error = expected_calibration_error(&bins).unwrap();
        same(&format!("{name}, equal width"), error, &expected["equal_width"]);
        for (at, point) in reliability(&bins).iter().enumerate() {
            assert_eq!(point.count, expected["counts"][at].as_u64().unwrap(), "{name}, bin {at}");
            let observed = point.observed.unwrap_or_default() * point.count as f64;
            same(&format!("{name}, bin {at}"), observed, &expected["observed"][at]);
        }
        let quantiles: Vec<f64> =
            expected["quantiles"].as_array().unwrap().iter().map(|edge| edge.as_f64().unwrap()).collect();
        let bins = rows.bins(&edges_equal_mass(&quantiles));
        let error = expected_calibration_error(&bins).unwrap();
        same(&format!("{name}, equal mass"), error, &expected["equal_mass"]);
    }

    let fisher = figures["fisher"].as_array().unwrap();
    for table in fisher {
        let count = |at: usize| table[at].as_u64().unwrap();
        let found = fisher_exact((count(0), count(1)), (count(2), count(3)));
        let expected = table[4].as_f64().unwrap();
        assert!((found - expected).abs() <= 1e-9 * expected.max(1e-100), "{table}: {found}");
    }
    for pair in figures["holm"].as_array().unwrap() {
        let values: Vec<_> = pair[0].as_array().unwrap().iter().map(Value::as_f64).collect();
        for (found, expected) in holm(&values).iter().zip(pair[1].as_array().unwrap()) {
            same("Holm", found.unwrap(), expected);
        }
    }
    for interval in figures["wilson"].as_array().unwrap() {
        let found = wilson(interval[0].as_u64().unwrap(), interval[1].as_u64().unwrap()).unwrap();
        let near = |what, found: f64, expected: &Value| {
            assert!((found - expected.as_f64().unwrap()).abs() <= 1e-12, "{what}: {interval}: {found}");
        };
        near("low", found.low, &interval[2]);
        near("high", found.high, &interval[3]);
    }
    assert!(fisher.len() == 2_000);
}

/// What the example's SQL counts, and what everybody finds who measures it.
#[test]
fn the_mortgages_pass_four_fifths_and_are_significant() {
    let counts = |n, k| Counts { n, k, ..Counts::default() };
    let measured = measure(&[counts(197, 133), counts(111, 85), counts(1_681, 1_527)], 10, None);
    let hispanic = &measured.groups[1];
    assert_eq!(measured.reference, Some(2));
    assert!((hispanic.ratio.unwrap() - 0.8430).abs() < 5e-5 && hispanic.passes_four_fifths == Some(true));
    assert!((hispanic.p_value.unwrap() - 2.1e-5).abs() < 1e-6, "{hispanic:?}");
}
