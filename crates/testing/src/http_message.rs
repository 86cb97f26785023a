//! Messages of HTTP/1.1 as bytes on a connection: enough for a proxy that passes them on unchanged, and for requests that
//! are signed elsewhere. Bodies are held whole; what was sent in chunks is passed on with its length.

use std::io::{self, BufRead, Error, ErrorKind, Write};

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// The request line or the status line, without its end.
    pub(crate) start: String,
    /// Names as they were sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What says how long the body is, if the headers do not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyOf {
    /// A request: without a length there is none.
    Request,
    /// A response: without a length it ends with the connection.
    Response,
    /// A response to HEAD: there is none, whatever the headers say.
    Head,
}

impl Message {
    /// The first header of that name, in whatever case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn with_header(self, name: &str, value: &str) -> Self {
        let mut message = self.without_header(name);
        message.headers.push((name.to_owned(), value.to_owned()));
        message
    }

    /// The words of the start line: method and target of a request, version and status of a response.
    pub(crate) fn word(&self, at: usize) -> &str {
        self.start.split(' ').nth(at).unwrap_or_default()
    }

    /// The status of a response; 0 if the line holds none.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// Reads start line and headers; none if the connection ended before the first byte.
    pub(crate) fn read_head(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(start) = read_line(from)? else { return Ok(None) };
        let mut message = Self { start, ..Self::default() };
        loop {
            let line = read_line(from)?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(Some(message));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// Reads the body that follows the head.
    pub(crate) fn read_body(self, from: &mut impl BufRead, of: BodyOf) -> io::Result<Self> {
        if of == BodyOf::Head || (of == BodyOf::Response && matches!(self.status(), 204 | 304)) {
            return Ok(self);
        }
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            let mut message = self.without_header("transfer-encoding");
            message.body = read_chunks(from)?;
            let length = message.body.len().to_string();
            return Ok(message.with_header("content-length", &length));
        }
        let mut message = self;
        if let Some(length) = message.header("content-length") {
            message.body = vec![0; length.parse().map_err(|_| invalid("a length that is no number"))?];
            from.read_exact(&mut message.body)?;
        } else if of == BodyOf::Response {
            from.read_to_end(&mut message.body)?;
            let length = message.body.len().to_string();
            message = message.with_header("content-length", &length);
        }
        Ok(message)
    }

    pub(crate) fn write_head(&self, to: &mut impl Write) -> io::Result<()> {
        let mut head = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        to.write_all((head + "\r\n").as_bytes())
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        self.write_head(to)?;
        to.write_all(&self.body)?;
        to.flush()
    }
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// A line without its end; none at the end of the connection.
fn read_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn read_chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(from)?.ok_or(ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("a chunk without a size"))?;
        if size == 0 {
            // Trailers, up to an empty line.
            while read_line(from)?.is_some_and(|line| !line.is_empty()) {}
            return Ok(body);
        }
        let start = body.len();
        body.resize(start + size, 0);
        from.read_exact(&mut body[start..])?;
        read_line(from)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str, of: BodyOf) -> Message {
        let mut bytes = bytes.as_bytes();
        Message::read_head(&mut bytes).unwrap().unwrap().read_body(&mut bytes, of).unwrap()
    }

    #[test]
    fn a_body_has_the_length_that_its_message_says() {
        let counted = read("PUT /b/k HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nabcdef", BodyOf::Request);
        assert_eq!((counted.word(0), counted.word(1), &*counted.body), ("PUT", "/b/k", &b"abc"[..]));
        let chunked = read(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            BodyOf::Response,
        );
        assert_eq!((chunked.status(), &*chunked.body), (200, &b"abcde"[..]));
        assert_eq!((chunked.header("content-length"), chunked.header("transfer-encoding")), (Some("5"), None));
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nabc", BodyOf::Response).body, b"abc");
        assert_eq!(
            read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", BodyOf::Head).header("content-length"),
            Some("9")
        );
        assert!(read("GET / HTTP/1.1\r\n\r\nabc", BodyOf::Request).body.is_empty());
    }

    #[test]
    fn what_was_read_is_written_as_it_was() {
        let sent = "PUT /b/k?x-id=1 HTTP/1.1\r\nhost: 127.0.0.1:9\r\nX-Amz-Date: d\r\nContent-Length: 3\r\n\r\nabc";
        let mut written = Vec::new();
        read(sent, BodyOf::Request).write(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), sent);
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let mut bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".as_bytes();
        let head = Message::read_head(&mut bytes).unwrap().unwrap();
        assert_eq!(head.read_body(&mut bytes, BodyOf::Response).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
