//! A segment: one immutable Parquet file that holds a range of leaves.
//!
//! Invariant: its name and its footer agree on the range, its rows have leaves of that range, ascending, and so there are
//! at most as many rows as leaves. The rows reproduce the records byte for byte; that was checked before the file got its
//! name, and `verify` checks it again. Which row has which leaf only the leaf column says: see `leaf`.
//!
//! `write` makes segments of rows, `join` of other segments and `filter` of what stays of one, `read` gives rows back, `lookup` finds single rows, `id`
//! rules segments out for that, `index` makes the look-up index. What holds several segments together is the catalog's.

mod chosen;
mod copy;
mod encoding;
mod file;
mod filter;
mod id;
pub(crate) mod index;
mod join;
mod kept;
mod leaf;
mod lookup;
mod name;
mod read;
mod retired;
mod write;

pub use chosen::Chosen;
pub use file::SegmentFile;
pub(crate) use filter::filter;
pub(crate) use id::is_v7;
pub(crate) use join::{are_joinable, join};
pub(crate) use kept::Kept;
pub(crate) use lookup::Lookup;
pub(crate) use name::{SegmentName, UNFINISHED};
pub(crate) use read::{Batches, Rows};
pub use read::{Block, OwnedRow};
pub(crate) use retired::{Retired, Retirement};
pub use write::{SegmentWriter, Written};

use crate::checksum::{self, BlockSums};
use crate::error::{Error, Result};
use crate::index::{Index, Key, path_of};
use crate::object::{Archived, ArchivedFile, Leftover, ObjectFile, ObjectReader, Stub};
use crate::schema::{FORMAT, PathColumn, column, meta};
use arrow::datatypes::SchemaRef;
use id::IdBounds;
use leaf::LeafGroup;
use onrecord_evidence::{LeafIndex, LeafRange};
use onrecord_ledger::disk::DiskFile;
use onrecord_ledger::{Disk, OsDisk};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Rows of one row group: what one core scans at a time, and what dictionaries and bloom filters are made for.
pub const ROW_GROUP_ROWS: usize = 1 << 18;

/// Where the bytes of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// On the local disk.
    Local,
    /// In an object store.
    Archive,
}

impl Tier {
    /// The word for it, in SQL and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Archive => "archive",
        }
    }
}

/// An immutable file of the rows of a range of leaves.
///
/// Whoever holds a segment can read it: a file that compaction replaced is removed when the last holder lets go.
pub struct Segment {
    /// What it was opened on, for reading and, when it was replaced, removing it.
    disk: Arc<dyn Disk>,
    path: PathBuf,
    name: SegmentName,
    rows: u64,
    /// Which rows have which leaves, by row group.
    leaf_groups: Box<[LeafGroup]>,
    bytes: u64,
    metadata: ArrowReaderMetadata,
    /// Absent in files from before there were bounds.
    ids: Option<IdBounds>,
    /// Where its bytes are, if they are in the archive: `path` is that of the stub then.
    archived: Option<ArchivedFile>,
    /// What becomes of its file when the last holder lets go.
    retirement: Arc<Retirement>,
    /// Whether the checksum over every byte was found right since this was opened.
    sound: AtomicBool,
    /// The checksums of its blocks, once the index that has them was found.
    sums: OnceLock<Arc<BlockSums>>,
    /// The look-up index, once it was looked for; `None` inside if there is none of use.
    index: Mutex<Option<Option<Arc<Index>>>>,
}

