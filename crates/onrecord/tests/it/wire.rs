//! HTTP/1.1 as bytes on a socket: what a test sends is exactly what it says, and nothing is retried behind its back.

use onrecord_evidence::{Checkpoint, Verifier};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Longer than any bound of the server's, so that an answer that does not come is a failure and not a hanging test.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(100);

/// Someone who speaks to a server, with a token or without.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) address: String,
    pub(crate) token: Option<String>,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    /// The same address, with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { address: self.address.clone(), token: Some(token.to_owned()) }
    }

    pub(crate) fn without_token(&self) -> Self {
        Self { address: self.address.clone(), token: None }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], b"")
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.call("POST", path, &[("content-type", "application/json")], body.as_ref())
    }

    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_call(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As `call`, where the server may be gone.
    pub(crate) fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        exchange(&self.address, &self.request(method, path, headers, body))
    }

    /// The bytes of a request; the connection is not used again.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let mut request = (request + "\r\n").into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// Asks in SQL, for the answer in the form `accept`.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str, accept: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        self.call("POST", "/v1/sql", &headers, json!({ "sql": sql }).to_string().as_bytes())
    }

    /// The rows of a query that must succeed.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        let answer = self.sql(sql, "application/x-ndjson");
        assert_eq!(answer.status, 200, "{sql}: {}", answer.text());
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one number that a query gives.
    #[track_caller]
    pub(crate) fn count(&self, sql: &str) -> u64 {
        let rows = self.rows(sql);
        rows[0].as_object().unwrap().values().next().unwrap().as_u64().unwrap_or_else(|| panic!("{rows:?}"))
    }

    /// How many entries others put on the record: all but those that onrecord makes itself, of reads and refusals for
    /// instance.
    #[track_caller]
    pub(crate) fn recorded(&self) -> u64 {
        self.count("SELECT COUNT(*) FROM entries WHERE kind NOT IN ('system', 'access')")
    }

    /// The signed head of the log, as it is.
    #[track_caller]
    pub(crate) fn note(&self) -> String {
        let answer = self.get("/checkpoint");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    /// The head of the log, its signature checked.
    #[track_caller]
    pub(crate) fn checkpoint(&self, key: &Verifier) -> Checkpoint {
        key.verify(&self.note()).unwrap()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} and not JSON: {}", self.status, self.text()))
    }
}

/// Sends `request` and reads the answer. The two go on at once: a server may answer, and close, before it has read all.
pub(crate) fn exchange(address: &str, request: &[u8]) -> io::Result<Answer> {
    let stream = TcpStream::connect(address)?;
    std::thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(request));
        let answer = answer(&stream);
        let _ = stream.shutdown(Shutdown::Both);
        answer
    })
}

/// Reads an answer to the end of its connection.
pub(crate) fn answer(stream: &TcpStream) -> io::Result<Answer> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut bytes = Vec::new();
    let ended = (&mut &*stream).read_to_end(&mut bytes);
    match (parse(&bytes), ended) {
        (Some(answer), _) => Ok(answer),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The answer in `bytes`; `None` while it is not whole.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: body.to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(body)?;
    } else if let Some(length) = answer.header("content-length") {
        answer.body = body.get(..length.parse().ok()?)?.to_vec();
    }
    Some(answer)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}
