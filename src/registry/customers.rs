//! Customers by account or licence key.

use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::Country;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::CustomerLookup;

use super::build::Build;
use super::error::RegistryError;
use super::index::KeyIndex;
use super::index::Refused;
use super::index::Space;
use super::index::read_text;
use super::index::take;
use super::index::write_text;
use super::licence_key;
use super::rows;
use super::rows::Row;
use super::table::Table;

/// Customers in memory.
#[derive(Clone, Debug, Default)]
pub struct Customers {
    index: KeyIndex,
    rows: usize,
}

/// Customers in the making.
#[derive(Default)]
pub(super) struct CustomersBuild {
    customers: Customers,
    record: Vec<u8>,
}

impl Build for CustomersBuild {
    type Index = Customers;

    fn row(&mut self, row: &Row<'_>) -> Result<(), String> {
        let us_person = row.field("us_person").map(truth).transpose()?;
        let (account, key) = (row.field("account"), row.field("license_key"));
        let normal_account = account.and_then(licence_key::normal_account);
        let normal_key = key.and_then(licence_key::normal);
        let mut keys: SmallVec<[(Space, &[u8]); 4]> = SmallVec::new();
        keys.extend(account.map(|text| (Space::Exact, text.as_bytes())));
        keys.extend(normal_account.as_ref().map(|f| (Space::Normal, f.as_str().as_bytes())));
        match (&normal_key, key) {
            (Some(normal), _) => keys.push((Space::Normal, normal.as_str().as_bytes())),
            (None, Some(key)) => keys.push((Space::Exact, key.as_bytes())),
            (None, None) => {}
        }
        if keys.is_empty() {
            return Err("neither `account` nor `license_key`".to_owned());
        }
        self.record.clear();
        let out = &mut self.record;
        for column in ["billing_country", "organization_country", "parent_country"] {
            write_country(out, row.field(column));
        }
        for column in ["billing_region", "email"] {
            write_text(out, row.field(column).unwrap_or_default().as_bytes());
        }
        for column in ["citizenship", "permanent_resident_of"] {
            let texts = row.field(column).unwrap_or_default().split(';').map(str::trim);
            for text in texts.filter(|text| !text.is_empty()) {
                write_country(out, Some(text));
            }
            write_country(out, None);
        }
        out.push(match us_person {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        });
        self.customers.index.insert(&keys, &self.record).map_err(|refused| match refused {
            Refused::Full => "there are more customers than can be held".to_owned(),
            Refused::Twice => {
                "its `account` or `license_key` stands twice (of a key, case and dashes do not count)"
                    .to_owned()
            }
        })?;
        self.customers.rows = self.customers.rows.saturating_add(1);
        Ok(())
    }

    fn finish(mut self) -> Customers {
        self.customers.index.shrink();
        self.customers
    }
}

impl Customers {
    /// Reads a customers file; `citizenship` and `permanent_resident_of` hold several countries with `;` between.
    ///
    /// # Errors
    /// When the file cannot be read or any row is bad: neither account nor licence key, one of them given twice, a
    /// `us_person` that is neither `true` nor `false`.
    pub fn load(path: &Path) -> Result<Self, RegistryError> {
        rows::load(path, Table::Customers, CustomersBuild::default())
    }

    /// Number of accounts and licence keys.
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Number of customers.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// True if there is none.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl CustomerLookup for Customers {
    /// The account as written; else the activation code or licence key in any spelling.
    fn find(&self, account: &str) -> Option<Arc<Customer>> {
        let account = account.trim();
        let record = self.index.find(Space::Exact, account.as_bytes()).or_else(|| {
            let normal = licence_key::normal(account)?;
            self.index.find(Space::Normal, normal.as_str().as_bytes())
        })?;
        // INVARIANT: `CustomersBuild` wrote it.
        customer(record).map(Arc::new)
    }
}

fn customer(mut record: &[u8]) -> Option<Customer> {
    let rest = &mut record;
    let billing_country = read_country(rest)?;
    let organization_country = read_country(rest)?;
    let parent_country = read_country(rest)?;
    let billing_region = read_string(rest)?;
    let email = read_string(rest)?;
    let citizenship = read_countries(rest)?;
    let permanent_resident_of = read_countries(rest)?;
    let us_person = match take(rest)? {
        0 => None,
        truth => Some(truth == 2),
    };
    Some(Customer {
        billing_country,
        billing_region,
        citizenship,
        email,
        organization_country,
        parent_country,
        permanent_resident_of,
        us_person,
    })
}

const NO_COUNTRY: u8 = 0;
const CODE: u8 = 1;
const TEXT: u8 = 2;

/// A code as two bytes, for most are; any other text whole, so that what was written can be told.
fn write_country(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.push(NO_COUNTRY) };
    match *text.as_bytes() {
        [a, b] if Country::from_alpha2([a, b]).is_some() => out.extend([CODE, a, b]),
        _ => {
            out.push(TEXT);
            write_text(out, text.as_bytes());
        }
    }
}

#[expect(clippy::option_option, reason = "no more bytes is not the same as no country")]
fn read_country(bytes: &mut &[u8]) -> Option<Option<CountryText>> {
    Some(match take(bytes)? {
        NO_COUNTRY => None,
        CODE => Some(Country::from_alpha2([take(bytes)?, take(bytes)?])?.into()),
        _ => Some(CountryText::new(std::str::from_utf8(read_text(bytes)?).ok()?.to_owned())),
    })
}

fn read_countries(bytes: &mut &[u8]) -> Option<Vec<CountryText>> {
    let mut countries = Vec::new();
    while let Some(country) = read_country(bytes)? {
        countries.push(country);
    }
    Some(countries)
}

#[expect(clippy::option_option, reason = "no more bytes is not the same as no text")]
fn read_string(bytes: &mut &[u8]) -> Option<Option<Box<str>>> {
    let text = std::str::from_utf8(read_text(bytes)?).ok()?;
    Some((!text.is_empty()).then(|| text.into()))
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("`us_person` is `{text}`; write true or false")),
    }
}