impl Segment {
    /// Opens the file: checks its footer and compares it with its name. Rows are not looked at.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Format`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_on(&(Arc::new(OsDisk) as _), path)
    }

    /// As [`Segment::open`], on any disk.
    ///
    /// # Errors
    /// As [`Segment::open`].
    pub(crate) fn open_on(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        let not_one = || Error::damaged(path, "its name is not a segment's");
        match name.and_then(SegmentName::parse_stub) {
            Some(name) => Self::open_archived(disk, path, name),
            None => Self::open_as(disk, path, name.and_then(SegmentName::parse).ok_or_else(not_one)?),
        }
    }

    /// Opens a stub: nothing is asked of the archive.
    fn open_archived(disk: &Arc<dyn Disk>, path: &Path, name: SegmentName) -> Result<Self> {
        let stub = Stub::open(&**disk, path)?;
        if stub.head.archived.manifest.name != name.finished() {
            return Err(Error::damaged(path, "it is the stub of another segment"));
        }
        let archived = ArchivedFile::new(stub);
        Self::of_file(disk, path, name, Box::new(archived.clone()), Some(archived))
    }

    /// Opens a file that has not its name yet.
    ///
    /// # Errors
    /// As [`Segment::open`].
    pub(crate) fn open_as(disk: &Arc<dyn Disk>, path: &Path, name: SegmentName) -> Result<Self> {
        let file = disk.open_to_read(path).map_err(Error::io(path))?;
        Self::of_file(disk, path, name, file, None)
    }

    fn of_file(
        disk: &Arc<dyn Disk>,
        path: &Path,
        name: SegmentName,
        file: Box<dyn DiskFile>,
        archived: Option<ArchivedFile>,
    ) -> Result<Self> {
        checksum::check_footer(path, &*file)?;
        let file = SegmentFile::new(file, None).map_err(Error::io(path))?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| unreadable(path, error))?;
        let mut segment = Self {
            disk: Arc::clone(disk),
            path: path.to_owned(),
            bytes: parquet::file::reader::Length::len(&file),
            name,
            rows: 0,
            leaf_groups: Box::default(),
            metadata,
            ids: None,
            // What is read from the archive is compared each time.
            sound: AtomicBool::new(archived.is_some()),
            archived,
            retirement: Arc::new(Retirement::new(path, name.leaves)),
            sums: OnceLock::new(),
            index: Mutex::default(),
        };
        segment.ids = segment.check_footer()?;
        segment.rows = segment.check_rows()?;
        let column = segment.leaf_column(column::LEAF_INDEX);
        segment.leaf_groups =
            leaf::groups(segment.parquet(), column, name.leaves).map_err(|what| segment.damaged(what))?;
        Ok(segment)
    }

    /// Compares the footer with the name; returns the bounds of the ids.
    fn check_footer(&self) -> Result<Option<IdBounds>> {
        let value = |key: &str| self.footer_value(key);
        let found = value(meta::FORMAT);
        if found != Some(FORMAT.to_string().as_str()) {
            return Err(Error::Format { path: self.path.clone(), found: found.map(str::to_owned) });
        }
        let leaf = |key| self.footer_number(key).map(LeafIndex);
        if leaf(meta::FIRST_LEAF) != Some(self.leaves().start) || leaf(meta::END_LEAF) != Some(self.leaves().end) {
            return Err(self.damaged("its footer has other leaves than its name"));
        }
        IdBounds::of_meta(value).map_err(|key| self.damaged(format!("its footer's {key} is no bounds")))
    }

    /// Counts the rows, which are as many as the footer says and no more than the leaves.
    fn check_rows(&self) -> Result<u64> {
        let groups = self.parquet().row_groups().iter();
        let rows = groups
            .map(|group| u64::try_from(group.num_rows()).ok())
            .try_fold(0_u64, |sum, rows| sum.checked_add(rows?));
        let promised = self.footer_number(meta::ROWS);
        match rows {
            Some(rows) if rows <= self.leaves().count() && promised == Some(rows) => Ok(rows),
            Some(rows) if promised == Some(rows) => {
                Err(self.damaged(format!("it has {rows} rows for {} leaves", self.leaves().count())))
            }
            _ => Err(self.damaged("its row groups have other rows than its footer says")),
        }
    }

    fn footer_value(&self, key: &str) -> Option<&str> {
        let pairs = self.parquet().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    fn footer_number(&self, key: &str) -> Option<u64> {
        self.footer_value(key)?.parse().ok()
    }

    fn damaged(&self, problem: impl std::fmt::Display) -> Error {
        Error::damaged(&self.path, problem)
    }

    /// What it is on.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Its bytes, wherever they are.
    pub(crate) fn bytes_file(&self) -> Result<Box<dyn DiskFile>> {
        match &self.archived {
            Some(archived) => Ok(Box::new(archived.clone())),
            None => self.disk.open_to_read(&self.path).map_err(Error::io(&self.path)),
        }
    }

    /// Where its bytes are.
    pub fn tier(&self) -> Tier {
        if self.archived.is_some() { Tier::Archive } else { Tier::Local }
    }

    /// What stays on the disk of a segment in the archive.
    pub(crate) fn stub(&self) -> Option<&Stub> {
        self.archived.as_ref().map(ArchivedFile::stub)
    }

    /// What was put into the archive, if it is there.
    pub fn archived(&self) -> Option<&Archived> {
        self.stub().map(|stub| &stub.head.archived)
    }

    /// The ranges of the file that looking for an id and for single rows begin with.
    pub(crate) fn guiding_ranges(&self) -> Vec<Range<u64>> {
        let filter = self.leaf_column(column::EVENT_ID);
        let mut ranges = Vec::new();
        for group in self.parquet().row_groups() {
            for (at, chunk) in group.columns().iter().enumerate() {
                let page = |offset: Option<i64>, length: Option<i32>| {
                    let start = u64::try_from(offset?).ok()?;
                    Some(start..start + u64::try_from(length?).ok()?)
                };
                ranges.extend(page(chunk.column_index_offset(), chunk.column_index_length()));
                ranges.extend(page(chunk.offset_index_offset(), chunk.offset_index_length()));
                ranges.extend(
                    page(chunk.bloom_filter_offset(), chunk.bloom_filter_length()).filter(|_| Some(at) == filter),
                );
            }
        }
        ranges
    }

    /// Where it is: its file, or its stub.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The leaves that it, and no other segment, can have rows of.
    pub fn leaves(&self) -> LeafRange {
        self.name.leaves
    }

    /// What its name says.
    pub(crate) fn name(&self) -> SegmentName {
        self.name
    }

    /// The number of rows, at most that of the leaves.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The Arrow schema, with the keys of the rest columns in their metadata.
    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// The footer, without page indexes.
    pub fn parquet(&self) -> &Arc<ParquetMetaData> {
        self.metadata.metadata()
    }

    /// The path columns, in file order.
    pub(crate) fn paths(&self) -> Vec<PathColumn> {
        self.schema().fields().iter().filter_map(|field| PathColumn::of(field)).collect()
    }

    /// The path columns, with the number of values in each as the footer says.
    pub(crate) fn path_columns(&self) -> Vec<(PathColumn, u64)> {
        let fields = self.schema().fields().iter().enumerate();
        fields
            .filter_map(|(root, field)| {
                let column = PathColumn::of(field)?;
                // Of a list of objects the first leaf column will do: it counts the missing lists too.
                let leaf = self.leaf_of_root(root)?;
                let nulls = self.parquet().row_groups().iter().map(|group| {
                    group.column(leaf).statistics().and_then(|statistics| statistics.null_count_opt()).unwrap_or(0)
                });
                Some((column, self.rows().saturating_sub(nulls.sum())))
            })
            .collect()
    }

    /// The first Parquet column of the column at that place of the schema.
    pub fn leaf_of_root(&self, root: usize) -> Option<usize> {
        let schema = self.metadata.parquet_schema();
        (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root)
    }

    /// The footer with the places of pages, for reading single rows.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn indexed(&self) -> Result<ArrowReaderMetadata> {
        // The footer was read when the segment was opened.
        let mut reader = ParquetMetaDataReader::new_with_metadata(ParquetMetaData::clone(self.parquet()))
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        let footer = reader.read_page_indexes(&self.file()?).and_then(|()| reader.finish());
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(self.schema()));
        let indexed = footer.and_then(|footer| ArrowReaderMetadata::try_new(Arc::new(footer), options));
        indexed.map_err(|error| self.unreadable(error))
    }

    /// The footer with the places and the bounds of pages.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn all_indexed(&self) -> Result<ArrowReaderMetadata> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        ArrowReaderMetadata::load(&self.file()?, options).map_err(|error| self.unreadable(error))
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn file(&self) -> Result<SegmentFile> {
        let sums = if self.sound.load(Ordering::Acquire) { None } else { self.sums.get().cloned() };
        let file = match &self.archived {
            Some(archived) => SegmentFile::archived(archived),
            None => self.disk.open_to_read(&self.path).and_then(|file| SegmentFile::new(file, sums)),
        };
        file.map_err(Error::io(&self.path))
    }

    /// Compares the checksum over every byte of the file; of one in the archive, the hash of the object.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Archive`].
    pub fn check_bytes(&self) -> Result<()> {
        if let Some(archived) = &self.archived {
            return archived.check(&self.path);
        }
        let file = self.disk.open_to_read(&self.path).map_err(Error::io(&self.path))?;
        checksum::check(&self.path, &*file)?;
        self.sound.store(true, Ordering::Release);
        Ok(())
    }

    /// Sees to it that no answer comes from bytes that were damaged while nobody had the file open: if its blocks have
    /// checksums, each is compared when it is read; else the whole file is, before its first rows are given out.
    ///
    /// # Errors
    /// As [`Segment::check_bytes`].
    pub fn must_be_sound(&self) -> Result<()> {
        if self.sound.load(Ordering::Acquire) || self.sums.get().is_some() { Ok(()) } else { self.check_bytes() }
    }

    /// The checksum of the whole file as its footer has it, which tells the segment from every other.
    pub(crate) fn file_checksum(&self) -> u32 {
        let digits = self.footer_value(meta::CHECKSUM);
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default()
    }

    /// The look-up index, if there is one with these keys. One that is damaged is left alone, and said so once.
    pub(crate) fn index(&self, keys: &[Key]) -> Option<Arc<Index>> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*index {
            return index.clone();
        }
        let found = match self.open_index() {
            Ok(mut found) => {
                self.adopt_sums(&mut found);
                found.is_of(self.file_checksum(), keys).then(|| Arc::new(found))
            }
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
            Err(Error::Format { .. }) => None,
            Err(Error::Archive { .. }) => {
                // It is asked for again when it is needed again: its server may be back.
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "a look-up index is not used, and will be made again");
                None
            }
        };
        index.insert(found).clone()
    }

    /// Opens the look-up index: that on the disk, else that in the archive.
    pub(crate) fn open_index(&self) -> Result<Index> {
        let path = path_of(&self.path);
        match self.disk.open_to_read(&path) {
            Ok(file) => Index::of_file(&path, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.archived.is_some() => {
                self.archived_index(&path)
            }
            Err(error) => Err(Error::io(&path)(error)),
        }
    }

    fn archived_index(&self, path: &Path) -> Result<Index> {
        let stub = self.stub().and_then(|stub| Some((stub, stub.head.archived.manifest.index.as_ref()?)));
        let Some((stub, index)) = stub else {
            return Err(Error::io(path)(std::io::ErrorKind::NotFound.into()));
        };
        let object = ObjectReader::new(stub.storage()?, index.name.clone());
        Index::of_file(path, Box::new(ObjectFile::new(object, index.bytes)))
    }

    /// Whether asking for its look-up index asks nothing of the archive.
    pub(crate) fn has_local_index(&self) -> bool {
        self.archived.is_none() || self.disk.open_to_read(&path_of(&self.path)).is_ok()
    }

    /// Makes the look-up index, whatever there was.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn make_index(&self, keys: &[Key]) -> Result<()> {
        let mut made = index::make(self, keys)?;
        self.adopt_sums(&mut made);
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(Some(Arc::new(made)));
        Ok(())
    }

    /// Takes the checksums of blocks from an index of this very file.
    fn adopt_sums(&self, index: &mut Index) {
        if let Some(sums) = index.take_sums(self.file_checksum()) {
            // Those that were there are the same.
            let _ = self.sums.set(Arc::new(sums));
        }
    }

    /// The look-up index is not what it should be: it is not asked again.
    pub(crate) fn drop_index(&self) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(None);
    }

    /// As a file from before there were bounds of ids.
    #[cfg(test)]
    pub(crate) fn without_id_bounds(mut self) -> Self {
        self.ids = None;
        self
    }

    /// It is not in use any more: what must go of it goes when nobody reads it. Returns what says when that is.
    pub(crate) fn retire(&self, why: Retired) -> Arc<Retirement> {
        self.retirement.retire(why);
        Arc::clone(&self.retirement)
    }

    /// What an error of reading the file is.
    pub fn unreadable(&self, error: ParquetError) -> Error {
        self.unreached().unwrap_or_else(|| unreadable(&self.path, error))
    }

    /// Why the archive could not be read lately, if this is there and it could not.
    pub(crate) fn unreached(&self) -> Option<Error> {
        self.archived.as_ref()?.failure()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let Some(why) = self.retirement.why() else { return };
        // If this fails or never happens, opening the lake finds what is left over and goes on with it.
        let removed = self.remove_files(why);
        if let Err(error) = &removed {
            tracing::warn!(%error, "what is not in use any more is there yet");
        }
        self.retirement.settle(removed.is_ok());
    }
}

impl Segment {
    fn remove_files(&self, why: Retired) -> Result<()> {
        if let Some(stub) = self.stub() {
            Leftover::of(&stub.head.archived).write(&*self.disk, &self.path)?;
        }
        if why == Retired::Replaced {
            let _ = self.disk.remove(&path_of(&self.path));
        }
        match self.disk.remove(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&self.path)(error)),
            _ => Ok(()),
        }
    }
}

fn unreadable(path: &Path, error: ParquetError) -> Error {
    match write::io_error(error) {
        Ok(damage) if damage.kind() == std::io::ErrorKind::InvalidData => Error::damaged(path, damage),
        Ok(source) => Error::Io { path: path.to_owned(), source },
        Err(problem) => Error::damaged(path, problem),
    }
}
