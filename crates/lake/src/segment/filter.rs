//! A segment without some of its rows and sidecars, column by column.
//!
//! A row group that loses nothing is copied as it is, and so are all columns but one of a row group that loses only
//! sidecars. Other columns are decoded, filtered and encoded again; no record is taken apart. Invariant: what was encoded
//! is read back from the file and is, value by value, what stays of the source, whose records were hashed when it was
//! made. So the same records come out of it.

use super::copy::Loaded;
use super::file::Sink;
use super::id::IdBounds;
use super::kept::Kept;
use super::{Segment, SegmentName, Written, encoding, write};
use crate::checksum::Summing;
use crate::error::{Error, Result};
use crate::schema::{Document, PathColumn, RestKeys, column, schema};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter as filter_array, nullif};
use arrow::datatypes::SchemaRef;
use onrecord_ledger::Disk;
use onrecord_record::{Parser, ValueKind};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::writer::SerializedFileWriter;
use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8_192;

/// Columns that are encoded or read back at once. Their bytes are in memory until their row group is written.
const THREADS: usize = 2;

type Writer = SerializedFileWriter<Summing<BufWriter<Sink>>>;

/// Writes a segment of this name of what stays, with these path columns. The caller publishes it.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`] naming the source, [`Error::Archive`], [`Error::Unsealable`], [`Error::ReadBack`].
pub(crate) fn filter(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    name: SegmentName,
    segment: &Segment,
    kept: &Kept,
    paths: &[PathColumn],
) -> Result<Written> {
    let (written, file) = Written::begin(disk, dir, name)?;
    let filter = Filter::new(Loaded::new(segment)?, kept, paths)?;
    let sink = Summing::new(BufWriter::with_capacity(1 << 20, Sink::new(&file)));
    let mut writer = filter.start(sink, &written)?;
    let encoders = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&filter.schema));
    for group in filter.groups() {
        filter.write_group(group, &encoders, &written, &mut writer)?;
    }
    let named = schema(paths, &filter.rest_keys()?);
    for pair in written.footer(&named, kept.rows(), filter.id_bounds()?) {
        writer.append_key_value_metadata(pair);
    }
    writer.finish().map_err(|error| written.failed(error))?;
    let sum = writer.inner().sum();
    drop(writer);
    written.complete(&*file, sum)?;
    filter.read_back(disk, &written)?;
    Ok(written)
}

/// What stays of a segment, and how it is written.
struct Filter<'s> {
    segment: &'s Segment,
    source: Loaded<'s>,
    kept: &'s Kept,
    /// Of the new file; the rest fields name no keys yet.
    schema: SchemaRef,
    /// Of each of its columns: the place in the source's schema.
    roots: Vec<usize>,
}

impl<'s> Filter<'s> {
    fn new(source: Loaded<'s>, kept: &'s Kept, paths: &[PathColumn]) -> Result<Self> {
        let segment = source.segment;
        let schema = schema(paths, &RestKeys::default());
        let place = |name: &str| segment.schema().index_of(name).ok();
        let roots: Option<Vec<usize>> = schema.fields().iter().map(|field| place(field.name())).collect();
        let roots = roots.ok_or_else(|| Error::damaged(segment.path(), "its columns are not those of a segment"))?;
        Ok(Self { segment, source, kept, schema, roots })
    }

    /// The row groups that have rows left.
    fn groups(&self) -> impl Iterator<Item = usize> {
        (0..self.segment.parquet().num_row_groups()).filter(|group| self.kept.group(*group).rows() > 0)
    }

    /// A file like the source: the first rows of a row group that is encoded say how.
    fn start(&self, sink: Summing<BufWriter<Sink>>, written: &Written) -> Result<Writer> {
        let group = self.groups().find(|group| self.kept.group(*group).is_filtered());
        let sample = match group {
            Some(group) => self.reader(group, &self.roots)?.next(),
            None => None,
        };
        let sample = match sample {
            Some(batch) => batch.map_err(|error| Error::damaged(self.segment.path(), error))?,
            None => RecordBatch::new_empty(Arc::clone(&self.schema)),
        };
        let rows = usize::try_from(self.kept.rows()).unwrap_or(usize::MAX);
        let failed = |error| written.failed(error);
        let descriptor = write::parquet_schema(&self.schema).map_err(failed)?;
        let properties = Arc::new(encoding::properties(&sample, rows));
        Writer::new(sink, descriptor.root_schema_ptr(), properties).map_err(failed)
    }

