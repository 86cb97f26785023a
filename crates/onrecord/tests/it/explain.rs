//! "Why was my loan rejected?" and "show me all decisions about me": explanations and histories.

use crate::program::Directory;
use serde_json::{Value, json};

fn directory() -> Directory {
    let directory = Directory::init();
    for (id, user, application, reason) in [
        ("d-1", "customer-1", "app_7", Some("The term is long.")),
        ("d-2", "customer-1", "app_8", None),
        ("d-3", "customer-2", "app_8", Some("Good <b>history</b>.")),
    ] {
        let explanation = match reason {
            Some(reason) => json!({"reasoning": reason, "top_features": [
                {"feature": "duration_months", "importance": -0.3}, {"feature": "age", "importance": 0.1}]}),
            None => Value::Null,
        };
        let body = json!({
            "decision_id": id, "user_id": user, "model_id": "loan", "model_version": "3", "model_type": "classification",
            "timestamp": format!("2026-03-0{}T10:00:00Z", &id[2..]), "confidence": 0.75,
            "input_features": {"application_id": application, "age": 41, "name": "Erika Muster"},
            "prediction": {"approved": false}, "explanation": explanation,
        });
        assert!(directory.log(body.to_string()).status.success());
    }
    directory
}

#[test]
fn a_decision_is_explained_with_the_keys_of_the_seed() {
    let directory = directory();
    let told = directory.json(&["explain", "d-1", "--for", "customer-1", "--format", "json"]);
    assert_eq!(told["decision_id"], "d-1");
    assert_eq!(told["decision"], json!({"approved": false}));
    assert_eq!(told["reasoning"], "The term is long.");
    assert_eq!(told["key_factors"][0], json!({"feature": "duration_months", "importance": -0.3}));
    assert_eq!((&told["confidence"], &told["model_type"]), (&json!(0.75), &json!("classification")));
    assert_eq!((&told["human_reviewed"], &told["model_id"]), (&json!(false), &json!("loan")));
    assert!(told["timestamp"].as_str().unwrap().starts_with("2026-03-01T10:00:00"));
    assert!(told["right_to_object"].as_str().unwrap().ends_with("No contact is configured."), "{told}");
    assert_eq!(told["data_used"], json!(["age", "application_id", "name"]));
    assert!(told["receipt"]["checkpoint"].as_str().unwrap().starts_with("test.example/ledger\n"));

    // The seed's first scenario: by the application, with a contact, in German, after a person looked at it.
    std::fs::write(
        directory.path().join("onrecord.toml"),
        "[explanation]\ncontact = \"appeals@bank.example\"\n[explanation.right_to_object]\nde = \"Widerspruch ist möglich.\"\n",
    )
    .unwrap();
    let decided = r#"{"approved":true}"#;
    directory.ok(&[
        "review",
        "d-1",
        "--override",
        "--decision",
        decided,
        "--reason",
        "a guarantor",
        "--reviewer",
        "kim",
    ]);
    let by_application = ["explain", "--where", "input_features.application_id=app_7", "--for", "customer-1"];
    let told = directory.json(&[&by_application[..], &["--language", "de", "--format", "json"]].concat());
    assert_eq!(told["right_to_object"], "Widerspruch ist möglich. Wenden Sie sich an appeals@bank.example.");
    assert_eq!((&told["human_reviewed"], &told["decision_in_force"]), (&json!(true), &json!({"approved": true})));
    assert_eq!(told["human"][0]["override_reason"], "a guarantor");

    let text = directory.ok(&["explain", "d-1", "--format", "table"]);
    assert!(
        text.contains("Contact appeals@bank.example.") && text.contains("“duration months” lowered the model’s score"),
        "{text}"
    );
    let page = directory.ok(&["explain", "d-3", "--format", "html"]);
    assert!(page.starts_with("<!doctype html>") && page.contains("Good &#60;b&#62;history"), "{page}");
    let nothing = directory.json(&["explain", "d-2", "--format", "json"]);
    assert_eq!((&nothing["reasoning"], &nothing["key_factors"]), (&Value::Null, &json!([])));
    assert!(nothing["missing"][0].as_str().unwrap().contains("not on the record"));

    let accesses =
        directory.rows("SELECT action, what FROM accesses WHERE action LIKE '%explain%' ORDER BY leaf_index");
    assert_eq!(accesses.len(), 5, "{accesses:?}");
    assert_eq!(accesses[0], json!({"action": "explain", "what": "d-1"}));
}

#[test]
fn an_explanation_for_somebody_else_is_refused_and_that_is_on_the_record() {
    let directory = directory();
    for user in ["customer-2", "nobody", ""] {
        let printed = directory.fails(&["explain", "d-1", "--for", user]);
        assert!(printed.contains("not about this person"), "{printed}");
    }
    let server = directory.serve();
    assert_eq!(server.get("/v1/decisions/d-1/explanation?for=customer-2").status, 403);
    assert_eq!(server.get("/v1/decisions/d-1/explanation?for=customer-1").status, 200);
    let refused = server.rows("SELECT what, rows FROM accesses WHERE action = 'explain_refused'");
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|row| row["what"] == "d-1" && row["rows"] == 0), "{refused:?}");
    for (path, status) in [
        ("/v1/decisions/d-9/explanation", 404),
        ("/v1/decisions/d-9/explanation?for=customer-1", 404),
        ("/v1/decisions/d-1/explanation?language=tlh", 400),
        ("/v1/decisions/d-1/explanation?language=..%2Fkeys", 400),
        ("/v1/decisions/d-1/explanation?reveal=maybe", 400),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    drop(server);
    for misuse in [
        &["explain"] as &[&str],
        &["explain", "d-1", "--where", "environment=production"],
        &["explain", "d-1", "--format", "csv"],
    ] {
        assert_eq!(directory.run(misuse).status.code(), Some(2), "{misuse:?}");
    }
    let many = directory.fails(&["explain", "--where", "input_features.application_id=app_8"]);
    assert!(many.contains("several decisions"), "{many}");
    assert!(directory.fails(&["explain", "--where", "input_features.application_id=app_9"]).contains("no decision"));
}

