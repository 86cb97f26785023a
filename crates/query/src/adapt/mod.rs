//! Expressions over a table's columns, rewritten for one file or one batch of the tail.
//!
//! Every segment, and every batch of the tail, has path columns of its own choice. DataFusion hands each predicate and
//! each projection to the [`FlatAdapter`] of the file before it prunes, decodes or evaluates anything, so what comes
//! out here decides how much is read: `input_features->>'gender'` becomes the column `input_features.gender` where the
//! file has it, `event_id = '…'` a comparison of sixteen bytes that statistics and bloom filters answer.
//!
//! Invariant: for every row the rewritten expression has the value of the original one over the logical columns, null
//! included. Where no cheap form has that property, the document is put together and the original is evaluated on it.

mod cast;
mod compare;
mod file;
mod path;

use super::identity::IdentityResolver;
use super::json::Key;
use super::json::member::{Form, JsonMember, key_of};
use super::jsonb::Records;
use super::kernel::document::{Assemble, Whole};
use super::kernel::follow_up::{DecisionLeaf, LatestOutcome};
use super::kernel::presence::AnyPresent;
use super::kernel::record::RecordMembers;
use super::kernel::reveal::Reveal;
use super::kernel::review::Replace;
use super::kernel::text::{FirstText, IdText, Member};
use super::kernel::{Kernel, KernelExpr};
use super::review::{Followed, Reviews};
use super::table::{Replaced, Source, Table};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::{CastExpr, Column, IsNotNullExpr, IsNullExpr, Literal, NotExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use datafusion::scalar::ScalarValue;
use file::FileColumns;
pub(super) use file::TIER;
use onrecord_lake::schema::{Document, column};
use onrecord_record::Kind;
use std::sync::Arc;

type Expr = Arc<dyn PhysicalExpr>;

/// What one query knows that files do not.
#[derive(Clone, Debug)]
pub(super) struct FlatAdapterFactory {
    /// The table whose columns the expressions name.
    pub(super) table: Arc<Table>,
    /// The identity, when the table shows user ids and the caller may see them.
    pub(super) identity: Option<Arc<IdentityResolver>>,
    /// Reviews and outcomes, when the query touches a column that they make.
    pub(super) followed: Followed,
}

impl PhysicalExprAdapterFactory for FlatAdapterFactory {
    fn create(&self, _logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Arc::new(FlatAdapter { query: self.clone(), file: FileColumns::new(physical) }))
    }
}

/// Rewrites for one physical schema.
#[derive(Debug)]
struct FlatAdapter {
    query: FlatAdapterFactory,
    file: FileColumns,
}

impl PhysicalExprAdapter for FlatAdapter {
    fn rewrite(&self, expr: Expr) -> Result<Expr> {
        // From the top down, and not into what was rewritten: that names physical columns already.
        expr.transform_down(|expr| match self.step(&expr)? {
            Some(rewritten) => Ok(Transformed::new(rewritten, true, TreeNodeRecursion::Jump)),
            None => Ok(Transformed::no(expr)),
        })
        .data()
    }
}

impl FlatAdapter {
    fn step(&self, expr: &Expr) -> Result<Option<Expr>> {
        if let Some(rewritten) = self.comparison(expr)? {
            return Ok(Some(rewritten));
        }
        if let Some(rewritten) = self.typed(expr)? {
            return Ok(Some(rewritten));
        }
        if let Some(rewritten) = self.null_check(expr)? {
            return Ok(Some(rewritten));
        }
        if let Some(records) = self.records(expr) {
            return Ok(Some(records));
        }
        if let Some((source, path, form)) = self.member(expr) {
            return self.member_of(&source, &path, form);
        }
        match self.column(expr) {
            Some(source) => self.read(&source).map(Some),
            None => Ok(None),
        }
    }

    /// The source of a plain column.
    fn column(&self, expr: &Expr) -> Option<Source> {
        let column = expr.downcast_ref::<Column>()?;
        Some(self.query.table.inner_column(column.name())?.source.clone())
    }

    /// A member of a column at a constant path.
    fn member(&self, expr: &Expr) -> Option<(Source, Vec<Key>, Form)> {
        let call = ScalarFunctionExpr::try_downcast_func::<JsonMember>(expr.as_ref())?;
        let function = call.fun().inner().downcast_ref::<JsonMember>()?;
        let (document, keys) = call.args().split_first()?;
        let path = keys.iter().map(|key| key_of(key.downcast_ref::<Literal>()?.value())).collect::<Option<Vec<_>>>()?;
        let source = self.column(document)?;
        let path = as_stored(&source, path);
        Some((source, path, function.form()))
    }

