//! SQL against a naive model: the same questions answered in Rust from the records themselves.
//!
//! Records are random: members of mixed types, missing and null members, nested documents, keys that are no column
//! names or differ only in case, decision ids that repeat, reviews before and after sealing. They lie in segments and
//! in the tail, and one engine is asked at several moments, so that what it keeps between queries is tested too.

use crate::answers::rows;
use onrecord_query::{Engine, Identity, IdentityError, QueryContext};
use onrecord_record::canonical;
use onrecord_testing::LakeFixture;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// What happens to the ledger.
#[derive(Clone, Debug)]
enum Step {
    Decide(Vec<Made>),
    Review(Vec<Judged>),
    Seal,
}

/// A decision to come.
#[derive(Clone, Debug)]
struct Made {
    input_features: Value,
    prediction: Value,
    explanation: Option<Value>,
    human_decision: Option<Value>,
    metadata: Option<Value>,
    overridden: bool,
    user: Option<u8>,
    decision_id: Option<u8>,
    confidence: Option<u8>,
}

/// A review to come, of one of the decisions there are by then.
#[derive(Clone, Debug)]
struct Judged {
    of: prop::sample::Index,
    human_decision: Option<Value>,
    overridden: bool,
    reason: Option<u8>,
}

/// What a condition on a member's text should say.
type Condition<'a> = Box<dyn Fn(Option<&str>) -> Option<bool> + 'a>;

/// A question about a member.
#[derive(Clone, Debug)]
struct Probe {
    document: &'static str,
    path: Vec<Step2>,
    constants: Vec<&'static str>,
}

#[derive(Clone, Debug)]
enum Step2 {
    Key(&'static str),
    At(i64),
}

const TEXTS: [&str; 8] = ["f", "m", "true", "5", "0.5", "", "x'y", "-3"];
const KEYS: [&str; 8] = ["gender", "amount", "nested", "list", "rows", "odd key", "GENDER", "a.b"];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        3 => (-5_i64..9).prop_map(Value::from),
        2 => prop_oneof![Just(0.5), Just(5.0), Just(1e21), Just(-3.25)].prop_map(Value::from),
        5 => prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ]
}

/// Mostly of one type, so that it becomes a column, but not always.
fn member(key: &'static str) -> BoxedStrategy<Value> {
    let usual: BoxedStrategy<Value> = match key {
        "gender" => prop::sample::select(&["f", "m", "x'y"][..]).prop_map(Value::from).boxed(),
        "amount" => (0_i64..9).prop_map(Value::from).boxed(),
        "nested" => (prop::option::of(scalar()), prop::option::of(0_i64..6))
            .prop_map(|(x, y)| {
                let mut object = Map::new();
                x.map(|x| object.insert("x".to_owned(), x));
                y.map(|y| object.insert("y".to_owned(), json!({"z": y})));
                object.into()
            })
            .boxed(),
        "list" => prop::collection::vec(0_i64..6, 0..4).prop_map(Value::from).boxed(),
        "rows" => prop::collection::vec((0_i64..6).prop_map(|k| json!({"k": k, "t": "f"})), 0..3)
            .prop_map(Value::from)
            .boxed(),
        _ => scalar().boxed(),
    };
    prop_oneof![9 => usual, 1 => scalar(), 1 => Just(json!({})), 1 => Just(json!({"x": [1, {"y": null}]}))].boxed()
}

fn document() -> impl Strategy<Value = Value> {
    let members: Vec<BoxedStrategy<Option<(String, Value)>>> = KEYS
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let share = if at < 5 { 0.8 } else { 0.2 };
            prop::option::weighted(share, member(key).prop_map(move |value| ((*key).to_owned(), value))).boxed()
        })
        .collect();
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
}

fn any_document() -> impl Strategy<Value = Value> {
    prop_oneof![6 => document(), 1 => scalar().prop_filter("no null", |value| !value.is_null()), 1 => Just(json!([1, "f", null])), 1 => Just(json!({}))]
}

