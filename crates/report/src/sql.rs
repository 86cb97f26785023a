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

/// The first decision of each id that a table of reviews or outcomes names, as `of_decision` and `of_leaf`: of several decisions
/// with one id it is the one that they are about, as in `ai_audit_logs`.
pub(crate) fn first_decisions(table: &str) -> String {
    format!(
        "(SELECT decision_id AS of_decision, min(leaf_index) AS of_leaf FROM decisions \
         WHERE decision_id IN (SELECT decision_id FROM {table}) GROUP BY decision_id)"
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
