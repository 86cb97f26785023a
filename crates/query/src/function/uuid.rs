//! `uuid`: text in its one form, with lower-case digits and hyphens, so that equal ids are equal texts.

use super::call::fault;
use crate::json::member::text_array;
use crate::table::uuid_field;
use arrow::array::{Array, StringViewBuilder};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// What a cast to `uuid` is planned as.
pub(super) static UUID_OF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::new_from_impl(UuidOf { signature: Signature::any(1, Volatility::Immutable) }))
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct UuidOf {
    signature: Signature,
}

impl ScalarUDFImpl for UuidOf {
    fn name(&self) -> &str {
        "uuid"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(uuid_field(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [given] = args.args.as_slice() else { return exec_err!("uuid takes one text") };
        let constant = matches!(given, ColumnarValue::Scalar(_));
        let texts = text_array(&given.to_array(if constant { 1 } else { args.number_rows })?)?;
        let mut out = StringViewBuilder::with_capacity(texts.len());
        for text in &texts {
            let id =
                text.map(|text| read(text).ok_or_else(|| fault("invalid input syntax for type uuid"))).transpose()?;
            out.append_option(id.map(|id| id.hyphenated().to_string()));
        }
        let out = out.finish();
        match constant {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?)),
            false => Ok(ColumnarValue::Array(Arc::new(out))),
        }
    }
}

/// 32 digits, with hyphens after any four of them, in braces or not.
fn read(text: &str) -> Option<Uuid> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut digits = String::with_capacity(32);
    for letter in inner.chars() {
        match letter {
            '-' if !digits.is_empty() && digits.len().is_multiple_of(4) && digits.len() < 32 => {}
            letter if letter.is_ascii_hexdigit() => digits.push(letter),
            _ => return None,
        }
    }
    Uuid::try_parse(&digits).ok().filter(|_| digits.len() == 32 && !inner.contains("--"))
}