fn made() -> impl Strategy<Value = Made> {
    (
        document(),
        any_document(),
        prop::option::of(document()),
        prop::option::weighted(0.3, any_document()),
        prop::option::of(document()),
        prop::bool::weighted(0.2),
        prop::option::of(0_u8..4),
        prop::option::weighted(0.4, 0_u8..6),
        prop::option::of(0_u8..10),
    )
        .prop_map(
            |(
                input_features,
                prediction,
                explanation,
                human_decision,
                metadata,
                overridden,
                user,
                decision_id,
                confidence,
            )| {
                Made {
                    input_features,
                    prediction,
                    explanation,
                    human_decision,
                    metadata,
                    overridden,
                    user,
                    decision_id,
                    confidence,
                }
            },
        )
}

fn judged() -> impl Strategy<Value = Judged> {
    (any::<prop::sample::Index>(), prop::option::of(any_document()), any::<bool>(), prop::option::of(0_u8..3))
        .prop_map(|(of, human_decision, overridden, reason)| Judged { of, human_decision, overridden, reason })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(made(), 1..40).prop_map(Step::Decide),
        2 => prop::collection::vec(judged(), 1..5).prop_map(Step::Review),
        3 => Just(Step::Seal),
    ];
    (prop::collection::vec(made(), 20..40), prop::collection::vec(step, 2..7)).prop_map(|(first, mut steps)| {
        steps.insert(0, Step::Decide(first));
        steps
    })
}

fn probe() -> impl Strategy<Value = Probe> {
    const DOCUMENTS: [&str; 5] = ["input_features", "prediction", "metadata", "human_decision", "explanation"];
    let paths: Vec<Vec<Step2>> = KEYS
        .iter()
        .map(|key| vec![Step2::Key(key)])
        .chain([
            vec![Step2::Key("nested"), Step2::Key("x")],
            vec![Step2::Key("nested"), Step2::Key("y"), Step2::Key("z")],
            vec![Step2::Key("nested"), Step2::Key("y")],
            vec![Step2::Key("list"), Step2::At(0)],
            vec![Step2::Key("list"), Step2::At(-1)],
            vec![Step2::Key("rows"), Step2::At(1), Step2::Key("k")],
            vec![Step2::Key("missing")],
            vec![Step2::At(1)],
            vec![],
        ])
        .collect();
    (prop::sample::select(&DOCUMENTS[..]), prop::sample::select(paths), prop::sample::subsequence(&TEXTS[..], 1..4))
        .prop_map(|(document, path, constants)| Probe { document, path, constants })
}

/// Every entry there is.
#[derive(Default)]
struct Model {
    entries: Vec<Value>,
}

fn event_id(leaf: usize) -> Uuid {
    Uuid::from_u128(0x0193_5a3e_0000_7000_8000_0000_0000_0000 + leaf as u128)
}

/// Tokens as the vault makes them, and one of another form.
fn token(user: u8) -> String {
    if user == 3 { format!("sub_{user:032x}") } else { format!("sub_{user:024x}") }
}

fn moment(leaf: usize) -> String {
    onrecord_record::Timestamp::from_micros(1_795_417_200_000_000 + leaf as i64 * 1_000).to_string()
}

impl Model {
    fn decide(&mut self, made: &Made) -> Vec<u8> {
        let leaf = self.entries.len();
        let id = event_id(leaf).to_string();
        let mut record = json!({
            "kind": "decision", "schema": 1, "event_id": id, "recorded_at": moment(leaf), "timestamp": moment(leaf),
            "decision_id": made.decision_id.map_or(id, |id| format!("D-{id}")),
            "model_id": if leaf.is_multiple_of(3) { "loan" } else { "card" }, "model_version": "1",
            "input_features": made.input_features, "input_hash": format!("{leaf:032x}"), "prediction": made.prediction,
            "human_reviewed": false, "overridden": made.overridden, "environment": "production", "consent_given": true,
        });
        let optional = [
            ("explanation", made.explanation.clone()),
            ("human_decision", made.human_decision.clone()),
            ("metadata", made.metadata.clone()),
            ("user_id", made.user.map(|user| token(user).into())),
            ("confidence", made.confidence.map(|tenths| json!(f64::from(tenths) / 10.0))),
            ("override_reason", made.overridden.then(|| "own".into())),
        ];
        add(&mut record, optional);
        self.push(record)
    }

