//! Look-ups of single entries over segments and tail: by leaf, id, decision, user and kind.

use crate::error::Result;
use crate::index::Key;
use crate::lake::{Lake, Snapshot};
use crate::schema::column;
use crate::segment::{OwnedRow, Segment};
use crate::tail::owned_row;
use memchr::memmem;
use onrecord_evidence::LeafIndex;
use onrecord_ledger::Entry;
use onrecord_record::{Kind, Parser, StoredDecision, canonical};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// Entries whose records are in memory at a time.
const ROWS_AT_ONCE: usize = 2_048;

impl Lake {
    /// The entry at a leaf.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn by_leaf(&self, leaf: LeafIndex) -> Result<Option<OwnedRow>> {
        Ok(self.rows(&self.snapshot(), &[leaf])?.pop())
    }

    /// The entries at these leaves, which are sorted and different; those that do not exist are left out.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn by_leaves(&self, leaves: &[LeafIndex]) -> Result<Vec<OwnedRow>> {
        self.rows(&self.snapshot(), leaves)
    }

    /// The entry with that event id.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn by_event_id(&self, id: [u8; 16]) -> Result<Option<OwnedRow>> {
        let snapshot = self.snapshot();
        match self.leaf_of(&snapshot, &id)? {
            Some(leaf) => Ok(self.rows(&snapshot, &[leaf])?.pop()),
            None => Ok(None),
        }
    }

    /// The entries with that decision id, by leaf: the decision, its reviews and outcomes.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn by_decision_id(&self, decision_id: &str) -> Result<Vec<OwnedRow>> {
        let snapshot = self.snapshot();
        let mut rows = self.rows(&snapshot, &self.leaves_of_decision(&snapshot, decision_id)?)?;
        rows.retain(|row| has_member(&row.record, column::DECISION_ID, decision_id));
        Ok(rows)
    }

    /// The decisions with these ids, of several with one id the first. Only the columns of a segment are read that say what
    /// is given, and each page of them once, so that many ids are asked for together.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn decisions_by_id(&self, decision_ids: &[&str]) -> Result<Vec<StoredDecision>> {
        let snapshot = self.snapshot();
        let mut leaves = self.leaves_with(&snapshot, column::DECISION_ID, decision_ids)?;
        let ids = decision_ids.iter().filter_map(|id| Uuid::try_parse(id).ok()).map(Uuid::into_bytes);
        leaves.extend(self.leaves_of(&snapshot, ids.collect())?);
        let mut wanted: HashSet<&str> = decision_ids.iter().copied().collect();
        let mut decisions = self.decisions_at(&snapshot, &sorted(leaves))?;
        // By leaf: the first of an id is taken, and then no other is wanted.
        decisions.retain(|decision| wanted.remove(decision.decision_id.as_str()));
        Ok(decisions)
    }

    /// The decisions at these leaves, which are sorted and different; other entries are left out.
    fn decisions_at(&self, snapshot: &Snapshot, leaves: &[LeafIndex]) -> Result<Vec<StoredDecision>> {
        let mut decisions = Vec::with_capacity(leaves.len());
        let mut left = leaves;
        while let Some(segment) = left.first().and_then(|leaf| snapshot.segment_of(*leaf)) {
            let (here, later) = left.split_at(left.partition_point(|leaf| *leaf < segment.leaves().end));
            let mut lookup = self.lookups().get(segment.path());
            decisions.extend(segment.decisions_at(here, &mut lookup)?.into_iter().map(|(_, decision)| decision));
            self.lookups().put(segment.path(), lookup);
            left = later;
        }
        let mut parser = Parser::new();
        decisions.extend(left.iter().filter_map(|leaf| {
            let document = parser.parse_stored(snapshot.tail_entry(*leaf)?.record()).ok()?;
            StoredDecision::read(document.value())
        }));
        Ok(decisions)
    }

    /// The leaves that may have that decision id, ascending.
    fn leaves_of_decision(&self, snapshot: &Snapshot, decision_id: &str) -> Result<Vec<LeafIndex>> {
        let mut leaves = self.leaves_with(snapshot, column::DECISION_ID, &[decision_id])?;
        // A decision whose id was not given has that of its event, and no text in the column.
        if let Ok(id) = Uuid::try_parse(decision_id)
            && let Some(leaf) = self.leaf_of(snapshot, id.as_bytes())?
            && let Err(at) = leaves.binary_search(&leaf)
        {
            leaves.insert(at, leaf);
        }
        Ok(leaves)
    }

    /// The leaves of the entries about a subject, by its token, ascending.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn leaves_of_user(&self, token: &str) -> Result<Vec<LeafIndex>> {
        self.leaves_with(&self.snapshot(), column::USER_ID, &[token])
    }

    /// Visits the entries of a kind from a leaf on, in the order of their leaves.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn each_of_kind(&self, kind: &str, from: LeafIndex, visit: &mut dyn FnMut(OwnedRow)) -> Result<()> {
        let snapshot = self.snapshot();
        for segment in snapshot.segments.iter().filter(|segment| segment.leaves().end > from) {
            let mut leaves = segment.leaves_with(column::KIND, kind)?;
            leaves.retain(|leaf| *leaf >= from);
            self.rows(&snapshot, &leaves)?.into_iter().for_each(&mut *visit);
        }
        let in_tail = Snapshot { segments: Arc::from([]), ..snapshot.clone() };
        let mut leaves = self.leaves_with(&in_tail, column::KIND, &[kind])?;
        leaves.retain(|leaf| *leaf >= from);
        self.rows(&snapshot, &leaves)?.into_iter().for_each(visit);
        Ok(())
    }

    /// The leaves of all that is about a subject, by its token, ascending: the decisions and notes, and the reviews and outcomes
    /// of these decisions. Of several decisions with one id, those are about the first.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn leaves_about(&self, token: &str) -> Result<Vec<LeafIndex>> {
        let snapshot = self.snapshot();
        let own = sorted(self.leaves_with(&snapshot, column::USER_ID, &[token])?);
        let mut leaves = own.clone();
        for some in own.chunks(ROWS_AT_ONCE) {
            let rows = self.rows(&snapshot, some)?;
            let ids: HashSet<String> = rows.iter().filter_map(|row| Some(about(&row.record)?.1)).collect();
            leaves.extend(self.followers(&snapshot, &ids, &own)?);
        }
        Ok(sorted(leaves))
    }

    /// The leaves of the reviews and outcomes with one of these decision ids whose decision is at one of the leaves `of`, which
    /// ascend.
    fn followers(&self, snapshot: &Snapshot, ids: &HashSet<String>, of: &[LeafIndex]) -> Result<Vec<LeafIndex>> {
        let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut leaves = self.leaves_with(snapshot, column::DECISION_ID, &texts)?;
        let event_ids = texts.iter().filter_map(|id| Uuid::try_parse(id).ok()).map(Uuid::into_bytes);
        leaves.extend(self.leaves_of(snapshot, event_ids.collect())?);
        let (mut first, mut followers) = (HashMap::new(), Vec::new());
        for some in sorted(leaves).chunks(ROWS_AT_ONCE) {
            for row in self.rows(snapshot, some)? {
                match about(&row.record).filter(|(_, id)| ids.contains(id)) {
                    Some((Kind::Decision, id)) => {
                        first.entry(id).or_insert(row.leaf);
                    }
                    Some((Kind::Review | Kind::Outcome, id)) => followers.push((id, row.leaf)),
                    _ => {}
                }
            }
        }
        let is_theirs = |id: &String| first.get(id).is_some_and(|first| of.binary_search(first).is_ok());
        Ok(followers.into_iter().filter(|(id, _)| is_theirs(id)).map(|(_, leaf)| leaf).collect())
    }

    /// The newest entry of a kind whose record `wanted` takes.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub fn newest_of_kind(&self, kind: &str, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Option<OwnedRow>> {
        let snapshot = self.snapshot();
        let in_tail = Snapshot { segments: Arc::from([]), ..snapshot.clone() };
        let mut newest = self.leaves_with(&in_tail, column::KIND, &[kind])?;
        let mut older = snapshot.segments.iter().rev();
        loop {
            for leaf in newest.iter().rev() {
                let row = self.rows(&snapshot, std::slice::from_ref(leaf))?.pop();
                if let Some(row) = row.filter(|row| wanted(&row.record)) {
                    return Ok(Some(row));
                }
            }
            let Some(segment) = older.next() else { return Ok(None) };
            newest = segment.leaves_with(column::KIND, kind)?;
        }
    }

    fn leaf_of(&self, snapshot: &Snapshot, id: &[u8; 16]) -> Result<Option<LeafIndex>> {
        if let Some(leaf) = snapshot.chunks.iter().rev().find_map(|chunk| chunk.find_id(id)) {
            return Ok(Some(leaf));
        }
        for segment in snapshot.segments.iter().rev() {
            if let Some(leaf) = self.find_in(segment, std::slice::from_ref(id))?[0] {
                return Ok(Some(leaf));
            }
        }
        Ok(None)
    }

    /// The leaves of those of the ids that there are, in no order.
    fn leaves_of(&self, snapshot: &Snapshot, mut ids: Vec<[u8; 16]>) -> Result<Vec<LeafIndex>> {
        let mut leaves = Vec::new();
        ids.retain(|id| match snapshot.chunks.iter().find_map(|chunk| chunk.find_id(id)) {
            Some(leaf) => {
                leaves.push(leaf);
                false
            }
            None => true,
        });
        for segment in snapshot.segments.iter().rev() {
            if ids.is_empty() {
                break;
            }
            let mut found = self.find_in(segment, &ids)?.into_iter();
            ids.retain(|_| match found.next().flatten() {
                Some(leaf) => {
                    leaves.push(leaf);
                    false
                }
                None => true,
            });
        }
        Ok(leaves)
    }

    /// The leaves of those of the ids that are in the segment.
    pub(crate) fn find_in(&self, segment: &Segment, ids: &[[u8; 16]]) -> Result<Vec<Option<LeafIndex>>> {
        if !ids.iter().any(|id| segment.may_hold_id(id)) {
            return Ok(vec![None; ids.len()]);
        }
        let mut lookup = self.lookups().get(segment.path());
        let found = ids.iter().map(|id| segment.find_id(id, &mut lookup)).collect();
        self.lookups().put(segment.path(), lookup);
        found
    }

    /// The leaves that have one of the texts in the column; those of one text ascend. The pages of a segment that may have
    /// one are read once for all texts.
    fn leaves_with(&self, snapshot: &Snapshot, name: &str, texts: &[&str]) -> Result<Vec<LeafIndex>> {
        let mut leaves = Vec::new();
        let key = match name {
            column::USER_ID => Some(Key::Subject),
            column::DECISION_ID => Some(Key::DecisionId),
            _ => None,
        };
        for segment in snapshot.segments.iter() {
            match key.as_ref().and_then(|key| segment.find(&snapshot.keys, key, texts)) {
                Some(found) if found.exact => leaves.extend(segment.leaves_at(&found.rows)?),
                Some(found) => {
                    let mut lookup = self.lookups().get(segment.path());
                    leaves.extend(segment.leaves_among(&found.rows, name, texts, &mut lookup)?);
                    self.lookups().put(segment.path(), lookup);
                }
                None => {
                    for text in texts {
                        leaves.extend(segment.leaves_with(name, text)?);
                    }
                }
            }
        }
        for (chunk, text) in snapshot.chunks.iter().flat_map(|chunk| texts.iter().map(move |text| (chunk, *text))) {
            let has_text = |entry: &Entry| has_member(entry.record(), name, text);
            match key.as_ref().and_then(|key| chunk.find(key, text)) {
                Some(found) => leaves.extend(found.filter(|(_, entry)| has_text(entry)).map(|(leaf, _)| leaf)),
                None => {
                    // To look for the bytes first spares the parsing of nearly all.
                    let member = member_bytes(name, text);
                    let finder = memmem::Finder::new(&member);
                    let found = chunk.entries().filter(|(_, entry)| finder.find(entry.record()).is_some());
                    leaves.extend(found.filter(|(_, entry)| has_text(entry)).map(|(leaf, _)| leaf));
                }
            }
        }
        Ok(leaves)
    }

    /// The entries at these leaves, which are sorted and different; those that do not exist are left out.
    fn rows(&self, snapshot: &Snapshot, leaves: &[LeafIndex]) -> Result<Vec<OwnedRow>> {
        let mut rows = Vec::with_capacity(leaves.len());
        let mut left = leaves;
        while let Some(segment) = left.first().and_then(|leaf| snapshot.segment_of(*leaf)) {
            let (here, later) = left.split_at(left.partition_point(|leaf| *leaf < segment.leaves().end));
            let mut lookup = self.lookups().get(segment.path());
            rows.extend(segment.rows_at(here, &mut lookup)?);
            self.lookups().put(segment.path(), lookup);
            left = later;
        }
        rows.extend(left.iter().filter_map(|leaf| {
            let entry = snapshot.tail_entry(*leaf)?;
            Some(owned_row(*leaf, entry))
        }));
        Ok(rows)
    }
}

