//! Customers in memory.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use crate::model::CountryText;
use crate::model::CustomerLookup;
use crate::registry::Cells;
use crate::registry::Customers;
use crate::registry::RegistryError;
use crate::registry::build::Build;
use crate::registry::customers::CustomersBuild;
use crate::registry::rows;
use crate::registry::table::Table;

fn read(text: &str) -> Result<Customers, RegistryError> {
    let mut build = CustomersBuild::default();
    let each = |row: &rows::Row<'_>, _| build.row(row);
    rows::read(text.as_bytes(), Path::new("customers.csv"), Table::Customers, each)?;
    Ok(build.finish().unwrap())
}

#[test]
fn a_customer_is_what_its_row_says() {
    let customers = read(
        "account,license_key,organization_country,billing_country,billing_region,parent_country,citizenship,permanent_resident_of,us_person,email\n\
         A-17,,usa,US,PR,Untied States,DE; fr,US,yes,a@b.example\nB,,,,,,,,,\n",
    )
    .unwrap();
    let found = customers.find(" A-17 ").unwrap();
    let text = |text: &str| Some(CountryText::new(text.to_owned()));
    assert_eq!(found.organization_country, text("usa"));
    assert_eq!(found.billing_country, text("US"));
    assert_eq!(found.billing_region.as_deref(), Some("PR"));
    assert_eq!(found.parent_country, text("Untied States"));
    assert_eq!(found.citizenship, [text("DE").unwrap(), text("fr").unwrap()]);
    assert_eq!(found.permanent_resident_of, [text("US").unwrap()]);
    assert_eq!(found.us_person, Some(true));
    assert_eq!(found.email.as_deref(), Some("a@b.example"));
    assert_eq!(*customers.find("B").unwrap(), crate::model::Customer::default());
    assert!(customers.find("a-17").is_none(), "an account is what it is");
    assert_eq!((customers.len(), customers.rows()), (2, 2));
}

#[test]
fn a_key_is_found_in_any_usual_spelling() {
    let customers = read(
        "account,license_key,billing_country\nA,0f8fad5b-d9cb-469f-a165-70867728950e,US\n\
         B,ABCDE-12345-FGHIJ-6789X,US\nC,E2C-0006D6-5096F7FF,US\n7c9e6679-7425-40de-944b-e07fc1f90ae7,,US\nD,odd key!,US\n",
    )
    .unwrap();
    for spelling in [
        "0F8FAD5BD9CB469FA16570867728950E",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "abcde 12345 fghij 6789x",
        "АBСDЕ-12345-FGHIJ-6789Х",
        "e2c0006d65096f7ff",
        "7C9E6679742540DE944BE07FC1F90AE7",
        "odd key!",
    ] {
        assert!(customers.find(spelling).is_some(), "{spelling}");
    }
    for other in ["ODD KEY!", "ABCDE-12345-FGHIJ-67890", "", "0"] {
        assert!(customers.find(other).is_none(), "{other}");
    }
}

#[test]
fn two_spellings_of_one_key_are_a_bad_row_that_is_not_told() {
    let Err(RegistryError::Rows { faults, .. }) =
        read("account,license_key\nA,ABCDE-12345-FGHIJ-6789X\nB,abcde12345fghij6789x\nA,\n,\nC,\n")
    else {
        panic!("taken")
    };
    assert_eq!(faults.iter().map(|f| f.line).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(!faults.iter().any(|f| f.to_string().to_lowercase().contains("abcde")));
}

#[test]
fn every_one_of_many_is_found_and_no_other() {
    let mut text = String::from("account,license_key,billing_country\n");
    for i in 0..20_000 {
        text += &format!("A-{i},{i:08x}-0000-0000-0000-{i:012x},{}\n", ["US", "DE"][i % 2]);
    }
    let customers = read(&text).unwrap();
    assert_eq!(customers.len(), 40_000);
    for i in 0..20_000 {
        let country = CountryText::new(["US", "DE"][i % 2].to_owned());
        for key in [format!("A-{i}"), format!("{i:08X}000000000000{i:012X}")] {
            assert_eq!(customers.find(&key).unwrap().billing_country, Some(country.clone()));
        }
        assert!(customers.find(&format!("B-{i}")).is_none());
    }
}

const CODES: [&str; 4] = [
    "ABCDE-12345-FGHIJ-67891",
    "ABCDE-12345-FGHIJ-67892",
    "ABCDE-12345-FGHIJ-67893",
    "ABCDE-12345-FGHIJ-67894",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    /// Rows that are edited one by one are found as a table is that was read with all of them.
    #[test]
    fn edited_rows_are_what_a_fresh_table_of_them_is(
        base in prop::collection::btree_map(0..6_u8, (prop::option::of(0..4_usize), any::<bool>()), 0..6),
        edits in prop::collection::vec((0..6_u8, prop::option::of((prop::option::of(0..4_usize), any::<bool>()))), 0..12),
    ) {
        let cells = |account: u8, (key, us): (Option<usize>, bool)| {
            let country = if us { "US" } else { "DE" };
            let mut cells: Cells = [("account".to_owned(), format!("A-{account}")), ("billing_country".to_owned(), country.to_owned())].into();
            cells.extend(key.map(|key| ("license_key".to_owned(), CODES[key].to_owned())));
            cells
        };
        let table = |rows: &BTreeMap<u8, Cells>| {
            let mut text = String::from("account,license_key,billing_country\n");
            for cells in rows.values() {
                let key = cells.get("license_key").map(String::as_str).unwrap_or_default();
                text += &format!("{},{key},{}\n", cells["account"], cells["billing_country"]);
            }
            read(&text)
        };
        let mut model: BTreeMap<u8, Cells> = base.into_iter().map(|(a, row)| (a, cells(a, row))).collect();
        let Ok(mut edited) = table(&model) else { return Ok(()) };
        for (account, new) in edits {
            let new = new.map(|row| cells(account, row));
            let mut next = model.clone();
            match &new {
                Some(new) => next.insert(account, new.clone()),
                None => next.remove(&account),
            };
            let made = edited.edited(&format!("A-{account}"), model.get(&account), new.as_ref());
            let fresh = table(&next);
            prop_assert_eq!(made.is_ok(), fresh.is_ok(), "{:?} {:?}", made, next);
            if let (Ok(made), Ok(fresh)) = (made, fresh) {
                prop_assert_eq!(made.rows(), fresh.rows());
                let accounts = (0..6).map(|account| format!("A-{account}"));
                for name in accounts.chain(CODES.iter().map(|code| code.to_lowercase())) {
                    prop_assert_eq!(made.find(&name), fresh.find(&name), "{}", name);
                }
                (edited, model) = (made, next);
            }
        }
    }
}
