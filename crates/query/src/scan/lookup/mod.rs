//! Scans whose filter wants certain subjects, decisions or identifiers, or certain leaves: which rows to read is known
//! before the first is read.
//!
//! One part of the filter is enough. Of each segment with an index only the pages of the rows found are read; the rest of
//! the filter is applied to these rows, and the part itself where the index may give too many. Segments without an index
//! are scanned as ever, and so is the tail.
//!
//! What holds: the answer is that of the scan.

use super::LakeScan;
use crate::batch::{self, ScanRequest};
use crate::json::Key as Step;
use crate::json::member::{Form, JsonMember, key_of};
use crate::segment::SegmentHandle;
use crate::table::Source;
use chosen::{Columns, Found};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSource;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, conjunction, split_conjunction};
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_plan::metrics::{BaselineMetrics, MetricBuilder};
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use onrecord_lake::schema::{Document, column};
use onrecord_lake::{FoundRows, Key, LeafIndex, Segment};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

mod chosen;

/// Values that one filter looks up; with more, a scan is as good.
const VALUES_MAX: usize = 1_000;

/// Fewer rows of a segment than this are read by one core.
const ROWS_OF_A_PART: usize = 4;

/// A scan of the rows that were found.
pub(crate) struct Scan {
    /// Of segments that were looked up, by partition.
    found: Vec<Vec<Arc<Found>>>,
    /// Of segments that must be scanned, as they were.
    others: FileScanConfig,
    /// How many rows.
    rows: usize,
}

/// What one part of a filter looks up.
struct Wanted {
    by: By,
    /// The column of the table that has the one value looked up in every row that is found.
    constant: Option<(String, ScalarValue)>,
}

enum By {
    Values {
        key: Key,
        values: Vec<String>,
        /// Decisions of these event ids have them as decision ids too, if none was given.
        event_ids: Vec<[u8; 16]>,
    },
    Leaves(Arc<[LeafIndex]>),
}

