//! What the California Consumer Privacy Act asks to be disclosed of a person's records (Cal. Civ. Code 1798.110, 1798.130): the
//! categories of personal information, its sources, what it is for, to whom it goes, and each field with its category.
//!
//! Categories come from `[ccpa.categories]` of the policy, by the names of members; what is inside a member has the member's. What
//! the model made of a person is an inference, whatever it is called. What has no category is named, not guessed.

use super::archive::members;
use super::person::{INFERRED, SUPPLIED};
use anyhow::Result;
use onrecord_service::Policy;
use onrecord_service::policy::Category;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Fields that are told apart; of a decision whose members are made up anew each time the rest is counted only.
const FIELDS_MAX: usize = 10_000;

/// The fields of a person's decisions, as they are met.
pub(super) struct Fields<'p> {
    policy: &'p Policy,
    fields: BTreeMap<String, Field>,
    /// Values of fields beyond the bound.
    more_values: u64,
    decisions: u64,
    /// Decisions recorded without consent.
    opted_out: u64,
    /// Whether the last decision was.
    is_opted_out: Option<bool>,
    recorded_at: Option<(String, String)>,
}

struct Field {
    category: Option<Category>,
    origin: &'static str,
    decisions: u64,
}

/// What is disclosed beside the records themselves.
#[derive(Serialize)]
pub(super) struct Disclosure<'p> {
    /// 1798.110(a)(1): each category of 1798.140(v)(1), and its fields.
    categories: Vec<OfCategory>,
    /// Fields for which the policy names no category.
    uncategorised: Vec<String>,
    /// Values of fields that are not told apart, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    more_values: u64,
    /// 1798.110(a)(2).
    sources: &'p [String],
    /// 1798.110(a)(3).
    purposes: &'p [String],
    /// 1798.110(a)(4).
    third_parties: &'p [String],
    /// 1798.120: whether the person's last decision says that they opted out; null without decisions.
    opted_out: Option<bool>,
    /// Decisions that were recorded with `consent_given: false`.
    decisions_without_consent: u64,
    decisions: u64,
    /// When the first and the last decision was recorded (RFC 3339).
    recorded_from: Option<String>,
    recorded_to: Option<String>,
    /// What the law asks for and the policy does not say.
    missing: Vec<&'static str>,
}

