//! A subject: a person that decisions are about, as the ledger knows them. A token that nothing computes from the user
//! id, and keys that derive from a random secret. Neither says anything about the user id; only the vault joins them.

use crate::cipher::{self, Aead256, Mac, NONCE_BYTES};
use crate::{clock, hex};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// Bytes of a subject token.
pub(super) const TOKEN_BYTES: usize = 12;

/// What the ledger holds in place of a user id: `sub_` and 24 hexadecimal digits, of which 12 are the milliseconds since
/// 1970 at which the vault first met the user, and 12 are random.
///
/// The time lets tokens ascend, which every index of them packs well; it tells whoever sees one record when the person
/// was first met. The random part need not resist guessing, since a token opens nothing; it keeps subjects of one
/// millisecond apart, and the vault refuses a token that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectToken(pub(crate) [u8; TOKEN_BYTES]);

impl SubjectToken {
    const PREFIX: &str = "sub_";

    /// Reads the text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text.strip_prefix(Self::PREFIX)?).map(SubjectToken)
    }
}

impl fmt::Display for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, hex::encode(&self.0))
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What large values are bound to, in the place of an event id.
const LARGE: &[u8] = b"large";

/// The keys for the personal fields of one subject, or of all records that have none.
#[derive(Clone, Debug)]
pub(crate) struct FieldKeys {
    mac: Mac,
    aead: OnceLock<Box<Aead256>>,
}

impl FieldKeys {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        FieldKeys { mac: Mac::new(secret), aead: OnceLock::new() }
    }

    /// The keys of the subject with this secret, which is worthless without the key that `root` was made from.
    pub(super) fn derive(root: &Mac, secret: &[u8; 16]) -> Self {
        FieldKeys::new(&root.derive("subject", secret))
    }

    /// Appends `tok_` and 16 hexadecimal digits: 64 bits of the keyed hash of a value.
    pub(crate) fn token(&self, value: &[u8], out: &mut String) {
        out.push_str("tok_");
        hex::push(&self.mac.tag(&[b"t", value])[..8], out);
    }

    /// 128 bits of the keyed hash of the inputs.
    pub(crate) fn input_hash(&self, canonical: &[u8]) -> [u8; 16] {
        let tag = self.mac.tag(&[b"h", canonical]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&tag[..16]);
        hash
    }

    /// Encrypts the `ordinal`-th sealed field of the record `event_id`. The nonce derives from all of it, so that the
    /// same record gives the same ciphertext, and two plaintexts never share a nonce. `None` over 64 GiB.
    pub(crate) fn seal(&self, event_id: &[u8; 16], ordinal: u32, plain: &[u8]) -> Option<Vec<u8>> {
        let tag = self.mac.tag(&[b"n", event_id, &ordinal.to_le_bytes(), plain]);
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&tag[..NONCE_BYTES]);
        self.aead().seal(nonce, event_id, plain)
    }

    /// Decrypts a field of the record `event_id`; `None` when it was not sealed by [`FieldKeys::seal`] for it.
    pub(crate) fn open(&self, event_id: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.aead().open(event_id, sealed)
    }

    /// Bytes that a ciphertext has beyond its plaintext: nonce and tag.
    pub(crate) const OVERHEAD_BYTES: u64 = NONCE_BYTES as u64 + 16;

    /// Encrypts a large value, which any number of records may hold. The nonce derives from it, so that the same value
    /// gives the same ciphertext, and two plaintexts never share a nonce. `None` over 64 GiB.
    pub(crate) fn encrypt_large(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let tag = self.mac.tag(&[b"l", plain]);
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&tag[..NONCE_BYTES]);
        self.aead().seal(nonce, LARGE, plain)
    }

    /// Decrypts a large value; `None` when [`FieldKeys::encrypt_large`] of these keys did not make it.
    pub(crate) fn decrypt_large(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.aead().open(LARGE, ciphertext)
    }

    fn aead(&self) -> &Aead256 {
        // Most policies seal nothing: the key schedule is computed on first use.
        self.aead.get_or_init(|| Box::new(Aead256::new(&self.mac.derive("seal", b""))))
    }
}

/// A subject in memory. Holds no user id.
pub(crate) struct Subject {
    pub(crate) token: SubjectToken,
    /// The token's text form, which every record of the subject holds.
    text: Box<str>,
    pub(crate) keys: FieldKeys,
    /// Needed until the subject is stored; zero in one that was read.
    pub(super) secret: Zeroizing<[u8; 16]>,
    durable: AtomicBool,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.token)
    }
}

impl Subject {
    pub(super) fn generate(root: &Mac) -> std::io::Result<Self> {
        let random: Zeroizing<[u8; 22]> = Zeroizing::new(cipher::random()?);
        let mut secret = Zeroizing::new([0; 16]);
        secret.copy_from_slice(&random[..16]);
        let mut token = SubjectToken([0; TOKEN_BYTES]);
        let millis = clock::now().as_micros() / 1000;
        token.0[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        token.0[6..].copy_from_slice(&random[16..]);
        Ok(Subject {
            token,
            text: token.to_string().into(),
            keys: FieldKeys::derive(root, &secret),
            secret,
            durable: AtomicBool::new(false),
        })
    }

    pub(super) fn stored(token: SubjectToken, keys: FieldKeys) -> Self {
        let text = token.to_string().into();
        Subject { token, text, keys, secret: Zeroizing::default(), durable: AtomicBool::new(true) }
    }

    /// The token as records hold it.
    pub(crate) fn token_text(&self) -> &str {
        &self.text
    }

    /// Whether the vault holds it on disk.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    pub(super) fn set_durable(&self) {
        self.durable.store(true, Ordering::Release);
    }
}
