//! Scans whose filter wants certain subjects, decisions or identifiers: the look-up indexes say which rows to read.
//!
//! One part of the filter is enough. Of each segment with an index only the pages of the rows found are read; the rest of
//! the filter is applied to these rows, and the part itself where the index may give too many. Segments without an index
//! are scanned as ever, and so is the tail.
//!
//! What holds: the answer is that of the scan.

use super::LakeScan;
use crate::batch;
use crate::json::Key as Step;
use crate::json::member::{Form, JsonMember, key_of};
use crate::segment::{SegmentHandle, SegmentReaders, parquet_source, source_of};
use crate::table::Source;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSource;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, conjunction, split_conjunction};
use datafusion::physical_plan::metrics::{BaselineMetrics, MetricBuilder};
use futures::StreamExt;
use onrecord_lake::schema::{Document, column};
use onrecord_lake::{FoundRows, Key, RowIndex, Segment};
use parquet::arrow::arrow_reader::RowSelection;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// Values that one filter looks up; with more, a scan is as good.
const VALUES_MAX: usize = 1_000;

/// A scan of the rows that indexes found.
pub(crate) struct Scan {
    /// Of segments with an index, each with its rows.
    found: FileScanConfig,
    /// Of segments without one, as they were.
    others: FileScanConfig,
    /// How many rows.
    rows: usize,
}

/// What one part of a filter looks up.
struct Wanted {
    key: Key,
    values: Vec<String>,
    /// Decisions of these event ids have them as decision ids too, if none was given.
    event_ids: Vec<[u8; 16]>,
}

impl Scan {
    /// The scan, if a part of its filter is looked up by an index of at least one segment.
    pub(crate) fn of(scan: &LakeScan) -> Result<Option<Self>> {
        let Some(filter) = scan.files.file_source().filter() else { return Ok(None) };
        let parts: Vec<_> = split_conjunction(&filter).into_iter().cloned().collect();
        let looked_up = parts.iter().enumerate().find_map(|(at, part)| Some((at, wanted(scan, part)?)));
        let Some((at, wanted)) = looked_up else { return Ok(None) };
        let (mut found, mut others, mut exact, mut count) = (Vec::new(), Vec::new(), true, 0);
        let mut any_index = false;
        for file in files(scan) {
            let Some(SegmentHandle { segment, .. }) = file.extension::<SegmentHandle>() else { return Ok(None) };
            match wanted.rows(segment, &scan.keys) {
                Some(rows) => {
                    any_index = true;
                    exact &= rows.exact;
                    count += rows.rows.len();
                    if !rows.rows.is_empty() {
                        found.push(with_rows(&file, segment, &rows.rows));
                    }
                }
                None => others.push(file),
            }
        }
        if !any_index {
            return Ok(None);
        }
        let parts = parts.into_iter().enumerate().filter(|(place, _)| !exact || *place != at);
        let filter = conjunction(parts.map(|(_, part)| part));
        let partitions = scan.files.file_groups.len();
        let rows = FileScanConfigBuilder::from(scan.files.clone()).with_source(chosen_rows(scan, filter)?);
        let found = rows.with_file_groups(dealt(found, partitions)).build();
        let others =
            FileScanConfigBuilder::from(scan.files.clone()).with_file_groups(dealt(others, partitions)).build();
        Ok(Some(Self { found, others, rows: count }))
    }

    /// The rows that fall to a partition of the scan.
    pub(crate) fn open(
        &self,
        scan: &LakeScan,
        partition: usize,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition == 0 {
            MetricBuilder::new(scan.files.file_source().metrics()).global_counter("index_rows").add(self.rows);
        }
        let baseline = BaselineMetrics::new(scan.files.file_source().metrics(), partition);
        let open = |files: &FileScanConfig| files.open(partition, Arc::clone(context));
        let rows = open(&self.found)?.chain(open(&self.others)?);
        Ok(batch::stream(scan.files.projected_schema()?, rows, scan.files.limit, baseline))
    }
}

/// The files of a scan; splitting between cores may have made several of one.
fn files(scan: &LakeScan) -> impl Iterator<Item = PartitionedFile> {
    let mut seen = HashSet::new();
    let groups = scan.files.file_groups.iter().flat_map(FileGroup::iter);
    groups.filter_map(move |file| {
        let place = file.extension::<SegmentHandle>().map(|handle| Arc::as_ptr(&handle.segment).addr());
        seen.insert(place).then(|| PartitionedFile { range: None, ..file.clone() })
    })
}

fn dealt(files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let mut groups = vec![Vec::new(); partitions];
    for (at, file) in files.into_iter().enumerate() {
        groups[at % partitions.max(1)].push(file);
    }
    groups.into_iter().map(FileGroup::new).collect()
}

