//! Our figures beside those of scipy, statsmodels, scikit-learn and fairlearn, to nine digits.

#![allow(clippy::unwrap_used)]

mod reference;