    fn review(&mut self, judged: &Judged) -> Vec<u8> {
        let leaf = self.entries.len();
        let decisions = self.decisions();
        let of = judged.of.get(&decisions).1["decision_id"].clone();
        let mut record = json!({
            "kind": "review", "schema": 1, "event_id": event_id(leaf).to_string(), "recorded_at": moment(leaf),
            "timestamp": moment(leaf), "decision_id": of, "reviewer": token(9), "overridden": judged.overridden,
        });
        let reason = judged.reason.map(|reason| format!("r{reason}").into());
        add(&mut record, [("human_decision", judged.human_decision.clone()), ("override_reason", reason)]);
        self.push(record)
    }

    /// An outcome of that decision, which says what a review would have decided.
    fn outcome(&mut self, judged: &Judged) -> Vec<u8> {
        let leaf = self.entries.len();
        let of = judged.of.get(&self.decisions()).1["decision_id"].clone();
        let outcome = json!({"came": judged.overridden, "reason": judged.reason, "as": judged.human_decision});
        self.push(json!({
            "kind": "outcome", "schema": 1, "event_id": event_id(leaf).to_string(), "recorded_at": moment(leaf),
            "timestamp": moment(leaf), "decision_id": of, "outcome": outcome,
        }))
    }

    /// The leaf of the decision that an entry is about: of several with one id, of the first.
    fn decision_of(&self, entry: &Value) -> Option<usize> {
        let decisions = self.decisions();
        decisions.iter().find(|(_, decision)| decision["decision_id"] == entry["decision_id"]).map(|(leaf, _)| *leaf)
    }

    fn push(&mut self, record: Value) -> Vec<u8> {
        let bytes = canonical_text(&record).into_bytes();
        self.entries.push(record);
        bytes
    }

    fn decisions(&self) -> Vec<(usize, &Value)> {
        self.entries.iter().enumerate().filter(|(_, record)| record["kind"] == "decision").collect()
    }

    /// The decisions with their latest reviews merged in; of several with one id the first has them.
    fn merged(&self) -> Vec<(usize, Value)> {
        let decisions = self.decisions();
        let merge = |(leaf, record): (usize, &Value)| {
            let mut record = record.clone();
            let id = record["decision_id"].clone();
            if decisions.iter().find(|(_, decision)| decision["decision_id"] == id).is_some_and(|first| first.0 < leaf)
            {
                return (leaf, record);
            }
            let mut outcomes = self.entries.iter().filter(|entry| entry["kind"] == "outcome");
            let latest = outcomes.rfind(|outcome| outcome["decision_id"] == id);
            record["latest_outcome"] = latest.map_or(Value::Null, |latest| latest["outcome"].clone());
            let mut reviews = self.entries.iter().filter(|entry| entry["kind"] == "review");
            if let Some(latest) = reviews.rfind(|review| review["decision_id"] == record["decision_id"]) {
                record["human_reviewed"] = true.into();
                for member in ["human_decision", "overridden", "override_reason"] {
                    record[member] = latest[member].clone();
                }
            }
            (leaf, record)
        };
        decisions.iter().copied().map(merge).collect()
    }
}

fn add<const N: usize>(record: &mut Value, members: [(&str, Option<Value>); N]) {
    for (name, value) in members {
        if let Some(value) = value {
            record[name] = value;
        }
    }
}

