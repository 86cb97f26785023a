//! What can go wrong with a query, by what the caller can do about it.
//!
//! No message holds record content or a user id. Until rows are read, a message can only hold what is in the SQL text
//! and the names of tables and columns; of these, string literals are blotted out. Once rows are read, a message of
//! DataFusion or Arrow may hold a value ("cannot cast …"), so only its kind is passed on.

use super::fault::Fault;
use super::identity::IdentityError;
use super::message;
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use parquet::errors::ParquetError;
use std::borrow::Cow;
use std::time::Duration;

const UNREADABLE: &str = "a segment cannot be read";

/// An error of a query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no SQL, or names something that is not there: fix the query.
    #[error("{problem}{}", at(*line, *column))]
    Query {
        /// What is wrong, and what was perhaps meant.
        problem: String,
        /// The line it was found at, from 1; 0 when that is not known.
        line: u64,
        /// The character in that line, from 1; 0 when that is not known.
        column: u64,
    },
    /// The statement is SQL, but it is not a read.
    #[error("{0} is not allowed: SQL can only read, with SELECT, WITH, VALUES, EXPLAIN, SHOW and DESCRIBE")]
    NotARead(String),
    /// The query needs more memory than it may have: ask for less, or raise the limit.
    #[error(
        "the query needs more than its {} MB of memory; read fewer rows or columns, or group by fewer values",
        bytes_max >> 20
    )]
    Memory {
        /// What it may have.
        bytes_max: usize,
    },
    /// The query took longer than it may: ask for less, or raise the limit.
    #[error("the query took longer than its {} s", limit.as_secs_f64())]
    Time {
        /// How long it may take.
        limit: Duration,
    },
    /// A value cannot be computed as the query asks, such as a cast of text that is no number: fix the query.
    #[error("{0}")]
    Value(Cow<'static, str>),
    /// A segment or the tail could not be read.
    #[error(transparent)]
    Lake(#[from] onrecord_lake::Error),
    /// The vault cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The engine is shutting down or failed in a way that is its own fault. Trying again may help.
    #[error("the query failed inside the engine: {0}")]
    Engine(&'static str),
}

fn at(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!(" (line {line}, column {column})") }
}

impl Error {
    /// An error before any row was read.
    pub(super) fn planning(error: DataFusionError, sql: &str, bytes_max: usize) -> Self {
        let mut position =
            error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|span| (span.start.line, span.start.column));
        let root = error.find_root();
        let problem = match root {
            DataFusionError::SQL(parser, _) => {
                let message = parser.to_string();
                let message = message.trim_start_matches("sql parser error: ");
                let (message, found) = split_position(message);
                position = position.or(found);
                message::blot(sql, message)
            }
            DataFusionError::SchemaError(schema, _) => message::of_schema(sql, schema),
            DataFusionError::Plan(message)
            | DataFusionError::NotImplemented(message)
            | DataFusionError::Configuration(message) => {
                let message = message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default();
                message::of_plan(sql, message.trim())
            }
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) | DataFusionError::External(_) => {
                return Self::running_ref(root, bytes_max);
            }
            _ => return Self::running(error, bytes_max),
        };
        let (line, column) = position.unwrap_or((0, 0));
        Error::Query { problem, line, column }
    }

    /// An error while rows were read.
    pub(super) fn running(error: DataFusionError, bytes_max: usize) -> Self {
        match lake_error(error) {
            Ok(error) => Error::Lake(error),
            Err(error) => Self::running_ref(error.find_root(), bytes_max),
        }
    }

    fn running_ref(error: &DataFusionError, bytes_max: usize) -> Self {
        match error {
            DataFusionError::ResourcesExhausted(_) => Error::Memory { bytes_max },
            DataFusionError::ArrowError(error, _) => Error::of_arrow(error),
            DataFusionError::Execution(_) | DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => {
                Error::Value("a value cannot be computed as the query asks".into())
            }
            DataFusionError::NotImplemented(_) => {
                Error::Value("the query asks for something that is not supported".into())
            }
            DataFusionError::External(error) if error.is::<IdentityError>() => Error::Identity(IdentityError),
            DataFusionError::External(error) if error.is::<Fault>() => Error::Value(error.to_string().into()),
            DataFusionError::ParquetError(error) => Error::of_parquet(error, bytes_max),
            DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) => Error::Engine(UNREADABLE),
            DataFusionError::ExecutionJoin(_) => Error::Engine("it was stopped"),
            _ => Error::Engine("an internal error"),
        }
    }

    /// The reader of segments evaluates conditions too: what these meet is no fault of the segment.
    fn of_parquet(error: &ParquetError, bytes_max: usize) -> Self {
        let ParquetError::External(inner) = error else { return Error::Engine(UNREADABLE) };
        if let Some(error) = inner.downcast_ref::<DataFusionError>() {
            return Self::running_ref(error.find_root(), bytes_max);
        }
        match inner.downcast_ref::<ArrowError>() {
            Some(ArrowError::ParquetError(_) | ArrowError::IoError(..)) | None => Error::Engine(UNREADABLE),
            Some(error) => Error::of_arrow(error),
        }
    }

    fn of_arrow(error: &ArrowError) -> Self {
        if let ArrowError::ExternalError(inner) = error
            && let Some(fault) = fault_of(inner.as_ref())
        {
            return Error::Value(fault.to_string().into());
        }
        Error::Value(Cow::Borrowed(match error {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => {
                "a value cannot be cast to the type that the query asks for; TRY_CAST gives null instead"
            }
            ArrowError::DivideByZero => "division by zero",
            ArrowError::ArithmeticOverflow(_) => "a number is too large for its type",
            ArrowError::ComputeError(message) if message.contains("DivideByZero") => "division by zero",
            ArrowError::ComputeError(message) if message.contains("CastError") || message.contains("ParseError") => {
                "a value cannot be cast to the type that the query asks for; TRY_CAST gives null instead"
            }
            _ => "a value cannot be computed as the query asks",
        }))
    }
}

/// A function's own message, which Arrow may have wrapped.
fn fault_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Fault> {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return Some(fault);
    }
    match error.downcast_ref::<DataFusionError>()?.find_root() {
        DataFusionError::External(inner) => inner.downcast_ref::<Fault>(),
        _ => None,
    }
}

/// Our own error, if it is at the root.
fn lake_error(error: DataFusionError) -> Result<onrecord_lake::Error, DataFusionError> {
    fn boxed(error: Box<dyn std::error::Error + Send + Sync>) -> Option<onrecord_lake::Error> {
        error.downcast::<onrecord_lake::Error>().ok().map(|error| *error)
    }
    match error {
        DataFusionError::External(inner) if inner.is::<onrecord_lake::Error>() => {
            boxed(inner).ok_or_else(|| DataFusionError::Internal(String::new()))
        }
        DataFusionError::ParquetError(inner) => match *inner {
            ParquetError::External(inner) if inner.is::<onrecord_lake::Error>() => {
                boxed(inner).ok_or_else(|| DataFusionError::Internal(String::new()))
            }
            other => Err(DataFusionError::ParquetError(Box::new(other))),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => lake_error(*inner),
        other => Err(other),
    }
}

/// The parser's message without its position, and the position.
fn split_position(message: &str) -> (&str, Option<(u64, u64)>) {
    let Some((before, position)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let Some((line, column)) = position.split_once(", Column: ") else { return (message, None) };
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    (before, digits(line).zip(digits(column)))
}
