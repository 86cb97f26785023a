//! What a session says of itself, and `pg_typeof`.

use super::call::{Args, Function, function, gives, takes, texts};
use super::numeric::type_name;
use crate::table::is_json;
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

/// The functions of a session.
pub(super) const FUNCTIONS: &[Function] = &[
    function("version", &[takes(&[], gives::text, version)]),
    function("current_user", &[takes(&[], gives::text, name)]),
    function("session_user", &[takes(&[], gives::text, name)]),
    function("user", &[takes(&[], gives::text, name)]),
    function("current_role", &[takes(&[], gives::text, name)]),
    function("current_database", &[takes(&[], gives::text, name)]),
    function("current_catalog", &[takes(&[], gives::text, name)]),
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
        let name = if is_json(field) { "jsonb".to_owned() } else { type_name(field.data_type()) };
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(Some(name))))
    }
}
