//! Segments as DataFusion scans them: what is known of each, and the source that reads them.

mod reader;
mod stats;

pub(super) use reader::SegmentReaders;
pub(super) use stats::{SegmentStats, StatsCache};

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::physical_plan::{FileSource, ParquetSource};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use onrecord_lake::Segment;
use std::sync::Arc;

/// The segment behind a file of a scan, and what is known of it.
pub(super) struct SegmentHandle {
    pub(super) segment: Arc<Segment>,
    pub(super) stats: Arc<SegmentStats>,
}

/// Reads segments, and rules out what it can before it decodes.
pub(super) fn parquet_source(inner_schema: SchemaRef) -> ParquetSource {
    ParquetSource::new(inner_schema)
        .with_parquet_file_reader_factory(Arc::new(SegmentReaders::default()))
        .with_pushdown_filters(true)
        .with_reorder_filters(true)
        .with_enable_page_index(true)
        .with_bloom_filter_on_read(true)
}

/// The source with a predicate and a projection.
pub(super) fn source_of(
    source: ParquetSource,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    projection: &ProjectionExprs,
) -> Result<Arc<dyn FileSource>> {
    let source = match predicate {
        Some(predicate) => source.with_predicate(predicate),
        None => source,
    };
    match source.try_pushdown_projection(projection)? {
        Some(source) => Ok(source),
        None => internal_err!("the Parquet source takes any projection"),
    }
}

/// The column of an inner schema by name.
pub(super) fn column_of(name: &str, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(Arc::new(Column::new_with_schema(name, schema)?))
}
