//! What a command prints: tables for people on a terminal, JSON, JSON lines or CSV for programs.

use crate::api::sql::Row;
use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use std::io::{self, IsTerminal, Write};

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// A table or text for people
    Table,
    /// A page that prints, where a command has one
    Html,
}

impl Format {
    /// The format asked for, else a table on a terminal and JSON for programs.
    pub(crate) fn or_default(asked: Option<Self>) -> Self {
        asked.unwrap_or(if io::stdout().is_terminal() { Self::Table } else { Self::Json })
    }
}

/// Writes one line to standard output.
pub(crate) fn line(text: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Writes bytes to standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    io::stdout().lock().write_all(bytes)?;
    Ok(())
}

/// Says something to the person at the terminal, beside the result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints an error with its causes.
pub(crate) fn print_error(error: &anyhow::Error) {
    note(&format!("onrecord: {error:#}"));
}

/// Whether `error` is only that nobody reads standard output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Rows as RFC 4180, with a header: texts as they are, documents as JSON, nothing for null.
pub(crate) fn csv(columns: &[String], rows: &[Row]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if !columns.is_empty() {
        writer.write_record(columns)?;
    }
    for row in rows {
        let cells = columns.iter().map(|column| match value(row, column) {
            "null" => String::new(),
            json => serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()),
        });
        writer.write_record(cells)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Draws rows as a table: numbers to the right, documents as JSON. Rows that are wider than the terminal are shown as
/// `name: value` lines instead, as psql's expanded display does.
pub(crate) fn table(columns: &[String], rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(value(row, column))));
    }
    match terminal_width() {
        Some(width) if width_of(&table) > width => expanded(columns, rows),
        _ => table.to_string(),
    }
}

/// Columns of the terminal; `None` where there is none, or one that does not know, which says 0.
fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from).filter(|width| *width > 0)
}

/// Columns that the table takes: two blanks and a line for each of its own, and a line.
fn width_of(table: &Table) -> usize {
    table.column_max_content_widths().iter().map(|width| usize::from(*width) + 3).sum::<usize>() + 1
}

fn expanded(columns: &[String], rows: &[Row]) -> String {
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        text.push_str(&format!("{}-[ row {} ]-\n", if at > 0 { "\n" } else { "" }, at + 1));
        for column in columns {
            text.push_str(&format!("{column}: {}\n", shown(value(row, column))));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn value<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).map_or("null", |value| value.get())
}

fn cell(json: &str) -> Cell {
    let cell = Cell::new(shown(json));
    if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        cell.set_alignment(CellAlignment::Right)
    } else {
        cell
    }
}

/// A value as it is shown, from its JSON.
fn shown(json: &str) -> String {
    match json.as_bytes() {
        b"null" => String::new(),
        [b'"', ..] => printable(&serde_json::from_str::<String>(json).unwrap_or_default()),
        _ => printable(json),
    }
}

/// Control characters would let a logged value move the cursor of whoever reads it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
