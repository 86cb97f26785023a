//! A scalar function as one row of a table: its name, which arguments it takes, and what it does for one batch.
//!
//! What holds: arguments reach [`Overload::run`] as the types that the overload names, since the planner casts them; a
//! function that meets a value it cannot use fails with a message that holds none of it ([`fault`]).

use super::numeric::{self, NUMERIC};
pub(super) use crate::fault::fault;
use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use bigdecimal::BigDecimal;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The types that arguments and results have, as PostgreSQL names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int,
    /// `double precision`.
    Float,
    /// Integers and decimals, as they come.
    Numeric,
    /// Decimals only: where PostgreSQL takes an integer for a double.
    Decimal,
    Bool,
    Bytes,
    Date,
    Time,
    /// `timestamp without time zone`.
    Timestamp,
    /// `timestamp with time zone`.
    Instant,
    Interval,
    TextList,
    FloatList,
    /// Whatever it is, as it comes.
    Any,
}

/// Microseconds since 1970, in UTC.
pub(super) fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Kind {
    /// The type of a result or of a cast argument; an argument of a kind that takes several keeps its own.
    pub(super) fn data_type(self, given: &DataType) -> DataType {
        match self {
            Kind::Text => DataType::Utf8View,
            Kind::Int4 => DataType::Int32,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Numeric if given.is_integer() || given.is_decimal() => given.clone(),
            Kind::Decimal if given.is_decimal() => given.clone(),
            Kind::Numeric | Kind::Decimal => NUMERIC,
            Kind::Bool => DataType::Boolean,
            Kind::Bytes => DataType::Binary,
            Kind::Date => DataType::Date32,
            Kind::Time => DataType::Time64(TimeUnit::Microsecond),
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Instant => instant_type(),
            Kind::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Kind::TextList => DataType::new_list(DataType::Utf8View, true),
            Kind::FloatList => DataType::new_list(DataType::Float64, true),
            Kind::Any => given.clone(),
        }
    }

    /// How far `given` is from this kind; `None` when it cannot be had from it without being asked for.
    fn distance(self, given: &DataType) -> Option<u32> {
        use DataType as T;
        let is_list = matches!(given, T::List(_) | T::LargeList(_) | T::FixedSizeList(..));
        if given.is_null() {
            return Some(2);
        }
        Some(match self {
            Kind::Any => 20,
            Kind::Text if given.is_string() => 0,
            Kind::Int4 if matches!(given, T::Int32 | T::Int16 | T::Int8) => 0,
            // Literals are of 64 bits until they meet something.
            Kind::Int4 if *given == T::Int64 => 3,
            Kind::Int if *given == T::Int64 => 0,
            Kind::Int if given.is_integer() => 1,
            Kind::Numeric | Kind::Decimal if given.is_decimal() => 0,
            Kind::Numeric if given.is_integer() => 2,
            Kind::Float if given.is_floating() => 0,
            Kind::Float if given.is_integer() || given.is_decimal() => 4,
            Kind::Bool if *given == T::Boolean => 0,
            Kind::Bytes if matches!(given, T::Binary | T::LargeBinary | T::BinaryView) => 0,
            Kind::Date if matches!(given, T::Date32 | T::Date64) => 0,
            Kind::Time if matches!(given, T::Time32(_) | T::Time64(_)) => 0,
            Kind::Timestamp if matches!(given, T::Timestamp(_, None)) => 0,
            Kind::Timestamp if matches!(given, T::Date32 | T::Date64) => 3,
            Kind::Instant if matches!(given, T::Timestamp(_, Some(_))) => 0,
            Kind::Instant if matches!(given, T::Timestamp(_, None)) => 4,
            Kind::Instant if matches!(given, T::Date32 | T::Date64) => 2,
            Kind::Interval if matches!(given, T::Interval(_) | T::Duration(_)) => 0,
            Kind::Interval if matches!(given, T::Time64(_)) => 5,
            Kind::TextList | Kind::FloatList if is_list => 1,
            // A quoted literal may stand for any type.
            Kind::TextList | Kind::FloatList => return None,
            Kind::Instant if given.is_string() => 9,
            _ if given.is_string() => 10,
            _ => return None,
        })
    }
}

/// Bytes of text that one call makes for one batch of rows: what calls hold is not counted towards a query's memory.
const BATCH_BYTES_MAX: usize = 64 << 20;

type Run = fn(&Args<'_>) -> Result<ArrayRef>;

/// One list of arguments that a function takes.
#[derive(Clone, Copy)]
pub(super) struct Overload {
    pub(super) args: &'static [Kind],
    /// The kind of any number of further arguments.
    pub(super) rest: Option<Kind>,
    /// What a call gives, for arguments of these types.
    pub(super) gives: fn(&[DataType]) -> DataType,
    pub(super) run: Run,
}

/// A scalar function.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) overloads: &'static [Overload],
    pub(super) volatility: Volatility,
}

