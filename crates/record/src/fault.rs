//! What is wrong with a record, and where.
//!
//! A fault names a place by JSON pointer (RFC 6901) and the rule that is broken there. It never repeats a value, so
//! that it can be logged and shown: member names are its only content of the record, and long ones are shortened.

use std::fmt;

use crate::limit;

/// One thing wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fault {
    /// Where, as an RFC 6901 JSON pointer into what was sent; empty for the record as a whole.
    pub pointer: String,
    /// The rule that is broken there. Never holds a value of the record.
    pub problem: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), problem: problem.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.pointer, self.problem)
        }
    }
}

impl std::error::Error for Fault {}

/// Appends a reference token to a pointer: `~` and `/` escaped, a long name shortened.
pub(crate) fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    for (at, char) in key.chars().enumerate() {
        if at == limit::FAULT_KEY_CHARS_MAX {
            pointer.push('…');
            break;
        }
        match char {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            // A control character in a name must not reach a terminal or break a log line.
            char if char.is_control() => pointer.push('\u{fffd}'),
            char => pointer.push(char),
        }
    }
}

/// Appends the position of an array element to a pointer.
pub(crate) fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(&index.to_string());
}

/// The faults of one record, bounded.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    named: Vec<Fault>,
    unnamed: usize,
}

impl Faults {
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub(crate) fn push(&mut self, fault: Fault) {
        if self.named.len() < limit::FAULTS_MAX {
            self.named.push(fault);
        } else {
            self.unnamed += 1;
        }
    }

    pub(crate) fn into_vec(mut self) -> Vec<Fault> {
        if self.unnamed > 0 {
            self.named.push(Fault::new("", format!("and {} more faults", self.unnamed)));
        }
        self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_and_shortens_names() {
        let mut pointer = String::new();
        push_key(&mut pointer, "a/b~c\n");
        push_index(&mut pointer, 3);
        push_key(&mut pointer, &"é".repeat(65));
        assert_eq!(pointer, format!("/a~1b~0c\u{fffd}/3/{}…", "é".repeat(64)));
    }

    #[test]
    fn faults_beyond_the_limit_are_counted() {
        let mut faults = Faults::default();
        for at in 0..limit::FAULTS_MAX + 7 {
            faults.push(Fault::new(format!("/{at}"), "wrong"));
        }
        let faults = faults.into_vec();
        assert_eq!(faults.len(), limit::FAULTS_MAX + 1);
        assert_eq!(faults.last().unwrap().problem, "and 7 more faults");
    }
}
