//! Segment files as DataFusion's Parquet source reads them.
//!
//! The source asks for files by a [`SegmentHandle`] that planning put beside each of them, never by a path, so no SQL
//! can lead it to another file. Reads go to a local file directly: on a warm page cache they take microseconds, and
//! queries run on threads of their own. What waits for a server waits on another thread, and all ranges are asked for at once.

use super::SegmentHandle;
use bytes::Bytes;
use datafusion::common::{Result, exec_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::FutureExt;
use futures::future::BoxFuture;
use onrecord_lake::{Segment, SegmentFile};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;
use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::sync::Arc;

/// Opens segments.
#[derive(Debug, Default)]
pub(crate) struct SegmentReaders {
    /// Present when it is known which rows are read: pages without any of them shall be skipped, and the bytes read are
    /// counted here, too.
    pub(crate) chosen: Option<Count>,
}

impl ParquetFileReaderFactory for SegmentReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let Some(SegmentHandle { segment, stats }) = file.extension::<SegmentHandle>() else {
            return exec_err!("a file that is no segment");
        };
        let metadata = match &self.chosen {
            Some(_) => Arc::clone(stats.indexed(segment).map_err(external)?.metadata()),
            None => Arc::clone(segment.parquet()),
        };
        Ok(Box::new(SegmentReader {
            segment: Arc::clone(segment),
            file: segment.file().map_err(external)?,
            metadata,
            metrics: ParquetFileMetrics::new(partition_index, file.object_meta.location.as_ref(), metrics),
            bytes: self.chosen.clone(),
        }))
    }
}

struct SegmentReader {
    segment: Arc<Segment>,
    file: SegmentFile,
    metadata: Arc<ParquetMetaData>,
    metrics: ParquetFileMetrics,
    bytes: Option<Count>,
}

impl Debug for SegmentReader {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentReader({})", self.segment.path().display())
    }
}

impl AsyncFileReader for SegmentReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        self.metrics.bytes_scanned.add(length);
        if let Some(bytes) = &self.bytes {
            bytes.add(length);
        }
        if !self.file.is_remote() {
            let bytes = self.file.get_bytes(range.start, length);
            return std::future::ready(bytes.map_err(|error| external(self.segment.unreadable(error)))).boxed();
        }
        let file = self.file.clone();
        let read = async move {
            let read = tokio::task::spawn_blocking(move || file.get_bytes(range.start, length)).await;
            let bytes = read.map_err(|error| ParquetError::External(Box::new(error)))?;
            bytes.map_err(|error| external(self.segment.unreadable(error)))
        };
        read.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        let read = async move {
            if self.file.is_remote() {
                let (file, wanted) = (self.file.clone(), ranges.clone());
                // What fails here is said when it is read.
                let _ = tokio::task::spawn_blocking(move || file.will_need(&wanted)).await;
            } else {
                self.file.will_need(&ranges);
            }
            let mut read = Vec::with_capacity(ranges.len());
            for range in ranges {
                read.push(self.get_bytes(range).await?);
            }
            Ok(read)
        };
        read.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        std::future::ready(Ok(Arc::clone(&self.metadata))).boxed()
    }
}

fn external(error: onrecord_lake::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