impl Scan {
    /// The scan, if a part of its filter is looked up in at least one segment.
    pub(crate) fn of(scan: &LakeScan) -> Result<Option<Self>> {
        let Some(filter) = scan.files.file_source().filter() else { return Ok(None) };
        let parts: Vec<_> = split_conjunction(&filter).into_iter().cloned().collect();
        let (looked_up, wanted) = match &scan.leaves {
            Some(leaves) => {
                let all = (0..parts.len()).collect();
                (all, Wanted { by: By::Leaves(Arc::clone(leaves)), constant: None })
            }
            None => match parts.iter().enumerate().find_map(|(at, part)| Some((vec![at], wanted(scan, part)?))) {
                Some(looked_up) => looked_up,
                None => return Ok(None),
            },
        };
        let (mut found, mut others, mut exact) = (Vec::new(), Vec::new(), true);
        for file in files(scan) {
            let Some(SegmentHandle { segment, stats }) = file.extension::<SegmentHandle>() else { return Ok(None) };
            match wanted.rows(segment, &scan.keys) {
                Some(rows) => {
                    exact &= rows.exact;
                    found.push((Arc::clone(segment), Arc::clone(stats), rows.rows));
                }
                None => others.push(file),
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        // A bound that moves while the scan runs only says what need not be read.
        let is_left = |at: usize, part: &Arc<dyn PhysicalExpr>| {
            !(exact && looked_up.contains(&at)) && snapshot_generation(part) == 0
        };
        let left = parts.iter().enumerate().filter(|(at, part)| is_left(*at, part)).map(|(_, part)| Arc::clone(part));
        let left: Vec<_> = left.collect();
        let request = request(scan, (!left.is_empty()).then(|| conjunction(left)), wanted.constant.filter(|_| exact))?;
        let partitions = scan.files.file_groups.len();
        let rows = found.iter().map(|(_, _, rows)| rows.len()).sum();
        let mut dealt = vec![Vec::new(); partitions];
        let parts = found.iter().flat_map(|(segment, stats, rows)| {
            let size = rows.len().div_ceil(partitions.max(1)).max(ROWS_OF_A_PART);
            rows.chunks(size).map(move |rows| (segment, stats, rows))
        });
        for (at, (segment, stats, rows)) in parts.enumerate() {
            let found = Found::new(&request, Arc::clone(segment), Arc::clone(stats), rows.to_vec())?;
            dealt[at % partitions].push(Arc::new(found));
        }
        let others =
            FileScanConfigBuilder::from(scan.files.clone()).with_file_groups(self::dealt(others, partitions)).build();
        Ok(Some(Self { found: dealt, others, rows }))
    }

    /// The rows that fall to a partition of the scan.
    pub(crate) fn open(
        &self,
        scan: &LakeScan,
        partition: usize,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let metrics = scan.files.file_source().metrics();
        if partition == 0 {
            MetricBuilder::new(metrics).global_counter("index_rows").add(self.rows);
        }
        let bytes = MetricBuilder::new(metrics).counter("bytes_scanned", partition);
        let Some(found) = self.found.get(partition) else { return internal_err!("no partition {partition}") };
        let found = futures::stream::iter(found.clone());
        let columns = Columns { cache: Arc::clone(&scan.columns), bytes };
        let rows = found.flat_map(move |found| chosen::batches(found, columns.clone()));
        let schema = scan.files.projected_schema()?;
        let baseline = BaselineMetrics::new(metrics, partition);
        if self.others.file_groups.get(partition).is_none_or(|group| group.is_empty()) {
            return Ok(batch::stream(schema, rows, scan.files.limit, baseline));
        }
        let rows = rows.chain(self.others.open(partition, Arc::clone(context))?);
        Ok(batch::stream(schema, rows, scan.files.limit, baseline))
    }
}

/// What is asked for of the rows found. A column that has one value in all of them is not read.
fn request(
    scan: &LakeScan,
    predicate: Option<Arc<dyn PhysicalExpr>>,
    constant: Option<(String, ScalarValue)>,
) -> Result<ScanRequest> {
    let Some(projection) = scan.files.file_source().projection().cloned() else {
        return internal_err!("a scan without a projection");
    };
    let known = |expr: Arc<dyn PhysicalExpr>| {
        let Some((name, value)) = &constant else { return Ok(expr) };
        expr.transform(|expr| {
            Ok(match expr.downcast_ref::<Column>() {
                Some(column) if column.name() == name => Transformed::yes(Arc::new(Literal::new(value.clone())) as _),
                _ => Transformed::no(expr),
            })
        })
        .data()
    };
    Ok(ScanRequest {
        adapter: Arc::clone(&scan.adapter),
        predicate: predicate.map(known).transpose()?,
        projection: projection.try_map_exprs(known)?,
        schema: scan.files.projected_schema()?,
    })
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
        return is_served.then(|| Wanted::of(key, values()));
    }
    let name = subject.downcast_ref::<Column>()?.name();
    match &table.inner_column(name)?.source {
        Source::User => {
            let values = match &scan.adapter.identity {
                // An error shows where the filter is rewritten for the file.
                Some(identity) => identity.tokens_shown_as(&constants).ok()?,
                None => values(),
            };
            let constant = match (&values[..], &scan.adapter.identity) {
                ([token], Some(identity)) => identity.show([token.as_str()].into_iter()).remove(token.as_str()),
                ([token], None) => Some(token.clone()),
                _ => None,
            };
            Some(Wanted::of(Key::Subject, values).with_constant(name, constant))
        }
        Source::Stored(column::USER_ID, _) => {
            let constant = Some(values()).filter(|values| values.len() == 1).and_then(|mut values| values.pop());
            Some(Wanted::of(Key::Subject, values()).with_constant(name, constant))
        }
        Source::Stored(column::DECISION_ID, _) => Some(Wanted::of(Key::DecisionId, values())),
        Source::DecisionId => {
            let event_ids = constants.iter().filter_map(|text| Uuid::try_parse(text).ok());
            let event_ids = event_ids.map(Uuid::into_bytes).collect();
            let by = By::Values { key: Key::DecisionId, values: values(), event_ids };
            Some(Wanted { by, constant: None })
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
    fn of(key: Key, values: Vec<String>) -> Self {
        Self { by: By::Values { key, values, event_ids: Vec::new() }, constant: None }
    }

    fn with_constant(mut self, column: &str, value: Option<String>) -> Self {
        self.constant = value.map(|value| (column.to_owned(), ScalarValue::Utf8View(Some(value))));
        self
    }

    /// The rows of a segment; `None` if it does not tell.
    fn rows(&self, segment: &Segment, keys: &[Key]) -> Option<FoundRows> {
        match &self.by {
            // What cannot be read is said by the scan that follows.
            By::Leaves(leaves) => Some(FoundRows { rows: segment.rows_of(leaves).ok()?, exact: true }),
            By::Values { event_ids, .. } if event_ids.iter().any(|id| segment.may_hold_id(id)) => None,
            By::Values { key, values, .. } => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                segment.find(keys, key, &values)
            }
        }
    }
}
