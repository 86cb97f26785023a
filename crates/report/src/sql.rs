//! SQL literals. Every value that a caller names goes into a query through here.

/// A text literal of standard SQL, in which only the quote itself is written twice.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// What [`scaled_sql`] divides by: 2⁶⁴, so that digits stay, and no sum of as many doubles is infinite.
pub(crate) const UNIT: f64 = 18_446_744_073_709_551_616.0;

/// A number in [`UNIT`]s, for sums that overflow otherwise; beside such sums the smallest numbers are none.
pub(crate) fn scaled_sql(number: &str) -> String {
    format!(
        "(CASE WHEN abs({number}) < '1e-200'::double precision THEN '0'::double precision \
         ELSE {number} / '{UNIT:?}'::double precision END)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_nothing_else() {
        assert_eq!(text(r"it's \ 'x'"), r"'it''s \ ''x'''");
    }
}
