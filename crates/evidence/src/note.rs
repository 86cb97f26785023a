//! The outer form of a signed note (C2SP `signed-note`): a text, a blank line, signature lines. This module takes the
//! form apart and puts it together; which keys to believe is left to `key`, what the text says to `checkpoint`.

use crate::Error;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The longest note that is looked at. A checkpoint with many witnesses is a few kilobytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// The most signatures that a note may carry.
pub const SIGNATURES_MAX: usize = 100;

const MARK: &str = "\u{2014} ";

/// A note in its parts; nothing in it is verified yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note<'a> {
    /// What is signed, with its final newline.
    pub(crate) text: &'a str,
    pub(crate) signatures: Vec<Signature<'a>>,
}

/// One signature line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature<'a> {
    pub(crate) name: &'a str,
    /// The first four bytes of the key's hash, big-endian.
    pub(crate) id: u32,
    pub(crate) bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    pub(crate) fn parse(note: &'a str) -> Result<Self, Error> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(malformed("it is longer than 64 KiB"));
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(malformed("it holds a control character"));
        }
        let blank = note.rfind("\n\n").ok_or_else(|| malformed("no blank line before the signatures"))?;
        let (text, signatures) = (&note[..=blank], &note[blank + 2..]);
        let lines = signatures.strip_suffix('\n').ok_or_else(|| malformed("it does not end in a newline"))?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(malformed("more than 100 signatures"));
        }
        let signatures = lines.split('\n').map(Signature::parse).collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// The note of one signature.
    pub(crate) fn format(text: &str, name: &str, id: u32, signature: &[u8]) -> String {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend_from_slice(signature);
        format!("{text}\n{MARK}{name} {}\n", STANDARD.encode(bytes))
    }
}

impl<'a> Signature<'a> {
    fn parse(line: &'a str) -> Result<Self, Error> {
        let rest = line.strip_prefix(MARK).ok_or_else(|| malformed("a signature line must begin with an em dash"))?;
        let (name, base64) = rest.split_once(' ').ok_or_else(|| malformed("a signature line without a signature"))?;
        if !is_key_name(name) {
            return Err(malformed("a signature line without a key name"));
        }
        let bytes = STANDARD.decode(base64).map_err(|_| malformed("a signature is not canonical base64"))?;
        match bytes.split_first_chunk::<4>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name, id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
            }
            _ => Err(malformed("a signature is too short")),
        }
    }
}

/// A key name is not empty and holds no space, plus or ASCII control character.
pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c < ' ' || c == '+')
}

fn malformed(problem: &str) -> Error {
    Error::malformed("signed note", problem)
}
