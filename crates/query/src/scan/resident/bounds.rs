//! Which row groups a filter rules out by the statistics in the footer.

use crate::batch::ScanRequest;
use crate::segment::SegmentStats;
use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::scalar::ScalarValue;
use onrecord_lake::Segment;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use std::collections::HashSet;
use std::sync::Arc;

/// Whether each row group may have rows that are wanted. Statistics that cannot be compared rule nothing out.
pub(super) fn wanted(asked: &ScanRequest, segment: &Segment, stats: &SegmentStats) -> Vec<bool> {
    let all = || vec![true; segment.parquet().num_row_groups()];
    match &asked.predicate {
        Some(predicate) => pruned(asked, predicate, segment, stats).unwrap_or_else(|_| all()),
        None => all(),
    }
}

fn pruned(
    asked: &ScanRequest,
    predicate: &Arc<dyn PhysicalExpr>,
    segment: &Segment,
    stats: &SegmentStats,
) -> Result<Vec<bool>> {
    let predicate = asked.adapter(&stats.schema)?.rewrite(Arc::clone(predicate))?;
    let pruning = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&stats.schema)).try_build(predicate)?;
    pruning.prune(&GroupBounds { segment })
}

/// The greatest value of a physical column that each row group may have, or the least; `None` if the footer does not say.
pub(super) fn ends(segment: &Segment, name: &str, greatest: bool) -> Option<ArrayRef> {
    let (bounds, column) = (GroupBounds { segment }, Column::from_name(name));
    if greatest { bounds.max_values(&column) } else { bounds.min_values(&column) }
}

/// The bounds of each row group, by physical column.
struct GroupBounds<'a> {
    segment: &'a Segment,
}

impl GroupBounds<'_> {
    fn of(&self, column: &Column) -> Option<StatisticsConverter<'_>> {
        let parquet = self.segment.parquet().file_metadata().schema_descr();
        StatisticsConverter::try_new(column.name(), self.segment.schema(), parquet).ok()
    }
}

impl PruningStatistics for GroupBounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column)?.row_group_mins(self.segment.parquet().row_groups()).ok()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column)?.row_group_maxes(self.segment.parquet().row_groups()).ok()
    }

    fn num_containers(&self) -> usize {
        self.segment.parquet().num_row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let nulls = self.of(column)?.row_group_null_counts(self.segment.parquet().row_groups()).ok()?;
        Some(Arc::new(nulls))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.segment.parquet().row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
