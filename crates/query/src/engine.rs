//! The query engine: SQL text in, rows out.
//!
//! Queries run on threads of the engine's own, so that a heavy one does not hold up whoever writes or serves. Each has
//! a bound on its memory, its time and its rows, and nothing of it goes to a disk: what does not fit into memory
//! fails, it is not spilled, since a spill file would hold personal data in plain.

use super::column_name::ColumnNames;
use super::columns::ColumnCache;
use super::error::Error;
use super::guard::{self, WITHHELD_FUNCTIONS};
use super::identity::{Identity, IdentityResolver};
use super::jsonb::operator::{JsonOperators, PostgresTypes};
use super::jsonb::order::Documents;
use super::late::LateReads;
use super::lateral::Lateral;
use super::provider::LakeTable;
use super::review_reader::ReviewReader;
use super::rows::{self, Message, Rows, Started};
use super::segment::StatsCache;
use super::size::{self, STACK_BYTES};
use super::table::TABLES;
use super::table_scan::{QuerySnapshot, TableScan};
use super::watch::{Clock, Running, Watch, stoppable};
use super::{function, jsonb, pushdown, syntax};
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::config::Dialect;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{AggregateUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use onrecord_lake::Snapshot;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const CATALOG: &str = "onrecord";
const SCHEMA: &str = "public";

/// Files smaller than this are not split between cores, in bytes.
const SPLIT_BYTES_MIN: usize = 1 << 20;

/// What one query may do.
#[derive(Clone)]
pub struct QueryContext {
    /// Present for a caller who may see user ids; others see subject tokens.
    pub identity: Option<Arc<dyn Identity>>,
    /// Memory that sorting, grouping and joining may take, in bytes.
    pub memory_bytes_max: usize,
    /// From the start of planning to the last row.
    pub time_max: Duration,
    /// Rows after which the answer is cut short; see [`Rows::is_cut_short`].
    pub rows_max: Option<usize>,
}

impl Default for QueryContext {
    fn default() -> Self {
        Self { identity: None, memory_bytes_max: 256 << 20, time_max: Duration::from_secs(60), rows_max: None }
    }
}

/// Runs queries over the snapshots of one ledger.
pub struct Engine {
    /// `None` only while dropping.
    threads: Option<Threads>,
    shared: Arc<Shared>,
}

struct Threads {
    workers: Runtime,
    clock: Clock,
}

/// What outlives a query.
struct Shared {
    state: SessionState,
    stats: StatsCache,
    columns: Arc<ColumnCache>,
    reviews: Arc<ReviewReader>,
    outcomes: Arc<ReviewReader>,
    threads: usize,
}

impl Engine {
    /// An engine with so many threads, 0 standing for one per core, that keeps so many bytes of decoded columns.
    ///
    /// # Errors
    /// [`Error::Engine`] if the operating system gives no threads.
    pub fn new(threads: usize, resident_bytes_max: usize) -> Result<Self, Error> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let workers =
            builder.worker_threads(threads).thread_name("onrecord-query").thread_stack_size(STACK_BYTES).build();
        let (Ok(workers), Ok(clock)) = (workers, Clock::new()) else {
            return Err(Error::Engine("no threads for queries"));
        };
        let shared = Shared {
            state: base_state(threads).map_err(|_| Error::Engine("its functions cannot be registered"))?,
            stats: StatsCache::default(),
            columns: Arc::new(ColumnCache::new(resident_bytes_max)),
            reviews: Arc::new(ReviewReader::of_reviews()),
            outcomes: Arc::new(ReviewReader::of_outcomes()),
            threads,
        };
        Ok(Self { threads: Some(Threads { workers, clock }), shared: Arc::new(shared) })
    }

    /// Plans the query and starts it. Dropping the rows, or this future, stops it.
    ///
    /// # Errors
    /// [`Error`], for anything that is known before the first row.
    pub async fn query(&self, snapshot: Snapshot, sql: &str, context: &QueryContext) -> Result<Rows, Error> {
        let threads = self.threads()?;
        let (sender, messages) = rows::channel();
        let watch = Watch::new();
        let alarm = threads.clock.start(&watch, context.time_max);
        let (shared, sql, ask) = (Arc::clone(&self.shared), sql.to_owned(), context.clone());
        let watched = Arc::clone(&watch);
        let task = threads.workers.spawn(async move {
            // An error here means that nobody waits for the answer any more.
            let _ = match shared.execute(snapshot, &sql, &ask, &watched).await {
                Ok(started) => rows::send(started, ask.rows_max, ask.memory_bytes_max, &sender).await,
                Err(error) => sender.send(Message::Failed(error)).await,
            };
        });
        let running = Running { watch, tasks: [alarm, task.abort_handle()] };
        Rows::start(messages, running, threads.workers.handle().clone(), context.time_max).await
    }

    /// Like [`Engine::query`], for threads outside any async runtime.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub fn query_blocking(&self, snapshot: Snapshot, sql: &str, context: &QueryContext) -> Result<Rows, Error> {
        self.threads()?.workers.block_on(self.query(snapshot, sql, context))
    }

    fn threads(&self) -> Result<&Threads, Error> {
        self.threads.as_ref().ok_or(Error::Engine("it is shutting down"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An engine may be dropped on a thread of another runtime, where waiting is not allowed.
        if let Some(threads) = self.threads.take() {
            threads.workers.shutdown_background();
            threads.clock.stop();
        }
    }
}

impl Shared {
    /// Plans the query and starts it.
    async fn execute(
        &self,
        snapshot: Snapshot,
        sql: &str,
        context: &QueryContext,
        watch: &Arc<Watch>,
    ) -> Result<Started, Error> {
        size::check_text(sql)?;
        let planning = |error| Error::planning(error, sql, context.memory_bytes_max);
        let identity = context.identity.clone().map(|identity| Arc::new(IdentityResolver::new(identity)));
        let (state, task) = self.session(snapshot, identity.as_ref(), context).map_err(planning)?;
        let mut statement = state.sql_to_statement(sql, &Dialect::PostgreSQL).map_err(planning)?;
        guard::check(&statement)?;
        syntax::check(&statement)?;
        let names = ColumnNames::of(&statement);
        syntax::rewrite(&mut statement);
        let plan = state.statement_to_plan(statement).await.map_err(planning)?;
        guard::check_plan(&plan)?;
        let plan = bounded(plan, context.rows_max).map_err(planning)?;
        let plan = state.create_physical_plan(&plan).await.map_err(planning)?;
        let started = stoppable(plan, watch).and_then(|plan| execute_stream(plan, task));
        let answer = started.map_err(|error| Error::running(error, context.memory_bytes_max))?;
        let is_revealing = identity.is_some_and(|identity| identity.is_used());
        Ok(Started { batches: names.rename(answer), is_revealing })
    }

    /// A session of its own for one query: what it is planned with, its tables among it, and what it runs in, its memory.
    fn session(
        &self,
        snapshot: Snapshot,
        identity: Option<&Arc<IdentityResolver>>,
        context: &QueryContext,
    ) -> datafusion::common::Result<(SessionState, Arc<TaskContext>)> {
        let mut state = self.state.clone();
        let task = task(&state, runtime(context.memory_bytes_max)?);
        let stats = self.stats.of(&snapshot.segments, &self.columns)?;
        let snapshot = Arc::new(QuerySnapshot { lake: snapshot, stats, columns: Arc::clone(&self.columns) });
        let schema = Arc::new(MemorySchemaProvider::new());
        for table in TABLES.iter() {
            let scan = TableScan {
                table: Arc::clone(table),
                snapshot: Arc::clone(&snapshot),
                identity: identity.cloned(),
                partitions: self.threads,
            };
            let (reviews, outcomes) = (Arc::clone(&self.reviews), Arc::clone(&self.outcomes));
            let provider = LakeTable { scan, reviews, outcomes, task: Arc::clone(&task) };
            schema.register_table(table.name.to_owned(), Arc::new(provider))?;
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, schema)?;
        state.register_catalog_list(Arc::new(MemoryCatalogProviderList::new()));
        state.catalog_list().register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        // From here on NOW() is now.
        state.mark_start_execution();
        Ok((state, task))
    }
}

/// Memory for one query, and no files.
fn runtime(memory_bytes_max: usize) -> datafusion::common::Result<Arc<RuntimeEnv>> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes_max)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()?;
    guard::withhold_files(&runtime)?;
    Ok(runtime)
}

