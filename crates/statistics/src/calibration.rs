//! Is a probability of 0.8 right eight times of ten?
//!
//! Probabilities are from 0 to 1 and stand for an outcome that is either positive or not. They come in bins that are
//! closed on the left, the last one on both sides, as those of `numpy.histogram`.

use crate::proportion::wilson;
use crate::ratio;
use serde::{Deserialize, Serialize};

/// Counts and sums of the probabilities in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Its lower edge.
    pub low: f64,
    /// Its upper edge.
    pub high: f64,
    /// Probabilities in it.
    pub count: u64,
    /// Their sum.
    pub probability_sum: f64,
    /// The sum of their squares.
    pub probability_square_sum: f64,
    /// How many outcomes were positive.
    pub outcomes: u64,
    /// The sum of the probabilities whose outcome was positive.
    pub probability_outcome_sum: f64,
}

/// One point of a reliability diagram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reliability {
    /// The lower edge of the bin.
    pub low: f64,
    /// Its upper edge.
    pub high: f64,
    /// Decisions in it whose outcome is known.
    pub count: u64,
    /// Their mean probability; null without any.
    pub mean_confidence: Option<f64>,
    /// The part of them whose outcome was positive; null without any.
    pub observed: Option<f64>,
    /// The lower end of the 95 % Wilson interval of `observed`.
    pub wilson_low: Option<f64>,
    /// Its upper end.
    pub wilson_high: Option<f64>,
}

/// The Brier score and what it is made of: `reliability − resolution + uncertainty + within_bin`.
///
/// A. H. Murphy, "A new vector partition of the probability score", Journal of Applied Meteorology 12 (1973); what is
/// left inside bins: D. B. Stephenson, C. A. S. Coelho, I. T. Jolliffe, "Two extra components in the Brier score
/// decomposition", Weather and Forecasting 23 (2008).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Brier {
    /// The mean squared difference of probability and outcome: 0 is perfect.
    pub score: f64,
    /// How far the bins' mean probabilities are from what came: less is better.
    pub reliability: f64,
    /// How far what came differs between bins: more is better.
    pub resolution: f64,
    /// The variance of the outcomes themselves.
    pub uncertainty: f64,
    /// The variance of probabilities inside bins, less twice their covariance with the outcomes.
    pub within_bin: f64,
}

/// So many edges of bins of the same width and one more, from 0 to 1, each the double nearest to its decimal: 0.3 is the
/// edge of the bin that begins at 0.3. There is always one bin.
pub fn edges_equal_width(bins: u32) -> Vec<f64> {
    let bins = bins.max(1);
    (0..=bins).map(|at| f64::from(at) / f64::from(bins)).collect()
}

/// Edges of bins that hold about the same number of values each, from the quantiles: those that differ. If all values are
/// the same there is one bin, with this value at both ends.
pub fn edges_equal_mass(quantiles: &[f64]) -> Vec<f64> {
    let mut edges = quantiles.to_vec();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    if let [only] = edges[..] {
        edges.push(only);
    }
    edges
}

/// The points of the reliability diagram.
pub fn reliability(bins: &[Bin]) -> Vec<Reliability> {
    let point = |bin: &Bin| {
        let interval = wilson(bin.outcomes, bin.count);
        Reliability {
            low: bin.low,
            high: bin.high,
            count: bin.count,
            mean_confidence: ratio(bin.probability_sum, bin.count as f64),
            observed: ratio(bin.outcomes as f64, bin.count as f64),
            wilson_low: interval.map(|interval| interval.low),
            wilson_high: interval.map(|interval| interval.high),
        }
    };
    bins.iter().map(point).collect()
}

