//! The keys of a data directory, in `DIR/keys`.
//!
//! | file         | content                                                                                         |
//! |--------------|-------------------------------------------------------------------------------------------------|
//! | `ledger.key` | the Ed25519 key that signs checkpoints, as C2SP signed-note private key text                     |
//! | `ledger.vkey`| its public half, to give to anyone                                                              |
//! | `kek`        | the key-encryption key: 256 random bits as 64 hexadecimal digits; absent when it is kept elsewhere |
//! | `kek.check`  | the key-check value: a keyed hash that only the right key-encryption key gives                    |
//!
//! Invariants: files are 0600 and never overwritten; every byte of every file is checked on opening, so that a flipped
//! one is found and named; secrets are wiped from memory and never printed. The key-encryption key itself encrypts
//! nothing: a key per purpose is derived from it.

use crate::cipher::{self, Mac, Secret};
use crate::{Error, file, hex};
use onrecord_evidence::{Signer, Verifier};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The files of `DIR/keys`, relative to the data directory.
pub const FILES: [&str; 4] = ["keys/ledger.key", "keys/ledger.vkey", "keys/kek", "keys/kek.check"];

const CHECK_LABEL: &[u8] = b"onrecord key check v1";

/// The key-encryption key: everything in the vault and every token depends on it.
#[derive(Clone)]
pub struct Kek(Secret);

impl Kek {
    /// 256 new random bits.
    ///
    /// # Errors
    /// The operating system has no random numbers to give.
    pub fn generate() -> std::io::Result<Self> {
        Ok(Kek(Zeroizing::new(cipher::random()?)))
    }

    /// Reads 64 lower-case hexadecimal digits, with or without a line end; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('\n').unwrap_or(text);
        hex::decode(digits).map(Zeroizing::new).map(Kek)
    }

    /// Reads a key file that is kept outside of the data directory.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Io`], [`Error::Corrupt`] when it holds anything but 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = file::read_text(path)?;
        Kek::parse(&text).ok_or_else(|| Error::corrupt(path, "it must hold 64 lower-case hexadecimal digits"))
    }

    /// The text of a key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(&*self.0))))
    }

    /// Derives the keys for single purposes.
    pub(crate) fn mac(&self) -> Mac {
        Mac::new(&self.0)
    }

    fn check_text(&self) -> String {
        format!("{}\n", hex::encode(&self.mac().tag(&[CHECK_LABEL])[..16]))
    }
}

impl std::fmt::Debug for Kek {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kek(..)")
    }
}

/// The opened keys of a data directory.
pub struct Keys {
    signer: Signer,
    kek: Kek,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, ..)", self.signer.verifier().key_name())
    }
}

impl Keys {
    /// Makes new keys in `dir/keys`. `origin` names the log, see [`Signer::generate`]. With a key-encryption key from
    /// elsewhere only its check value is written.
    ///
    /// # Errors
    /// [`Error::Exists`] when there are keys already; [`Error::Invalid`] for such an origin; [`Error::Io`].
    pub fn create(dir: &Path, origin: &str, kek: Option<Kek>) -> Result<Self, Error> {
        let keys = dir.join("keys");
        let [key_file, vkey_file, kek_file, check_file] = FILES.map(|name| dir.join(name));
        if let Some(there) = [&key_file, &vkey_file, &kek_file, &check_file].into_iter().find(|path| path.exists()) {
            return Err(Error::Exists(there.clone()));
        }
        let signer = Signer::generate(origin).map_err(|problem| Error::Invalid {
            file: key_file.clone(),
            line: None,
            problem: problem.to_string(),
        })?;
        file::create_dir(&keys)?;
        let kek = match kek {
            Some(kek) => kek,
            None => {
                let kek = Kek::generate().map_err(Error::io("make", &kek_file))?;
                file::create(&kek_file, kek.to_text().as_bytes())?;
                kek
            }
        };
        file::create(&check_file, kek.check_text().as_bytes())?;
        file::create(&key_file, line(&signer.to_text()).as_bytes())?;
        file::create(&vkey_file, line(&signer.verifier().to_text()).as_bytes())?;
        Ok(Keys { signer, kek })
    }

