//! Segments into one without decoding them: their row groups are copied as they are, and only the footer is new.
//!
//! It costs next to nothing beside writing the rows again, and keeps the records' encoded bytes, which were read back
//! and re-hashed when they were sealed. It is for segments that have a row for each leaf, the same columns, and row
//! groups that are large enough to stay. One source at a time is in memory.

use super::copy::Loaded;
use super::file::Sink;
use super::id::IdBounds;
use super::{Segment, SegmentName, Written, encoding};
use crate::checksum::Summing;
use crate::error::Result;
use crate::schema::{RestKeys, schema};
use onrecord_evidence::{LeafIndex, LeafRange};
use onrecord_ledger::Disk;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

type Writer = SerializedFileWriter<Summing<BufWriter<Sink>>>;

/// Whether [`join`] can make one segment of these, and no row group has fewer rows than that.
pub(crate) fn are_joinable(segments: &[Arc<Segment>], group_rows_min: u64) -> bool {
    let Some((first, others)) = segments.split_first() else { return false };
    let columns = first.paths();
    let are_large = |segment: &Segment| {
        segment.ids.is_some()
            && segment.is_dense()
            && segment.parquet().row_groups().iter().all(|group| group.num_rows() as u64 >= group_rows_min)
    };
    are_large(first) && others.iter().all(|segment| are_large(segment) && segment.paths() == columns)
}

