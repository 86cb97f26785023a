//! What is about a person: their own records, and what followed their decisions.

use onrecord_ledger::{Entry, EntryId};
use onrecord_testing::{LakeFixture, sample};

fn user(number: u64) -> String {
    format!("sub_{number:024x}")
}

fn append(house: &LakeFixture, entries: &[(&str, Option<u64>, &str)]) {
    let first = house.ledger().size().0;
    let entry = |(leaf, (kind, person, decision)): (u64, &(&str, Option<u64>, &str))| {
        let event = sample::event_id(leaf);
        let person = person.map_or(String::new(), |person| format!(r#","user_id":"{}""#, user(person)));
        let record = format!(
            r#"{{"decision_id":"{decision}","event_id":"{event}","input_features":{{}},"kind":"{kind}","schema":1{person}}}"#
        );
        Entry::new(EntryId(event.into_bytes()), record.into_bytes(), Vec::new())
    };
    house.ledger().append((first..).zip(entries).map(entry).collect()).unwrap();
}

fn about(house: &LakeFixture, person: u64) -> Vec<u64> {
    house.lake().leaves_about(&user(person)).unwrap().iter().map(|leaf| leaf.0).collect()
}

#[test]
fn what_follows_several_decisions_with_one_id_is_about_the_person_of_the_first() {
    let house = LakeFixture::new(1 << 20);
    // The seventh decision has no other id than that of its event.
    let of_event = sample::event_id(6).to_string();
    append(&house, &[("decision", Some(1), "x"), ("decision", Some(2), "x"), ("review", None, "x")]);
    append(&house, &[("outcome", None, "x"), ("decision", Some(2), "y"), ("review", None, "y")]);
    append(&house, &[("decision", Some(3), &of_event), ("decision", Some(2), &of_event), ("review", None, &of_event)]);
    append(&house, &[("note", Some(1), "x"), ("note", Some(2), "x"), ("decision", None, "z"), ("review", None, "z")]);
    append(&house, &[("decision", Some(2), "z"), ("review", None, "nothing"), ("outcome", None, "y")]);
    for sealed in [false, true] {
        assert_eq!(about(&house, 1), [0, 2, 3, 9], "sealed: {sealed}");
        assert_eq!(about(&house, 2), [1, 4, 5, 7, 10, 13, 15], "sealed: {sealed}");
        assert_eq!(about(&house, 3), [6, 8], "sealed: {sealed}");
        assert_eq!(about(&house, 4), [0; 0], "sealed: {sealed}");
        house.seal();
    }
}
