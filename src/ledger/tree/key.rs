//! The log's key: made together with an empty ledger, and never apart from it (DESIGN 9).

use std::fs;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::output::rename_durably;
use crate::output::replace_private;
use crate::output::unnamed;
use crate::output::write_private;

use super::super::error::LedgerError;

/// The file with the log's name and public key.
const PUBLIC: &str = "ledger.pub";

/// What a log is signed with, and under which name.
#[derive(Clone, Debug)]
pub struct SigningSettings {
    /// The private key's file (PKCS#8, PEM), created with an empty ledger.
    pub key: PathBuf,
    /// The log's name; none: one that follows from the key.
    pub origin: Option<String>,
}

/// The key that signs checkpoints, and its name.
#[derive(Debug)]
pub(in crate::ledger) struct LogKey {
    pub(in crate::ledger) key: SigningKey,
    pub(in crate::ledger) name: KeyName,
}

/// What there is of a log's key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Present {
    /// Made, but not yet under its name: the process ended in between.
    beginning: bool,
    key: bool,
    public: bool,
}

impl LogKey {
    /// Takes the key of the log in `dir`; makes one if the ledger has no record and has never had a key.
    ///
    /// Whoever calls holds the ledger's lock.
    ///
    /// # Errors
    /// `Key` if key and ledger do not belong together; `Io`.
    pub(in crate::ledger) fn take(
        dir: &Path,
        settings: &SigningSettings,
        has_records: bool,
    ) -> Result<Self, LedgerError> {
        let SigningSettings { key: path, .. } = settings;
        let public = dir.join(PUBLIC);
        let beginning = unnamed(path);
        let wrong = |problem| LedgerError::Key { dir: dir.to_owned(), key: path.clone(), problem };
        let present = Present {
            beginning: exists(&beginning)?,
            key: exists(path)?,
            public: exists(&public)?,
        };
        match present {
            Present { key: true, public: true, .. } => Self::read(path, &public, settings),
            Present { key: false, public: true, beginning: true } => {
                let taken = Self::read(&beginning, &public, settings)?;
                rename(&beginning, path)?;
                Ok(taken)
            }
            Present { key: false, public: true, .. } => Err(wrong(NO_KEY)),
            Present { key: true, public: false, .. } if has_records => Err(wrong(NO_PUBLIC)),
            Present { key: true, public: false, .. } => Err(wrong(NO_LOG)),
            Present { key: false, public: false, .. } if has_records => Err(wrong(NO_KEY)),
            Present { key: false, public: false, .. } => Self::make(path, &public, settings),
        }
    }

    /// Whether [`LogKey::take`] would give a key, as far as can be told without writing.
    ///
    /// # Errors
    /// As [`LogKey::take`].
    pub(in crate::ledger) fn check(
        dir: &Path,
        settings: &SigningSettings,
        has_records: bool,
    ) -> Result<(), LedgerError> {
        let public = dir.join(PUBLIC);
        let begins = !has_records && !exists(&settings.key)? && !exists(&public)?;
        let goes_on = !exists(&settings.key)? && exists(&unnamed(&settings.key))?;
        if begins || goes_on { Ok(()) } else { Self::take(dir, settings, has_records).map(drop) }
    }

    /// Its public half.
    pub(in crate::ledger) fn verifier(&self) -> VerifierKey {
        self.key.verifier(self.name.clone(), KeyKind::Ed25519)
    }

    fn read(path: &Path, public: &Path, settings: &SigningSettings) -> Result<Self, LedgerError> {
        let dir = public.parent().unwrap_or(Path::new("")).to_owned();
        let wrong = |problem| LedgerError::Key { dir: dir.clone(), key: path.to_owned(), problem };
        let text = fs::read_to_string(path).map_err(LedgerError::io("read", path))?;
        let key = SigningKey::from_pem(&text).map_err(|_| wrong(NOT_A_KEY))?;
        let line = fs::read_to_string(public).map_err(LedgerError::io("read", public))?;
        let known: VerifierKey = line.trim_end().parse().map_err(|_| wrong(NO_PUBLIC))?;
        let name = match &settings.origin {
            Some(origin) => KeyName::new(origin).map_err(|_| wrong(BAD_NAME))?,
            None => known.name().clone(),
        };
        if key.public_key() != known.public_key() {
            return Err(wrong(OTHER_KEY));
        }
        if name != *known.name() {
            return Err(wrong(OTHER_NAME));
        }
        Ok(Self { key, name })
    }

