//! JSON lines: as they are, when they are records already, or each object through a mapping.

use super::cell::Cell;
use super::chunk::Chunk;
use super::mapping::{Mapping, Source, Template};
use super::row::BadCell;
use super::source::{Opened, Reading, open};
use anyhow::Result;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, Read};

/// A line longer than this cannot be a record, and is not read into memory.
const LINE_BYTES_MAX: usize = onrecord_record::limit::SENT_BYTES_MAX;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) fn read(reading: &Reading<'_>, send: &mut dyn FnMut(Chunk) -> bool) -> Result<()> {
    let mut opened = open(reading.path)?;
    let mut lines = Lines::new(reading.mapping);
    let mut chunk = Chunk::new(1, reading.keep_originals);
    let mut line = Vec::new();
    let mut is_first = true;
    while next_line(&mut opened, &mut line)? {
        // Some editors and exports begin a file with a byte order mark (RFC 8259 §8.1 lets it be skipped).
        if std::mem::take(&mut is_first) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.len() > LINE_BYTES_MAX {
            let problem =
                "the line is over 64 MiB, and no record is that large (it is not copied when bad rows are put aside)";
            chunk.push(&[], |_| Err(BadCell { column: "(line)".to_owned(), problem }));
        } else {
            chunk.push(&line, |out| lines.write(&line, out));
        }
        if !chunk.send_if_full(opened.position(), send) {
            return Ok(());
        }
    }
    chunk.position = opened.position();
    send(chunk);
    Ok(())
}

/// Reads the next line; of one that is too long, a little more than what is allowed, and skips its end.
fn next_line(opened: &mut Opened, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let bound = LINE_BYTES_MAX as u64 + 1;
    let read = opened.reader.by_ref().take(bound).read_until(b'\n', line)?;
    if line.len() > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        opened.reader.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// What becomes of a line.
pub(super) enum Lines<'m> {
    /// It is a record already.
    Records,
    /// It goes through the mapping. The templates are kept by the members that lines have: most have the same.
    Mapped { mapping: &'m Mapping, nulls: HashSet<String>, templates: HashMap<Vec<String>, Template> },
}

/// Different sets of members that are remembered; lines with yet others are planned anew each time.
const TEMPLATES_MAX: usize = 256;

impl<'m> Lines<'m> {
    pub(super) fn new(mapping: Option<&'m Mapping>) -> Self {
        match mapping {
            None => Self::Records,
            Some(mapping) => Self::Mapped { mapping, nulls: mapping.nulls(), templates: HashMap::new() },
        }
    }

    pub(super) fn write(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), BadCell> {
        let line = line.trim_ascii();
        let Self::Mapped { mapping, nulls, templates } = self else {
            out.extend(line);
            return Ok(());
        };
        if line.is_empty() {
            return Ok(());
        }
        let bad_line = |problem| BadCell { column: "(line)".to_owned(), problem };
        let members: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_slice(line).map_err(|_| bad_line("not a JSON object"))?;
        let names: Vec<String> = members.keys().map(|name| name.clone().into_owned()).collect();
        let cells = members.values().map(|raw| Text::of(raw)).collect::<Vec<_>>();
        let cell = |source: &Source| match source.index {
            Some(index) => cells[index].cell(nulls),
            None => Cell::Absent,
        };
        if !templates.contains_key(&names) {
            if templates.len() == TEMPLATES_MAX {
                templates.clear();
            }
            let template = mapping.template_of_line(&names).map_err(|_| bad_line("it contradicts the mapping"))?;
            templates.insert(names.clone(), template);
        }
        templates[&names].write(&cell, out)
    }
}

/// A member's value: a text to be typed, or JSON.
enum Text<'a> {
    Text(Cow<'a, str>),
    Json(&'a str),
}

impl<'a> Text<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let json = raw.get();
        if json.starts_with('"') {
            if let Ok(text) = serde_json::from_str::<&str>(json) {
                return Self::Text(Cow::Borrowed(text));
            }
            if let Ok(text) = serde_json::from_str::<String>(json) {
                return Self::Text(Cow::Owned(text));
            }
        }
        Self::Json(json)
    }

    fn cell(&self, nulls: &HashSet<String>) -> Cell<'_> {
        match self {
            Self::Text(text) if nulls.contains(text.as_ref()) => Cell::Absent,
            Self::Text(text) => Cell::Text(text),
            Self::Json("null") => Cell::Absent,
            Self::Json(json) => Cell::Json(json),
        }
    }
}
