//! `onrecord-verify` as a third party runs it: what it is given, what it answers, and its exit code.

use crate::golden;
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A directory with the evidence of `golden/log.json` in files.
struct Desk {
    dir: TempDir,
    log: Value,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: TempDir::new().unwrap(), log: golden::file("log.json") };
        let log = &desk.log;
        desk.put("bundle.json", log["bundles"][1].to_string().as_bytes());
        desk.put("receipt.json", log["receipts"][4].to_string().as_bytes());
        desk.put("logged.json", json!({"decision_id": "d", "receipt": log["receipts"][4]}).to_string().as_bytes());
        desk.put("batch.json", log["batch_receipts"][2].to_string().as_bytes());
        desk.put("record", log["records"][4].as_str().unwrap().as_bytes());
        desk.put("other-record", log["records"][9].as_str().unwrap().as_bytes());
        desk.put("old", log["consistency"][3]["old"].as_str().unwrap().as_bytes());
        desk.put("new", log["consistency"][3]["new"].as_str().unwrap().as_bytes());
        desk.put("proof.json", log["consistency"][3]["proof"].to_string().as_bytes());
        desk.put("key", format!("{}\n", desk.key()).as_bytes());
        desk.put("keys", format!("{}\n\n{}\n", golden::OTHER_KEY, desk.key()).as_bytes());
        desk.put("other-key", golden::OTHER_KEY.as_bytes());
        desk
    }

    fn key(&self) -> &str {
        self.log["public_key"].as_str().unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &str, input: &[u8]) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_onrecord-verify"))
            .args(arguments.split_whitespace())
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end without having read its input.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn yes(&self, arguments: &str, sentence: &str) {
        let (code, answer, _) = self.run(arguments, b"");
        assert_eq!((code, answer.starts_with(&format!("yes: {sentence}"))), (0, true), "{arguments}: {answer}");
    }

    fn no(&self, arguments: &str, why: &str) {
        let (code, answer, _) = self.run(arguments, b"");
        assert!(code == 1 && answer.starts_with("no: ") && answer.contains(why), "{arguments}: {code} {answer}");
    }

    fn misuse(&self, arguments: &str, problem: &str) {
        let (code, answer, complaint) = self.run(arguments, b"");
        assert_eq!((code, answer.as_str(), complaint.contains(problem)), (2, "", true), "{arguments}: {complaint}");
    }
}

#[test]
fn sound_evidence_is_a_yes() {
    let desk = Desk::new();
    let log = "the log example.com/golden with 11 leaves and the root KWzQTwanINdLkBm+6Y5K0Ggfk1LbypHJl/TcLO9ZZ/U=";
    let key = desk.key().to_owned();
    desk.yes("bundle bundle.json --key key", &format!("this record of 27 bytes is leaf 4 of {log}\n"));
    desk.yes(&format!("bundle --key={key} bundle.json"), "this record of 27 bytes");
    desk.yes("bundle bundle.json --key keys", "this record");
    desk.yes("bundle bundle.json --key other-key --key key", "this record");
    desk.yes(
        "receipt receipt.json --key key",
        "a record with the leaf hash Diu1U7pHn0IHM0tQUz6Yx1vMPd/92vCQj459DOiOkWM=",
    );
    desk.yes("receipt receipt.json --record record --key key", "this record of 27 bytes is leaf 4 of");
    desk.yes("receipt logged.json --record record --key key", "this record of 27 bytes is leaf 4 of");
    desk.yes("batch-receipt batch.json --key key", "records with these 5 leaf hashes are the leaves from 3 on");
    desk.yes("batch-receipt batch.json --record record --key key", "this record of 27 bytes is leaf 4 of");
    desk.yes("consistency old new proof.json --key key", "the first 7 leaves are still there, unchanged");

    let (code, answer, _) = desk.run("bundle bundle.json --key key --show", b"");
    assert_eq!((code, answer.split_once('\n').unwrap().1), (0, desk.log["records"][4].as_str().unwrap()));
    let (code, answer, _) = desk.run("receipt - --key key", desk.log["receipts"][4].to_string().as_bytes());
    assert!(code == 0 && answer.starts_with("yes: "), "{answer}");
}

#[test]
fn unsound_evidence_is_a_no_with_its_reason() {
    let desk = Desk::new();
    desk.no(
        "bundle bundle.json --key other-key",
        "not signed by PeterNeumann+c74f20a3 (the bundle names the key \"example",
    );
    desk.no("receipt receipt.json --record other-record --key key", "does not hash to leaf 4");
    desk.no("batch-receipt batch.json --record other-record --key key", "not in this batch");
    desk.no("consistency new old proof.json --key key", "fewer than the older");
    desk.no("consistency old new receipt.json --key key", "malformed consistency proof");
    desk.no("consistency old bundle.json proof.json --key key", "the newer checkpoint: malformed signed note");
    desk.no("bundle receipt.json --key key", "malformed bundle");
    desk.no("receipt logged.json --record other-record --key key", "does not hash to leaf 4");
    desk.no("receipt proof.json --key key", "malformed receipt");
    desk.no("bundle nowhere.json --key key", "nowhere.json cannot be read");
    desk.put("cut.json", &std::fs::read(desk.dir.path().join("bundle.json")).unwrap()[..500]);
    desk.no("bundle cut.json --key key", "it is cut off (line 1, column 500)");
    desk.put("empty", b"");
    desk.no("bundle empty --key key", "it is cut off");
    for refused in desk.log["refused"].as_array().unwrap() {
        let form = ["receipt", "batch_receipt", "bundle"].into_iter().find(|form| refused[form].is_object()).unwrap();
        desk.put("refused.json", refused[form].to_string().as_bytes());
        desk.put("its-key", refused["key"].as_str().unwrap().as_bytes());
        let arguments = format!("{} refused.json --key its-key", form.replace('_', "-"));
        desk.no(&arguments, refused["because"].as_str().unwrap());
    }
}

#[test]
fn wrong_usage_is_neither_yes_nor_no() {
    let desk = Desk::new();
    desk.misuse("", "no command");
    desk.misuse("prove bundle.json --key key", "no such command: prove");
    desk.misuse("bundle bundle.json", "--key is missing");
    desk.misuse("bundle bundle.json --key", "--key needs a value");
    desk.misuse("bundle bundle.json --key nowhere", "--key is no key (malformed public key");
    desk.misuse("bundle bundle.json --key record", "the file record: malformed public key");
    desk.misuse("bundle --key key", "1 file(s) needed, 0 given");
    desk.misuse("consistency old new --key key", "3 file(s) needed, 2 given");
    desk.misuse("bundle bundle.json --key key --verbose", "no such option: --verbose");
    desk.misuse("receipt receipt.json --key key --show", "--show is for bundle");
    desk.misuse("bundle bundle.json --key key --record record", "--record is for");
    let (code, answer, _) = desk.run("--help", b"");
    assert!(code == 0 && answer.contains("onrecord-verify bundle FILE --key KEY"), "{answer}");
    let (code, answer, _) = desk.run("--version", b"");
    assert_eq!((code, answer), (0, format!("onrecord-verify {}\n", env!("CARGO_PKG_VERSION"))));
}
