//! Values of one Parquet column: which of them lie in a range of rows, and their bounds.

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{max, max_boolean, min, min_boolean};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use parquet::bloom_filter::Sbbf;
use std::cmp::Ordering;
use std::ops::Range;

/// One Parquet column of a batch: the values, and for a list which of them belong to which row.
pub(super) struct Leaf {
    values: ArrayRef,
    lists: Option<(OffsetBuffer<i32>, Option<NullBuffer>)>,
}

/// What some rows have in a column.
pub(super) struct Part {
    pub(super) values: ArrayRef,
    /// Values that are missing, as Parquet counts them: a missing or empty list is one.
    pub(super) nulls: u64,
    /// Values, missing ones included.
    pub(super) levels: u64,
}

impl Leaf {
    /// The Parquet columns of an Arrow column, in Parquet's order.
    pub(super) fn all_of(array: &ArrayRef, leaves: &mut Vec<Self>) -> Result<(), String> {
        let Some(list) = array.as_list_opt::<i32>() else {
            leaves.push(Self { values: ArrayRef::clone(array), lists: None });
            return Ok(());
        };
        let lists = (list.offsets().clone(), list.nulls().cloned());
        let Some(items) = list.values().as_struct_opt() else {
            leaves.push(Self { values: ArrayRef::clone(list.values()), lists: Some(lists) });
            return Ok(());
        };
        for member in items.columns() {
            let values = match items.nulls() {
                None => ArrayRef::clone(member),
                Some(_) => {
                    let nulls = NullBuffer::union(items.nulls(), member.nulls());
                    let data = member.to_data().into_builder().nulls(nulls).build();
                    make_array(data.map_err(|error| error.to_string())?)
                }
            };
            leaves.push(Self { values, lists: Some(lists.clone()) });
        }
        Ok(())
    }

    /// What these rows have.
    pub(super) fn rows(&self, rows: Range<usize>) -> Part {
        let Some((offsets, nulls)) = &self.lists else {
            let values = self.values.slice(rows.start, rows.len());
            return Part { nulls: values.null_count() as u64, levels: rows.len() as u64, values };
        };
        let (start, end) = (offsets[rows.start] as usize, offsets[rows.end] as usize);
        let values = self.values.slice(start, end - start);
        let is_missing =
            |row: &usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(*row)) || offsets[*row] == offsets[*row + 1];
        let missing = rows.filter(is_missing).count() as u64;
        Part { nulls: missing + values.null_count() as u64, levels: missing + (end - start) as u64, values }
    }
}

/// A value as Parquet's statistics have it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
}

impl Value {
    /// How it compares with another of its type; `None` for other types and for what is no number.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(other)) => Some(one.cmp(other)),
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(other)),
            // Negative zero is written as a least value where zero is.
            (Self::Double(one), Self::Double(other)) => one.partial_cmp(other),
            (Self::Bytes(one), Self::Bytes(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }

    pub(super) fn is_at_most(&self, other: &Self) -> bool {
        self.order(other).is_some_and(Ordering::is_le)
    }
}

/// Least and greatest of some values.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds(pub(super) Option<(Value, Value)>);

impl Bounds {
    /// Those of the values of an array.
    pub(super) fn of(values: &dyn Array) -> Result<Self, String> {
        fn both<T>(min: Option<T>, max: Option<T>, value: fn(T) -> Value) -> Bounds {
            Bounds(min.zip(max).map(|(min, max)| (value(min), value(max))))
        }
        Ok(match values.data_type() {
            DataType::Int64 => {
                let values = values.as_primitive::<Int64Type>();
                both(min(values), max(values), Value::Int)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let values = values.as_primitive::<TimestampMicrosecondType>();
                both(min(values), max(values), Value::Int)
            }
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>();
                both(min(values), max(values), Value::Double)
            }
            DataType::Boolean => {
                let values = values.as_boolean();
                both(min_boolean(values), max_boolean(values), Value::Boolean)
            }
            DataType::Utf8 => of_bytes(values.as_string::<i32>().iter().flatten().map(str::as_bytes)),
            DataType::Binary => of_bytes(values.as_binary::<i32>().iter().flatten()),
            DataType::FixedSizeBinary(_) => of_bytes(values.as_fixed_size_binary().iter().flatten()),
            _ => return Err(unknown()),
        })
    }

    pub(super) fn widen(&mut self, other: Self) {
        let Some((min, max)) = other.0 else { return };
        match &mut self.0 {
            None => self.0 = Some((min, max)),
            Some(own) => {
                if !own.0.is_at_most(&min) {
                    own.0 = min;
                }
                if !max.is_at_most(&own.1) {
                    own.1 = max;
                }
            }
        }
    }
}

