//! The words of explanations: one file a language, a sentence a key, with `{name}` where something is put in.

use std::collections::BTreeMap;

const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("../language/en.toml")), ("de", include_str!("../language/de.toml"))];

/// The sentences of one language.
#[derive(Clone, Debug)]
pub struct Language {
    tag: String,
    sentences: BTreeMap<String, String>,
}

/// Why a language cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LanguageError {
    /// The file is not a table of sentences.
    #[error("a language file is a TOML table of sentences: {0}")]
    File(String),
    /// Sentences are missing.
    #[error("these sentences are missing: {0}")]
    Missing(String),
}

impl Language {
    /// One of the languages that come with the program, by its tag: `en`, `de`.
    pub fn built_in(tag: &str) -> Option<Self> {
        let (tag, text) = BUILT_IN.iter().find(|(known, _)| *known == tag)?;
        Some(Self { tag: (*tag).to_owned(), sentences: toml::from_str(text).ok()? })
    }

    /// A language that a deployer adds, of the text of its file.
    ///
    /// # Errors
    /// [`LanguageError`], with all keys that are missing.
    pub fn parse(tag: &str, text: &str) -> Result<Self, LanguageError> {
        let sentences: BTreeMap<String, String> =
            toml::from_str(text).map_err(|error| LanguageError::File(error.message().to_owned()))?;
        let english: BTreeMap<String, String> = toml::from_str(BUILT_IN[0].1).unwrap_or_default();
        let missing: Vec<&str> =
            english.keys().filter(|key| !sentences.contains_key(*key)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(LanguageError::Missing(missing.join(", ")));
        }
        Ok(Self { tag: tag.to_owned(), sentences })
    }

    /// The language's tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// A number with so many decimals; the mark before them is `decimal_mark`, a point if the language does not say.
    pub fn number(&self, number: f64, decimals: usize) -> String {
        let mark = self.sentences.get("decimal_mark").map_or(".", String::as_str);
        format!("{number:.decimals$}").replace('.', mark)
    }

    /// A sentence with its places filled. What is filled in is not looked at again.
    pub fn say(&self, key: &str, with: &[(&str, &str)]) -> String {
        let mut rest = self.sentences.get(key).map_or("", String::as_str);
        let mut said = String::with_capacity(rest.len() + 32);
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let filled = after.split_once('}').and_then(|(name, after)| {
                let (_, value) = with.iter().find(|(known, _)| *known == name)?;
                Some((value, after))
            });
            match filled {
                Some((value, after)) => {
                    said.push_str(value);
                    rest = after;
                }
                None => {
                    said.push('{');
                    rest = after;
                }
            }
        }
        said + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_sentence() {
        for (tag, text) in BUILT_IN {
            assert_eq!(Language::parse(tag, text).unwrap().tag(), tag);
        }
        assert!(Language::built_in("tlh").is_none());
    }

    #[test]
    fn places_are_filled_once() {
        let text = BUILT_IN[0].1.replace("{contact}", "{contact} {unknown} {");
        let language = Language::parse("en", &text).unwrap();
        assert!(language.say("contact", &[("contact", "{contact}")]).contains("{contact} {unknown} {"));
        assert_eq!(language.say("no such key", &[]), "");
    }

    #[test]
    fn a_broken_file_is_named_by_what_is_wrong() {
        assert!(matches!(Language::parse("fr", "= 1"), Err(LanguageError::File(_))));
        assert!(matches!(Language::parse("fr", "contact = 1"), Err(LanguageError::File(_))));
        let missing = Language::parse("fr", "contact = 'x'").unwrap_err().to_string();
        assert!(missing.contains("right_to_object") && !missing.contains(" contact,"), "{missing}");
    }
}
