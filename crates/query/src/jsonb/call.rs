//! A function over documents as one row of a table: its name, its arguments, what it gives, and what it does for one row.
//!
//! What holds: an argument that is to be a document and is none, such as a literal, is read as JSON and is an error if it
//! is not; which arguments are documents is decided when the query is planned ([`JsonCall::marked`]), since inside a scan
//! a column has lost its mark. What a batch of calls makes is bounded.

use crate::fault::fault;
use crate::function::{field_type_name, texts};
use crate::json::member::text_array;
use crate::json::steps;
use crate::json::{shown, spell, text};
use crate::table::json_field;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Int32Builder, ListBuilder, StringViewArray, StringViewBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes that one call makes for one batch of rows: what calls hold is not counted towards a query's memory.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Text,
    /// A list of texts, or its literal `'{a,b}'`.
    Texts,
    Int,
    Bool,
    /// A value of any type, which becomes JSON.
    Any,
}

/// What one row gives.
pub(super) enum Value {
    Null,
    Document(String),
    Text(String),
    Bool(bool),
    Int(i32),
    /// Documents or texts.
    List(Vec<Option<String>>),
}

/// The type of what a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Document,
    Text,
    Bool,
    Int,
    Documents,
    Texts,
}

impl Gives {
    fn field(self, name: &str) -> Field {
        let item = Field::LIST_FIELD_DEFAULT_NAME;
        match self {
            Gives::Document => json_field(name),
            Gives::Text => Field::new(name, DataType::Utf8View, true),
            Gives::Bool => Field::new(name, DataType::Boolean, true),
            Gives::Int => Field::new(name, DataType::Int32, true),
            Gives::Documents => Field::new(name, DataType::List(Arc::new(json_field(item))), true),
            Gives::Texts => Field::new(name, DataType::new_list(DataType::Utf8View, true), true),
        }
    }
}

/// A function over documents.
pub(super) struct JsonFunction {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) args: &'static [Kind],
    /// How many of `args` may be left out.
    pub(super) optional: usize,
    /// The kind of any number of further arguments.
    pub(super) rest: Option<Kind>,
    pub(super) gives: Gives,
    /// Whether a null among the arguments makes the result null.
    pub(super) strict: bool,
    pub(super) run: fn(&Row<'_>) -> Result<Value>,
}

impl JsonFunction {
    /// A function of exactly these arguments that gives null for null.
    pub(super) const fn of(
        name: &'static str,
        args: &'static [Kind],
        gives: Gives,
        run: fn(&Row<'_>) -> Result<Value>,
    ) -> Self {
        Self { name, aliases: &[], args, optional: 0, rest: None, gives, strict: true, run }
    }

    pub(super) fn udf(&'static self) -> ScalarUDF {
        ScalarUDF::new_from_impl(JsonCall {
            function: self,
            aliases: self.aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            signature: Signature::user_defined(Volatility::Immutable),
            documents: None,
        })
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.args.get(at).copied().or(self.rest)
    }
}

/// A call of a [`JsonFunction`].
pub(crate) struct JsonCall {
    function: &'static JsonFunction,
    aliases: Vec<String>,
    signature: Signature,
    /// Which arguments are documents, once the query is planned.
    documents: Option<Vec<bool>>,
}

impl std::fmt::Debug for JsonCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonCall").field("function", &self.function.name).field("documents", &self.documents).finish()
    }
}

impl PartialEq for JsonCall {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.documents == other.documents
    }
}

impl Eq for JsonCall {}

impl std::hash::Hash for JsonCall {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
        self.documents.hash(state);
    }
}

impl JsonCall {
    /// The same function, told which of its arguments are documents.
    pub(crate) fn marked(&self, documents: Vec<bool>) -> ScalarUDF {
        ScalarUDF::new_from_impl(Self {
            function: self.function,
            aliases: self.aliases.clone(),
            signature: self.signature.clone(),
            documents: Some(documents),
        })
    }

    /// Whether a call is a document.
    pub(super) fn gives_document(&self) -> bool {
        self.function.gives == Gives::Document
    }

    fn missing(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let given: Vec<String> =
            types.iter().map(|given| field_type_name(&Field::new("", given.clone(), true))).collect();
        plan_err!("function {}({}) does not exist", self.function.name, given.join(", "))
    }
}

