//! Writing a segment file, durably.
//!
//! The file is written under an unfinished name, checksummed, synced; [`Written::publish`] then renames it and syncs
//! the directory. Between the two the caller reads it back. A crash before the rename leaves a file that opening the
//! lake removes.

use super::file::Sink;
use super::id::IdBounds;
use super::{SegmentName, encoding};
use crate::checksum::{self, Summing};
use crate::error::{Error, Result};
use crate::schema::{FORMAT, PathColumn, RestKeys, column, meta, schema};
use crate::shred::Shredded;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use onrecord_evidence::LeafRange;
use onrecord_ledger::disk::{DiskFile, durable};
use onrecord_ledger::{Disk, OsDisk};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, ArrowWriter, encode_arrow_schema};
use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::schema::types::{SchemaDescriptor, Type};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A segment file being written. Dropping it removes the file.
pub struct SegmentWriter {
    unfinished: Written,
    columns: Vec<PathColumn>,
    rest_keys: RestKeys,
    ids: IdBounds,
    rows: u64,
    /// Without the keys of the rest columns, which are known only at the end.
    schema: SchemaRef,
    file: Arc<dyn DiskFile>,
    /// Made when the first batch shows what the columns are like.
    writer: Option<ArrowWriter<Summing<BufWriter<Sink>>>>,
}

/// A complete file that has not its name yet. Dropping it removes the file.
pub struct Written {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    path: PathBuf,
    name: SegmentName,
}

impl SegmentWriter {
    /// Starts a segment of these leaves in `dir`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(dir: &Path, leaves: LeafRange, columns: Vec<PathColumn>) -> Result<Self> {
        Self::create_on(&(Arc::new(OsDisk) as _), dir, SegmentName::new(leaves), columns)
    }

    /// As [`SegmentWriter::create`], on any disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn create_on(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        name: SegmentName,
        columns: Vec<PathColumn>,
    ) -> Result<Self> {
        let (unfinished, file) = Written::begin(disk, dir, name)?;
        let rest_keys = RestKeys::default();
        let schema = schema(&columns, &rest_keys);
        Ok(Self { unfinished, columns, rest_keys, ids: IdBounds::default(), rows: 0, schema, file, writer: None })
    }

    /// Encodes a batch.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Unsealable`] if the batch does not have the columns of this segment.
    pub fn write(&mut self, shredded: Shredded) -> Result<()> {
        self.rest_keys.merge(&shredded.rest_keys);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), shredded.batch.columns().to_vec());
        let batch = batch.map_err(|error| self.unsealable(error))?;
        self.rows += batch.num_rows() as u64;
        let ids = batch.column_by_name(column::EVENT_ID).and_then(|ids| ids.as_fixed_size_binary_opt());
        ids.iter()
            .flat_map(|ids| ids.iter().flatten())
            .filter_map(|id| id.try_into().ok())
            .for_each(|id| self.ids.add(id));
        if self.writer.is_none() {
            self.writer = Some(self.start(&batch)?);
        }
        match &mut self.writer {
            Some(writer) => writer.write(&batch).map_err(|error| self.unfinished.failed(error)),
            None => Ok(()),
        }
    }

    /// Begins a new row group, however few rows the one before has.
    #[cfg(test)]
    pub(super) fn end_row_group(&mut self) {
        self.writer.as_mut().unwrap().flush().unwrap();
    }

    fn start(&self, sample: &RecordBatch) -> Result<ArrowWriter<Summing<BufWriter<Sink>>>> {
        let rows = usize::try_from(self.unfinished.leaves().count()).unwrap_or(usize::MAX);
        let failed = |error| self.unfinished.failed(error);
        let options = ArrowWriterOptions::new()
            .with_properties(encoding::properties(sample, rows))
            .with_parquet_schema(parquet_schema(&self.schema).map_err(failed)?)
            .with_skip_arrow_metadata(true);
        let sink = Summing::new(BufWriter::with_capacity(1 << 20, Sink::new(&self.file)));
        ArrowWriter::try_new_with_options(sink, Arc::clone(&self.schema), options).map_err(failed)
    }

    /// Completes the file and syncs it.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Unsealable`].
    pub fn finish(mut self) -> Result<Written> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            // None of its leaves has a row.
            None => self.start(&RecordBatch::new_empty(Arc::clone(&self.schema)))?,
        };
        let unfinished = &self.unfinished;
        for pair in unfinished.footer(&schema(&self.columns, &self.rest_keys), self.rows, self.ids) {
            writer.append_key_value_metadata(pair);
        }
        writer.finish().map_err(|error| unfinished.failed(error))?;
        let sum = writer.inner().sum();
        drop(writer);
        unfinished.complete(&*self.file, sum)?;
        Ok(self.unfinished)
    }

    fn unsealable(&self, problem: impl std::fmt::Display) -> Error {
        Error::Unsealable { leaves: self.unfinished.leaves(), problem: problem.to_string() }
    }
}

