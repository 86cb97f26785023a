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

fn masked(text: &str) -> String {
    let mut out = String::new();
    if Detector::default().mask(text, &mut out) { out } else { text.to_owned() }
}

/// Numbers of many countries as people write them, most from the ranges that regulators keep for fiction.
const PHONES: &[&str] = &[
    // United Kingdom, Ireland
    "+44 20 7946 0958",
    "+44 (0)20 7946 0958",
    "+44 (0) 20 7946 0958",
    "+442079460958",
    "020 7946 0958",
    "(020) 7946 0958",
    "0117 496 0123",
    "07700 900123",
    "+44 7700 900 123",
    "(+44) 20 7946 0958",
    "0044 20 7946 0958",
    "00 44 20 7946 0958",
    "011 44 20 7946 0958",
    "+353 20 910 1234",
    "020 910 1234",
    // North America
    "+1-305-555-0199",
    "(305) 555-0199",
    "305-555-0199",
    "1 (305) 555-0199",
    "+1 (305) 555 0199",
    "+1.305.555.0199",
    "+52 55 5555 0123",
    "(55) 5555 0123",
    // South America
    "(11) 91234-5678",
    "+55 11 91234-5678",
    "(21) 3123-4567",
    "+54 9 11 5555-0123",
    "+56 2 2123 4567",
    "+57 601 555 0123",
    "+593 2 123 4567",
    // Germany, Austria, Switzerland
    "+49 30 23125 012",
    "+49 (0)30 901820",
    "030 23125012",
    "0171 3920012",
    "+49 171 39 200 12",
    "030/23125012",
    "+43 1 234567890",
    "0660 1234567",
    "+41 44 668 18 00",
    "044 668 18 00",
    // France, Belgium, Netherlands, Luxembourg
    "+33 1 99 00 12 34",
    "01 99 00 12 34",
    "06 39 98 12 34",
    "+33 (0)6 39 98 12 34",
    "01.99.00.12.34",
    "+32 2 555 12 34",
    "+31 (0)20 123 4567",
    "+31 6 12345678",
    "020-1234567",
    "+352 26 12 34 56",
    // Italy, Spain, Portugal, Greece
    "+39 06 1234 5678",
    "06 1234 5678",
    "+39 347 123 4567",
    "+34 612 345 678",
    "+34 91 123 45 67",
    "+351 21 123 4567",
    "+30 21 0123 4567",
    // The north and the east
    "+46 8 465 004 12",
    "08-465 004 12",
    "+47 22 12 34 56",
    "+45 32 12 34 56",
    "+358 9 1234 567",
    "+354 555 1234",
    "+48 22 123 45 67",
    "+420 212 345 678",
    "+36 1 234 5678",
    "+40 21 123 4567",
    "+380 44 123 4567",
    "+7 495 123-45-67",
    "8 (495) 123-45-67",
    "+7 (812) 123-45-67",
    "+372 512 3456",
    // Asia
    "+91 98765 43210",
    "+86 138 1234 5678",
    "138 1234 5678",
    "139-1234-5678",
    "+81 3-1234-5678",
    "03-1234-5678",
    "090-1234-5678",
    "+82 10-1234-5678",
    "010-1234-5678",
    "+65 6123 4567",
    "+62 812-3456-7890",
    "+63 917 123 4567",
    "+84 24 1234 5678",
    "+66 2 123 4567",
    "+92 300 1234567",
    "+971 4 123 4567",
    "+972-3-123-4567",
    "+90 212 123 45 67",
    // Oceania, Africa
    "+61 2 5550 1234",
    "(02) 5550 1234",
    "0491 570 006",
    "+61 491 570 006",
    "+64 9 123 4567",
    "+27 11 123 4567",
    "011 123 4567",
    "+234 803 123 4567",
    "+254 712 345678",
    "+20 2 12345678",
    "+212 522-123456",
];