impl ScalarUDFImpl for JsonCall {
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
        let (least, most) = (self.function.args.len() - self.function.optional, self.function.args.len());
        if types.len() < least || (types.len() > most && self.function.rest.is_none()) {
            return self.missing(types);
        }
        let mut out = Vec::with_capacity(types.len());
        for (at, given) in types.iter().enumerate() {
            let Some(kind) = self.function.kind(at) else { return self.missing(types) };
            let is_text = given.is_string() || given.is_null();
            out.push(match kind {
                Kind::Document | Kind::Text if is_text => DataType::Utf8View,
                Kind::Texts if is_text => DataType::Utf8View,
                Kind::Texts if matches!(given, DataType::List(item) if item.data_type().is_string()) => {
                    DataType::new_list(DataType::Utf8View, true)
                }
                Kind::Int if given.is_integer() || given.is_null() => DataType::Int64,
                Kind::Bool if *given == DataType::Boolean || is_text => DataType::Boolean,
                Kind::Any => given.clone(),
                _ => return self.missing(types),
            });
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.function.gives.field("").data_type().clone())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(self.function.gives.field(self.name())))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(format!("{}({})", self.name(), args.join(",")))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let marks = self
            .documents
            .clone()
            .unwrap_or_else(|| args.arg_fields.iter().map(|field| crate::table::is_json(field)).collect());
        let mut columns = Vec::with_capacity(args.args.len());
        for (at, arg) in args.args.iter().enumerate() {
            let is_constant = matches!(arg, ColumnarValue::Scalar(_));
            let array = arg.to_array(if is_constant { 1 } else { rows })?;
            let kind = self.function.kind(at).unwrap_or(Kind::Any);
            columns.push(Column::of(kind, &array, marks.get(at).copied().unwrap_or(false), is_constant)?);
        }
        let out = self.rows(&columns, rows)?;
        Ok(match (constant, out.as_list_opt::<i32>()) {
            // A scalar that is made of an array anew forgets what its elements are.
            (true, Some(list)) => ColumnarValue::Scalar(ScalarValue::List(Arc::new(list.clone()))),
            (true, None) => ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?),
            (false, _) => ColumnarValue::Array(out),
        })
    }
}

impl JsonCall {
    fn rows(&self, columns: &[Column], rows: usize) -> Result<ArrayRef> {
        let function = self.function;
        let mut out = Out::new(function.gives);
        for row in 0..rows {
            let row = Row { columns, row };
            let is_null = function.strict && (0..columns.len()).any(|at| row.is_null(at));
            out.push(if is_null { Value::Null } else { (function.run)(&row)? })?;
        }
        out.finish()
    }
}

/// An argument.
struct Column {
    values: ArrayRef,
    /// Documents as they are stored, of an argument that is to be one or is one.
    documents: Option<StringViewArray>,
    constant: bool,
}

impl Column {
    fn of(kind: Kind, values: &ArrayRef, is_document: bool, constant: bool) -> Result<Self> {
        let documents = match (kind, is_document) {
            (Kind::Document | Kind::Any, true) => Some(text_array(values)?),
            (Kind::Document, false) => Some(parsed(values)?),
            (Kind::Any, false) => Some(super::build::documents_of(values)?),
            _ => None,
        };
        // A list of texts may be given as its literal.
        let values = match kind {
            Kind::Texts if values.data_type().is_string() => texts_of_literals(values)?,
            Kind::Text => Arc::new(if is_document { crate::json::shown_texts(values)? } else { texts(values)? }),
            _ => Arc::clone(values),
        };
        Ok(Self { values, documents, constant })
    }
}

/// Text as documents.
pub(super) fn parsed(values: &ArrayRef) -> Result<StringViewArray> {
    let texts = text_array(values)?;
    let mut out = StringViewBuilder::with_capacity(texts.len());
    for text in &texts {
        out.append_option(match text {
            Some(text) => Some(spell::stored(text).ok_or_else(|| fault("invalid input syntax for type json"))?),
            None => None,
        });
    }
    Ok(out.finish())
}

