//! Keeping the reviews up to date with what queries see.

use super::review::{ReviewIndex, Reviews};
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
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Mutex;

/// With more reviewed ids than this, decisions are not looked up by id but read and compared.
const IDS_LISTED_MAX: usize = 1_000;

/// Reads reviews as they come. One reader belongs to one ledger.
///
/// A query over an older snapshot than the reader's may be shown a review that came after it.
#[derive(Debug, Default)]
pub(super) struct ReviewReader {
    index: Mutex<ReviewIndex>,
}

impl ReviewReader {
    /// The reviews of everything in the snapshot.
    pub(super) async fn at(
        &self,
        snapshot: &Arc<QuerySnapshot>,
        partitions: usize,
        context: Arc<TaskContext>,
    ) -> Result<Arc<Reviews>> {
        let mut index = self.index.lock().await;
        let end = snapshot.lake.end();
        if index.end < end {
            let reading = Reading { snapshot: Arc::clone(snapshot), partitions, context };
            // Taken out, so that a failure halfway leaves an empty index, which is read anew, and not half of one.
            let taken = std::mem::take(&mut *index);
            *index = reading.advance(taken, end).await?;
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
    async fn advance(&self, mut index: ReviewIndex, end: LeafIndex) -> Result<ReviewIndex> {
        let start = index.end;
        let names = [column::LEAF_INDEX, "decision_id", "human_decision", "overridden", "override_reason"];
        let mut fresh = Vec::new();
        let mut reviews = self.read("reviews", &names, LeafRange::new(start, end), None)?;
        while let Some(batch) = reviews.next().await {
            index.add_reviews(&batch?, &mut fresh);
        }
        if !fresh.is_empty() && start > LeafIndex(0) {
            let ids: Vec<&str> = fresh.iter().map(String::as_str).collect();
            let mut before = self.decisions(LeafRange::new(LeafIndex(0), start), &ids)?;
            // Of ids that were reviewed before, the decisions before `start` are in the index already.
            let fresh: HashSet<&str> = ids.into_iter().collect();
            while let Some(batch) = before.next().await {
                index.add_decisions(&batch?, |id| fresh.contains(id));
            }
        }
        let ids: Vec<&str> = index.reviewed_ids().collect();
        if !ids.is_empty() {
            let mut since = self.decisions(LeafRange::new(start, end), &ids)?;
            while let Some(batch) = since.next().await {
                index.add_decisions(&batch?, |_| true);
            }
        }
        index.end = end;
        Ok(index)
    }

    fn decisions(&self, leaves: LeafRange, ids: &[&str]) -> Result<SendableRecordBatchStream> {
        let ids = (ids.len() <= IDS_LISTED_MAX).then_some(ids);
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
            snapshot: Arc::clone(&self.snapshot),
            identity: None,
            partitions: self.partitions,
        };
        let columns: Vec<usize> = names.iter().map(|name| position(table, name)).collect::<Result<_>>()?;
        let plan = scan.plan(Some(predicate(table, leaves, ids)?), &columns, None, None)?;
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