/// The Brier score; `None` without values.
///
/// G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).
pub fn brier(bins: &[Bin]) -> Option<Brier> {
    let sum = |value: fn(&Bin) -> f64| bins.iter().map(value).sum::<f64>();
    let count = sum(|bin| bin.count as f64);
    let base = ratio(sum(|bin| bin.outcomes as f64), count)?;
    let squares = sum(|bin| bin.probability_square_sum - 2.0 * bin.probability_outcome_sum + bin.outcomes as f64);
    let mean = |value: &dyn Fn(&Bin, f64, f64) -> f64| {
        let of = |bin: &Bin| {
            let n = bin.count as f64;
            value(bin, bin.probability_sum / n, bin.outcomes as f64 / n)
        };
        bins.iter().filter(|bin| bin.count > 0).map(of).sum::<f64>() / count
    };
    Some(Brier {
        score: (squares / count).max(0.0),
        reliability: mean(&|bin, probability, observed| bin.count as f64 * (probability - observed).powi(2)),
        resolution: mean(&|bin, _, observed| bin.count as f64 * (observed - base).powi(2)),
        uncertainty: base * (1.0 - base),
        within_bin: mean(&|bin, probability, observed| {
            let n = bin.count as f64;
            let variance = bin.probability_square_sum - n * probability * probability;
            variance - 2.0 * (bin.probability_outcome_sum - n * probability * observed)
        }),
    })
}

/// The expected calibration error: the mean distance of probability and observed rate, weighted by the bins' counts;
/// `None` without values.
///
/// M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
/// (2015).
pub fn expected_calibration_error(bins: &[Bin]) -> Option<f64> {
    let count: u64 = bins.iter().map(|bin| bin.count).sum();
    let distance = |bin: &Bin| (bin.probability_sum - bin.outcomes as f64).abs();
    ratio(bins.iter().map(distance).sum(), count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bins of single values, by the definition.
    pub(crate) fn bins(values: &[(f64, bool)], edges: &[f64]) -> Vec<Bin> {
        let last = edges.len() - 2;
        let mut bins: Vec<Bin> =
            edges.windows(2).map(|edge| Bin { low: edge[0], high: edge[1], ..Bin::default() }).collect();
        for (probability, outcome) in values {
            let bin = &mut bins[edges[1..=last].iter().filter(|edge| probability >= *edge).count()];
            bin.count += 1;
            bin.probability_sum += probability;
            bin.probability_square_sum += probability * probability;
            bin.outcomes += u64::from(*outcome);
            bin.probability_outcome_sum += if *outcome { *probability } else { 0.0 };
        }
        bins
    }

    #[test]
    fn n1_n2_edges_are_where_they_belong() {
        let edges = edges_equal_width(10);
        let at = |value: f64| bins(&[(value, false)], &edges).iter().position(|bin| bin.count == 1).unwrap();
        for (value, bin) in [(0.0, 0), (0.3, 3), (0.7, 7), (0.6, 6), (0.95, 9), (1.0, 9), (0.299_999_999_999, 2)] {
            assert_eq!(at(value), bin, "{value}");
        }
        // The two of the last bin: mean 0.975, half of them right.
        let error = expected_calibration_error(&bins(&[(0.95, true), (1.0, false)], &edges)).unwrap();
        assert!((error - 0.475).abs() < 1e-12, "{error}");
    }

    #[test]
    fn n3_equal_probabilities_are_one_bin_with_its_error() {
        let values = [(0.8, true), (0.8, false), (0.8, false), (0.8, false)];
        let edges = edges_equal_mass(&[0.8; 11]);
        assert_eq!(edges, [0.8, 0.8]);
        let bins = bins(&values, &edges);
        assert_eq!((bins.len(), bins[0].count), (1, 4));
        assert!((expected_calibration_error(&bins).unwrap() - 0.55).abs() < 1e-12);
    }

    #[test]
    fn nothing_has_no_error() {
        let bins = bins(&[], &edges_equal_width(10));
        assert_eq!((brier(&bins), expected_calibration_error(&bins)), (None, None));
        assert!(reliability(&bins).iter().all(|point| point.observed.is_none() && point.wilson_low.is_none()));
    }

    proptest! {
        #[test]
        fn the_parts_add_up(values in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 1..200), count in 1..20_u32) {
            let bins = bins(&values, &edges_equal_width(count));
            let parts = brier(&bins).unwrap();
            let expected = values.iter().map(|(p, o)| (p - f64::from(u8::from(*o))).powi(2)).sum::<f64>() / values.len() as f64;
            prop_assert!((parts.score - expected).abs() < 1e-12);
            let sum = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bin;
            prop_assert!((parts.score - sum).abs() < 1e-12, "{:?}", parts);
        }
    }
}
