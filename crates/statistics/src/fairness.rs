//! Do groups fare alike? A measurement, not a verdict.
//!
//! Each group is compared with a reference: the group with the highest rate, unless another is asked for. Decisions whose
//! group is not known are a group of their own: it is counted and compared, but is no reference.
//!
//! A small group is suppressed, so that a report tells nothing about a few persons. What is hidden must not come back by
//! subtraction from the total: at least two groups are hidden then, and together they are not small; the next smallest are
//! hidden too until that is so. That all of a large group were decided alike is not hidden: it is what fairness asks for.

use crate::contingency::{ChiSquared, chi_squared, fisher_exact};
use crate::multiple::holm;
use crate::proportion::wilson;
use crate::ratio;
use serde::{Deserialize, Serialize};

/// A rate below this part of the reference's is adverse impact by the rule of four fifths (29 CFR § 1607.4 D).
pub const FOUR_FIFTHS: f64 = 0.8;

/// What was counted of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whether it is that of decisions whose group is not known.
    pub is_missing: bool,
    /// Decisions.
    pub n: u64,
    /// Positive ones among them.
    pub k: u64,
    /// Those whose outcome is known.
    pub confusion: Confusion,
}

/// Decisions whose outcome is known, by decision and outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Decided positive, and the outcome was.
    pub true_positive: u64,
    /// Decided positive, and the outcome was not.
    pub false_positive: u64,
    /// Decided negative, and the outcome was positive.
    pub false_negative: u64,
    /// Decided negative, and the outcome was too.
    pub true_negative: u64,
}

/// What was measured of one group. Everything is null if it is suppressed, and what cannot be estimated is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Measure {
    /// Decisions.
    pub n: Option<u64>,
    /// Positive ones among them.
    pub k: Option<u64>,
    /// Their part, from 0 to 1.
    pub rate: Option<f64>,
    /// The lower end of the 95 % Wilson interval of the rate.
    pub wilson_low: Option<f64>,
    /// Its upper end.
    pub wilson_high: Option<f64>,
    /// The rate, as a part of the reference's.
    pub ratio: Option<f64>,
    /// The rate less the reference's.
    pub difference: Option<f64>,
    /// Whether the ratio is at least four fifths.
    pub passes_four_fifths: Option<bool>,
    /// Fisher's exact test against the reference, two-sided; null for the reference.
    pub p_value: Option<f64>,
    /// The same, corrected for as many tests as there are groups (Holm).
    pub p_value_holm: Option<f64>,
    /// Decisions whose outcome is known.
    pub n_outcome: Option<u64>,
    /// Of those whose outcome was positive, the part that was decided so.
    pub tpr: Option<f64>,
    /// Of those whose outcome was not positive, the part that was decided so.
    pub fpr: Option<f64>,
    /// Of those that were decided positive, the part whose outcome was.
    pub ppv: Option<f64>,
    /// Whether the group is too small to be shown, or would give one away that is.
    pub suppressed: bool,
}

/// All decisions together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Total {
    /// Decisions.
    pub n: u64,
    /// Positive ones among them; null if every group is suppressed and all together are too few to be shown.
    pub k: Option<u64>,
    /// Their part; null without decisions, and where `k` is.
    pub rate: Option<f64>,
}

/// What was measured of all groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Fairness {
    /// The group that the others are compared with.
    pub reference: Option<usize>,
    /// All decisions, also those of suppressed groups.
    pub total: Total,
    /// The groups, in the order given.
    pub groups: Vec<Measure>,
    /// Whether all groups that are shown have the same rate.
    pub chi_squared: Option<ChiSquared>,
    /// The least rate as a part of the greatest, of known groups that are shown.
    pub demographic_parity_ratio: Option<f64>,
    /// The greatest rate less the least, of known groups that are shown.
    pub demographic_parity_difference: Option<f64>,
    /// The greater of the differences in `tpr` and `fpr` between known groups that are shown; `None` if one of them cannot be
    /// estimated for one of the groups.
    ///
    /// M. Hardt, E. Price, N. Srebro, "Equality of opportunity in supervised learning", NeurIPS (2016).
    pub equalized_odds_difference: Option<f64>,
}