/// What a plan runs in. The functions that it calls are in the plan.
fn task(state: &SessionState, runtime: Arc<RuntimeEnv>) -> Arc<TaskContext> {
    let (scalar, higher, aggregate, window) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    let (id, config) = (state.session_id().to_owned(), state.config().clone());
    Arc::new(TaskContext::new(None, id, config, scalar, higher, aggregate, window, runtime))
}

/// The plan with one row more than is allowed, so that it is known whether there were more.
fn bounded(plan: LogicalPlan, rows_max: Option<usize>) -> datafusion::common::Result<LogicalPlan> {
    match (rows_max, &plan) {
        (None, _) | (_, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)) => Ok(plan),
        (Some(rows_max), _) => LogicalPlanBuilder::from(plan).limit(0, Some(rows_max.saturating_add(1)))?.build(),
    }
}

/// What every session begins as: to make one of it anew would register each function again.
fn base_state(threads: usize) -> datafusion::common::Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    // DataFusion's filter for the least and greatest values of columns leaves those of expressions beside them out.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    options.optimizer.repartition_file_min_size = SPLIT_BYTES_MIN;
    let mut builder = SessionStateBuilder::new()
        .with_default_features()
        .with_runtime_env(runtime(0)?)
        .with_config(config)
        .with_file_formats(Vec::new())
        .with_physical_optimizer_rules(pushdown::rules())
        .with_analyzer_rule(Arc::new(Documents))
        .with_analyzer_rule(Arc::new(Lateral))
        .with_analyzer_rule(Arc::new(function::PostgresCasts))
        .with_analyzer_rule(Arc::new(function::GuardedDivision))
        .with_optimizer_rule(Arc::new(function::UtcDates))
        .with_physical_optimizer_rule(Arc::new(LateReads))
        .with_table_factories(Default::default());
    if let Some(planners) = builder.expr_planners() {
        planners.insert(0, Arc::new(JsonOperators));
        planners.insert(1, Arc::new(function::Operators));
        planners.insert(2, Arc::new(function::Parts));
    }
    if let Some(functions) = builder.scalar_functions() {
        let own: Vec<_> = jsonb::all().into_iter().chain(function::scalars()).collect();
        // One name must have one function, in whichever order they are registered.
        let replaced: HashSet<&str> = own.iter().flat_map(|function| names(function)).collect();
        functions.retain(|function| !names(function).any(|name| replaced.contains(name)) && !is_withheld(function));
        functions.extend(own);
    }
    if let Some(functions) = builder.aggregate_functions() {
        let own = function::aggregates();
        let names = |function: &AggregateUDF| {
            std::iter::once(function.name().to_owned()).chain(function.aliases().to_vec()).collect::<Vec<_>>()
        };
        let replaced: HashSet<String> = own.iter().flat_map(|function| names(function)).collect();
        functions.retain(|function| !names(function).iter().any(|name| replaced.contains(name)));
        functions.extend(own);
    }
    Ok(builder.with_type_planner(Arc::new(PostgresTypes)).build())
}

fn is_withheld(function: &ScalarUDF) -> bool {
    names(function).any(|name| WITHHELD_FUNCTIONS.contains(&name))
}

/// The name and the aliases.
fn names(function: &ScalarUDF) -> impl Iterator<Item = &str> {
    std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str))
}
