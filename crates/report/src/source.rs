//! What reports ask through: SQL in, Arrow batches out. Whoever can answer SQL over the decisions can answer every report.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use async_trait::async_trait;

/// Answers queries over the tables of the ledger, in PostgreSQL's dialect. Nothing but aggregates and bounded pages are
/// asked for, so that an answer fits into memory however many decisions there are.
#[async_trait]
pub trait Source: Send + Sync {
    /// Why there is no answer.
    type Error: std::error::Error + Send + Sync + 'static;

    /// All rows of a query.
    ///
    /// # Errors
    /// Whatever keeps it from answering.
    async fn query(&self, sql: String) -> Result<Vec<RecordBatch>, Self::Error>;
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error<E: std::error::Error + 'static> {
    /// The source does not answer.
    #[error(transparent)]
    Source(#[from] E),
    /// What was asked for is not there. Ask for something else.
    #[error("{0}")]
    NotFound(&'static str),
    /// What was asked for cannot be reported on. Ask for something else.
    #[error("{0}")]
    Unfit(String),
    /// There is no noise to be had for a private answer; try again.
    #[error("{0}")]
    Noise(String),
    /// What was asked for costs more privacy than is left. Ask for less, or raise the budget.
    #[error("{0}")]
    OverBudget(String),
    /// The answer is not what the query asks for: a bug of the source.
    #[error("the answer of a query lacks the column {0}, or has it in another type")]
    Answer(&'static str),
}

/// The rows of an answer, read by column.
pub(crate) struct Rows(RecordBatch);

impl Rows {
    /// The rows of a query.
    pub(crate) async fn of<S: Source + ?Sized>(source: &S, sql: String) -> Result<Self, Error<S::Error>> {
        let batches = source.query(sql).await?;
        let Some(first) = batches.first() else {
            return Ok(Self(RecordBatch::new_empty(arrow::datatypes::Schema::empty().into())));
        };
        let rows = concat_batches(&first.schema(), &batches).map_err(|_| Error::Answer("any"))?;
        Ok(Self(rows))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// A column of whole numbers.
    pub(crate) fn integers<E: std::error::Error>(&self, name: &'static str) -> Result<Vec<Option<i64>>, Error<E>> {
        let column = self.column(name, &DataType::Int64)?;
        Ok(column.map(|column| column.as_primitive::<Int64Type>().iter().collect()).unwrap_or_default())
    }

    /// A column of counts, null standing for none.
    pub(crate) fn counts<E: std::error::Error>(&self, name: &'static str) -> Result<Vec<u64>, Error<E>> {
        let count = |count: Option<i64>| u64::try_from(count.unwrap_or(0)).map_err(|_| Error::Answer(name));
        self.integers(name)?.into_iter().map(count).collect()
    }

    /// A column of instants.
    pub(crate) fn timestamps<E: std::error::Error>(
        &self,
        name: &'static str,
    ) -> Result<Vec<Option<jiff::Timestamp>>, Error<E>> {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let Some(column) = self.column(name, &utc)? else { return Ok(Vec::new()) };
        let instant = |micros: Option<i64>| {
            micros.map(|micros| jiff::Timestamp::from_microsecond(micros).map_err(|_| Error::Answer(name))).transpose()
        };
        column.as_primitive::<TimestampMicrosecondType>().iter().map(instant).collect()
    }

    /// The count in an answer of one row; none in one without rows.
    pub(crate) fn count<E: std::error::Error>(&self, name: &'static str) -> Result<u64, Error<E>> {
        Ok(self.counts(name)?.first().copied().unwrap_or(0))
    }

    /// The number in an answer of one row, if there is one.
    pub(crate) fn number<E: std::error::Error>(&self, name: &'static str) -> Result<Option<f64>, Error<E>> {
        Ok(self.numbers(name)?.first().copied().flatten())
    }

    /// A column of numbers.
    pub(crate) fn numbers<E: std::error::Error>(&self, name: &'static str) -> Result<Vec<Option<f64>>, Error<E>> {
        let column = self.column(name, &DataType::Float64)?;
        Ok(column.map(|column| column.as_primitive::<Float64Type>().iter().collect()).unwrap_or_default())
    }

    /// A column as text.
    pub(crate) fn texts<E: std::error::Error>(&self, name: &'static str) -> Result<Vec<Option<String>>, Error<E>> {
        let Some(column) = self.column(name, &DataType::Utf8)? else { return Ok(Vec::new()) };
        Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// The column in that type; `None` in an answer without rows, which may have no columns either.
    fn column<E: std::error::Error>(&self, name: &'static str, kind: &DataType) -> Result<Option<ArrayRef>, Error<E>> {
        if self.0.num_rows() == 0 {
            return Ok(None);
        }
        let column = self.0.column_by_name(name).ok_or(Error::Answer(name))?;
        let cast = cast(column, kind).map_err(|_| Error::Answer(name))?;
        // A cast gives null for what does not fit.
        if cast.null_count() > column.logical_null_count() { Err(Error::Answer(name)) } else { Ok(Some(cast)) }
    }
}
