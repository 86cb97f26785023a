//! One decision of the seed document's full shape, some 1,046 bytes of JSON.
//!
//! Every value is a function of the series' seed and the decision's index, so that any part of a series can be made
//! again by itself. Cardinalities are those of a lender: ten decisions a user, a name and an e-mail address per user,
//! one model with most of the traffic, an application id per decision.

use crate::random::Random;
use jiff::Timestamp;
use std::fmt::{self, Write};

/// The span over which the timestamps of a set are spread, in ms.
const SPAN_MS: i128 = 30 * 86_400_000;

/// Each with its share in percent.
const MODELS: [(&str, u64); 5] = [
    ("loan_approval_model", 55),
    ("fraud_screening", 20),
    ("credit_limit", 12),
    ("applicant_ranking", 8),
    ("claims_triage", 5),
];
const FIRST: [&str; 20] = [
    "Anna", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Henrik", "Ines", "Jonas", "Katja", "Liam", "Mira",
    "Noah", "Olga", "Paul", "Rosa", "Samir", "Tessa", "Viktor",
];
const LAST: [&str; 20] = [
    "Adler",
    "Baumann",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hoffmann",
    "Ivanov",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Weber",
];
const FEATURES: [&str; 4] = ["credit_score", "annual_income", "loan_amount", "age"];

/// A set of decisions: `records` from index `first` on, of `users` users, their timestamps spread evenly over the 30
/// days up to `end`.
pub(crate) struct Set {
    pub(crate) seed: u64,
    pub(crate) first: u64,
    pub(crate) records: u64,
    pub(crate) users: u64,
    pub(crate) end: Timestamp,
    pub(crate) with_event_id: bool,
}

