//! One column, written as JSON.

use crate::schema::column;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, StringArray,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use onrecord_record::{Timestamp, canonical};
use uuid::Uuid;

/// Strings, as readers hand them out.
pub(super) enum Text {
    Utf8(StringArray),
    View(StringViewArray),
}

impl Text {
    pub(super) fn of(array: &ArrayRef) -> Option<Self> {
        match array.data_type() {
            DataType::Utf8 => Some(Text::Utf8(array.as_string::<i32>().clone())),
            DataType::Utf8View => Some(Text::View(array.as_string_view().clone())),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Text::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Text::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column that holds values of one type.
pub(super) enum Source {
    Text(Text),
    Int(Int64Array),
    Float(Float64Array),
    Bool(BooleanArray),
    Timestamp(TimestampMicrosecondArray),
    /// As a UUID, or as 32 hex digits.
    Id {
        bytes: FixedSizeBinaryArray,
        hyphens: bool,
    },
    /// The text, or where that is null the event id.
    DecisionId {
        text: Text,
        event_id: FixedSizeBinaryArray,
    },
    List {
        offsets: OffsetBuffer<i32>,
        valid: Option<NullBuffer>,
        items: Box<Source>,
    },
    /// The items of a list of objects: the keys as `,"key":`, sorted.
    Struct(Vec<(Vec<u8>, Source)>),
}

impl Source {
    /// The column as it is stored; `None` for a type that the layout does not use.
    pub(super) fn of(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Int64 => Source::Int(array.as_primitive::<Int64Type>().clone()),
            DataType::Float64 => Source::Float(array.as_primitive::<Float64Type>().clone()),
            DataType::Boolean => Source::Bool(array.as_boolean().clone()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Source::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Source::List {
                    offsets: list.offsets().clone(),
                    valid: list.nulls().cloned(),
                    items: Box::new(Source::of(list.values())?),
                }
            }
            DataType::Struct(_) => {
                let rows = array.as_struct();
                let keys = rows.column_names().into_iter().zip(rows.columns());
                Source::Struct(
                    keys.map(|(key, column)| Some((prefix(key), Source::of(column)?))).collect::<Option<_>>()?,
                )
            }
            _ => Source::Text(Text::of(array)?),
        })
    }

    /// A fixed column, of which some are written in their own way.
    pub(super) fn fixed(name: &str, array: &ArrayRef, event_id: &FixedSizeBinaryArray) -> Option<Self> {
        let bytes = || array.as_fixed_size_binary_opt().cloned();
        match name {
            column::EVENT_ID => Some(Source::Id { bytes: bytes()?, hyphens: true }),
            column::INPUT_HASH => Some(Source::Id { bytes: bytes()?, hyphens: false }),
            column::DECISION_ID => Some(Source::DecisionId { text: Text::of(array)?, event_id: event_id.clone() }),
            _ => Source::of(array),
        }
    }

    /// Writes `prefix` and the value, if the row has one.
    #[inline]
    pub(super) fn write_after(&self, prefix: &[u8], row: usize, out: &mut Vec<u8>) -> bool {
        if !self.is_valid(row) {
            return false;
        }
        out.extend_from_slice(prefix);
        self.write(row, out);
        true
    }

    #[inline]
    fn is_valid(&self, row: usize) -> bool {
        match self {
            Source::Text(Text::Utf8(array)) => array.is_valid(row),
            Source::Text(Text::View(array)) => array.is_valid(row),
            Source::Int(array) => array.is_valid(row),
            Source::Float(array) => array.is_valid(row),
            Source::Bool(array) => array.is_valid(row),
            Source::Timestamp(array) => array.is_valid(row),
            Source::Id { bytes, .. } => bytes.is_valid(row),
            Source::List { valid, .. } => valid.as_ref().is_none_or(|valid| valid.is_valid(row)),
            Source::DecisionId { .. } | Source::Struct(_) => true,
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Source::Text(text) => canonical::write_string(text.get(row).unwrap_or_default(), out),
            Source::Int(array) => canonical::write_integer(array.value(row), out),
            Source::Float(array) => canonical::write_number(array.value(row), out),
            Source::Bool(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Source::Timestamp(array) => {
                out.push(b'"');
                Timestamp::from_micros(array.value(row)).write(out);
                out.push(b'"');
            }
            Source::Id { bytes, hyphens } => write_id(bytes.value(row), *hyphens, out),
            Source::DecisionId { text, event_id } => match text.get(row) {
                Some(text) => canonical::write_string(text, out),
                None => write_id(event_id.value(row), true, out),
            },
            Source::List { offsets, items, .. } => {
                out.push(b'[');
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                for item in start..end {
                    if item > start {
                        out.push(b',');
                    }
                    items.write(item, out);
                }
                out.push(b']');
            }
            Source::Struct(keys) => {
                let start = out.len();
                for (prefix, column) in keys {
                    out.extend_from_slice(prefix);
                    column.write(row, out);
                }
                close_object(start, out);
            }
        }
    }
}

/// `,"key":`. The comma of the first member becomes the brace, see [`close_object`].
pub(super) fn prefix(key: &str) -> Vec<u8> {
    let mut prefix = vec![b','];
    canonical::write_string(key, &mut prefix);
    prefix.push(b':');
    prefix
}

/// Makes an object of the members written from `start` on, each with a comma before it.
pub(super) fn close_object(start: usize, out: &mut Vec<u8>) {
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

fn write_id(bytes: &[u8], hyphens: bool, out: &mut Vec<u8>) {
    let id = Uuid::from_slice(bytes).unwrap_or_default();
    let mut buffer = Uuid::encode_buffer();
    let text =
        if hyphens { id.as_hyphenated().encode_lower(&mut buffer) } else { id.as_simple().encode_lower(&mut buffer) };
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}
