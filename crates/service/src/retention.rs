//! Retention rules: how long records are kept, by the name of a retention policy, and what happens then.
//!
//! A rule of the policy file that keeps records for a shorter time than the one that is on the record does not take effect by
//! itself: a slip of the pen must not delete what cannot be brought back.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name that a decision has without one.
pub const STANDARD: &str = "standard";

/// The most days: a thousand years.
const DAYS_MAX: u32 = 365_250;

/// All rules, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rules(pub BTreeMap<String, Rule>);

/// What happens to records of one retention policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Days from when a decision was recorded until its time is over.
    pub days: u32,
    /// Fewer days than this a decision cannot ask for; `days` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_days: Option<u32>,
    /// What happens then.
    #[serde(default)]
    pub action: RuleAction,
    /// After so many more days, archived records are deleted; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<u32>,
    /// From when days count.
    #[serde(default)]
    pub clock: Clock,
    /// The law that it rests on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub basis: String,
}

/// What happens to records whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// They are deleted.
    #[default]
    Delete,
    /// They move to cold storage.
    Archive,
}

/// From when days count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// From when onrecord recorded the decision: a producer's time is not trusted.
    #[default]
    RecordedAt,
}

/// A rule that the policy file has made shorter, which nobody confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// The retention policy.
    pub policy: String,
    /// The days that are in effect.
    pub days: u32,
    /// The days that the file says; `None` if it has no such policy any more.
    pub wanted_days: Option<u32>,
}

impl Rule {
    /// The least days that a decision can ask for.
    pub fn min_days(&self) -> u32 {
        self.min_days.unwrap_or(self.days).min(self.days)
    }

    /// Days until nothing of a record is left; `None` if something always is.
    fn days_in_all(&self) -> Option<u32> {
        match self.action {
            RuleAction::Delete => Some(self.min_days()),
            RuleAction::Archive => self.delete_after_days.map(|more| self.min_days().saturating_add(more)),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let days = [Some(self.days), self.min_days, self.delete_after_days];
        if days.iter().flatten().any(|days| *days > DAYS_MAX) {
            return Some("days must be at most 365250, a thousand years");
        }
        if self.days == 0 {
            return Some("days must be at least 1");
        }
        if self.min_days.is_some_and(|min_days| min_days > self.days) {
            return Some("min_days must not be more than days");
        }
        if self.action == RuleAction::Delete && self.delete_after_days.is_some() {
            return Some("delete_after_days is for action = \"archive\"");
        }
        None
    }
}

impl Rules {
    /// What is wrong with them: the policy, and the problem.
    pub(crate) fn problem(&self) -> Option<(String, &'static str)> {
        if !self.0.contains_key(STANDARD) {
            return Some((STANDARD.to_owned(), "must be there: it is for decisions that name no policy"));
        }
        self.0.iter().find_map(|(name, rule)| Some((name.clone(), rule.problem()?)))
    }

    /// These rules, but where one of before kept records for longer: that one. Says where.
    pub(crate) fn after(&self, before: Option<&Self>) -> (Self, Vec<Shortened>) {
        let (mut rules, mut shortened) = (self.clone(), Vec::new());
        for (name, old) in before.into_iter().flat_map(|before| &before.0) {
            let new = self.0.get(name);
            // Without an end a record is kept for longest; without a rule it is kept too, but nobody said so.
            let is_shorter = new.is_none_or(|new| match (new.days_in_all(), old.days_in_all()) {
                (Some(new), Some(old)) => new < old,
                (Some(_), None) => true,
                (None, _) => false,
            });
            if is_shorter {
                shortened.push(Shortened {
                    policy: name.clone(),
                    days: old.days,
                    wanted_days: new.map(|new| new.days),
                });
                rules.0.insert(name.clone(), old.clone());
            }
        }
        (rules, shortened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        toml::from_str(text).unwrap()
    }

    fn rules(rules: &[(&str, &str)]) -> Rules {
        Rules(rules.iter().map(|(name, text)| ((*name).to_owned(), rule(text))).collect())
    }

    #[test]
    fn a_shorter_rule_waits_and_a_longer_one_does_not() {
        let before =
            rules(&[("standard", "days = 365"), ("old", "days = 10"), ("cold", "days = 5\naction = 'archive'")]);
        let now = rules(&[("standard", "days = 30"), ("new", "days = 1"), ("cold", "days = 3\naction = 'archive'")]);
        let (effective, shortened) = now.after(Some(&before));
        let named: Vec<_> =
            shortened.iter().map(|short| (short.policy.as_str(), short.days, short.wanted_days)).collect();
        assert_eq!(named, [("old", 10, None), ("standard", 365, Some(30))]);
        assert_eq!(effective.0["standard"].days, 365);
        assert_eq!((effective.0["new"].days, effective.0["cold"].days), (1, 3), "archived records are still there");
        assert_eq!(now.after(None), (now.clone(), Vec::new()));
        let (_, shortened) =
            rules(&[("standard", "days = 400\nmin_days = 100")]).after(Some(&rules(&[("standard", "days = 365")])));
        assert_eq!(shortened.len(), 1, "what a decision may ask for counts");
    }

    #[test]
    fn rules_that_make_no_sense_are_named() {
        for (text, problem) in [
            ("days = 0", "at least 1"),
            ("days = 365251", "at most"),
            ("days = 5\nmin_days = 6", "more than days"),
            ("days = 5\ndelete_after_days = 6", "archive"),
        ] {
            let (name, found) = rules(&[("standard", text)]).problem().unwrap();
            assert!(name == "standard" && found.contains(problem), "{found}");
        }
        assert_eq!(rules(&[("other", "days = 1")]).problem().unwrap().0, "standard");
        assert!(toml::from_str::<Rule>("days = -1").is_err() && toml::from_str::<Rule>("").is_err());
    }
}
