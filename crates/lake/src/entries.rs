//! Every entry, in order, for whoever follows at its own pace: a copy in another store, an export.
//!
//! Such a follower does not work on the ledger's writer thread (see [`onrecord_ledger::Follower`]) and holds nothing up:
//! it asks for the entries from the leaf on that it does not have, takes what there is, waits for more
//! ([`Lake::wait_for_growth`]), and goes on with the same iterator.
//!
//! Invariant: leaves come one after the other, none twice, none left out but those whose rows were to be removed, however
//! entries move from the tail into segments and on into larger ones meanwhile. What cannot be read is an error and stays one; it is never skipped.
//! Memory: one commit of the tail, or one batch of rows of a segment. Of a segment that compaction replaced, the file
//! stays until the iterator is through with it.

use crate::error::{Error, Result};
use crate::lake::{Lake, Place};
use crate::segment::{Batches, OwnedRow, Rows, Segment};
use crate::tail::owned_row;
use onrecord_evidence::{LeafIndex, LeafRange, TreeSize};
use onrecord_ledger::Committed;
use std::sync::Arc;

/// The entries of a lake from some leaf on.
///
/// [`Iterator::next`] gives `None` at the end of what there is now; called again when there is more, it goes on. After
/// an error it tries the same leaf again.
pub struct Entries {
    lake: Arc<Lake>,
    next: LeafIndex,
    source: Option<Source>,
}

impl Lake {
    /// The entries from a leaf on, which is at most that after the last.
    ///
    /// # Errors
    /// [`Error::Ahead`] if the ledger is not that long.
    pub fn entries(self: &Arc<Self>, from: LeafIndex) -> Result<Entries> {
        let size = self.size();
        if from.0 > size.0 {
            return Err(Error::Ahead { from, size });
        }
        Ok(Entries { lake: Arc::clone(self), next: from, source: None })
    }
}

impl Entries {
    /// How many leaves are behind: the next one is that with this index.
    pub fn position(&self) -> TreeSize {
        TreeSize(self.next.0)
    }

    /// The next entry, if it is there. Leaves whose rows were to be removed are passed over.
    fn read(&mut self) -> Result<Option<OwnedRow>> {
        loop {
            if let Some(source) = &mut self.source {
                let step = source.step(self.next)?;
                let (Step::Row(OwnedRow { leaf, .. }) | Step::End(leaf)) = &step;
                if *leaf > self.next
                    && let Some(missing) = self.lake.removal().first_outside(LeafRange::new(self.next, *leaf))
                {
                    return Err(source.damaged(format!("leaf {missing} has no row")));
                }
                self.next = *leaf;
                match step {
                    Step::Row(row) => return Ok(Some(row)),
                    Step::End(_) => self.source = None,
                }
            }
            let Some(place) = self.lake.place_of(self.next)? else { return Ok(None) };
            self.source = Some(Source::open(place, self.next)?);
        }
    }
}

impl Iterator for Entries {
    type Item = Result<OwnedRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.read();
        match &row {
            Ok(Some(_)) => self.next.0 += 1,
            Ok(None) => {}
            // Opened anew, for what a reader gives after an error is not known.
            Err(_) => self.source = None,
        }
        row.transpose()
    }
}

/// What entries are read from until it has no more of them.
enum Source {
    Commit(Committed),
    Segment(Box<Reader>),
}

/// The rows of a segment from some leaf on.
struct Reader {
    segment: Arc<Segment>,
    batches: Batches,
    /// The batch at hand, and which of its rows is next.
    rows: Option<(Rows, usize)>,
}

impl Source {
    /// Reads that place from a leaf on, which is in it.
    fn open(place: Place, leaf: LeafIndex) -> Result<Self> {
        match place {
            Place::Tail(commit) => Ok(Self::Commit(commit)),
            Place::Segment(segment) => {
                segment.must_be_sound()?;
                let batches = segment.batches_from(leaf)?;
                Ok(Self::Segment(Box::new(Reader { segment, batches, rows: None })))
            }
        }
    }

    /// The first entry from a leaf on, the one after that which was read last, or the end.
    fn step(&mut self, leaf: LeafIndex) -> Result<Step> {
        match self {
            Self::Segment(reader) => reader.step(),
            Self::Commit(commit) => {
                let entry = usize::try_from(leaf.0 - commit.first.0).ok().and_then(|at| commit.entries.get(at));
                Ok(entry.map_or(Step::End(commit.end()), |entry| Step::Row(owned_row(leaf, entry))))
            }
        }
    }

    fn damaged(&self, problem: String) -> Error {
        match self {
            Self::Segment(reader) => Error::damaged(reader.segment.path(), problem),
            Self::Commit(_) => Error::damaged(std::path::Path::new("wal"), problem),
        }
    }
}

/// What reading comes to.
enum Step {
    Row(OwnedRow),
    /// The leaf after the last that could be here.
    End(LeafIndex),
}

impl Reader {
    fn step(&mut self) -> Result<Step> {
        loop {
            if let Some((rows, at)) = &mut self.rows
                && *at < rows.len()
            {
                let row = rows.row(&self.segment, *at)?;
                *at += 1;
                return Ok(Step::Row(row));
            }
            self.rows = match self.batches.next() {
                Some(batch) => Some((Rows::new(&self.segment, &batch?)?, 0)),
                None => return Ok(Step::End(self.segment.leaves().end)),
            };
        }
    }
}
