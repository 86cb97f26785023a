//! The values of a segment's columns, and the index made of them.

use super::Segment;
use crate::checksum;
use crate::error::{Error, Result};
use crate::index::{self, Coding, Entry, Index, Key, Of, Run, Values, hash, path_of, token};
use crate::schema::{Document, PathColumn, Shape, column, path_name, rest_may_hold};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use onrecord_record::{Parser, Value, ValueKind, canonical};
use std::borrow::Cow;

/// Makes the index of a segment, in the place of whatever is there, and opens it.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`] if the segment is.
pub(crate) fn make(segment: &Segment, keys: &[Key]) -> Result<Index> {
    // What the index says of damaged bytes would be believed ever after.
    segment.check_bytes()?;
    let values = collect(segment, keys)?;
    let path = path_of(segment.path());
    index::write(segment.disk(), &path, &of(segment)?, &values)?;
    segment.open_index()
}

/// Makes the index of a segment again in memory and compares the file with it. One that is not there, that is of another
/// segment, or that another version wrote is not used by queries and needs no check.
///
/// # Errors
/// [`Error::Io`], [`Error::Damaged`] naming the index.
pub(crate) fn check(segment: &Segment) -> Result<()> {
    let index = match segment.open_index() {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(Error::Format { .. }) => return Ok(()),
        opened => opened?,
    };
    let keys: Vec<Key> = index.keys().cloned().collect();
    if !index.is_of(segment.file_checksum(), &keys) {
        return Ok(());
    }
    index.compare(&of(segment)?, &collect(segment, &keys)?)
}

/// What the index says of the file of the segment.
fn of(segment: &Segment) -> Result<Of> {
    let blocks = checksum::of_blocks(segment.path(), &*segment.bytes_file()?)?;
    Ok(Of { segment: segment.file_checksum(), rows: segment.rows(), blocks })
}

/// The values of all keys, by row.
fn collect(segment: &Segment, keys: &[Key]) -> Result<Vec<Values>> {
    let mut collectors: Vec<Collector> = keys.iter().map(|key| Collector::new(segment, key)).collect();
    let mut names: Vec<&str> = collectors.iter().flat_map(|collector| collector.names()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(collectors.into_iter().map(Collector::values).collect());
    }
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut first = 0;
    for batch in segment.columns((0..segment.parquet().num_row_groups()).collect(), &names)? {
        let batch = batch?;
        for collector in &mut collectors {
            collector.add(&batch, first).map_err(|problem| Error::damaged(segment.path(), problem))?;
        }
        first += batch.num_rows() as u32;
    }
    Ok(collectors.into_iter().map(Collector::values).collect())
}

/// Collects the values of one key.
struct Collector {
    key: Key,
    /// The column that holds the value, if there is one.
    column: Option<String>,
    /// The rest that may hold it, if it may.
    rest: Option<String>,
    /// Numbers or hashes, with rows; tokens as long as all values are.
    entries: Vec<Entry>,
    all_tokens: bool,
    /// As long as all texts ascend.
    order: Option<Order>,
    parser: Parser,
}

/// Rows of one run of texts that ascend: a look-up reads the column's pages that hold them.
const RUN_ROWS: u32 = 1_024;

/// Bytes of the first text of a run.
const RUN_TEXT_BYTES_MAX: usize = 64;

/// Texts that ascend from row to row so far.
#[derive(Default)]
struct Order {
    last: String,
    runs: Vec<Run>,
}

impl Order {
    /// Adds the next text; false if it is less than one before, or too long to be kept.
    fn add(&mut self, value: &str, row: u32) -> bool {
        if value.len() > RUN_TEXT_BYTES_MAX || value < self.last.as_str() {
            return false;
        }
        if self.runs.last().is_none_or(|run| row - run.row >= RUN_ROWS) {
            self.runs.push(Run { first: value.to_owned(), row });
        }
        self.last.clear();
        self.last.push_str(value);
        true
    }
}

impl Collector {
    fn new(segment: &Segment, key: &Key) -> Self {
        let (column, rest) = match key {
            Key::Subject => (Some(column::USER_ID.to_owned()), None),
            Key::DecisionId => (Some(column::DECISION_ID.to_owned()), None),
            Key::Input(path) => input_columns(segment, path),
        };
        let all_tokens = *key == Key::Subject;
        let order = (!all_tokens).then(Order::default);
        Self { key: key.clone(), column, rest, entries: Vec::new(), all_tokens, order, parser: Parser::new() }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.column.iter().chain(&self.rest).map(String::as_str)
    }