impl Written {
    /// Makes an empty file for a segment of this name in `dir`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn begin(disk: &Arc<dyn Disk>, dir: &Path, name: SegmentName) -> Result<(Self, Arc<dyn DiskFile>)> {
        let path = dir.join(name.unfinished());
        let file = disk.create(&path).map_err(Error::io(&path))?;
        Ok((Self { disk: Arc::clone(disk), dir: dir.to_owned(), path, name }, Arc::from(file)))
    }

    /// The key-value pairs of the footer.
    pub(super) fn footer(&self, schema: &Schema, rows: u64, ids: IdBounds) -> Vec<KeyValue> {
        let [v7, other] = ids.to_meta();
        // The checksums come last: see `checksum`.
        let pairs = [
            (ARROW_SCHEMA_META_KEY, encode_arrow_schema(schema)),
            (meta::FORMAT, FORMAT.to_string()),
            (meta::FIRST_LEAF, self.leaves().start.to_string()),
            (meta::END_LEAF, self.leaves().end.to_string()),
            (meta::ROWS, rows.to_string()),
            v7,
            other,
            (meta::FOOTER_CHECKSUM, checksum::PLACEHOLDER.to_owned()),
            (meta::CHECKSUM, checksum::PLACEHOLDER.to_owned()),
        ];
        pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
    }

    /// Puts the checksums into the finished file, of which `sum` is that of all bytes, and syncs it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn complete(&self, file: &dyn DiskFile, sum: u32) -> Result<()> {
        checksum::stamp(&self.path, file, sum)?;
        file.sync().map_err(Error::io(&self.path))
    }

    /// Where the file is until it is published.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name and makes that durable. Returns its path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish(self) -> Result<PathBuf> {
        let path = self.dir.join(self.name.finished());
        durable::publish(&*self.disk, &self.path, &path).map_err(Error::io(&path))?;
        Ok(path)
    }

    /// Its leaves.
    pub(crate) fn leaves(&self) -> LeafRange {
        self.name.leaves
    }

    /// The name that it gets.
    pub(crate) fn name(&self) -> SegmentName {
        self.name
    }

    pub(super) fn failed(&self, error: ParquetError) -> Error {
        match io_error(error) {
            Ok(source) => Error::Io { path: self.path.clone(), source },
            Err(problem) => Error::Unsealable { leaves: self.leaves(), problem },
        }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // After publishing there is nothing to remove; before, opening the lake would do it.
        let _ = self.disk.remove(&self.path);
    }
}

/// The operating system's error inside, or a description.
pub(super) fn io_error(error: ParquetError) -> std::result::Result<std::io::Error, String> {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(inner) => Ok(*inner),
            Err(inner) => Err(inner.to_string()),
        },
        other => Err(other.to_string()),
    }
}

/// The Parquet schema that Arrow's converts to, with `event_id` marked as a UUID, which Arrow's types do not say.
pub(super) fn parquet_schema(schema: &SchemaRef) -> parquet::errors::Result<SchemaDescriptor> {
    let converted = ArrowSchemaConverter::new().schema_root("onrecord").convert(schema)?;
    let mut fields = converted.root_schema().get_fields().to_vec();
    for field in &mut fields {
        if field.name() == column::EVENT_ID {
            let uuid = Type::primitive_type_builder(column::EVENT_ID, PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_length(16)
                .with_logical_type(Some(LogicalType::Uuid))
                .with_repetition(Repetition::REQUIRED);
            *field = Arc::new(uuid.build()?);
        }
    }
    let root = Type::group_type_builder(converted.root_schema().name()).with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}
