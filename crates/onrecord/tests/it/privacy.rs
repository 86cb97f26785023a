//! Personal data goes in, and is nowhere: not in a byte of the directory, before or after sealing, not in a log line, an
//! error or a metric. Who is entitled still finds the person.

use crate::program::{Directory, Server};
use crate::scan::Scan;
use crate::wire::Caller;
use serde_json::{Value, json};
use std::fs;

/// What stands in no record, error or file as personal data, but is content all the same: no error may repeat it.
const CONTENT: &str = "Xq7-kept-content";

/// Somebody, with everything that identifies them.
struct Person {
    user: String,
    name: String,
    email: String,
    phone: String,
    ssn: String,
    street: String,
    iban: String,
    card: String,
    reviewer: String,
}

impl Person {
    fn make(at: u64) -> Self {
        let surname = ["Wunderlich", "Öztürkoglu", "Fitzwilliam", "Szczepanski"][at as usize % 4];
        let first = ["Ottokar", "Genoveva", "Bartholomew"][at as usize % 3];
        Self {
            user: format!("customer-{surname}-{}", 70_000 + at),
            name: format!("{first} {surname}{at:02}"),
            email: format!("{}.{at}@post{at:02}.example", first.to_lowercase()),
            phone: if at.is_multiple_of(2) {
                format!("+1 (415) 555-01{at:02}")
            } else {
                format!("+49 221 4710 7{at:02}")
            },
            ssn: format!("536-90-43{at:02}"),
            street: format!("{} Elderberry Crescent {at:02}", 100 + at),
            iban: iban(at),
            card: card(at),
            reviewer: format!("pruefer-{at:02}@bank.example"),
        }
    }

    /// What must not be found.
    fn secrets(&self) -> Vec<String> {
        let Self { user, name, email, phone, ssn, street, iban, card, reviewer } = self;
        let whole = [user, name, email, phone, ssn, street, iban, card, reviewer].map(String::clone);
        let surname = name.split(' ').next_back().unwrap().to_owned();
        let bare = [phone, iban, card].map(|text| text.chars().filter(|char| char.is_alphanumeric()).collect());
        whole.into_iter().chain([surname]).chain(bare).collect()
    }

    /// A sentence in which everything stands that a detector knows.
    fn text(&self) -> String {
        let Self { user, email, phone, ssn, iban, card, .. } = self;
        format!("Asked {user} by {email}, then phoned {phone}; SSN {ssn}, paid from {iban} with card {card}.")
    }

    /// The same without the user id.
    fn anonymous_text(&self) -> String {
        self.text().replace(&self.user, "them")
    }

    /// A decision with personal data wherever a record has a place for it.
    fn decision(&self, number: u64) -> Value {
        let Self { user, name, email, phone, ssn, street, .. } = self;
        let names: Vec<&str> = name.split(' ').collect();
        json!({
            "decision_id": format!("d-{number}"), "user_id": user, "model_id": "m", "model_version": "1",
            "input_features": {
                "city": CONTENT, "age": 30 + number % 50, "note": self.text(), "user_id": user,
                "applicant": { "name": name, "Email": email, "PHONE": phone, "ssn": ssn,
                    "address": { "street": street, "lines": [street, name], "zip": 50667 } },
                "history": [{ "contact": { "email": email, "phone": digits(phone) } }, [{ "Name": names }], self.text()],
            },
            "prediction": { "approved": number.is_multiple_of(2), "name": name, "letter": self.text() },
            "confidence": 0.5,
            "alternative_predictions": [{ "value": { "email": email, "why": self.text() }, "confidence": 0.1 }],
            "explanation": { "reasoning": self.text(), "top_features": [{ "feature": "age", "importance": 0.1 }] },
            "human_reviewed": true, "overridden": true, "override_reason": self.text(),
            "human_decision": { "approved": false, "by": email, "name": name },
            "request_id": format!("of {email}"), "session_id": format!("of {user}"), "system_actor": "test",
            "metadata": { "address": street, "agent": { "SSN": ssn, "deep": [[[{ "phone": phone }]]] }, "log": self.text() },
        })
    }

    fn review(&self, number: u64) -> Value {
        let Self { name, email, reviewer, .. } = self;
        json!({ "kind": "review", "decision_id": format!("d-{number}"), "reviewer": reviewer, "overridden": true,
            "override_reason": self.anonymous_text(),
            "human_decision": { "email": email, "name": name, "text": self.anonymous_text() } })
    }

