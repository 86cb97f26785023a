//! Reading a request's body within a bound. The bound holds after decompression, so that a small gzip or zstd body
//! cannot grow past it in memory.

use crate::api::problem::Problem;
use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::StreamExt;
use onrecord_service::Reason;

/// Reads the whole body, at most `bytes_max` of it. One that comes in one piece is not copied.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let (mut first, mut read) = (Bytes::new(), Vec::new());
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        let length = first.len() + read.len() + chunk.len();
        if length > bytes_max {
            let detail = format!("the body is over {bytes_max} bytes (after decompression); send less at once");
            return Err(Problem::too_large(detail).refused(Reason::TooLarge));
        }
        if first.is_empty() && read.is_empty() {
            first = chunk;
            continue;
        }
        read.extend_from_slice(&std::mem::take(&mut first));
        read.extend_from_slice(&chunk);
    }
    Ok(if read.is_empty() { first } else { read.into() })
}

fn broken(error: &axum::Error) -> Problem {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<tower_http::timeout::TimeoutError>() {
            return Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow-body",
                "The body came too slowly",
                "no byte arrived within the time allowed; nothing was written",
            )
            .refused(Reason::TooSlow);
        }
        cause = error.source();
    }
    Problem::bad_request("the body ended early or is not valid in its Content-Encoding; nothing was written")
        .refused(Reason::Invalid)
}
