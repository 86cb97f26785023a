//! What planning needs to know of a segment: its schema as it is read, and the bounds of its fixed columns.
//!
//! Both come from the footer and are kept while the segment is in use, so that a query over many segments does not
//! read the same footers again.

use crate::adapt::TIER;
use crate::columns::{ColumnCache, Layout};
use crate::table::{Source, Table};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DataFusionError, Result, Statistics};
use datafusion::scalar::ScalarValue;
use onrecord_lake::Segment;
use onrecord_lake::schema::{column, meta};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// The fixed columns whose bounds prune whole files and order them for `ORDER BY … LIMIT`.
const BOUNDED: [&str; 7] = [
    column::LEAF_INDEX,
    column::KIND,
    column::RECORDED_AT,
    column::TIMESTAMP,
    column::MODEL_ID,
    column::CONFIDENCE,
    column::ENVIRONMENT,
];

/// What is known of one segment.
#[derive(Debug)]
pub(crate) struct SegmentStats {
    /// The physical schema as the reader shall make it, strings as views.
    pub(crate) schema: SchemaRef,
    /// Which columns may be resident, and how.
    pub(crate) layout: Layout,
    /// The footer with the places of pages, and the schema above, once single rows were read.
    indexed: OnceLock<ArrowReaderMetadata>,
    rows: usize,
    bounds: HashMap<&'static str, ColumnStatistics>,
}

impl SegmentStats {
    fn of(segment: &Segment) -> Result<Self> {
        let schema = read_schema(segment);
        let mut bounds = HashMap::new();
        for name in BOUNDED {
            if let Some(statistics) = bounds_of(segment, name)? {
                bounds.insert(name, statistics);
            }
        }
        let layout = Layout::new(segment, &schema)?;
        let indexed = OnceLock::new();
        Ok(Self { schema, layout, indexed, rows: usize::try_from(segment.rows()).unwrap_or(usize::MAX), bounds })
    }

    /// The footer of the segment, which must be that of these statistics, with the places of pages.
    pub(crate) fn indexed(&self, segment: &Segment) -> onrecord_lake::Result<&ArrowReaderMetadata> {
        if let Some(indexed) = self.indexed.get() {
            return Ok(indexed);
        }
        let footer = Arc::clone(segment.indexed()?.metadata());
        let options = ArrowReaderOptions::new().with_schema(Arc::clone(&self.schema));
        let indexed = ArrowReaderMetadata::try_new(footer, options).map_err(|error| segment.unreadable(error))?;
        Ok(self.indexed.get_or_init(|| indexed))
    }

    /// The statistics of the file for a table: of the columns that are stored as they are shown.
    pub(crate) fn statistics(&self, table: &Table) -> Statistics {
        let schema = table.inner_schema();
        let of_column = |field: &Field| match table.inner_column(field.name()).map(|column| &column.source) {
            Some(Source::Stored(name, _)) => self.bounds.get(name).cloned().unwrap_or_default(),
            _ => ColumnStatistics::new_unknown(),
        };
        Statistics {
            num_rows: Precision::Exact(self.rows),
            total_byte_size: Precision::Absent,
            column_statistics: schema.fields().iter().map(|field| of_column(field)).collect(),
        }
    }
}

/// Strings as views, and the leaf range in the metadata, where `adapt` finds it.
fn read_schema(segment: &Segment) -> SchemaRef {
    let view = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    let mut metadata = segment.schema().metadata().clone();
    metadata.insert(meta::FIRST_LEAF.to_owned(), segment.leaves().start.to_string());
    metadata.insert(TIER.to_owned(), segment.tier().as_str().to_owned());
    metadata.insert(meta::END_LEAF.to_owned(), segment.leaves().end.to_string());
    let fields: Vec<_> = segment.schema().fields().iter().map(view).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// The least and the greatest value and the nulls of a column over all row groups, as the footer has them.
fn bounds_of(segment: &Segment, name: &str) -> Result<Option<ColumnStatistics>> {
    let parquet = segment.parquet();
    let schema = segment.schema();
    let Ok(converter) = StatisticsConverter::try_new(name, schema, parquet.file_metadata().schema_descr()) else {
        return Ok(None);
    };
    let groups = parquet.row_groups();
    let (mins, maxes) = (converter.row_group_mins(groups)?, converter.row_group_maxes(groups)?);
    let exact = exactness(segment, name);
    let view = |value: ScalarValue| match value {
        ScalarValue::Utf8(text) => ScalarValue::Utf8View(text),
        other => other,
    };
    let bound = |values: &arrow::array::ArrayRef, keep: std::cmp::Ordering| -> Result<Precision<ScalarValue>> {
        let mut best: Option<ScalarValue> = None;
        for row in 0..values.len() {
            let value = ScalarValue::try_from_array(values, row)?;
            if value.is_null() {
                return Ok(Precision::Absent);
            }
            best = match best {
                Some(best) if value.partial_cmp(&best) != Some(keep) => Some(best),
                _ => Some(value),
            };
        }
        Ok(match best.map(view) {
            Some(value) if exact => Precision::Exact(value),
            Some(value) => Precision::Inexact(value),
            None => Precision::Absent,
        })
    };
    let nulls: Option<u64> = converter.row_group_null_counts(groups)?.iter().sum();
    Ok(Some(ColumnStatistics {
        null_count: nulls.and_then(|nulls| usize::try_from(nulls).ok()).map_or(Precision::Absent, Precision::Exact),
        min_value: bound(&mins, std::cmp::Ordering::Less)?,
        max_value: bound(&maxes, std::cmp::Ordering::Greater)?,
        ..ColumnStatistics::new_unknown()
    }))
}

/// Whether no bound of the column was cut short.
fn exactness(segment: &Segment, name: &str) -> bool {
    let schema = segment.parquet().file_metadata().schema_descr();
    let Some(leaf) = (0..schema.num_columns()).find(|leaf| schema.column(*leaf).name() == name) else { return false };
    segment.parquet().row_groups().iter().all(|group| {
        let statistics = group.column(leaf).statistics();
        statistics.is_some_and(|statistics| statistics.min_is_exact() && statistics.max_is_exact())
    })
}

/// The statistics of the segments in use.
#[derive(Default)]
pub(crate) struct StatsCache(Mutex<HashMap<usize, Known>>);

#[derive(Clone)]
struct Known {
    /// Keeps the allocation, so that no other segment can come to have its address, but not the segment: a file that
    /// compaction replaced may go.
    _segment: Weak<Segment>,
    stats: Arc<SegmentStats>,
}

impl StatsCache {
    /// The statistics of these segments, in their order; those of other segments are forgotten, and their columns.
    pub(crate) fn of(&self, segments: &[Arc<Segment>], columns: &ColumnCache) -> Result<Vec<Arc<SegmentStats>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used = HashMap::with_capacity(segments.len());
        let mut stats = Vec::with_capacity(segments.len());
        for segment in segments {
            segment.must_be_sound().map_err(|error| DataFusionError::External(Box::new(error)))?;
            let address = Arc::as_ptr(segment).addr();
            let known = match known.remove(&address).or_else(|| used.get(&address).cloned()) {
                Some(known) => known,
                None => Known { _segment: Arc::downgrade(segment), stats: Arc::new(SegmentStats::of(segment)?) },
            };
            stats.push(Arc::clone(&known.stats));
            used.insert(address, known);
        }
        if !known.is_empty() {
            columns.forget_gone();
        }
        *known = used;
        Ok(stats)
    }
}