fn canonical_text(value: &Value) -> String {
    let mut out = Vec::new();
    canonical::write_json(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn walk<'a>(document: &'a Value, path: &[Step2]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, step| match (value, step) {
        (Value::Object(object), Step2::Key(key)) => object.get(*key),
        (Value::Array(list), Step2::At(at)) if *at < 0 => {
            list.len().checked_sub(at.unsigned_abs() as usize).and_then(|at| list.get(at))
        }
        (Value::Array(list), Step2::At(at)) => list.get(*at as usize),
        _ => None,
    })
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(postgres_text(other)),
    }
}

/// JSON as PostgreSQL spells jsonb.
fn postgres_text(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(postgres_text).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| (name.len(), name.to_owned()));
            let member = |(name, value): (&String, &Value)| format!("{}: {}", json!(name), postgres_text(value));
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if number.as_f64() == Some(1e21) => format!("1{}", "0".repeat(21)),
        other => canonical_text(other),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Probe {
    fn sql(&self, last: &str) -> String {
        let mut sql = self.document.to_owned();
        for (at, step) in self.path.iter().enumerate() {
            let arrow = if at + 1 == self.path.len() { last } else { "->" };
            match step {
                Step2::Key(key) => sql += &format!("{arrow}{}", quoted(key)),
                Step2::At(at) => sql += &format!("{arrow} {at}"),
            }
        }
        if self.path.is_empty() {
            sql += if last == "->" { "#>'{}'" } else { "#>>'{}'" };
        }
        format!("({sql})")
    }

    /// Conditions on the text of the member, with what they should say.
    fn conditions(&self) -> Vec<(String, Condition<'_>)> {
        let member = self.sql("->>");
        let first = self.constants[0];
        let list = self.constants.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        let constant = quoted(first);
        vec![
            (format!("{member} = {constant}"), Box::new(move |text| text.map(|text| text == first))),
            (format!("{member} <> {constant}"), Box::new(move |text| text.map(|text| text != first))),
            (format!("NOT ({member} = {constant})"), Box::new(move |text| text.map(|text| text != first))),
            (format!("{member} IN ({list})"), Box::new(|text| text.map(|text| self.constants.contains(&text)))),
            (format!("{member} NOT IN ({list})"), Box::new(|text| text.map(|text| !self.constants.contains(&text)))),
            (format!("{member} < {constant}"), Box::new(move |text| text.map(|text| text < first))),
            (format!("{constant} >= {member}"), Box::new(move |text| text.map(|text| first >= text))),
            (format!("{member} IS NULL"), Box::new(|text| Some(text.is_none()))),
            (format!("{member} IS NOT NULL"), Box::new(|text| Some(text.is_some()))),
            (
                format!("TRY_CAST({member} AS DOUBLE) > 1.5"),
                Box::new(|text| text?.parse::<f64>().ok().map(|n| n > 1.5)),
            ),
            (format!("TRY_CAST({member} AS BIGINT) = 5"), Box::new(|text| text?.parse::<i64>().ok().map(|n| n == 5))),
            (format!("TRY_CAST({member} AS NUMERIC) < 3"), Box::new(|text| text?.parse::<f64>().ok().map(|n| n < 3.0))),
            (
                format!("TRY_CAST({member} AS BOOLEAN)"),
                Box::new(|text| text.map(|text| ["true", "t", "yes", "y", "on", "1"].contains(&text))),
            ),
            (format!("{member} LIKE '%e%'"), Box::new(|text| text.map(|text| text.contains('e')))),
        ]
    }
}

struct Users;

/// Users 0, 1 and 2 are known, user 3 was erased.
impl Identity for Users {
    fn token_of(&self, user_id: &str) -> Result<Option<String>, IdentityError> {
        Ok((0..3).find(|user| user_id == format!("user{user}")).map(token))
    }

    fn user_of(&self, tokens: &[&str]) -> Vec<Option<String>> {
        tokens
            .iter()
            .map(|asked| (0..3).find(|user| *asked == token(*user)).map(|user| format!("user{user}")))
            .collect()
    }
}

