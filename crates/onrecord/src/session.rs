//! One recorded way to ask. Whoever asks in SQL, through whichever interface, goes through [`Session::query`]: rows are
//! given only after it is on the record who asked, and for what.

use crate::concurrency::{Busy, Permit};
use crate::node::Node;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, SchemaBuilder, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use onrecord_lake::Snapshot;
use onrecord_query::{Error, QueryContext, Rows, redacted_but};
use onrecord_report::access::{self, Accesses, Filter, Wording};
use onrecord_report::release::{Question, Release, released};
use onrecord_report::{Privacy, Report, Scope, Source, model};
use onrecord_service::retention::Rules;
use onrecord_service::{Action, Actor, Refusal, Role, What};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Somebody who asks.
pub(crate) struct Session {
    node: Arc<Node>,
    actor: Actor,
}

/// What a query is asked for: the action on the record.
#[derive(Clone, Copy, Default)]
pub(crate) enum Purpose {
    /// Somebody wrote it.
    #[default]
    Sql,
    /// To find decisions.
    Decisions,
    /// To show a person all decisions about them.
    History,
}

impl Purpose {
    fn action(self, is_revealing: bool) -> Action {
        match (self, is_revealing) {
            (Self::Sql, false) => Action::Sql,
            (Self::Sql, true) => Action::RevealSql,
            (Self::Decisions, false) => Action::Decisions,
            (Self::Decisions, true) => Action::RevealDecisions,
            (Self::History, _) => Action::History,
        }
    }
}

/// What a query may be told beside its text.
#[derive(Clone, Copy, Default)]
pub(crate) struct QueryOptions {
    /// What it is asked for.
    pub(crate) purpose: Purpose,
    /// Rows after which the answer is cut short.
    pub(crate) rows_max: Option<usize>,
    /// How long it may take; what this process is set to, if nothing is said.
    pub(crate) timeout: Option<Duration>,
}

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Query(#[from] Error),
    /// Another timeout must be asked for.
    #[error("the timeout must be from 1 s to the {} s that the server is set to", timeout_max.as_secs())]
    Timeout { timeout_max: Duration },
}

impl Session {
    pub(crate) fn new(node: Arc<Node>, actor: Actor) -> Self {
        Self { node, actor }
    }

    /// Plans and starts the query, puts on the record that it is asked, and waits for the first rows meanwhile: one that
    /// fails at once fails here. How many rows there will be is not known then.
    pub(crate) async fn query(&self, sql: &str, options: QueryOptions) -> Result<RecordedRows, QueryError> {
        let node = &self.node;
        // Before anything is planned; the recording asks for itself.
        node.service.must(&self.actor, Role::Read)?;
        let context = QueryContext {
            identity: self.actor.may(Role::Reveal).then(|| node.identity()),
            rows_max: options.rows_max,
            memory_bytes_max: node.config.query_memory_bytes,
            time_max: self.time_max(options.timeout)?,
        };
        let permit = node.limits.query().await?;
        let mut rows = node.engine.query(node.lake.snapshot(), sql, &context).await?;
        let mut names = Vec::new();
        let shape = redacted_but(sql, |column, text| {
            let name = self.name(column, text)?;
            names.push(name.clone());
            Some(name)
        });
        let action = options.purpose.action(rows.is_revealing());
        let what = What::Query { shape: &shape, names: &names };
        let recorded = node.service.record_access(&self.actor, action, what, None);
        let (recorded, first) = tokio::join!(recorded, rows.next());
        recorded?;
        let first = first.transpose()?;
        Ok(RecordedRows { rows, first, added: None, _permit: permit })
    }

    /// How the record names the decision or the person that a query compares a column with, so that who looked them up can
    /// be found.
    fn name(&self, column: &str, text: &str) -> Option<String> {
        let service = &self.node.service;
        match column {
            "decision_id" | "event_id" => Some(service.decision_token(text)),
            // Where the vault cannot be read, the query cannot find anybody either.
            "user_id" | "reviewer" => Some(service.subject_token(text, &self.actor).ok()??.to_string()),
            _ => None,
        }
    }

    /// A report on a model, or on all models. `ask` makes it, over one snapshot, with tokens in place of user ids; it is
    /// given once it is on the record who asked for which, and how many decisions it counts.
    pub(crate) async fn report<R: Report>(
        &self,
        name: &str,
        scope: &Scope,
        ask: impl AsyncFnOnce(&ReportSource) -> Result<R, ReportError>,
    ) -> Result<R, ReportError> {
        let (node, source) = (&self.node, self.source().await?);
        let model_id = scope.model_id.as_deref();
        let is_there = match model_id {
            Some(model_id) => model::is_there(&source, model_id).await?,
            None => true,
        };
        let report = if is_there {
            ask(&source).await
        } else {
            Err(ReportError::NotFound("no decision of a model with that id is on the record"))
        };
        let what = What::Report { name, model_id, is_there };
        let decisions = report.as_ref().ok().map(Report::decisions);
        let recorded = node.service.record_access(&self.actor, Action::Report, what, decisions).await;
        recorded.map_err(QueryError::Refused)?;
        report
    }

