//! Sealed fields: the ciphertexts that stand beside a record, and how they are shown again.
//!
//! The bytes beside a record are a version byte, 1, and for each sealed field, in the order of the record, its length
//! (u32, little-endian) and its ciphertext: 12 bytes nonce, the AES-256-GCM-SIV ciphertext of the value's RFC 8785 form,
//! 16 bytes tag (RFC 8452), bound to the event id. In the record stands `{"sealed":"<SHA-256 of that ciphertext>"}`.
//! Invariant: the record commits to every ciphertext, so that removing them later changes no leaf hash, and replacing
//! one is noticed.

use crate::hex;
use crate::vault::FieldKeys;
use onrecord_record::canonical;
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
const BEFORE: &[u8] = br#"{"sealed":""#;
const AFTER: &[u8] = br#""}"#;
const DIGITS: usize = 64;

/// Appends a ciphertext to the bytes beside a record and gives what the record commits to.
pub(crate) fn push(sidecar: &mut Vec<u8>, sealed: &[u8]) -> [u8; 32] {
    if sidecar.is_empty() {
        sidecar.push(VERSION);
    }
    // A record of at most 1 MiB has no longer value.
    sidecar.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
    sidecar.extend_from_slice(sealed);
    Sha256::digest(sealed).into()
}

/// The bytes beside a record are not what the record commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertexts beside the record are not the ones that it commits to")]
pub struct Mismatch;

/// Checks that the ciphertexts beside a record are those that the record commits to, each of them; those that are kept
/// apart, because they are large, are asked for by their hash.
///
/// # Errors
/// [`Mismatch`].
pub fn check(record: &[u8], sidecar: &[u8], is_apart: &dyn Fn(&[u8; 32]) -> bool) -> Result<(), Mismatch> {
    let hash = |sealed: &&[u8]| <[u8; 32]>::from(Sha256::digest(sealed));
    let beside: Vec<[u8; 32]> = split(sidecar)?.iter().map(hash).collect();
    let committed: Vec<[u8; 32]> = committed(record).collect();
    let is_there = |sha256: &[u8; 32]| beside.contains(sha256) || is_apart(sha256);
    let sound = beside.iter().all(|sha256| committed.contains(sha256)) && committed.iter().all(is_there);
    if sound { Ok(()) } else { Err(Mismatch) }
}

/// The same of a record whose ciphertexts were to be removed: those that are still there are checked.
///
/// # Errors
/// [`Mismatch`].
pub fn check_rest(record: &[u8], sidecar: &[u8]) -> Result<(), Mismatch> {
    check(record, sidecar, &|_| true)
}

/// The hashes of the ciphertexts that a canonical record commits to.
pub(crate) fn committed(record: &[u8]) -> impl Iterator<Item = [u8; 32]> + '_ {
    commitments(record).map(|(_, sha256)| sha256)
}

/// How many ciphertexts a canonical record commits to.
pub fn count(record: &[u8]) -> usize {
    commitments(record).count()
}

/// Finds a ciphertext that is kept apart from its record, by its hash.
type Apart<'a, E> = dyn Fn(&[u8; 32]) -> Result<Option<Vec<u8>>, E> + 'a;

/// The record with every sealed field that can be opened shown in plain. `large` has the ciphertexts that are too large to
/// stand beside a record. What cannot stays as it is: its ciphertext was removed, or its subject's key was destroyed.
///
/// # Errors
/// [`Mismatch`]: the bytes beside the record are damaged; what `large` says.
pub(crate) fn open_all<E: From<Mismatch>>(
    record: &[u8],
    sidecar: &[u8],
    event_id: &[u8; 16],
    keys: &FieldKeys,
    large: &Apart<'_, E>,
) -> Result<Vec<u8>, E> {
    let ciphertexts = split(sidecar)?;
    let by_hash =
        |sha256: &[u8; 32]| ciphertexts.iter().find(|sealed| <[u8; 32]>::from(Sha256::digest(sealed)) == *sha256);
    let mut shown = Vec::with_capacity(record.len() + sidecar.len());
    let mut from = 0;
    for (at, sha256) in commitments(record) {
        let plain = match by_hash(&sha256) {
            Some(sealed) => keys.open(event_id, sealed),
            None => large(&sha256)?.and_then(|sealed| keys.open(event_id, &sealed)),
        };
        if let Some(plain) = plain {
            shown.extend_from_slice(&record[from..at]);
            shown.extend_from_slice(&plain);
            from = at + BEFORE.len() + DIGITS + AFTER.len();
        }
    }
    shown.extend_from_slice(&record[from..]);
    Ok(shown)
}

/// Puts `shown` in the place of the subject token wherever the record has it: as the user, under another name, in text.
/// A token has no character that JSON escapes, and occurs in strings only.
pub(crate) fn show_subject(record: &[u8], token: &str, shown: &str) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(shown.len() + 2);
    canonical::write_string(shown, &mut quoted);
    let inside = &quoted[1..quoted.len() - 1];
    let mut out = Vec::with_capacity(record.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(record, token) {
        out.extend_from_slice(&record[from..at]);
        out.extend_from_slice(inside);
        from = at + token.len();
    }
    out.extend_from_slice(&record[from..]);
    out
}