#[test]
fn p1_phone_numbers_of_the_world_are_masked_whole() {
    let (mut count, mut countries) = (0, std::collections::BTreeSet::new());
    for number in PHONES {
        assert_eq!(masked(number), "[phone]", "{number}");
        assert_eq!(masked(&format!("ring {number} now")), "ring [phone] now", "{number}");
        assert_eq!(masked(&format!("({number}), then")), "([phone]), then", "{number}");
        count += 1;
        countries.extend(number.strip_prefix('+').map(|number| number.split([' ', '-', '.']).next().unwrap()));
    }
    assert!(count >= 60 && countries.len() >= 30, "{count} numbers, {} codes", countries.len());
}

#[test]
fn p1_a_word_before_announces_a_bare_number() {
    for word in ["phone", "Tel.", "tél. ", "Teléfono:", "mobile number", "cell no:", "Fax #", "telefon nr.", "phone is"]
    {
        assert_eq!(masked(&format!("{word} 3055550199")), format!("{word} [phone]"), "{word}");
    }
    for word in ["order", "number", "no.", "account no", "smartphones", "hotel", "motel number"] {
        let text = format!("{word} 3055550199");
        assert_eq!(masked(&text), text);
    }
}

#[test]
fn p1_what_only_looks_like_a_phone_number_stays() {
    let stays = [
        // Dates and times
        "2026-11-20",
        "2026-11-20 10:11:12",
        "2026-11-20T10:11:12.123456Z",
        "2026-11-20T10:11:12+01:00",
        "20.11.2026",
        "20/11/2026",
        "11/20/2026 08:15",
        "20-11-2026",
        "20 11 2026",
        "01.02.2024 - 03.04.2025",
        "2024-2025",
        "2019/2020",
        "20261120",
        "20261120101112",
        "Q3 2024, Q4 2025",
        "(2023) 2024-2025",
        "(11) 2024-11-20",
        "1700000000",
        "1700000000123",
        // Versions, networks, ids
        "1.2.3.4567890",
        "v1.20.300-4000",
        "10.0.19045.3693",
        "192.168.10.20",
        "192.168.10.20:8080",
        "10.0.0.0/16",
        "fe80::1ff:fe23:4567:890a",
        "018f0000-0000-7000-8000-000000000001",
        "550e8400-e29b-41d4-a716-446655440000",
        "order 123-45-6789012",
        "INV-2024-000123",
        "A-48001-1234567",
        "4155552671",
        "107505301260286111",
        "ABC1234567890",
        "978-3-16-148410-0",
        "0-306-40615-2",
        "9f86d081884c7d65",
        "sha256:1234567890",
        "#12345678",
        "loan_00012345678",
        "x.y.z:0123456789",
        "T-0171-1234567",
        "build 20240102.3",
        "req-018f3c1e7b2a7c3d",
        // Amounts and measures
        "1234567.89",
        "1,234,567.89",
        "1.234.567,89 EUR",
        "1 234 567.89",
        "1 234 567 890",
        "+1 234 567 890",
        "+12345678",
        "+1234567.89",
        "12 000 000",
        "-5000000",
        "0.123456789",
        "1e-10",
        "100000000000",
        "12345678 / 87654321",
        "50%",
        "+3.5",
        // Coordinates and lists
        "52.5200, 13.4050",
        "+52.5200 +013.4050",
        "+52.5200+013.4050/",
        "-33.8688, 151.2093",
        "(52.5200, 13.4050)",
        "1, 2, 3, 4, 5, 6, 7, 8",
        "0.1 0.2 0.3 0.4",
        "[12, 345, 6789]",
        "(12) apples, (34) pears",
        "12:34:56:78:90:12",
        "1-2-3-4-5-6-7-8",
        "(1) 100 (2) 200 (3) 300",
    ];
    assert!(stays.len() >= 60);
    for text in stays {
        assert_eq!(masked(text), text);
        let within = format!("value {text} here");
        assert_eq!(masked(&within), within);
    }
}

