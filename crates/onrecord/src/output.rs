//! What a command prints: tables for people on a terminal, JSON, JSON lines or CSV for programs.

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
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
    /// A table for people
    Table,
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

/// A row as it was answered. Its values stay text: a number parsed and printed again could be another one.
pub(crate) type Row = BTreeMap<String, Box<RawValue>>;

/// Draws rows as a table: numbers to the right, documents as JSON.
pub(crate) fn table(columns: &[String], rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns);
    for row in rows {
        table.add_row(
            columns.iter().map(|column| row.get(column).map_or_else(|| Cell::new(""), |value| cell(value.get()))),
        );
    }
    table.to_string()
}

/// A value as it is shown, from its JSON.
fn cell(json: &str) -> Cell {
    match json.as_bytes() {
        b"null" => Cell::new(""),
        [b'"', ..] => Cell::new(printable(&serde_json::from_str::<String>(json).unwrap_or_default())),
        [b'-' | b'0'..=b'9', ..] => Cell::new(json).set_alignment(CellAlignment::Right),
        _ => Cell::new(printable(json)),
    }
}

/// Control characters would let a logged value move the cursor of whoever reads it.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