fn shown(record: &Value) -> Option<String> {
    let token = record["user_id"].as_str()?;
    Some(Users.user_of(&[token])[0].clone().unwrap_or_else(|| token.to_owned()))
}

struct Asked<'a> {
    engine: &'a Engine,
    house: &'a LakeFixture,
    model: &'a Model,
}

impl Asked<'_> {
    fn rows(&self, sql: &str) -> Vec<Value> {
        rows(self.engine, self.house, sql, &QueryContext { identity: Some(Arc::new(Users)), ..QueryContext::default() })
    }

    fn leaves(&self, sql: &str) -> BTreeSet<u64> {
        self.rows(sql).iter().map(|row| row["leaf_index"].as_u64().unwrap()).collect()
    }

    fn check_leaves(&self, table: &str, condition: &str, expected: impl Iterator<Item = usize>) {
        let sql = format!("SELECT leaf_index FROM {table} WHERE {condition}");
        assert_eq!(self.leaves(&sql), expected.map(|leaf| leaf as u64).collect(), "{sql}");
    }

    /// Everything that is stored comes out as it went in.
    fn check_whole(&self) {
        let entries = self.rows("SELECT leaf_index, kind, event_id, record FROM entries ORDER BY leaf_index");
        assert_eq!(entries.len(), self.model.entries.len());
        for (row, record) in entries.iter().zip(&self.model.entries) {
            assert_eq!((&row["kind"], &row["event_id"]), (&record["kind"], &record["event_id"]));
            assert_eq!(canonical_text(&row["record"]), canonical_text(record));
        }
        let decisions = self.rows("SELECT * FROM decisions ORDER BY leaf_index");
        for (row, (_, record)) in decisions.iter().zip(self.model.decisions()) {
            for name in [
                "input_features",
                "prediction",
                "explanation",
                "human_decision",
                "metadata",
                "decision_id",
                "timestamp",
                "confidence",
                "overridden",
                "override_reason",
                "user_id",
                "input_hash",
                "model_id",
            ] {
                assert_eq!(canonical_text(&row[name]), canonical_text(&record[name]), "{name}");
            }
        }
        let count = self.rows("SELECT COUNT(*) AS n, COUNT(confidence) AS c FROM decisions");
        let confident = self.model.decisions().iter().filter(|(_, record)| record.get("confidence").is_some()).count();
        assert_eq!(count, [json!({"n": self.model.decisions().len(), "c": confident})]);
    }

    fn check_probe(&self, probe: &Probe) {
        let decisions = self.model.merged();
        let (as_text, as_json) = (probe.sql("->>"), probe.sql("->"));
        let sql =
            format!("SELECT leaf_index, {as_text} AS t, ({as_json})::text AS j FROM ai_audit_logs ORDER BY leaf_index");
        let found = self.rows(&sql);
        assert_eq!(found.len(), decisions.len());
        for (row, (leaf, record)) in found.iter().zip(&decisions) {
            let value = record
                .get(probe.document)
                .filter(|document| !(document.is_null()))
                .and_then(|document| walk(document, &probe.path));
            assert_eq!(row["t"], json!(text(value)), "{sql}, leaf {leaf}");
            assert_eq!(row["j"], json!(value.map(postgres_text)), "{sql}, leaf {leaf}");
        }
        for (condition, holds) in probe.conditions() {
            let expected = decisions.iter().filter(|(_, record)| {
                let document = record.get(probe.document).filter(|document| !document.is_null());
                holds(text(document.and_then(|document| walk(document, &probe.path))).as_deref()) == Some(true)
            });
            self.check_leaves("ai_audit_logs", &condition, expected.map(|(leaf, _)| *leaf));
        }
    }

    fn check_groups(&self, probe: &Probe) {
        let member = probe.sql("->>");
        let sql = format!("SELECT {member} AS t, COUNT(*) AS n FROM decisions GROUP BY {member} ORDER BY t");
        let mut expected = std::collections::BTreeMap::<Option<String>, u64>::new();
        for (_, record) in self.model.decisions() {
            let value = record.get(probe.document).and_then(|document| walk(document, &probe.path));
            *expected.entry(text(value)).or_default() += 1;
        }
        let nulls = expected.remove(&None);
        let mut expected: Vec<Value> = expected.into_iter().map(|(t, n)| json!({"t": t, "n": n})).collect();
        expected.extend(nulls.map(|n| json!({"t": null, "n": n})));
        assert_eq!(self.rows(&sql), expected, "{sql}");
    }

    fn check_reviews(&self) {
        let merged = self.model.merged();
        let found = self.rows(
            "SELECT leaf_index, human_reviewed, human_decision, overridden, override_reason, latest_outcome \
             FROM ai_audit_logs ORDER BY leaf_index",
        );
        for (row, (leaf, record)) in found.iter().zip(&merged) {
            for name in ["human_reviewed", "human_decision", "overridden", "override_reason", "latest_outcome"] {
                assert_eq!(canonical_text(&row[name]), canonical_text(&record[name]), "{name} of leaf {leaf}");
            }
        }
        for kind in ["review", "outcome"] {
            let found = self.rows(&format!("SELECT leaf_index, decision_leaf FROM {kind}s ORDER BY leaf_index"));
            let of_kind = self.model.entries.iter().enumerate().filter(|(_, entry)| entry["kind"] == kind);
            let expected = of_kind
                .map(|(leaf, entry)| json!({"leaf_index": leaf, "decision_leaf": self.model.decision_of(entry)}));
            assert_eq!(found, expected.collect::<Vec<_>>(), "{kind}s");
        }
        let among =
            |holds: fn(&Value) -> bool| merged.iter().filter(move |(_, record)| holds(record)).map(|(leaf, _)| *leaf);
        self.check_leaves("ai_audit_logs", "overridden = TRUE", among(|record| record["overridden"] == true));
        self.check_leaves("ai_audit_logs", "NOT overridden", among(|record| record["overridden"] == false));
        self.check_leaves("ai_audit_logs", "human_reviewed", among(|record| record["human_reviewed"] == true));
        self.check_leaves("ai_audit_logs", "override_reason = 'r1'", among(|record| record["override_reason"] == "r1"));
        self.check_leaves(
            "ai_audit_logs",
            "override_reason IS NULL",
            among(|record| record["override_reason"].is_null()),
        );
        self.check_leaves(
            "ai_audit_logs",
            "human_decision IS NOT NULL",
            among(|record| !record["human_decision"].is_null()),
        );
        self.check_leaves(
            "ai_audit_logs",
            "overridden AND model_id = 'loan'",
            among(|record| record["overridden"] == true && record["model_id"] == "loan"),
        );
        self.check_leaves(
            "ai_audit_logs",
            "latest_outcome->>'came' = 'true'",
            among(|record| record["latest_outcome"]["came"] == true),
        );
        self.check_leaves(
            "ai_audit_logs",
            "latest_outcome->>'reason' IS NULL AND latest_outcome IS NOT NULL",
            among(|record| !record["latest_outcome"].is_null() && record["latest_outcome"]["reason"].is_null()),
        );
        let reviews = self.rows("SELECT decision_id, overridden, human_decision, override_reason, reviewer FROM reviews ORDER BY leaf_index");
        let stored = self.model.entries.iter().filter(|entry| entry["kind"] == "review");
        for (row, record) in reviews.iter().zip(stored) {
            for name in ["decision_id", "overridden", "human_decision", "override_reason", "reviewer"] {
                assert_eq!(canonical_text(&row[name]), canonical_text(&record[name]), "{name}");
            }
        }
    }

    fn check_ids(&self, at: &prop::sample::Index) {
        let decisions = self.model.decisions();
        let (leaf, record) = *at.get(&decisions);
        let id = record["event_id"].as_str().unwrap();
        self.check_leaves("decisions", &format!("event_id = '{id}'"), [leaf].into_iter());
        self.check_leaves("decisions", &format!("event_id = '{}'", id.to_uppercase()), [leaf].into_iter());
        self.check_leaves(
            "decisions",
            &format!("event_id >= '{id}'"),
            decisions.iter().map(|(leaf, _)| *leaf).filter(|other| *other >= leaf),
        );
        self.check_leaves("decisions", "event_id = 'no id'", std::iter::empty());
        self.check_leaves(
            "decisions",
            &format!("event_id NOT IN ('{id}', 'no id')"),
            decisions.iter().map(|(leaf, _)| *leaf).filter(|other| *other != leaf),
        );
        self.check_leaves(
            "decisions",
            &format!("input_hash = '{}'", record["input_hash"].as_str().unwrap()),
            [leaf].into_iter(),
        );
        let decision_id = record["decision_id"].as_str().unwrap();
        let same = |other: &&(usize, &Value)| other.1["decision_id"] == decision_id;
        self.check_leaves(
            "decisions",
            &format!("decision_id = '{decision_id}'"),
            decisions.iter().filter(same).map(|(leaf, _)| *leaf),
        );
        self.check_leaves(
            "decisions",
            &format!("decision_id <> '{decision_id}'"),
            decisions.iter().filter(|other| !same(other)).map(|(leaf, _)| *leaf),
        );
        self.check_leaves(
            "decisions",
            &format!("NOT (decision_id IN ('{decision_id}', 'D-1'))"),
            decisions.iter().filter(|other| !same(other) && other.1["decision_id"] != "D-1").map(|(leaf, _)| *leaf),
        );
        self.check_leaves(
            "ai_audit_logs",
            &format!("decision_id LIKE '{}%'", &decision_id[..3]),
            decisions
                .iter()
                .filter(|other| other.1["decision_id"].as_str().unwrap().starts_with(&decision_id[..3]))
                .map(|(leaf, _)| *leaf),
        );
    }

    fn check_users(&self) {
        let users: Vec<(usize, Option<String>)> =
            self.model.decisions().iter().map(|(leaf, record)| (*leaf, shown(record))).collect();
        let found = self.rows("SELECT user_id FROM ai_audit_logs ORDER BY leaf_index");
        assert_eq!(found, users.iter().map(|(_, user)| json!({"user_id": user})).collect::<Vec<_>>());
        let erased = token(3);
        let known = token(0);
        for (condition, holds) in [
            ("user_id = 'user1'".to_owned(), Box::new(|user: &str| user == "user1") as Box<dyn Fn(&str) -> bool>),
            ("user_id <> 'user1'".to_owned(), Box::new(|user: &str| user != "user1")),
            ("NOT (user_id = 'nobody')".to_owned(), Box::new(|_: &str| true)),
            (
                format!("user_id IN ('user0', '{erased}', 'nobody')"),
                Box::new(|user: &str| user == "user0" || user == token(3)),
            ),
            (format!("user_id = '{known}'"), Box::new(|_: &str| false)),
            ("user_id LIKE 'user%'".to_owned(), Box::new(|user: &str| user.starts_with("user"))),
        ] {
            let expected = users.iter().filter(|(_, user)| user.as_deref().is_some_and(&holds)).map(|(leaf, _)| *leaf);
            self.check_leaves("ai_audit_logs", &condition, expected);
        }
        // Who is not entitled sees tokens, and finds nobody by name.
        let plain = |sql| rows(self.engine, self.house, sql, &QueryContext::default());
        assert_eq!(plain("SELECT leaf_index FROM ai_audit_logs WHERE user_id = 'user1'"), Vec::<Value>::new());
        let tokens: Vec<Value> =
            self.model.decisions().iter().map(|(_, record)| json!({"user_id": record["user_id"]})).collect();
        assert_eq!(plain("SELECT user_id FROM ai_audit_logs ORDER BY leaf_index"), tokens);
    }

    fn check_order(&self) {
        let mut by_confidence: Vec<(usize, f64)> = self
            .model
            .decisions()
            .iter()
            .filter_map(|(leaf, record)| Some((*leaf, record.get("confidence")?.as_f64()?)))
            .collect();
        by_confidence.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        let expected: Vec<Value> = by_confidence.iter().take(7).map(|(leaf, _)| json!({"leaf_index": leaf})).collect();
        assert_eq!(self.rows("SELECT leaf_index FROM ai_audit_logs WHERE confidence IS NOT NULL ORDER BY confidence DESC, leaf_index LIMIT 7"), expected);
        let last: Vec<Value> = self
            .model
            .merged()
            .iter()
            .rev()
            .take(5)
            .map(|(leaf, record)| json!({"leaf_index": leaf, "overridden": record["overridden"]}))
            .collect();
        assert_eq!(self.rows("SELECT leaf_index, overridden FROM ai_audit_logs ORDER BY timestamp DESC LIMIT 5"), last);
        let sql = "SELECT leaf_index, input_features, human_decision, overridden, user_id FROM ai_audit_logs \
                   WHERE overridden ORDER BY model_id DESC, leaf_index DESC LIMIT 9 OFFSET 1";
        let mut merged_by: Vec<(usize, Value)> = self.model.merged();
        merged_by.retain(|(_, record)| record["overridden"] == true);
        merged_by
            .sort_by(|left, right| (right.1["model_id"].as_str(), right.0).cmp(&(left.1["model_id"].as_str(), left.0)));
        let found = self.rows(sql);
        let expected: Vec<_> = merged_by.iter().skip(1).take(9).collect();
        assert_eq!(found.len(), expected.len());
        for (row, (leaf, record)) in found.iter().zip(expected) {
            assert_eq!((&row["leaf_index"], &row["user_id"]), (&json!(leaf), &json!(shown(record))));
            for name in ["input_features", "human_decision", "overridden"] {
                assert_eq!(canonical_text(&row[name]), canonical_text(&record[name]), "{name} of leaf {leaf}");
            }
        }
    }
}

