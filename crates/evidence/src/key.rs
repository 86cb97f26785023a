//! The keys of a log: Ed25519 keys with a name, in the text forms of C2SP `signed-note`.
//!
//! Invariant: a key signs only checkpoints of the log it is named after, and believes only these. So a key that were
//! used for two logs could not be made to vouch for one with a checkpoint of the other.

use crate::{Checkpoint, Error, Hash, TreeSize, note};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const ED25519: u8 = 0x01;
const PRIVATE: &str = "PRIVATE+KEY+";

/// The private key of a log. Wiped from memory when dropped; never shown by `Debug`.
pub struct Signer {
    key: SigningKey,
    public: Verifier,
}

/// The public key of a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Signer {
    /// A new key from the operating system's random numbers. The name is the origin of the log: a schemeless URL such as
    /// `example.com/decisions`, without spaces and `+`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for such a name, [`Error::NoEntropy`].
    pub fn generate(name: &str) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|error| Error::NoEntropy(error.to_string()))?;
        Self::from_seed(name, &seed)
    }

    /// Reads `PRIVATE+KEY+<name>+<id>+<base64>`.
    ///
    /// # Errors
    /// [`Error::Malformed`], which never holds a part of the key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |problem: &str| Error::malformed("private key", problem);
        let rest = text.strip_prefix(PRIVATE).ok_or_else(|| malformed("it must begin with PRIVATE+KEY+"))?;
        let (name, id, seed) = split(rest).ok_or_else(|| malformed("not of the form name+id+key"))?;
        let signer = Self::from_seed(name, &seed)?;
        if signer.public.id == id { Ok(signer) } else { Err(malformed("the id is not this key's")) }
    }

    /// Writes `PRIVATE+KEY+<name>+<id>+<base64>`; the text is wiped when dropped.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.key.to_bytes());
        let base64 = Zeroizing::new(encode(&seed));
        Zeroizing::new(format!("{PRIVATE}{}+{}", self.public.key_name(), *base64))
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.public
    }

    /// The signed note that says: this log has `size` leaves and this root. Some 20 µs.
    #[must_use]
    pub fn sign(&self, size: TreeSize, root: Hash) -> String {
        let text = Checkpoint { origin: self.public.name.clone(), size, root }.to_string();
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        note::Note::format(&text, &self.public.name, self.public.id, &signature)
    }

    fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        let key = SigningKey::from_bytes(seed);
        let public = Verifier::new(name, key.verifying_key())?;
        Ok(Self { key, public })
    }
}

impl Verifier {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, Error> {
        if !note::is_key_name(name) {
            return Err(Error::malformed("key name", "it must not be empty nor hold spaces, + or control characters"));
        }
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        hasher.update([b'\n', ED25519]);
        hasher.update(key.as_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        Ok(Self { name: name.to_owned(), id: u32::from_be_bytes([a, b, c, d]), key })
    }

    /// Reads a vkey, `<name>+<id>+<base64>`.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |problem: &str| Error::malformed("public key", problem);
        let (name, id, key) =
            split(text).ok_or_else(|| malformed("not of the form name+id+key with an Ed25519 key"))?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| malformed("not an Ed25519 key"))?;
        if key.is_weak() {
            return Err(malformed("a weak Ed25519 key, for which anybody can sign"));
        }
        let verifier = Self::new(name, key)?;
        if verifier.id == id { Ok(verifier) } else { Err(malformed("the id is not this key's")) }
    }

    /// Writes the vkey, `<name>+<id>+<base64>`.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}+{}", self.key_name(), encode(self.key.as_bytes()))
    }

    /// The name of the log, the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name and id, `<name>+<id>`: how the vkey begins, and what tells it from older keys of the same log.
    #[must_use]
    pub fn key_name(&self) -> String {
        format!("{}+{:08x}", self.name, self.id)
    }

    /// What a signed checkpoint says, if this key signed it. Signatures by other keys are not looked at, as
    /// `signed-note` demands; all that claim to be by this key must be right.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::UntrustedKey`], [`Error::WrongSignature`], [`Error::OtherLog`].
    pub fn verify(&self, note: &str) -> Result<Checkpoint, Error> {
        let note = note::Note::parse(note)?;
        let mut ours = note.signatures.iter().filter(|line| line.name == self.name && line.id == self.id).peekable();
        if ours.peek().is_none() {
            return Err(Error::UntrustedKey { key: self.key_name() });
        }
        for line in ours {
            let good = Signature::from_slice(&line.bytes)
                .and_then(|signature| self.key.verify_strict(note.text.as_bytes(), &signature));
            good.map_err(|_| Error::WrongSignature { key: self.key_name() })?;
        }
        let checkpoint: Checkpoint = note.text.parse()?;
        if checkpoint.origin != self.name {
            return Err(Error::OtherLog { origin: checkpoint.origin, key: self.key_name() });
        }
        Ok(checkpoint)
    }
}

/// Takes `<name>+<8 hex digits>+<base64 of 0x01 and 32 bytes>` apart. The base64 may hold a `+`, the name may not.
fn split(text: &str) -> Option<(&str, u32, Zeroizing<[u8; 32]>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, base64) = rest.split_once('+')?;
    if id.len() != 8 || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(base64).ok()?);
    let key = <[u8; 32]>::try_from(bytes.strip_prefix(&[ED25519])?).ok()?;
    Some((name, u32::from_str_radix(id, 16).ok()?, Zeroizing::new(key)))
}

fn encode(key: &[u8; 32]) -> String {
    let mut bytes = Zeroizing::new([ED25519; 33]);
    bytes[1..].copy_from_slice(key);
    STANDARD.encode(bytes.as_slice())
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public.key_name())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.to_text())
    }
}