    /// What is asked of a list of objects, where the file has a column of them.
    fn records(&self, expr: &Expr) -> Option<Expr> {
        let call = ScalarFunctionExpr::try_downcast_func::<Records>(expr.as_ref())?;
        let function = call.fun().inner().downcast_ref::<Records>()?;
        let (list, keys) = call.args().split_first()?;
        let (Source::Document(document), path, Form::Json) = self.member(list)? else { return None };
        let (column, members) = self.file.records(document, &path)?;
        let key = match keys.first() {
            Some(key) => Some(key.downcast_ref::<Literal>()?.value().try_as_str().flatten()?),
            None => None,
        };
        let kernel = RecordMembers::new(function.gives(), key, &members)?;
        Some(KernelExpr::new(kernel, vec![column], self.file.schema()))
    }

    /// Reads a member of a document; `None` when the source is no document, and its text is walked as any text is.
    fn member_of(&self, source: &Source, path: &[Key], form: Form) -> Result<Option<Expr>> {
        match source {
            Source::Document(document) => self.file.member(*document, path, form).map(Some),
            Source::Reviewed(Replaced::HumanDecision) => {
                let stored = self.file.member(Document::HumanDecision, path, form)?;
                let Some(reviews) = self.reviews() else { return Ok(Some(stored)) };
                Ok(Some(self.replaced(Replace::of_member(path.to_vec(), form, reviews), stored)?))
            }
            Source::LatestOutcome => self.latest_outcome(Some((path.to_vec(), form))).map(Some),
            _ => Ok(None),
        }
    }

    /// `IS NULL` and `IS NOT NULL` of a document, or of a member that has a column.
    fn null_check(&self, expr: &Expr) -> Result<Option<Expr>> {
        let (inner, is_null) = match (expr.downcast_ref::<IsNullExpr>(), expr.downcast_ref::<IsNotNullExpr>()) {
            (Some(check), _) => (check.arg(), true),
            (_, Some(check)) => (check.arg(), false),
            _ => return Ok(None),
        };
        if let Some((Source::Document(document), path, _)) = self.member(inner)
            && let Some((column, _)) = self.file.scalar(document, &path)
        {
            let check: Expr =
                if is_null { Arc::new(IsNullExpr::new(column)) } else { Arc::new(IsNotNullExpr::new(column)) };
            return Ok(Some(check));
        }
        if let Some(Source::Document(document)) = self.column(inner) {
            let (args, _) = self.file.document(document);
            let present: Expr = KernelExpr::new(AnyPresent, args, self.file.schema());
            return Ok(Some(if is_null { Arc::new(NotExpr::new(present)) } else { present }));
        }
        Ok(None)
    }

    /// Reads a column from its source.
    fn read(&self, source: &Source) -> Result<Expr> {
        let schema = self.file.schema();
        match source {
            Source::Stored(name, data_type) => self.file.stored(name, data_type),
            Source::EventId => Ok(self.id_text(column::EVENT_ID, IdText::Uuid)),
            Source::InputHash => Ok(self.id_text(column::INPUT_HASH, IdText::Hex)),
            Source::DecisionId => {
                let own = self.file.stored(column::DECISION_ID, &DataType::Utf8View)?;
                let event_id = self.id_text(column::EVENT_ID, IdText::Uuid);
                Ok(KernelExpr::new(FirstText, vec![own, event_id], schema))
            }
            Source::User => {
                let token = self.file.stored(column::USER_ID, &DataType::Utf8View)?;
                Ok(match &self.query.identity {
                    Some(identity) => KernelExpr::new(Reveal(Arc::clone(identity)), vec![token], schema),
                    None => token,
                })
            }
            Source::Document(document) => {
                let (args, fields) = self.file.document(*document);
                Ok(KernelExpr::new(Assemble::new(Whole::Part(*document, Vec::new()), fields), args, schema))
            }
            Source::Reviewed(reviewed) => self.reviewed(*reviewed),
            Source::LatestOutcome => self.latest_outcome(None),
            Source::DecisionLeaf => self.decision_leaf(),
            Source::Record => {
                let (args, fields) = self.file.all_but_sidecar();
                Ok(KernelExpr::new(Assemble::new(Whole::Record, fields), args, schema))
            }
            Source::Member(name, data_type) => {
                let text = self.record_member(name, Form::Text)?;
                Ok(match data_type {
                    DataType::Utf8View => text,
                    other => Arc::new(CastExpr::new(text, other.clone(), None)),
                })
            }
            Source::JsonMember(name) => self.record_member(name, Form::Json),
            Source::Tier => {
                let tier = self.file.tier().to_owned();
                Ok(Arc::new(Literal::new(ScalarValue::Utf8View(Some(tier)))))
            }
        }
    }

