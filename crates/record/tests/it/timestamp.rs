//! Timestamps against jiff.

use onrecord_record::Timestamp;
use proptest::prelude::*;

fn micros(text: &str) -> Option<i64> {
    Timestamp::parse(text).map(Timestamp::as_micros)
}

#[test]
fn what_producers_write() {
    let expected = 1_795_420_000_123_456;
    for text in [
        "2026-11-23T07:46:40.123456Z",
        "2026-11-23T07:46:40.123456789Z",
        "2026-11-23t07:46:40.123456z",
        "2026-11-23 07:46:40.123456",
        "2026-11-23T07:46:40.123456",
        "2026-11-23T07:46:40.123456+00:00",
        "2026-11-23T09:46:40.123456+02:00",
        "2026-11-23T09:46:40.123456+0200",
        "2026-11-23 09:46:40.123456+02",
        "2026-11-23T02:16:40.123456-05:30",
        "2026-11-22T23:46:40.123456-08",
    ] {
        assert_eq!(micros(text), Some(expected), "{text}");
    }
    assert_eq!(micros("2026-11-23T07:46:40Z"), Some(1_795_420_000_000_000));
    assert_eq!(micros("2026-11-23T07:46:40.1Z"), Some(1_795_420_000_100_000));
    // A leap second counts as the second after it.
    assert_eq!(micros("2016-12-31T23:59:60Z"), micros("2017-01-01T00:00:00Z"));
    assert_eq!(micros("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000));
}

#[test]
fn v4_a_text_may_say_more_than_its_timestamp() {
    let says_more = |text: &str| Timestamp::parse_sent(text).unwrap().1;
    for more in [
        "2026-11-20T10:00:00.123456789Z",
        "2026-11-20T10:00:00.0000001Z",
        "2026-11-20T12:00:00+02:00",
        "2026-11-20T02:00:00.123456-08",
        "2016-12-31T23:59:60Z",
    ] {
        assert!(says_more(more), "{more}");
    }
    for no_more in [
        "2026-11-20T10:00:00.123456Z",
        "2026-11-20T10:00:00.123456000Z",
        "2026-11-20t10:00:00z",
        "2026-11-20 10:00:00",
        "2026-11-20T10:00:00+00:00",
        "2026-11-20T10:00:00-00:00",
    ] {
        assert!(!says_more(no_more), "{no_more}");
    }
}

#[test]
fn what_is_no_timestamp() {
    for text in [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T07:46",
        "2026-11-23T07:46:33.Z",
        "2026-11-23T07:46:33.1x",
        "2026-11-23T07:46:33+1",
        "2026-11-23T07:46:33+24:00",
        "2026-11-23T07:46:33+02:60",
        "2026-11-23T07:46:33+02:",
        "2026-11-23T24:00:00Z",
        "2026-11-23T07:60:00Z",
        "2026-11-23T07:46:61Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "20261123T074633Z",
        "2026-11-23T07:46:33é",
        "1763884000",
        "+2026-11-23T07:46:33Z",
        "２026-11-23T07:46:33Z",
    ] {
        assert_eq!(micros(text), None, "{text}");
    }
}

#[test]
fn a_timestamp_too_far_ahead_is_refused() {
    let now = Timestamp::from_micros(1_795_420_000_000_000);
    let ahead = |micros| Timestamp::from_micros(now.as_micros() + micros).check_not_ahead(now, 3600, "/timestamp");
    let limit = 3_600_000_000;
    assert!(ahead(limit).is_ok());
    assert!(ahead(-limit).is_ok());
    let fault = ahead(limit + 1).unwrap_err();
    assert_eq!(
        (fault.pointer.as_str(), fault.problem.as_str()),
        ("/timestamp", "lies more than 3600 seconds in the future")
    );
    assert!(Timestamp::MAX.check_not_ahead(Timestamp::MIN, 3600, "").is_err());
    assert!(Timestamp::MAX.check_not_ahead(Timestamp::MIN, i64::MAX, "").is_ok());
}

#[test]
fn timestamps_outside_four_digit_years_become_the_nearest_one_inside() {
    assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
}

proptest! {
    #[test]
    fn agrees_with_jiff(micros in Timestamp::MIN.as_micros()..=253_402_207_200_999_999) {
        let expected = jiff::Timestamp::from_microsecond(micros).unwrap();
        let timestamp = Timestamp::from_micros(micros);
        prop_assert_eq!(timestamp.to_string(), format!("{expected:.6}"));
        prop_assert_eq!(Timestamp::parse_sent(&timestamp.to_string()), Some((timestamp, false)));
    }

    /// Against jiff, to the nanosecond: what the timestamp does not hold is said to be more.
    #[test]
    fn v4_what_is_cut_off_is_said(nanos in 0..1_795_420_000_000_000_000_i128, offset in -1_439_i64..1_440, decimals in 0..10_usize) {
        let at = jiff::Timestamp::from_nanosecond(nanos).unwrap();
        let local = at.to_zoned(jiff::tz::Offset::from_seconds(offset as i32 * 60).unwrap().to_time_zone());
        let local = local.strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string();
        let text = format!("{}{}", &local[..20 + decimals.max(1)], &local[29..]);
        let shown: jiff::Timestamp = text.parse().unwrap();
        let (timestamp, says_more) = Timestamp::parse_sent(&text).unwrap();
        prop_assert_eq!(i128::from(timestamp.as_micros()), shown.as_nanosecond().div_euclid(1_000));
        prop_assert_eq!(says_more, offset != 0 || shown.as_nanosecond() % 1_000 != 0);
    }

    #[test]
    fn texts_sort_as_timestamps_do(left in any::<i64>(), right in any::<i64>()) {
        let (left, right) = (Timestamp::from_micros(left), Timestamp::from_micros(right));
        prop_assert_eq!(left.to_string().cmp(&right.to_string()), left.cmp(&right));
    }
}
