//! Expressions of our own that run inside the scan, over the physical columns of one file or one batch of the tail.
//!
//! `adapt` builds them; nothing outside the scan sees them. Each is a [`Kernel`], a function over whole columns, and
//! [`KernelExpr`] makes a DataFusion expression of it.

pub(super) mod among;
mod cover;
pub(super) mod document;
pub(super) mod follow_up;
pub(super) mod presence;
pub(super) mod record;
pub(super) mod reveal;
pub(super) mod review;
pub(super) mod text;

pub(super) use cover::cover;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::IsNullExpr;
use std::fmt::{self, Debug, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A function over columns.
pub(super) trait Kernel: Debug + Send + Sync {
    /// What it does, for EXPLAIN. Kernels with the same text and the same arguments must give the same values.
    fn describe(&self) -> String;

    /// The type of what it makes.
    fn data_type(&self) -> DataType;

    /// Makes `rows` values of the arguments, which have `rows` values each.
    fn evaluate(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef>;
}

/// A kernel with its arguments.
#[derive(Debug)]
pub(super) struct KernelExpr {
    kernel: Arc<dyn Kernel>,
    /// The arguments, then the guards: see [`KernelExpr::new`].
    children: Vec<Arc<dyn PhysicalExpr>>,
    args: usize,
}

impl KernelExpr {
    /// The expression over `args`, which are columns of `schema` or made of them.
    ///
    /// DataFusion's Parquet source evaluates a predicate over a list column while decoding only if the predicate has
    /// an `IS NULL` somewhere; any other it would leave out silently, after it had promised at planning time, when
    /// only the logical schema was known, to apply it. Each list argument therefore gets an `IS NULL` as a further
    /// child, a guard that is never evaluated.
    pub(super) fn new(kernel: impl Kernel + 'static, args: Vec<Arc<dyn PhysicalExpr>>, schema: &Schema) -> Arc<Self> {
        let is_nested = |arg: &&Arc<dyn PhysicalExpr>| arg.data_type(schema).is_ok_and(|of| of.is_nested());
        let guards: Vec<Arc<dyn PhysicalExpr>> =
            args.iter().filter(is_nested).map(|arg| Arc::new(IsNullExpr::new(Arc::clone(arg))) as _).collect();
        let count = args.len();
        Arc::new(Self { kernel: Arc::new(kernel), children: args.into_iter().chain(guards).collect(), args: count })
    }
}

impl PartialEq for KernelExpr {
    fn eq(&self, other: &Self) -> bool {
        let same = Arc::ptr_eq(&self.kernel, &other.kernel) || self.kernel.describe() == other.kernel.describe();
        same && self.children == other.children
    }
}

impl Eq for KernelExpr {}

impl Hash for KernelExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel.describe().hash(state);
        self.children.hash(state);
    }
}

impl Display for KernelExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.kernel.describe())?;
        for (at, arg) in self.children[..self.args].iter().enumerate() {
            write!(f, "{}{arg}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl PhysicalExpr for KernelExpr {
    fn data_type(&self, _input_schema: &Schema) -> Result<DataType> {
        Ok(self.kernel.data_type())
    }

    fn nullable(&self, _input_schema: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let args = self.children[..self.args]
            .iter()
            .map(|arg| arg.evaluate(batch)?.into_array(rows))
            .collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(self.kernel.evaluate(&args, rows)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.children.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { kernel: Arc::clone(&self.kernel), children, args: self.args }))
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
