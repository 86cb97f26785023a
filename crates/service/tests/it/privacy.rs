//! Invariant 5: no plain personal value is in any byte of the directory, in any error, or in any `Debug` form.

use crate::house::{House, decision};
use onrecord_service::{Action, Actor, Batch, Refusal, What};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Personal values and where they stand, in one decision each.
fn personal() -> Vec<(&'static str, Json)> {
    let base =
        |features: Json| json!({"model_id": "m", "model_version": "1", "prediction": 1, "input_features": features});
    let with = |mut decision: Json, key: &str, value: Json| {
        decision[key] = value;
        decision
    };
    let llm = |features: Json, prediction: Json| {
        let decision = with(with(base(features), "model_type", json!("llm")), "user_id", json!("somebody-5"));
        with(decision, "prediction", prediction)
    };
    vec![
        ("Mustermann-user-77", with(base(json!({})), "user_id", json!("Mustermann-user-77"))),
        (
            "Mustermann-user-78",
            with(base(json!({"note": "asked by Mustermann-user-78 today"})), "user_id", json!("Mustermann-user-78")),
        ),
        (
            "Mustermann-user-79",
            with(
                with(base(json!({})), "session_id", json!("s-Mustermann-user-79")),
                "userId",
                json!("Mustermann-user-79"),
            ),
        ),
        ("Erika Mustermann", base(json!({"Name": "Erika Mustermann"}))),
        ("Heidestr", base(json!({"a": [{"b": {"ADDRESS": {"street": "Heidestr. 17", "zip": 51147}}}]}))),
        ("51147", base(json!({"address": 51147}))),
        ("erika@", base(json!({"email": "erika@example.com"}))),
        ("hans@", base(json!({"deep": {"list": ["x", "mail hans@example.org now"]}}))),
        ("555-2671", base(json!({"note": "call +1 415-555-2671"}))),
        ("123-45-6789", base(json!({"note": "SSN 123-45-6789"}))),
        ("4111111111111111", base(json!({"note": "card 4111111111111111"}))),
        ("DE8937040044", base(json!({"note": "IBAN DE89370400440532013000"}))),
        ("max@", with(base(json!({})), "metadata", json!({"contact": "max@example.com"}))),
        (
            "eva@",
            with(base(json!({})), "explanation", json!({"reasoning": "eva@example.com said so", "top_features": []})),
        ),
        ("ida@", with(base(json!({})), "human_decision", json!({"by": "ida@example.com"}))),
        ("uwe@", with(base(json!({})), "override_reason", json!("uwe@example.com said so"))),
        ("kai@", with(base(json!({})), "request_id", json!("kai@example.com"))),
        ("lea@", with(base(json!({})), "system_actor", json!("lea@example.com"))),
        ("tom@", with(base(json!({})), "prediction", json!("write to tom@example.com"))),
        (
            "ann@",
            with(base(json!({})), "alternative_predictions", json!([{"value": "ann@example.com", "confidence": 0.1}])),
        ),
        ("7946", base(json!({"note": "ring +44 20 7946 0958 now"}))),
        ("91234", base(json!({"note": "(11) 91234-5678"}))),
        ("5678", base(json!({"note": "+39 06 1234 5678"}))),
        ("roe", base(json!({"note": "\"jane roe\"@example.com"}))),
        ("jim%40", base(json!({"url": "https://x.example/?email=jim%40example.com&p=1"}))),
        ("Annabel", base(json!({"first_name": "Annabel", "customer_full_name": "Annabel Roe"}))),
        ("Quillfeather", base(json!({"lastName": "Quillfeather", "street": "1 Quillfeather St"}))),
        ("1980-02-03", base(json!({"dob": "1980-02-03"}))),
        ("203.0.113.9", base(json!({"ip_address": "203.0.113.9"}))),
        ("13055550199", base(json!({"mobile": "13055550199", "phone_number": 13_055_550_199_u64}))),
        (
            "4012888888881881",
            base(
                json!({"x": 4_012_888_888_881_881_u64, "list": [1, 4_012_888_888_881_881_u64], "y": 4.012888888881881e15}),
            ),
        ),
        (
            "Blackwood",
            llm(json!({"prompt": "Is Mrs Blackwood creditworthy?", "temperature": 0.2}), json!("Mrs Blackwood is")),
        ),
        (
            "Greenfield",
            llm(
                json!({"messages": [{"role": "user", "content": "I am Mr Greenfield"}]}),
                json!({"answer": "Hello, Mr Greenfield"}),
            ),
        ),
        ("Whitestone", llm(json!({}), json!(["Dear Ms Whitestone"]))),
        ("u9", with(base(json!({"user_id": "u9"})), "user_id", json!("u9"))),
        ("other-person-1", base(json!({"userId": "other-person-1"}))),
    ]
}