/// `{a,"b c"}` as a list.
fn texts_of_literals(values: &ArrayRef) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(StringViewBuilder::new());
    for literal in &text_array(values)? {
        match literal {
            Some(literal) => {
                let steps = steps(literal).ok_or_else(|| fault("malformed array literal"))?;
                steps.into_iter().for_each(|step| out.values().append_option(step));
                out.append(true);
            }
            None => out.append(false),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// The arguments of one row.
pub(super) struct Row<'a> {
    columns: &'a [Column],
    row: usize,
}

impl Row<'_> {
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    fn at(&self, at: usize) -> Option<(&Column, usize)> {
        let column = self.columns.get(at)?;
        let row = if column.constant { 0 } else { self.row };
        let is_null = column.values.data_type().is_null() || column.values.is_null(row);
        (!is_null).then_some((column, row))
    }

    pub(super) fn is_null(&self, at: usize) -> bool {
        self.at(at).is_none()
    }

    /// A document; JSON null for what is null.
    pub(super) fn document(&self, at: usize) -> &str {
        let found = self.at(at).and_then(|(column, row)| Some(column.documents.as_ref()?.value(row)));
        found.unwrap_or("null")
    }

    pub(super) fn text(&self, at: usize) -> Option<&str> {
        let (column, row) = self.at(at)?;
        column.values.as_string_view_opt().map(|texts| texts.value(row))
    }

    pub(super) fn texts(&self, at: usize) -> Vec<Option<String>> {
        let Some((column, row)) = self.at(at) else { return Vec::new() };
        let Some(lists) = column.values.as_list_opt::<i32>() else { return Vec::new() };
        let list = lists.value(row);
        list.as_string_view_opt().into_iter().flatten().map(|text| text.map(str::to_owned)).collect()
    }

    pub(super) fn int(&self, at: usize) -> Option<i64> {
        let (column, row) = self.at(at)?;
        column.values.as_primitive_opt::<Int64Type>().map(|ints| ints.value(row))
    }

    pub(super) fn bool(&self, at: usize) -> Option<bool> {
        let (column, row) = self.at(at)?;
        column.values.as_boolean_opt().map(|truths| truths.value(row))
    }
}

/// A column that is being made.
struct Out {
    builder: Builder,
    bytes: usize,
}

enum Builder {
    Texts(StringViewBuilder),
    Bools(BooleanBuilder),
    Ints(Int32Builder),
    Lists(ListBuilder<StringViewBuilder>),
}

impl Out {
    fn new(gives: Gives) -> Self {
        let field = gives.field("");
        let builder = match field.data_type() {
            DataType::Boolean => Builder::Bools(BooleanBuilder::new()),
            DataType::Int32 => Builder::Ints(Int32Builder::new()),
            DataType::List(item) => {
                Builder::Lists(ListBuilder::new(StringViewBuilder::new()).with_field(Arc::clone(item)))
            }
            _ => Builder::Texts(StringViewBuilder::new()),
        };
        Self { builder, bytes: 0 }
    }

    fn push(&mut self, value: Value) -> Result<()> {
        self.bytes += match &value {
            Value::Document(text) | Value::Text(text) => text.len(),
            Value::List(list) => list.iter().map(|one| one.as_deref().map_or(0, str::len) + 16).sum(),
            _ => 0,
        };
        if self.bytes > BATCH_BYTES_MAX {
            return Err(fault("the documents that a function makes are too large"));
        }
        match (&mut self.builder, value) {
            (Builder::Texts(out), Value::Document(text) | Value::Text(text)) => out.append_value(text),
            (Builder::Texts(out), Value::Null) => out.append_null(),
            (Builder::Bools(out), Value::Bool(truth)) => out.append_value(truth),
            (Builder::Bools(out), Value::Null) => out.append_null(),
            (Builder::Ints(out), Value::Int(number)) => out.append_value(number),
            (Builder::Ints(out), Value::Null) => out.append_null(),
            (Builder::Lists(out), Value::List(list)) => {
                list.into_iter().for_each(|one| out.values().append_option(one));
                out.append(true);
            }
            (Builder::Lists(out), Value::Null) => out.append(false),
            _ => return exec_err!("a function gives another type than it says"),
        }
        Ok(())
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(match self.builder {
            Builder::Texts(mut out) => Arc::new(out.finish()),
            Builder::Bools(mut out) => Arc::new(out.finish()),
            Builder::Ints(mut out) => Arc::new(out.finish()),
            Builder::Lists(mut out) => Arc::new(out.finish()),
        })
    }
}

/// What `->>` gives of a value, as a result.
pub(super) fn text_value(value: Option<&str>) -> Value {
    value.and_then(text).map_or(Value::Null, |text| Value::Text(Cow::into_owned(text)))
}

/// A document as text, in PostgreSQL's spelling.
pub(super) fn spelt(document: &str) -> Value {
    Value::Text(shown(document))
}