    /// Writes what stays of a row group.
    fn write_group(
        &self,
        group: usize,
        encoders: &ArrowRowGroupWriterFactory,
        written: &Written,
        writer: &mut Writer,
    ) -> Result<()> {
        let failed = |error| written.failed(error);
        let mut leaves = encoders.create_column_writers(group).map_err(failed)?.into_iter();
        let of_root = |root: &usize| leaves.by_ref().take(self.leaves_of_root(*root).count()).collect::<Vec<_>>();
        let columns: Vec<_> = self.roots.iter().map(of_root).zip(&self.roots).collect();
        let encode = |(writers, root): (Vec<ArrowColumnWriter>, &usize)| match self.is_encoded(group, *root) {
            true => self.encode(group, *root, writers, written).map(Some),
            false => Ok(None),
        };
        let encoded = in_threads(columns, encode, || Error::damaged(self.segment.path(), "it cannot be decoded"))?;
        let mut target = writer.next_row_group().map_err(failed)?;
        for (chunks, root) in encoded.into_iter().zip(&self.roots) {
            match chunks {
                Some(chunks) => {
                    for chunk in chunks {
                        chunk.append_to_row_group(&mut target).map_err(failed)?;
                    }
                }
                None => {
                    for leaf in self.leaves_of_root(*root) {
                        self.source.copy(group, leaf, written, &mut target)?;
                    }
                }
            }
        }
        target.close().map_err(failed)?;
        Ok(())
    }

    /// Whether a column loses something in a row group.
    fn is_encoded(&self, group: usize, root: usize) -> bool {
        let kept = self.kept.group(group);
        kept.stay.is_some() || (kept.bare.is_some() && self.is_sidecar(root))
    }

    fn is_sidecar(&self, root: usize) -> bool {
        self.segment.schema().field(root).name() == column::SIDECAR
    }

    /// The Parquet columns of a column.
    fn leaves_of_root(&self, root: usize) -> impl Iterator<Item = usize> {
        let schema = self.source.metadata.parquet_schema();
        (0..schema.num_columns()).filter(move |leaf| schema.get_column_root_idx(*leaf) == root)
    }

    fn encode(
        &self,
        group: usize,
        root: usize,
        mut writers: Vec<ArrowColumnWriter>,
        written: &Written,
    ) -> Result<Vec<ArrowColumnChunk>> {
        let field = self.segment.schema().field(root);
        let failed = |error| written.failed(error);
        for array in self.stay(group, root)? {
            let leaves = compute_leaves(field, &array?).map_err(failed)?;
            for (writer, leaf) in writers.iter_mut().zip(&leaves) {
                writer.write(leaf).map_err(failed)?;
            }
        }
        writers.into_iter().map(|writer| writer.close().map_err(failed)).collect()
    }

    /// What stays of a column of a row group, in order.
    fn stay(&self, group: usize, root: usize) -> Result<impl Iterator<Item = Result<ArrayRef>>> {
        let kept = self.kept.group(group);
        let bare = kept.bare.as_ref().filter(|_| self.is_sidecar(root));
        let mut row = 0;
        let damaged = |error| Error::damaged(self.segment.path(), error);
        Ok(self.reader(group, &[root])?.map(move |batch| {
            let array = Arc::clone(batch.map_err(damaged)?.column(0));
            let rows = row..row + array.len();
            row = rows.end;
            let array = bare.map_or(Ok(Arc::clone(&array)), |bare| nullif(&array, &slice(bare, &rows)));
            let array = array.map_err(damaged)?;
            match &kept.stay {
                Some(stay) => filter_array(&array, &slice(stay, &rows)).map_err(damaged),
                None => Ok(array),
            }
        }))
    }

