//! Our clock, and ids that sort by it.

use crate::{Error, cipher};
use onrecord_record::Timestamp;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::{Builder, Uuid};

/// Now, in whole microseconds.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Makes UUIDv7s: milliseconds, 58 random bits that one source keeps for a while, and a counter (RFC 9562 §6.2, method
/// 1). Neighbouring ids share a long prefix, which costs a column store next to nothing.
#[derive(Debug)]
pub(crate) struct IdSource {
    random: [u8; 8],
    next: u16,
}

impl IdSource {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(IdSource { random: cipher::random()?, next: 0 })
    }

    pub(crate) fn make(&mut self, at: Timestamp) -> std::io::Result<Uuid> {
        let [high, low] = self.next.to_be_bytes();
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.random);
        bytes[8] = high;
        bytes[9] = low;
        match self.next.checked_add(1) {
            Some(next) => self.next = next,
            None => *self = IdSource::new()?,
        }
        let millis = u64::try_from(at.as_micros() / 1000).unwrap_or(0);
        Ok(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
}

/// A new id, of a source of its own.
pub(crate) fn fresh_id() -> Result<Uuid, Error> {
    let made = IdSource::new().and_then(|mut ids| ids.make(now()));
    made.map_err(Error::io("make an id from", Path::new("/dev/urandom")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_version_7_unique_and_carry_the_time() {
        let mut source = IdSource::new().unwrap();
        let at = now();
        let ids: HashSet<Uuid> = (0..70_000).map(|_| source.make(at).unwrap()).collect();
        assert_eq!(ids.len(), 70_000);
        let id = source.make(at).unwrap();
        assert_eq!(id.get_version_num(), 7);
        let (seconds, _) = id.get_timestamp().unwrap().to_unix();
        assert_eq!(seconds as i64, at.as_micros() / 1_000_000);
    }
}
