//! Reading the rows of one segment that were found.
//!
//! What is left of the filter is answered first, from its columns alone; then the rows that are wanted are read. Columns that
//! are in memory are taken from there; of the others only the pages are read that hold a row.

use crate::batch::{Reader, ScanRequest};
use crate::columns::ColumnCache;
use crate::segment::SegmentStats;
use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::Count;
use futures::stream::{self, Stream, StreamExt};
use onrecord_lake::{RowIndex, Segment};
use std::sync::Arc;
use tokio::task::yield_now;

/// Rows of a segment, and what is asked for of them.
pub(super) struct Found {
    segment: Arc<Segment>,
    stats: Arc<SegmentStats>,
    rows: Vec<RowIndex>,
    /// Which of them are wanted; `None` for all.
    filter: Option<Reader>,
    shown: Reader,
}

/// Where columns come from.
#[derive(Clone)]
pub(super) struct Columns {
    pub(super) cache: Arc<ColumnCache>,
    /// Bytes that were read from files.
    pub(super) bytes: Count,
}

/// Batches of some columns.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

impl Found {
    pub(super) fn new(
        request: &ScanRequest,
        segment: Arc<Segment>,
        stats: Arc<SegmentStats>,
        rows: Vec<RowIndex>,
    ) -> Result<Self> {
        let shown = ScanRequest { predicate: None, ..request.clone() }.reader(&stats.schema)?;
        let only = || ScanRequest {
            projection: ProjectionExprs::new([]),
            schema: Arc::new(Schema::empty()),
            ..request.clone()
        };
        let filter = request.predicate.is_some().then(|| only().reader(&stats.schema)).transpose()?;
        Ok(Self { segment, stats, rows, filter, shown })
    }

    /// The rows that the filter wants.
    async fn wanted(&self, columns: &Columns) -> Result<Vec<RowIndex>> {
        let Some(filter) = &self.filter else { return Ok(self.rows.clone()) };
        let (mut wanted, mut at) = (Vec::new(), 0);
        for batch in self.read(&self.rows, filter, columns)? {
            let batch = batch?;
            let rows = &self.rows[at..at + batch.num_rows()];
            match filter.select(&batch)? {
                Some(selected) => {
                    let is_wanted = |place: usize| selected.is_valid(place) && selected.value(place);
                    wanted.extend((0..rows.len()).filter(|place| is_wanted(*place)).map(|place| rows[place]));
                }
                None => wanted.extend_from_slice(rows),
            }
            at += batch.num_rows();
            yield_now().await;
        }
        Ok(wanted)
    }

    /// The columns that the reader needs of some rows.
    fn read(&self, rows: &[RowIndex], reader: &Reader, columns: &Columns) -> Result<Batches> {
        let needed = reader.needed();
        let held: Vec<Option<ArrayRef>> =
            needed.iter().map(|column| self.held(rows, *column, &columns.cache)).collect::<Result<_>>()?;
        let missing = needed.iter().zip(&held).filter(|(_, held)| held.is_none()).map(|(column, _)| *column);
        let missing: Vec<usize> = missing.collect();
        let schema = Arc::new(self.stats.schema.project(needed)?);
        if missing.is_empty() {
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let arrays = held.into_iter().flatten().collect();
            let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
            return Ok(Box::new(std::iter::once(Ok(batch))));
        }
        let metadata = self.stats.indexed(&self.segment).map_err(external)?;
        let read = self.segment.chosen(rows, &missing, metadata).map_err(external)?;
        columns.bytes.add(read.bytes());
        let mut at = 0;
        Ok(Box::new(read.map(move |batch| {
            let batch = batch.map_err(external)?;
            let mut read = batch.columns().iter();
            // Both in the order of the schema.
            let part = |held: &Option<ArrayRef>| match held {
                Some(held) => Some(held.slice(at, batch.num_rows())),
                None => read.next().map(Arc::clone),
            };
            let arrays: Vec<ArrayRef> = held.iter().filter_map(part).collect();
            at += batch.num_rows();
            Ok(RecordBatch::try_new(Arc::clone(&schema), arrays)?)
        })))
    }

    /// A column of some rows, if it is in memory for all of them or follows from their places.
    fn held(&self, rows: &[RowIndex], column: usize, cache: &ColumnCache) -> Result<Option<ArrayRef>> {
        let layout = &self.stats.layout;
        if layout.leaf_index == Some(column) {
            let leaf =
                |row: &RowIndex| Ok(self.segment.leaf_at(*row).map_err(external)?.map(|leaf| leaf.0.cast_signed()));
            let leaves: Int64Array = rows.iter().map(leaf).collect::<Result<_>>()?;
            // A row that is not there is found out when the other columns are read.
            return Ok((leaves.null_count() == 0).then(|| Arc::new(leaves) as _));
        }
        if !layout.has([column].into_iter()) {
            return Ok(None);
        }
        let places: Option<Vec<(usize, usize)>> = rows.iter().map(|row| layout.place(*row)).collect();
        let Some(places) = places.filter(|places| !places.is_empty()) else { return Ok(None) };
        let mut parts: Vec<ArrayRef> = Vec::new();
        for places in places.chunk_by(|(one, _), (other, _)| one == other) {
            let Some(array) = cache.get(&self.segment, column, places[0].0) else { return Ok(None) };
            let places = UInt32Array::from_iter_values(places.iter().map(|(_, place)| *place as u32));
            let taken = take(&array, &places, None)?;
            parts.push(match taken.data_type() {
                DataType::Dictionary(..) => cast(&taken, self.stats.schema.field(column).data_type())?,
                _ => taken,
            });
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(Some(concat(&parts)?))
    }
}

/// What is asked for of the rows found. It yields after each batch.
pub(super) fn batches(found: Arc<Found>, columns: Columns) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let begun = async move {
        let rows = found.wanted(&columns).await?;
        let read = if rows.is_empty() { None } else { Some(found.read(&rows, &found.shown, &columns)?) };
        let each = stream::iter(read.into_iter().flatten()).then(move |batch| {
            let found = Arc::clone(&found);
            async move {
                yield_now().await;
                found.shown.read(&batch?)
            }
        });
        Ok::<_, DataFusionError>(each)
    };
    stream::once(begun).flat_map(|begun| match begun {
        Ok(each) => each.boxed(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    })
}

fn external(error: onrecord_lake::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
