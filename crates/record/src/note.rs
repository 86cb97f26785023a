//! The note: what a person says about decisions about them, put beside these and never into them (GDPR Art. 16).
//!
//! It is written by the service, which encrypts the statement first: a note holds the hash of a ciphertext, and no text.

use uuid::Uuid;

use crate::canonical::{Writer, name, write_sealed};
use crate::{Fault, Kind, Timestamp, Unprotected, limit};

/// A statement of a person beside a decision, or beside all decisions about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who put it on the record: the name of an API key.
    pub actor: &'a str,
    /// The decision that it stands beside; all decisions about the person, if absent.
    pub decision_id: Option<&'a str>,
    /// SHA-256 of the encrypted statement, which is held in the sidecar of the record.
    pub text_sha256: [u8; 32],
    /// The token of the person.
    pub user_id: &'a str,
}

impl Note<'_> {
    /// Appends the record in canonical form.
    pub fn write(&self, event_id: Uuid, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let mut protect = Unprotected;
        let mut record = Writer::new(&mut protect, out);
        record.id(name!("actor"), Some(self.actor));
        record.id(name!("decision_id"), self.decision_id);
        record.uuid(name!("event_id"), event_id);
        record.id(name!("kind"), Some(Kind::Note.as_str()));
        record.timestamp(name!("recorded_at"), recorded_at);
        record.schema();
        record.name(name!("text"));
        write_sealed(&self.text_sha256, record.out);
        record.id(name!("user_id"), Some(self.user_id));
        record.close();
    }

    /// What is wrong with a statement as it is sent: it says nothing, is too long, or holds characters that show nothing and
    /// move what stands around them.
    #[must_use]
    pub fn fault(text: &str) -> Option<Fault> {
        let fault = |problem: String| Some(Fault::new("/text", problem));
        if crate::field::is_blank(text) {
            return fault("must not be blank".to_owned());
        }
        let chars = text.chars().count();
        if chars > limit::NOTE_CHARS_MAX {
            return fault(format!("has {chars} characters; at most {} can be recorded", limit::NOTE_CHARS_MAX));
        }
        let at = text.chars().position(is_refused)?;
        fault(format!("has a control character at character {}; only tabs and line ends are allowed", at + 1))
    }
}

/// Control characters, and those that turn the direction of the text after them.
fn is_refused(char: char) -> bool {
    let is_line = matches!(char, '\n' | '\r' | '\t');
    (char.is_control() && !is_line) || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