    fn reader(&self, group: usize, roots: &[usize]) -> Result<ParquetRecordBatchReader> {
        let metadata = self.source.metadata.clone();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.source.bytes.clone(), metadata)
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| self.segment.unreadable(error))
    }

    /// The bounds of the ids that stay.
    fn id_bounds(&self) -> Result<IdBounds> {
        if let Some(bounds) = self.segment.ids.filter(|_| self.kept.has_all_rows()) {
            return Ok(bounds);
        }
        let mut bounds = IdBounds::default();
        let root = self.root(column::EVENT_ID)?;
        for group in self.groups() {
            for array in self.stay(group, root)? {
                let array = array?;
                let ids = array.as_fixed_size_binary_opt().into_iter().flatten().flatten();
                ids.filter_map(|id| id.try_into().ok()).for_each(|id| bounds.add(id));
            }
        }
        Ok(bounds)
    }

    /// The keys of the rests that stay.
    fn rest_keys(&self) -> Result<RestKeys> {
        let named = RestKeys::of(self.segment.schema());
        if self.kept.has_all_rows() {
            return Ok(named);
        }
        let mut keys = RestKeys::default();
        for document in Document::ALL {
            match self.loses(self.root(document.rest_name())?)? {
                true => self.read_rest_keys(document, &mut keys)?,
                false => keys.take(document, &named),
            }
        }
        Ok(keys)
    }

    /// Whether a row that goes has a value in the column.
    fn loses(&self, root: usize) -> Result<bool> {
        for group in 0..self.segment.parquet().num_row_groups() {
            let Some(stay) = &self.kept.group(group).stay else { continue };
            let mut row = 0;
            for batch in self.reader(group, &[root])? {
                let batch = batch.map_err(|error| Error::damaged(self.segment.path(), error))?;
                let array = batch.column(0);
                if (0..array.len()).any(|at| array.is_valid(at) && !stay.value(row + at)) {
                    return Ok(true);
                }
                row += array.len();
            }
        }
        Ok(false)
    }

    fn read_rest_keys(&self, document: Document, keys: &mut RestKeys) -> Result<()> {
        let mut parser = Parser::new();
        let root = self.root(document.rest_name())?;
        for group in self.groups() {
            for array in self.stay(group, root)? {
                let array = array?;
                for rest in array.as_string_opt::<i32>().into_iter().flatten().flatten() {
                    let rest = parser.parse(rest.as_bytes());
                    let rest = rest.map_err(|_| Error::damaged(self.segment.path(), "a rest is no JSON"))?;
                    if rest.value().kind() == ValueKind::Object {
                        rest.value().members_sorted().for_each(|(key, _)| keys.insert(document, key));
                    }
                }
            }
        }
        Ok(())
    }

    fn root(&self, name: &str) -> Result<usize> {
        self.segment.schema().index_of(name).map_err(|error| Error::damaged(self.segment.path(), error))
    }

    /// Compares every byte of the file with its checksum, and what was encoded with what stays.
    fn read_back(&self, disk: &Arc<dyn Disk>, written: &Written) -> Result<()> {
        let segment = Segment::open_as(disk, written.path(), written.name())?;
        segment.check_bytes()?;
        let mut columns = Vec::new();
        for (at, group) in self.groups().enumerate() {
            let encoded = self.roots.iter().enumerate().filter(|(_, root)| self.is_encoded(group, **root));
            columns.extend(encoded.map(|(place, root)| (at, place, group, *root)));
        }
        let compare = |(at, place, group, root)| {
            let mut found = segment.column_of_group(at, place)?;
            let mut rest = None;
            for expected in self.stay(group, root)? {
                let expected = expected?;
                if !is_next(&mut found, &mut rest, &expected)? {
                    return Ok(false);
                }
            }
            Ok(rest.is_none() && found.next().is_none())
        };
        let equal = in_threads(columns, compare, || Error::damaged(written.path(), "it cannot be decoded"))?;
        match equal.into_iter().all(|equal| equal) {
            true => Ok(()),
            false => Err(Error::ReadBack { path: written.path().to_owned(), leaf: written.leaves().start }),
        }
    }
}

