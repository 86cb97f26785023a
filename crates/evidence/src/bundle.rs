//! The evidence of one record in one file: its exact bytes, its receipt, and the name of the key to check it with.

use crate::{Checkpoint, Error, Receipt, Verifier, receipt};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const VERSION: u32 = 1;

/// What a third party needs besides the public key, which it must have from elsewhere: a file that brought its own key
/// would prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Of this format: 1.
    version: u32,
    /// The record as stored, byte for byte; base64 in JSON.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    record: Vec<u8>,
    /// Its receipt.
    receipt: Receipt,
    /// Name and id of the key that signed the checkpoint, `<name>+<id>`.
    key_name: String,
}

impl Bundle {
    /// Puts a bundle together; it is as good as its parts.
    #[must_use]
    pub fn new(record: Vec<u8>, receipt: Receipt, key: &Verifier) -> Self {
        Self { version: VERSION, record, receipt, key_name: key.key_name() }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::Malformed`], also for a version that this program does not know.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let bundle: Self = receipt::parse("bundle", json)?;
        if bundle.version == VERSION {
            Ok(bundle)
        } else {
            let problem = format!("version {}, this program knows version {VERSION}", bundle.version);
            Err(Error::malformed("bundle", problem))
        }
    }

    /// The record as stored, byte for byte.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// The record's receipt.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Name and id of the key to ask for, `<name>+<id>`. A hint: what counts is the signature.
    #[must_use]
    pub fn key_name(&self) -> &str {
        &self.key_name
    }

    /// Checks that exactly this record is on the log, and gives the checkpoint that vouches for it.
    ///
    /// # Errors
    /// What does not convince.
    pub fn verify(&self, key: &Verifier) -> Result<Checkpoint, Error> {
        self.receipt.verify_record(&self.record, key)
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(|_| de::Error::custom("not canonical base64"))
}