fn of_bytes<'v>(values: impl Iterator<Item = &'v [u8]>) -> Bounds {
    let bounds = values.fold(None, |bounds, value| match bounds {
        None => Some((value, value)),
        Some((min, max)) if value < min => Some((value, max)),
        Some((min, max)) if value > max => Some((min, value)),
        inside => inside,
    });
    Bounds(bounds.map(|(min, max)| (Value::Bytes(min.to_vec()), Value::Bytes(max.to_vec()))))
}

/// Whether the filter lets every value pass.
pub(super) fn all_pass(filter: &Sbbf, values: &dyn Array) -> Result<bool, String> {
    Ok(match values.data_type() {
        DataType::Int64 => values.as_primitive::<Int64Type>().iter().flatten().all(|value| filter.check(&value)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values.as_primitive::<TimestampMicrosecondType>().iter().flatten().all(|value| filter.check(&value))
        }
        DataType::Float64 => values.as_primitive::<Float64Type>().iter().flatten().all(|value| filter.check(&value)),
        DataType::Boolean => values.as_boolean().iter().flatten().all(|value| filter.check(&value)),
        DataType::Utf8 => values.as_string::<i32>().iter().flatten().all(|value| filter.check(value)),
        DataType::Binary => values.as_binary::<i32>().iter().flatten().all(|value| filter.check(value)),
        DataType::FixedSizeBinary(_) => values.as_fixed_size_binary().iter().flatten().all(|value| filter.check(value)),
        _ => return Err(unknown()),
    })
}

fn unknown() -> String {
    "there are values of a type for which no bounds are known".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    #[test]
    fn missing_and_empty_lists_count_as_one_missing_value() {
        let lists = [Some(vec![Some(3), None]), None, Some(vec![]), Some(vec![Some(7)])];
        let array: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists));
        let mut leaves = Vec::new();
        Leaf::all_of(&array, &mut leaves).unwrap();
        for (rows, levels, nulls) in [(0..4, 5, 3), (0..1, 2, 1), (1..3, 2, 2), (3..4, 1, 0)] {
            let part = leaves[0].rows(rows.clone());
            assert_eq!((part.levels, part.nulls), (levels, nulls), "{rows:?}");
        }
        let bounds = Bounds::of(&leaves[0].rows(0..4).values).unwrap();
        assert_eq!(bounds.0, Some((Value::Int(3), Value::Int(7))));
    }

    #[test]
    fn bounds_are_those_of_all_parts() {
        let mut bounds = Bounds::default();
        for part in [vec![Some("m")], vec![None], vec![Some("b"), Some("z")], vec![Some("c")]] {
            bounds.widen(Bounds::of(&StringArray::from(part)).unwrap());
        }
        assert_eq!(bounds.0, Some((Value::Bytes(b"b".to_vec()), Value::Bytes(b"z".to_vec()))));
        assert!(Bounds::of(&Int64Array::from(vec![None, None])).unwrap().0.is_none());
        let zero = Bounds::of(&Float64Array::from(vec![0.0])).unwrap().0.unwrap().0;
        assert!(Value::Double(-0.0).is_at_most(&zero) && zero.is_at_most(&Value::Double(-0.0)));
        assert!(!Value::Double(f64::NAN).is_at_most(&zero));
    }
}
