//! Finding single rows: which leaf has an id, which leaves have a text in a column, and the entry at a leaf.
//!
//! Each step is cheaper than the next and rules most segments out: the footer's bounds of a column, its bloom filters,
//! and only then the column itself. For an id of version 7 that is greater than all of a segment, as a fresh one is, the
//! bounds alone say no, without a read.

use super::read::Batches;
use super::{OwnedRow, Rows, Segment};
use crate::assemble::DecisionReader;
use crate::error::Result;
use crate::index::{Key, Rows as FoundRows};
use crate::object::{KEPT_KINDS, KeptRow};
use crate::row::RowIndex;
use crate::schema::column;
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use onrecord_evidence::LeafIndex;
use onrecord_record::{Kind, StoredDecision};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Entry ids of a segment and their rows, sorted by id.
pub(crate) struct SortedIds(Vec<([u8; 16], RowIndex)>);

/// The bloom filters of a segment's `event_id`, one per row group; empty if it has none.
pub(crate) struct IdFilters(Vec<Sbbf>);

/// What a look-up needs of a segment and is worth keeping for the next one.
#[derive(Clone, Default)]
pub(crate) struct Lookup {
    /// Present when ids were within bounds.
    pub(crate) filters: Option<Arc<IdFilters>>,
    /// Present when the filters let an id pass.
    pub(crate) ids: Option<Arc<SortedIds>>,
    /// The footer with page indexes, for reading single rows, and about the bytes that it takes.
    pub(crate) indexed: Option<(ArrowReaderMetadata, usize)>,
}

impl Lookup {
    /// Bytes of memory that it keeps, near enough.
    pub(crate) fn bytes(&self) -> usize {
        let filters = self.filters.as_ref().map_or(0, |filters| filters.bytes());
        let ids = self.ids.as_ref().map_or(0, |ids| ids.0.len() * size_of::<([u8; 16], RowIndex)>());
        let indexed = self.indexed.as_ref().map_or(0, |(_, bytes)| *bytes);
        filters + ids + indexed
    }
}

impl SortedIds {
    fn find(&self, id: &[u8; 16]) -> Option<RowIndex> {
        self.0.binary_search_by(|(other, _)| other.cmp(id)).ok().map(|at| self.0[at].1)
    }
}

impl IdFilters {
    /// Bytes of memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|filter| filter.num_blocks() * 32).sum()
    }

    fn may_hold(&self, id: &[u8; 16]) -> bool {
        self.0.is_empty() || self.0.iter().any(|filter| filter.check(&id[..]))
    }
}

