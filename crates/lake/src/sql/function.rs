//! PostgreSQL's functions that DataFusion lacks.

use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
};
use std::sync::Arc;

/// Every function of this module.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(ScalarUDF::new_from_impl(Date::new()))]
}

/// `date(x)`, which is `CAST(x AS DATE)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Date {
    signature: Signature,
}

impl Date {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Date {
    fn name(&self) -> &str {
        "date"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null] => Ok(DataType::Date32),
            [text] if text.is_string() => Ok(DataType::Date32),
            _ => plan_err!("date takes one time or text"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [value] => value.cast_to(&DataType::Date32, None),
            _ => exec_err!("date takes one value"),
        }
    }

    fn simplify(&self, mut args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.pop() {
            Some(value) => Ok(ExprSimplifyResult::Simplified(cast(value, DataType::Date32))),
            None => internal_err!("date takes one value"),
        }
    }
}
