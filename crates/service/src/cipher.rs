//! The three operations on secrets: derive a key, compute a keyed hash, encrypt.
//!
//! Job: HMAC-SHA256 (RFC 2104) with its two key blocks hashed once per key, so that a token costs two compressions; keys
//! derived from one secret by label (the expand step of HKDF, RFC 5869 §2.3, one block); AES-256-GCM-SIV (RFC 8452).
//! Invariant: no secret is printed (`Debug` shows none) and key bytes are wiped when dropped.
//! Left to others: which secret, which label, which nonce.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// 256 secret bits, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// Bytes of a nonce of AES-256-GCM-SIV.
pub(crate) const NONCE_BYTES: usize = 12;

/// A keyed hash, ready to use: the key's two blocks are already hashed.
#[derive(Clone)]
pub(crate) struct Mac(Hmac<Sha256>);

impl Mac {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // A key shorter than a block is padded with zeros (RFC 2104 §2).
        let mut block = Zeroizing::new([0u8; 64]);
        block[..32].copy_from_slice(key);
        Mac(Hmac::new(&(*block).into()))
    }

    /// HMAC-SHA256 over the parts, each preceded by its length, so that moving a byte between parts changes the tag.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut state = self.0.clone();
        for part in parts {
            state.update(&(part.len() as u64).to_le_bytes());
            state.update(part);
        }
        state.finalize().into_bytes().into()
    }

    /// A key for one purpose.
    pub(crate) fn derive(&self, label: &str, context: &[u8]) -> Secret {
        Zeroizing::new(self.tag(&[b"onrecord v1", label.as_bytes(), context]))
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac(..)")
    }
}

/// Authenticated encryption under one key: `nonce ‖ ciphertext ‖ tag`.
#[derive(Clone)]
pub(crate) struct Aead256(Aes256GcmSiv);

impl Aead256 {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Aead256(Aes256GcmSiv::new(&(*key).into()))
    }

    /// Encrypts. `None` only for a plaintext over 64 GiB (RFC 8452 §6), which no caller can hold.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], bound_to: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let cipher = self.0.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: bound_to }).ok()?;
        let mut sealed = Vec::with_capacity(NONCE_BYTES + cipher.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&cipher);
        Some(sealed)
    }

    /// Decrypts; `None` when the bytes, what they are bound to, or the key are not the ones that were sealed.
    pub(crate) fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, cipher) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.0.decrypt(&Nonce::from(*nonce), Payload { msg: cipher, aad: bound_to }).ok().map(Zeroizing::new)
    }
}

impl std::fmt::Debug for Aead256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Aead256(..)")
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_was_sealed_where_it_was_bound() {
        let aead = Aead256::new(&[7; 32]);
        let sealed = aead.seal([1; 12], b"here", b"secret").unwrap();
        assert_eq!(aead.open(b"here", &sealed).unwrap().as_slice(), b"secret");
        assert!(aead.open(b"there", &sealed).is_none());
        assert!(Aead256::new(&[8; 32]).open(b"here", &sealed).is_none());
        for place in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[place] ^= 1;
            assert!(aead.open(b"here", &flipped).is_none());
        }
        assert!(aead.open(b"here", &sealed[..5]).is_none());
    }

    #[test]
    fn parts_are_kept_apart() {
        let mac = Mac::new(&[3; 32]);
        assert_ne!(mac.tag(&[b"ab", b"c"]), mac.tag(&[b"a", b"bc"]));
        assert_ne!(*mac.derive("a", b""), *mac.derive("b", b""));
    }
}
