//! Whether a CSV file ends inside a quoted cell. The parser takes all that follows an open quote as one cell and says
//! nothing, so that half a file can be in one row.
//!
//! The states are those of the parser (RFC 4180, a quote only at the start of a cell), over the same bytes.

use std::io::{Read, Result};

/// Reads on, and remembers where the quote opened that is open.
pub(super) struct QuoteWatch<R> {
    reader: R,
    delimiter: u8,
    state: State,
    line: u64,
    /// The line on which the last quoted cell began.
    opened: u64,
    bytes: u64,
    before: u8,
    is_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a cell.
    Start,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell, which ends it unless another follows.
    AfterQuote,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl<R> QuoteWatch<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        let (state, is_ended) = (State::Start, false);
        Self { reader, delimiter, state, line: 1, opened: 0, bytes: 0, before: 0, is_ended }
    }

    /// The line on which the quote opened that is still open at the end of the file; `None` before the end.
    pub(super) fn ended_in_quote_of(&self) -> Option<u64> {
        (self.is_ended && self.state == State::Quoted).then_some(self.opened)
    }

    fn see(&mut self, byte: u8) {
        let is_mark = BYTE_ORDER_MARK.get(self.bytes as usize) == Some(&byte);
        self.state = match (self.state, byte) {
            (State::Start, _) if is_mark => State::Start,
            (State::Quoted, b'"') => State::AfterQuote,
            (State::Quoted, _) | (State::AfterQuote, b'"') => State::Quoted,
            (_, b'\n' | b'\r') => State::Start,
            (_, byte) if byte == self.delimiter => State::Start,
            (State::Start, b'"') => {
                self.opened = self.line;
                State::Quoted
            }
            _ => State::Plain,
        };
        // A line ends with LF, CR LF or CR.
        if byte == b'\r' || (byte == b'\n' && self.before != b'\r') {
            self.line += 1;
        }
        self.bytes += 1;
        self.before = byte;
    }
}

impl<R: Read> Read for QuoteWatch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.reader.read(buffer)?;
        buffer[..read].iter().for_each(|byte| self.see(*byte));
        self.is_ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_quote(text: &str) -> Option<u64> {
        let mut watch = QuoteWatch::new(text.as_bytes(), b',');
        assert_eq!(watch.ended_in_quote_of(), None);
        watch.read_to_end(&mut Vec::new()).unwrap();
        watch.ended_in_quote_of()
    }

    #[test]
    fn the_line_of_a_quote_that_is_never_closed() {
        for (text, line) in [
            ("a,b\n1,\"2", Some(2)),
            ("a,b\r\n1,\"2\r\n3\",4\r\n5,\"6\n7,8\n", Some(4)),
            ("a,b\r1,\"2\r", Some(2)),
            ("\u{feff}\"a,b\n", Some(1)),
            ("a\n\"x\"\"", Some(2)),
        ] {
            assert_eq!(open_quote(text), line, "{text:?}");
        }
        for whole in
            ["", "a,b\n1,\"2\"", "a\n1\" of pipe\n", "a\n\"x\"\"y\"\n", "a\n\"x\"y\"\n", "\"\"", "\u{feff}\"a\"\n"]
        {
            assert_eq!(open_quote(whole), None, "{whole:?}");
        }
    }
}
