//! CSV with a header line, each row through a mapping.

mod quote;

use super::cell::Cell;
use super::chunk::Chunk;
use super::mapping::{Mapping, Source};
use super::row::BadCell;
use super::source::{Opened, Reading, open};
use anyhow::{Result, anyhow, bail};
use csv::{ByteRecord, ReaderBuilder};
use onrecord_service::detector::Detector;
use quote::QuoteWatch;
use std::collections::HashSet;
use std::sync::atomic::Ordering;

pub(super) fn read(reading: &Reading<'_>, send: &mut dyn FnMut(Chunk) -> bool) -> Result<()> {
    let Some(mapping) = reading.mapping else { bail!("CSV needs a mapping from its columns: --mapping FILE") };
    let delimiter = match mapping.delimiter {
        None => b',',
        Some(char) => u8::try_from(char)
            .ok()
            .filter(u8::is_ascii)
            .ok_or_else(|| anyhow::anyhow!("the delimiter must be ASCII"))?,
    };
    let Opened { reader, position } = open(reading.path)?;
    let mut rows =
        ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(QuoteWatch::new(reader, delimiter));
    let columns = columns(&mut rows)?;
    let template = mapping.template(Some(&columns)).map_err(|error| match mapping.missing(&columns) {
        Some(_) => anyhow!("{error}; {}", header_as_read(&columns, delimiter, mapping)),
        None => error,
    })?;
    let nulls = mapping.nulls();
    let mut chunk = Chunk::new(1, reading.keep_originals);
    let (mut row, mut original) = (ByteRecord::new(), Vec::new());
    while rows.read_byte_record(&mut row)? {
        if let Some(line) = rows.get_ref().ended_in_quote_of() {
            bail!("the quote that opens on line {line} is never closed: all that follows it would be one cell");
        }
        if reading.keep_originals {
            original.clear();
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(&mut original);
            writer.write_byte_record(&row)?;
            writer.flush()?;
        }
        chunk.push(&original, |out| {
            check(&row, columns.len())?;
            template.write(&|source| cell(&row, source, &nulls), out)
        });
        if !chunk.send_if_full(position.load(Ordering::Relaxed), send) {
            return Ok(());
        }
    }
    chunk.position = position.load(Ordering::Relaxed);
    send(chunk);
    Ok(())
}

fn columns(rows: &mut csv::Reader<impl std::io::Read>) -> Result<Vec<String>> {
    let header = rows.headers()?;
    let columns: Vec<String> =
        header.iter().map(|name| name.trim().trim_start_matches('\u{feff}').to_owned()).collect();
    let mut seen = HashSet::new();
    for (at, name) in columns.iter().enumerate() {
        if name.is_empty() {
            bail!("column {} has no name in the header line", at + 1);
        }
        if !seen.insert(name) {
            bail!("two columns are named `{name}` in the header line");
        }
    }
    Ok(columns)
}

/// Separators that are tried where the header does not fit the mapping.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Characters of a header that are shown.
const HEADER_CHARS_SHOWN: usize = 200;

/// What the header was read as, and which separator would fit. A file without a header begins with a person's data, so
/// that what looks like it is masked.
fn header_as_read(columns: &[String], delimiter: u8, mapping: &Mapping) -> String {
    let header = columns.join(&char::from(delimiter).to_string());
    let fits = |separator: &u8| {
        let names = ReaderBuilder::new().has_headers(false).delimiter(*separator).from_reader(header.as_bytes());
        let names = names.into_records().next().and_then(std::result::Result::ok).unwrap_or_default();
        let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
        mapping.missing(&names).is_none()
    };
    let fitting = SEPARATORS.iter().filter(|separator| **separator != delimiter).find(|separator| fits(separator));
    let mut masked = String::new();
    let shown = if Detector::default().mask(&header, &mut masked) { masked } else { header.clone() };
    let shown: String = shown.chars().take(HEADER_CHARS_SHOWN).collect();
    let advice = fitting.map_or(String::new(), |separator| {
        format!("; with delimiter = {:?} in the mapping it would fit", char::from(*separator).to_string())
    });
    let (count, plural) = (columns.len(), if columns.len() == 1 { "" } else { "s" });
    let delimiter = char::from(delimiter).to_string();
    format!("with the delimiter {delimiter:?} the header has {count} column{plural}: {shown:?}{advice}")
}

fn check(row: &ByteRecord, columns: usize) -> Result<(), BadCell> {
    let whole_row = |problem| BadCell { column: "(row)".to_owned(), problem };
    if row.len() != columns {
        return Err(whole_row("it has more or fewer cells than the header line"));
    }
    if row.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
        return Err(whole_row("it is not UTF-8"));
    }
    Ok(())
}

fn cell<'r>(row: &'r ByteRecord, source: &Source, nulls: &HashSet<String>) -> Cell<'r> {
    let text = source.index.and_then(|index| row.get(index)).and_then(|bytes| std::str::from_utf8(bytes).ok());
    match text {
        Some(text) if !nulls.contains(text) => Cell::Text(text),
        _ => Cell::Absent,
    }
}
