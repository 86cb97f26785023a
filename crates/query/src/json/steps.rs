//! `{a,b}`: a list of texts as PostgreSQL writes it, which is how paths into documents are written.

/// The elements of PostgreSQL's literal of a list of texts.
pub(crate) fn steps(literal: &str) -> Option<Vec<Option<String>>> {
    let inner = literal.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    let (mut out, mut letters) = (Vec::new(), inner.chars().peekable());
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if letters.next_if_eq(&'"').is_some() {
            let mut step = String::new();
            loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => step.push(letters.next()?),
                    letter => step.push(letter),
                }
            }
            while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
            out.push(Some(step));
        } else {
            let mut step = String::new();
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                match letter {
                    '{' | '}' | '"' => return None,
                    '\\' => step.push(letters.next()?),
                    letter => step.push(letter),
                }
            }
            let step = step.trim_end();
            if step.is_empty() {
                return None;
            }
            out.push((!step.eq_ignore_ascii_case("null")).then(|| step.to_owned()));
        }
        match letters.next() {
            None => return Some(out),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}
