//! A random share of the receipts, kept while the clock runs and checked after it: checking costs two cores' time that
//! the server needs.

use crate::random::Random;
use anyhow::{Context, Result, bail};
use onrecord_evidence::{Receipt, Verifier};
use serde::Deserialize;
use std::collections::HashSet;
use std::path::Path;

#[derive(Deserialize)]
struct Logged {
    receipt: Receipt,
}

/// Answers of which each that was offered is kept with the same probability (Vitter 1985, algorithm R).
pub(crate) struct Sample {
    size: usize,
    offered: u64,
    kept: Vec<Vec<u8>>,
    random: Random,
}

impl Sample {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, offered: 0, kept: Vec::new(), random: Random::new(size as u64) }
    }

    pub(crate) fn offer(&mut self, answer: &[u8]) {
        self.offered += 1;
        if self.kept.len() < self.size {
            self.kept.push(answer.to_vec());
            return;
        }
        let place = self.random.below(self.offered) as usize;
        if let Some(kept) = self.kept.get_mut(place) {
            kept.clear();
            kept.extend_from_slice(answer);
        }
    }

    /// Checks the signature and the inclusion proof of each, and that no two name the same leaf. Gives how many there
    /// were.
    pub(crate) fn check(&self, key: &Verifier) -> Result<u64> {
        let mut leaves = HashSet::new();
        for answer in &self.kept {
            let Logged { receipt } = serde_json::from_slice(answer).context("an answer without a receipt")?;
            receipt.verify(key).context("a receipt that does not convince")?;
            if !leaves.insert(receipt.leaf_index) {
                bail!("two writes were given the leaf {}", receipt.leaf_index);
            }
        }
        Ok(leaves.len() as u64)
    }
}

/// The public key in `path`: its first line that is one.
pub(crate) fn key(path: &Path) -> Result<Verifier> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.with_context(|| format!("{} is empty", path.display()))?;
    Verifier::parse(line).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_evidence::{LeafIndex, Signer, Tree, leaf_hash};

    fn answers(signer: &Signer, indexes: &[u64]) -> Sample {
        let mut tree = Tree::new();
        (0..8_u8).for_each(|record| tree.push(leaf_hash(&[record])));
        let checkpoint = signer.sign(tree.size(), tree.root());
        let snapshot = tree.snapshot(LeafIndex(0)).unwrap();
        let mut sample = Sample::new(100);
        for index in indexes {
            let receipt = snapshot.receipt(LeafIndex(*index), &checkpoint).unwrap();
            sample.offer(serde_json::json!({ "receipt": receipt }).to_string().as_bytes());
        }
        sample
    }

    #[test]
    fn receipts_are_checked_against_the_key_and_each_other() {
        let (ours, other) = (Signer::generate("example.com/a").unwrap(), Signer::generate("example.com/a").unwrap());
        assert_eq!(answers(&ours, &[1, 3, 7]).check(ours.verifier()).unwrap(), 3);
        assert!(answers(&ours, &[1, 3]).check(other.verifier()).is_err());
        assert!(answers(&ours, &[1, 1]).check(ours.verifier()).is_err());
    }

    #[test]
    fn a_sample_holds_no_more_than_asked_for() {
        let mut sample = Sample::new(3);
        (0..100_u8).for_each(|answer| sample.offer(&[answer]));
        assert_eq!(sample.kept.len(), 3);
        assert!(sample.kept.iter().any(|answer| answer[0] > 3), "later answers have a chance");
    }
}
