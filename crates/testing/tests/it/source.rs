//! Which top-level module of a crate names which others, read from the source.
//!
//! This reads words, not Rust: comments, texts and test modules are left out, and what follows `crate::` counts. It does
//! not see a name that a macro puts together, and needs none: what it is for is to notice, not to prove.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules that each module names.
pub(crate) type Uses = BTreeMap<String, BTreeSet<String>>;

/// The top-level modules of the crate with that `src` directory.
pub(crate) fn uses(src: &Path) -> Uses {
    let root = ["lib.rs", "main.rs"].map(|name| src.join(name)).into_iter().find(|path| path.exists()).unwrap();
    let root = without_tests(&words(&std::fs::read_to_string(root).unwrap()));
    let modules = declared(&root);
    let exported = exported(&root, &modules);
    let mut uses = Uses::new();
    for module in &modules {
        let mut named = BTreeSet::new();
        let dir = src.join(module);
        for path in [src.join(format!("{module}.rs")), dir.join("mod.rs")].iter().filter(|path| path.exists()) {
            named.extend(names(&std::fs::read_to_string(path).unwrap(), true));
        }
        below(&dir, &mut |path| named.extend(names(&std::fs::read_to_string(path).unwrap(), false)));
        let known = named.iter().filter_map(|name| modules.get(name).or_else(|| exported.get(name)));
        let known = known.filter(|other| *other != module).cloned().collect();
        uses.insert(module.clone(), known);
    }
    uses
}

/// Visits the Rust files of a directory and those below it, if it is there.
fn below(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            below(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path);
        }
    }
}

/// What stands behind `crate::` in a file; and behind `super::`, if that is the crate's root.
fn names(source: &str, is_top: bool) -> Vec<String> {
    let words = without_tests(&words(source));
    let mut names = Vec::new();
    for (at, pair) in words.windows(2).enumerate() {
        let is_path_start = at == 0 || words[at - 1] != "::";
        let is_root = pair[0] == "crate" || (is_top && is_path_start && pair[0] == "super");
        if is_root && pair[1] == "::" {
            names.extend(first_names(&words[at + 2..]));
        }
    }
    names
}

/// The first names of a path, of which there are several if it opens with a brace.
fn first_names(words: &[String]) -> Vec<String> {
    if words.first().is_none_or(|word| word != "{") {
        return words.first().cloned().into_iter().collect();
    }
    let (mut names, mut depth) = (Vec::new(), 0);
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            _ if depth == 1 && at > 0 && matches!(words[at - 1].as_str(), "{" | ",") => names.push(word.clone()),
            _ => {}
        }
    }
    names
}

/// The modules that a crate's root has in files of their own.
fn declared(root: &[String]) -> BTreeSet<String> {
    let found = root.windows(3).filter(|words| words[0] == "mod" && words[2] == ";");
    found.map(|words| words[1].clone()).collect()
}

/// The names that a crate's root takes from its modules, with the module of each.
fn exported(root: &[String], modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut exported = BTreeMap::new();
    for (at, _) in root.iter().enumerate().filter(|(_, word)| *word == "use") {
        let path: Vec<&String> = root[at + 1..].iter().take_while(|word| *word != ";").collect();
        let Some(module) = path.iter().find(|word| !matches!(word.as_str(), "crate" | "self" | "::")) else { continue };
        if !modules.contains(*module) {
            continue;
        }
        let is_last = |at: usize| path.get(at + 1).is_none_or(|next| matches!(next.as_str(), "," | "}"));
        let last = path.iter().enumerate().filter(|(at, name)| name.as_str() != "}" && is_last(*at));
        exported.extend(last.map(|(_, name)| ((*name).clone(), (*module).clone())));
    }
    exported
}

/// The words without what is compiled for tests only.
fn without_tests(words: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        if words[at..].iter().take(MARK.len()).eq(MARK.iter()) {
            at = item_end(words, at + MARK.len());
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

/// The place behind an item: behind its `;` or its last brace.
fn item_end(words: &[String], start: usize) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(start) {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}

/// Names, `::` and single marks; no comments, no texts, no characters.
fn words(source: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut left = source;
    while let Some(first) = left.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = if left.starts_with("//") {
            left.find('\n').unwrap_or(left.len())
        } else if left.starts_with("/*") {
            left.find("*/").map_or(left.len(), |end| end + 2)
        } else if let Some(length) = text_length(left) {
            length
        } else if is_name(first) {
            let end = left.find(|c| !is_name(c)).unwrap_or(left.len());
            words.push(left[..end].to_owned());
            end
        } else if left.starts_with("::") {
            words.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() && first != '\'' {
                words.push(first.to_string());
            }
            first.len_utf8()
        };
        left = &left[length..];
    }
    words
}

/// The length of the text or character that the source begins with, if it does.
fn text_length(source: &str) -> Option<usize> {
    let unprefixed = source.trim_start_matches(['b', 'c']);
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(text) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let behind = text.find(&end).map_or("", |at| &text[at + end.len()..]);
            return Some(source.len() - behind.len());
        }
    }
    let quote = source.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut chars = source.char_indices().skip(1);
    let (mut count, mut is_escaped) = (0, false);
    while let Some((at, c)) = chars.next() {
        count += 1;
        match c {
            '\\' => is_escaped = chars.next().is_some(),
            c if c == quote => return Some(at + 1),
            // A lifetime.
            _ if quote == '\'' && count == 2 && !is_escaped => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn only_code_is_read() {
    let source = r###"
        //! Of crate::comment.
        use crate::{alpha, beta::{gamma, Delta}, self_made as other};
        /* crate::block */ use super::sibling;
        fn f<'a>(c: &'a str) -> char { let _ = ("crate::text \" crate::text", '"', '\'', '\u{22}', b'"', r#"crate::"raw"#); crate::call() }
        #[cfg(test)]
        mod tests { use crate::{in_test}; fn g() { {} } }
        pub(in crate::visible) struct After;
    "###;
    assert_eq!(names(source, true), ["alpha", "beta", "self_made", "sibling", "call", "visible"]);
    assert_eq!(names(source, false), ["alpha", "beta", "self_made", "call", "visible"]);
}

#[test]
fn what_the_root_exports_is_of_its_module() {
    let root = words(
        "mod one; pub mod two; mod inline { } pub use one::{A, B as C, deep::D}; use std::io::E; use crate::two::F;",
    );
    let modules = declared(&root);
    assert_eq!(modules, ["one", "two"].map(str::to_owned).into());
    let expected = [("A", "one"), ("C", "one"), ("D", "one"), ("F", "two")];
    assert_eq!(exported(&root, &modules), expected.map(|(name, module)| (name.to_owned(), module.to_owned())).into());
}
