//! Seeded decisions of the seed document's full shape, about 1 KB each, with realistic cardinalities: ten decisions a
//! user, a personal name and e-mail address per user, five models, an application id per decision.

use std::fmt::Write;

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to draw test data from.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

const MODELS: [&str; 5] =
    ["loan_approval_model", "fraud_screening", "credit_limit", "applicant_ranking", "claims_triage"];
const REGIONS: [&str; 8] = ["north", "south", "east", "west", "centre", "coast", "islands", "abroad"];
const FIRST: [&str; 12] =
    ["Anna", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Henrik", "Ines", "Jonas", "Katja", "Liam"];
const LAST: [&str; 12] = [
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
];
const FEATURES: [&str; 6] =
    ["credit_score", "annual_income", "debt_to_income", "loan_amount", "employment_years", "late_payments"];

/// Appends decision number `index` of `total` as one line of JSON; `now_us` is the time of the last one.
pub(crate) fn write(index: u64, total: u64, now_us: i64, out: &mut String) {
    let mut random = Random::new(index.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ 42);
    let users = (total / 10).max(1);
    let user = random.below(users);
    let approved = random.below(100) < 62;
    let confidence = 5_000 + random.below(5_000);
    let overridden = random.below(100) < 2;
    let model = MODELS[(random.below(100) as usize * 7 / 100).min(MODELS.len() - 1)];
    let at = now_us - ((total - index) as i64 * 30 * 86_400_000_000) / total.max(1) as i64;
    let at = onrecord_record::Timestamp::from_micros(at / 1000 * 1000);
    let first = FIRST[(user % 12) as usize];
    let last = LAST[(user / 12 % 12) as usize];
    let fill = |out: &mut String| -> std::fmt::Result {
        write!(
            out,
            r#"{{"decisionId":"dec-{index:010}","timestamp":"{at}","processingTimeMs":{},"#,
            3 + random.below(60)
        )?;
        write!(out, r#""userId":"user_{user}","systemActor":"loan-origination","modelId":"{model}","#)?;
        write!(out, r#""modelVersion":"2.{}.0","modelType":"classification","inputFeatures":{{"#, random.below(4))?;
        write!(
            out,
            r#""application_id":"app-{:010}","gender":"{}","#,
            index * 7 + 13,
            random.pick(&["female", "male", "other"])
        )?;
        write!(out, r#""age":{},"region":"{}","#, 18 + random.below(70), random.pick(&REGIONS))?;
        write!(
            out,
            r#""annual_income":{},"credit_score":{},"#,
            12_000 + random.below(1_200) * 100,
            300 + random.below(551)
        )?;
        write!(
            out,
            r#""loan_amount":{},"term_months":{},"#,
            1_000 + random.below(500) * 100,
            12 * (1 + random.below(10))
        )?;
        write!(out, r#""debt_to_income":0.{:03},"employment_years":{},"#, random.below(1000), random.below(40))?;
        write!(out, r#""late_payments":{},"homeowner":{},"#, random.below(6), random.below(2) == 1)?;
        write!(out, r#""name":"{first} {last} {user}","email":"{first}.{last}.{user}@example.com"}},"#)?;
        write!(
            out,
            r#""prediction":{{"approved":{approved},"score":{}}},"confidence":0.{confidence:04},"#,
            random.below(1000)
        )?;
        write!(
            out,
            r#""alternativePredictions":[{{"value":{{"approved":{}}},"confidence":0.{:04}}}],"#,
            !approved,
            10_000 - confidence
        )?;
        out.push_str(r#""explanation":{"topFeatures":["#);
        let start = random.below(6) as usize;
        for rank in 0..4 {
            let comma = if rank == 0 { "" } else { "," };
            let feature = FEATURES[(start + rank) % 6];
            write!(
                out,
                r#"{comma}{{"feature":"{feature}","importance":0.{:03}}}"#,
                400 / (rank as u64 + 1) + random.below(99)
            )?;
        }
        write!(
            out,
            r#"],"reasoning":"{} is the main reason, then {}; {}."}},"#,
            FEATURES[start],
            FEATURES[(start + 1) % 6],
            if approved { "within policy limits" } else { "outside policy limits" }
        )?;
        write!(out, r#""humanReviewed":{overridden},"overridden":{overridden},"#)?;
        if overridden {
            write!(
                out,
                r#""humanDecision":{{"approved":{}}},"overrideReason":"documents checked by hand","#,
                !approved
            )?;
        }
        write!(
            out,
            r#""environment":"production","requestId":"req-{:012x}","sessionId":"ses-{:08x}","#,
            random.next() >> 16,
            user * 31 + random.below(3)
        )?;
        write!(out, r#""dataRetentionPolicy":"high_risk","dataRetentionDays":3650,"consentGiven":true,"#)?;
        write!(
            out,
            r#""metadata":{{"channel":"{}","app_version":"5.{}.1","currency":"EUR"}}}}"#,
            random.pick(&["web", "mobile", "branch", "partner"]),
            random.below(9)
        )
    };
    let mut fill = fill;
    fill(out).expect("writing to memory cannot fail");
    out.push('\n');
}