    /// Who read about a decision or a person, or what somebody read: given once it is on the record who asked.
    pub(crate) async fn accesses(&self, asked: ReadingsOf, page: access::Page) -> Result<Accesses, ReportError> {
        let (service, source) = (self.node.service.clone(), self.source().await?);
        let subject = match &asked.user_id {
            Some(user) => match service.subject_token(user, &self.actor).map_err(QueryError::Refused)? {
                Some(token) => Some(token.to_string()),
                None => {
                    let unknown = service.record_access(&self.actor, Action::Access, What::Unknown(user), Some(0));
                    unknown.await.map_err(QueryError::Refused)?;
                    return Err(ReportError::NotFound("nobody with that user id is on the record"));
                }
            },
            None => None,
        };
        let decision = match &asked.decision_id {
            Some(id) => Some((id.as_str(), access::is_there(&source, id).await?)),
            None => None,
        };
        let actors = asked.actor.as_ref().map(|name| service.actors(name, &self.actor));
        let actors = actors.transpose().map_err(QueryError::Refused)?;
        let actor = actors.as_ref().and_then(|actors| actors.first()).cloned();
        let what = What::Accesses { decision, subject: subject.as_deref(), actor: actor.as_deref() };
        let filter =
            Filter { decision_id: asked.decision_id.clone(), subject: subject.clone(), actors, since: asked.since };
        let token = |id: &str| service.decision_token(id);
        let wording = Wording {
            of_decision: &Action::OF_DECISION.map(Action::as_str),
            of_query: &Action::OF_QUERY.map(Action::as_str),
            of_access: Action::Access.as_str(),
            token: &token,
        };
        let found = Accesses::ask(&source, &filter, &wording, page).await;
        let rows = found.as_ref().map_or(0, |found| found.accesses.len() as u64);
        let recorded = service.record_access(&self.actor, Action::Access, what, Some(rows)).await;
        recorded.map_err(QueryError::Refused)?;
        found
    }

    /// What reports ask: over one snapshot, with tokens in place of user ids, as long as a query may take.
    async fn source(&self) -> Result<ReportSource, QueryError> {
        let node = &self.node;
        node.service.must(&self.actor, Role::Read)?;
        let permit = node.limits.query().await?;
        let context = QueryContext {
            identity: None,
            rows_max: None,
            memory_bytes_max: node.config.query_memory_bytes,
            time_max: self.time_max(None)?,
        };
        Ok(ReportSource { node: node.clone(), snapshot: node.lake.snapshot(), context, _permit: Some(permit) })
    }

    /// The retention rules in effect.
    pub(crate) async fn retention_rules(&self) -> Result<Rules, Refusal> {
        let service = self.node.service.clone();
        let rules = tokio::task::spawn_blocking(move || service.retention_rules()).await;
        let ended = |_| Refusal::Unavailable("the server is shutting down; ask again".to_owned());
        Ok(rules.map_err(ended)??.0)
    }

    /// A private report on a model: the answer that was given to the same question before, or a new one, which is on the record
    /// with what it cost before it is given.
    pub(crate) async fn release<R: Report + Serialize + DeserializeOwned>(
        &self,
        scope: &Scope,
        question: Question,
        privacy: &Privacy,
        ask: impl AsyncFnOnce(&ReportSource) -> Result<R, ReportError>,
    ) -> Result<R, ReportError> {
        let node = &self.node;
        // One after the other: each sees what the one before has spent.
        let _turn = node.releasing.lock().await;
        let model_id = scope.model();
        let disguised = question.disguised(|text| node.service.release_token(text));
        let release = async |source: &ReportSource| {
            let released = released(source, &model_id, &disguised).await?;
            if let Some(answer) = released.answer {
                return serde_json::from_value(answer).map_err(|_| ReportError::Answer("answer"));
            }
            must_fit(node.service.policy().privacy_budget.get(&model_id).copied(), released.epsilon, privacy)?;
            let report = ask(source).await?;
            let answer = serde_json::to_value(&report).map_err(|_| ReportError::Answer("answer"))?;
            let release = Release {
                model_id: model_id.clone(),
                report: question.report.to_owned(),
                question: disguised.token().to_owned(),
                epsilon: privacy.epsilon.value(),
                answer: disguised.hide(answer),
            };
            let detail = serde_json::to_value(release).map_err(|_| ReportError::Answer("answer"))?;
            let detail = detail.as_object().cloned().unwrap_or_default();
            node.service.record_release(&self.actor, &detail).await.map_err(QueryError::Refused)?;
            Ok(report)
        };
        self.report(question.report, scope, release).await
    }