impl Function {
    pub(super) fn udf(self, aliases: &'static [&'static str]) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(Call {
            function: self,
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            signature: Signature::user_defined(self.volatility),
        }))
    }
}

/// A function that depends on its arguments only.
pub(super) const fn function(name: &'static str, overloads: &'static [Overload]) -> Function {
    Function { name, overloads, volatility: Volatility::Immutable }
}

/// An overload that takes exactly these arguments.
pub(super) const fn takes(args: &'static [Kind], gives: fn(&[DataType]) -> DataType, run: Run) -> Overload {
    Overload { args, rest: None, gives, run }
}

/// Results that do not depend on the arguments' types.
pub(super) mod gives {
    use super::*;

    macro_rules! gives {
        ($($name:ident: $kind:ident),*) => {
            $(pub(crate) fn $name(_: &[DataType]) -> DataType {
                Kind::$kind.data_type(&DataType::Null)
            })*
        };
    }

    gives!(
        text: Text, int4: Int4, int: Int, float: Float, numeric: Numeric, bool: Bool, bytes: Bytes, date: Date, time: Time,
        timestamp: Timestamp, instant: Instant, interval: Interval, text_list: TextList
    );

    pub(crate) fn first(types: &[DataType]) -> DataType {
        types.first().cloned().unwrap_or(DataType::Null)
    }
}

struct Call {
    function: Function,
    aliases: Vec<String>,
    signature: Signature,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("function", &self.function.name).finish()
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl Call {
    fn overload(&self, types: &[DataType]) -> Result<&'static Overload> {
        let near = |overload: &&Overload| {
            let more = types.len().checked_sub(overload.args.len())?;
            let rest = overload.rest.filter(|_| more > 0).map_or(Some(vec![]), |kind| Some(vec![kind; more]))?;
            let kinds = overload.args.iter().chain(rest.iter());
            if overload.args.len() + rest.len() != types.len() {
                return None;
            }
            kinds.zip(types).map(|(kind, given)| kind.distance(given)).sum::<Option<u32>>()
        };
        let found = self.function.overloads.iter().filter_map(|one| near(&one).map(|far| (far, one)));
        match found.min_by_key(|(far, _)| *far) {
            Some((_, overload)) => Ok(overload),
            None => {
                let given: Vec<String> = types.iter().map(numeric::type_name).collect();
                plan_err!("function {}({}) does not exist", self.function.name, given.join(", "))
            }
        }
    }
}

impl ScalarUDFImpl for Call {
    fn name(&self) -> &str {
        self.function.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let overload = self.overload(types)?;
        let kinds = overload.args.iter().copied().chain(std::iter::repeat_n(
            overload.rest.unwrap_or(Kind::Any),
            types.len().saturating_sub(overload.args.len()),
        ));
        Ok(kinds.zip(types).map(|(kind, given)| kind.data_type(given)).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok((self.overload(types)?.gives)(types))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let overload = self.overload(&types)?;
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
            && self.function.volatility != Volatility::Volatile;
        let rows = if constant { 1 } else { args.number_rows };
        let columns = args
            .args
            .iter()
            .map(|arg| match arg {
                ColumnarValue::Scalar(value) => Ok(Arg { array: value.to_array()?, constant: true }),
                ColumnarValue::Array(array) => Ok(Arg { array: Arc::clone(array), constant: false }),
            })
            .collect::<Result<Vec<_>>>()?;
        let gives = args.return_field.data_type();
        let out = (overload.run)(&Args { columns, rows, gives })?;
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let out = if out.data_type() == gives { out } else { cast_with_options(&out, gives, &strict)? };
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
        }
        Ok(ColumnarValue::Array(out))
    }
}

struct Arg {
    array: ArrayRef,
    constant: bool,
}

/// The arguments of one batch.
pub(super) struct Args<'a> {
    columns: Vec<Arg>,
    pub(super) rows: usize,
    /// The type of the result.
    pub(super) gives: &'a DataType,
}