/// Writes one segment of adjoining ones that are [joinable](are_joinable).
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Damaged`] naming the source that is, [`crate::Error::Unsealable`].
pub(crate) fn join(disk: &Arc<dyn Disk>, dir: &Path, segments: &[Arc<Segment>]) -> Result<Written> {
    let start = segments.first().map_or(LeafIndex(0), |segment| segment.leaves().start);
    let end = segments.last().map_or(LeafIndex(0), |segment| segment.leaves().end);
    let (written, file) = Written::begin(disk, dir, SegmentName::new(LeafRange::new(start, end)))?;
    let failed = |error| written.failed(error);
    let columns = segments.first().map(|segment| segment.paths()).unwrap_or_default();
    let mut rest_keys = RestKeys::default();
    let mut ids = IdBounds::default();
    for segment in segments {
        rest_keys.merge(&RestKeys::of(segment.schema()));
        ids = ids.merge(segment.ids.unwrap_or_default());
    }
    let schema = schema(&columns, &rest_keys);
    let descriptor = super::write::parquet_schema(&schema).map_err(failed)?;
    let properties = WriterProperties::builder().set_created_by(encoding::created_by()).build();
    let sink = Summing::new(BufWriter::with_capacity(1 << 20, Sink::new(&file)));
    let mut writer = Writer::new(sink, descriptor.root_schema_ptr(), Arc::new(properties)).map_err(failed)?;
    for segment in segments {
        copy(segment, &written, &mut writer)?;
    }
    let rows = segments.iter().map(|segment| segment.rows()).sum();
    for pair in written.footer(&schema, rows, ids) {
        writer.append_key_value_metadata(pair);
    }
    writer.finish().map_err(failed)?;
    let sum = writer.inner().sum();
    drop(writer);
    written.complete(&*file, sum)?;
    Ok(written)
}

/// Appends all row groups of a segment.
fn copy(segment: &Segment, written: &Written, writer: &mut Writer) -> Result<()> {
    let source = Loaded::new(segment)?;
    let metadata = source.metadata.metadata();
    for group in 0..metadata.num_row_groups() {
        let mut target = writer.next_row_group().map_err(|error| written.failed(error))?;
        for column in 0..metadata.row_group(group).num_columns() {
            source.copy(group, column, written, &mut target)?;
        }
        target.close().map_err(|error| written.failed(error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;
    use crate::schema::column;
    use crate::segment::{Lookup, SegmentWriter};
    use crate::shred::{Shredder, survey};
    use onrecord_ledger::OsDisk;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::metadata::PageIndexPolicy;

    fn disk() -> Arc<dyn Disk> {
        Arc::new(OsDisk)
    }

    fn id(leaf: u64) -> [u8; 16] {
        // Not in order, so that there are bloom filters.
        u128::from(leaf).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
    }

    fn record(leaf: u64) -> String {
        let odd = if leaf % 100 == 7 { r#","odd":null"# } else { "" };
        format!(
            r#"{{"decision_id":"d{leaf}","event_id":"{}","input_features":{{"n":{leaf}{odd}}},"kind":"decision","schema":1}}"#,
            uuid::Uuid::from_bytes(id(leaf))
        )
    }

    fn segment(dir: &Path, leaves: std::ops::Range<u64>) -> Arc<Segment> {
        let records: Vec<String> = leaves.clone().map(record).collect();
        let rows: Vec<Row<'_>> = leaves
            .clone()
            .zip(&records)
            .map(|(leaf, record)| Row {
                leaf: LeafIndex(leaf),
                id: id(leaf),
                record: record.as_bytes(),
                sidecar: b"aside",
            })
            .collect();
        let columns = survey(&rows, 100).plan();
        let mut shredder = Shredder::new(&columns);
        rows.iter().for_each(|row| shredder.push(row, false).unwrap());
        let mut writer = SegmentWriter::create(dir, LeafRange::from(leaves), columns.clone()).unwrap();
        writer.write(shredder.take().unwrap()).unwrap();
        Arc::new(Segment::open(&writer.finish().unwrap().publish().unwrap()).unwrap())
    }

    #[test]
    fn a_joined_segment_has_all_rows_filters_and_indexes() {
        let dir = tempfile::tempdir().unwrap();
        let parts = [segment(dir.path(), 0..700), segment(dir.path(), 700..1_300), segment(dir.path(), 1_300..3_000)];
        let joined = Segment::open(&join(&disk(), dir.path(), &parts).unwrap().publish().unwrap()).unwrap();
        joined.check_bytes().unwrap();
        assert_eq!((joined.leaves(), joined.parquet().num_row_groups()), (LeafRange::from(0..3_000), 3));
        let mut lookup = Lookup::default();
        let leaves: Vec<LeafIndex> = joined.leaves().leaves().collect();
        for row in joined.rows_at(&leaves, &mut lookup).unwrap() {
            assert_eq!(
                (row.id, row.record, row.sidecar),
                (id(row.leaf.0), record(row.leaf.0).into_bytes(), b"aside".to_vec())
            );
        }
        assert_eq!(joined.find_id(&id(2_345), &mut lookup).unwrap(), Some(LeafIndex(2_345)));
        assert!(lookup.filters.is_some_and(|filters| filters.bytes() > 0));
        assert_eq!(joined.leaves_with(column::DECISION_ID, "d1299").unwrap(), [LeafIndex(1_299)]);
        let rest = RestKeys::of(joined.schema());
        assert_eq!(rest, RestKeys::of(parts[0].schema()), "keys of the rest are those of all");
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(&joined.file().unwrap(), options).unwrap();
        assert!(metadata.metadata().column_index().is_some_and(|groups| groups.len() == 3));
    }

    #[test]
    fn a_damaged_source_stops_the_join_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let parts = [segment(dir.path(), 0..700), segment(dir.path(), 700..1_300)];
        let mut bytes = std::fs::read(parts[1].path()).unwrap();
        bytes[100] ^= 1;
        std::fs::write(parts[1].path(), bytes).unwrap();
        let error = join(&disk(), dir.path(), &parts).err().unwrap();
        assert_eq!(error.path(), Some(parts[1].path()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn tiny_or_different_segments_are_not_joined() {
        let dir = tempfile::tempdir().unwrap();
        let parts = [segment(dir.path(), 0..700), segment(dir.path(), 700..1_300)];
        assert!(are_joinable(&parts, 600));
        assert!(!are_joinable(&parts, 601));
        assert!(!are_joinable(&[], 0));
        let mut columns = SegmentWriter::create(dir.path(), LeafRange::from(1_300..1_301), Vec::new()).unwrap();
        let mut shredder = Shredder::new(&[]);
        shredder.push(&Row { leaf: LeafIndex(1_300), id: id(1_300), record: b"{}", sidecar: &[] }, false).unwrap();
        columns.write(shredder.take().unwrap()).unwrap();
        let other = Arc::new(Segment::open(&columns.finish().unwrap().publish().unwrap()).unwrap());
        assert!(!are_joinable(&[parts[1].clone(), other], 0), "other columns");
    }
}
