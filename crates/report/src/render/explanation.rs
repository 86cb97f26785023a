//! An explanation as a page and as text. Both are made of the same sections, so that they say the same.

use super::STYLE;
use crate::explanation::Explanation;
use crate::language::Language;
use askama::Template;
use serde_json::Value;

/// A heading with what stands under it.
struct Section {
    title: String,
    lines: Vec<String>,
}

#[derive(Template)]
#[template(path = "explanation.html")]
struct Page<'a> {
    told: &'a Explanation,
    style: &'static str,
    title: String,
    facts: Vec<(String, String)>,
    sections: Vec<Section>,
    receipt_title: String,
    receipt: String,
}

impl Explanation {
    /// A page of HTML: no script, nothing from elsewhere.
    pub fn page(&self, language: &Language) -> String {
        let receipt = self.receipt.as_ref().map(|receipt| receipt.get()).unwrap_or_default();
        let receipt: Value = serde_json::from_str(receipt).unwrap_or_default();
        let receipt = if receipt.is_null() { String::new() } else { format!("{receipt:#}") };
        let page = Page {
            told: self,
            style: STYLE,
            title: language.say("title", &[]),
            facts: self.facts(language),
            sections: self.sections(language),
            receipt_title: language.say("receipt", &[]),
            receipt,
        };
        // Rendering into memory cannot fail.
        page.render().unwrap_or_default()
    }

    /// Plain text.
    pub fn text(&self, language: &Language) -> String {
        let mut text = format!("{} {}\n", language.say("title", &[]), self.decision_id);
        for (name, value) in self.facts(language) {
            text.push_str(&format!("{name}: {}\n", printable(&value)));
        }
        for Section { title, lines } in self.sections(language) {
            text.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {}\n", printable(line))));
        }
        text
    }

    fn facts(&self, language: &Language) -> Vec<(String, String)> {
        let mut facts = vec![
            (language.say("decision", &[]), self.decision.shown()),
            (language.say("made_on", &[]), self.timestamp.clone()),
            (language.say("model", &[]), format!("{} {}", self.model_id, self.model_version)),
        ];
        if let Some(confidence) = self.confidence {
            facts.push((language.say("confidence", &[]), format!("{} %", language.number(confidence * 100.0, 1))));
        }
        if self.human_reviewed {
            facts.push((language.say("in_force", &[]), self.decision_in_force.shown()));
        }
        facts
    }

    fn sections(&self, language: &Language) -> Vec<Section> {
        let section = |title: &str, lines: Vec<String>| Section { title: language.say(title, &[]), lines };
        let reasoning = match (&self.reasoning, self.factors.is_empty()) {
            (Some(reasoning), _) => Some(reasoning.clone()),
            (None, true) => Some(language.say("missing_explanation", &[])),
            (None, false) => None,
        };
        let human = match self.human.is_empty() {
            true => vec![language.say("no_review", &[])],
            false => self.human.iter().map(|review| review.text.clone()).collect(),
        };
        let sections = [
            section("reasoning", reasoning.into_iter().collect()),
            section("factors", self.factors.iter().map(|factor| factor.text.clone()).collect()),
            section("human", human),
            section("notes", self.notes.iter().flat_map(|note| note.text.lines().map(str::to_owned)).collect()),
            section("data_used", vec![self.data_used.join(", ")]),
            section("objection", vec![self.right_to_object.clone()]),
            section("receipt", self.proof(language).into_iter().collect()),
        ];
        sections.into_iter().filter(|section| section.lines.iter().any(|line| !line.is_empty())).collect()
    }

    fn proof(&self, language: &Language) -> Option<String> {
        let receipt: Value = serde_json::from_str(self.receipt.as_ref()?.get()).ok()?;
        let leaf = receipt["leaf_index"].as_u64()?.to_string();
        // A checkpoint's first line is the name of its log (C2SP tlog-checkpoint).
        let origin = receipt["checkpoint"].as_str()?.lines().next()?.to_owned();
        Some(language.say("receipt_text", &[("leaf", &leaf), ("origin", &origin)]))
    }
}

/// Control characters would let a logged value move the cursor of whoever reads it.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use crate::explanation::{Explanation, Objection, Subject};
    use crate::language::Language;
    use serde_json::json;
    use serde_json::value::to_raw_value;

    fn explanation(tag: &str) -> (Explanation, Language) {
        let decision = json!({
            "decision_id": "d<1>", "timestamp": "2026-03-01T10:00:00Z", "model_id": "loan", "model_version": "2",
            "prediction": {"approved": false}, "input_features": {"age": 41},
            "explanation": {"reasoning": "a <script>alert(1)</script> & b\u{1b}[2J"},
        });
        let receipt = to_raw_value(&json!({"leaf_index": 7, "checkpoint": "example.com/log\n9\n"})).unwrap();
        let language = Language::built_in(tag).unwrap();
        let decision = to_raw_value(&decision).unwrap();
        let subject = Subject { decision: &decision, reviews: &[], notes: &[], receipt: Some(receipt) };
        (Explanation::new(subject, &Objection::default(), &language).unwrap(), language)
    }

    #[test]
    fn a_page_shows_what_was_logged_and_runs_none_of_it() {
        let (told, language) = explanation("de");
        let page = told.page(&language);
        assert!(page.contains("<html lang=\"de\">") && page.contains("Erklärung einer Entscheidung"));
        assert!(!page.contains("<script") && page.contains("&#60;script&#62;alert(1)"), "{page}");
        assert!(page.contains("Eintrag 7 des Verzeichnisses example.com/log"));
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    }

    #[test]
    fn the_text_says_the_same() {
        let (told, language) = explanation("en");
        let text = told.text(&language);
        assert!(text.contains("Decision: {\"approved\":false}") && text.contains("No person has looked"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
