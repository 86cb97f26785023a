//! Where and why a text is not JSON.
//!
//! The fast parser says little about what it refuses. This slow one is asked then, and only then, and finds the first
//! thing that is wrong, with its line, its column and the pointer to the value it is in. It follows RFC 8259 and the
//! limits, and it repeats nothing of the text but member names.

use crate::fault::{Fault, push_index, push_key};
use crate::limit;
use crate::number::{TOO_LARGE, TOO_LONG};

const ENDS: &str = "the document ends too early";

/// The fault of a text that the fast parser refused.
#[cold]
pub(crate) fn fault(json: &[u8]) -> Fault {
    let valid = match std::str::from_utf8(json) {
        Ok(_) => json.len(),
        Err(error) => error.valid_up_to(),
    };
    let mut search = Search { json: &json[..valid], at: 0, pointer: String::new(), depth: 0 };
    let problem = match search.document() {
        // Nothing is wrong before the bytes that are not UTF-8.
        Err(_) | Ok(()) if search.at == valid && valid < json.len() => "the text is not valid UTF-8 here",
        Err(problem) => problem,
        Ok(()) => "the document is not valid JSON",
    };
    Fault { pointer: search.pointer.clone(), problem: format!("{}: {problem}", search.place()) }
}

struct Search<'a> {
    json: &'a [u8],
    at: usize,
    pointer: String,
    depth: usize,
}

type Found = Result<(), &'static str>;

impl<'a> Search<'a> {
    /// Line and column; the column alone if the text is one line. Both count from 1, columns in characters.
    fn place(&self) -> String {
        let before = &self.json[..self.at.min(self.json.len())];
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        // Every character has one byte that is not a continuation byte.
        let column = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        if line == 1 && !self.json.trim_ascii_end().contains(&b'\n') {
            format!("column {column}")
        } else {
            format!("line {line}, column {column}")
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn document(&mut self) -> Found {
        self.space();
        if self.json.starts_with(b"\xef\xbb\xbf") {
            return Err("the document begins with a byte order mark");
        }
        if self.peek().is_none() {
            return Err("there is no document");
        }
        self.value()?;
        self.space();
        if self.peek().is_some() { Err("there is more after the end of the document") } else { Ok(()) }
    }

    fn value(&mut self) -> Found {
        match self.peek() {
            None => Err(ENDS),
            Some(b'{' | b'[') if self.depth == limit::NESTING_MAX => Err("arrays and objects are nested too deeply"),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
        }
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Found) -> Found {
        self.depth += 1;
        self.at += 1;
        self.space();
        inside(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Found {
        if self.skip(b'}') {
            return Ok(());
        }
        let length = self.pointer.len();
        loop {
            if self.peek() != Some(b'"') {
                return Err(if self.peek().is_none() { ENDS } else { "a member name in double quotes must be here" });
            }
            let name = self.string()?;
            push_key(&mut self.pointer, &name);
            self.space();
            if !self.skip(b':') {
                return Err(if self.peek().is_none() { ENDS } else { "a colon must be here" });
            }
            self.space();
            self.value()?;
            self.pointer.truncate(length);
            self.space();
            if self.skip(b'}') {
                return Ok(());
            }
            if !self.skip(b',') {
                return Err(if self.peek().is_none() { ENDS } else { "a comma or the end of the object must be here" });
            }
            self.space();
        }
    }

    fn array(&mut self) -> Found {
        if self.skip(b']') {
            return Ok(());
        }
        let length = self.pointer.len();
        for index in 0.. {
            push_index(&mut self.pointer, index);
            self.value()?;
            self.pointer.truncate(length);
            self.space();
            if self.skip(b']') {
                break;
            }
            if !self.skip(b',') {
                return Err(if self.peek().is_none() { ENDS } else { "a comma or the end of the array must be here" });
            }
            self.space();
        }
        Ok(())
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A string; what it says is put together only roughly, for a pointer: escapes stay as they are.
    fn string(&mut self) -> Result<String, &'static str> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err("a string does not end"),
                Some(b'"') => {
                    let text = String::from_utf8_lossy(&self.json[start..self.at]).into_owned();
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err("a control character in a string must be escaped"),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Found {
        match self.json.get(self.at + 1) {
            None => return Err("a string does not end"),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unpaired = "an unpaired surrogate is not a character";
                match self.unit(self.at)? {
                    0xdc00..=0xdfff => return Err(unpaired),
                    0xd800..=0xdbff => match self.unit(self.at + 6) {
                        Ok(0xdc00..=0xdfff) => self.at += 12,
                        _ => return Err(unpaired),
                    },
                    _ => self.at += 6,
                }
            }
            Some(_) => return Err("there is no such escape in JSON"),
        }
        Ok(())
    }

    /// The code unit of the `\uXXXX` at a place.
    fn unit(&self, at: usize) -> Result<u32, &'static str> {
        let escape = self.json.get(at..at + 6).filter(|escape| escape.starts_with(b"\\u"));
        let digits = escape.filter(|escape| escape[2..].iter().all(u8::is_ascii_hexdigit));
        digits
            .and_then(|escape| std::str::from_utf8(&escape[2..]).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or("an escape \\u needs four hexadecimal digits")
    }

    fn number(&mut self) -> Found {
        let start = self.at;
        let token = self.token();
        let unsigned = token.strip_prefix(b"-").unwrap_or(token);
        let problem = if matches!(unsigned, b"Infinity" | b"inf" | b"NaN") {
            Some("infinity and NaN are not JSON")
        } else if unsigned.len() > 1 && unsigned[0] == b'0' && unsigned[1].is_ascii_digit() {
            Some("a number must not begin with a zero that stands for nothing")
        } else if !is_number(unsigned) {
            Some("this is not a number in JSON")
        } else if unsigned.len() > limit::INTEGER_DIGITS_MAX && unsigned.iter().all(u8::is_ascii_digit) {
            Some(TOO_LONG)
        } else {
            let double = std::str::from_utf8(token).ok().and_then(|text| text.parse::<f64>().ok());
            (!double.is_some_and(f64::is_finite)).then_some(TOO_LARGE)
        };
        match problem {
            None => Ok(()),
            Some(problem) => {
                self.at = start;
                Err(problem)
            }
        }
    }

    fn word(&mut self) -> Found {
        let start = self.at;
        let problem = match self.token() {
            b"true" | b"false" | b"null" => return Ok(()),
            b"NaN" | b"nan" | b"Infinity" | b"inf" | b"+Infinity" => "infinity and NaN are not JSON",
            b"True" | b"False" | b"None" => {
                "this is Python, not JSON: true, false and null are written in small letters"
            }
            b"undefined" => "undefined is not JSON; leave the member out or send null",
            _ if self.json[start] == b'\'' => "strings are in double quotes in JSON",
            _ => "a value must be here",
        };
        self.at = start;
        Err(problem)
    }

    /// Everything up to white space or punctuation.
    fn token(&mut self) -> &'a [u8] {
        let rest = &self.json[self.at..];
        let end = rest.iter().position(|byte| b" \t\r\n,:[]{}\"".contains(byte)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

/// Whether a text is a number as RFC 8259 §6 has it, without its sign.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let exponent_sound = exponent.is_none_or(|exponent| {
        digits(exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent))
    });
    let mantissa_sound = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => digits(&mantissa[..at]) && digits(&mantissa[at + 1..]),
        None => digits(mantissa),
    };
    mantissa_sound && exponent_sound
}
