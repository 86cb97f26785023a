//! SQL literals. Every value that a caller names goes into a query through here.

/// A text literal of standard SQL, in which only the quote itself is written twice.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_nothing_else() {
        assert_eq!(text(r"it's \ 'x'"), r"'it''s \ ''x'''");
    }
}
