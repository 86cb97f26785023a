//! The head of the log as text (C2SP `tlog-checkpoint`): origin, size and root, a line each.

use crate::{Error, Hash, TreeSize};
use std::{fmt, str::FromStr};

/// What a signed checkpoint says: the log `origin` has `size` leaves, and they have this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, which is also the name of its key.
    pub origin: String,
    /// How many leaves.
    pub size: TreeSize,
    /// The root of the tree of these leaves.
    pub root: Hash,
}

/// The text that is signed, without extension lines.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// Reads the text of a checkpoint. Extension lines after the root are allowed and not kept, as the specification asks of
/// readers that do not know them.
impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let body = text.strip_suffix('\n').ok_or_else(|| malformed("it does not end in a newline"))?;
        let mut lines = body.split('\n');
        let mut line = |what| lines.next().filter(|line| !line.is_empty()).ok_or_else(|| malformed(what));
        let origin = line("the origin is missing")?;
        let size = line("the size is missing")?;
        let root = line("the root is missing")?;
        let size = decimal(size).ok_or_else(|| malformed("the size is not a decimal number"))?;
        let root = root.parse().map_err(|_| malformed("the root is not the base64 of 32 bytes"))?;
        if lines.any(str::is_empty) {
            return Err(malformed("an empty line"));
        }
        Ok(Self { origin: origin.to_owned(), size: TreeSize(size), root })
    }
}

/// A decimal number without sign and leading zeros.
fn decimal(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

fn malformed(problem: &str) -> Error {
    Error::malformed("checkpoint", problem)
}