    fn id_text(&self, name: &str, form: IdText) -> Expr {
        match self.file.physical(name) {
            Some((id, _)) => KernelExpr::new(form, vec![id], self.file.schema()),
            None => null(&DataType::Utf8View),
        }
    }

    fn record_member(&self, name: &str, form: Form) -> Result<Expr> {
        let Some((record, _)) = self.file.physical(column::RECORD) else { return Ok(null(&DataType::Utf8View)) };
        let member = Member { path: vec![Key::Name(name.to_owned())], form };
        Ok(KernelExpr::new(member, vec![record], self.file.schema()))
    }

    /// The reviews, if any is of a decision that this file may hold.
    fn reviews(&self) -> Option<Arc<Reviews>> {
        self.within_file(self.query.followed.reviews.as_ref())
    }

    fn within_file(&self, followed: Option<&Arc<Reviews>>) -> Option<Arc<Reviews>> {
        let within = |followed: &&Arc<Reviews>| match self.file.leaves() {
            Some(leaves) => followed.any_within(&leaves),
            None => !followed.is_empty(),
        };
        followed.filter(within).cloned()
    }

    /// The latest outcome of a decision, or its member at a path.
    fn latest_outcome(&self, member: Option<(Vec<Key>, Form)>) -> Result<Expr> {
        match self.within_file(self.query.followed.outcomes.as_ref()) {
            Some(outcomes) => self.of_leaf(LatestOutcome::new(member, outcomes)),
            None => Ok(null(&DataType::Utf8View)),
        }
    }

    /// The leaf of the decision that a review or an outcome is about.
    fn decision_leaf(&self) -> Result<Expr> {
        let Followed { reviews, outcomes } = &self.query.followed;
        let followed = if self.query.table.kind == Some(Kind::Review) { reviews } else { outcomes };
        match followed {
            Some(followed) => self.of_leaf(DecisionLeaf::new(Arc::clone(followed))),
            None => Ok(null(&DataType::Int64)),
        }
    }

    fn of_leaf(&self, kernel: impl Kernel + 'static) -> Result<Expr> {
        let leaf = self.file.stored(column::LEAF_INDEX, &DataType::Int64)?;
        Ok(KernelExpr::new(kernel, vec![leaf], self.file.schema()))
    }

    fn reviewed(&self, reviewed: Replaced) -> Result<Expr> {
        let stored = self.read(&match reviewed {
            Replaced::HumanReviewed => Source::Stored(column::HUMAN_REVIEWED, DataType::Boolean),
            Replaced::Overridden => Source::Stored(column::OVERRIDDEN, DataType::Boolean),
            Replaced::OverrideReason => Source::Stored(column::OVERRIDE_REASON, DataType::Utf8View),
            Replaced::HumanDecision => Source::Document(Document::HumanDecision),
        })?;
        match self.reviews() {
            Some(reviews) => self.replaced(Replace::new(reviewed, reviews), stored),
            None => Ok(stored),
        }
    }

    fn replaced(&self, replace: Replace, stored: Expr) -> Result<Expr> {
        let leaf = self.file.stored(column::LEAF_INDEX, &DataType::Int64)?;
        Ok(KernelExpr::new(replace, vec![leaf, stored], self.file.schema()))
    }
}

/// The path with the name that is stored, where the record takes another spelling of it too: `topFeatures` of an
/// explanation. Other documents have the names that their senders gave.
fn as_stored(source: &Source, mut path: Vec<Key>) -> Vec<Key> {
    if matches!(source, Source::Document(Document::Explanation))
        && let Some(Key::Name(name)) = path.first_mut()
        && name == "topFeatures"
    {
        "top_features".clone_into(name);
    }
    path
}

fn null(data_type: &DataType) -> Expr {
    let value = ScalarValue::try_from(data_type).unwrap_or(ScalarValue::Null);
    Arc::new(Literal::new(value))
}
