//! Statistics of decisions: intervals, tests, calibration, fairness, differential privacy. Pure functions.
//!
//! They work on counts and sums, which a database can make of any number of decisions, never on the decisions themselves.
//! What holds everywhere: what cannot be estimated is `None`, and no result is NaN or infinite. `tests/it` compares them
//! with fairlearn, scikit-learn, scipy and statsmodels on real data.

pub mod calibration;
pub mod contingency;
pub mod fairness;
pub mod multiple;
pub mod privacy;
pub mod proportion;

/// A part of a whole; `None` if the whole is nothing.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole != 0.0).then(|| part / whole).filter(|ratio| ratio.is_finite())
}