    fn add(&mut self, batch: &RecordBatch, first: u32) -> std::result::Result<(), String> {
        let find = |name: &Option<String>| match name {
            Some(name) => {
                batch.column_by_name(name).cloned().map(Some).ok_or_else(|| format!("it has no column {name}"))
            }
            None => Ok(None),
        };
        let (column, rest) = (find(&self.column)?, find(&self.rest)?);
        let rest = rest.as_ref().and_then(|rest| rest.as_string_opt::<i32>());
        let mut text = Vec::new();
        for row in 0..batch.num_rows() {
            text.clear();
            let is_there = match &column {
                Some(column) if column.is_valid(row) => write_text(column, row, &mut text)?,
                _ => match rest.filter(|rest| rest.is_valid(row)) {
                    Some(rest) => self.write_member(rest, row, &mut text)?,
                    None => false,
                },
            };
            if is_there {
                let value = std::str::from_utf8(&text).map_err(|error| error.to_string())?;
                self.push(value, first + row as u32);
            }
        }
        Ok(())
    }

    fn push(&mut self, value: &str, row: u32) {
        if self.all_tokens {
            if let Some(number) = token(value) {
                return self.entries.push(Entry::new(number, row));
            }
            // What is no token has no number: all values are hashed, tokens by their texts.
            self.all_tokens = false;
            for entry in &mut self.entries {
                *entry = Entry::new(u128::from(hash(&format!("sub_{:024x}", entry.number()))), entry.row());
            }
        }
        if self.order.as_mut().is_some_and(|order| !order.add(value, row)) {
            self.order = None;
        }
        self.entries.push(Entry::new(u128::from(hash(value)), row));
    }

    /// Writes the text of the member of the rest, if it is a scalar.
    fn write_member(
        &mut self,
        rest: &StringArray,
        row: usize,
        text: &mut Vec<u8>,
    ) -> std::result::Result<bool, String> {
        let Key::Input(path) = &self.key else { return Ok(false) };
        let parsed = self.parser.parse(rest.value(row).as_bytes());
        let document = parsed.map_err(|_| "a rest is not JSON".to_owned())?;
        let member = path.iter().try_fold(document.value(), |value, name| value.get(name));
        Ok(member.is_some_and(|member| write_scalar(member, text)))
    }

    fn values(mut self) -> Values {
        if let Some(Order { runs, .. }) = self.order.filter(|_| !self.entries.is_empty()) {
            return Values { key: self.key, coding: Coding::Ordered, entries: Vec::new(), runs };
        }
        let coding = if self.all_tokens { Coding::Token } else { Coding::hash_of(self.entries.len() as u64) };
        if let Coding::Hash { bits } = coding {
            let shortened = |entry: &Entry| Entry::new(entry.number() >> (u64::BITS - bits), entry.row());
            self.entries.iter_mut().for_each(|entry| *entry = shortened(entry));
        }
        self.entries.sort_unstable();
        Values { key: self.key, coding, entries: self.entries, runs: Vec::new() }
    }
}

/// The column of a member of the inputs, and the rest that may hold it.
fn input_columns(segment: &Segment, path: &[String]) -> (Option<String>, Option<String>) {
    let is_it = |column: &PathColumn| {
        column.document == Document::InputFeatures && column.path == *path && matches!(column.shape, Shape::Scalar(_))
    };
    let column = segment.paths().iter().any(is_it).then(|| path_name(Document::InputFeatures, path));
    let rest = segment.schema().field_with_name(Document::InputFeatures.rest_name()).ok();
    let rest = rest.filter(|rest| path.first().is_some_and(|name| rest_may_hold(rest, name)));
    (column, rest.map(|rest| rest.name().clone()))
}

/// Writes the value of a column as SQL's `->>` shows it.
fn write_text(column: &ArrayRef, row: usize, text: &mut Vec<u8>) -> std::result::Result<bool, String> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        text.extend_from_slice(texts.value(row).as_bytes());
    } else if let Some(integers) = column.as_primitive_opt::<Int64Type>() {
        canonical::write_integer(integers.value(row), text);
    } else if let Some(doubles) = column.as_primitive_opt::<Float64Type>() {
        canonical::write_number(doubles.value(row), text);
        make_plain(text);
    } else if let Some(truths) = column.as_boolean_opt() {
        text.extend_from_slice(if truths.value(row) { b"true" } else { b"false" });
    } else {
        return Err(format!("an identifier has the type {}", column.data_type()));
    }
    Ok(true)
}