#[test]
fn nothing_personal_is_in_any_byte_of_the_directory() {
    let house = House::with_policy(
        &onrecord_service::policy::DEFAULT_TEXT
            .replace("[fields]\n", "[fields]\nsalary = \"seal\"\nnotes = \"drop\"\n"),
    );
    for (value, decision) in personal() {
        house.log(decision.to_string()).unwrap_or_else(|refused| panic!("{value}: {refused}"));
    }
    let sealed = r#""user_id":"user-sealed","input_features":{"salary":8123456,"notes":"between us"}"#;
    house.log(decision(sealed)).unwrap();
    let lines: Vec<_> = personal().into_iter().map(|(_, decision)| decision.to_string()).collect();
    let lines = lines.join("\n");
    let batch = Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: Some(b"k"), ticket: None };
    house.service.log_batch(&batch, &Actor::local()).unwrap();
    assert!(house.holds("tok_") && house.holds("sub_") && house.holds("[email]"));

    let house = house.reopen();
    for value in personal().into_iter().map(|(value, _)| value).chain(["8123456", "between us", "user-sealed"]) {
        // "u9" is too short to be looked for in ciphertext and signatures.
        let found = if value.len() > 4 { house.holds(value) } else { house.holds(&format!("\"{value}\"")) };
        assert!(!found, "{value} is in a file");
    }
}

