//! Builders of single columns, filled value by value.
//!
//! A row that has no value for a column costs nothing: a builder pads itself with nulls when the next value comes, and
//! at the end. What a builder takes is decided by its shape alone; a value that does not fit is left alone.

use crate::schema::{LIST_ITEM, Scalar, Shape};
use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListArray, NullBufferBuilder, StringBuilder,
    StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Field, Fields};
use arrow::error::ArrowError;
use onrecord_record::{Value, ValueKind};
use std::sync::Arc;

/// A column of scalars.
pub(super) enum Cells {
    Int64(Int64Builder),
    Float64(Float64Builder),
    Boolean(BooleanBuilder),
    Utf8(StringBuilder),
}

impl Cells {
    pub(super) fn new(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Int64 => Cells::Int64(Int64Builder::new()),
            Scalar::Float64 => Cells::Float64(Float64Builder::new()),
            Scalar::Boolean => Cells::Boolean(BooleanBuilder::new()),
            Scalar::Utf8 => Cells::Utf8(StringBuilder::new()),
        }
    }

    /// Whether [`Cells::push`] would take the value.
    fn fits(&self, value: Value<'_>) -> bool {
        match self {
            Cells::Int64(_) => value.as_i64().is_some(),
            Cells::Float64(_) => value.as_f64().is_some(),
            Cells::Boolean(_) => value.kind() == ValueKind::Bool,
            Cells::Utf8(_) => value.kind() == ValueKind::String,
        }
    }

    /// Puts the value into `row`, with nulls before it, if it fits.
    pub(super) fn put(&mut self, row: usize, value: Value<'_>) -> bool {
        if !self.fits(value) {
            return false;
        }
        self.pad(row);
        self.push(value)
    }

    fn push(&mut self, value: Value<'_>) -> bool {
        match self {
            Cells::Int64(cells) => value.as_i64().map(|value| cells.append_value(value)).is_some(),
            Cells::Float64(cells) => value.as_f64().map(|value| cells.append_value(value)).is_some(),
            Cells::Boolean(cells) => value.as_bool().map(|value| cells.append_value(value)).is_some(),
            Cells::Utf8(cells) => value.as_str().map(|value| cells.append_value(value)).is_some(),
        }
    }

    fn pad(&mut self, rows: usize) {
        match self {
            Cells::Int64(cells) => cells.append_nulls(rows - cells.len()),
            Cells::Float64(cells) => cells.append_nulls(rows - cells.len()),
            Cells::Boolean(cells) => cells.append_nulls(rows - cells.len()),
            Cells::Utf8(cells) => cells.append_nulls(rows - cells.len()),
        }
    }

    pub(super) fn finish(mut self, rows: usize) -> ArrayRef {
        self.pad(rows);
        self.take()
    }

    fn take(&mut self) -> ArrayRef {
        match self {
            Cells::Int64(cells) => Arc::new(cells.finish()),
            Cells::Float64(cells) => Arc::new(cells.finish()),
            Cells::Boolean(cells) => Arc::new(cells.finish()),
            Cells::Utf8(cells) => Arc::new(cells.finish()),
        }
    }
}

/// A path column: scalars, or lists of them.
pub(super) enum Column {
    Scalars(Cells),
    Lists(Lists),
}

impl Column {
    pub(super) fn new(shape: &Shape) -> Self {
        match shape {
            Shape::Scalar(scalar) => Column::Scalars(Cells::new(*scalar)),
            Shape::List(scalar) => Column::Lists(Lists::new(Items::Scalars(Cells::new(*scalar)))),
            Shape::Rows(keys) => {
                let keys = keys.iter().map(|(key, scalar)| (key.clone(), Cells::new(*scalar))).collect();
                Column::Lists(Lists::new(Items::Rows(keys)))
            }
        }
    }

    /// Puts the value into `row` if it fits.
    pub(super) fn put(&mut self, row: usize, value: Value<'_>) -> bool {
        match self {
            Column::Scalars(cells) => cells.put(row, value),
            Column::Lists(lists) => lists.put(row, value),
        }
    }

    pub(super) fn finish(self, rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Column::Scalars(cells) => Ok(cells.finish(rows)),
            Column::Lists(lists) => lists.finish(rows),
        }
    }
}

/// A column of lists, each of scalars or of objects with the same keys.
pub(super) struct Lists {
    ends: Vec<i32>,
    valid: NullBufferBuilder,
    items: Items,
}

enum Items {
    Scalars(Cells),
    /// Keys sorted, a column each.
    Rows(Vec<(String, Cells)>),
}

impl Lists {
    fn new(items: Items) -> Self {
        Self { ends: vec![0], valid: NullBufferBuilder::new(1_024), items }
    }

    fn put(&mut self, row: usize, list: Value<'_>) -> bool {
        if list.kind() != ValueKind::Array || !list.elements().all(|element| self.items.fits(element)) {
            return false;
        }
        self.pad(row);
        for element in list.elements() {
            self.items.push(element);
        }
        let end = self.ends[self.ends.len() - 1] + list.len() as i32;
        self.ends.push(end);
        self.valid.append_non_null();
        true
    }

    fn pad(&mut self, rows: usize) {
        let end = self.ends[self.ends.len() - 1];
        self.valid.append_n_nulls(rows + 1 - self.ends.len());
        self.ends.resize(rows + 1, end);
    }

    fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        let items = self.items.finish()?;
        let field = Arc::new(Field::new(LIST_ITEM, items.data_type().clone(), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        Ok(Arc::new(ListArray::try_new(field, offsets, items, self.valid.finish())?))
    }
}

impl Items {
    fn fits(&self, element: Value<'_>) -> bool {
        match self {
            Items::Scalars(cells) => cells.fits(element),
            Items::Rows(keys) => {
                element.len() == keys.len()
                    && element.kind() == ValueKind::Object
                    && keys
                        .iter()
                        .zip(element.members_sorted())
                        .all(|((key, cells), (other, value))| key == other && cells.fits(value))
            }
        }
    }

    fn push(&mut self, element: Value<'_>) {
        match self {
            Items::Scalars(cells) => {
                cells.push(element);
            }
            Items::Rows(keys) => {
                for ((_, cells), (_, value)) in keys.iter_mut().zip(element.members_sorted()) {
                    cells.push(value);
                }
            }
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        match self {
            Items::Scalars(cells) => Ok(cells.take()),
            Items::Rows(keys) => {
                let (fields, columns): (Vec<_>, Vec<_>) = keys
                    .iter_mut()
                    .map(|(key, cells)| {
                        let column = cells.take();
                        (Field::new(key.as_str(), column.data_type().clone(), false), column)
                    })
                    .unzip();
                Ok(Arc::new(StructArray::try_new(Fields::from(fields), columns, None)?))
            }
        }
    }
}
