//! What moves into the archive and back goes on the record before a file goes.

use super::{Service, event};
use crate::Refusal;
use crate::api_token::{Actor, Role};
use serde_json::{Map, Value as Json};

impl Service {
    /// Puts on the record that a segment is in the archive and may leave the disk; `detail` says which, and where. That
    /// nothing in it is held was seen while the holds had that version. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Busy`] if holds changed since; [`Refusal::Unavailable`].
    pub fn record_archived(&self, detail: Map<String, Json>, holds_version: u64, actor: &Actor) -> Result<(), Refusal> {
        let append = || {
            // No hold is placed meanwhile.
            let _alone = self.making.blocking_write();
            if self.holds_version() != holds_version {
                return Err(Refusal::Busy);
            }
            self.append_move("archived", detail, actor)
        };
        self.authorised_blocking(actor, Role::Admin, append)
    }

    /// Puts on the record that a segment is on the disk again, and is to go from the archive. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the role `admin`; [`Refusal::Unavailable`].
    pub fn record_restored(&self, detail: Map<String, Json>, actor: &Actor) -> Result<(), Refusal> {
        self.authorised_blocking(actor, Role::Admin, || self.append_move("restored", detail, actor))
    }

    fn append_move(&self, what: &str, mut detail: Map<String, Json>, actor: &Actor) -> Result<(), Refusal> {
        detail.insert("actor".to_owned(), Json::from(actor.name()));
        self.ledger.append(vec![event::system_entry(what, &detail)?])?;
        Ok(())
    }
}