/// Measures groups, none of which is shown with fewer than `min_group` decisions. `reference` is the group to compare
/// with, if one is asked for.
pub fn measure(groups: &[Counts], min_group: u64, reference: Option<usize>) -> Fairness {
    let is_hidden = hidden(groups, min_group);
    let shown: Vec<&Counts> = groups.iter().zip(&is_hidden).filter(|(_, hidden)| !**hidden).map(|(g, _)| g).collect();
    let reference = match reference {
        Some(asked) => Some(asked).filter(|at| is_hidden.get(*at) == Some(&false)),
        None => best(groups, &is_hidden),
    };
    let of_reference = reference.map(|at| groups[at]);
    let mut measures: Vec<Measure> = (groups.iter().zip(&is_hidden).enumerate())
        .map(|(at, (group, hidden))| match hidden {
            true => Measure { suppressed: true, ..Measure::default() },
            false => of_group(group, of_reference.filter(|_| reference != Some(at)), reference == Some(at), min_group),
        })
        .collect();
    let corrected = holm(&measures.iter().map(|measure| measure.p_value).collect::<Vec<_>>());
    measures.iter_mut().zip(corrected).for_each(|(measure, p)| measure.p_value_holm = p);
    let known: Vec<&Measure> =
        (measures.iter().zip(groups).filter(|(m, group)| !m.suppressed && !group.is_missing && group.n > 0))
            .map(|(m, _)| m)
            .collect();
    let rates = range(known.iter().map(|measure| measure.rate));
    let odds = [range(known.iter().map(|measure| measure.tpr)), range(known.iter().map(|measure| measure.fpr))];
    Fairness {
        reference,
        total: total(groups, &is_hidden, min_group),
        chi_squared: chi_squared(&shown.iter().map(|group| (group.k, group.n)).collect::<Vec<_>>()),
        demographic_parity_ratio: rates.and_then(|(least, greatest)| ratio(least, greatest)),
        demographic_parity_difference: rates.map(|(least, greatest)| greatest - least),
        equalized_odds_difference: match odds {
            [Some(tpr), Some(fpr)] => Some((tpr.1 - tpr.0).max(fpr.1 - fpr.0)),
            _ => None,
        },
        groups: measures,
    }
}

/// Which groups are not shown.
fn hidden(groups: &[Counts], min_group: u64) -> Vec<bool> {
    // An empty group gives nobody away.
    let mut by_size: Vec<usize> = (0..groups.len()).filter(|at| groups[*at].n > 0).collect();
    by_size.sort_by_key(|at| groups[*at].n);
    let small = by_size.iter().take_while(|at| groups[**at].n < min_group).count();
    let together = |count: usize| by_size[..count].iter().map(|at| groups[*at].n).sum::<u64>();
    let enough = |count: usize| small == 0 || count >= 2 && together(count) >= min_group;
    let count = (small..by_size.len()).find(|count| enough(*count)).unwrap_or(by_size.len());
    let mut hidden = vec![false; groups.len()];
    by_size[..count].iter().for_each(|at| hidden[*at] = true);
    hidden
}

/// All decisions together. Where no group is shown they are one group themselves, and hidden if it is too small.
fn total(groups: &[Counts], is_hidden: &[bool], min_group: u64) -> Total {
    let (n, k) = groups.iter().fold((0, 0), |(n, k), group| (n + group.n, k + group.k));
    let is_one = groups.iter().zip(is_hidden).all(|(group, hidden)| *hidden || group.n == 0);
    if is_one && (1..min_group).contains(&n) {
        return Total { n, k: None, rate: None };
    }
    Total { n, k: Some(k), rate: ratio(k as f64, n as f64) }
}

/// The group with the highest rate; of several the largest, and of these the first.
fn best(groups: &[Counts], is_hidden: &[bool]) -> Option<usize> {
    let may = |at: &usize| !is_hidden[*at] && !groups[*at].is_missing && groups[*at].n > 0;
    let rate = |group: &Counts| group.k as f64 / group.n as f64;
    let better = |one: &usize, other: &usize| {
        let (left, right) = (&groups[*one], &groups[*other]);
        rate(left).total_cmp(&rate(right)).then(left.n.cmp(&right.n)).then(other.cmp(one))
    };
    (0..groups.len()).filter(may).max_by(better)
}