impl Set {
    /// Appends the decision at `place` of this set as one line.
    pub(crate) fn write(&self, place: u64, out: &mut String) -> fmt::Result {
        let index = self.first + place;
        let mut random = Random::of(self.seed, index);
        let at_ms = i128::from(self.end.as_millisecond())
            - i128::from(self.records - place) * SPAN_MS / i128::from(self.records);
        let at = Timestamp::from_millisecond(at_ms as i64).map_err(|_| fmt::Error)?;
        let id = uuid_like(at_ms as u64, &mut random);
        let user = random.below(self.users);

        out.push('{');
        if self.with_event_id {
            write!(out, r#""eventId":"{id}","#)?;
        }
        write!(out, r#""decisionId":"dec-{index:010}","timestamp":"{at:.3}","#)?;
        write!(out, r#""processingTimeMs":{},"userId":"user_{user}","#, 3 + random.below(60))?;
        write!(out, r#""systemActor":"loan-api","modelId":"{}","#, model(&mut random))?;
        write!(out, r#""modelVersion":"2.{}.0","modelType":"classification","#, random.below(4))?;
        write_inputs(index, user, &mut random, out)?;
        write_verdict(&mut random, out)?;
        write!(out, r#""environment":"production","requestId":"req-{:012x}","#, random.next() >> 16)?;
        write!(out, r#""sessionId":"ses-{:08x}","#, user * 31 + random.below(3))?;
        out.push_str(r#""dataRetentionPolicy":"high_risk","dataRetentionDays":3650,"consentGiven":true,"metadata":{"#);
        if !self.with_event_id {
            // Who sets no event id has some other id to find a request by; it keeps both kinds of set of one size.
            let trace = (u128::from(random.next()) << 64) | u128::from(random.next());
            write!(out, r#""trace_id":"{trace:032x}","#)?;
        }
        let channel = random.pick(&["web", "mobile", "branch", "partner"]);
        writeln!(out, r#""channel":"{channel}"}}}}"#)
    }
}

/// As a JSON encoder writes it: without zeros at the end.
fn ratio(ten_thousandths: u64) -> f64 {
    ten_thousandths as f64 / 1e4
}

fn model(random: &mut Random) -> &'static str {
    let mut drawn = random.below(100);
    for (name, share) in MODELS {
        if drawn < share {
            return name;
        }
        drawn -= share;
    }
    unreachable!("the shares add up to a hundred")
}

/// A UUID of version 7 (RFC 9562 §5.7) from the decision's own time and the series' random numbers.
fn uuid_like(at_ms: u64, random: &mut Random) -> String {
    let (a, b) = (random.next() & 0xfff, random.next());
    let (high, low) = (at_ms >> 16, at_ms & 0xffff);
    let variant = 0x8000 | (b >> 48 & 0x3fff);
    format!("{high:08x}-{low:04x}-7{a:03x}-{variant:04x}-{:012x}", b & 0xffff_ffff_ffff)
}

fn write_inputs(index: u64, user: u64, random: &mut Random, out: &mut String) -> fmt::Result {
    let first = FIRST[(user % 20) as usize];
    let last = LAST[(user / 20 % 20) as usize];
    let gender = random.pick(&["female", "male", "female", "male", "female", "male", "other"]);
    write!(out, r#""inputFeatures":{{"application_id":"app-{:010}","gender":"{gender}","#, index * 7 + 13)?;
    write!(out, r#""age":{},"#, 18 + random.below(70))?;
    write!(out, r#""annual_income":{},"#, 12_000 + random.below(1_200) * 100)?;
    write!(out, r#""credit_score":{},"#, 300 + random.below(551))?;
    write!(out, r#""loan_amount":{},"#, 1_000 + random.below(500) * 100)?;
    write!(out, r#""name":"{first} {last}","email":"{first}.{last}.{user}@example.com"}},"#)
}

fn write_verdict(random: &mut Random, out: &mut String) -> fmt::Result {
    let approved = random.below(100) < 62;
    let confidence = 5_000 + random.below(5_000);
    let overridden = random.below(100) < 2;
    write!(out, r#""prediction":{{"approved":{approved},"score":{}}},"#, random.below(1000))?;
    write!(out, r#""confidence":{},"alternativePredictions":[{{"value":{},"#, ratio(confidence), !approved)?;
    write!(out, r#""confidence":{}}}],"explanation":{{"topFeatures":["#, ratio(10_000 - confidence))?;
    let start = random.below(FEATURES.len() as u64) as usize;
    let feature = |rank: usize| FEATURES[(start + rank) % FEATURES.len()];
    for rank in 0..3 {
        let comma = if rank == 0 { "" } else { "," };
        let importance = ratio(400 / (rank as u64 + 1) * 10 + random.below(99) * 10);
        write!(out, r#"{comma}{{"feature":"{}","importance":{importance}}}"#, feature(rank))?;
    }
    let limits = if approved { "within" } else { "outside" };
    write!(out, r#"],"reasoning":"{} and {} {limits} policy"}},"#, feature(0), feature(1))?;
    write!(out, r#""humanReviewed":{overridden},"overridden":{overridden},"#)?;
    if overridden {
        write!(out, r#""humanDecision":{{"approved":{}}},"#, !approved)?;
        out.push_str(r#""overrideReason":"documents checked by hand","#);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: u64 = 5_000;

    fn lines(first: u64, with_event_id: bool) -> Vec<String> {
        let end = "2026-01-31T00:00:00Z".parse().unwrap();
        let set = Set { seed: 42, first, records: RECORDS, users: RECORDS / 10, end, with_event_id };
        let line = |place| {
            let mut line = String::new();
            set.write(place, &mut line).unwrap();
            line
        };
        (0..RECORDS).map(line).collect()
    }

    #[test]
    fn a_line_has_some_1046_bytes() {
        for with_event_id in [true, false] {
            let bytes: usize = lines(0, with_event_id).iter().map(String::len).sum();
            let average = bytes as f64 / RECORDS as f64;
            assert!((1030.0..=1060.0).contains(&average), "{average} with an event id: {with_event_id}");
        }
    }

    #[test]
    fn a_series_can_be_made_again_and_its_parts_are_disjoint() {
        assert_eq!(lines(0, true), lines(0, true));
        let id = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["eventId"].to_string();
        let ids: std::collections::HashSet<_> = lines(0, true).iter().chain(&lines(RECORDS, true)).map(id).collect();
        assert_eq!(ids.len() as u64, 2 * RECORDS);
    }

    #[test]
    fn values_are_spread_as_promised() {
        let lines: Vec<serde_json::Value> =
            lines(0, true).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let share = |holds: &dyn Fn(&serde_json::Value) -> bool| {
            lines.iter().filter(|line| holds(line)).count() as f64 / RECORDS as f64
        };
        assert!((0.01..0.03).contains(&share(&|line| line["overridden"] == true && line["humanDecision"].is_object())));
        assert!((0.5..0.6).contains(&share(&|line| line["modelId"] == "loan_approval_model")));
        assert_eq!(share(&|line| (0.5..1.0).contains(&line["confidence"].as_f64().unwrap())), 1.0);
        assert_eq!(lines[0]["timestamp"], "2026-01-01T00:00:00.000Z");
        assert_eq!(share(&|line| line["timestamp"].as_str().unwrap() < "2026-01-31"), 1.0);
    }
}