    /// Opens the keys of `dir`; the key-encryption key is `kek` when it is kept elsewhere.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Corrupt`] naming the file, [`Error::WrongKey`], [`Error::Io`].
    pub fn open(dir: &Path, kek: Option<Kek>) -> Result<Self, Error> {
        let [key_file, vkey_file, kek_file, check_file] = FILES.map(|name| dir.join(name));
        let signer = read_signer(&key_file, &vkey_file)?;
        let kek = match kek {
            Some(kek) => kek,
            None => {
                let kek = Kek::read(&kek_file)?;
                exactly(&kek_file, &kek.to_text())?;
                kek
            }
        };
        if file::read(&check_file)?.as_slice() != kek.check_text().as_bytes() {
            return Err(Error::WrongKey { file: check_file });
        }
        Ok(Keys { signer, kek })
    }

    /// The public key of `dir` alone, for whoever only verifies.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Corrupt`], [`Error::Io`].
    pub fn open_public(dir: &Path) -> Result<Verifier, Error> {
        let path = dir.join(FILES[1]);
        let text = file::read_text(&path)?;
        let verifier =
            Verifier::parse(text.trim_end()).map_err(|problem| Error::corrupt(&path, problem.to_string()))?;
        exactly(&path, &line(&verifier.to_text()))?;
        Ok(verifier)
    }

    /// The key that signs checkpoints.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// A second handle on the signing key, for the ledger, which owns one.
    ///
    /// # Errors
    /// [`Error::Corrupt`]: the key cannot be read back from its own text.
    pub fn ledger_signer(&self) -> Result<Signer, Error> {
        Signer::parse(&self.signer.to_text())
            .map_err(|problem| Error::corrupt(&PathBuf::from(FILES[0]), problem.to_string()))
    }

    /// The public key.
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    /// The key-encryption key.
    pub fn kek(&self) -> &Kek {
        &self.kek
    }
}

fn read_signer(key_file: &Path, vkey_file: &Path) -> Result<Signer, Error> {
    let text = file::read_text(key_file)?;
    let signer = Signer::parse(text.trim_end()).map_err(|problem| Error::corrupt(key_file, problem.to_string()))?;
    exactly(key_file, &line(&signer.to_text()))?;
    exactly(vkey_file, &line(&signer.verifier().to_text()))?;
    Ok(signer)
}

/// Reading is lenient in places (line ends, the case of digits); a key file is not: it holds the bytes that we wrote.
fn exactly(path: &Path, written: &str) -> Result<(), Error> {
    if file::read(path)?.as_slice() == written.as_bytes() {
        Ok(())
    } else {
        Err(Error::corrupt(path, "it does not hold the bytes that were written; restore it"))
    }
}

fn line(text: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn opens_what_was_made_and_makes_it_once() {
        let dir = tempfile::tempdir().unwrap();
        let made = Keys::create(dir.path(), "example.com/test", None).unwrap();
        let opened = Keys::open(dir.path(), None).unwrap();
        assert_eq!(made.verifier().to_text(), opened.verifier().to_text());
        assert_eq!(made.kek().to_text(), opened.kek().to_text());
        assert!(matches!(Keys::create(dir.path(), "example.com/test", None), Err(Error::Exists(_))));
        for name in FILES {
            let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn every_flipped_bit_of_every_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        Keys::create(dir.path(), "example.com/test", None).unwrap();
        for name in FILES {
            let path = dir.path().join(name);
            let sound = std::fs::read(&path).unwrap();
            for place in 0..sound.len() {
                let mut flipped = sound.clone();
                flipped[place] ^= 1 << (place % 8);
                std::fs::write(&path, &flipped).unwrap();
                let error = Keys::open(dir.path(), None).unwrap_err();
                assert!(
                    matches!(error, Error::Corrupt { .. } | Error::WrongKey { .. }),
                    "{name} byte {place}: {error}"
                );
            }
            std::fs::write(&path, &sound).unwrap();
        }
        Keys::open(dir.path(), None).unwrap();
    }

    #[test]
    fn a_key_from_elsewhere_is_not_written_and_a_wrong_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let kek = Kek::generate().unwrap();
        Keys::create(dir.path(), "example.com/test", Some(kek.clone())).unwrap();
        assert!(!dir.path().join("keys/kek").exists());
        Keys::open(dir.path(), Some(kek)).unwrap();
        assert!(matches!(Keys::open(dir.path(), None), Err(Error::Absent(_))));
        let other = Kek::generate().unwrap();
        assert!(matches!(Keys::open(dir.path(), Some(other)), Err(Error::WrongKey { .. })));
    }

    #[test]
    fn debug_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::create(dir.path(), "example.com/test", None).unwrap();
        let shown = format!("{keys:?} {:?}", keys.kek());
        assert!(!shown.contains(keys.kek().to_text().trim_end()));
    }
}
