//! Differential privacy: answers that tell next to nothing of any one person.
//!
//! The guarantee: whether a person's decisions are among those that were counted changes the probability of any answer
//! by a factor of at most e^ε (C. Dwork, F. McSherry, K. Nissim, A. Smith, "Calibrating noise to sensitivity in private
//! data analysis", TCC 2006). It holds for a person with at most as many decisions as the *sensitivity* was made for;
//! whoever asks has to leave out what is more. Two answers together give the sum of their ε; what is made of noisy counts
//! alone costs nothing more.
//!
//! Noise is that of OpenDP: exact samples of the discrete Laplace distribution, without floating point, with randomness
//! of the operating system's generator (C. Canonne, G. Kamath, T. Steinke, "The discrete Gaussian for differential
//! privacy", NeurIPS 2020, §5).

use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_laplace;
use opendp::measures::MaxDivergence;
use opendp::metrics::L1Distance;
use std::fmt;

/// Beyond this ε the answer is not private in any sense.
const EPSILON_MAX: f64 = 10.0;

/// Below this ε the noise is larger than any count.
const EPSILON_MIN: f64 = 1e-6;

/// A loss of privacy.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Epsilon(f64);

/// Why there is no private answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Ask with another ε.
    #[error("epsilon must be a number from {EPSILON_MIN} to {EPSILON_MAX}")]
    Epsilon,
    /// There is no noise to be had; try again.
    #[error("noise cannot be made: {0}")]
    Noise(String),
}

impl Epsilon {
    /// A loss of so much.
    ///
    /// # Errors
    /// [`Error::Epsilon`].
    pub fn new(epsilon: f64) -> Result<Self, Error> {
        if (EPSILON_MIN..=EPSILON_MAX).contains(&epsilon) { Ok(Self(epsilon)) } else { Err(Error::Epsilon) }
    }

    /// As a number.
    pub fn value(self) -> f64 {
        self.0
    }

    /// One of `parts` equal parts, which together cost as much as this.
    #[must_use]
    pub fn split(self, parts: u32) -> Self {
        Self(self.0 / f64::from(parts.max(1)))
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The counts with discrete Laplace noise. `sensitivity` is by how much one person can change all of them together (the
/// L1 distance); all of them together cost `epsilon`.
///
/// # Errors
/// [`Error::Noise`].
pub fn noisy(counts: &[u64], epsilon: Epsilon, sensitivity: u64) -> Result<Vec<i64>, Error> {
    if sensitivity == 0 {
        // There would be no noise.
        return Err(Error::Noise("the sensitivity must be at least 1".to_owned()));
    }
    let failed = |error: opendp::error::Error| Error::Noise(error.to_string());
    let counts = counts.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX)).collect();
    let scale = sensitivity as f64 / epsilon.0;
    let (domain, metric) = (VectorDomain::new(AtomDomain::<i64>::default()), L1Distance::<u64>::default());
    let measurement = make_laplace::<_, _, MaxDivergence>(domain, metric, scale, None).map_err(failed)?;
    // The library's own account of what this costs, which rounds up, is not more than was asked for.
    let cost = measurement.map(&sensitivity).map_err(failed)?;
    if cost > epsilon.0 * (1.0 + 1e-9) {
        return Err(Error::Noise(format!("it would cost {cost} instead of {epsilon}")));
    }
    measurement.invoke(&counts).map_err(failed)
}

/// A part of a whole, both noisy, from 0 to 1; `None` if the whole is not positive.
pub fn noisy_rate(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_epsilon() {
        for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 10.1, 1e-9] {
            assert!(Epsilon::new(epsilon).is_err(), "{epsilon}");
        }
        assert_eq!(Epsilon::new(1.0).unwrap().split(4).value(), 0.25);
        assert!(noisy(&[1], Epsilon::new(1.0).unwrap(), 0).is_err(), "an exact answer is not private");
    }

    /// Mean and variance of 20,000 draws are those of the discrete Laplace distribution. The bounds are more than ten
    /// standard deviations wide.
    #[test]
    fn the_noise_is_discrete_laplace() {
        for (epsilon, sensitivity) in [(1.0, 1), (0.5, 2)] {
            let draws = noisy(&[1_000; 20_000], Epsilon::new(epsilon).unwrap(), sensitivity).unwrap();
            let count = draws.len() as f64;
            let mean = draws.iter().map(|draw| *draw as f64 - 1_000.0).sum::<f64>() / count;
            let variance = draws.iter().map(|draw| (*draw as f64 - 1_000.0).powi(2)).sum::<f64>() / count;
            let q = (-epsilon / sensitivity as f64).exp();
            let expected = 2.0 * q / (1.0 - q).powi(2);
            assert!(mean.abs() < 11.0 * (expected / count).sqrt(), "{mean}");
            assert!((variance / expected - 1.0).abs() < 0.25, "{variance} {expected}");
        }
    }

    /// No answer is more than e^ε times as probable with one decision more.
    #[test]
    fn one_more_changes_no_probability_by_more_than_promised() {
        const DRAWS: usize = 40_000;
        let epsilon = Epsilon::new(1.0).unwrap();
        let frequency = |count: u64| {
            let draws = noisy(&[count; DRAWS], epsilon, 1).unwrap();
            (98..=103).map(|value| draws.iter().filter(|draw| **draw == value).count() as f64).collect::<Vec<_>>()
        };
        for (one, other) in frequency(100).into_iter().zip(frequency(101)) {
            let bound = 1.0_f64.exp() * other + 10.0 * (1.0_f64.exp() * other).sqrt() + 10.0 * one.sqrt();
            assert!(one <= bound, "{one} {other}");
            let bound = 1.0_f64.exp() * one + 10.0 * (1.0_f64.exp() * one).sqrt() + 10.0 * other.sqrt();
            assert!(other <= bound, "{one} {other}");
        }
    }

    #[test]
    fn a_rate_of_noise_is_a_rate() {
        assert_eq!(noisy_rate(5, 10), Some(0.5));
        assert_eq!((noisy_rate(-3, 10), noisy_rate(12, 10)), (Some(0.0), Some(1.0)));
        assert_eq!((noisy_rate(1, 0), noisy_rate(1, -4)), (None, None));
    }
}