    fn outcome(&self, number: u64) -> Value {
        json!({ "kind": "outcome", "decision_id": format!("d-{number}"), "outcome": { "repaid": true, "name": self.name },
            "metadata": { "email": self.email, "log": self.anonymous_text() } })
    }
}

fn digits(text: &str) -> u64 {
    text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// A German account number with the right check digits (ISO 13616).
fn iban(at: u64) -> String {
    let account = format!("37040044053201{at:04}");
    // D = 13, E = 14, then 00 in place of the check digits.
    let remainder =
        format!("{account}131400").bytes().fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - remainder)
}

/// A card number with the right last digit (Luhn), in groups of four.
fn card(at: u64) -> String {
    let number = format!("45320151128{at:04}");
    let doubled = |(place, digit): (usize, u8)| {
        let digit = u64::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
        digit / 10 + digit % 10
    };
    let sum: u64 = number.bytes().rev().enumerate().map(doubled).sum();
    let number = format!("{number}{}", (10 - sum % 10) % 10);
    format!("{} {} {} {}", &number[..4], &number[4..8], &number[8..12], &number[12..])
}

/// A policy that uses the other modes too.
const OTHER_POLICY: [(&str, &str); 4] = [
    ("email = \"token\"", "email = \"drop\""),
    ("ssn = \"token\"", "ssn = \"seal\""),
    ("address = \"token\"", "address = \"seal\""),
    ("correlation = \"subject\"", "correlation = \"tenant\""),
];

#[test]
fn personal_data_is_nowhere_under_the_policy_as_it_comes() {
    run(&Directory::init());
}

#[test]
fn personal_data_is_nowhere_when_it_is_sealed_or_dropped() {
    let directory = Directory::init();
    let path = directory.path().join("policy.toml");
    let mut policy = fs::read_to_string(&path).unwrap();
    for (from, to) in OTHER_POLICY {
        assert!(policy.contains(from), "{from}");
        policy = policy.replace(from, to);
    }
    fs::write(&path, policy).unwrap();
    run(&directory);
    let server = directory.serve();
    let revealed = server.get("/v1/decisions/d-3?reveal=true").json();
    let applicant = &revealed["decision"]["input_features"]["applicant"];
    let person = Person::make(3);
    assert_eq!((&applicant["ssn"], &applicant["address"]["street"]), (&json!(person.ssn), &json!(person.street)));
    assert!(applicant.get("Email").is_none(), "what is dropped is gone: {applicant}");
}

/// What real users of other tools found kept.
#[test]
fn p1_to_p5_what_others_kept_is_nowhere() {
    let directory = Directory::init();
    let decisions = [
        json!({"input_features": {"note": "ring +44 20 7946 0958 now"}}),
        json!({"input_features": {"note": "(11) 91234-5678"}}),
        json!({"input_features": {"note": "+39 06 1234 5678"}}),
        json!({"input_features": {"note": "\"jane roe\"@example.com"}}),
        json!({"input_features": {"url": "https://x.example/?email=jane.roe%40example.com&p=1"}}),
        json!({"input_features": {"first_name": "Marigold", "lastName": "Featherstone", "customer_full_name": "Marigold Featherstone",
            "dob": "1980-02-03", "mobile": "13055550198", "street": "1 Elderberry St", "ip_address": "203.0.113.97"}}),
        json!({"input_features": {"card": 4_111_111_111_111_111_u64, "phone_number": 13_055_550_199_u64}}),
        json!({"model_type": "llm", "user_id": "user-llm-77", "prediction": {"answer": "Marigold Featherstone lives there"},
            "input_features": {"prompt": "Where does Marigold Featherstone live?", "temperature": 0.5}}),
    ];
    let secrets = [
        "7946 0958",
        "91234-5678",
        "1234 5678",
        "jane roe",
        "jane.roe",
        "Marigold",
        "Featherstone",
        "1980-02-03",
        "13055550198",
        "Elderberry",
        "203.0.113.97",
        "4111111111111111",
        "13055550199",
        "user-llm-77",
    ];
    let scan = Scan::new(&secrets.map(str::to_owned));
    let lines = decisions.map(|mut decision| {
        for (name, value) in [("model_id", json!("trial")), ("model_version", json!("1"))] {
            decision[name] = value;
        }
        decision.as_object_mut().unwrap().entry("prediction").or_insert(json!({"approved": true}));
        decision.to_string() + "\n"
    });
    let file = directory.write("trials.jsonl", lines.concat());
    directory.ok(&["import", &file]);
    scan.absent_in_files("imported", &directory.path());
    directory.seal();
    scan.absent_in_files("sealed", &directory.path());
    let rows = directory.rows(
        "SELECT input_features->>'note' AS note, input_features->>'url' AS url, input_features->>'card' AS card \
         FROM decisions ORDER BY leaf_index",
    );
    let notes: Vec<&Value> = rows.iter().map(|row| &row["note"]).take(4).collect();
    assert_eq!(notes, ["ring [phone] now", "[phone]", "[phone]", "[email]"]);
    assert_eq!((&rows[4]["url"], &rows[6]["card"]), (&json!("https://x.example/?email=[email]&p=1"), &json!("[card]")));
}