/// Whether the next values of a column are these. `rest` is what is left of the batch before.
fn is_next(
    found: &mut impl Iterator<Item = Result<RecordBatch>>,
    rest: &mut Option<ArrayRef>,
    expected: &ArrayRef,
) -> Result<bool> {
    let mut row = 0;
    while row < expected.len() {
        let batch = match rest.take() {
            Some(rest) => rest,
            None => match found.next() {
                Some(batch) => Arc::clone(batch?.column(0)),
                None => return Ok(false),
            },
        };
        let rows = batch.len().min(expected.len() - row);
        if batch.slice(0, rows).as_ref() != expected.slice(row, rows).as_ref() {
            return Ok(false);
        }
        row += rows;
        *rest = (rows < batch.len()).then(|| batch.slice(rows, batch.len() - rows));
    }
    Ok(true)
}

fn slice(of: &BooleanArray, rows: &Range<usize>) -> BooleanArray {
    of.slice(rows.start, rows.len())
}

/// Does the work for each item, on some threads at once; the results come in the order of the items. What fails first is
/// returned; a panic, which bytes that no writer writes may cause, is `panicked`.
fn in_threads<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R> + Sync,
    panicked: impl Fn() -> Error,
) -> Result<Vec<R>> {
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let items = Mutex::new(items.into_iter().enumerate());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        let run = || {
            while let Some((at, item)) = next() {
                *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(work(item)?);
            }
            Ok(())
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(panicked())))
    })?;
    Ok(results.into_iter().filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Lookup, OwnedRow, SegmentWriter, join};
    use crate::shred::{Shredder, survey};
    use crate::{Row, SEGMENTS, verify};
    use onrecord_evidence::{LeafIndex, LeafRange, LeafSet};
    use onrecord_ledger::OsDisk;
    use onrecord_testing::Random;

    /// A row with lists, documents within documents, values that repeat and values that do not, and rests.
    fn entry(leaf: u64) -> OwnedRow {
        let mixed = u128::from(leaf).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let odd = if leaf % 100 == 7 { format!(r#","odd_{leaf}":null"#) } else { String::new() };
        let features = match leaf % 3 {
            0 => "null".to_owned(),
            1 => "[]".to_owned(),
            _ => {
                format!(r#"[{{"feature":"f{}","importance":{leaf}.5}},{{"feature":"g","importance":-1.5}}]"#, leaf % 5)
            }
        };
        let record = format!(
            r#"{{"confidence":0.{},"decision_id":"d{leaf}","event_id":"{}","explanation":{{"top_features":{features}}},"input_features":{{"inner":{{"n":{leaf}}},"name":"someone {mixed}"{odd}}},"kind":"decision","model_id":"m{}","schema":1,"user_id":"sub_{:024x}"}}"#,
            1 + leaf % 9,
            uuid::Uuid::from_u128(mixed),
            leaf % 4,
            leaf % 700,
        );
        let sidecar = if leaf.is_multiple_of(5) { format!("beside {leaf}").into_bytes() } else { Vec::new() };
        OwnedRow { leaf: LeafIndex(leaf), id: mixed.to_be_bytes(), record: record.into_bytes(), sidecar }
    }

    fn segment(dir: &Path, leaves: Range<u64>) -> Arc<Segment> {
        let entries: Vec<OwnedRow> = leaves.clone().map(entry).collect();
        let rows: Vec<Row<'_>> = entries
            .iter()
            .map(|of| Row { leaf: of.leaf, id: of.id, record: &of.record, sidecar: &of.sidecar })
            .collect();
        let columns = survey(&rows, 100).plan();
        let mut writer = SegmentWriter::create(dir, LeafRange::from(leaves), columns.clone()).unwrap();
        let mut shredder = Shredder::new(&columns);
        for row in &rows {
            shredder.push(row, false).unwrap();
            if shredder.is_full() {
                writer.write(shredder.take().unwrap()).unwrap();
            }
        }
        writer.write(shredder.take().unwrap()).unwrap();
        Arc::new(Segment::open(&writer.finish().unwrap().publish().unwrap()).unwrap())
    }

    /// Three row groups: one keeps everything, one loses some rows and sidecars, one all its rows.
    #[test]
    fn what_stays_is_what_was_there_and_verify_agrees_with_its_footer_and_filters() {
        let parts = tempfile::tempdir().unwrap();
        let parts = [0..1_000, 1_000..19_500, 19_500..20_000].map(|leaves| segment(parts.path(), leaves));
        let joined = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        let joined = Segment::open(&join(&disk, joined.path(), &parts).unwrap().publish().unwrap()).unwrap();
        let mut random = Random::new(7);
        let gone: LeafSet =
            (1_000..20_000).filter(|leaf| *leaf >= 19_500 || random.below(50) == 0).map(LeafIndex).collect();
        let bare: LeafSet = (1_000..20_000).filter(|_| random.below(9) == 0).map(LeafIndex).collect();
        let kept = Kept::without(&joined, &gone, &bare).unwrap();
        assert_eq!((kept.rows(), kept.gone()), (20_000 - gone.len(), gone.len()));

        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(SEGMENTS)).unwrap();
        let path = dir.path().join(SEGMENTS);
        let written = filter(&disk, &path, joined.name(), &joined, &kept, &joined.paths()).unwrap();
        let filtered = Segment::open(&written.publish().unwrap()).unwrap();
        let all: Vec<LeafIndex> = (0..20_000).map(LeafIndex).collect();
        let rows = filtered.rows_at(&all, &mut Lookup::default()).unwrap();
        assert_eq!(rows.len() as u64, kept.rows());
        let expected = (0..20_000).map(LeafIndex).filter(|leaf| !gone.contains(*leaf)).map(|leaf| {
            let entry = entry(leaf.0);
            if bare.contains(leaf) { OwnedRow { sidecar: Vec::new(), ..entry } } else { entry }
        });
        rows.into_iter().zip(expected).for_each(|(row, expected)| assert_eq!(row, expected));

        let verification = verify(dir.path(), 2, &gone, &|_| false, &|_| Ok(())).unwrap();
        assert!(verification.errors.is_empty(), "{:?}", verification.errors);
        let named = RestKeys::of(filtered.schema());
        for leaf in (7..20_000).step_by(100) {
            let mut one = RestKeys::default();
            one.insert(Document::InputFeatures, &format!("odd_{leaf}"));
            let field = named.field(Document::InputFeatures);
            assert_eq!(one.are_named_by(Document::InputFeatures, &field), !gone.contains(LeafIndex(leaf)), "{leaf}");
        }
        let ids = (0..20_000).map(LeafIndex).filter(|leaf| gone.contains(*leaf)).map(|leaf| entry(leaf.0).id);
        let mut lookup = Lookup::default();
        let passed = ids.filter(|id| filtered.find_id(id, &mut lookup).unwrap().is_some()).count();
        assert_eq!(passed, 0);
    }

    #[test]
    fn a_column_that_differs_is_found_however_it_comes_in_batches() {
        let texts = |texts: &[&str]| -> ArrayRef { Arc::new(arrow::array::StringArray::from(texts.to_vec())) };
        let batch = |values: &[&str]| Ok(RecordBatch::try_from_iter([("text", texts(values))]).unwrap());
        let is_equal = |batches: &[&[&str]], expected: &[&[&str]]| {
            let mut found = batches.iter().map(|values| batch(values));
            let mut rest = None;
            expected.iter().all(|expected| is_next(&mut found, &mut rest, &texts(expected)).unwrap())
        };
        assert!(is_equal(&[&["a", "b", "c"], &["d"]], &[&["a"], &[], &["b", "c", "d"]]));
        assert!(!is_equal(&[&["a", "b", "x"], &["d"]], &[&["a"], &["b", "c", "d"]]));
        assert!(!is_equal(&[&["a", "b", "c"]], &[&["a"], &["b", "c", "d"]]));
    }
}
