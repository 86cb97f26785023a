//! A person gets all that is on the record about them, in one file that can be checked.

use crate::program::{Directory, verifier_program};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

/// The files of a zip, by their names.
pub(crate) fn unzip(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(file.name().unwrap().into_owned(), bytes);
    }
    files
}

pub(crate) fn lines(file: &[u8]) -> Vec<Value> {
    std::str::from_utf8(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fill(directory: &Directory) {
    for (id, user) in [("d-1", "jane"), ("d-2", "john"), ("d-3", "jane")] {
        let decision = json!({
            "decision_id": id, "user_id": user, "model_id": "assistant", "model_version": "1", "model_type": "llm",
            "input_features": {"prompt": format!("I am {user}"), "big": 12345678901234567890_u64},
            "prediction": {"class": "good, \"really\""}, "explanation": {"reasoning": "because"},
        });
        assert!(directory.log(decision.to_string()).status.success());
    }
    directory.ok(&["review", "d-1", "--agree", "--reviewer", "kim"]);
    directory.ok(&["outcome", "d-3", "--value", "true"]);
    directory.ok(&["explain", "d-1", "--for", "jane"]);
}

#[test]
fn a_person_gets_what_is_on_the_record_about_them_and_nothing_else() {
    let directory = Directory::init();
    fill(&directory);
    let path = directory.beside("jane.zip");
    let shown = path.display().to_string();
    directory.ok(&["--purpose", "request 12", "subject", "export", "jane", "--output", &shown]);
    let files = unzip(&path);
    let all: Vec<u8> = files.values().flatten().copied().collect();
    assert!(!String::from_utf8_lossy(&all).contains("john"), "nobody else is in it");

    let decisions = lines(&files["decisions.jsonl"]);
    assert_eq!(decisions.iter().map(|decision| &decision["decision_id"]).collect::<Vec<_>>(), ["d-1", "d-3"]);
    assert_eq!(
        (&decisions[0]["user_id"], &decisions[0]["input_features"]["prompt"]),
        (&json!("jane"), &json!("I am jane"))
    );
    let text = String::from_utf8(files["decisions.jsonl"].clone()).unwrap();
    assert!(text.contains(":12345678901234567890"), "every digit stays");
    let mut csv = csv::Reader::from_reader(&files["decisions.csv"][..]);
    let rows: Vec<BTreeMap<String, String>> = csv.deserialize().map(Result::unwrap).collect();
    assert_eq!((rows.len(), rows[1]["decision_id"].as_str()), (2, "d-3"));
    assert_eq!(serde_json::from_str::<Value>(&rows[0]["prediction"]).unwrap(), decisions[0]["prediction"]);
    let supplied = &lines(&files["supplied.jsonl"])[0];
    assert!(supplied.get("input_features").is_some() && supplied.get("prediction").is_none(), "{supplied}");
    let inferred = &lines(&files["inferred.jsonl"])[0];
    assert!(
        inferred.get("input_features").is_none() && inferred["explanation"]["reasoning"] == "because",
        "{inferred}"
    );
    assert_eq!((lines(&files["reviews.jsonl"]).len(), lines(&files["outcomes.jsonl"]).len()), (1, 1));
    let accesses = lines(&files["accesses.jsonl"]);
    let actions: Vec<&str> = accesses.iter().map(|access| access["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"explain") && actions.contains(&"export"), "{actions:?}");
    assert!(accesses.iter().any(|access| access["purpose"] == "request 12"), "{accesses:?}");

    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["records"], json!(4));
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len(), files.len() - 1);
    for file in listed {
        let bytes = &files[file["name"].as_str().unwrap()];
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&file["sha256"], &file["bytes"]), (&json!(hash), &json!(bytes.len())));
    }
    let evidence = files.iter().filter(|(name, _)| name.starts_with("evidence/"));
    let key = manifest["public_key"].as_str().unwrap();
    assert_eq!(key, directory.key().to_text());
    let mut checked = 0;
    for (_, bundle) in evidence {
        let bundle = directory.write("bundle.json", bundle);
        let verified = Command::new(verifier_program()).args(["bundle", &bundle, "--key", key]).output().unwrap();
        assert!(verified.status.success());
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn an_export_overwrites_nothing_and_leaves_nothing_half_written() {
    let directory = Directory::init();
    fill(&directory);
    let kept = directory.write("kept.zip", "mine");
    assert!(directory.fails(&["subject", "export", "jane", "--output", &kept]).contains("cannot make"));
    assert_eq!(std::fs::read(&kept).unwrap(), b"mine");
    let new = directory.beside("new.zip");
    let told = directory.fails(&["subject", "export", "nobody@example.com", "--output", &new.display().to_string()]);
    assert!(told.contains("nobody is known by this user id") && !told.contains("nobody@"), "{told}");
    assert!(!new.exists());
    let server = directory.serve();
    let reader = server.with_token(&directory.make_token("reader", "read"));
    assert_eq!(reader.get("/v1/subjects/jane/export").status, 403);
    assert_eq!(server.get("/v1/subjects/jane/export").header("content-type"), Some("application/zip"));
}

#[test]
fn an_export_under_the_ccpa_names_categories_and_what_the_policy_does_not_say() {
    let directory = Directory::init();
    let decision = |id: &str, consent: bool| {
        let decision = json!({
            "decision_id": id, "user_id": "jane", "model_id": "loan", "model_version": "1", "consent_given": consent,
            "input_features": {"income": 4200, "gender": "f", "shoe_size": 41, "applicant": {"email": "jane@example.com"},
                "employer": {"city": "Fresno"}, "tags": [{"zip": "1"}, {"zip": "2"}]},
            "prediction": {"approved": true, "income": 7}, "confidence": 0.9,
        });
        assert!(directory.log(decision.to_string()).status.success());
    };
    decision("d-1", true);
    decision("d-2", false);
    let export = |name: &str, more: &[&str]| {
        let path = directory.beside(name);
        directory.ok(&[&["subject", "export", "jane", "--output", &path.display().to_string()], more].concat());
        unzip(&path)
    };
    let files = export("ccpa.zip", &["--regulation", "ccpa"]);
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["regulation"], "ccpa");
    let ccpa = &manifest["ccpa"];
    let fields: BTreeMap<&str, &Value> = ccpa["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (of["category"].as_str().unwrap(), &of["fields"]))
        .collect();
    assert_eq!(fields["identifiers"], &json!(["input_features.applicant.email", "user_id"]));
    assert_eq!(fields["commercial_information"], &json!(["input_features.income"]));
    assert_eq!(fields["protected_characteristics"], &json!(["input_features.gender"]));
    assert_eq!(fields["geolocation"], &json!(["input_features.employer.city", "input_features.tags.zip"]));
    assert_eq!(fields["inferences"], &json!(["confidence", "prediction.approved", "prediction.income"]));
    assert_eq!(ccpa["uncategorised"], json!(["input_features.shoe_size"]));
    assert_eq!(
        (&ccpa["opted_out"], &ccpa["decisions_without_consent"], &ccpa["decisions"]),
        (&json!(true), &json!(1), &json!(2))
    );
    assert_eq!(ccpa["missing"].as_array().unwrap().len(), 4, "{ccpa}");
    let mut csv = csv::Reader::from_reader(&files["fields.csv"][..]);
    let rows: Vec<BTreeMap<String, String>> = csv.deserialize().map(Result::unwrap).collect();
    let row = |field: &str| rows.iter().find(|row| row["field"] == field).unwrap();
    assert_eq!((row("user_id")["law"].as_str(), row("user_id")["decisions"].as_str()), ("1798.140(v)(1)(A)", "2"));
    assert_eq!(
        (row("confidence")["origin"].as_str(), row("input_features.income")["origin"].as_str()),
        ("inferred", "supplied")
    );
    let readme = String::from_utf8(files["README.txt"].clone()).unwrap();
    assert!(readme.contains("you opted out") && readme.contains("1 of 2 decisions"), "{readme}");

    // Without it, it is an export under the GDPR.
    let files = export("gdpr.zip", &[]);
    assert!(!files.contains_key("fields.csv"));
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert!(manifest["regulation"] == "gdpr" && manifest.get("ccpa").is_none());
    assert_eq!(
        directory.run(&["subject", "export", "jane", "--output", "x", "--regulation", "lgpd"]).status.code(),
        Some(2)
    );

    // What the policy says is disclosed.
    let policy = directory.path().join("policy.toml");
    let said = "[ccpa]\nsources = [\"the consumer\"]\npurposes = [\"to decide\"]\nthird_parties = [\"auditors\"]\n";
    let text = std::fs::read_to_string(&policy).unwrap().replace("[ccpa]\n", said);
    let text = text.replace("[ccpa.categories]\n", "[ccpa.categories]\nshoe_size = \"commercial_information\"\n");
    std::fs::write(&policy, text).unwrap();
    let server = directory.serve();
    let answer = server.get("/v1/subjects/jane/export?regulation=ccpa");
    let manifest: Value =
        serde_json::from_slice(&unzip(Path::new(&directory.write("http.zip", &answer.body)))["manifest.json"]).unwrap();
    assert_eq!((&manifest["ccpa"]["sources"], &manifest["ccpa"]["missing"]), (&json!(["the consumer"]), &json!([])));
    assert_eq!(server.get("/v1/subjects/jane/export?regulation=lgpd").status, 400);
}