fn run(directory: &Directory) {
    let people: Vec<Person> = (0..24).map(Person::make).collect();
    let mut secrets: Vec<String> = people.iter().flat_map(Person::secrets).collect();
    secrets.sort();
    secrets.dedup();
    let scan = Scan::new(&secrets);
    let entries: String = (0..240)
        .flat_map(|number| {
            let person = &people[number as usize % people.len()];
            let mut entries = vec![person.decision(number)];
            if number % 4 == 0 {
                entries.extend([person.review(number), person.outcome(number)]);
            }
            entries
        })
        .map(|entry| entry.to_string() + "\n")
        .collect();
    // Outside of what is scanned.
    let file = directory.write("personal.jsonl", entries);
    directory.ok(&["import", &file]);
    scan.absent_in_files("imported", &directory.path());

    let reader = directory.make_token("analyst", "read");
    let server = directory.serve_with(&[], &[("ONRECORD_LOG", "debug")]);
    for answer in errors(&server, &people[5]) {
        scan.absent(&format!("the error {answer}"), answer.as_bytes());
        assert!(!answer.contains(CONTENT), "an error repeats content: {answer}");
    }
    entitled(&server, &server.with_token(&reader), &people[7], &scan);
    scan.absent("the metrics", &server.get("/metrics").body);
    scan.absent_in_files("while a server runs", &directory.path());
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    scan.absent("the log", log.as_bytes());
    assert!(!log.contains(CONTENT), "the log repeats content");
    scan.absent_in_files("stopped", &directory.path());

    directory.seal();
    assert!(directory.files().iter().any(|file| file.ends_with(".parquet")));
    let seen = scan.absent_in_files("sealed", &directory.path());
    assert!(seen > 200_000, "{seen} bytes are not the whole directory");
    let server = directory.serve();
    entitled(&server, &server.with_token(&reader), &people[7], &scan);
    drop(server);
    scan.absent_in_files("read", &directory.path());
}

#[test]
fn asking_for_a_decision_by_a_name_leaves_no_trace_of_the_name() {
    let (directory, person) = (Directory::init(), Person::make(2));
    let server = directory.serve();
    assert_eq!(server.post("/v1/decisions", person.decision(1).to_string()).status, 201);
    for name in [&person.user, &person.email] {
        assert_eq!(server.get(&format!("/v1/decisions/{name}")).status, 404);
        assert_eq!(server.get(&format!("/v1/decisions/{name}/evidence")).status, 404);
        // It was asked for, as it were a decision; who asked is known, and who is a reader by this name is nobody.
        assert_eq!(server.get(&format!("/v1/access?decision_id={name}")).status, 200);
        assert_eq!(server.get(&format!("/v1/access?decision_id={}", &name[1..])).status, 404);
        assert_eq!(server.get(&format!("/v1/access?actor={name}")).status, 200);
        let is_known = *name == person.user;
        assert_eq!(server.get(&format!("/v1/access?user_id={name}")).status, if is_known { 200 } else { 404 });
        assert_eq!(
            server
                .rows(&format!("SELECT 1 FROM ai_audit_logs WHERE decision_id IN ('{name}') OR user_id = '{name}'"))
                .len(),
            usize::from(is_known)
        );
    }
    assert_eq!(server.stop().0, Some(0));
    Scan::new(&person.secrets()).absent_in_files("asked", &directory.path());
}

#[test]
fn revealing_shows_the_user_wherever_the_record_has_the_token() {
    let (directory, person) = (Directory::init(), Person::make(2));
    let server = directory.serve();
    assert_eq!(server.post("/v1/decisions", person.decision(1).to_string()).status, 201);
    let hidden = server.get("/v1/decisions/d-1").json();
    let token = hidden["decision"]["user_id"].as_str().unwrap();
    assert_eq!(hidden["decision"]["input_features"]["user_id"], token);
    assert!(hidden["decision"]["session_id"].as_str().unwrap().contains(token));
    let revealed = server.get("/v1/decisions/d-1?reveal=true").json();
    assert_eq!(revealed["decision"]["user_id"], person.user);
    assert_eq!(revealed["decision"]["input_features"]["user_id"], person.user);
}

