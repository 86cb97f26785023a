//! The seam for personal data: what the writer asks before it writes.
//!
//! This crate knows where a record holds free content, not what is personal in it. While the canonical form is
//! written, every member and every text in it is put to a [`Protect`], whose answer is what gets written. The rules
//! themselves, the keys and the ciphertexts are the caller's.

use crate::Value;

/// The protection rules, asked while the canonical form is written, in the order of writing.
pub trait Protect {
    /// Asked for every object member inside `input_features`, `prediction`, `alternative_predictions`, `explanation`,
    /// `human_decision`, `outcome` and `metadata`, at any depth. What is inside a value that is not kept is not asked
    /// about.
    fn member(&mut self, key: &str, value: Value<'_>) -> Action;

    /// Asked for every string value that is kept: those inside the documents above, and `override_reason`,
    /// `request_id`, `session_id` and `system_actor`. True means that `out`, which is handed over empty, replaces it.
    fn text(&mut self, text: &str, out: &mut String) -> bool;

    /// Asked for each of the documents above that is there, by the name of its field. [`Action::Drop`] counts as
    /// [`Action::Keep`], because a record is not without it.
    fn document(&mut self, name: &'static str, document: Value<'_>) -> Action {
        let _ = (name, document);
        Action::Keep
    }

    /// Asked for every integer inside the documents above that is not negative, by the digits that are written, with the
    /// [place](Value::place) of the value: the text that replaces it, if it does.
    fn integer(&mut self, integer: u128, place: u32) -> Option<&'static str> {
        let _ = (integer, place);
        None
    }

    /// Asked for every string value inside the documents above that would be written with more than
    /// [`LARGE_TEXT_BYTES`](crate::limit::LARGE_TEXT_BYTES): what it is kept under, apart from the record. The value becomes
    /// `{"bytes":<its length in UTF-8>,"large":"<64 hex digits>"}`. `None` keeps it where it is.
    fn large(&mut self, text: &str) -> Option<[u8; 32]> {
        let _ = text;
        None
    }
}

/// What becomes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It stays; what is inside it is asked about.
    Keep,
    /// It goes, name and value.
    Drop,
    /// Its value is replaced by this string, a token for instance.
    Text(String),
    /// Its value is encrypted and held in the sidecar of the record, which commits to the ciphertext's SHA-256: the value becomes
    /// `{"sealed":"<64 hex digits>"}`.
    Sealed {
        /// SHA-256 of the ciphertext.
        sha256: [u8; 32],
    },
}

/// Keeps everything: for what holds no personal data, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unprotected;

impl Protect for Unprotected {
    #[inline]
    fn member(&mut self, _: &str, _: Value<'_>) -> Action {
        Action::Keep
    }

    #[inline]
    fn text(&mut self, _: &str, _: &mut String) -> bool {
        false
    }
}
