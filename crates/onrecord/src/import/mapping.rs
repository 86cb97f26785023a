//! The mapping file: how one row of a table becomes one decision. `examples/mortgages/README.md` specifies the format.
//!
//! Reading it checks everything that can be known without the data: unknown keys, a record field set twice, a value
//! that is also the parent of another. What comes out is a [`Template`] bound to the file's columns.

use super::cell::Type;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
    /// Apache Parquet
    Parquet,
}

/// The mapping file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    pub(super) format: Option<Kind>,
    #[serde(default = "empty_text")]
    pub(super) null: Vec<String>,
    pub(super) delimiter: Option<char>,
    #[serde(default)]
    constants: BTreeMap<String, Value>,
    #[serde(default)]
    fields: BTreeMap<String, Field>,
    #[serde(default)]
    rest: Rest,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Field {
    Column(String),
    Detailed(Detailed),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detailed {
    column: String,
    #[serde(rename = "type")]
    cell_type: Option<Type>,
    values: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    #[serde(default = "input_features")]
    into: String,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default)]
    types: BTreeMap<String, Type>,
}

impl Default for Rest {
    fn default() -> Self {
        Self { into: input_features(), drop: Vec::new(), types: BTreeMap::new() }
    }
}

fn empty_text() -> Vec<String> {
    vec![String::new()]
}

fn input_features() -> String {
    "input_features".to_owned()
}

/// The record to be, as a tree of members in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Template {
    pub(super) members: Vec<(String, Part)>,
}

/// What a member of the template is made from.
#[derive(Debug)]
pub(super) enum Part {
    Constant(String),
    Column(Source),
    Object { template: Template, always: bool },
}

/// One column and how its cells become JSON.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) column: String,
    pub(super) index: Option<usize>,
    pub(super) convert: Convert,
}

/// How a cell becomes a JSON value.
#[derive(Debug, Clone)]
pub(super) enum Convert {
    ByContent,
    Typed(Type),
    Values(BTreeMap<String, String>),
}

/// Fields of the record whose type is fixed, where a column needs no `type`.
const TYPED_FIELDS: [(&str, Type); 9] = [
    ("confidence", Type::Number),
    ("consent_given", Type::Boolean),
    ("data_retention_days", Type::Number),
    ("human_reviewed", Type::Boolean),
    ("overridden", Type::Boolean),
    ("processing_time_ms", Type::Number),
    ("timestamp", Type::Timestamp),
    ("alternative_predictions", Type::Json),
    ("explanation.top_features", Type::Json),
];

const DOCUMENTS: [&str; 6] =
    ["alternative_predictions", "explanation", "human_decision", "input_features", "metadata", "prediction"];

impl Mapping {
    /// Reads the mapping at `path`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mapping: Self = toml::from_str(&text).with_context(|| format!("{} is not a mapping", path.display()))?;
        mapping.template(None).with_context(|| format!("{} contradicts itself", path.display()))?;
        Ok(mapping)
    }

    /// The texts that mean "absent".
    pub(super) fn nulls(&self) -> HashSet<String> {
        self.null.iter().cloned().collect()
    }

    /// The template for a file with `columns`. A column that the mapping names must be among them.
    pub(super) fn template(&self, columns: Option<&[String]>) -> Result<Template> {
        if let Some(columns) = columns {
            self.check_columns(columns)?;
        }
        self.template_of_line(columns.unwrap_or_default())
    }

    /// The template for a line with the members `columns`, where a column that the mapping names may be missing.
    pub(super) fn template_of_line(&self, columns: &[String]) -> Result<Template> {
        let mut template = Template::default();
        for (path, value) in &self.constants {
            template.put(path, Part::Constant(value.to_string()))?;
        }
        for (path, field) in &self.fields {
            template.put(path, Part::Column(field.source(path, columns)))?;
        }
        self.rest.put(&mut template, columns, &self.named())?;
        Ok(template)
    }

    fn check_columns(&self, columns: &[String]) -> Result<()> {
        match self.missing(columns) {
            Some(missing) => bail!("the mapping names the column `{missing}`, which the file does not have"),
            None => Ok(()),
        }
    }

    /// A column that the mapping names and that is not among `columns`.
    pub(super) fn missing(&self, columns: &[String]) -> Option<&str> {
        let rest = self.rest.drop.iter().chain(self.rest.types.keys()).map(String::as_str).filter(|name| *name != "*");
        self.named().into_iter().chain(rest).find(|name| !columns.iter().any(|column| column == name))
    }

    fn named(&self) -> HashSet<&str> {
        self.fields.values().map(Field::column).collect()
    }
}

