//! What a writer is handed for its records, and what an auditor is handed for two checkpoints: proofs in their JSON form.
//!
//! Each holds everything but the public key, so that it can be checked offline and for as long as the key is known.

use crate::{
    Checkpoint, Error, Hash, LeafIndex, ProofError, RangeProof, TreeSize, Verifier, leaf_hash, verify_consistency,
    verify_inclusion, verify_range,
};
use serde::{Deserialize, Serialize};

/// One record is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where in the log.
    pub leaf_index: LeafIndex,
    /// SHA-256(0x00 ‖ record).
    pub leaf_hash: Hash,
    /// The siblings from the leaf to the root of the checkpoint, bottom up.
    pub inclusion_proof: Vec<Hash>,
    /// A signed checkpoint, the whole note.
    pub checkpoint: String,
}

/// Neighbouring records are in the log, proven at once: what a batch of writes gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReceipt {
    /// Where in the log the first of them is.
    pub first_leaf_index: LeafIndex,
    /// SHA-256(0x00 ‖ record) of each, in order.
    pub leaf_hashes: Vec<Hash>,
    /// Left siblings of the run up to the root of the checkpoint, bottom up.
    pub left: Vec<Hash>,
    /// Right siblings, bottom up.
    pub right: Vec<Hash>,
    /// A signed checkpoint, the whole note.
    pub checkpoint: String,
}

/// A newer tree begins with an older one: nothing up to the older checkpoint was changed or cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// Size of the older tree.
    pub old_size: TreeSize,
    /// Size of the newer tree.
    pub new_size: TreeSize,
    /// As RFC 9162 §2.1.4.1 orders them.
    pub consistency_proof: Vec<Hash>,
}

impl Receipt {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        parse("receipt", json)
    }

    /// Reads the JSON form, or that of an answer which has it as its member `receipt`.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse_answer(json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Answer {
            receipt: Receipt,
        }
        match serde_json::from_slice(json) {
            Ok(Answer { receipt }) => Ok(receipt),
            Err(_) => Self::parse(json),
        }
    }

    /// Checks signature and proof: the log has a record with this leaf hash at this place. Which record that is shows
    /// [`Receipt::verify_record`]. Gives the checkpoint that vouches for it.
    ///
    /// # Errors
    /// What does not convince.
    pub fn verify(&self, key: &Verifier) -> Result<Checkpoint, Error> {
        let checkpoint = key.verify(&self.checkpoint)?;
        let Checkpoint { size, root, .. } = checkpoint;
        verify_inclusion(self.leaf_hash, self.leaf_index, size, root, &self.inclusion_proof)?;
        Ok(checkpoint)
    }

    /// Checks that exactly these bytes are on the record at this place.
    ///
    /// # Errors
    /// What does not convince.
    pub fn verify_record(&self, record: &[u8], key: &Verifier) -> Result<Checkpoint, Error> {
        let checkpoint = self.verify(key)?;
        if leaf_hash(record) == self.leaf_hash { Ok(checkpoint) } else { Err(Error::OtherRecord(self.leaf_index)) }
    }
}

impl BatchReceipt {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        parse("batch receipt", json)
    }

    /// Checks signature and proof: the log has records with these leaf hashes at these places.
    ///
    /// # Errors
    /// What does not convince.
    pub fn verify(&self, key: &Verifier) -> Result<Checkpoint, Error> {
        let checkpoint = key.verify(&self.checkpoint)?;
        let proof = RangeProof { left: self.left.clone(), right: self.right.clone() };
        verify_range(self.first_leaf_index, &self.leaf_hashes, checkpoint.size, checkpoint.root, &proof)?;
        Ok(checkpoint)
    }

    /// The place of exactly these bytes among the leaves of this receipt, which the caller has verified.
    #[must_use]
    pub fn find(&self, record: &[u8]) -> Option<LeafIndex> {
        let hash = leaf_hash(record);
        let place = self.leaf_hashes.iter().position(|leaf| *leaf == hash)?;
        Some(LeafIndex(self.first_leaf_index.0 + place as u64))
    }
}

impl ConsistencyProof {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        parse("consistency proof", json)
    }

    /// Checks that the newer of two checkpoints continues the older. The caller has verified their signatures.
    ///
    /// # Errors
    /// [`Error::OtherLog`] when they are of two logs, [`Error::Malformed`] when the proof is for other sizes, else what
    /// does not convince.
    pub fn verify(&self, old: &Checkpoint, new: &Checkpoint) -> Result<(), Error> {
        if old.origin != new.origin {
            return Err(Error::OtherLog { origin: new.origin.clone(), key: old.origin.clone() });
        }
        if old.size > new.size {
            return Err(ProofError::Shrunk { old: old.size, new: new.size }.into());
        }
        if (self.old_size, self.new_size) != (old.size, new.size) {
            let problem =
                format!("it is for {} and {} leaves, not {} and {}", self.old_size, self.new_size, old.size, new.size);
            return Err(Error::malformed("consistency proof", problem));
        }
        Ok(verify_consistency(old.size, old.root, new.size, new.root, &self.consistency_proof)?)
    }
}

/// Reads JSON; the message names line and column, never a value.
pub(crate) fn parse<'de, T: Deserialize<'de>>(what: &'static str, json: &'de [u8]) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "a member is missing, twice there or of the wrong form",
            serde_json::error::Category::Eof => "it is cut off",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
        };
        Error::malformed(what, format!("{problem} (line {}, column {})", error.line(), error.column()))
    })
}
