//! Reading the rows of one segment that were found.
//!
//! What is left of the filter is answered first, from its columns alone; then the rows that are wanted are read. Both read
//! only the pages that hold a row.

use crate::batch::{Reader, ScanRequest};
use crate::segment::SegmentStats;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::Count;
use futures::stream::{self, Stream, StreamExt};
use onrecord_lake::{Chosen, RowIndex, Segment};
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
    async fn wanted(&self, bytes: &Count) -> Result<Vec<RowIndex>> {
        let Some(filter) = &self.filter else { return Ok(self.rows.clone()) };
        let (mut wanted, mut at) = (Vec::new(), 0);
        for batch in self.read(&self.rows, filter, bytes)? {
            let batch = batch.map_err(external)?;
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
    fn read(&self, rows: &[RowIndex], reader: &Reader, bytes: &Count) -> Result<Chosen> {
        let metadata = self.stats.indexed(&self.segment).map_err(external)?;
        let read = self.segment.chosen(rows, reader.needed(), metadata).map_err(external)?;
        bytes.add(read.bytes());
        Ok(read)
    }
}

/// What is asked for of the rows found. It yields after each batch.
pub(super) fn batches(found: Arc<Found>, bytes: Count) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let begun = async move {
        let rows = found.wanted(&bytes).await?;
        let read = if rows.is_empty() { None } else { Some(found.read(&rows, &found.shown, &bytes)?) };
        let each = stream::iter(read.into_iter().flatten()).then(move |batch| {
            let found = Arc::clone(&found);
            async move {
                yield_now().await;
                found.shown.read(&batch.map_err(external)?)
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