/// The file, of which only these rows are read.
fn with_rows(file: &PartitionedFile, segment: &Segment, rows: &[RowIndex]) -> PartitionedFile {
    let (mut first, mut left) = (0, rows);
    let groups = segment.parquet().row_groups().iter().map(|group| {
        let count = usize::try_from(group.num_rows()).unwrap_or(0);
        let (here, later) = left.split_at(left.partition_point(|row| (row.0 as usize) < first + count));
        let ranges = here.iter().map(|row| row.0 as usize - first).map(|row| row..row + 1);
        let access = match here {
            [] => RowGroupAccess::Skip,
            _ => RowGroupAccess::Selection(RowSelection::from_consecutive_ranges(ranges, count)),
        };
        (first, left) = (first + count, later);
        access
    });
    let access = groups.collect();
    file.clone().with_extension(ParquetAccessPlan::new(access))
}

/// The source that reads chosen rows, with what is left of the filter.
fn chosen_rows(scan: &LakeScan, filter: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn FileSource>> {
    let Some(projection) = scan.files.file_source().projection().cloned() else {
        return internal_err!("a scan without a projection");
    };
    let bytes = MetricBuilder::new(scan.files.file_source().metrics()).counter("bytes_scanned", 0);
    let readers = Arc::new(SegmentReaders { chosen: Some(bytes) });
    // Which rows is known: to look at bounds and filters of pages would cost more than it could save.
    let source = parquet_source(scan.adapter.table.inner_schema())
        .with_parquet_file_reader_factory(readers)
        .with_enable_page_index(false)
        .with_bloom_filter_on_read(false);
    source_of(source, Some(filter), &projection)
}

/// What a part of the filter looks up; `None` if it does not.
fn wanted(scan: &LakeScan, part: &Arc<dyn PhysicalExpr>) -> Option<Wanted> {
    let (subject, constants) = equality(part)?;
    if constants.len() > VALUES_MAX {
        return None;
    }
    let values = || constants.iter().map(|value| (*value).to_owned()).collect();
    let table = &scan.adapter.table;
    if let Some(path) = input_path(scan, subject) {
        let key = Key::Input(path);
        // What begins like this may be the text of an object or a list, which the index leaves out.
        let is_scalar = |value: &&str| !value.starts_with(['{', '[']);
        let is_served = scan.keys.contains(&key) && constants.iter().all(is_scalar);
        return is_served.then(|| Wanted { key, values: values(), event_ids: Vec::new() });
    }
    let name = subject.downcast_ref::<Column>()?.name();
    match &table.inner_column(name)?.source {
        Source::User => {
            let values = match &scan.adapter.identity {
                // An error shows where the filter is rewritten for the file.
                Some(identity) => identity.tokens_shown_as(&constants).ok()?,
                None => values(),
            };
            Some(Wanted { key: Key::Subject, values, event_ids: Vec::new() })
        }
        Source::Stored(column::USER_ID, _) => {
            Some(Wanted { key: Key::Subject, values: values(), event_ids: Vec::new() })
        }
        Source::Stored(column::DECISION_ID, _) => {
            Some(Wanted { key: Key::DecisionId, values: values(), event_ids: Vec::new() })
        }
        Source::DecisionId => {
            let event_ids = constants.iter().filter_map(|text| Uuid::try_parse(text).ok());
            let event_ids = event_ids.map(Uuid::into_bytes).collect();
            Some(Wanted { key: Key::DecisionId, values: values(), event_ids })
        }
        _ => None,
    }
}

/// What is compared with which constants, if one of them must be equal to it.
fn equality(part: &Arc<dyn PhysicalExpr>) -> Option<(&Arc<dyn PhysicalExpr>, Vec<&str>)> {
    if let Some(list) = part.downcast_ref::<InListExpr>().filter(|list| !list.negated()) {
        let constants = list.list().iter().map(constant).collect::<Option<Vec<_>>>()?;
        return Some((list.expr(), constants));
    }
    let binary = part.downcast_ref::<BinaryExpr>().filter(|binary| *binary.op() == Operator::Eq)?;
    match (constant(binary.left()), constant(binary.right())) {
        (None, Some(value)) => Some((binary.left(), vec![value])),
        (Some(value), None) => Some((binary.right(), vec![value])),
        _ => None,
    }
}

fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    expr.downcast_ref::<Literal>()?.value().try_as_str().flatten()
}

/// The path of a member of the inputs that is read as text.
fn input_path(scan: &LakeScan, expr: &Arc<dyn PhysicalExpr>) -> Option<Vec<String>> {
    let call = ScalarFunctionExpr::try_downcast_func::<JsonMember>(expr.as_ref())?;
    let function = call.fun().inner().downcast_ref::<JsonMember>()?;
    let (document, keys) = call.args().split_first()?;
    let document = scan.adapter.table.inner_column(document.downcast_ref::<Column>()?.name())?;
    if !matches!(document.source, Source::Document(Document::InputFeatures)) || function.form() != Form::Text {
        return None;
    }
    let name = |key: &Arc<dyn PhysicalExpr>| match key_of(key.downcast_ref::<Literal>()?.value())? {
        Step::Name(name) => Some(name),
        Step::Index(_) => None,
    };
    keys.iter().map(name).collect()
}

impl Wanted {
    /// The rows of a segment; `None` if its index does not tell.
    fn rows(&self, segment: &Segment, keys: &[Key]) -> Option<FoundRows> {
        if self.event_ids.iter().any(|id| segment.may_hold_id(id)) {
            return None;
        }
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        segment.find(keys, &self.key, &values)
    }
}
