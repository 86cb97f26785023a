//! The detectors on arbitrary text: no panic, nothing left to mask, and what is masked is exactly what was found.

use onrecord_service::detector::Detector;
use proptest::prelude::*;

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,6}",
        "[ -~]{0,8}",
        "[0-9]{1,6}",
        "[-. ()+/@:_,#]{1,2}",
        Just("jane@example.com".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("123-45-6789".to_owned()),
        Just("+49 170 1234567".to_owned()),
        Just("tel".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn findings_are_in_order_and_masking_leaves_the_rest(pieces in prop::collection::vec(piece(), 0..9)) {
        let text = pieces.concat();
        let detector = Detector::default();
        let found = detector.find(&text);
        let mut expected = String::new();
        let mut from = 0;
        for (span, finding) in &found {
            prop_assert!(span.start >= from && span.end > span.start);
            expected.push_str(&text[from..span.start]);
            expected.push_str(finding.mask());
            from = span.end;
        }
        expected.push_str(&text[from..]);
        let mut out = String::new();
        let changed = detector.mask(&text, &mut out);
        prop_assert_eq!(changed, !found.is_empty());
        prop_assert_eq!(if changed { out } else { text }, expected);
    }

    /// What stands alone between spaces is found wherever it stands.
    #[test]
    fn a_value_among_words_is_found(before in "[a-zA-Zäöü ,]{0,20}", after in "[a-zA-Zäöü ,]{0,20}") {
        for value in ["jane.doe@example.com", "DE89 3704 0044 0532 0130 00", "4111-1111-1111-1111", "123-45-6789", "(415) 555-2671"] {
            let text = format!("{before} {value} {after}");
            let mut out = String::new();
            prop_assert!(Detector::default().mask(&text, &mut out), "{}", text);
            prop_assert!(!out.contains(value) && out.starts_with(&before) && out.ends_with(&after), "{}", out);
        }
    }

    /// Identifiers of random bits stay: at most one in a thousand bare numbers of card length may look like a card.
    #[test]
    fn random_identifiers_stay(bits in any::<u128>()) {
        let uuid = uuid::Uuid::from_u128(bits);
        for text in [uuid.to_string(), uuid.simple().to_string(), format!("id={uuid}"), format!("{:010}", bits as u32)] {
            prop_assert!(Detector::default().find(&text).is_empty(), "{}", text);
        }
    }
}
