//! Blocks for a top-k: in the order in which it wants them, and as long as its moving bound lets them pass.
//!
//! Where rows lie in the order of the sort, as they do by time, the first blocks fill the top-k, and the bounds of all other row
//! groups rule them out. Where they do not, every block is looked at, as without an order.

use super::bounds;
use super::file::{Columns, File};
use crate::batch::ScanRequest;
use crate::table::Source;
use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::scalar::ScalarValue;
use futures::stream::{self, Stream, StreamExt};
use std::cmp::Ordering;
use std::sync::Arc;
use tokio::task::yield_now;

/// Rows of a block that are looked at first. What they give moves the bound before the next are compared with it, so each part
/// may be twice as large as the one before.
const FIRST_ROWS: usize = 2_048;

/// The blocks of a scan in the order of reading.
pub(super) struct Queue {
    asked: ScanRequest,
    blocks: Vec<Place>,
    /// Whether the last rows of a block are more likely to be wanted than the first.
    backwards: bool,
}

#[derive(Clone)]
struct Place {
    file: Arc<File>,
    block: usize,
    group: usize,
}

impl Queue {
    pub(super) fn new(asked: ScanRequest, files: &[Arc<File>], first: Option<&PhysicalSortExpr>) -> Self {
        let mut blocks = Vec::new();
        let descending = first.is_some_and(|first| first.options.descending);
        let column = first.and_then(|first| stored(&asked, first));
        for file in files {
            let ends = column.and_then(|name| bounds::ends(&file.segment, name, descending));
            for block in &file.blocks {
                let group = file.stats.layout.blocks[*block].group;
                let end = ends.as_ref().and_then(|ends| ScalarValue::try_from_array(ends, group).ok());
                blocks.push((end, Place { file: Arc::clone(file), block: *block, group }));
            }
        }
        if descending {
            blocks.reverse();
        }
        // What cannot be compared stays where it is: the order is for speed only.
        blocks.sort_by(|(one, _), (other, _)| {
            let order = one.partial_cmp(other).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        });
        Self { asked, blocks: blocks.into_iter().map(|(_, place)| place).collect(), backwards: descending }
    }
}

/// The physical column that is sorted by, if it is one.
fn stored(asked: &ScanRequest, first: &PhysicalSortExpr) -> Option<&'static str> {
    let shown = first.expr.downcast_ref::<Column>()?.index();
    let inner = asked.projection.as_ref().get(shown)?.expr.downcast_ref::<Column>()?;
    match asked.adapter.table.inner_column(inner.name())?.source {
        Source::Stored(name, _) => Some(name),
        _ => None,
    }
}

/// A partition's way through the queue.
struct Walk {
    queue: Arc<Queue>,
    next: usize,
    step: usize,
    columns: Columns,
    /// The file and the row group that were read last.
    here: Option<(usize, usize)>,
    /// Which row groups of a file the bound let pass when it had moved so often.
    wanted: Option<(usize, u64, Vec<bool>)>,
}

/// What is asked for of a partition's blocks. It yields before each.
pub(super) fn batches(
    queue: Arc<Queue>,
    (partition, partitions): (usize, usize),
    columns: Columns,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let backwards = queue.backwards;
    let walk = Walk { queue, next: partition, step: partitions.max(1), columns, here: None, wanted: None };
    let blocks = stream::unfold(walk, move |mut walk| async move {
        yield_now().await;
        let place = walk.advance()?;
        let read = place.file.block(&walk.columns, place.block).map(|batch| parts(place.file, batch, backwards));
        let batches = match read {
            Ok(parts) => stream::iter(parts).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        };
        Some((batches, walk))
    });
    blocks.flatten()
}

/// What is asked for of a block, part by part, each compared with the bound when it is its turn.
fn parts(file: Arc<File>, block: RecordBatch, backwards: bool) -> impl Iterator<Item = Result<RecordBatch>> + Send {
    let rows = block.num_rows();
    let ends = std::iter::successors(Some(0), move |end| (*end < rows).then(|| rows.min(end * 2 + FIRST_ROWS)));
    let ends: Vec<usize> = ends.collect();
    (1..ends.len()).map(move |at| {
        let (from, to) = (ends[at - 1], ends[at]);
        let start = if backwards { rows - to } else { from };
        file.reader.read(&block.slice(start, to - from))
    })
}

impl Walk {
    fn advance(&mut self) -> Option<Place> {
        loop {
            let place = self.queue.blocks.get(self.next)?.clone();
            self.next += self.step;
            let here = (Arc::as_ptr(&place.file).addr(), place.group);
            if self.here == Some(here) || self.may_have(&place) {
                self.here = Some(here);
                return Some(place);
            }
        }
    }

    /// Whether the filter as it is now may want rows of the row group.
    fn may_have(&mut self, place: &Place) -> bool {
        let asked = &self.queue.asked;
        let moved = asked.predicate.as_ref().map_or(0, snapshot_generation);
        let file = Arc::as_ptr(&place.file).addr();
        let known = self.wanted.as_ref().is_some_and(|(of, at, _)| *of == file && *at == moved);
        if !known {
            self.wanted = Some((file, moved, bounds::wanted(asked, &place.file.segment, &place.file.stats)));
        }
        self.wanted.as_ref().is_none_or(|(_, _, wanted)| wanted.get(place.group).copied().unwrap_or(true))
    }
}
