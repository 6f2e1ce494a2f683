//! The one file of a bundle: canonical JSON (RFC 8785) with the texts of the files and the manifest as a signed note.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::merkle::Note;
use crate::merkle::Signature;
use crate::model::StrictValue;
use crate::model::json_from_slice;

use super::error::BundleError;
use super::files::Files;
use super::files::MAX_BYTES;
use super::manifest::Manifest;

/// Bytes of the document: no character of a text takes more than twice its own, a note has at most 1 MiB.
const MAX_DOCUMENT: usize = 3 * MAX_BYTES;

/// The parts of a bundle, as they are written.
pub(super) struct Document {
    pub(super) files: Files,
    pub(super) manifest: Manifest,
    pub(super) signatures: Vec<Signature>,
}

/// Members in the order of RFC 8785.
#[derive(Serialize)]
struct Written<'a> {
    files: &'a BTreeMap<String, String>,
    manifest: String,
}

/// The bytes. They are the same for the same parts.
pub(super) fn write(files: &Files, text: &str, signatures: &[Signature]) -> Vec<u8> {
    let mut manifest = format!("{text}\n");
    for signature in signatures {
        manifest.extend([signature.to_string().as_str(), "\n"]);
    }
    let mut bytes = Vec::new();
    let written = serde_json::to_writer(&mut bytes, &Written { files: files.map(), manifest });
    debug_assert!(written.is_ok(), "texts by name are always JSON");
    bytes
}

/// Reads the bytes; what is read is written back byte for byte.
///
/// # Errors
/// They are no bundle; nothing is said yet of who signed it.
pub(super) fn read(bytes: &[u8]) -> Result<Document, BundleError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(BundleError::TooLarge);
    }
    let StrictValue::Object(members) = json_from_slice(bytes)? else {
        return Err(BundleError::Spelling);
    };
    let [(files_name, StrictValue::Object(files)), (manifest_name, StrictValue::String(manifest))] =
        <[_; 2]>::try_from(members).map_err(|_| BundleError::Spelling)?
    else {
        return Err(BundleError::Spelling);
    };
    if files_name != "files" || manifest_name != "manifest" {
        return Err(BundleError::Spelling);
    }
    let files = files.into_iter().map(|(name, text)| match text {
        StrictValue::String(text) => Ok((name, text)),
        _ => Err(BundleError::Spelling),
    });
    let files = Files::new(files.collect::<Result<Vec<_>, _>>()?)?;
    let (text, signatures) = match manifest.strip_suffix("\n\n") {
        // Nobody has signed it yet.
        Some(text) => (format!("{text}\n"), Vec::new()),
        None => {
            let note = Note::parse(&manifest)?;
            (note.text().to_owned(), note.signatures().to_vec())
        }
    };
    let manifest = Manifest::parse(&text)?;
    agree(&manifest, &files)?;
    if write(&files, &text, &signatures) != bytes {
        return Err(BundleError::Spelling);
    }
    Ok(Document { files, manifest, signatures })
}

/// The manifest names every file with the hash that it has, and no other.
fn agree(manifest: &Manifest, files: &Files) -> Result<(), BundleError> {
    let digests = Manifest::digests(files);
    for (name, signed) in &manifest.files {
        match digests.get(name) {
            None => return Err(BundleError::Missing(name.clone())),
            Some(found) if found != signed => {
                let (found, signed) = (*found, *signed);
                return Err(BundleError::Changed { name: name.clone(), found, signed });
            }
            Some(_) => {}
        }
    }
    match digests.into_keys().find(|name| !manifest.files.contains_key(name)) {
        Some(name) => Err(BundleError::Unsigned(name)),
        None => Ok(()),
    }
}
