//! Percentiles of times, from counts: to three significant digits, so that there are some thousand groups at most however
//! many decisions there are.

use crate::source::{Error, Rows, Source};

/// How often each time was taken, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spread(Vec<(f64, u64)>);

impl Spread {
    /// Asks how the values of a numeric expression spread; `from` is what follows FROM. Negative values and nulls are left
    /// out.
    pub(crate) async fn ask<S: Source + ?Sized>(source: &S, value: &str, from: &str) -> Result<Self, Error<S::Error>> {
        let sql = format!(
            "SELECT exponent, round(value / power(10, exponent))::bigint AS digits, count(*) AS times FROM (\
             SELECT value, CASE WHEN value < 0.001 THEN -5 ELSE floor(log10(value))::bigint - 2 END AS exponent \
             FROM (SELECT {value} AS value FROM {from}) AS given WHERE value >= 0) AS shortened \
             GROUP BY exponent, digits"
        );
        let rows = Rows::of(source, sql).await?;
        let (exponents, digits, counts) = (rows.integers("exponent")?, rows.integers("digits")?, rows.counts("times")?);
        let mut values = Vec::with_capacity(rows.len());
        for at in 0..rows.len() {
            let (Some(exponent), Some(digits)) = (exponents[at], digits[at]) else {
                return Err(Error::Answer("digits"));
            };
            let value: f64 = format!("{digits}e{exponent}").parse().map_err(|_| Error::Answer("digits"))?;
            values.push((value, counts[at]));
        }
        values.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        Ok(Self(values))
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The least value that at least `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = (u128::from(self.count()) * u128::from(percent)).div_ceil(100);
        let mut seen = 0_u128;
        self.0.iter().find_map(|(value, count)| {
            seen += u128::from(*count);
            (seen >= rank).then_some(*value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let values = Spread((1..=100).map(|at| (f64::from(at), 1)).collect());
        assert_eq!([50, 95, 99].map(|percent| values.percentile(percent)), [Some(50.0), Some(95.0), Some(99.0)]);
        assert_eq!([50, 95, 99].map(|percent| Spread(vec![(7.0, 1)]).percentile(percent)), [Some(7.0); 3]);
        assert_eq!(Spread(vec![(1.0, 99), (9.0, 1)]).percentile(99), Some(1.0));
        assert_eq!(Spread(vec![(1.0, 98), (9.0, 2)]).percentile(99), Some(9.0));
        assert_eq!(Spread::default().percentile(50), None);
    }
}
