//! The tables that SQL sees, and from where in a segment's columns each of their columns comes.
//!
//! One table per kind of entry, named by its plural, `entries` with every record as JSON, and `ai_audit_logs`: the
//! decisions with the latest review of each merged in and, for callers with the role `reveal`, with user ids in place of tokens.
//! A column says what it means ([`Source`]); how a source is read from one particular file is the work of `adapt`.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use onrecord_lake::schema::{Document, column};
use onrecord_record::Kind;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// The view with the seed document's column names.
pub(super) const AI_AUDIT_LOGS: &str = "ai_audit_logs";

/// The canonical Arrow extension name of JSON text, by which HTTP and CLI know a document from a string.
const JSON_EXTENSION: &str = "arrow.json";
const EXTENSION_NAME_KEY: &str = "ARROW:extension:name";

/// A nullable field of JSON text: printed as a document, not as a string.
pub fn json_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
        .with_metadata(HashMap::from([(EXTENSION_NAME_KEY.to_owned(), JSON_EXTENSION.to_owned())]))
}

/// Whether the values of this field are JSON text.
pub(super) fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME_KEY).is_some_and(|name| name == JSON_EXTENSION)
}

/// Says on the field of `explanation` which document it is, through every query.
const DOCUMENT_KEY: &str = "onrecord:document";

/// The extension name of text whose values are uuids.
const UUID_EXTENSION: &str = "onrecord.uuid";

/// A nullable field of uuids.
pub(super) fn uuid_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
        .with_metadata(HashMap::from([(EXTENSION_NAME_KEY.to_owned(), UUID_EXTENSION.to_owned())]))
}

/// Whether the values of this field are uuids.
pub(super) fn is_uuid(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME_KEY).is_some_and(|name| name == UUID_EXTENSION)
}

/// Whether the values of this field are explanations as records have them.
pub(super) fn is_of_explanation(field: &Field) -> bool {
    field.metadata().get(DOCUMENT_KEY).is_some_and(|name| name == Document::Explanation.name())
}

/// What a review replaces in its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Replaced {
    /// `human_reviewed`
    HumanReviewed,
    /// `human_decision`
    HumanDecision,
    /// `overridden`
    Overridden,
    /// `override_reason`
    OverrideReason,
}

