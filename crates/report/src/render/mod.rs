//! What people read: pages of HTML that need nothing else and print on A4, plain text, and the cells of tables.

mod chart;
mod explanation;
mod usage;

use askama::Template;
use chart::Chart;

/// The style of every page: light and dark, on a screen and on paper.
const STYLE: &str = include_str!("../../templates/style.css");

/// The page of a report.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    title: String,
    subtitle: String,
    facts: Vec<(&'static str, String)>,
    charts: Vec<Chart>,
    table: Table,
    notes: Vec<&'static str>,
}

/// A table of a page.
struct Table {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// A number with so many decimals; a dash for none.
fn optional(number: Option<f64>, decimals: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.decimals$}"))
}