impl Field {
    fn column(&self) -> &str {
        match self {
            Self::Column(column) => column,
            Self::Detailed(detailed) => &detailed.column,
        }
    }

    fn source(&self, path: &str, columns: &[String]) -> Source {
        let convert = match self {
            Self::Detailed(Detailed { values: Some(values), .. }) => {
                Convert::Values(values.iter().map(|(text, value)| (text.clone(), value.to_string())).collect())
            }
            Self::Detailed(Detailed { cell_type: Some(cell_type), .. }) => Convert::Typed(*cell_type),
            _ => natural(path),
        };
        let index = columns.iter().position(|column| column == self.column());
        Source { column: self.column().to_owned(), index, convert }
    }
}

/// How a column without a type becomes the record field `path`.
fn natural(path: &str) -> Convert {
    if let Some((_, fixed)) = TYPED_FIELDS.iter().find(|(field, _)| *field == path) {
        return Convert::Typed(*fixed);
    }
    let document = path.split('.').next().unwrap_or(path);
    if DOCUMENTS.contains(&document) { Convert::ByContent } else { Convert::Typed(Type::String) }
}

impl Rest {
    fn takes(&self, column: &str, named: &HashSet<&str>) -> bool {
        !named.contains(column) && !self.drop.iter().any(|drop| drop == "*" || drop == column)
    }

    fn put(&self, template: &mut Template, columns: &[String], named: &HashSet<&str>) -> Result<()> {
        let into = template.object(&self.into)?;
        for (index, column) in columns.iter().enumerate().filter(|(_, column)| self.takes(column, named)) {
            let convert = self.types.get(column).map_or(Convert::ByContent, |fixed| Convert::Typed(*fixed));
            let source = Source { column: column.clone(), index: Some(index), convert };
            into.put_member(column, Part::Column(source), &self.into)?;
        }
        Ok(())
    }
}

impl Template {
    /// Sets the record field at the dotted `path`.
    fn put(&mut self, path: &str, part: Part) -> Result<()> {
        match path.rsplit_once('.') {
            None => self.put_member(path, part, path),
            Some((parent, member)) => self.object(parent)?.put_member(member, part, path),
        }
    }

    fn put_member(&mut self, member: &str, part: Part, path: &str) -> Result<()> {
        if self.members.iter().any(|(name, _)| name == member) {
            bail!("the record field `{path}` is set twice (`{member}`)");
        }
        self.members.push((member.to_owned(), part));
        Ok(())
    }

    /// The object at the dotted `path`, made where it is missing.
    fn object(&mut self, path: &str) -> Result<&mut Self> {
        let mut template = self;
        for (depth, name) in path.split('.').enumerate() {
            let at = match template.members.iter().position(|(member, _)| member == name) {
                Some(at) => at,
                None => {
                    // An input without a single value is still an input.
                    let always = depth == 0 && name == "input_features";
                    template.members.push((name.to_owned(), Part::Object { template: Self::default(), always }));
                    template.members.len() - 1
                }
            };
            template = match &mut template.members[at].1 {
                Part::Object { template, .. } => template,
                _ => bail!("the record field `{name}` in `{path}` is both a value and the parent of another"),
            };
        }
        Ok(template)
    }
}