fn split(sidecar: &[u8]) -> Result<Vec<&[u8]>, Mismatch> {
    let Some((version, mut rest)) = sidecar.split_first() else { return Ok(Vec::new()) };
    if *version != VERSION {
        return Err(Mismatch);
    }
    let mut ciphertexts = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(Mismatch)?;
        let (sealed, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(Mismatch)?;
        ciphertexts.push(sealed);
        rest = after;
    }
    Ok(ciphertexts)
}

/// Where a canonical record commits to ciphertexts, and the hashes. Inside a string the quotation marks would be
/// escaped, so the pattern can only be an object.
fn commitments(record: &[u8]) -> impl Iterator<Item = (usize, [u8; 32])> + '_ {
    memchr::memmem::find_iter(record, BEFORE).filter_map(|at| {
        let digits = record.get(at + BEFORE.len()..at + BEFORE.len() + DIGITS)?;
        let closed = record[at + BEFORE.len() + DIGITS..].starts_with(AFTER);
        let sha256 = hex::decode(std::str::from_utf8(digits).ok()?)?;
        closed.then_some((at, sha256))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed_record(keys: &FieldKeys, event_id: &[u8; 16]) -> (Vec<u8>, Vec<u8>) {
        let mut sidecar = Vec::new();
        let mut record = b"{\"a\":".to_vec();
        for (ordinal, plain) in [b"42000".as_slice(), br#"{"x":"y"}"#].iter().enumerate() {
            let sealed = keys.seal(event_id, ordinal as u32, plain).unwrap();
            let sha256 = push(&mut sidecar, &sealed);
            record.extend_from_slice(format!("{{\"sealed\":\"{}\"}},\"b\":", hex::encode(&sha256)).as_bytes());
        }
        record.extend_from_slice(b"1}");
        (record, sidecar)
    }

    #[test]
    fn shows_what_was_sealed_to_the_right_key_only() {
        let keys = FieldKeys::new(&[1; 32]);
        let (record, sidecar) = sealed_record(&keys, &[9; 16]);
        check(&record, &sidecar, &|_| false).unwrap();
        let large = |_: &[u8; 32]| Ok::<_, Mismatch>(None);
        let shown = open_all(&record, &sidecar, &[9; 16], &keys, &large).unwrap();
        assert_eq!(shown, br#"{"a":42000,"b":{"x":"y"},"b":1}"#);
        assert_eq!(open_all(&record, &sidecar, &[9; 16], &FieldKeys::new(&[2; 32]), &large).unwrap(), record);
        assert_eq!(open_all(&record, &sidecar, &[8; 16], &keys, &large).unwrap(), record);
        assert_eq!(open_all(&record, b"", &[9; 16], &keys, &large).unwrap(), record);
        let apart = split(&sidecar).unwrap();
        let large = |sha256: &[u8; 32]| {
            let found = apart.iter().find(|sealed| <[u8; 32]>::from(Sha256::digest(sealed)) == *sha256);
            Ok::<_, Mismatch>(found.map(|sealed| sealed.to_vec()))
        };
        assert_eq!(open_all(&record, b"", &[9; 16], &keys, &large).unwrap(), shown);
    }

    #[test]
    fn every_flipped_byte_beside_is_noticed() {
        let keys = FieldKeys::new(&[1; 32]);
        let (record, sidecar) = sealed_record(&keys, &[9; 16]);
        for place in 0..sidecar.len() {
            let mut flipped = sidecar.clone();
            flipped[place] ^= 1;
            assert_eq!(check(&record, &flipped, &|_| true), Err(Mismatch), "byte {place}");
        }
        assert_eq!(check(b"{}", &sidecar, &|_| true), Err(Mismatch));
        check(&record, b"", &|_| true).unwrap();
        assert_eq!(check(&record, b"", &|_| false), Err(Mismatch), "a ciphertext is missing");
    }

    #[test]
    fn the_same_record_gives_the_same_ciphertext_and_others_do_not() {
        let keys = FieldKeys::new(&[1; 32]);
        let sealed = |event_id: u8, ordinal, plain: &[u8]| keys.seal(&[event_id; 16], ordinal, plain).unwrap();
        assert_eq!(sealed(1, 0, b"x"), sealed(1, 0, b"x"));
        assert_ne!(sealed(1, 0, b"x")[..12], sealed(2, 0, b"x")[..12]);
        assert_ne!(sealed(1, 0, b"x")[..12], sealed(1, 1, b"x")[..12]);
        assert_ne!(sealed(1, 0, b"x")[..12], sealed(1, 0, b"y")[..12]);
    }

    #[test]
    fn a_subject_is_shown_escaped_wherever_it_stands() {
        let record = br#"{"note":"seen by sub_1 and sub_2","user_id":"sub_1"}"#;
        let shown = show_subject(record, "sub_1", "a\"b");
        assert_eq!(shown, br#"{"note":"seen by a\"b and sub_2","user_id":"a\"b"}"#);
    }
}