/// Writes a scalar as SQL's `->>` shows it; false for what is none.
fn write_scalar(value: Value<'_>, text: &mut Vec<u8>) -> bool {
    match value.kind() {
        ValueKind::String => text.extend_from_slice(value.as_str().unwrap_or_default().as_bytes()),
        ValueKind::Bool => canonical::write(value, text),
        ValueKind::Number => {
            canonical::write(value, text);
            make_plain(text);
        }
        ValueKind::Null | ValueKind::Array | ValueKind::Object => return false,
    }
    true
}

/// A number without an exponent.
fn make_plain(number: &mut Vec<u8>) {
    if let Some(Cow::Owned(plain)) = std::str::from_utf8(number).ok().and_then(canonical::plain_number) {
        *number = plain.into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;
    use crate::row::RowIndex;
    use crate::segment::SegmentWriter;
    use crate::shred::{Shredder, survey};
    use onrecord_evidence::{LeafIndex, LeafRange};
    use std::path::Path;

    const ROWS: u64 = 5_000;

    fn user(row: u64) -> String {
        format!("sub_01a2{:020x}", (row % 700).wrapping_mul(0x9e37_79b9_7f4a))
    }

    /// Decision ids come in no order; application ids ascend if that is wanted, two rows each.
    fn segment(dir: &Path, in_order: bool) -> Segment {
        let record = |row: u64| {
            let application = if in_order { row / 2 + 10_000 } else { row / 2 };
            format!(
                r#"{{"decision_id":"d{row}","event_id":"{}","input_features":{{"application_id":"A-{application}"}},"kind":"decision","schema":1,"user_id":"{}"}}"#,
                uuid::Uuid::from_u128(u128::from(row)),
                user(row),
            )
        };
        let records: Vec<String> = (0..ROWS).map(record).collect();
        let rows: Vec<Row<'_>> = (0..ROWS)
            .zip(&records)
            .map(|(leaf, record)| Row {
                leaf: LeafIndex(leaf),
                id: u128::from(leaf).to_be_bytes(),
                record: record.as_bytes(),
                sidecar: &[],
            })
            .collect();
        let columns = survey(&rows, 100).plan();
        let mut shredder = Shredder::new(&columns);
        rows.iter().for_each(|row| shredder.push(row, false).unwrap());
        let mut writer = SegmentWriter::create(dir, LeafRange::from(0..ROWS), columns.clone()).unwrap();
        writer.write(shredder.take().unwrap()).unwrap();
        Segment::open(&writer.finish().unwrap().publish().unwrap()).unwrap()
    }

    fn keys() -> [Key; 3] {
        [Key::Subject, Key::DecisionId, Key::Input(vec!["application_id".to_owned()])]
    }

    #[test]
    fn every_value_is_found_with_all_its_rows() {
        let dir = tempfile::tempdir().unwrap();
        let segment = segment(dir.path(), false);
        make(&segment, &keys()).unwrap();
        check(&segment).unwrap();
        let find = |key: &Key, value: &str| segment.find(&keys(), key, &[value]).unwrap();
        let [subject, decision, application] = keys();
        for row in (0..ROWS).step_by(37) {
            let found = find(&subject, &user(row));
            let expected = (0..ROWS as u32).filter(|other| u64::from(*other) % 700 == row % 700).map(RowIndex);
            let expected: Vec<RowIndex> = expected.collect();
            assert!(found.exact && found.rows == expected, "{row}: {found:?}");
            assert!(find(&decision, &format!("d{row}")).rows.contains(&RowIndex(row as u32)));
            let pair = find(&application, &format!("A-{}", row / 2)).rows;
            let both = [row as u32 & !1, row as u32 | 1].map(RowIndex);
            assert!(both.iter().all(|row| pair.contains(row)), "{row}: {pair:?}");
        }
        assert_eq!(find(&subject, "sub_ffffffffffffffffffffffff").rows, []);
        // What is not there is seldom found.
        let seeming = (0..2_000).filter(|at| !find(&decision, &format!("x{at}")).rows.is_empty()).count();
        assert!(seeming < 10, "{seeming}");
    }

    #[test]
    fn texts_that_ascend_take_next_to_nothing() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (segment, disordered) = (segment(one.path(), true), segment(other.path(), false));
        let key = [Key::Input(vec!["application_id".to_owned()])];
        let bytes = |segment: &Segment| {
            make(segment, &key).unwrap();
            check(segment).unwrap();
            std::fs::metadata(path_of(segment.path())).unwrap().len()
        };
        let (small, large) = (bytes(&segment), bytes(&disordered));
        assert!(small < 300 && large > 5_000, "{small} {large}");
        for row in 0..ROWS {
            let found = segment.find(&key, &key[0], &[&format!("A-{}", row / 2 + 10_000)]).unwrap();
            assert!(!found.exact && found.rows.contains(&RowIndex(row as u32)) && found.rows.len() <= 2_048, "{row}");
        }
        for (absent, rows) in [("A-0", 0), ("A-100000", 1_024), ("z", 904)] {
            assert_eq!(segment.find(&key, &key[0], &[absent]).unwrap().rows.len(), rows, "{absent}");
        }
        let mut values = collect(&segment, &key).unwrap();
        values[0].runs.remove(2);
        index::write(segment.disk(), &path_of(segment.path()), &of(&segment).unwrap(), &values).unwrap();
        assert!(check(&segment).is_err());
        let values = collect(&segment, &key).unwrap();
        let mut other = of(&segment).unwrap();
        other.blocks.0[0] ^= 1;
        index::write(segment.disk(), &path_of(segment.path()), &other, &values).unwrap();
        assert!(check(&segment).is_err());
    }

    #[test]
    fn an_index_of_another_version_is_not_used_and_no_fault() {
        let dir = tempfile::tempdir().unwrap();
        let path = segment(dir.path(), false).path().to_owned();
        make(&Segment::open(&path).unwrap(), &keys()).unwrap();
        let mut bytes = std::fs::read(path_of(&path)).unwrap();
        let end = bytes.len();
        let directory = u64::from_le_bytes(bytes[end - 24..end - 16].try_into().unwrap()) as usize;
        bytes[directory] -= 1;
        let crc = crc32c::crc32c(&bytes[directory..end - 24]);
        bytes[end - 12..end - 8].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(path_of(&path), bytes).unwrap();
        let segment = Segment::open(&path).unwrap();
        assert!(segment.index(&keys()).is_none());
        check(&segment).unwrap();
    }

    #[test]
    fn no_index_is_made_of_damaged_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = segment(dir.path(), false).path().to_owned();
        let sound = std::fs::read(&path).unwrap();
        for place in (4..sound.len() / 2).step_by(sound.len() / 50) {
            let mut damaged = sound.clone();
            damaged[place] ^= 1 << (place % 8);
            std::fs::write(&path, damaged).unwrap();
            let segment = Segment::open(&path).unwrap();
            assert!(make(&segment, &keys()).is_err(), "byte {place}");
            assert!(!path_of(&path).exists());
        }
        std::fs::write(&path, sound).unwrap();
        make(&Segment::open(&path).unwrap(), &keys()).unwrap();
    }

    #[test]
    fn an_index_with_right_checksums_and_wrong_rows_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let segment = segment(dir.path(), false);
        let path = path_of(segment.path());
        type Forge = fn(&mut Vec<Values>);
        let forgeries: [Forge; 6] = [
            |values| {
                values[0].entries.remove(2_345);
            },
            |values| values[0].entries.truncate(4_999),
            |values| values[1].entries.push(Entry::new(1 << 40, 7)),
            |values| values[2].entries.clear(),
            |values| {
                let entry = values[0].entries[0];
                values[0].entries[0] = Entry::new(entry.number(), entry.row() + 1);
            },
            |values| {
                let entry = values[2].entries[99];
                values[2].entries[99] = Entry::new(entry.number() + 1, entry.row());
                values[2].entries.sort_unstable();
            },
        ];
        let refused = |forged: &str| {
            let wrong = check(&segment).unwrap_err().to_string();
            assert!(wrong.contains("it is not the index that the segment's rows give"), "{forged}: {wrong}");
            assert!(wrong.contains("00005000.index"), "{wrong}");
        };
        for (at, forge) in forgeries.iter().enumerate() {
            let mut values = collect(&segment, &keys()).unwrap();
            forge(&mut values);
            index::write(segment.disk(), &path, &of(&segment).unwrap(), &values).unwrap();
            refused(&at.to_string());
        }
    }
}