impl Segment {
    /// The rows that may have one of the values, by the look-up index; `None` if there is none that answers this. `keys` are
    /// those that an index has.
    pub fn find(&self, keys: &[Key], key: &Key, values: &[&str]) -> Option<FoundRows> {
        let found = self.index(keys)?.find(key, values.iter().copied());
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "a look-up index is not used any more, and will be made again");
            self.drop_index();
            None
        })
    }

    /// Whether the id lies within the bounds of this segment's ids of its version, as the footer has them.
    pub fn may_hold_id(&self, id: &[u8; 16]) -> bool {
        self.has_within_bounds(id) && self.groups_with(column::EVENT_ID, id).next().is_some()
    }

    /// Whether the footer's own bounds of ids, if it has any, allow for the id.
    pub(crate) fn has_within_bounds(&self, id: &[u8; 16]) -> bool {
        self.ids.is_none_or(|bounds| bounds.may_hold(id))
    }

    /// No id of version 7 in this segment is greater, as the footer has it; `None` if there are none.
    pub(crate) fn v7_max(&self) -> Option<[u8; 16]> {
        if let Some(bounds) = &self.ids {
            return bounds.v7_max();
        }
        let leaf = self.leaf_column(column::EVENT_ID)?;
        let max = |group: &RowGroupMetaData| match group.column(leaf).statistics() {
            Some(Statistics::FixedLenByteArray(bounds)) => bounds.max_opt()?.data().try_into().ok(),
            _ => None,
        };
        // Without bounds any id may be here.
        self.parquet().row_groups().iter().map(|group| max(group).unwrap_or([u8::MAX; 16])).max()
    }

    /// The leaf of the id, if it is here. `lookup` keeps what had to be read.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn find_id(&self, id: &[u8; 16], lookup: &mut Lookup) -> Result<Option<LeafIndex>> {
        if !self.may_hold_id(id) {
            return Ok(None);
        }
        let filters = match &lookup.filters {
            Some(filters) => Arc::clone(filters),
            None => Arc::clone(lookup.filters.insert(Arc::new(self.id_filters()?))),
        };
        if !filters.may_hold(id) {
            return Ok(None);
        }
        let ids = match &lookup.ids {
            Some(ids) => Arc::clone(ids),
            None => Arc::clone(lookup.ids.insert(Arc::new(self.sorted_ids()?))),
        };
        ids.find(id).map_or(Ok(None), |row| self.leaf_at(row))
    }

    fn id_filters(&self) -> Result<IdFilters> {
        self.must_be_sound()?;
        let groups = 0..self.parquet().num_row_groups();
        let filters: Result<Option<Vec<Sbbf>>> =
            groups.map(|group| self.bloom_filter(group, column::EVENT_ID)).collect();
        Ok(IdFilters(filters?.unwrap_or_default()))
    }

    fn sorted_ids(&self) -> Result<SortedIds> {
        self.must_be_sound()?;
        let mut ids = Vec::with_capacity(self.rows() as usize);
        for batch in self.columns((0..self.parquet().num_row_groups()).collect(), &[column::EVENT_ID])? {
            for id in batch?.column(0).as_fixed_size_binary().iter().flatten() {
                let row = RowIndex(ids.len() as u32);
                ids.push((<[u8; 16]>::try_from(id).unwrap_or_default(), row));
            }
        }
        ids.sort_unstable();
        Ok(SortedIds(ids))
    }

    /// The leaves whose text in the column is `text`, ascending.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn leaves_with(&self, name: &str, text: &str) -> Result<Vec<LeafIndex>> {
        match self.stub() {
            Some(stub) if name == column::KIND && KEPT_KINDS.contains(&text) => {
                let rows = stub.rows.iter().filter(|row| row.kind == text);
                Ok(rows.map(|row| LeafIndex(row.leaf)).collect())
            }
            _ => self.scan_for(name, text),
        }
    }

    /// The same from its columns, whatever stayed here of them.
    fn scan_for(&self, name: &str, text: &str) -> Result<Vec<LeafIndex>> {
        let mut groups = Vec::new();
        let mut candidates = self.groups_with(name, text.as_bytes()).peekable();
        if candidates.peek().is_some() {
            self.must_be_sound()?;
        }
        for group in candidates {
            if self.bloom_filter(group, name)?.is_none_or(|filter| filter.check(text)) {
                groups.push(group);
            }
        }
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        equal_to(self.columns(groups, &[column::LEAF_INDEX, name])?, name, &[text])
    }

    /// The leaves of these rows.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`] if there is no such row.
    pub(crate) fn leaves_at(&self, rows: &[RowIndex]) -> Result<Vec<LeafIndex>> {
        let no_row = |row: &RowIndex| self.damaged(format!("it has no row {}", row.0));
        rows.iter().map(|row| self.leaf_at(*row)?.ok_or_else(|| no_row(row))).collect()
    }

    /// The leaves of those of the rows, which ascend, whose text in the column is one of `texts`.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn leaves_among(
        &self,
        rows: &[RowIndex],
        name: &str,
        texts: &[&str],
        lookup: &mut Lookup,
    ) -> Result<Vec<LeafIndex>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.must_be_sound()?;
        let mask = self.mask(&[column::LEAF_INDEX, name]);
        equal_to(self.read(&runs(rows), self.lookup_metadata(lookup)?, mask)?, name, texts)
    }

    /// The footer with the places of pages, kept for the next look-up.
    fn lookup_metadata(&self, lookup: &mut Lookup) -> Result<ArrowReaderMetadata> {
        if let Some((indexed, _)) = &lookup.indexed {
            return Ok(indexed.clone());
        }
        let indexed = self.indexed()?;
        let bytes = indexed.metadata().memory_size();
        Ok(lookup.indexed.insert((indexed, bytes)).0.clone())
    }

    /// The entries at these leaves, which must be sorted and different. Leaves that have no row here are left out.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn rows_at(&self, leaves: &[LeafIndex], lookup: &mut Lookup) -> Result<Vec<OwnedRow>> {
        match self.kept_rows(leaves) {
            Some(rows) => Ok(rows),
            None => self.read_rows_at(leaves, lookup),
        }
    }

    /// The same if all of them are rows that stayed here when the segment went into the archive.
    fn kept_rows(&self, leaves: &[LeafIndex]) -> Option<Vec<OwnedRow>> {
        let kept = &self.stub()?.rows;
        let row = |leaf: &LeafIndex| {
            let at = kept.binary_search_by_key(&leaf.0, |row| row.leaf).ok()?;
            let KeptRow { id, record, sidecar, .. } = &kept[at];
            Some(OwnedRow { leaf: *leaf, id: *id, record: record.clone().into_bytes(), sidecar: sidecar.clone() })
        };
        leaves.iter().map(row).collect()
    }

    /// The rows that stay here when the segment goes into the archive, from its columns.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn rows_to_keep(&self) -> Result<Vec<KeptRow>> {
        let mut rows = Vec::new();
        for kind in KEPT_KINDS {
            let leaves = self.scan_for(column::KIND, kind)?;
            for OwnedRow { leaf, id, record, sidecar } in self.read_rows_at(&leaves, &mut Lookup::default())? {
                let record = String::from_utf8(record).map_err(|_| self.damaged("a record is no text"))?;
                rows.push(KeptRow { kind: kind.to_owned(), leaf: leaf.0, id, record, sidecar });
            }
        }
        rows.sort_by_key(|row| row.leaf);
        Ok(rows)
    }

    /// Compares the rows that stayed here with those in the archive.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] if they differ, and as [`Segment::rows_to_keep`].
    pub(crate) fn check_kept(&self) -> Result<()> {
        match self.stub() {
            Some(stub) if stub.rows != self.rows_to_keep()? => {
                Err(self.damaged("the rows that stayed here are not those of the object"))
            }
            _ => Ok(()),
        }
    }

    /// The rows of those of the leaves that have one here, and these leaves.
    fn places_of(&self, leaves: &[LeafIndex]) -> Result<(Vec<RowIndex>, Vec<LeafIndex>)> {
        let (mut places, mut held) = (Vec::with_capacity(leaves.len()), Vec::with_capacity(leaves.len()));
        for leaf in leaves {
            if let Some(row) = self.row_of(*leaf)? {
                places.push(row);
                held.push(*leaf);
            }
        }
        Ok((places, held))
    }

    fn read_rows_at(&self, leaves: &[LeafIndex], lookup: &mut Lookup) -> Result<Vec<OwnedRow>> {
        let (places, held) = self.places_of(leaves)?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        self.must_be_sound()?;
        let mut rows = Vec::with_capacity(places.len());
        for batch in self.read(&runs(&places), self.lookup_metadata(lookup)?, ProjectionMask::all())? {
            let mut batch = Rows::new(self, &batch?)?;
            for row in 0..batch.len() {
                rows.push(batch.row(self, row)?);
            }
        }
        // The bounds by which the rows were found may lie; the column itself was read now.
        if !rows.iter().map(|row| row.leaf).eq(held) {
            return Err(self.damaged("its leaf column is not what its footer says"));
        }
        Ok(rows)
    }

    /// What the decisions at these leaves say, which must be sorted and different, with their leaves. Leaves that have no row
    /// here, and those of other kinds, are left out.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    pub(crate) fn decisions_at(
        &self,
        leaves: &[LeafIndex],
        lookup: &mut Lookup,
    ) -> Result<Vec<(LeafIndex, StoredDecision)>> {
        // What was said about decisions later lies in row groups of its own, mostly.
        let decisions: Vec<Range<RowIndex>> = self
            .groups_with(column::KIND, Kind::Decision.as_str().as_bytes())
            .map(|group| self.leaf_groups[group].rows())
            .collect();
        let (places, held) = self.places_of(leaves)?;
        let may_be = |place: &RowIndex| decisions.iter().any(|rows| rows.contains(place));
        let (places, held): (Vec<RowIndex>, Vec<LeafIndex>) =
            places.into_iter().zip(held).filter(|(place, _)| may_be(place)).unzip();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        self.must_be_sound()?;
        let names = DecisionReader::columns(self.schema());
        let (mut decisions, mut held) = (Vec::with_capacity(places.len()), held.into_iter());
        for batch in self.read(&runs(&places), self.lookup_metadata(lookup)?, self.mask(&names))? {
            let batch = batch?;
            let mut reader = DecisionReader::new(&batch).map_err(|error| self.damaged(error))?;
            let leaves =
                batch.column_by_name(column::LEAF_INDEX).and_then(|array| array.as_primitive_opt::<Int64Type>());
            let leaves = leaves.ok_or_else(|| self.damaged("its leaf column is of another type"))?;
            for (row, leaf) in leaves.values().iter().enumerate() {
                let leaf = LeafIndex(*leaf as u64);
                // The bounds by which the rows were found may lie; the column itself was read now.
                if held.next() != Some(leaf) {
                    return Err(self.damaged("its leaf column is not what its footer says"));
                }
                decisions.extend(reader.read(row).map(|decision| (leaf, decision)));
            }
        }
        if held.next().is_some() {
            return Err(self.damaged("its leaf column is not what its footer says"));
        }
        Ok(decisions)
    }

    /// The row groups whose bounds of the column do not rule the value out.
    fn groups_with<'s>(&'s self, name: &str, value: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let leaf = self.leaf_column(name);
        let groups = self.parquet().row_groups().iter().enumerate();
        groups.filter(move |(_, group)| leaf.is_some_and(|leaf| within_bounds(group, leaf, value))).map(|(at, _)| at)
    }

    /// The Parquet column of that name.
    pub(super) fn leaf_column(&self, name: &str) -> Option<usize> {
        let schema = self.metadata.parquet_schema();
        (0..schema.num_columns()).find(|leaf| *schema.column(*leaf).path().parts() == [name])
    }

    fn bloom_filter(&self, group: usize, name: &str) -> Result<Option<Sbbf>> {
        let Some(leaf) = self.leaf_column(name) else { return Ok(None) };
        let column = self.parquet().row_group(group).column(leaf);
        Sbbf::read_from_column_chunk(column, &self.file()?).map_err(|error| self.unreadable(error))
    }
}

