//! Path columns: how a place in a document becomes the name and the type of a column.

use super::Document;
use arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;

/// The type of a JSON scalar in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// Every number at that path is an integer of 64 bits.
    Int64,
    /// Every number at that path is one that a double holds.
    Float64,
    /// `true` and `false`.
    Boolean,
    /// Strings.
    Utf8,
}

impl Scalar {
    /// The Arrow type.
    pub const fn data_type(self) -> DataType {
        match self {
            Scalar::Int64 => DataType::Int64,
            Scalar::Float64 => DataType::Float64,
            Scalar::Boolean => DataType::Boolean,
            Scalar::Utf8 => DataType::Utf8,
        }
    }

    /// The scalar of an Arrow type; views, large strings and dictionaries, as readers may ask for, count as strings.
    pub fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Int64 => Some(Scalar::Int64),
            DataType::Float64 => Some(Scalar::Float64),
            DataType::Boolean => Some(Scalar::Boolean),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Scalar::Utf8),
            DataType::Dictionary(_, values) if values.is_string() => Some(Scalar::Utf8),
            _ => None,
        }
    }
}

/// What one path column holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One scalar.
    Scalar(Scalar),
    /// A list of scalars of one type, none of them null.
    List(Scalar),
    /// A list of objects that all have exactly these keys (sorted by bytes), each with a scalar that is not null.
    Rows(Vec<(String, Scalar)>),
}

/// The name of a list's item in Arrow and Parquet (the name that the Parquet format asks for).
pub const LIST_ITEM: &str = "element";

impl Shape {
    /// The Arrow type: `T`, `List<T>` or `List<Struct<…>>`.
    pub fn data_type(&self) -> DataType {
        match self {
            Shape::Scalar(scalar) => scalar.data_type(),
            Shape::List(scalar) => DataType::List(Arc::new(Field::new(LIST_ITEM, scalar.data_type(), false))),
            Shape::Rows(keys) => {
                let fields: Fields =
                    keys.iter().map(|(key, scalar)| Field::new(key, scalar.data_type(), false)).collect();
                DataType::List(Arc::new(Field::new(LIST_ITEM, DataType::Struct(fields), false)))
            }
        }
    }

    /// The shape that an Arrow type stands for; `None` for a type that this layout does not use.
    pub fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::List(item) => match item.data_type() {
                DataType::Struct(fields) => {
                    let keys: Option<Vec<_>> = fields
                        .iter()
                        .map(|field| Some((field.name().clone(), Scalar::of(field.data_type())?)))
                        .collect();
                    Some(Shape::Rows(keys?))
                }
                item => Some(Shape::List(Scalar::of(item)?)),
            },
            other => Some(Shape::Scalar(Scalar::of(other)?)),
        }
    }
}

/// A column of a document: `D` (empty path) or `D.path.to.key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathColumn {
    /// The document it belongs to.
    pub document: Document,
    /// The keys from the document down to the value; empty for the bare column.
    pub path: Vec<String>,
    /// What it holds.
    pub shape: Shape,
}

impl PathColumn {
    /// The column's name. Unambiguous, as a shredded key has no dot in it (see [`is_column_key`]).
    pub fn name(&self) -> String {
        path_name(self.document, &self.path)
    }

    /// The nullable Arrow field.
    pub fn field(&self) -> Field {
        Field::new(self.name(), self.shape.data_type(), true)
    }

    /// Reads a field back; `None` for a fixed column, a rest column, or a column that this layout does not know.
    pub fn of(field: &Field) -> Option<Self> {
        let mut keys = field.name().split('.');
        let document = Document::parse(keys.next()?)?;
        Some(Self { document, path: keys.map(str::to_owned).collect(), shape: Shape::of(field.data_type())? })
    }
}

/// The column name of a path in a document.
pub fn path_name<K: AsRef<str>>(document: Document, path: &[K]) -> String {
    let mut name = document.name().to_owned();
    for key in path {
        name.push('.');
        name.push_str(key.as_ref());
    }
    name
}

/// Whether a key may be part of a column name: `[A-Za-z_][A-Za-z0-9_-]{0,63}`.
///
/// Of keys that differ only in case, a segment shreds the most frequent one; the others stay in the rest, since many
/// readers take column names without regard to case.
pub fn is_column_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    let Some((first, others)) = bytes.split_first() else { return false };
    (first.is_ascii_alphabetic() || *first == b'_')
        && others.len() <= 63
        && others.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_column_reads_back_from_its_field() {
        let shapes = [
            Shape::Scalar(Scalar::Int64),
            Shape::List(Scalar::Utf8),
            Shape::Rows(vec![("confidence".into(), Scalar::Float64), ("value".into(), Scalar::Utf8)]),
        ];
        for shape in shapes {
            for path in [vec![], vec!["a".to_owned()], vec!["a".to_owned(), "b-c".to_owned()]] {
                let column = PathColumn { document: Document::Metadata, path, shape: shape.clone() };
                assert_eq!(PathColumn::of(&column.field()), Some(column));
            }
        }
    }

    #[test]
    fn only_plain_keys_become_column_names() {
        let long = "k".repeat(64);
        for key in ["gender", "_x", "a-b", "A1", long.as_str()] {
            assert!(is_column_key(key), "{key}");
        }
        let too_long = "k".repeat(65);
        for key in ["", "1a", "a.b", "a b", "ä", "-a", too_long.as_str()] {
            assert!(!is_column_key(key), "{key}");
        }
    }
}