    /// First the key under another name, then what is public, then the key's own name: ended in between, the next start goes on.
    fn make(path: &Path, public: &Path, settings: &SigningSettings) -> Result<Self, LedgerError> {
        let dir = public.parent().unwrap_or(Path::new("")).to_owned();
        let wrong = |problem| LedgerError::Key { dir: dir.clone(), key: path.to_owned(), problem };
        let key = SigningKey::generate().map_err(|_| wrong(NO_RANDOMNESS))?;
        let pem = key.to_pem().map_err(|_| wrong(NO_RANDOMNESS))?;
        let origin = match &settings.origin {
            Some(origin) => origin.clone(),
            None => default_origin(key.public_key()),
        };
        let name = KeyName::new(&origin).map_err(|_| wrong(BAD_NAME))?;
        let made = Self { key, name };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let mut builder = DirBuilder::new();
            let created = builder.recursive(true).mode(0o700).create(folder);
            created.map_err(LedgerError::io("create", folder))?;
        }
        let beginning = unnamed(path);
        write(&beginning, &pem)?;
        let line = format!("{}\n", made.verifier());
        replace_private(public, line.as_bytes()).map_err(LedgerError::io("write", public))?;
        rename(&beginning, path)?;
        Ok(made)
    }
}

const BAD_NAME: &str =
    "[ledger] origin is no name of a log: it must not be empty and have no blanks and no `+`";
const NOT_A_KEY: &str =
    "the key's file is no Ed25519 key in PKCS#8 and PEM. Restore it from a backup";
const NO_KEY: &str = "the ledger is there, but not its key: whoever checks it would see another log. Restore the key, or, if \
    it is lost, move the ledger away and keep it: a new one with a new key is begun";
const NO_LOG: &str = "the key is there, but not its ledger: with this key a second history could be signed. Restore the \
    ledger, or [ledger] dir; to begin a new one, move the key away as well";
const NO_PUBLIC: &str = "`ledger.pub` in the ledger is missing or unreadable. Restore it from a backup, or from whoever checks \
    this log";
const NO_RANDOMNESS: &str = "the system gives no randomness to make a key from";
const OTHER_KEY: &str = "the key is that of another ledger. Restore this ledger's own key, or correct [ledger] key or dir";
const OTHER_NAME: &str = "[ledger] origin is not the name under which this log was begun; its checkpoints bear that name, which \
    stands in `ledger.pub`";

/// A name that nobody else has, under a top level domain that nobody can have (RFC 2606).
fn default_origin(public: &[u8; 32]) -> String {
    let hash = Sha256::digest(public);
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("interdict.invalid/{digits}")
}

fn exists(path: &Path) -> Result<bool, LedgerError> {
    path.try_exists().map_err(LedgerError::io("look at", path))
}

fn write(path: &Path, text: &str) -> Result<(), LedgerError> {
    write_private(path, text.as_bytes()).map_err(LedgerError::io("write", path))
}

fn rename(from: &Path, to: &Path) -> Result<(), LedgerError> {
    rename_durably(from, to).map_err(LedgerError::io("rename", from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(taken: Result<LogKey, LedgerError>) -> &'static str {
        match taken {
            Err(LedgerError::Key { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_is_made_with_an_empty_ledger_only_and_never_apart_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ledger");
        fs::create_dir(&dir).unwrap();
        let key = folder.path().join("keys/ledger-key.pem");
        let settings = SigningSettings { key: key.clone(), origin: None };
        assert_eq!(problem(LogKey::take(&dir, &settings, true)), NO_KEY);
        LogKey::check(&dir, &settings, false).unwrap();
        assert!(LogKey::check(&dir, &settings, true).is_err());
        assert!(!key.exists());

        let made = LogKey::take(&dir, &settings, false).unwrap();
        assert!(made.name.as_str().starts_with("interdict.invalid/"));
        for has_records in [false, true] {
            LogKey::check(&dir, &settings, has_records).unwrap();
            let taken = LogKey::take(&dir, &settings, has_records).unwrap();
            assert_eq!(taken.verifier(), made.verifier());
        }
        let named =
            SigningSettings { origin: Some("other.example/log".to_owned()), ..settings.clone() };
        assert_eq!(problem(LogKey::take(&dir, &named, true)), OTHER_NAME);

        let public = fs::read(dir.join(PUBLIC)).unwrap();
        fs::remove_file(dir.join(PUBLIC)).unwrap();
        assert_eq!(problem(LogKey::take(&dir, &settings, false)), NO_LOG);
        assert_eq!(problem(LogKey::take(&dir, &settings, true)), NO_PUBLIC);
        fs::write(dir.join(PUBLIC), &public).unwrap();

        let pem = fs::read(&key).unwrap();
        fs::remove_file(&key).unwrap();
        assert_eq!(problem(LogKey::take(&dir, &settings, false)), NO_KEY);
        // Ended before the key had its name.
        fs::write(unnamed(&key), &pem).unwrap();
        assert_eq!(LogKey::take(&dir, &settings, false).unwrap().verifier(), made.verifier());
        assert!(key.exists());

        fs::write(&key, SigningKey::generate().unwrap().to_pem().unwrap()).unwrap();
        assert_eq!(problem(LogKey::take(&dir, &settings, true)), OTHER_KEY);
    }

    #[test]
    fn a_start_that_ended_before_anything_was_public_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        fs::write(unnamed(&key), "half a key").unwrap();
        let settings = SigningSettings { key, origin: Some("shop.example/log".to_owned()) };
        let made = LogKey::take(folder.path(), &settings, false).unwrap();
        assert_eq!(made.name.as_str(), "shop.example/log");
    }
}
