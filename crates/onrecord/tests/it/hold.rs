//! Holds that cannot be placed.

use crate::program::{Directory, text};

#[test]
fn a_hold_that_holds_nothing_or_says_nothing_is_refused() {
    let directory = Directory::init();
    assert!(
        directory
            .log(r#"{"user_id":"jane","model_id":"m","model_version":"1","input_features":{},"prediction":1}"#)
            .status
            .success()
    );
    for (arguments, told) in [
        (&["--model", "nowhere"][..], "nothing is held"),
        (&["--user", "nobody"], "nothing is held"),
        (&["--where", "false"], "nothing is held"),
        (&["--where", "no_such_column = 1"], "no_such_column"),
        (&["--where", "true) OR (true"], "one condition"),
        (&["--where", "true ORDER BY 1"], "one condition"),
        (&["--model", "m", "--case", &"c".repeat(2_001)], "case has more than 2000 characters"),
        (&["--since", "yesterday"], "RFC 3339"),
        (&[], "say what is held"),
    ] {
        let output = directory.run(&[&["hold", "place", "--reason", "r"], arguments].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(told), "{arguments:?}: {said}");
    }
    assert_eq!(directory.json(&["hold", "list", "--format", "json"]), serde_json::json!([]));
    assert_eq!(directory.run(&["hold", "release", "h1"]).status.code(), Some(1));
}

#[test]
fn a_hold_that_comes_after_a_removal_says_what_it_does_not_keep() {
    let directory = Directory::init();
    for user in ["jane", "john"] {
        let decision = format!(
            r#"{{"user_id":"{user}","model_id":"m-{user}","model_version":"1","input_features":{{}},"prediction":1}}"#
        );
        assert!(directory.log(decision).status.success());
    }
    // On the record as to go, and there until the next rewrite.
    directory.ok(&["subject", "erase", "jane", "--delete"]);
    assert_eq!(directory.count("SELECT count(*) FROM decisions"), 2);
    let place = ["hold", "place", "--since", "2020-01-01", "--reason", "r", "--format", "json"];
    let placed = directory.json(&place);
    assert_eq!((&placed["decisions"], &placed["waiting_for_removal"]), (&1.into(), &1.into()));
    let told = directory.fails(&["hold", "place", "--model", "m-jane", "--reason", "r"]);
    assert!(told.contains("as to go already"), "{told}");
    let by_condition = directory.run(&["hold", "place", "--where", "true", "--reason", "r", "--format", "table"]);
    assert!(text(&by_condition.stdout).contains("reaches 1 decisions"), "{by_condition:?}");
    assert!(text(&by_condition.stderr).contains("1 more that it reaches go all the same"));
    directory.ok(&["subject", "erase", "--pending"]);
    assert_eq!(directory.count("SELECT count(*) FROM decisions"), 1);
    let placed = directory.json(&place);
    assert_eq!((&placed["decisions"], placed.get("waiting_for_removal")), (&1.into(), None));
}
