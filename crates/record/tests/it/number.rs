//! Numbers: the one that is stored is the one that was sent, or it is refused by name.

use onrecord_record::{Decision, Fault, Parser, Unprotected, canonical, limit, number_problem};
use proptest::prelude::*;
use serde_json::json;

use crate::arbitrary;
use crate::decision::STAMP;

const ROUNDED: &str = "the number would be rounded: no double holds it as written; round it, or send it as a string";
const TOO_LONG: &str = "the integer has more than 38 digits; send it as a string";
const TOO_SMALL: &str = "the number is too small for a double; send it as a string";
const TOO_LARGE: &str = "the number is too large for a double; send it as a string";

fn canonical_of(json: &str) -> Result<String, Vec<Fault>> {
    let mut parser = Parser::new();
    let document = parser.parse(json.as_bytes())?;
    let mut out = Vec::new();
    canonical::write(document.value(), &mut out);
    Ok(String::from_utf8(out).unwrap())
}

/// The stored form of a decision, or what is wrong with it.
fn stored(json: &str) -> Result<String, Vec<Fault>> {
    let mut parser = Parser::new();
    let document = parser.parse(json.as_bytes())?;
    let mut out = Vec::new();
    Decision::read(document.value())?.write(&STAMP, &mut Unprotected, &mut out);
    Ok(String::from_utf8(out).unwrap())
}