#[test]
fn a_review_and_an_outcome_do_not_name_the_person_whom_their_decision_is_about() {
    let house = House::new();
    house.log(decision(r#""decision_id":"d1","user_id":"customer-4711""#)).unwrap();
    let token = house.entries("decision")[0]["user_id"].as_str().unwrap().to_owned();
    let review = r#"{"kind":"review","decision_id":"d1","reviewer":"clerk-12","human_decision":
        {"note":"called customer-4711, who disagrees with clerk-12"},"overridden":true,"override_reason":"customer-4711 paid"}"#;
    let outcome = r#"{"kind":"outcome","decision_id":"d1","outcome":{"customer-4711":"repaid"}}"#;
    house.log(review).unwrap();
    let lines = review.replace('\n', " ");
    house
        .service
        .log_batch(
            &Batch { lines: lines.as_bytes(), first_line: 1, idempotency_key: None, ticket: None },
            &Actor::local(),
        )
        .unwrap();
    let refused = house.log(outcome).unwrap_err().to_string();
    assert!(refused.contains("the user id") && !refused.contains("4711"), "{refused}");
    house.log(r#"{"kind":"outcome","decision_id":"d1","outcome":"customer-4711 repaid"}"#).unwrap();
    for review in house.entries("review") {
        assert_eq!(review["override_reason"], format!("{token} paid"));
        let note = review["human_decision"]["note"].as_str().unwrap();
        assert!(note.starts_with(&format!("called {token}, who")) && !note.contains("clerk-12"), "{note}");
    }
    assert_eq!(house.entries("outcome")[0]["outcome"], format!("{token} repaid"));
    let house = house.reopen();
    assert!(!house.holds("customer-4711") && !house.holds("clerk-12"));
}

#[test]
fn nothing_that_a_reader_asks_for_is_kept_unless_a_decision_has_it() {
    let house = House::new();
    house.log(decision(r#""decision_id":"d1""#)).unwrap();
    house.log(r#"{"kind":"outcome","decision_id":"d1","outcome":1}"#).unwrap();
    let (service, actor) = (&house.service, Actor::local());
    for asked in ["max.mustermann", "41155526711", "max@example.com", "Max Mustermann"] {
        assert!(house.run(service.read(asked, false, &actor)).unwrap().is_none());
        assert!(house.run(service.read(asked, true, &actor)).unwrap().is_none());
        assert!(house.run(service.evidence(asked, &actor)).unwrap().is_none());
    }
    let sql = r#"SELECT ? AS "?", ? AS "?" FROM "reviews" -- max@example.com"#;
    house.run(service.record_access(&actor, Action::Sql, What::Query { shape: sql, names: &[] }, None)).unwrap();
    assert!(house.run(service.read("d1", false, &actor)).unwrap().is_some());
    let accesses = house.entries("access");
    assert_eq!(accesses.len(), 14);
    assert!(accesses[..12].iter().all(|access| access["what"].as_str().unwrap().starts_with("tok_")));
    assert_eq!(accesses[0]["what"], accesses[2]["what"], "the same id is the same token");
    assert_eq!(accesses[12]["what"], r#"SELECT ? AS "?", ? AS "?" FROM "reviews" -- [email]"#);
    assert_eq!(accesses[13]["what"], "d1");

    let house = house.reopen();
    for value in ["max.mustermann", "41155526711", "max@", "Mustermann"] {
        assert!(!house.holds(value), "{value} is in a file");
    }
}

#[test]
fn no_refusal_shows_what_was_sent() {
    let house = House::new();
    let secret = "Mustermann-77";
    for body in [
        format!(r#"{{"model_id":"{secret}""#),
        decision(&format!(r#""confidence":"{secret}""#)),
        decision(&format!(r#""environment":"{secret}""#)),
        decision(&format!(r#""timestamp":"{secret}""#)),
        decision(&format!(r#""event_id":"{secret}""#)),
        decision(&format!(r#""user_id":"{secret}","confidence":7"#)),
        decision(&format!(r#""user_id":"{secret}","decision_id":"d-{secret}""#)),
        decision(&format!(r#""user_id":"{secret}","nonsense-{secret}":1"#)),
        decision(&format!(r#""user_id":"{secret}","input_features":{{"{secret}":1}}"#)),
        format!(r#"{{"kind":"review","reviewer":"{secret}","human_decision":1,"overridden":"{secret}"}}"#),
    ] {
        let refused = house.log(body.clone()).unwrap_err();
        assert!(matches!(refused, Refusal::Invalid(_)), "{body}: {refused}");
        assert!(!format!("{refused} {refused:?}").contains(secret), "{refused}");
        let batch = Batch { lines: body.as_bytes(), first_line: 1, idempotency_key: None, ticket: None };
        for refused in [
            house.service.check_batch(&batch, &Actor::local()).unwrap_err(),
            house.service.log_batch(&batch, &Actor::local()).map(|_| ()).unwrap_err(),
        ] {
            assert!(!format!("{refused} {refused:?} {batch:?}").contains(secret), "{refused}");
        }
    }
    let shown = format!("{:?} {:?} {:?}", house.service, house.service.vault(), house.memory_debug());
    assert!(!shown.contains(secret));
}

#[test]
fn a_member_name_that_is_personal_is_refused_and_not_repeated() {
    let house = House::new();
    for body in [
        decision(r#""metadata":{"list":[{"jane@example.com":1}]}"#),
        decision(r#""jane@example.com":1"#),
        decision(r#""input_features":{"call +1 415-555-2671":true}"#),
        decision(r#""decision_id":"jane@example.com""#),
        decision(r#""data_retention_policy":"jane@example.com""#),
        decision("").replace("loan", "jane@example.com"),
    ] {
        let refused = house.log(body.clone()).unwrap_err();
        let shown = format!("{refused} {refused:?}");
        assert!(matches!(refused, Refusal::Invalid(_)) && !shown.contains("jane") && !shown.contains("555"), "{shown}");
        let batch = Batch { lines: body.as_bytes(), first_line: 1, idempotency_key: None, ticket: None };
        let checked = house.service.check_batch(&batch, &Actor::local()).unwrap_err();
        assert!(matches!(checked, Refusal::Invalid(_)) && !checked.to_string().contains("jane"), "{checked}");
    }
    assert!(!house.holds("jane@"));
}

#[test]
fn tokens_correlate_within_a_subject_or_across_all_as_the_policy_says() {
    let token = |house: &House, user: &str| {
        let logged =
            house.log(decision(&format!(r#""user_id":"{user}","input_features":{{"email":"a@b.io"}}"#))).unwrap();
        house.stored(&logged).1["input_features"]["email"].as_str().unwrap().to_owned()
    };
    let house = House::new();
    assert_eq!(token(&house, "user-1"), token(&house, "user-1"));
    assert_ne!(token(&house, "user-1"), token(&house, "user-2"));
    let house = House::with_policy("version = 1\n[tokens]\ncorrelation = 'tenant'\n");
    assert_eq!(token(&house, "user-1"), token(&house, "user-2"));
    assert_ne!(token(&house, "user-1"), token(&House::new(), "user-1"));
}

#[test]
fn a_producers_input_hash_is_replaced_by_a_keyed_one() {
    let house = House::new();
    let hash = |features: &str| {
        let body = decision(&format!(r#""user_id":"user-1","input_hash":"0123","input_features":{features}"#));
        house.stored(&house.log(body).unwrap()).1["input_hash"].as_str().unwrap().to_owned()
    };
    assert_eq!(hash(r#"{"a":1,"email":"a@b.io"}"#), hash(r#"{"email":"a@b.io","a":1.0}"#));
    assert_ne!(hash(r#"{"a":1,"email":"a@b.io"}"#), hash(r#"{"a":1,"email":"a@b.it"}"#));
}

#[test]
fn p3_p4_what_is_nobodys_stays_as_it_is() {
    let house = House::new();
    let features = json!({
        "note": "order 123-45-6789012, 2026-11-20 10:11:12, version 1.2.3.4567890, 018f0000-0000-7000-8000-000000000001, 52.5200, 13.4050, 192.168.10.20",
        "age": 41, "gender": "female", "region": "north", "model_name": "m7", "mobile": true, "phone": null,
        "application_id": 4_111_111_111_111_111_u64, "account": 107_505_301_260_286_111_u64, "at": 1_700_000_000_000_000_u64,
        "minus": -4_111_111_111_111_111_i64,
    });
    let body = json!({"model_id": "m", "model_version": "1", "prediction": 1, "input_features": features, "user_id": "user-1"});
    let stored: Json = serde_json::from_str(&house.stored(&house.log(body.to_string()).unwrap()).0).unwrap();
    assert_eq!(stored["input_features"], features);
}

#[test]
fn p4_only_the_identifier_itself_may_look_like_a_card() {
    const CARD: u64 = 4_111_111_111_111_111;
    let house = House::with_policy("version = 1\n[identifiers]\ninput_features = ['application_id', '/order/id']\n");
    let body = json!({
        "model_id": "m", "model_version": "1", "prediction": CARD, "metadata": {"application_id": CARD},
        "alternative_predictions": [{"value": CARD, "confidence": 0.1}],
        "input_features": {
            "application_id": CARD, "order": {"id": CARD, "other": CARD}, "id": CARD,
            "list": [{"application_id": CARD}, CARD], "z": {"application_id": [CARD]},
        },
    });
    let stored: Json = serde_json::from_str(&house.stored(&house.log(body.to_string()).unwrap()).0).unwrap();
    let expected = json!({
        "application_id": CARD, "order": {"id": CARD, "other": "[card]"}, "id": "[card]",
        "list": [{"application_id": "[card]"}, "[card]"], "z": {"application_id": ["[card]"]},
    });
    assert_eq!(stored["input_features"], expected);
    assert_eq!(stored["prediction"], "[card]");
    assert_eq!(stored["metadata"], json!({"application_id": "[card]"}));
    assert_eq!(stored["alternative_predictions"][0]["value"], "[card]");
    let last = json!({
        "model_id": "m", "model_version": "1", "input_features": {"application_id": [CARD, CARD]}, "prediction": 1,
    });
    let stored: Json = serde_json::from_str(&house.stored(&house.log(last.to_string()).unwrap()).0).unwrap();
    assert_eq!(stored["input_features"], json!({"application_id": ["[card]", "[card]"]}));
}

#[test]
fn p5_prompts_and_answers_are_sealed_under_the_subjects_key() {
    let house = House::new();
    let body = json!({
        "decision_id": "d1", "model_id": "m", "model_version": "1", "model_type": "llm", "user_id": "user-1",
        "input_features": {"systemPrompt": "Be brief.", "temperature": 0.2, "tools": ["search"]},
        "prediction": "Yes.", "alternative_predictions": [{"value": "No.", "confidence": 0.1}],
        "metadata": {"channel": "web"},
    });
    let logged = house.log(body.to_string()).unwrap();
    let stored: Json = serde_json::from_str(&house.stored(&logged).0).unwrap();
    let sealed = [
        &stored["input_features"]["systemPrompt"],
        &stored["prediction"],
        &stored["alternative_predictions"][0]["value"],
    ];
    for value in sealed {
        assert!(value["sealed"].as_str().is_some_and(|hash| hash.len() == 64), "{stored}");
    }
    assert_eq!(stored["input_features"]["temperature"], 0.2);
    assert_eq!(stored["input_features"]["tools"], json!(["search"]));
    assert_eq!(stored["metadata"], json!({"channel": "web"}));
    let shown = house.run(house.service.read("d1", true, &Actor::local())).unwrap().unwrap();
    let shown: Json = serde_json::from_str(shown.decision.get()).unwrap();
    for field in ["input_features", "prediction", "alternative_predictions", "user_id"] {
        assert_eq!(shown[field], body[field]);
    }
    // Of other models the same members stay.
    let mut other = body;
    (other["model_type"], other["decision_id"]) = (json!("regression"), json!("d2"));
    let stored: Json = serde_json::from_str(&house.stored(&house.log(other.to_string()).unwrap()).0).unwrap();
    assert_eq!(stored["prediction"], "Yes.");
}

#[test]
fn sealed_fields_are_shown_to_who_may_reveal() {
    let house = House::with_policy("version = 1\n[fields]\nsalary = 'seal'\n");
    let body = r#""decision_id":"d1","user_id":"user-1","input_features":{"salary":{"eur":8123456},"n":1}"#;
    let logged = house.log(decision(body)).unwrap();
    let told = house.run(house.service.read("d1", false, &Actor::local())).unwrap().unwrap();
    assert!(!told.decision.get().contains("8123456") && !told.decision.get().contains("user-1"));
    assert_eq!(told.decision.get(), house.stored(&logged).0, "what is read are the stored bytes");

    let told = house.run(house.service.read("d1", true, &Actor::local())).unwrap().unwrap();
    let shown: Json = serde_json::from_str(told.decision.get()).unwrap();
    assert_eq!(shown["input_features"]["salary"]["eur"], 8_123_456);
    assert_eq!(shown["user_id"], "user-1");
    assert!(!house.holds("8123456"), "revealing writes nothing in plain");

    house.memory.change(logged.receipt.leaf_index, |stored| {
        onrecord_service::sealed::check(&stored.record, &stored.sidecar, &|_| false).unwrap();
        stored.sidecar.clear();
    });
    let shown = house.run(house.service.read("d1", true, &Actor::local())).unwrap().unwrap();
    assert!(shown.decision.get().contains("\"sealed\""), "what was destroyed stays sealed, and the record still reads");
}

#[test]
fn a_vault_that_cannot_be_written_stops_the_record() {
    let house = House::new();
    house.service.vault().close().unwrap();
    let size = house.service.ledger().size();
    assert!(matches!(house.log(decision(r#""user_id":"user-new""#)), Err(Refusal::Unavailable(_))));
    assert_eq!(house.service.ledger().size(), size, "no record names a subject that is not durable");
    house.log(decision("")).unwrap();
}

impl House {
    fn memory_debug(&self) -> impl std::fmt::Debug {
        self.memory.all()
    }
}

/// Arbitrary documents: objects of a few names, personal ones among them, lists, texts, numbers.
fn document() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,12}",
        Just("SECRETa@example.com".to_owned()),
        "[a-z]{1,3} SECRET@[a-z]{1,5}\\.com[ .,;]?[a-z]{0,3}",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    let name = prop_oneof![Just("email".to_owned()), Just("NAME".to_owned()), Just("notes".to_owned()), "[a-zé ]{1,8}"];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// The values of fields that the policy names become unreadable; put a marker into each, to look for.
fn mark(value: &mut Json, personal: bool) {
    match value {
        Json::String(text) if personal => text.push_str("SECRET"),
        Json::Array(elements) => elements.iter_mut().for_each(|element| mark(element, personal)),
        Json::Object(members) => members.iter_mut().for_each(|(name, member)| {
            mark(member, personal || ["email", "name", "notes", "pay"].contains(&name.to_lowercase().as_str()));
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever the document, nothing marked as personal is stored, the same body is always recognised, and what is
    /// stored is sound beside its record.
    #[test]
    fn no_marked_value_is_stored_and_repeats_are_recognised(
        mut features in prop::collection::btree_map("[a-z]{1,6}|name|email", document(), 0..5),
        mut metadata in prop::collection::btree_map("notes|[a-z]{1,6}", document(), 0..3),
        user in prop::option::of("SECRET-user-[0-9]{1,3}"),
        mode in prop::sample::select(vec!["token", "seal", "drop"]),
    ) {
        let house = House::with_policy(&format!(
            "version = 1\n[fields]\nemail = '{mode}'\nname = '{mode}'\nnotes = '{mode}'\npay = 'seal'\n"
        ));
        for documents in [&mut features, &mut metadata] {
            for (name, value) in documents.iter_mut() {
                mark(value, ["email", "name", "notes"].contains(&name.as_str()));
            }
        }
        let mut body = json!({
            "event_id": "0193a3e0-0000-7000-8000-000000000001", "model_id": "m", "model_version": "1", "prediction": 1,
            "input_features": features, "metadata": metadata,
        });
        if let Some(user) = &user {
            body["user_id"] = json!(user);
            body["metadata"]["about"] = json!(format!("({user})"));
        }
        let logged = house.log(body.to_string()).unwrap();
        prop_assert!(!house.holds("SECRET"));
        let again = house.log(body.to_string()).unwrap();
        prop_assert!(!again.created);
        prop_assert_eq!(again.receipt.leaf_hash, logged.receipt.leaf_hash);
        let stored = &house.memory.all()[logged.receipt.leaf_index.0 as usize];
        prop_assert!(onrecord_service::sealed::check(&stored.record, &stored.sidecar, &|_| false).is_ok());
        let shown = house.run(house.service.read(&logged.decision_id, true, &Actor::local()));
        prop_assert!(shown.unwrap().is_some());
    }
}