impl Args<'_> {
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The argument as a column of its own length: one row when it is constant.
    pub(super) fn column(&self, at: usize) -> &ArrayRef {
        &self.columns[at].array
    }

    /// The text of an argument that is one constant for all rows.
    pub(super) fn constant(&self, at: usize) -> Option<&str> {
        self.columns.get(at).filter(|arg| arg.constant).and_then(|_| self.text(at, 0))
    }

    /// Where the row's value lies; `None` when it is null.
    pub(super) fn at(&self, at: usize, row: usize) -> Option<(&ArrayRef, usize)> {
        let arg = self.columns.get(at)?;
        let row = if arg.constant { 0 } else { row };
        // A column of nothing but untyped nulls has no bits for them.
        let is_null = arg.array.data_type().is_null() || arg.array.is_null(row);
        (!is_null).then_some((&arg.array, row))
    }

    pub(super) fn text(&self, at: usize, row: usize) -> Option<&str> {
        let (array, row) = self.at(at, row)?;
        match array.data_type() {
            DataType::Utf8View => array.as_string_view_opt().map(|texts| texts.value(row)),
            DataType::Utf8 => array.as_string_opt::<i32>().map(|texts| texts.value(row)),
            _ => array.as_string_opt::<i64>().map(|texts| texts.value(row)),
        }
    }

    pub(super) fn bytes(&self, at: usize, row: usize) -> Option<&[u8]> {
        let (array, row) = self.at(at, row)?;
        array.as_binary_opt::<i32>().map(|bytes| bytes.value(row))
    }

    pub(super) fn int(&self, at: usize, row: usize) -> Option<i64> {
        let (array, row) = self.at(at, row)?;
        match array.data_type() {
            DataType::Int32 => array.as_primitive_opt::<Int32Type>().map(|ints| ints.value(row).into()),
            _ => array.as_primitive_opt::<Int64Type>().map(|ints| ints.value(row)),
        }
    }

    pub(super) fn float(&self, at: usize, row: usize) -> Option<f64> {
        let (array, row) = self.at(at, row)?;
        array.as_primitive_opt::<Float64Type>().map(|floats| floats.value(row))
    }

    pub(super) fn numeric(&self, at: usize, row: usize) -> Option<BigDecimal> {
        let (array, row) = self.at(at, row)?;
        numeric::read(array, row)
    }

    /// Days since 1970.
    pub(super) fn date(&self, at: usize, row: usize) -> Option<i32> {
        let (array, row) = self.at(at, row)?;
        array.as_primitive_opt::<Date32Type>().map(|dates| dates.value(row))
    }

    /// Microseconds of the day.
    pub(super) fn time(&self, at: usize, row: usize) -> Option<i64> {
        let (array, row) = self.at(at, row)?;
        array.as_primitive_opt::<Time64MicrosecondType>().map(|times| times.value(row))
    }

    /// Microseconds since 1970, of a timestamp with or without a zone.
    pub(super) fn micros(&self, at: usize, row: usize) -> Option<i64> {
        let (array, row) = self.at(at, row)?;
        array.as_primitive_opt::<TimestampMicrosecondType>().map(|times| times.value(row))
    }

    pub(super) fn interval(&self, at: usize, row: usize) -> Option<super::interval::Span> {
        let (array, row) = self.at(at, row)?;
        array.as_primitive_opt::<IntervalMonthDayNanoType>().map(|spans| spans.value(row).into())
    }

    /// A list's elements; `None` when the list is null.
    pub(super) fn list(&self, at: usize, row: usize) -> Option<ArrayRef> {
        let (array, row) = self.at(at, row)?;
        array.as_list_opt::<i32>().map(|lists| lists.value(row))
    }
}

/// A column of text, row by row.
pub(super) fn texts<T: AsRef<str>>(
    args: &Args<'_>,
    mut one: impl FnMut(usize) -> Result<Option<T>>,
) -> Result<ArrayRef> {
    let mut out = StringViewBuilder::with_capacity(args.rows);
    let mut bytes = 0;
    for row in 0..args.rows {
        let Some(text) = one(row)? else {
            out.append_null();
            continue;
        };
        bytes += text.as_ref().len();
        if bytes > BATCH_BYTES_MAX {
            return Err(fault("the texts that a function makes are too large"));
        }
        out.append_value(text.as_ref());
    }
    Ok(Arc::new(out.finish()))
}

/// A column of a primitive type, row by row.
pub(super) fn values<T: arrow::datatypes::ArrowPrimitiveType>(
    args: &Args<'_>,
    mut one: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut out = arrow::array::PrimitiveBuilder::<T>::with_capacity(args.rows);
    for row in 0..args.rows {
        out.append_option(one(row)?);
    }
    let out = out.finish();
    match args.gives {
        DataType::Timestamp(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Ok(Arc::new(out.with_data_type(args.gives.clone())))
        }
        _ => Ok(Arc::new(out)),
    }
}

/// A column of booleans, row by row.
pub(super) fn bools(args: &Args<'_>, mut one: impl FnMut(usize) -> Result<Option<bool>>) -> Result<ArrayRef> {
    let mut out = arrow::array::BooleanBuilder::with_capacity(args.rows);
    for row in 0..args.rows {
        out.append_option(one(row)?);
    }
    Ok(Arc::new(out.finish()))
}

/// The value, or the row's null.
macro_rules! some {
    ($value:expr) => {
        match $value {
            Some(value) => value,
            None => return Ok(None),
        }
    };
}
pub(super) use some;