/// A decision with this for its members beyond the least.
fn with(members: &str) -> String {
    format!(r#"{{"model_id":"m","model_version":"1","input_features":{{}},"prediction":1,{members}}}"#)
}

#[test]
fn v1_an_account_number_of_64_bits_and_more_is_stored_digit_for_digit() {
    let sent = r#"{"decision_id":"v1","model_id":"trial","model_version":"1","input_features":{"account":107505301260286111,"wei":19876543210987654321},"prediction":{"approved":true}}"#;
    let stored = stored(sent).unwrap();
    assert!(
        stored.contains(r#""input_features":{"account":107505301260286111,"wei":19876543210987654321}"#),
        "{stored}"
    );
    assert_eq!(canonical_of(&stored).unwrap(), stored);
}

#[test]
fn v1_integers_at_every_bound_come_back() {
    let nines = "9".repeat(limit::INTEGER_DIGITS_MAX);
    for integer in [
        "0",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1152921504606846976",
        "99999999999999999999",
        "100000000000000000000",
        "1000000000000000000000",
        "10000000000000000000000000000000000000",
        &nines,
    ] {
        for sign in ["", "-"].iter().filter(|sign| sign.is_empty() || integer != "0") {
            let literal = format!("{sign}{integer}");
            assert_eq!(canonical_of(&literal).as_deref(), Ok(literal.as_str()));
        }
    }
    assert_eq!(canonical_of("-0").as_deref(), Ok("0"));
}

#[test]
fn v1_an_integer_of_more_digits_is_refused_with_its_place() {
    for integer in [
        format!("1{}", "0".repeat(38)),
        u128::MAX.to_string(),
        i128::MIN.to_string(),
        "9".repeat(39),
        "1".repeat(60),
        format!("-{}", "7".repeat(400)),
    ] {
        let faults = canonical_of(&format!(r#"{{"a":{{"b":[1,{integer}]}}}}"#)).unwrap_err();
        let [Fault { pointer, problem }] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!(pointer, "/a/b/1");
        // Beyond 128 bits the fast parser gives up, and the place is known to the column.
        assert!(problem == TOO_LONG || *problem == format!("column 14: {TOO_LONG}"), "{problem}");
    }
}

#[test]
fn v1_below_10_to_the_21st_one_number_has_one_spelling() {
    for spellings in [
        ["100000000000000000000", "1e20", "100000000000000000000.0"],
        ["9007199254740994", "9007199254740994.0", "9.007199254740994e15"],
        ["1152921504606847000", "1152921504606847000.0", "1.152921504606847E+18"],
        ["-3", "-3.0", "-30e-1"],
    ] {
        for spelling in spellings {
            assert_eq!(canonical_of(spelling).as_deref(), Ok(spellings[0]), "{spelling}");
        }
    }
    // Above, a double is written with an exponent, and an integer as its digits.
    assert_eq!(canonical_of("1e21").as_deref(), Ok("1e+21"));
    assert_eq!(canonical_of("1000000000000000000000").as_deref(), Ok("1000000000000000000000"));
}

#[test]
fn v1_fields_that_are_doubles_take_integers_that_doubles_are() {
    let ms = |number: &str| stored(&with(&format!(r#""processing_time_ms":{number}"#)));
    assert!(ms("9007199254740994").unwrap().contains(r#""processing_time_ms":9007199254740994,"#));
    assert_eq!(ms("9007199254740993").unwrap_err(), [Fault::new("/processing_time_ms", ROUNDED)]);
    let days = stored(&with(r#""data_retention_days":9223372036854775808"#)).unwrap_err();
    assert_eq!(days, [Fault::new("/data_retention_days", "must be a whole number from 1 to 36525")]);
    let importance = r#""explanation":{"top_features":[{"feature":"age","importance":19876543210987654321}]}"#;
    assert!(stored(&with(importance)).unwrap().contains(r#""importance":19876543210987654321"#));
}

#[test]
fn v2_a_fraction_that_would_be_rounded_is_refused() {
    let sent = r#"{"decision_id":"v2","model_id":"trial","model_version":"1","input_features":{"balance":123456789012345.123456789},"prediction":{"approved":true}}"#;
    assert_eq!(stored(sent).unwrap_err(), [Fault::new("/input_features/balance", ROUNDED)]);
    for (members, pointer) in [
        (r#""confidence":0.1234567890123456789"#, "/confidence"),
        (r#""processing_time_ms":12345678901234567.5"#, "/processing_time_ms"),
        (
            r#""explanation":{"top_features":[{"feature":"age","importance":0.10000000000000001}]}"#,
            "/explanation/top_features/0/importance",
        ),
        (r#""alternative_predictions":[{"value":1.00000000000000001}]"#, "/alternative_predictions/0/value"),
        (r#""metadata":{"a":[[],{"b":9007199254740993.0}]}"#, "/metadata/a/1/b"),
    ] {
        assert_eq!(stored(&with(members)).unwrap_err(), [Fault::new(pointer, ROUNDED)], "{members}");
    }
}

#[test]
fn v2_a_number_out_of_range_is_refused() {
    let of = |number: &str| canonical_of(&format!(r#"{{"a":{number}}}"#));
    for small in ["1e-400", "-1e-324", "0.00001e-320", "2.4e-324"] {
        assert_eq!(of(small).unwrap_err(), [Fault::new("/a", TOO_SMALL)], "{small}");
    }
    assert_eq!(of("4.9e-324").unwrap_err(), [Fault::new("/a", ROUNDED)]);
    for large in ["1e400", "-1e309", "2e308"] {
        assert_eq!(of(large).unwrap_err(), [Fault::new("/a", format!("column 6: {TOO_LARGE}"))], "{large}");
    }
}

#[test]
fn v2_a_number_that_a_double_holds_is_kept_however_it_is_spelled() {
    for (sent, written) in [
        ("0.1", "0.1"),
        ("1.10", "1.1"),
        ("1.1000000000000000000000000", "1.1"),
        ("0.0", "0"),
        ("-0.0e5", "0"),
        ("0e400", "0"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("123456789012345.12", "123456789012345.12"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("12.50", "12.5"),
        ("1E3", "1000"),
    ] {
        assert_eq!(canonical_of(sent).as_deref(), Ok(written));
        assert_eq!(canonical_of(&format!(" [\n{sent}\t, {sent} ]")), Ok(format!("[{written},{written}]")));
    }
}

/// A decimal in lowest terms: its digits as an integer, and the power of ten that they count.
fn lowest(literal: &str) -> (bool, u128, i64) {
    let (negative, unsigned) = literal.strip_prefix('-').map_or((false, literal), |unsigned| (true, unsigned));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: u128 = format!("{whole}{fraction}").parse().unwrap();
    let mut power = exponent.parse::<i64>().unwrap() - fraction.len() as i64;
    if digits == 0 {
        return (false, 0, 0);
    }
    while digits.is_multiple_of(10) {
        (digits, power) = (digits / 10, power + 1);
    }
    (negative, digits, power)
}

/// Literals of any grammar: short and long, near to doubles and far from them.
fn literal() -> impl Strategy<Value = String> {
    let sign = prop_oneof![Just(""), Just("-")];
    let exponent = prop_oneof![3 => Just(String::new()), 1 => (-340..320).prop_map(|n| format!("e{n}"))];
    let magnitude = prop_oneof![
        "(0|[1-9][0-9]{0,37})",
        ("(0|[1-9][0-9]{0,17})", "[0-9]{1,20}", exponent).prop_map(|(a, b, e)| format!("{a}.{b}{e}")),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{:e}", n.abs())),
        (0.0..1.0, 14..19_usize).prop_map(|(n, digits)| format!("{n:.digits$}")),
    ];
    (sign, magnitude).prop_map(|(sign, magnitude)| format!("{sign}{magnitude}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn v1_any_integer_of_up_to_38_digits_comes_back(negative: bool, digits in "[1-9][0-9]{0,37}") {
        let literal = format!("{}{digits}", if negative { "-" } else { "" });
        prop_assert_eq!(canonical_of(&literal), Ok(literal));
    }

    #[test]
    fn v2_what_is_written_is_what_was_sent_or_the_number_is_named(
        literal in literal(),
        around in arbitrary::document(),
        pretty: bool,
    ) {
        let print = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
        let around = print(&around).unwrap();
        let json = format!(r#"{{"a":{around},"n":[{{}},"x", {literal} ,{literal}],"z":{around}}}"#);
        let parsed = canonical_of(&json);
        prop_assert_eq!(number_problem(&literal).is_some(), parsed.is_err());
        match parsed {
            Ok(written) => {
                let written: &str = written.split_once(r#""n":[{},"x","#).unwrap().1.split([',', ']']).next().unwrap();
                prop_assert_eq!(lowest(&literal), lowest(written), "{} became {}", literal, written);
            }
            Err(faults) => {
                let double: f64 = literal.parse().unwrap();
                let rounded = !double.is_finite() || lowest(&literal) != lowest(&json!(double).to_string());
                let is_wide = literal.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
                prop_assert!(rounded && !is_wide, "{literal} was refused: {faults:?}");
                let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
                prop_assert!(pointers == ["/n/2", "/n/3"] || (!double.is_finite() && pointers == ["/n/2"]), "{pointers:?}");
            }
        }
    }
}

#[test]
fn v2_a_stored_record_is_not_looked_at_again() {
    let mut parser = Parser::new();
    assert!(parser.parse_stored(b"[0.10000000000000001]").is_ok());
    assert!(parser.parse_stored(format!("[{}]", "7".repeat(39)).as_bytes()).is_err());
    assert!(parser.parse_stored(br#"{"a":1,"a":2}"#).is_err());
}