#[test]
fn a_deployer_may_add_a_language() {
    let directory = directory();
    let languages = directory.path().join("languages");
    std::fs::create_dir(&languages).unwrap();
    let english = std::fs::read_to_string(crate::program::repository().join("crates/report/language/en.toml")).unwrap();
    std::fs::write(
        languages.join("fr.toml"),
        english.replace("Explanation of a decision", "Explication d'une décision"),
    )
    .unwrap();
    let page = directory.ok(&["explain", "d-1", "--language", "fr", "--format", "html"]);
    assert!(page.contains("<html lang=\"fr\">") && page.contains("Explication d&#39;une décision"), "{page}");
    std::fs::write(languages.join("fr.toml"), "title = 'x'").unwrap();
    let printed = directory.fails(&["explain", "d-1", "--language", "fr"]);
    assert!(printed.contains("languages/fr.toml: these sentences are missing: confidence, "), "{printed}");
    std::fs::write(directory.path().join("onrecord.toml"), "[explanation]\ncontakt = 'x'").unwrap();
    assert!(directory.fails(&["explain", "d-1"]).contains("onrecord.toml"));
}

#[test]
fn a_history_is_all_decisions_about_a_person_with_the_keys_of_the_seed() {
    let directory = directory();
    let history = directory.json(&["history", "customer-1", "--format", "json"]);
    let rows = history.as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["decision_id"].as_str().unwrap()).collect::<Vec<_>>(), ["d-2", "d-1"]);
    assert_eq!((&rows[1]["system"], &rows[1]["decision"]), (&json!("loan"), &json!({"approved": false})));
    assert_eq!((&rows[1]["explanation"], &rows[0]["explanation"]), (&json!("The term is long."), &Value::Null));
    assert!(rows[0]["date"].as_str().unwrap().starts_with("2026-03-02T10:00:00"));
    assert_eq!(directory.json(&["history", "nobody", "--format", "json"]), json!([]));
    assert_eq!(directory.ok(&["history", "customer-1", "--format", "jsonl"]).lines().count(), 2);
    assert!(
        directory.ok(&["history", "customer-1", "--format", "csv"]).starts_with("date,system,decision,explanation")
    );
    assert!(directory.ok(&["history", "o'neil\n\"x\"", "--format", "table"]).contains("no decisions"));
    let accesses = directory.rows("SELECT action, what FROM accesses WHERE action = 'history'");
    assert_eq!(accesses.len(), 5);
    assert!(accesses.iter().all(|access| !access["what"].as_str().unwrap().contains("customer")), "{accesses:?}");
    let server = directory.serve();
    let reader = server.with_token(&directory.make_token("reader", "read"));
    assert_eq!(reader.get("/v1/subjects/customer-1/history").json(), json!([]), "a reader sees tokens only");
}

#[test]
fn an_explanation_keeps_every_digit() {
    let directory = Directory::init();
    let digits = "12345678901234567890123456789012345678";
    let body = format!(
        r#"{{"decision_id":"d-1","model_id":"loan","model_version":"3","input_features":{{}},"prediction":{{"limit":{digits}}},
            "explanation":{{"top_features":[{{"feature":"a","importance":9007199254740993}}]}}}}"#
    );
    assert!(directory.log(body).status.success());
    let told = directory.ok(&["explain", "d-1", "--format", "json"]);
    assert_eq!(told.matches(digits).count(), 2, "the decision, and what is in force: {told}");
    assert!(told.contains("9007199254740993"), "{told}");
    assert!(directory.ok(&["explain", "d-1", "--format", "table"]).contains(digits));
}

#[test]
fn who_opted_out_is_shown_in_the_history_and_counted_in_the_report() {
    let directory = directory();
    let opted_out = json!({
        "user_id": "customer-1", "model_id": "loan", "model_version": "3", "consent_given": false,
        "timestamp": "2026-03-05T10:00:00Z", "input_features": {}, "prediction": {"approved": true},
    });
    assert!(directory.log(opted_out.to_string()).status.success());
    let history = directory.json(&["subject", "history", "customer-1", "--format", "json"]);
    let consents: Vec<&Value> = history.as_array().unwrap().iter().map(|row| &row["consent_given"]).collect();
    assert_eq!(consents, [&json!(false), &json!(true), &json!(true)]);
    let period = ["--since", "2026-03-01", "--until", "2026-04-01"];
    let usage = directory.json(&[&["report", "usage", "--model", "loan", "--format", "json"], &period[..]].concat());
    assert_eq!((&usage["total_predictions"], &usage["without_consent"]), (&json!(4), &json!(1)));
    let table = directory.ok(&[&["report", "usage", "--model", "loan", "--format", "table"], &period[..]].concat());
    assert!(table.contains("without_consent: 1"), "{table}");
}