fn of_group(group: &Counts, reference: Option<Counts>, is_reference: bool, min_group: u64) -> Measure {
    let rate = ratio(group.k as f64, group.n as f64);
    let interval = wilson(group.k, group.n);
    let of_reference =
        if is_reference { rate } else { reference.and_then(|other| ratio(other.k as f64, other.n as f64)) };
    // One division of whole numbers, not of two rates that are rounded already: 60 of 100 are four fifths of 3 of 4.
    let other = if is_reference { Some(*group) } else { reference };
    let cross = |k: u64, n: u64| u128::from(k) * u128::from(n);
    let products = other.filter(|_| group.n > 0).map(|other| (cross(group.k, other.n), cross(other.k, group.n)));
    let relative = products.and_then(|(part, whole)| ratio(part as f64, whole as f64));
    let passes = products.filter(|(_, whole)| *whole > 0).map(|(part, whole)| 5 * part >= 4 * whole);
    let Confusion { true_positive, false_positive, false_negative, true_negative } = group.confusion;
    let n_outcome = true_positive + false_positive + false_negative + true_negative;
    // Of a few persons whose outcome is known, a rate would tell it.
    let part = |part: u64, rest: u64| {
        if n_outcome < min_group { None } else { ratio(part as f64, (part + rest) as f64) }
    };
    Measure {
        n: Some(group.n),
        k: Some(group.k),
        rate,
        wilson_low: interval.map(|interval| interval.low),
        wilson_high: interval.map(|interval| interval.high),
        ratio: relative,
        difference: rate.zip(of_reference).map(|(rate, best)| rate - best),
        passes_four_fifths: passes,
        p_value: reference.filter(|_| group.n > 0).map(|other| fisher_exact((group.k, group.n), (other.k, other.n))),
        p_value_holm: None,
        n_outcome: Some(n_outcome),
        tpr: part(true_positive, false_negative),
        fpr: part(false_positive, true_negative),
        ppv: part(true_positive, false_positive),
        suppressed: false,
    }
}

