//! Keeping reviews, or outcomes, up to date with what queries see.

use super::review::{Followed, FoundReviews, ReviewIndex, Reviews};
use super::segment::column_of;
use super::table::{TABLES, Table};
use super::table_scan::{QuerySnapshot, TableScan};
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, in_list, lit};
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::execute_stream;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use onrecord_lake::schema::column;
use onrecord_lake::{LeafIndex, LeafRange};
use std::sync::Arc;
use tokio::sync::Mutex;

/// With more reviewed ids than this, decisions are not looked up by id but read and compared.
const IDS_LISTED_MAX: usize = 1_000;

/// Leaves that are looked at together: the reviews among them are in memory twice for a moment.
const STEP_LEAVES: u64 = 1 << 19;

/// Reads reviews, or outcomes, as they come. One reader belongs to one ledger.
///
/// A query over an older snapshot than the reader's may be shown a review that came after it.
#[derive(Debug)]
pub(super) struct ReviewReader {
    /// Where they are.
    table: &'static str,
    /// What is read of them: see [`FoundReviews::add_reviews`].
    columns: &'static [&'static str],
    index: Mutex<ReviewIndex>,
}

impl ReviewReader {
    pub(super) fn of_reviews() -> Self {
        let columns = &[column::LEAF_INDEX, "decision_id", "human_decision", "overridden", "override_reason"];
        Self { table: "reviews", columns, index: Mutex::default() }
    }

    pub(super) fn of_outcomes() -> Self {
        Self { table: "outcomes", columns: &[column::LEAF_INDEX, "decision_id", "outcome"], index: Mutex::default() }
    }

    /// The reviews of everything in the snapshot.
    pub(super) async fn at(
        &self,
        snapshot: &Arc<QuerySnapshot>,
        partitions: usize,
        context: Arc<TaskContext>,
    ) -> Result<Arc<Reviews>> {
        let mut index = self.index.lock().await;
        let end = snapshot.lake.end();
        let reading = Reading { snapshot: Arc::clone(snapshot), partitions, context };
        while index.end() < end {
            let step = LeafRange::new(index.end(), end.min(LeafIndex(index.end().0 + STEP_LEAVES)));
            // Only what is whole is taken, so that a failure halfway leaves the index as it was.
            let found = reading.find(self, &index, step).await?;
            index.take(found, step.end);
        }
        Ok(index.reviews())
    }
}

/// One advance of the index.
struct Reading {
    snapshot: Arc<QuerySnapshot>,
    partitions: usize,
    context: Arc<TaskContext>,
}

impl Reading {
    /// The reviews among these leaves, which the index ends before, and the decisions that are theirs.
    async fn find(&self, reader: &ReviewReader, index: &ReviewIndex, leaves: LeafRange) -> Result<FoundReviews> {
        let mut found = FoundReviews::default();
        let mut reviews = self.read(reader.table, reader.columns, leaves, None)?;
        while let Some(batch) = reviews.next().await {
            found.add_reviews(&batch?);
        }
        // A review comes after its decision, or in one batch with it. One that was not met before may come with these.
        let from = if found.ids().len() > 0 { LeafIndex(0) } else { leaves.start };
        let count = found.ids().len() + index.ids_of_none().len();
        if count == 0 {
            return Ok(found);
        }
        let listed = if count <= IDS_LISTED_MAX { count } else { 0 };
        let ids: Vec<&str> = found.ids().chain(index.ids_of_none()).take(listed).collect();
        let mut decisions = self.decisions(LeafRange::new(from, leaves.end), &ids)?;
        while let Some(batch) = decisions.next().await {
            found.add_decisions(&batch?, index);
        }
        Ok(found)
    }

    /// The decisions among these leaves with these ids; all of them if none is given.
    fn decisions(&self, leaves: LeafRange, ids: &[&str]) -> Result<SendableRecordBatchStream> {
        let ids = (!ids.is_empty()).then_some(ids);
        self.read("decisions", &[column::LEAF_INDEX, "decision_id"], leaves, ids)
    }

    /// Columns of the rows of a table among these leaves, with one of these decision ids.
    fn read(
        &self,
        table: &str,
        names: &[&str],
        leaves: LeafRange,
        ids: Option<&[&str]>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(table) = TABLES.iter().find(|known| known.name == table) else {
            return internal_err!("no table {table}");
        };
        let scan = TableScan {
            table: Arc::clone(table),
            snapshot: Arc::new(self.snapshot.within(leaves)),
            identity: None,
            partitions: self.partitions,
        };
        let columns: Vec<usize> = names.iter().map(|name| position(table, name)).collect::<Result<_>>()?;
        let plan = scan.plan(Some(predicate(table, leaves, ids)?), &columns, None, Followed::default())?;
        execute_stream(plan, Arc::clone(&self.context))
    }
}

fn predicate(table: &Table, leaves: LeafRange, ids: Option<&[&str]>) -> Result<Arc<dyn PhysicalExpr>> {
    let schema = table.inner_schema();
    let leaf = column_of(column::LEAF_INDEX, &schema)?;
    let bound = |op, at: LeafIndex| -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(Arc::clone(&leaf), op, lit(i64::try_from(at.0).unwrap_or(i64::MAX))))
    };
    let mut parts = vec![bound(Operator::GtEq, leaves.start), bound(Operator::Lt, leaves.end)];
    if let Some(ids) = ids {
        let ids = ids.iter().map(|id| lit(ScalarValue::Utf8View(Some((*id).to_owned())))).collect();
        parts.push(in_list(column_of("decision_id", &schema)?, ids, &false, &schema)?);
    }
    Ok(conjunction(parts))
}

fn position(table: &Table, name: &str) -> Result<usize> {
    match table.columns().iter().position(|column| column.name == name) {
        Some(at) => Ok(at),
        None => internal_err!("no column {name} in {}", table.name),
    }
}
