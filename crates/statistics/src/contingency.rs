//! Are two things independent? Tests of tables of counts.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::checked_gamma_ur;

/// Tables whose probabilities differ by less than this part count as equally probable: rounding makes no difference.
const SAME: f64 = 1e-10;

/// The two-sided p-value of Fisher's exact test of two groups, `(k, n)` each: of `n`, `k` are positive, and at most all. It is the probability,
/// among all tables with the same margins, of those that are not more probable than this one. 0 stands for less than
/// 10^-300.
///
/// The probabilities are made from the most probable table outwards by the ratio of neighbours, so that no factorial is
/// needed and none is too large; the tails end where they vanish beside the smallest double.
///
/// R. A. Fisher, "The logic of inductive inference", Journal of the Royal Statistical Society 98 (1935).
pub fn fisher_exact(one: (u64, u64), other: (u64, u64)) -> f64 {
    let ((k_one, n_one), (k_other, n_other)) = ((one.0.min(one.1), one.1), (other.0.min(other.1), other.1));
    let positive = k_one + k_other;
    let (least, most) = (positive.saturating_sub(n_other), n_one.min(positive));
    // How much more probable one positive more in the first group is.
    let up = |x: u64| {
        let (a, b) = ((n_one - x) as f64, (positive - x) as f64);
        a * b / ((x + 1) as f64 * (n_other + x + 1 - positive) as f64)
    };
    let mode = (u128::from(positive + 1) * u128::from(n_one + 1) / (u128::from(n_one + n_other) + 2)) as u64;
    let mode = mode.clamp(least, most);
    // Relative to the most probable table, without and with the tables that are not more probable than `limit`.
    let sums = |limit: f64| {
        let (mut all, mut rare, mut observed) = (0.0, 0.0, 0.0);
        let mut add = |x: u64, term: f64| {
            all += term;
            if term <= limit {
                rare += term;
            }
            if x == k_one {
                observed = term;
            }
        };
        add(mode, 1.0);
        let mut term = 1.0;
        for x in mode..most {
            term *= up(x);
            add(x + 1, term);
            if term < f64::MIN_POSITIVE {
                break;
            }
        }
        let mut term = 1.0;
        for x in (least..mode).rev() {
            term /= up(x);
            add(x, term);
            if term < f64::MIN_POSITIVE {
                break;
            }
        }
        (all, rare, observed)
    };
    let (_, _, observed) = sums(0.0);
    let (all, rare, _) = sums(observed * (1.0 + SAME));
    (rare / all).min(1.0)
}

/// Pearson's test that all groups have the same rate, without continuity correction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChiSquared {
    /// The statistic.
    pub statistic: f64,
    /// The degrees of freedom: one less than there are groups.
    pub degrees_of_freedom: u64,
    /// The probability of a statistic at least as large if all rates are the same.
    pub p_value: f64,
}

/// Tests whether the groups, each with `k` positive of `n`, have the same rate. `None` with less than two groups, and if
/// all or none are positive.
///
/// K. Pearson, "On the criterion …", Philosophical Magazine 50 (1900).
pub fn chi_squared(groups: &[(u64, u64)]) -> Option<ChiSquared> {
    let groups: Vec<(f64, f64)> = groups.iter().filter(|(_, n)| *n > 0).map(|(k, n)| (*k as f64, *n as f64)).collect();
    let (positive, all) = groups.iter().fold((0.0, 0.0), |(positive, all), (k, n)| (positive + k, all + n));
    if groups.len() < 2 || positive == 0.0 || positive == all {
        return None;
    }
    let rate = positive / all;
    let part = |(k, n): &(f64, f64)| (k - n * rate).powi(2) * (1.0 / (n * rate) + 1.0 / (n * (1.0 - rate)));
    let statistic: f64 = groups.iter().map(part).sum();
    let degrees_of_freedom = groups.len() as u64 - 1;
    let p_value =
        if statistic > 0.0 { checked_gamma_ur(degrees_of_freedom as f64 / 2.0, statistic / 2.0).ok()? } else { 1.0 };
    Some(ChiSquared { statistic, degrees_of_freedom, p_value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_lady_tasting_tea() {
        let p = fisher_exact((3, 4), (1, 4));
        assert!((p - 34.0 / 70.0).abs() < 1e-14, "{p}");
        assert!((fisher_exact((4, 4), (0, 4)) - 2.0 / 70.0).abs() < 1e-14);
    }

    #[test]
    fn margins_without_choice_say_nothing() {
        for table in [((0, 0), (3, 5)), ((0, 9), (0, 4)), ((9, 9), (4, 4)), ((0, 0), (0, 0))] {
            assert_eq!(fisher_exact(table.0, table.1), 1.0, "{table:?}");
        }
        assert_eq!(chi_squared(&[(1, 2)]), None);
        assert_eq!(chi_squared(&[(0, 2), (0, 3)]), None);
        assert_eq!(chi_squared(&[(2, 2), (0, 0), (3, 3)]), None);
        assert_eq!(chi_squared(&[(1, 2), (2, 4)]).unwrap().p_value, 1.0);
    }

    #[test]
    fn a_billion_is_not_too_many() {
        let p = fisher_exact((500_000_000, 1_000_000_000), (500_050_000, 1_000_000_000));
        let near = chi_squared(&[(500_000_000, 1_000_000_000), (500_050_000, 1_000_000_000)]).unwrap().p_value;
        assert!((p / near - 1.0).abs() < 1e-3, "{p} {near}");
        assert_eq!(fisher_exact((0, 1_000_000_000), (1_000_000_000, 1_000_000_000)), 0.0);
    }

    /// All tables, by the definition.
    fn by_definition(one: (u64, u64), other: (u64, u64)) -> f64 {
        let choose = |n: u64, k: u64| (0..k).map(|at| (n - at) as f64 / (at + 1) as f64).product::<f64>();
        let positive = one.0 + other.0;
        let tables = positive.saturating_sub(other.1)..=one.1.min(positive);
        let weight = |x: u64| choose(one.1, x) * choose(other.1, positive - x);
        let observed = weight(one.0);
        let all: f64 = tables.clone().map(weight).sum();
        tables.map(weight).filter(|weight| *weight <= observed * (1.0 + 1e-9)).sum::<f64>() / all
    }

    proptest! {
        #[test]
        fn fisher_is_its_definition(n_one in 0..40_u64, n_other in 0..40_u64, parts in (0.0..=1.0_f64, 0.0..=1.0_f64)) {
            let one = ((n_one as f64 * parts.0) as u64, n_one);
            let other = ((n_other as f64 * parts.1) as u64, n_other);
            let (found, expected) = (fisher_exact(one, other), by_definition(one, other));
            prop_assert!((found - expected).abs() < 1e-11, "{found} {expected}");
            prop_assert!((fisher_exact(other, one) - found).abs() < 1e-11);
        }
    }
}
