//! One client's connection: reads its requests one after the other, and answers each as the proxy's faults say.

use super::{Exchange, Fault, Shared};
use crate::http_message::{BodyOf, Message};
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What the client gets, and how.
struct Answer {
    message: Message,
    /// Bytes of the body that are sent; if not all, the connection closes then.
    length: usize,
    bytes_per_second: Option<u64>,
}

pub(super) fn serve(mut client: &TcpStream, store: SocketAddr, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client);
    while let Some(head) = Message::read_head(&mut from_client)? {
        if head.header("expect").is_some() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let request = head.without_header("expect").read_body(&mut from_client, BodyOf::Request)?;
        let answer = answer(&request, store, shared);
        // Noted before it is sent, so that a client that has its answer finds it among the exchanges.
        let sends = answer.as_ref().ok().and_then(Option::as_ref);
        shared.lock().exchanges.push(Exchange {
            method: request.word(0).to_owned(),
            target: request.word(1).to_owned(),
            range: request.header("range").map(str::to_owned),
            sent: request.body.len(),
            status: sends.map(|answer| answer.message.status()),
            received: sends.map_or(0, |answer| answer.length),
        });
        let Some(answer) = answer? else { return Ok(()) };
        send(&answer, client)?;
        if answer.length < answer.message.body.len() {
            return Ok(());
        }
    }
    Ok(())
}

/// The answer to a request; none if the connection is to close without one.
fn answer(request: &Message, store: SocketAddr, shared: &Shared) -> io::Result<Option<Answer>> {
    let fault = shared.fault(request.word(0), request.word(1));
    let mut message = match fault {
        Some(Fault::Drop) => return Ok(None),
        Some(Fault::Answer(status)) => refusal(status, request.word(0)),
        _ => forward(request, store)?,
    };
    let mut length = message.body.len();
    let mut bytes_per_second = None;
    match fault {
        Some(Fault::LoseAnswer) => return Ok(None),
        Some(Fault::CutAfter(bytes)) => length = length.min(bytes),
        Some(Fault::FlipBit(at)) => {
            if let Some(byte) = message.body.get_mut(at) {
                *byte ^= 1;
            }
        }
        Some(Fault::Delay(delay)) => std::thread::sleep(delay),
        Some(Fault::Slow(bytes)) => bytes_per_second = Some(bytes),
        Some(Fault::Answer(_) | Fault::Drop) | None => {}
    }
    Ok(Some(Answer { message, length, bytes_per_second }))
}

/// Asks the store on a connection of its own.
fn forward(request: &Message, store: SocketAddr) -> io::Result<Message> {
    let mut connection = TcpStream::connect(store)?;
    request.clone().with_header("Connection", "close").write(&mut connection)?;
    let mut from_store = BufReader::new(connection);
    let head = Message::read_head(&mut from_store)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let of = if request.word(0) == "HEAD" { BodyOf::Head } else { BodyOf::Response };
    let mut message = head.without_header("connection").read_body(&mut from_store, of)?;
    // A store may speak HTTP/1.0, in which a connection ends with its answer; the proxy's own stays open.
    message.start = message.start.replacen("HTTP/1.0", "HTTP/1.1", 1);
    Ok(message)
}

/// The answer of a store that does not do it.
fn refusal(status: u16, method: &str) -> Message {
    let (code, meaning) = match status {
        403 => ("AccessDenied", "Access Denied"),
        503 => ("SlowDown", "Please reduce your request rate."),
        507 => ("InsufficientStorage", "The store is full."),
        _ => ("InternalError", "We encountered an internal error."),
    };
    let body = if method == "HEAD" {
        String::new()
    } else {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{meaning}</Message></Error>"
        )
    };
    let message = Message { start: format!("HTTP/1.1 {status} {code}"), body: body.into_bytes(), headers: Vec::new() };
    let length = message.body.len().to_string();
    message.with_header("content-type", "application/xml").with_header("content-length", &length)
}

fn send(answer: &Answer, mut client: &TcpStream) -> io::Result<()> {
    answer.message.write_head(&mut client)?;
    let body = &answer.message.body[..answer.length];
    let Some(bytes_per_second) = answer.bytes_per_second else {
        client.write_all(body)?;
        return client.flush();
    };
    // Ten pieces a second.
    for piece in body.chunks(usize::try_from(bytes_per_second / 10).unwrap().max(1)) {
        std::thread::sleep(Duration::from_secs_f64(piece.len() as f64 / bytes_per_second as f64));
        client.write_all(piece)?;
    }
    client.flush()
}
