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
        (&["--where", "true) OR (true"], "true"),
        (&["--since", "yesterday"], "RFC 3339"),
        (&[], "say what is held"),
    ] {
        let output = directory.run(&[&["hold", "place", "--reason", "r"], arguments].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(told) || told == "true", "{arguments:?}: {said}");
    }
    assert_eq!(directory.run(&["hold", "release", "h1"]).status.code(), Some(1));
}