/// What a column of a table means, in terms of the flat schema.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// The fixed column of that name as it is.
    Stored(&'static str, DataType),
    /// `event_id` as text.
    EventId,
    /// `decision_id`, which is stored only where it differs from the event id.
    DecisionId,
    /// `input_hash` in hex.
    InputHash,
    /// `user_id`: the token, or the user id for callers with the role `reveal`.
    User,
    /// A document as JSON.
    Document(Document),
    /// What the decision says unless a review says otherwise.
    Reviewed(Replaced),
    /// The latest outcome of a decision as JSON.
    LatestOutcome,
    /// The leaf of the decision that a review or an outcome is about.
    DecisionLeaf,
    /// The whole record as JSON.
    Record,
    /// A member of the record as text or of that type.
    Member(&'static str, DataType),
    /// A member of the record as JSON.
    JsonMember(&'static str),
    /// Where the entry is: `local` or `archive`.
    Tier,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name in SQL.
    pub(super) name: &'static str,
    /// Its name inside the scan. It differs from `name` only where a physical column of the same name has another
    /// type, which the Parquet source would bend to ours before `adapt` sees it.
    pub(super) inner: &'static str,
    /// What it means.
    pub(super) source: Source,
}

impl Column {
    fn field(&self, name: &str) -> Field {
        match &self.source {
            Source::Stored(_, data_type) | Source::Member(_, data_type) => Field::new(name, data_type.clone(), true),
            Source::EventId | Source::DecisionId | Source::InputHash | Source::User | Source::Tier => {
                Field::new(name, DataType::Utf8View, true)
            }
            Source::Reviewed(Replaced::HumanReviewed | Replaced::Overridden) => {
                Field::new(name, DataType::Boolean, true)
            }
            Source::Reviewed(Replaced::OverrideReason) => Field::new(name, DataType::Utf8View, true),
            Source::DecisionLeaf => Field::new(name, DataType::Int64, true),
            Source::Document(Document::Explanation) => {
                let mut field = json_field(name);
                field.metadata_mut().insert(DOCUMENT_KEY.to_owned(), Document::Explanation.name().to_owned());
                field
            }
            Source::Reviewed(Replaced::HumanDecision)
            | Source::Document(_)
            | Source::LatestOutcome
            | Source::Record
            | Source::JsonMember(_) => json_field(name),
        }
    }
}

/// A table: its visible columns first, then hidden ones that only filters of our own use.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name in SQL.
    pub(super) name: &'static str,
    /// The kind of entry that its rows are; `None` for all kinds.
    pub(super) kind: Option<Kind>,
    columns: Vec<Column>,
    visible: usize,
    schema: SchemaRef,
    inner_schema: SchemaRef,
}

impl Table {
    fn new(name: &'static str, kind: Option<Kind>, mut columns: Vec<Column>) -> Self {
        let visible = columns.len();
        if !columns.iter().any(|column| column.name == column::KIND) {
            columns.push(stored(column::KIND, DataType::Utf8View));
        }
        if name == AI_AUDIT_LOGS {
            columns.extend(unreviewed_columns());
        }
        let fields = |name: fn(&Column) -> &str| columns.iter().map(move |column| column.field(name(column)));
        let schema = Arc::new(Schema::new(fields(|column| column.name).take(visible).collect::<Vec<_>>()));
        let inner_schema = Arc::new(Schema::new(fields(|column| column.inner).collect::<Vec<_>>()));
        Self { name, kind, visible, schema, inner_schema, columns }
    }

    /// What SQL sees.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// What the scan works on: all columns under their inner names.
    pub(super) fn inner_schema(&self) -> SchemaRef {
        Arc::clone(&self.inner_schema)
    }

    /// The visible columns.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns[..self.visible]
    }

    /// The column of that inner name.
    pub(super) fn inner_column(&self, inner: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.inner == inner)
    }
}

/// The hidden column with what the decision itself says, for a column that a review can replace.
pub(super) const fn unreviewed_name(column: Replaced) -> &'static str {
    match column {
        Replaced::HumanReviewed => "unreviewed.human_reviewed",
        Replaced::HumanDecision => "unreviewed.human_decision",
        Replaced::Overridden => "unreviewed.overridden",
        Replaced::OverrideReason => "unreviewed.override_reason",
    }
}

/// The column that a review can replace.
pub(super) const fn reviewed_name(column: Replaced) -> &'static str {
    match column {
        Replaced::HumanReviewed => column::HUMAN_REVIEWED,
        Replaced::HumanDecision => "human_decision",
        Replaced::Overridden => column::OVERRIDDEN,
        Replaced::OverrideReason => column::OVERRIDE_REASON,
    }
}

fn unreviewed_columns() -> Vec<Column> {
    let column = |reviewed, source| {
        let name = unreviewed_name(reviewed);
        Column { name, inner: name, source }
    };
    vec![
        column(Replaced::HumanReviewed, Source::Stored(column::HUMAN_REVIEWED, DataType::Boolean)),
        column(Replaced::HumanDecision, Source::Document(Document::HumanDecision)),
        column(Replaced::Overridden, Source::Stored(column::OVERRIDDEN, DataType::Boolean)),
        column(Replaced::OverrideReason, Source::Stored(column::OVERRIDE_REASON, DataType::Utf8View)),
    ]
}

