//! Customers by account or licence key.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::CountryText;
use crate::model::Customer;
use crate::model::CustomerLookup;

use super::error::RegistryError;
use super::rows;

const COLUMNS: [&str; 10] = [
    "account",
    "license_key",
    "organization_country",
    "billing_country",
    "billing_region",
    "parent_country",
    "citizenship",
    "permanent_resident_of",
    "us_person",
    "email",
];

/// An account or licence key. Most lie in the table itself, so that finding one costs no further trip to memory.
type Key = SmallVec<[u8; 24]>;

/// Customers in memory.
#[derive(Clone, Debug, Default)]
pub struct Customers(HashMap<Key, Arc<Customer>>);

impl Customers {
    /// Reads a customers file; `citizenship` and `permanent_resident_of` hold several countries with `;` between.
    ///
    /// # Errors
    /// When the file cannot be read or any row is bad: neither account nor licence key, one of them given twice, a
    /// `us_person` that is neither `true` nor `false`.
    pub fn load(path: &Path) -> Result<Self, RegistryError> {
        let mut customers: HashMap<Key, Arc<Customer>> = HashMap::new();
        rows::read(path, &COLUMNS, &[], |row| {
            let country = |column| row.field(column).map(|text| CountryText::new(text.to_owned()));
            let countries = |column| {
                let texts = row.field(column).unwrap_or_default().split(';').map(str::trim);
                texts.filter(|t| !t.is_empty()).map(|t| CountryText::new(t.to_owned())).collect()
            };
            let customer = Arc::new(Customer {
                billing_country: country("billing_country"),
                billing_region: row.field("billing_region").map(Box::from),
                citizenship: countries("citizenship"),
                email: row.field("email").map(Box::from),
                organization_country: country("organization_country"),
                parent_country: country("parent_country"),
                permanent_resident_of: countries("permanent_resident_of"),
                us_person: row.field("us_person").map(truth).transpose()?,
            });
            let keys = [row.field("account"), row.field("license_key")];
            if keys.iter().all(Option::is_none) {
                return Err("neither `account` nor `license_key`".to_owned());
            }
            for key in keys.into_iter().flatten() {
                if customers
                    .insert(Key::from_slice(key.as_bytes()), Arc::clone(&customer))
                    .is_some()
                {
                    return Err("its `account` or `license_key` stands twice".to_owned());
                }
            }
            Ok(())
        })?;
        Ok(Self(customers))
    }

    /// Number of accounts and licence keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl CustomerLookup for Customers {
    fn find(&self, account: &str) -> Option<Arc<Customer>> {
        self.0.get(account.trim().as_bytes()).map(Arc::clone)
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("`us_person` is `{text}`; write true or false")),
    }
}
