//! Malformed and hostile input: each a fault that names the place, never a panic.

use std::time::Instant;

use onrecord_record::{Decision, Fault, Parser, limit};
use proptest::prelude::*;

use crate::arbitrary;

fn faults(json: &[u8]) -> Vec<Fault> {
    Parser::new().parse(json).err().unwrap_or_default()
}

/// Checks that the only fault is this one, at this pointer.
#[track_caller]
fn check(json: impl AsRef<[u8]>, pointer: &str, problem: &str) {
    let faults = faults(json.as_ref());
    assert_eq!(faults, [Fault::new(pointer, problem)]);
}

#[test]
fn what_is_not_json_is_named_with_its_place() {
    check("", "", "column 1: there is no document");
    check(" \n ", "", "line 2, column 2: there is no document");
    check("{", "", "column 2: the document ends too early");
    check(r#"{"a":1"#, "", "column 7: the document ends too early");
    check(r#"{"a":"#, "/a", "column 6: the document ends too early");
    check(r#"{"a" 1}"#, "/a", "column 6: a colon must be here");
    check(r#"{"a":1,}"#, "", "column 8: a member name in double quotes must be here");
    check(r#"{a:1}"#, "", "column 2: a member name in double quotes must be here");
    check(r#"{"a":1 "b":2}"#, "", "column 8: a comma or the end of the object must be here");
    check(r#"{"a":[1,2"#, "/a", "column 10: the document ends too early");
    check(r#"{"a":[1,]}"#, "/a/1", "column 9: a value must be here");
    check(r#"{"a":[1 2]}"#, "/a", "column 9: a comma or the end of the array must be here");
    check("{\n  \"a\": 1,\n  \"é\": tru\n}", "/é", "line 3, column 8: a value must be here");
    check(r#"{"a":1} x"#, "", "column 9: there is more after the end of the document");
    check(r#"{"a":1}{"a":1}"#, "", "column 8: there is more after the end of the document");
    check("{'a':1}", "", "column 2: a member name in double quotes must be here");
    check("{\"a\":'b'}", "/a", "column 6: strings are in double quotes in JSON");
    check("\u{feff}{}", "", "column 1: the document begins with a byte order mark");
    check(
        r#"{"a":True}"#,
        "/a",
        "column 6: this is Python, not JSON: true, false and null are written in small letters",
    );
    check(r#"{"a":undefined}"#, "/a", "column 6: undefined is not JSON; leave the member out or send null");
}

#[test]
fn bad_strings() {
    check(r#"{"a":"b"#, "/a", "column 8: a string does not end");
    check("{\"a\":\"b\nc\"}", "/a", "line 1, column 8: a control character in a string must be escaped");
    check("{\"a\":\"b\tc\"}", "/a", "column 8: a control character in a string must be escaped");
    check(r#"{"a":"\x"}"#, "/a", "column 7: there is no such escape in JSON");
    check(r#"{"a":"\u12g4"}"#, "/a", "column 7: an escape \\u needs four hexadecimal digits");
    for unpaired in [r"\ud800", r"\ud800x", r"\ud800\n", r"\ud800\ud800", r"\udc00", r"\udc00\ud800"] {
        let json = format!(r#"{{"a":{{"b":["x","{unpaired}"]}}}}"#);
        check(json, "/a/b/1", "column 17: an unpaired surrogate is not a character");
    }
    check(
        br#"{"a":1,"b":["x"#.iter().chain(b"\xff\"]}").copied().collect::<Vec<u8>>(),
        "/b/0",
        "column 15: the text is not valid UTF-8 here",
    );
    check(b"\xc3\x28", "", "column 1: the text is not valid UTF-8 here");
    // An overlong form and a surrogate in UTF-8.
    check(b"{\"a\":\"\xc0\x80\"}", "/a", "column 7: the text is not valid UTF-8 here");
    check(b"{\"a\":\"\xed\xa0\x80\"}", "/a", "column 7: the text is not valid UTF-8 here");
}

#[test]
fn numbers_that_are_none_or_that_a_double_cannot_hold() {
    for word in ["NaN", "Infinity", "-Infinity", "nan"] {
        check(format!(r#"{{"a":[0,{word}]}}"#), "/a/1", "column 9: infinity and NaN are not JSON");
    }
    for large in ["1e400", "-1e400", "123456e4000", "2e308"] {
        check(
            format!(r#"{{"a":{large}}}"#),
            "/a",
            "column 6: the number is too large for a double; send it as a string",
        );
    }
    for none in ["1.", "1.e1", "1e", "1e+", "-", "--1", "0x10", "1_000", "1.2.3"] {
        check(format!(r#"{{"a":{none}}}"#), "/a", "column 6: this is not a number in JSON");
    }
    check(r#"{"a":01}"#, "/a", "column 6: a number must not begin with a zero that stands for nothing");
    check(r#"{"a":+1}"#, "/a", "column 6: a value must be here");
    check(r#"{"a":.5}"#, "/a", "column 6: a value must be here");
}

#[test]
fn a_member_that_is_there_twice_is_named_at_any_depth() {
    let twice = "the member is there twice";
    check(r#"{"a":1,"a":2}"#, "/a", twice);
    check(r#"{"b":1,"a":{"x":[{"k":1,"j":2,"k":1}]}}"#, "/a/x/0/k", twice);
    // Two spellings of one name.
    check(r#"{"é":1,"\u00e9":2}"#, "/é", twice);
    check(
        r#"{"data_retention_days":1,"data_retention_policy":2,"data_retention_days":1}"#,
        "/data_retention_days",
        twice,
    );
    let all = faults(br#"{"a":{"b":1,"b":2,"b":3},"c":1.2345678901234567890,"d":1,"d":1}"#);
    let pointers: Vec<_> = all.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/d", "/a/b", "/a/b", "/c"]);
}

#[test]
fn faults_of_the_parser_and_of_the_fields_are_named_together() {
    let json = br#"{"model_id":"m","model_id":"n","confidence":2,"input_features":{"n":9007199254740993.0}}"#;
    let faults = Parser::new().parse_and(json, |value| Decision::read(value).err().unwrap_or_default()).err().unwrap();
    let mut pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    pointers.sort_unstable();
    pointers.dedup();
    assert_eq!(pointers, ["/confidence", "/input_features/n", "/model_id", "/model_version", "/prediction"]);
}

#[test]
fn a_record_over_a_limit_is_refused_at_once() {
    let started = Instant::now();
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(limit::SENT_BYTES_MAX));
    check(&large, "", &format!("has {} bytes; the limit is {}", large.len(), limit::SENT_BYTES_MAX));

    let place = limit::NESTING_MAX + 1;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    check(deep, &"/0".repeat(limit::NESTING_MAX), &format!("column {place}: arrays and objects are nested too deeply"));
    let open = "[".repeat(1_000_000);
    check(open, &"/0".repeat(limit::NESTING_MAX), &format!("column {place}: arrays and objects are nested too deeply"));
    let objects = r#"{"a":"#.repeat(10_000);
    let faults = faults(objects.as_bytes());
    assert!(faults[0].problem.ends_with("nested too deeply"), "{faults:?}");

    let many = format!("[{}0]", "0,".repeat(limit::VALUES_MAX));
    check(many, "", &format!("has more than {} values", limit::VALUES_MAX));
    // Refused before a tape of half a gigabyte is made of it.
    let many = format!("[{}0]", "0,".repeat(limit::SENT_BYTES_MAX / 2 - 2));
    check(many, "", &format!("has more than {} values", limit::VALUES_MAX));
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn a_record_at_the_limits_is_accepted() {
    let padding = limit::SENT_BYTES_MAX - r#"{"a":""}"#.len();
    assert_eq!(faults(format!(r#"{{"a":"{}"}}"#, "x".repeat(padding)).as_bytes()), []);
    let deep = "[".repeat(limit::NESTING_MAX) + &"]".repeat(limit::NESTING_MAX);
    assert_eq!(faults(deep.as_bytes()), []);
    let texts = format!("[{}\"\"]", "\"a,[:\\\"\\\\\", ".repeat(limit::VALUES_MAX - 2));
    assert!(texts.len() > limit::RECORD_BYTES_MAX);
    assert_eq!(faults(texts.as_bytes()), []);
    let many = format!("[{}0]", "0,".repeat(limit::VALUES_MAX - 2));
    assert_eq!(faults(many.as_bytes()), []);
}

#[test]
fn a_parser_is_usable_after_whatever_it_was_given() {
    fn movable<T: Send + Sync>(value: T) -> T {
        value
    }
    let mut parser = movable(Parser::new());
    let large = format!(r#"["{}",{}0]"#, "x".repeat(700_000), "0,".repeat(100_000));
    for _ in 0..3 {
        assert_eq!(parser.parse(large.as_bytes()).unwrap().value().len(), 100_002);
        assert!(parser.parse(&large.as_bytes()[..800_000]).is_err());
        assert!(parser.parse(br#"{"a":1,"a":2}"#).is_err());
        let document = parser.parse(br#"{"b":[true],"a":"x"}"#).unwrap();
        assert_eq!(document.value().get("a").unwrap().as_str(), Some("x"));
    }
}

#[test]
fn long_names_are_shortened_in_faults() {
    let json = format!(r#"{{"{}":NaN}}"#, "k".repeat(1000));
    assert_eq!(faults(json.as_bytes())[0].pointer, format!("/{}…", "k".repeat(limit::FAULT_KEY_CHARS_MAX)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn accepts_what_serde_json_accepts(text in arbitrary::nearly_json()) {
        let faults = faults(&text);
        let expected = serde_json::from_slice::<serde_json::Value>(&text);
        // The slow search must find something wrong whenever the fast parser refuses.
        let unfound = faults.iter().any(|fault| fault.problem.ends_with("the document is not valid JSON"));
        prop_assert!(!unfound, "{:?}", String::from_utf8_lossy(&text));
        let ours = |fault: &Fault| fault.problem.contains("there twice") || fault.problem.ends_with("send it as a string");
        if expected.is_err() {
            prop_assert!(!faults.is_empty(), "{:?} should be refused", String::from_utf8_lossy(&text));
        } else if !faults.is_empty() {
            prop_assert!(faults.iter().all(ours), "{:?}: {:?}", String::from_utf8_lossy(&text), faults);
        }
    }

    #[test]
    fn any_bytes_are_accepted_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let refused = !faults(&bytes).is_empty();
        if serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
            prop_assert!(refused);
        }
    }
}