/// The least and the greatest, if there are two values or more and none is `None`.
fn range(values: impl Iterator<Item = Option<f64>>) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    let (least, greatest) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
    (values.len() > 1).then_some((least, greatest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(n: u64, k: u64) -> Counts {
        Counts { n, k, ..Counts::default() }
    }

    #[test]
    fn each_group_is_compared_with_the_best() {
        let measured = measure(&[counts(100, 40), counts(200, 100), counts(50, 20)], 10, None);
        assert_eq!(measured.reference, Some(1));
        assert_eq!(measured.total, Total { n: 350, k: Some(160), rate: Some(160.0 / 350.0) });
        let [one, best, _] = &measured.groups[..] else { panic!() };
        assert_eq!((one.ratio, one.passes_four_fifths), (Some(0.8), Some(true)));
        assert_eq!((best.ratio, best.difference, best.p_value), (Some(1.0), Some(0.0), None));
        assert!(one.p_value.unwrap() < one.p_value_holm.unwrap());
        assert_eq!(measured.demographic_parity_ratio, Some(0.8));
        assert_eq!(measure(&[counts(100, 40), counts(200, 100)], 10, Some(0)).groups[1].ratio, Some(1.25));
    }

    #[test]
    fn exactly_four_fifths_pass() {
        let measured = measure(&[counts(100, 60), counts(4, 3)], 1, Some(1));
        assert_eq!((measured.groups[0].ratio, measured.groups[0].passes_four_fifths), (Some(0.8), Some(true)));
        let billion = 1_000_000_000;
        let measured = measure(&[counts(billion, 399_999_999), counts(billion, 500_000_000)], 1, None);
        assert_eq!(measured.groups[0].passes_four_fifths, Some(false));
    }

    #[test]
    fn n4_the_missing_group_is_counted_and_is_no_reference() {
        let missing = Counts { is_missing: true, ..counts(30, 30) };
        let measured = measure(&[counts(50, 20), missing, counts(40, 10)], 10, None);
        assert_eq!((measured.reference, measured.total.n, measured.total.k), (Some(0), 120, Some(60)));
        assert_eq!(measured.groups.iter().map(|group| group.n.unwrap()).sum::<u64>(), measured.total.n);
        assert_eq!(measured.groups[1].ratio, Some(2.5));
    }

    #[test]
    fn n5_what_cannot_be_estimated_is_not_perfect() {
        let confusion = |tp, fp, fneg, tn| Confusion {
            true_positive: tp,
            false_positive: fp,
            false_negative: fneg,
            true_negative: tn,
        };
        let without = Counts { confusion: confusion(0, 5, 0, 15), ..counts(20, 5) };
        let with = Counts { confusion: confusion(5, 5, 5, 5), ..counts(20, 10) };
        let measured = measure(&[without, with], 1, None);
        assert_eq!((measured.groups[0].tpr, measured.groups[0].fpr), (None, Some(0.25)));
        assert_eq!(measured.equalized_odds_difference, None);
        assert_eq!(measure(&[with, with], 1, None).equalized_odds_difference, Some(0.0));
        assert_eq!(measure(&[with, with], 21, None).groups[0].tpr, None);
        let nothing = measure(&[], 10, None);
        assert_eq!((nothing.total.rate, nothing.reference, nothing.chi_squared), (None, None, None));
        let never = measure(&[counts(20, 0), counts(30, 0)], 10, None);
        assert_eq!((never.groups[0].ratio, never.groups[0].p_value), (None, Some(1.0)));
    }

    #[test]
    fn a_suppressed_group_hides_another() {
        let shown = |sizes: &[u64], min_group| {
            let groups: Vec<Counts> = sizes.iter().map(|n| counts(*n, n / 2)).collect();
            let measured = measure(&groups, min_group, None);
            measured.groups.iter().map(|group| group.n.unwrap_or(0)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[100, 9, 50, 30], 10), [100, 0, 50, 0]);
        assert_eq!(shown(&[100, 9, 50, 3], 10), [100, 0, 50, 0]);
        assert_eq!(shown(&[100, 4, 50, 3], 10), [100, 0, 0, 0]);
        assert_eq!(shown(&[100, 3], 10), [0, 0]);
        assert_eq!(shown(&[100, 1, 1], 1), [100, 1, 1]);
        assert_eq!(shown(&[100, 10], 10), [100, 10]);
        assert_eq!(shown(&[100, 0, 30], 10), [100, 0, 30]);
        let measured = measure(&[counts(100, 50), counts(3, 3), counts(40, 10), counts(30, 2)], 10, Some(1));
        assert_eq!(measured.reference, None, "a suppressed group is no reference");
        assert!(measured.groups.iter().all(|group| group.p_value.is_none() && group.ratio.is_none()));
    }

    #[test]
    fn a_total_of_a_few_tells_no_decision() {
        let total = |sizes: &[u64]| {
            let groups: Vec<Counts> = sizes.iter().map(|n| counts(*n, *n)).collect();
            measure(&groups, 10, None).total
        };
        assert_eq!(total(&[3, 4, 0]), Total { n: 7, k: None, rate: None });
        assert_eq!(total(&[5, 5]), Total { n: 10, k: Some(10), rate: Some(1.0) });
        assert_eq!(total(&[0]), Total { n: 0, k: Some(0), rate: None });
    }

    #[test]
    fn an_empty_group_is_in_no_figure() {
        let measured = measure(&[counts(20, 5), counts(0, 0), counts(40, 20)], 10, None);
        assert_eq!((measured.groups[1].n, measured.groups[1].rate, measured.groups[1].p_value), (Some(0), None, None));
        assert_eq!(measured.groups[0].p_value, measured.groups[0].p_value_holm, "there is one test");
        assert_eq!(measured.demographic_parity_ratio, Some(0.5));
    }

    proptest! {
        /// Who knows the total and all that is shown knows the sum of two groups or more, of enough decisions.
        #[test]
        fn what_is_hidden_cannot_be_got_back(sizes in prop::collection::vec(1..60_u64, 0..8), min_group in 1..30_u64) {
            let groups: Vec<Counts> = sizes.iter().map(|n| counts(*n, n / 3)).collect();
            let measured = measure(&groups, min_group, None);
            let hidden: Vec<u64> =
                sizes.iter().zip(&measured.groups).filter(|(_, group)| group.suppressed).map(|(n, _)| *n).collect();
            let shown: u64 = measured.groups.iter().filter_map(|group| group.n).sum();
            let left = measured.total.n - shown;
            prop_assert_eq!(left, hidden.iter().sum::<u64>());
            prop_assert!(hidden.is_empty() || hidden.len() == sizes.len() || hidden.len() > 1 && left >= min_group);
            prop_assert!(measured.groups.iter().all(|group| group.suppressed || group.n >= Some(min_group)));
            prop_assert_eq!(hidden.is_empty(), sizes.iter().all(|n| *n >= min_group));
        }
    }
}