    /// Who owns the directory may give a query as long as they like, everybody else as long as is set.
    fn time_max(&self, asked: Option<Duration>) -> Result<Duration, QueryError> {
        let timeout_max = self.node.config.statement_timeout;
        match asked {
            None => Ok(timeout_max),
            Some(asked) if !asked.is_zero() && (asked <= timeout_max || self.actor.is_local()) => Ok(asked),
            Some(_) => Err(QueryError::Timeout { timeout_max }),
        }
    }
}

/// Refuses what costs more than is left.
fn must_fit(budget: Option<f64>, spent: f64, privacy: &Privacy) -> Result<(), ReportError> {
    let cost = privacy.epsilon.value();
    match budget {
        None => Err(ReportError::OverBudget(
            "this model has no privacy budget: name it under [privacy_budget] of policy.toml".to_owned(),
        )),
        // Sums of decimals may miss the budget by their last digit.
        Some(budget) if spent + cost > budget * (1.0 + 1e-12) => Err(ReportError::OverBudget(format!(
            "the privacy budget of this model is {budget}; {spent} of it is spent, and this would cost {cost}"
        ))),
        Some(_) => Ok(()),
    }
}

/// Why there is no report.
pub(crate) type ReportError = onrecord_report::Error<QueryError>;

/// Answers the queries of one report, all over the same snapshot.
pub(crate) struct ReportSource {
    node: Arc<Node>,
    snapshot: Snapshot,
    context: QueryContext,
    /// Of the node's own work none is needed.
    _permit: Option<Permit>,
}

/// Which readings are asked for; of a decision or of a person, one of them at most.
#[derive(Debug, Default)]
pub(crate) struct ReadingsOf {
    /// The decision, by its id.
    pub(crate) decision_id: Option<String>,
    /// The person, by their user id or token.
    pub(crate) user_id: Option<String>,
    /// Who read.
    pub(crate) actor: Option<String>,
    /// From this time on.
    pub(crate) since: Option<jiff::Timestamp>,
}

/// How long a query of the node's own work may take.
const OWN_TIME_MAX: Duration = Duration::from_secs(3_600);

impl ReportSource {
    /// For the node's own work, which shows rows to nobody: nothing is put on the record here.
    pub(crate) fn own(node: Arc<Node>) -> Self {
        let memory_bytes_max = node.config.query_memory_bytes;
        let context = QueryContext { identity: None, rows_max: None, memory_bytes_max, time_max: OWN_TIME_MAX };
        Self { snapshot: node.lake.snapshot(), node, context, _permit: None }
    }
}

#[async_trait]
impl Source for ReportSource {
    type Error = QueryError;

    async fn query(&self, sql: String) -> Result<Vec<RecordBatch>, QueryError> {
        let rows = self.node.engine.query(self.snapshot.clone(), &sql, &self.context).await?;
        Ok(rows.collect().await?)
    }
}

/// The rows of a query that is on the record. Dropping them stops it.
pub(crate) struct RecordedRows {
    rows: Rows,
    first: Option<RecordBatch>,
    added: Option<AddedColumn>,
    _permit: Permit,
}

/// Makes a column of a batch.
type MakeColumn = dyn Fn(&RecordBatch) -> Result<ArrayRef, ArrowError> + Send;

/// A column that no query gives: its values are made of each batch.
struct AddedColumn {
    schema: SchemaRef,
    make: Box<MakeColumn>,
}

impl AddedColumn {
    fn added_to(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let made = (self.make)(batch).and_then(|column| {
            let columns = batch.columns().iter().cloned().chain([column]).collect();
            RecordBatch::try_new(self.schema.clone(), columns)
        });
        made.map_err(|error| Error::Value(error.to_string().into()))
    }
}

impl RecordedRows {
    /// The same with one more column.
    pub(crate) fn with_column(
        self,
        field: Field,
        make: impl Fn(&RecordBatch) -> Result<ArrayRef, ArrowError> + Send + 'static,
    ) -> Self {
        let mut fields = SchemaBuilder::from(self.rows.schema().fields());
        fields.push(field);
        let added = AddedColumn { schema: Arc::new(fields.finish()), make: Box::new(make) };
        Self { added: Some(added), ..self }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.added.as_ref().map_or(self.rows.schema(), |added| &added.schema)
    }

    /// The next batch, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        let next = match self.first.take() {
            Some(first) => Ok(first),
            None => self.rows.next().await?,
        };
        Some(match &self.added {
            Some(added) => next.and_then(|batch| added.added_to(&batch)),
            None => next,
        })
    }
}
