//! The witness's key: made together with an empty state, and never apart from it. A key whose state is gone would cosign anything.

use std::fs;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;

use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::output::rename_durably;
use crate::output::replace_private;

use super::error::WitnessError;

/// The file with the witness's name and public key, in the state's folder.
const PUBLIC: &str = "witness.pub";

const NOT_A_KEY: &str =
    "the key's file is no Ed25519 key in PKCS#8 and PEM. Restore it from a backup";
const NO_KEY: &str = "the state is there, but not its key. Restore the key, or, if it is lost, move the state away: a new witness \
    with a new key is begun, whose key the logs must be told";
const NO_STATE: &str = "the key is there, but not its state: what it has cosigned is not known, and it could cosign another \
    history. Restore the state; to begin a new witness, move the key away as well";
const NO_PUBLIC: &str = "`witness.pub` in the state is unreadable. Restore it from a backup";
const NO_RANDOMNESS: &str = "the system gives no randomness to make a key from";
const OTHER_KEY: &str =
    "the key is that of another witness. Restore this one's own key, or correct --key or --state";
const OTHER_NAME: &str =
    "--name is not the name under which this witness was begun, which stands in `witness.pub`";

/// Takes the key of the witness whose state is in `dir`; makes one where neither is there. Whoever calls holds the state.
///
/// # Errors
/// `Key` if key and state do not belong together; `Io`.
pub(super) fn take(path: &Path, dir: &Path, name: &KeyName) -> Result<SigningKey, WitnessError> {
    let public = dir.join(PUBLIC);
    let beginning = beginning(path);
    let exists = |path: &Path| path.try_exists().map_err(WitnessError::io("look at", path));
    match (exists(path)?, exists(&public)?) {
        (true, true) => read(path, path, dir, name),
        (false, true) if exists(&beginning)? => {
            let key = read(&beginning, path, dir, name)?;
            rename_durably(&beginning, path).map_err(WitnessError::io("rename", &beginning))?;
            Ok(key)
        }
        (false, true) => Err(wrong(path, dir, NO_KEY)),
        (true, false) => Err(wrong(path, dir, NO_STATE)),
        (false, false) => make(path, dir, name),
    }
}

fn read(at: &Path, path: &Path, dir: &Path, name: &KeyName) -> Result<SigningKey, WitnessError> {
    let public = dir.join(PUBLIC);
    let pem = fs::read_to_string(at).map_err(WitnessError::io("read", at))?;
    let key = SigningKey::from_pem(&pem).map_err(|_| wrong(path, dir, NOT_A_KEY))?;
    let line = fs::read_to_string(&public).map_err(WitnessError::io("read", &public))?;
    let known: VerifierKey = line.trim_end().parse().map_err(|_| wrong(path, dir, NO_PUBLIC))?;
    if key.public_key() != known.public_key() {
        return Err(wrong(path, dir, OTHER_KEY));
    }
    if name != known.name() {
        return Err(wrong(path, dir, OTHER_NAME));
    }
    Ok(key)
}

/// First the key under another name, then what is public, then the key's own name: ended in between, the next start goes on.
fn make(path: &Path, dir: &Path, name: &KeyName) -> Result<SigningKey, WitnessError> {
    let key = SigningKey::generate().map_err(|_| wrong(path, dir, NO_RANDOMNESS))?;
    let pem = key.to_pem().map_err(|_| wrong(path, dir, NO_RANDOMNESS))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.map_err(WitnessError::io("create", folder))?;
    }
    let beginning = beginning(path);
    replace_private(&beginning, pem.as_bytes()).map_err(WitnessError::io("write", &beginning))?;
    let public = dir.join(PUBLIC);
    let line = format!("{}\n", key.verifier(name.clone(), KeyKind::Cosignature));
    replace_private(&public, line.as_bytes()).map_err(WitnessError::io("write", &public))?;
    rename_durably(&beginning, path).map_err(WitnessError::io("rename", &beginning))?;
    Ok(key)
}

fn wrong(key: &Path, dir: &Path, problem: &'static str) -> WitnessError {
    WitnessError::Key { dir: dir.to_owned(), key: key.to_owned(), problem }
}

fn beginning(key: &Path) -> PathBuf {
    let mut name = key.file_name().unwrap_or_default().to_owned();
    name.push(".begun");
    key.with_file_name(name)
}
