//! Subject tokens as user ids, for callers with the role `reveal`.

use super::Kernel;
use crate::identity::IdentityResolver;
use crate::json::member::text_array;
use arrow::array::{ArrayRef, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use std::sync::Arc;

/// Shows each token as the user id behind it. The vault is asked once for each token of a batch.
#[derive(Debug)]
pub(crate) struct Reveal(pub(crate) Arc<IdentityResolver>);

impl Kernel for Reveal {
    fn describe(&self) -> String {
        "user".to_owned()
    }

    fn data_type(&self) -> DataType {
        DataType::Utf8View
    }

    fn evaluate(&self, args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [tokens] = args else { return exec_err!("one column of tokens is shown as users") };
        let tokens = text_array(tokens)?;
        let shown = self.0.show(tokens.iter().flatten());
        let users = tokens.iter().map(|token| token.and_then(|token| shown.get(token).map(String::as_str)));
        Ok(Arc::new(users.collect::<StringViewArray>()))
    }
}