/// What is answered to requests that are wrong around personal data.
fn errors(server: &Server, person: &Person) -> Vec<String> {
    let Person { user, email, name, iban, .. } = person;
    let good = person.decision(1000);
    let with = |pointer: &str, value: Value| {
        let mut decision = good.clone();
        *decision.pointer_mut(pointer).unwrap() = value;
        decision.to_string()
    };
    let named = |key: &str, pointer: &str| {
        let mut decision = good.clone();
        decision.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert(key.to_owned(), json!(1));
        decision.to_string()
    };
    let posts = [
        with("/confidence", json!(email)),
        with("/human_reviewed", json!(name)),
        with("/input_features", json!([email, user])),
        with("/prediction", Value::Null),
        with("/user_id", json!(user.repeat(40))),
        with("/user_id", json!({ "id": user })),
        named(email, ""),
        named(iban, ""),
        named(email, "/input_features"),
        named(user, "/metadata/agent"),
        good.to_string().replacen(':', "", 40),
        good.to_string().replacen("0.5", email, 1),
        good.to_string()[..400].to_owned(),
        format!("{good}{good}"),
    ];
    let mut answers = Vec::new();
    for body in posts {
        for (path, body) in [("/v1/decisions", body.clone()), ("/v1/decisions/batch", format!("{good}\n{body}\n"))] {
            let answer = server.post(path, body);
            assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
            answers.push(answer.text());
        }
    }
    let questions = [
        "SELECT CAST(user_id AS INT) FROM ai_audit_logs".to_owned(),
        "SELECT CAST(input_features->>'city' AS INT) FROM ai_audit_logs".to_owned(),
        "SELECT CAST(input_features->>'city' AS TIMESTAMP) FROM decisions".to_owned(),
        format!("SELECT CAST('{user}' AS INT)"),
        format!("SELECT '{email}"),
        format!("SELECT nothing FROM ai_audit_logs WHERE user_id = '{user}' /* {email} */"),
    ];
    for sql in questions {
        let answer = server.sql(&sql, "application/json");
        assert!((400..500).contains(&answer.status), "{sql}: {} {}", answer.status, answer.text());
        answers.push(answer.text());
    }
    // Who mistakes an identifier for a text is told which one; it goes no further than to who wrote it.
    server.sql(&format!("SELECT * FROM ai_audit_logs WHERE user_id = \"{user}\""), "application/json");
    let path = user.replace('Ö', "%C3%96").replace('ü', "%C3%BC");
    for path in [format!("/v1/people/{path}"), format!("/{path}")] {
        let answer = server.get(&path);
        assert_eq!(answer.status, 404, "{}", answer.text());
        answers.push(answer.text());
    }
    answers
}

/// Who may reveal finds the person by name and sees whom it is about; who may not sees a token, the same for the same
/// person.
fn entitled(server: &Server, analyst: &Caller, person: &Person, scan: &Scan) {
    let user = &person.user;
    let by_user = format!("SELECT user_id, decision_id FROM ai_audit_logs WHERE user_id = '{user}'");
    let found = server.rows(&by_user);
    assert_eq!(found.len(), 10, "{found:?}");
    assert!(found.iter().all(|row| row["user_id"] == person.user));
    assert!(analyst.rows(&by_user).is_empty(), "a name is no way to a person for who may not know it");
    let seen = analyst.rows("SELECT DISTINCT user_id FROM ai_audit_logs");
    assert_eq!(seen.len(), 24);
    let mine = analyst.rows("SELECT user_id FROM ai_audit_logs WHERE decision_id = 'd-7'");
    let token = mine[0]["user_id"].as_str().unwrap();
    assert!(token.starts_with("sub_") && token.len() == 28, "{token}");
    let by_token = format!("SELECT decision_id FROM ai_audit_logs WHERE user_id = '{token}'");
    assert_eq!(analyst.rows(&by_token).len(), 10);
    for sql in
        ["SELECT * FROM ai_audit_logs", "SELECT * FROM entries", "SELECT * FROM reviews", "SELECT * FROM decisions"]
    {
        let answer = analyst.sql(sql, "application/x-ndjson");
        assert_eq!(answer.status, 200, "{sql}: {}", answer.text());
        scan.absent(sql, &answer.body);
    }
    for path in ["/v1/decisions/d-7", "/v1/decisions/d-4", "/v1/decisions/d-4/evidence"] {
        scan.absent(path, &analyst.get(path).body);
    }
}
