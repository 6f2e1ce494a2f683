//! A row as people edit it: its texts by column, and the id by which it is named.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use csv::StringRecord;
use sha2::Digest;
use sha2::Sha256;

use crate::policy::Folded;

use super::error::Bad;
use super::error::RowFault;
use super::licence_key;
use super::rows::Columns;
use super::rows::Row;
use super::table::Table;

/// The texts of a row by column; blank ones are not in it.
pub type Cells = BTreeMap<String, String>;

/// Begins the id of a customer that only a licence key names: a key is a bearer credential and stands in no address.
const BY_KEY: &str = "key-";

impl Table {
    /// The id of a row: the SKU as it is compared, or the account as it is written. Where an account may be a licence key, or there is
    /// none, it is a hash.
    pub fn id(self, cells: &Cells) -> Option<String> {
        id(self, &|column| cells.get(column).map(String::as_str))
    }

    /// A row with its blanks taken off, and only what is not blank.
    ///
    /// # Errors
    /// For a column that the table does not have, and what no import may hold.
    pub fn tidy(self, cells: &Cells) -> Result<Cells, RowFault> {
        for name in cells.keys() {
            if !self.columns().contains(&name.as_str()) {
                let known = self.columns().join(", ");
                let message = format!("unknown column `{name}`; columns: {known}");
                return Err(RowFault { column: Some(name.clone()), line: 0, message });
            }
        }
        with_row(cells, self, |row| row.unfit(self).map(|()| of_row(row, self)))
            .map_err(|bad| bad.at(0))
    }

    /// A row as it may be shown: licence keys are not.
    pub fn shown(self, mut cells: Cells) -> Cells {
        if self == Self::Customers {
            for (column, text) in &mut cells {
                let is_key = column == "license_key"
                    || (column == "account" && licence_key::is_credential(text));
                if is_key {
                    *text = MASKED.to_owned();
                }
            }
        }
        cells
    }
}

/// What stands for a licence key.
pub const MASKED: &str = "[masked]";

/// The texts of a row.
pub(super) fn of_row(row: &Row<'_>, table: Table) -> Cells {
    let texts = table.columns().iter();
    let filled = texts.filter_map(|name| Some(((*name).to_owned(), row.field(name)?.to_owned())));
    filled.collect()
}

/// The id of a row of a file.
pub(super) fn row_id(row: &Row<'_>, table: Table) -> Option<String> {
    id(table, &|column| row.field(column))
}

/// Gives the texts as a row of a file.
pub(super) fn with_row<T>(
    cells: &Cells,
    table: Table,
    give: impl FnOnce(&Row<'_>) -> Result<T, Bad>,
) -> Result<T, Bad> {
    let record: StringRecord = table
        .columns()
        .iter()
        .map(|name| cells.get(*name).map(String::as_str).unwrap_or_default())
        .collect();
    give(&Columns::of(table).row(&record))
}

fn id<'a>(table: Table, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    match table {
        Table::Catalogue => {
            let folded = Folded::sku(text("sku")?);
            (!folded.is_empty()).then(|| folded.as_str().to_owned())
        }
        Table::Customers => {
            let account = text("account");
            if let Some(account) = account
                && !licence_key::is_credential(account)
                && !account.starts_with(BY_KEY)
            {
                return Some(account.to_owned());
            }
            let named = account.or_else(|| text("license_key"))?;
            let normal = licence_key::normal(named);
            let normal = normal.as_ref().map_or(named, Folded::as_str);
            let mut id = BY_KEY.to_owned();
            for byte in Sha256::digest(normal.as_bytes()).iter().take(16) {
                write!(id, "{byte:02x}").ok();
            }
            Some(id)
        }
    }
}
