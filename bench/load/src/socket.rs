//! One keep-alive connection: a request out, an answer in. As much of HTTP/1.1 as the answers of one server need.

use anyhow::{Context, Result, bail};
use memchr::memmem;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

const ROOM_BYTES: usize = 16 << 10;

/// The address of `url`, which must be plain HTTP on this machine.
pub(crate) fn loopback(url: &str) -> Result<SocketAddr> {
    let rest = url.strip_prefix("http://").with_context(|| format!("{url}: only http:// is spoken here"))?;
    let host = rest.trim_end_matches('/').replacen("localhost:", "127.0.0.1:", 1);
    let address: SocketAddr =
        host.parse().with_context(|| format!("{url} must be http:// and a loopback address with a port"))?;
    if !address.ip().is_loopback() {
        bail!("{} is not a loopback address: this program loads nothing but its own machine", address.ip());
    }
    Ok(address)
}

/// The bytes of a request that logs `body`.
pub(crate) fn request(address: SocketAddr, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Opens a connection. It blocks: a request of 1 KB fits into the socket's buffer, and nothing is read before `poll`
/// says that something is there.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) fn send(mut stream: &TcpStream, request: &[u8]) -> std::io::Result<()> {
    stream.write_all(request)
}

/// What has come of an answer.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    filled: usize,
}

/// A whole answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Inbox {
    /// Reads what is there. `Ok(None)`: the answer is not whole yet.
    pub(crate) fn receive(&mut self, mut stream: &TcpStream) -> Result<Option<Answer<'_>>> {
        if self.bytes.len() < self.filled + ROOM_BYTES {
            self.bytes.resize(self.filled + ROOM_BYTES, 0);
        }
        let read = stream.read(&mut self.bytes[self.filled..])?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.filled += read;
        let Some((status, start, end)) = measure(&self.bytes[..self.filled])? else { return Ok(None) };
        if self.filled < end {
            return Ok(None);
        }
        self.filled = 0;
        Ok(Some(Answer { status, body: &self.bytes[start..end] }))
    }
}

/// Status, and where the body begins and ends, once the head is there.
fn measure(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..head_end]).context("the server's answer is not HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|rest| rest.get(..3));
    let status = status.and_then(|text| text.parse().ok()).context("the server's answer is not HTTP/1.1")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .context("the server's answer has no content-length")?;
    let start = head_end + 4;
    Ok(Some((status, start, start + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded() {
        assert_eq!(loopback("http://127.0.0.1:7117").unwrap().port(), 7117);
        assert_eq!(loopback("http://localhost:7117/").unwrap().port(), 7117);
        assert!(loopback("http://[::1]:7117").is_ok());
        let refused = loopback("http://192.0.2.1:7117").unwrap_err().to_string();
        assert!(refused.starts_with("192.0.2.1 is not a loopback address"), "{refused}");
        assert!(loopback("https://127.0.0.1:7117").is_err());
        assert!(loopback("http://example.com:80").is_err());
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        assert!(measure(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n").unwrap().is_none());
        let whole = measure(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        assert_eq!(whole, Some((201, 43, 48)));
        assert!(measure(b"SSH-2.0\r\n\r\n").is_err());
    }
}