#[derive(Serialize)]
struct OfCategory {
    category: Category,
    law: &'static str,
    fields: Vec<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'p> Fields<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            fields: BTreeMap::new(),
            more_values: 0,
            decisions: 0,
            opted_out: 0,
            is_opted_out: None,
            recorded_at: None,
        }
    }

    /// Takes in a decision, as it is shown to the person.
    pub(super) fn add(&mut self, decision: &[u8]) -> Result<()> {
        let members = members(decision)?;
        let mut seen = BTreeSet::new();
        for (name, value) in &members {
            let (origin, category) = match name.as_str() {
                "user_id" => ("supplied", Some(Category::Identifiers)),
                // Not about the person, but what they chose.
                "consent_given" => continue,
                name if SUPPLIED.contains(&name) => ("supplied", self.policy.ccpa_category(name)),
                name if INFERRED.contains(&name) => ("inferred", Some(Category::Inferences)),
                _ => continue,
            };
            self.walk(name.clone(), &serde_json::from_str(value.get())?, category, origin, &mut seen);
        }
        self.decisions += 1;
        let consented = members.get("consent_given").is_none_or(|consent| consent.get() != "false");
        self.opted_out += u64::from(!consented);
        self.is_opted_out = Some(!consented);
        if let Some(at) = members.get("recorded_at").and_then(|at| serde_json::from_str::<String>(at.get()).ok()) {
            let first = self.recorded_at.take().map_or_else(|| at.clone(), |(first, _)| first);
            self.recorded_at = Some((first, at));
        }
        Ok(())
    }

    /// Notes each value below one, under the nearest name that has a category.
    fn walk(
        &mut self,
        path: String,
        value: &Value,
        category: Option<Category>,
        origin: &'static str,
        seen: &mut BTreeSet<String>,
    ) {
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (name, inner) in members {
                    let own = if origin == "inferred" { None } else { self.policy.ccpa_category(name) };
                    self.walk(format!("{path}.{name}"), inner, own.or(category), origin, seen);
                }
            }
            Value::Array(elements) => {
                elements.iter().for_each(|element| self.walk(path.clone(), element, category, origin, seen));
            }
            _ if !seen.insert(path.clone()) => {}
            _ if self.fields.len() >= FIELDS_MAX && !self.fields.contains_key(&path) => self.more_values += 1,
            _ => self.fields.entry(path).or_insert(Field { category, origin, decisions: 0 }).decisions += 1,
        }
    }

    /// A table: each field, its category, where the law names that, whether it was supplied or inferred, and in how many decisions it
    /// is.
    pub(super) fn write(&self, file: impl Write) -> Result<()> {
        let mut csv = csv::Writer::from_writer(file);
        csv.write_record(["field", "category", "law", "origin", "decisions"])?;
        for (path, Field { category, origin, decisions }) in &self.fields {
            let (word, law) = category.map_or(("", ""), |category| (category.as_str(), category.law()));
            csv.write_record([path, word, law, origin, &decisions.to_string()])?;
        }
        Ok(csv.flush()?)
    }

    pub(super) fn disclosure(&self) -> Disclosure<'p> {
        let ccpa = self.policy.ccpa();
        let mut categories: BTreeMap<Category, Vec<String>> = BTreeMap::new();
        let mut uncategorised = Vec::new();
        for (path, field) in &self.fields {
            match field.category {
                Some(category) => categories.entry(category).or_default().push(path.clone()),
                None => uncategorised.push(path.clone()),
            }
        }
        let said = [
            (ccpa.sources.is_empty(), "sources: name them under [ccpa] of policy.toml (1798.110(a)(2))"),
            (ccpa.purposes.is_empty(), "purposes: name them under [ccpa] of policy.toml (1798.110(a)(3))"),
            (ccpa.third_parties.is_empty(), "third_parties: name them under [ccpa] of policy.toml (1798.110(a)(4))"),
            (!uncategorised.is_empty(), "the category of some fields: name it under [ccpa.categories] (1798.140(v))"),
        ];
        let (recorded_from, recorded_to) = self.recorded_at.clone().unzip();
        let of_category = |(category, fields): (Category, _)| OfCategory { category, law: category.law(), fields };
        Disclosure {
            categories: categories.into_iter().map(of_category).collect(),
            uncategorised,
            more_values: self.more_values,
            sources: &ccpa.sources,
            purposes: &ccpa.purposes,
            third_parties: &ccpa.third_parties,
            opted_out: self.is_opted_out,
            decisions_without_consent: self.opted_out,
            decisions: self.decisions,
            recorded_from,
            recorded_to,
            missing: said.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, what)| what).collect(),
        }
    }
}

impl Disclosure<'_> {
    /// The same for people.
    pub(super) fn in_words(&self) -> String {
        let list = |lines: &[String]| match lines {
            [] => "  (the business has not said; ask it)\n".to_owned(),
            lines => lines.iter().map(|line| format!("  - {line}\n")).collect(),
        };
        let mut text = format!(
            "Personal information on the record of automated decisions about you\n\
             (California Consumer Privacy Act, Cal. Civ. Code 1798.110 and 1798.130)\n\n\
             Decisions: {}{}\n\nCategories of personal information\n",
            self.decisions,
            match (&self.recorded_from, &self.recorded_to) {
                (Some(from), Some(to)) => format!(", recorded from {from} to {to}"),
                _ => String::new(),
            }
        );
        for OfCategory { category, law, fields } in &self.categories {
            text.push_str(&format!("  - {} ({law}): {}\n", category.title(), fields.join(", ")));
        }
        if !self.uncategorised.is_empty() {
            text.push_str(&format!("  - without a category: {}\n", self.uncategorised.join(", ")));
        }
        text.push_str(&format!("\nSources\n{}", list(self.sources)));
        text.push_str(&format!("\nWhat it is collected for\n{}", list(self.purposes)));
        text.push_str(&format!("\nThird parties to whom it is disclosed\n{}", list(self.third_parties)));
        let opted_out = match self.opted_out {
            Some(true) => "you opted out, by the last decision",
            Some(false) => "you did not opt out, by the last decision",
            None => "no decision is on the record",
        };
        text.push_str(&format!(
            "\nOpt-out: {opted_out}; {} of {} decisions were recorded without consent.\n\n\
             decisions.jsonl has every decision, fields.csv each field with its category, manifest.json what each file is.\n",
            self.decisions_without_consent, self.decisions
        ));
        text
    }
}