fn run(steps: &[Step], probes: &[Probe], at: &prop::sample::Index) {
    // Narrow columns in memory: none, some, all.
    let resident_bytes_max = [0, 10_000, 64 << 20][at.index(3)];
    let engine = Engine::new(2, resident_bytes_max).unwrap();
    let house = LakeFixture::new(1_000_000);
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        let first = model.entries.len();
        let records: Vec<Vec<u8>> = match step {
            Step::Decide(made) => made.iter().map(|made| model.decide(made)).collect(),
            Step::Review(judged) => {
                judged.iter().flat_map(|judged| [model.review(judged), model.outcome(judged)]).collect()
            }
            Step::Seal => Vec::new(),
        };
        if records.is_empty() {
            if house.lake().sealed_end().0 < first as u64 {
                house.seal();
            }
            continue;
        }
        house.append((first..).zip(records).map(|(leaf, record)| (*event_id(leaf).as_bytes(), record)));
        let asked = Asked { engine: &engine, house: &house, model: &model };
        asked.check_reviews();
        if number + 2 >= steps.len() {
            asked.check_whole();
        }
    }
    let asked = Asked { engine: &engine, house: &house, model: &model };
    asked.check_whole();
    asked.check_reviews();
    asked.check_ids(at);
    asked.check_users();
    asked.check_order();
    for probe in probes {
        asked.check_probe(probe);
        asked.check_groups(probe);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn sql_answers_as_the_records_do(
        steps in steps(),
        probes in prop::collection::vec(probe(), 6),
        at in any::<prop::sample::Index>(),
    ) {
        run(&steps, &probes, &at);
    }
}