/// Rows that ascend as ranges that are sorted and apart.
pub(super) fn runs(rows: &[RowIndex]) -> Vec<Range<RowIndex>> {
    let runs = rows.chunk_by(|row, next| row.0 + 1 == next.0);
    runs.map(|run| run[0]..RowIndex(run[0].0 + run.len() as u32)).collect()
}

/// The leaves of the rows whose text in the column is one of `texts`.
fn equal_to(batches: Batches, name: &str, texts: &[&str]) -> Result<Vec<LeafIndex>> {
    let wanted: HashSet<&str> = texts.iter().copied().collect();
    let mut leaves = Vec::new();
    for batch in batches {
        let batch = batch?;
        let (Some(index), Some(found)) = (
            batch.column_by_name(column::LEAF_INDEX).and_then(|array| array.as_primitive_opt::<Int64Type>()),
            batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>()),
        ) else {
            continue;
        };
        let rows = (0..found.len()).filter(|row| found.is_valid(*row) && wanted.contains(found.value(*row)));
        leaves.extend(rows.map(|row| LeafIndex(index.value(row) as u64)));
    }
    Ok(leaves)
}

/// Whether the value may be in the column chunk. Bounds of long texts are cut, downwards and upwards.
fn within_bounds(group: &RowGroupMetaData, leaf: usize, value: &[u8]) -> bool {
    let column = group.column(leaf);
    let bounds = match column.statistics() {
        Some(Statistics::ByteArray(bounds)) => {
            bounds.min_opt().zip(bounds.max_opt()).map(|(a, b)| (a.data(), b.data()))
        }
        Some(Statistics::FixedLenByteArray(bounds)) => {
            bounds.min_opt().zip(bounds.max_opt()).map(|(a, b)| (a.data(), b.data()))
        }
        _ => None,
    };
    let nulls = column.statistics().and_then(Statistics::null_count_opt);
    match bounds {
        Some((min, max)) => min <= value && value <= max,
        // No bounds: no values at all, or no statistics.
        None => nulls.and_then(|nulls| i64::try_from(nulls).ok()) != Some(group.num_rows()),
    }
}