/// Every table.
pub(super) static TABLES: LazyLock<Vec<Arc<Table>>> = LazyLock::new(|| {
    [
        Table::new(AI_AUDIT_LOGS, Some(Kind::Decision), ai_audit_logs()),
        Table::new("decisions", Some(Kind::Decision), decisions()),
        Table::new("entries", None, entries()),
        Table::new("reviews", Some(Kind::Review), reviews()),
        Table::new("outcomes", Some(Kind::Outcome), outcomes()),
        Table::new("notes", Some(Kind::Note), notes()),
        Table::new("erasures", Some(Kind::Erasure), erasures()),
        Table::new("holds", Some(Kind::Hold), holds()),
        Table::new("retentions", Some(Kind::Retention), retentions()),
        Table::new("accesses", Some(Kind::Access), accesses()),
        Table::new("systems", Some(Kind::System), systems()),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
});

const TEXT: DataType = DataType::Utf8View;

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn stored(name: &'static str, data_type: DataType) -> Column {
    Column { name, inner: name, source: Source::Stored(name, data_type) }
}

fn from(name: &'static str, source: Source) -> Column {
    Column { name, inner: name, source }
}

fn document(document: Document) -> Column {
    from(document.name(), Source::Document(document))
}

fn record() -> Column {
    Column { name: "record", inner: "record_json", source: Source::Record }
}

/// The seed's columns in the seed's order, then the rest of the decision.
fn ai_audit_logs() -> Vec<Column> {
    vec![
        from("event_id", Source::EventId),
        stored(column::TIMESTAMP, instant()),
        stored(column::MODEL_ID, TEXT),
        stored(column::MODEL_VERSION, TEXT),
        from("user_id", Source::User),
        stored(column::SYSTEM_ACTOR, TEXT),
        document(Document::InputFeatures),
        from("input_hash", Source::InputHash),
        document(Document::Prediction),
        stored(column::CONFIDENCE, DataType::Float64),
        document(Document::Explanation),
        from(column::HUMAN_REVIEWED, Source::Reviewed(Replaced::HumanReviewed)),
        from("human_decision", Source::Reviewed(Replaced::HumanDecision)),
        from(column::OVERRIDDEN, Source::Reviewed(Replaced::Overridden)),
        from(column::OVERRIDE_REASON, Source::Reviewed(Replaced::OverrideReason)),
        stored(column::PROCESSING_TIME_MS, DataType::Float64),
        stored(column::ENVIRONMENT, TEXT),
        stored(column::REQUEST_ID, TEXT),
        stored(column::DATA_RETENTION_DAYS, DataType::Int64),
        stored(column::CONSENT_GIVEN, DataType::Boolean),
        from("decision_id", Source::DecisionId),
        stored(column::RECORDED_AT, instant()),
        stored(column::MODEL_TYPE, TEXT),
        document(Document::AlternativePredictions),
        stored(column::SESSION_ID, TEXT),
        stored(column::DATA_RETENTION_POLICY, TEXT),
        document(Document::Metadata),
        stored(column::TIMESTAMP_SENT, TEXT),
        stored(column::LEAF_INDEX, DataType::Int64),
        from("tier", Source::Tier),
        from("latest_outcome", Source::LatestOutcome),
    ]
}

/// The decisions as they were logged: tokens, and nothing merged in that followed.
fn decisions() -> Vec<Column> {
    let mut columns = ai_audit_logs();
    columns.retain(|column| column.source != Source::LatestOutcome);
    for column in &mut columns {
        match column.source {
            Source::User => column.source = Source::Stored(column::USER_ID, TEXT),
            Source::Reviewed(Replaced::HumanReviewed) => {
                column.source = Source::Stored(column::HUMAN_REVIEWED, DataType::Boolean);
            }
            Source::Reviewed(Replaced::Overridden) => {
                column.source = Source::Stored(column::OVERRIDDEN, DataType::Boolean);
            }
            Source::Reviewed(Replaced::OverrideReason) => {
                column.source = Source::Stored(column::OVERRIDE_REASON, TEXT);
            }
            Source::Reviewed(Replaced::HumanDecision) => column.source = Source::Document(Document::HumanDecision),
            _ => {}
        }
    }
    columns
}

fn entries() -> Vec<Column> {
    vec![
        stored(column::LEAF_INDEX, DataType::Int64),
        stored(column::KIND, TEXT),
        from("event_id", Source::EventId),
        stored(column::RECORDED_AT, instant()),
        record(),
        from("tier", Source::Tier),
    ]
}

/// A table of a rare kind: what every entry has, the members given, and the record for all others.
fn other(members: &[(&'static str, DataType)]) -> Vec<Column> {
    let head = [
        stored(column::LEAF_INDEX, DataType::Int64),
        from("event_id", Source::EventId),
        stored(column::RECORDED_AT, instant()),
    ];
    let members = members.iter().map(|(name, data_type)| from(name, Source::Member(name, data_type.clone())));
    head.into_iter().chain(members).chain([record()]).collect()
}

fn with_json(mut columns: Vec<Column>, names: &[&'static str]) -> Vec<Column> {
    let at = columns.len() - 1;
    columns.splice(at..at, names.iter().map(|name| from(name, Source::JsonMember(name))));
    columns
}

/// Of what follows a decision, also where that is.
fn about_decision(mut columns: Vec<Column>) -> Vec<Column> {
    columns.push(from("decision_leaf", Source::DecisionLeaf));
    columns
}

fn reviews() -> Vec<Column> {
    let members = [
        ("decision_id", TEXT),
        ("timestamp", instant()),
        ("timestamp_sent", TEXT),
        ("reviewer", TEXT),
        ("overridden", DataType::Boolean),
        ("override_reason", TEXT),
    ];
    about_decision(with_json(other(&members), &["human_decision", "metadata"]))
}

fn outcomes() -> Vec<Column> {
    let members = [("decision_id", TEXT), ("timestamp", instant()), ("timestamp_sent", TEXT)];
    about_decision(with_json(other(&members), &["outcome", "metadata"]))
}

fn notes() -> Vec<Column> {
    let members = [("user_id", TEXT), ("decision_id", TEXT), ("actor", TEXT)];
    with_json(other(&members), &["text"])
}

fn erasures() -> Vec<Column> {
    other(&[("subject", TEXT), ("depth", TEXT), ("leaves", TEXT), ("actor", TEXT), ("reason", TEXT)])
}

fn holds() -> Vec<Column> {
    other(&[
        ("hold", TEXT),
        ("state", TEXT),
        ("case", TEXT),
        ("subject", TEXT),
        ("model_id", TEXT),
        ("since", instant()),
        ("until", instant()),
        ("leaves", TEXT),
        ("actor", TEXT),
        ("reason", TEXT),
    ])
}

fn retentions() -> Vec<Column> {
    other(&[
        ("policy", TEXT),
        ("action", TEXT),
        ("leaves", TEXT),
        ("count", DataType::Int64),
        ("cutoff", instant()),
        ("actor", TEXT),
    ])
}

fn accesses() -> Vec<Column> {
    other(&[("actor", TEXT), ("action", TEXT), ("what", TEXT), ("purpose", TEXT), ("rows", DataType::Int64)])
}

fn systems() -> Vec<Column> {
    with_json(other(&[("what", TEXT)]), &["detail"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_begins_with_the_columns_of_the_seed() {
        let seed = "event_id timestamp model_id model_version user_id system_actor input_features input_hash prediction \
                    confidence explanation human_reviewed human_decision overridden override_reason processing_time_ms \
                    environment request_id data_retention_days consent_given";
        let schema = TABLES[0].schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names[..20], seed.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn every_table_has_unique_column_names() {
        for table in TABLES.iter() {
            let schema = table.inner_schema();
            let mut names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
            names.sort();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.name);
        }
    }

    #[test]
    fn documents_are_marked_as_json() {
        let schema = TABLES[0].schema();
        assert!(is_json(schema.field_with_name("input_features").unwrap()));
        assert!(!is_json(schema.field_with_name("model_id").unwrap()));
    }
}
