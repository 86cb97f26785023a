//! A zip file as the body of an answer, sent as it is written.

use anyhow::Result;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use std::io::{BufWriter, Write};
use tokio::sync::mpsc;

/// Bytes that are sent at once.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait to be sent.
const PIECES_WAITING_MAX: usize = 4;

/// Sends what is written, which may block. One that fails half way is cut off, so that it cannot be taken for a whole one.
pub(super) fn answer(write: impl FnOnce(BufWriter<Pieces>) -> Result<()> + Send + 'static) -> Response {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let out = BufWriter::with_capacity(PIECE_BYTES, Pieces(sender.clone()));
        if let Err(error) = write(out) {
            tracing::warn!("an export is cut off: {error:#}");
            // Nobody may be there any more.
            let _ = sender.blocking_send(Err(std::io::Error::other("the export broke off")));
        }
    });
    let body = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    ([(header::CONTENT_TYPE, "application/zip")], Body::from_stream(body)).into_response()
}

/// Sends what is written; fails when nobody takes it any more.
pub(super) struct Pieces(mpsc::Sender<std::io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
