//! The bounds of a segment's ids, those of version 7 apart from the others.
//!
//! A fresh UUIDv7 is greater than all before it, but not than a random one: a single id of another version would be the
//! greatest of its segment for ever. So the footer has two pairs of bounds, and an id is compared with those of its own
//! version only. A segment from before these bounds were written has none and may hold any id that its column's
//! statistics allow.

use crate::schema::meta;
use uuid::Uuid;

/// Which byte of an id has the version, in its upper half: RFC 9562 §4.
const VERSION_BYTE: usize = 6;

/// Whether the id is of version 7: begins with the time.
pub(crate) fn is_v7(id: &[u8; 16]) -> bool {
    id[VERSION_BYTE] >> 4 == 7
}

/// Least and greatest id; `None` of no ids.
type Bounds = Option<([u8; 16], [u8; 16])>;

/// The bounds of a segment's ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdBounds {
    v7: Bounds,
    other: Bounds,
}

impl IdBounds {
    /// Widens the bounds of the id's version.
    pub(super) fn add(&mut self, id: [u8; 16]) {
        let bounds = if is_v7(&id) { &mut self.v7 } else { &mut self.other };
        *bounds = Some(bounds.map_or((id, id), |(min, max)| (min.min(id), max.max(id))));
    }

    /// Bounds of the ids of both.
    pub(super) fn merge(self, other: Self) -> Self {
        let both = |one: Bounds, other: Bounds| match (one, other) {
            (Some((min, max)), Some((other_min, other_max))) => Some((min.min(other_min), max.max(other_max))),
            (one, other) => one.or(other),
        };
        Self { v7: both(self.v7, other.v7), other: both(self.other, other.other) }
    }

    /// Whether the id lies within the bounds of its version.
    pub(crate) fn may_hold(&self, id: &[u8; 16]) -> bool {
        let bounds = if is_v7(id) { self.v7 } else { self.other };
        bounds.is_some_and(|(min, max)| min <= *id && *id <= max)
    }

    /// The greatest id of version 7.
    pub(super) fn v7_max(&self) -> Option<[u8; 16]> {
        self.v7.map(|(_, max)| max)
    }

    /// As footer metadata.
    pub(super) fn to_meta(self) -> [(&'static str, String); 2] {
        [(meta::IDS_V7, text(self.v7)), (meta::IDS_OTHER, text(self.other))]
    }

    /// Reads footer metadata. `Ok(None)` if there are no bounds, `Err` with the key of what is no bounds.
    pub(super) fn of_meta<'v>(value: impl Fn(&str) -> Option<&'v str>) -> Result<Option<Self>, &'static str> {
        let read = |key: &'static str| value(key).map(|value| parse(value).ok_or(key)).transpose();
        Ok(match (read(meta::IDS_V7)?, read(meta::IDS_OTHER)?) {
            (Some(v7), Some(other)) => Some(Self { v7, other }),
            _ => None,
        })
    }
}

fn text(bounds: Bounds) -> String {
    let Some((min, max)) = bounds else { return "none".to_owned() };
    format!("{} {}", Uuid::from_bytes(min), Uuid::from_bytes(max))
}

fn parse(value: &str) -> Option<Bounds> {
    if value == "none" {
        return Some(None);
    }
    let (min, max) = value.split_once(' ')?;
    Some(Some((Uuid::try_parse(min).ok()?.into_bytes(), Uuid::try_parse(max).ok()?.into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> [u8; 16] {
        Uuid::try_parse(text).unwrap().into_bytes()
    }

    fn bounds(ids: &[&str]) -> IdBounds {
        let mut bounds = IdBounds::default();
        ids.iter().for_each(|text| bounds.add(id(text)));
        bounds
    }

    const OLD: &str = "019ab000-0000-7000-8000-000000000000";
    const NEW: &str = "019ab001-0000-7000-8000-000000000000";
    const FRESH: &str = "019ab002-0000-7000-8000-000000000000";
    const RANDOM: &str = "7b1c0000-0000-8000-8000-000000000000";
    const LAST: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

    #[test]
    fn ids_of_other_versions_do_not_widen_the_bounds_of_version_7() {
        let bounds = bounds(&[NEW, RANDOM, OLD, LAST]);
        for held in [OLD, NEW, RANDOM, LAST] {
            assert!(bounds.may_hold(&id(held)), "{held}");
        }
        assert!(!bounds.may_hold(&id(FRESH)));
        assert!(!bounds.may_hold(&id("00000000-0000-4000-8000-000000000000")));
        assert_eq!(bounds.v7_max(), Some(id(NEW)));
    }

    #[test]
    fn merged_bounds_are_those_of_all_ids() {
        for (one, other) in [(&[][..], &[OLD][..]), (&[NEW, RANDOM], &[OLD]), (&[LAST], &[RANDOM, NEW])] {
            let all = bounds(&[one, other].concat());
            assert_eq!(bounds(one).merge(bounds(other)), all);
            assert_eq!(bounds(other).merge(bounds(one)), all);
        }
    }

    #[test]
    fn bounds_read_back_from_the_footer() {
        for bounds in [bounds(&[]), bounds(&[OLD]), bounds(&[LAST, RANDOM]), bounds(&[OLD, LAST, NEW])] {
            let pairs = bounds.to_meta();
            let value = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
            assert_eq!(IdBounds::of_meta(value), Ok(Some(bounds)));
        }
        assert_eq!(IdBounds::of_meta(|_| None), Ok(None));
        assert_eq!(IdBounds::of_meta(|_| Some("any")), Err(meta::IDS_V7));
    }
}
