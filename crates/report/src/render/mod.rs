//! What people read: pages of HTML that need nothing else and print on A4, plain text, and tables.

mod chart;
mod confidence;
mod drivers;
mod duty;
mod explanation;
mod fairness;
mod overrides;
mod usage;
mod volume;

use crate::private::Guarantee;
use askama::Template;
pub use chart::Chart;

/// The style of every page: light and dark, on a screen and on paper.
const STYLE: &str = include_str!("../../templates/style.css");

/// A report as people read it. Its JSON is itself.
pub trait Report {
    /// What it is, and of which model.
    fn title(&self) -> String;

    /// The time that it is about.
    fn period(&self) -> (&str, &str);

    /// Decisions that it counts.
    fn decisions(&self) -> u64;

    /// Figures of all decisions, by name.
    fn facts(&self) -> Vec<(&'static str, Cell)>;

    /// Its tables; the first is what its CSV has.
    fn tables(&self) -> Vec<Table>;

    /// Its drawings.
    fn charts(&self) -> Vec<Chart> {
        Vec::new()
    }

    /// What is conspicuous.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// How to read it.
    fn notes(&self) -> Vec<String>;

    /// How private it is, if it is.
    fn privacy(&self) -> Option<&Guarantee> {
        None
    }

    /// A page of HTML: no script, nothing from elsewhere.
    fn page(&self) -> String {
        let (since, until) = self.period();
        let page = Page {
            style: STYLE,
            title: self.title(),
            subtitle: format!("{since} to {until}"),
            facts: self.facts(),
            warnings: self.warnings(),
            charts: self.charts(),
            tables: self.tables(),
            notes: self.privacy().map(private_note).into_iter().chain(self.notes()).collect(),
        };
        // Rendering into memory cannot fail.
        page.render().unwrap_or_default()
    }
}

/// The title of a report that may be about all models.
fn title_of(name: &str, model_id: Option<&str>) -> String {
    format!("{name} of {}", model_id.unwrap_or("all models"))
}

/// How figures with noise are to be read.
pub fn private_note(privacy: &Guarantee) -> String {
    format!(
        "These figures are differentially private: noise was added, ε = {}, the unit is {}, with at most {} decision(s) each. \
         They are not exact, and nothing is tested on them.",
        privacy.epsilon, privacy.unit, privacy.max_contributions
    )
}

/// The page of a report.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    title: String,
    subtitle: String,
    facts: Vec<(&'static str, Cell)>,
    warnings: Vec<String>,
    charts: Vec<Chart>,
    tables: Vec<Table>,
    notes: Vec<String>,
}

/// A table of a report.
pub struct Table {
    /// What its rows are.
    pub title: &'static str,
    /// The names of its columns, as in the JSON.
    pub columns: Vec<&'static str>,
    /// Its rows, with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing: it is not known, or cannot be estimated.
    None,
    /// A text.
    Text(String),
    /// A count.
    Count(u64),
    /// A number, and the decimals that are shown of it.
    Number(f64, usize),
    /// Yes or no.
    Truth(bool),
}

impl Cell {
    /// As it is, for programs; nothing is an empty text.
    pub fn plain(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(number, _) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }

    /// For people. A number that would be shown as nothing but zeros is shown by its magnitude.
    pub fn shown(&self) -> String {
        match self {
            Self::None => "–".to_owned(),
            Self::Number(number, decimals) => {
                let shown = format!("{number:.decimals$}");
                let is_lost = *number != 0.0 && shown.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-'));
                if is_lost { format!("{number:.1e}") } else { shown }
            }
            other => other.plain(),
        }
    }

    /// Whether it stands to the right.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Number(..) | Self::None)
    }

    /// A number, if there is one, and the decimals that are shown of it.
    pub fn number(number: Option<f64>, decimals: usize) -> Self {
        number.map_or(Self::None, |number| Self::Number(number, decimals))
    }

    /// A count, if there is one.
    pub fn count(count: Option<u64>) -> Self {
        count.map_or(Self::None, Self::Count)
    }

    /// A text, if there is one.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::None, |text| Self::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_not_shown_as_nothing() {
        assert_eq!(Cell::Number(0.000_021, 4).shown(), "2.1e-5");
        assert_eq!((Cell::Number(0.0, 4).shown(), Cell::Number(-0.05, 2).shown()), ("0.0000".into(), "-0.05".into()));
        assert_eq!((Cell::None.shown(), Cell::None.plain()), ("–".into(), String::new()));
    }
}
