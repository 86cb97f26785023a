//! Decisions as a bank's model would log them: the shape of the seed, about 1 KB each, with cardinalities that occur.
//!
//! Seeded and without a clock: the same number gives the same record. The records are in stored form, as intake leaves
//! them, and the Parser is the judge of that in the tests.

use crate::random::Random;
use std::fmt::Write;
use uuid::Uuid;

/// Users that come back.
const USERS: u64 = 100_000;

/// 2026-11-23T07:00:00Z in microseconds.
const START_MICROS: u64 = 1_795_417_200_000_000;

const REGIONS: [&str; 8] = ["north", "south", "east", "west", "coast", "islands", "capital", "abroad"];
const PURPOSES: [&str; 6] = ["car", "debt_consolidation", "education", "home_improvement", "medical", "wedding"];
const EMPLOYMENT: [&str; 4] = ["employed", "retired", "self_employed", "unemployed"];
const GENDERS: [&str; 3] = ["female", "male", "other"];
const FEATURES: [&str; 8] = [
    "age",
    "credit_score",
    "debt_to_income",
    "employment_years",
    "existing_loans",
    "income",
    "late_payments",
    "loan_amount",
];

/// The event id of decision `number`: a UUIDv7 of its moment.
pub fn event_id(number: u64) -> Uuid {
    let mut random = Random::new(number ^ 0x5eed);
    let millis = (START_MICROS + number * 400) / 1_000;
    let (a, b) = (random.number(), random.number());
    Uuid::from_u128(
        u128::from(millis) << 80 | 0x7 << 76 | u128::from(a & 0xfff) << 64 | 0b10 << 62 | u128::from(b >> 2),
    )
}

/// The subject token of decision `number`, if it has one.
pub fn user(number: u64) -> String {
    let user = Random::new(number ^ 0xabcd).below(USERS);
    let random = Random::new(user ^ 0x70c0).number() >> 16;
    format!("sub_{:012x}{random:012x}", START_MICROS / 1_000 + user)
}

/// Decision `number` in stored form.
pub fn decision(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let id = event_id(number);
    let user = user(number);
    let token = Random::new(user.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(31) ^ u64::from(byte))).number();
    let moment = moment(START_MICROS + number * 400 + random.below(300));
    let sent = self::moment(START_MICROS + number * 400 - 1_000 - random.below(20_000));
    let approved = random.below(100) < 62;
    let confidence = (5_000 + random.below(5_000)) as f64 / 10_000.0;
    let (score, income) = (450 + random.below(400), 18_000 + random.below(1_300) * 100);
    let (amount, ratio) = (1_000 + random.below(490) * 100, random.below(9_000) as f64 / 10_000.0);
    let reviewed = random.below(100) < 6;
    let overridden = reviewed && random.below(3) == 0;
    let mut record = String::with_capacity(1_200);
    // Writing to a string does not fail.
    let out = &mut record;
    let (yes, no) = if approved { ("approved", "rejected") } else { ("rejected", "approved") };
    let _ =
        write!(out, r#"{{"alternative_predictions":[{{"confidence":{},"value":"{no}"}}],"#, round(1.0 - confidence));
    let _ = write!(out, r#""confidence":{confidence},"consent_given":true,"data_retention_days":3650,"#);
    let _ = write!(out, r#""data_retention_policy":"high_risk","decision_id":"{id}","environment":"production","#);
    let _ = write!(out, r#""event_id":"{id}","explanation":{{"reasoning":"{yes}: credit score {score}, "#);
    let _ = write!(out, r#"debt to income {ratio}","top_features":["#);
    let first = random.below(FEATURES.len() as u64) as usize;
    for place in 0..4 {
        let importance = (4_000 - place * 900 - random.below(800)) as f64 / 10_000.0;
        let feature = FEATURES[(first + place as usize * 3) % FEATURES.len()];
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(out, r#"{comma}{{"feature":"{feature}","importance":{importance}}}"#);
    }
    let _ = write!(out, "]}},");
    if overridden {
        let _ = write!(out, r#""human_decision":{{"approved":{}}},"#, !approved);
    }
    let _ = write!(out, r#""human_reviewed":{reviewed},"input_features":{{"age":{},"#, 18 + random.below(62));
    let _ = write!(
        out,
        r#""application_id":"APP-{:08}","credit_score":{score},"debt_to_income":{ratio},"#,
        number + 1_000_000
    );
    let _ = write!(out, r#""email":"tok_{token:016x}","employment":"{}","#, random.pick(&EMPLOYMENT));
    let _ = write!(out, r#""employment_years":{},"existing_loans":{},"#, random.below(40), random.below(5));
    let _ =
        write!(out, r#""gender":"{}","income":{income},"late_payments":{},"#, random.pick(&GENDERS), random.below(4));
    let _ = write!(out, r#""loan_amount":{amount},"purpose":"{}","#, random.pick(&PURPOSES));
    let _ = write!(
        out,
        r#""region":"{}"}},"input_hash":"{:016x}{:016x}","#,
        random.pick(&REGIONS),
        random.number(),
        random.number()
    );
    let _ = write!(out, r#""kind":"decision","metadata":{{"channel":"{}","#, random.pick(&["branch", "mobile", "web"]));
    let _ = write!(out, r#""host":"scoring-{:02}"}},"model_id":"loan_approval_model","#, random.below(12));
    let _ = write!(out, r#""model_type":"classification","model_version":"2.{}.0","#, 3 + number / 400_000);
    let _ = write!(out, r#""overridden":{overridden},"#);
    if overridden {
        let _ = write!(
            out,
            r#""override_reason":"{}","#,
            random.pick(&["income documents", "policy exception", "new employer"])
        );
    }
    let _ =
        write!(out, r#""prediction":{{"approved":{approved},"rate":{}}},"#, (300 + random.below(900)) as f64 / 100.0);
    let _ = write!(out, r#""processing_time_ms":{},"recorded_at":"{moment}","#, (80 + random.below(900)) as f64 / 10.0);
    let _ = write!(out, r#""request_id":"req-{:012x}","schema":1,"#, random.number() >> 16);
    let _ = write!(out, r#""system_actor":"loan-service","timestamp":"{sent}","user_id":"{user}"}}"#);
    record.shrink_to_fit();
    record.into_bytes()
}

/// A review of decision `number`.
pub fn review(number: u64, of: u64) -> (Uuid, Vec<u8>) {
    let id = Uuid::from_u128(event_id(number).as_u128() ^ 0xffff);
    let at = moment(START_MICROS + number * 400);
    let record = format!(
        r#"{{"decision_id":"{}","event_id":"{id}","human_decision":"reject","kind":"review","overridden":true,"recorded_at":"{at}","reviewer":"{}","schema":1,"timestamp":"{at}"}}"#,
        event_id(of),
        user(number),
    );
    (id, record.into_bytes())
}

fn round(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

fn moment(micros: u64) -> String {
    onrecord_record::Timestamp::from_micros(micros as i64).to_string()
}