/// Ascending, each once.
fn sorted(mut leaves: Vec<LeafIndex>) -> Vec<LeafIndex> {
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

/// A member as a record spells it.
fn member_bytes(name: &str, text: &str) -> Vec<u8> {
    let mut member = Vec::new();
    canonical::write_string(name, &mut member);
    member.push(b':');
    canonical::write_string(text, &mut member);
    member
}

/// The kind of a record, and the decision that it is or is about.
fn about(record: &[u8]) -> Option<(Kind, String)> {
    let mut parser = Parser::new();
    let document = parser.parse(record).ok()?;
    let word = document.value().get(column::KIND)?.as_str()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
    Some((kind, document.value().get(column::DECISION_ID)?.as_str()?.to_owned()))
}

/// Whether the record has that text in that member, at its top.
fn has_member(record: &[u8], name: &str, text: &str) -> bool {
    let mut parser = Parser::new();
    let document = parser.parse(record);
    document.is_ok_and(|document| document.value().get(name).and_then(|value| value.as_str()) == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;
    use crate::cache::LookupCache;
    use crate::lake::{LOOKUP_BYTES_MAX, SEGMENTS};
    use crate::segment::SegmentWriter;
    use crate::shred::Shredder;
    use onrecord_evidence::LeafRange;
    use onrecord_ledger::{EntryId, Follower};

    /// Fresh when the other ids of these tests were made.
    const FRESH: &str = "019ab005-0000-7000-8000-000000000001";

    /// A lake in a directory of its own, filled by the tests.
    struct House {
        dir: tempfile::TempDir,
        lake: Arc<Lake>,
    }

    impl House {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            Self { lake: Lake::open(dir.path()).unwrap(), dir }
        }

        /// A segment of entries with these ids, after the last one.
        fn segment(&self, ids: &[String]) -> Segment {
            let first = self.lake.sealed_end();
            let mut shredder = Shredder::new(&[]);
            for (leaf, id) in (first.0..).map(LeafIndex).zip(ids) {
                let row = Row { leaf, id: bytes(id), record: b"{}", sidecar: &[] };
                shredder.push(&row, false).unwrap();
            }
            let leaves = LeafRange::from(first.0..first.0 + ids.len() as u64);
            let mut writer = SegmentWriter::create(&self.dir.path().join(SEGMENTS), leaves, Vec::new()).unwrap();
            writer.write(shredder.take().unwrap()).unwrap();
            Segment::open(&writer.finish().unwrap().publish().unwrap()).unwrap()
        }

        /// What the ledger is told about the id, and of which segments bloom filters were read for it.
        fn find(&self, id: &str) -> (Option<u64>, Vec<usize>) {
            *self.lake.lookups() = LookupCache::new(LOOKUP_BYTES_MAX);
            let found = self.lake.find_sealed(&[EntryId(bytes(id))]).unwrap()[0];
            let by_reader = self.lake.leaf_of(&self.lake.snapshot(), &bytes(id)).unwrap();
            assert_eq!(found, by_reader);
            let segments = self.lake.segments();
            let is_read = |segment: &Segment| self.lake.lookups().get(segment.path()).filters.is_some();
            (found.map(|leaf| leaf.0), (0..segments.len()).filter(|at| is_read(&segments[*at])).collect())
        }
    }

    fn bytes(id: &str) -> [u8; 16] {
        Uuid::try_parse(id).unwrap().into_bytes()
    }

    /// Ids that begin with what looks random, and end with the greatest of all.
    fn version_8() -> Vec<String> {
        let id = |number: u32| format!("{:08x}-0000-8000-8000-000000000000", number.wrapping_mul(0x9e37_79b9));
        (1..2_000).map(id).chain(["ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned()]).collect()
    }

    fn version_7() -> Vec<String> {
        (0..100).map(|number| format!("019ab000-{number:04}-7000-8000-000000000000")).collect()
    }

    #[test]
    fn a_fresh_id_reads_no_filter_whatever_other_versions_are_sealed() {
        let house = House::new();
        house.lake.add_segment(house.segment(&version_8()));
        assert_eq!(house.find(FRESH), (None, vec![]));
        house.lake.add_segment(house.segment(&[version_7(), version_8()].concat()));
        assert_eq!(house.find(FRESH), (None, vec![]));
        // The lake as the next start opens it.
        let house = House { lake: Lake::open(house.dir.path()).unwrap(), dir: house.dir };
        assert_eq!(house.find(FRESH), (None, vec![]));
        assert_eq!(house.find(&version_7()[99]), (Some(2_099), vec![1]));
        assert_eq!(house.find(&version_8()[7]).0, Some(2_107));
    }

    #[test]
    fn an_id_from_the_future_costs_filters_of_its_segment_only() {
        let house = House::new();
        house.lake.add_segment(house.segment(&version_7()));
        let future = "0fffffff-ffff-7fff-bfff-ffffffffffff".to_owned();
        house.lake.add_segment(
            house.segment(&[version_8(), vec![version_7()[0].replace('a', "b"), future.clone()]].concat()),
        );
        house.lake.add_segment(house.segment(&version_8()));
        assert_eq!(house.find("019bb005-0000-7000-8000-000000000001"), (None, vec![1]));
        assert_eq!(house.find(&future), (Some(2_101), vec![1]));
    }

    #[test]
    fn a_segment_without_bounds_is_asked_as_its_statistics_say() {
        let house = House::new();
        house.lake.add_segment(house.segment(&version_8()).without_id_bounds());
        assert_eq!(house.find(FRESH), (None, vec![0]));
        assert_eq!(house.find(&version_8()[3]), (Some(3), vec![0]));
        let house = House::new();
        house.lake.add_segment(house.segment(&version_7()).without_id_bounds());
        assert_eq!(house.find(FRESH), (None, vec![]));
        assert_eq!(house.find(&version_7()[3]), (Some(3), vec![0]));
    }
}