#[test]
fn p2_quoted_and_encoded_email_addresses_are_masked() {
    for (text, expected) in [
        (r#""jane roe"@example.com"#, "[email]"),
        (r#"from "jane roe"@example.com, twice"#, "from [email], twice"),
        (r#"said "x" and "jane \"j\" roe"@example.com."#, r#"said "x" and [email]."#),
        ("https://x.example/?email=jane%40example.com&p=1", "https://x.example/?email=[email]&p=1"),
        ("https://x.example/u/jane.roe%40example.com", "https://x.example/u/[email]"),
        ("?to=%22jane%20roe%22%40example.com#top", "?to=[email]#top"),
        ("?to=jane%2Bloans%40mail.example.co.uk", "?to=[email]"),
        ("?next=%3Femail%3Djane%2540example.com", "?next=[email]"),
        ("mailto:jane@example.com?cc=joe%40example.org", "mailto:[email]?cc=[email]"),
        ("<mailto:%22jane%22%40example.com>", "<mailto:[email]>"),
        ("?to=j%C3%B6rg%40m%C3%BCller.de&x=1", "?to=[email]&x=1"),
        ("?to=jane%40EXAMPLE%2Ecom%2F", "?to=[email]%2F"),
        ("jörg@müller.de, 用户@例子.广告", "[email], [email]"),
        ("jane@xn--mller-kva.de", "[email]"),
        ("postgres://admin:secret@db.example.com/x", "postgres://admin:[email]/x"),
    ] {
        assert_eq!(masked(text), expected, "{text}");
    }
    for stays in ["100%40 of 7", "a%40b", r#""" and "@home""#, "%40example.com", "50%40percent", r#""@example.com"#] {
        assert_eq!(masked(stays), stays);
    }
}

#[test]
fn p4_card_numbers_are_told_from_other_integers() {
    let detector = Detector::default();
    for card in [
        4111111111111111,
        5555555555554444,
        2223003122003222,
        378282246310005,
        6011111111111117,
        30569309025904,
        3530111333300000,
        4222222222222,
        6212345678901265,
        6304000000000000,
        6759649826438453,
        4000000000000000006,
    ] {
        assert!(detector.is_card(card), "{card}");
        assert!(!detector.is_card(card + 1), "{card}");
        assert!(!Detector { card: false, ..detector }.is_card(card));
    }
    // 64-bit ids, times in several units, amounts.
    for number in
        [0, 1, 107505301260286111, 1700000000, 1700000000000, 1700000000000000, 1700000000000000000, u128::MAX]
    {
        assert!(!detector.is_card(number), "{number}");
    }
    // Of random numbers of 13 to 19 digits no more than some in a hundred are taken for a card.
    let random = |at: u64| (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10_u64.pow(19);
    let taken = (0..100_000).filter(|at| detector.is_card(u128::from(random(*at)))).count();
    assert!(taken < 3_000, "{taken} of 100,000");
}

/// Eight times the text takes about eight times as long, whatever it is made of; a quadratic scan takes 64 times as long.
/// The least of three is taken, since a machine may be busy with something else.
#[test]
fn long_texts_are_read_once() {
    let seconds = |text: &str| {
        let tries = (0..3).map(|_| {
            let started = std::time::Instant::now();
            Detector::default().mask(text, &mut String::new());
            started.elapsed().as_secs_f64()
        });
        tries.fold(f64::INFINITY, f64::min)
    };
    for piece in [
        "@", "%40", "\"", "\"@", "1", "1 ", "+", "(", "+1 (", "0-", "a@", "a%40", "tel ", "DE", "1234567 ", "%",
        "\\\"@",
    ] {
        let short = seconds(&piece.repeat((1 << 14) / piece.len()));
        let long = seconds(&piece.repeat((1 << 17) / piece.len()));
        println!("{piece:?} {short:.6} {long:.6}");
        assert!(long < 30.0 * short.max(1e-4), "128 KiB of {piece:?} took {long:.3} s, 16 KiB {short:.6} s");
    }
}
