//! Rows as the body of an answer: JSON, JSON lines, CSV or an Arrow stream, sent as they come.

use crate::api::problem::Problem;
use crate::session::RecordedRows;
use arrow::error::ArrowError;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use onrecord_query::Error;
use onrecord_query::print::{Format, Printer};

const ARROW: &str = "application/vnd.apache.arrow.stream";

/// What stands before and after the array of rows in JSON.
type Around<'a> = Option<(&'a str, &'static str)>;

/// Sends the rows as they come. An answer that fails half way is cut off, so that it cannot be taken for a whole one.
pub(super) async fn answer(rows: RecordedRows, format: Format, around: Around<'_>) -> Result<Response, Problem> {
    let mut answer = Answer::begin(rows, format, around)?;
    // The first rows are waited for: a query that fails at once is answered as a problem, not as a broken stream.
    let first = answer.next().await?;
    let rest = stream::unfold(answer, async |mut answer| match answer.next().await {
        Ok(bytes) if bytes.is_empty() => None,
        Ok(bytes) => Some((Ok(bytes), answer)),
        Err(error) => {
            tracing::warn!(%error, "an answer is cut off");
            Some((Err(error), answer))
        }
    });
    let body = stream::once(async move { Ok(first) }).chain(rest);
    Ok(([(header::CONTENT_TYPE, content_type(format))], Body::from_stream(body)).into_response())
}

/// The form that is asked for; JSON, if none that there is.
pub(super) fn format_of(headers: &HeaderMap) -> Format {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("application/json");
    if accept.contains("application/x-ndjson") {
        Format::JsonLines
    } else if accept.contains("text/csv") {
        Format::Csv
    } else if accept.contains(ARROW) {
        Format::Arrow
    } else {
        Format::Json
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::JsonLines => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8; header=present",
        Format::Arrow => ARROW,
    }
}

/// An answer being printed.
struct Answer {
    rows: RecordedRows,
    /// Gone when the last row is printed.
    printer: Option<Printer>,
    /// Printed, and not sent yet.
    printed: Vec<u8>,
    /// What comes after the rows, in their last line's place.
    after: Option<&'static str>,
}

/// A piece is sent when it has grown to this.
const PIECE_BYTES: usize = 64 << 10;

impl Answer {
    fn begin(rows: RecordedRows, format: Format, around: Around<'_>) -> Result<Self, Error> {
        let around = around.filter(|_| format == Format::Json);
        let mut printed = around.map(|(before, _)| before.as_bytes().to_vec()).unwrap_or_default();
        let printer = Printer::begin(format, rows.schema(), &mut printed).map_err(unprintable)?;
        Ok(Self { rows, printer: Some(printer), printed, after: around.map(|(_, after)| after) })
    }

    /// The next piece of the body; empty after the last. After an error there is none.
    async fn next(&mut self) -> Result<Bytes, Error> {
        while self.printed.len() < PIECE_BYTES
            && let Some(mut printer) = self.printer.take()
        {
            match self.rows.next().await {
                Some(batch) => {
                    printer.rows(&batch?, &mut self.printed).map_err(unprintable)?;
                    self.printer = Some(printer);
                }
                None => {
                    printer.end(&mut self.printed).map_err(unprintable)?;
                    if let Some(after) = self.after {
                        self.printed.truncate(self.printed.trim_ascii_end().len());
                        self.printed.extend_from_slice(after.as_bytes());
                    }
                }
            }
        }
        Ok(Bytes::from(std::mem::take(&mut self.printed)))
    }
}

pub(super) fn unprintable(_: ArrowError) -> Error {
    Error::Value("a column has a type that cannot be printed; cast it".into())
}
