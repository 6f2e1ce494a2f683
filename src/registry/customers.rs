//! Customers by account or licence key.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::Country;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::CustomerLookup;
use crate::policy::Folded;

use super::build::Build;
use super::cells::Cells;
use super::cells::with_row;
use super::error::Bad;
use super::error::RegistryError;
use super::error::RowFault;
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

const TWICE: &str =
    "its `account` or `license_key` stands twice (of a key, case and dashes do not count)";

/// Customers in memory: what was loaded, and above it the rows that were edited since.
#[derive(Clone, Debug, Default)]
pub struct Customers {
    base: Arc<KeyIndex>,
    edits: Option<Arc<Edited>>,
    rows: usize,
}

/// What was edited. It is copied at every edit; `base` is not.
#[derive(Clone, Debug, Default)]
struct Edited {
    /// Keys of rows of `base`, or of earlier edits, that no longer hold.
    gone: Gone,
    /// The rows that hold instead.
    index: KeyIndex,
    /// What `index` was made of, by the row's id.
    rows: BTreeMap<String, Cells>,
}

/// Keys, by their space.
#[derive(Clone, Debug, Default)]
struct Gone {
    exact: HashSet<Box<[u8]>>,
    normal: HashSet<Box<[u8]>>,
}

/// Customers in the making.
#[derive(Default)]
pub(super) struct CustomersBuild {
    index: KeyIndex,
    record: Vec<u8>,
    rows: usize,
}

/// What a row is found by.
pub(super) struct Names<'a> {
    account: Option<&'a str>,
    key: Option<&'a str>,
    normal_account: Option<Folded>,
    normal_key: Option<Folded>,
}

impl<'a> Names<'a> {
    pub(super) fn of(account: Option<&'a str>, key: Option<&'a str>) -> Self {
        let normal_account = account.and_then(licence_key::normal_account);
        let normal_key = key.and_then(licence_key::normal);
        Self { account, key, normal_account, normal_key }
    }

    fn keys(&self) -> SmallVec<[(Space, &[u8]); 4]> {
        let mut keys: SmallVec<[(Space, &[u8]); 4]> = SmallVec::new();
        keys.extend(self.account.map(|text| (Space::Exact, text.as_bytes())));
        keys.extend(self.normal_account.as_ref().map(|f| (Space::Normal, f.as_str().as_bytes())));
        match (&self.normal_key, self.key) {
            (Some(normal), _) => keys.push((Space::Normal, normal.as_str().as_bytes())),
            (None, Some(key)) => keys.push((Space::Exact, key.as_bytes())),
            (None, None) => {}
        }
        keys
    }
}

impl Build for CustomersBuild {
    type Index = Customers;

    fn row(&mut self, row: &Row<'_>) -> Result<(), Bad> {
        let us_person = row.field("us_person").map(truth).transpose()?;
        let names = Names::of(row.field("account"), row.field("license_key"));
        let keys = names.keys();
        if keys.is_empty() {
            return Err(Bad::row("neither `account` nor `license_key`"));
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
        self.index.insert(&keys, &self.record).map_err(|refused| match refused {
            Refused::Full => Bad::row("there are more customers than can be held"),
            Refused::Twice => Bad::row(TWICE),
        })?;
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    fn finish(mut self) -> Result<Customers, Bad> {
        self.index.shrink();
        let (base, rows) = (Arc::new(self.index), self.rows);
        Ok(Customers { base, edits: None, rows })
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

    /// The customers with the row of `id` replaced: `old` is what it was, with all it was found by; `new` is what it is to be.
    ///
    /// # Errors
    /// What is wrong with the new row, as an import would say it.
    pub fn edited(
        &self,
        id: &str,
        old: Option<&Cells>,
        new: Option<&Cells>,
    ) -> Result<Self, RowFault> {
        let mut edits = self.edits.as_deref().cloned().unwrap_or_default();
        for (space, key) in old.map(Names::of_cells).iter().flat_map(Names::keys) {
            match space {
                Space::Exact => edits.gone.exact.insert(key.into()),
                Space::Normal => edits.gone.normal.insert(key.into()),
            };
        }
        edits.rows.remove(id);
        if let Some(new) = new {
            edits.rows.insert(id.to_owned(), new.clone());
        }
        let mut build = CustomersBuild::default();
        for (of, cells) in &edits.rows {
            let made = with_row(cells, Table::Customers, |row| build.row(row));
            let made = made.and_then(|()| match of == id {
                // What stands in `base` and was not edited away keeps its keys.
                true if Names::of_cells(cells).keys().iter().any(|(space, key)| {
                    self.base.find(*space, key).is_some() && !edits.is_gone(*space, key)
                }) =>
                {
                    Err(Bad::row(TWICE))
                }
                _ => Ok(()),
            });
            made.map_err(|bad| bad.at(0))?;
        }
        edits.index = build.index;
        let was = old.map(Names::of_cells).is_some_and(|names| {
            names.keys().iter().any(|(space, key)| self.record(*space, key).is_some())
        });
        let rows = match (was, new.is_some()) {
            (false, true) => self.rows.saturating_add(1),
            (true, false) => self.rows.saturating_sub(1),
            (true, true) | (false, false) => self.rows,
        };
        Ok(Self { base: Arc::clone(&self.base), edits: Some(Arc::new(edits)), rows })
    }

    /// Number of accounts and licence keys that were loaded.
    pub fn len(&self) -> usize {
        self.base.len()
    }

    fn record(&self, space: Space, key: &[u8]) -> Option<&[u8]> {
        let Some(edits) = &self.edits else { return self.base.find(space, key) };
        match edits.index.find(space, key) {
            Some(record) => Some(record),
            None if edits.is_gone(space, key) => None,
            None => self.base.find(space, key),
        }
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

impl Edited {
    fn is_gone(&self, space: Space, key: &[u8]) -> bool {
        match space {
            Space::Exact => self.gone.exact.contains(key),
            Space::Normal => self.gone.normal.contains(key),
        }
    }
}

impl<'a> Names<'a> {
    fn of_cells(cells: &'a Cells) -> Self {
        let text = |column: &str| cells.get(column).map(String::as_str);
        Self::of(text("account"), text("license_key"))
    }
}

impl CustomerLookup for Customers {
    /// The account as written; else the activation code or licence key in any spelling.
    fn find(&self, account: &str) -> Option<Arc<Customer>> {
        let account = account.trim();
        let record = self.record(Space::Exact, account.as_bytes()).or_else(|| {
            let normal = licence_key::normal(account)?;
            self.record(Space::Normal, normal.as_str().as_bytes())
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

fn truth(text: &str) -> Result<bool, Bad> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Bad::column("us_person", format!("`us_person` is `{text}`; write true or false"))),
    }
}
