//! The columns of both tables, as people call them and fill them in.

use crate::registry::Cells;
use crate::registry::Table;

use super::super::fields::Fields;
use super::super::fields::one;
use super::choices::cell_of;

/// What a column is called.
pub(super) fn label(column: &str) -> &'static str {
    match column {
        "account" => "Account",
        "billing_country" => "Billing country",
        "billing_region" => "Billing region",
        "citizenship" => "Citizenship",
        "email" => "E-mail",
        "group" => "Group",
        "license_key" => "Licence key",
        "name" => "Name",
        "organization_country" => "Country of the organisation",
        "parent_country" => "Country of the parent",
        "permanent_resident_of" => "Permanent resident of",
        "sku" => "SKU",
        "us_person" => "US person",
        "vendor" => "Vendor",
        _ => "Column",
    }
}

/// What to write into it.
pub(super) fn hint(column: &str) -> &'static str {
    match column {
        "account" => "As the shop names it. A row keeps its account.",
        "billing_region" => "A state or territory, such as NY or PR.",
        "citizenship" | "permanent_resident_of" => "Several with a semicolon between: US; DE.",
        "billing_country" | "organization_country" | "parent_country" => {
            "Two letters, such as US, or the country's name."
        }
        _ => "",
    }
}

/// The row that a form holds; blank cells are not in it.
pub(super) fn cells(form: &Fields, table: Table) -> Cells {
    let filled = table.columns().iter().filter_map(|column| {
        let text = match *column {
            "group" => cell_of(one(form, column)),
            _ => one(form, column),
        };
        Some(((*column).to_owned(), text.to_owned())).filter(|(_, text)| !text.is_empty())
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name() {
        for column in Table::ALL.into_iter().flat_map(Table::columns) {
            assert_ne!(label(column), "Column", "{column}");
        }
    }
}
