//! Stopping a query: when its time is up, or when nobody waits for its rows any more.
//!
//! A task of an async runtime can only be stopped where it yields. DataFusion's scans do; a join over them may not
//! for hours, when it makes rows from what it has in memory, or finds that none of them match. So joins are made to
//! give way between batches, and their conditions to look at the [`Watch`]. The clock runs on a thread of its own, so
//! that a caller gets an answer in time even while every other thread is busy.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::exec_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;
use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Whether a query should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Late,
    Dropped,
}

/// The state of one query, shared by all that work on it.
#[derive(Debug)]
pub(super) struct Watch {
    state: watch::Sender<State>,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: watch::Sender::new(State::Running) })
    }

    /// Comes back when the time is up; never if the query ends before.
    pub(super) async fn late(&self) {
        let mut state = self.state.subscribe();
        if state.wait_for(|state| *state == State::Late).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn end(&self, with: State) {
        self.state.send_if_modified(|state| {
            let first = *state == State::Running;
            if first {
                *state = with;
            }
            first
        });
    }

    /// Whether the time was up before the query ended.
    pub(super) fn is_late(&self) -> bool {
        *self.state.borrow() == State::Late
    }

    fn is_over(&self) -> bool {
        *self.state.borrow() != State::Running
    }
}

/// The thread that tells queries that their time is up.
pub(super) struct Clock(Runtime);

impl Clock {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("onrecord-query-clock").enable_time().build().map(Self)
    }

    /// Ends the watch after `time_max`, unless the query ends before.
    pub(super) fn start(&self, watch: &Arc<Watch>, time_max: Duration) -> AbortHandle {
        let watch = Arc::clone(watch);
        let alarm = async move {
            tokio::time::sleep(time_max).await;
            watch.end(State::Late);
        };
        self.0.spawn(alarm).abort_handle()
    }

    pub(super) fn stop(self) {
        self.0.shutdown_background();
    }
}

/// The tasks of one query. Dropping it stops them.
pub(super) struct Running {
    pub(super) watch: Arc<Watch>,
    pub(super) tasks: [AbortHandle; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.end(State::Dropped);
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// The plan, with joins and unnestings that give way.
pub(super) fn stoppable(plan: Arc<dyn ExecutionPlan>, watch: &Arc<Watch>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let watched = match (plan.downcast_ref::<HashJoinExec>(), plan.downcast_ref::<NestedLoopJoinExec>()) {
            (Some(join), _) => match join.filter() {
                Some(filter) => join.builder().with_filter(Some(watched(filter, watch))).build_exec()?,
                None => Arc::clone(&plan),
            },
            (_, Some(join)) => {
                let sides = (Arc::clone(join.left()), Arc::clone(join.right()));
                let filter = join.filter().map(|filter| watched(filter, watch));
                let builder = NestedLoopJoinExecBuilder::new(sides.0, sides.1, *join.join_type());
                Arc::new(builder.with_projection_ref(join.projection().clone()).with_filter(filter).build()?)
            }
            _ if plan.is::<CrossJoinExec>() || plan.is::<SortMergeJoinExec>() || plan.is::<UnnestExec>() => {
                Arc::clone(&plan)
            }
            _ => return Ok(Transformed::no(plan)),
        };
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(watched)) as _))
    })
    .data()
}

fn watched(filter: &JoinFilter, watch: &Arc<Watch>) -> JoinFilter {
    let watched = Watched { inner: Arc::clone(filter.expression()), watch: Arc::clone(watch) };
    JoinFilter::new(Arc::new(watched), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
}

/// An expression that fails once the query is over.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn PhysicalExpr>,
    watch: Arc<Watch>,
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.inner.as_ref() == other.inner.as_ref()
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl Display for Watched {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner, f)
    }
}

impl PhysicalExpr for Watched {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.inner.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.inner.nullable(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.watch.is_over() {
            return exec_err!("the query is over");
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let Some(inner) = children.pop() else { return exec_err!("an expression without its child") };
        Ok(Arc::new(Self { inner, watch: Arc::clone(&self.watch) }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
