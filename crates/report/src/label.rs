//! What a group is called where people read, and in CSV: its value, or that it is missing.

/// Stands for a value that is missing.
const MISSING: &str = "(missing)";

/// Stands between the values of crossed groups.
pub(crate) const CROSS: &str = " × ";

/// The value, or that it is missing. A text that could be taken for something else stands in double quotes, as a JSON
/// string.
pub(crate) fn shown(value: Option<&str>) -> String {
    match value {
        None => MISSING.to_owned(),
        Some(text) if text == MISSING || text.starts_with('"') || text.contains(CROSS) => {
            serde_json::Value::from(text).to_string()
        }
        Some(text) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_values_are_called_the_same() {
        assert_eq!((shown(None), shown(Some("female"))), ("(missing)".to_owned(), "female".to_owned()));
        assert_eq!(shown(Some("(missing)")), "\"(missing)\"");
        assert_eq!(shown(Some("\"(missing)\"")), r#""\"(missing)\"""#);
        assert_eq!(shown(Some("a × b")), "\"a × b\"");
    }
}
