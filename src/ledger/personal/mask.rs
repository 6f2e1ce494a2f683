//! Identifiers replaced by keyed hashes: equal ones stay equal, so that one who knows an account still finds it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::error::LedgerError;
use super::super::store::LedgerStore;
use super::secret::{Purpose, Secret};

/// Members whose texts name a person or a device. What decided stays: countries, regions, address classes, the answers of geo databases,
/// `email_domain` (it names an organisation, and rules ask for it), `read` with what texts were read as. So a masked record can be replayed.
const IDENTIFIERS: [&str; 13] = [
    "account",     // the shop's name of the customer
    "address",     // of `addresses`: where the buyer was seen
    "client",      // whom the connection is of
    "common_name", // a certificate's subject, often a person's name
    "dns",         // a certificate's subject: a device
    "ip",          // an address as the request said it
    "network",     // of a summary: a client's address, or few around it
    "path",        // a path that names the buyer; others are not in the personal part
    "peer",        // the other end of the connection
    "readings",    // of such a path
    "sha256",      // of a body: whoever guesses the order could try it
    "subject",     // whom a token is of; whom a hold is on
    "uri",         // a certificate's subject
];

/// Masks identifiers as one ledger does.
#[derive(Clone, Debug)]
pub struct Masker {
    secret: Secret,
}

impl Masker {
    /// The masker of the ledger in `dir`; none if it never masked nor encrypted anything.
    ///
    /// # Errors
    /// `Io`, or `Subjects` if the secret is damaged.
    pub fn open(dir: impl AsRef<Path>) -> Result<Option<Self>, LedgerError> {
        Ok(Secret::read(dir.as_ref())?.map(|secret| Self { secret }))
    }

    /// As [`Masker::open`]; makes the secret if there is none.
    pub(super) fn take(dir: &Path, store: &dyn LedgerStore) -> Result<Self, LedgerError> {
        Ok(Self { secret: Secret::take(dir, store)? })
    }

    /// The mask of an identifier, such as an account.
    #[must_use]
    pub fn mask(&self, identifier: &str) -> String {
        format!("masked:{}", STANDARD.encode(self.secret.hash(Purpose::Mask, identifier)))
    }

    /// A personal part with its identifiers masked; none if it is no JSON.
    pub(super) fn part(&self, json: &[u8]) -> Option<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(json).ok()?;
        self.walk(&mut value);
        serde_json::to_vec(&value).ok()
    }

    fn walk(&self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.walk(value)),
            Value::Object(members) => {
                for (name, value) in members {
                    if IDENTIFIERS.contains(&name.as_str()) {
                        self.replace(value);
                    } else {
                        self.walk(value);
                    }
                }
            }
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn replace(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.mask(text),
            Value::Number(number) => *value = Value::String(self.mask(&number.to_string())),
            Value::Array(values) => values.iter_mut().for_each(|value| self.replace(value)),
            Value::Object(_) => self.walk(value),
            Value::Bool(_) | Value::Null => {}
        }
    }
}
