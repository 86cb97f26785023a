//! What a session says of itself, and `pg_typeof`.

use super::call::{Args, Function, Kind, function, gives, some, takes, texts};
use super::numeric::{field_type_name, type_name};
use crate::table::TABLES;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// The name of every user, database and schema here; who asks is on the record, not in SQL.
const NAME: &str = "onrecord";

fn version(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |_| Ok(Some(concat!("PostgreSQL 15.0 (onrecord ", env!("CARGO_PKG_VERSION"), ")"))))
}

fn name(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |_| Ok(Some(NAME)))
}

fn schema(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |_| Ok(Some("public")))
}

/// The type of a column of a table of this ledger, or what the engine calls it in words of PostgreSQL.
fn column_type(args: &Args<'_>) -> Result<ArrayRef> {
    texts(args, |row| {
        let (table, column) = (some!(args.text(0, row)), some!(args.text(1, row)));
        let schema = TABLES.iter().find(|known| known.name == table).map(|known| known.schema());
        if let Some(field) = schema.as_ref().and_then(|schema| schema.field_with_name(column).ok()) {
            return Ok(Some(field_type_name(field)));
        }
        Ok(args.text(2, row).map(|given| {
            let known = given.parse::<DataType>().map(|given| type_name(&given));
            known.unwrap_or_else(|_| given.to_lowercase())
        }))
    })
}

/// The functions of a session.
pub(super) const FUNCTIONS: &[Function] = &[
    function("version", &[takes(&[], gives::text, version)]),
    function("current_user", &[takes(&[], gives::text, name)]),
    function("session_user", &[takes(&[], gives::text, name)]),
    function("user", &[takes(&[], gives::text, name)]),
    function("current_role", &[takes(&[], gives::text, name)]),
    function("current_database", &[takes(&[], gives::text, name)]),
    function("current_catalog", &[takes(&[], gives::text, name)]),
    function("column_type", &[takes(&[Kind::Text, Kind::Text, Kind::Text], gives::text, column_type)]),
    function("current_schema", &[takes(&[], gives::text, schema)]),
];

/// `pg_typeof(value)`.
pub(super) fn type_of() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(TypeOf { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TypeOf {
    signature: Signature,
}

impl ScalarUDFImpl for TypeOf {
    fn name(&self) -> &str {
        "pg_typeof"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(field) = args.arg_fields.first() else { return exec_err!("pg_typeof takes one value") };
        let name = field_type_name(field);
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(Some(name))))
    }
}
