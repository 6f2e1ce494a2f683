//! The store: never short, whatever happens to its files.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::model::CatalogueLookup;
use crate::model::CustomerLookup;
use crate::registry::Care;
use crate::registry::Edits;
use crate::registry::RegistryError;
use crate::registry::Store;
use crate::registry::Table;

const ROWS: usize = 300;

fn customers() -> String {
    let mut text = String::from("account,billing_country,us_person\n");
    for i in 0..ROWS {
        text += &format!("A-{i},{},{}\n", ["US", "DE"][i % 2], i % 2 == 0);
    }
    text
}

fn import(store: &Store, text: &str) {
    store.import_customers(Path::new("c.csv"), text.as_bytes(), &mut |_| {}).unwrap();
}

/// Every file of the newest generation.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.join("customers")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true => folders.push(path),
                false if name != "lock" && name != "readers" => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn whole(store: &Store, care: Care) -> Result<Option<String>, RegistryError> {
    let stored = store.customers(care, None)?;
    assert_eq!(stored.index.rows(), ROWS, "short");
    assert!((0..ROWS).all(|i| stored.index.find(&format!("A-{i}")).is_some()), "short");
    Ok(stored.state.unwrap().damage)
}

#[test]
fn what_is_imported_is_loaded_and_exported_again_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    assert!(store.customers(Care::Mend, None).unwrap().state.is_none());
    import(&store, &customers());
    assert_eq!(whole(&store, Care::Mend).unwrap(), None);
    let first = store.export(Table::Customers).unwrap();
    import(&store, std::str::from_utf8(&first).unwrap());
    assert_eq!(store.export(Table::Customers).unwrap(), first);
    assert_eq!(store.customers(Care::Look, None).unwrap().state.unwrap().generation, 2);
    assert!(!dir.path().join("customers/g-0000000001").exists(), "old ones go");

    let odd = "sku,name,vendor,group\nx-1,\"a, \"\"b\"\"\nc\",V,none\n y ,  z ,,\n";
    store.import_catalogue(Path::new("c"), odd.as_bytes(), |_| false, &mut |_| {}).unwrap();
    let first = store.export(Table::Catalogue).unwrap();
    store.import_catalogue(Path::new("c"), &first, |_| false, &mut |_| {}).unwrap();
    assert_eq!(store.export(Table::Catalogue).unwrap(), first);
    let stored = store.catalogue(|_| false, Care::Mend, None).unwrap();
    assert_eq!(&*stored.index.find("X1").unwrap().name, "a b c");
}

#[test]
fn a_bad_row_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    import(&store, &customers());
    let bad = "account,us_person\nA,perhaps\nB,true\n,\n";
    let refused = store.import_customers(Path::new("bad.csv"), bad.as_bytes(), &mut |_| {});
    let Err(RegistryError::Rows { faults, .. }) = refused else { panic!("taken") };
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(whole(&store, Care::Mend).unwrap(), None);
}

#[test]
fn an_import_that_was_killed_leaves_the_old_generation() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    import(&store, &customers());
    fs::create_dir_all(dir.path().join("customers/new-77/sled")).unwrap();
    fs::write(dir.path().join("customers/new-77/import.csv"), "account\nA").unwrap();
    assert_eq!(whole(&store, Care::Mend).unwrap(), None);
    import(&store, &customers());
    assert!(!dir.path().join("customers/new-77").exists(), "swept");
}

#[test]
fn a_damaged_sled_is_rebuilt_from_its_import_and_a_damaged_import_from_sled() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    import(&store, &customers());
    let before = store.export(Table::Customers).unwrap();
    for (n, part) in ["db", "import.csv"].iter().enumerate() {
        let path = files(dir.path()).into_iter().find(|p| p.ends_with(part)).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(whole(&store, Care::Look).unwrap().is_some(), "{part}");
        assert!(whole(&store, Care::Mend).unwrap().is_some(), "{part}");
        assert_eq!(whole(&store, Care::Mend).unwrap(), None, "{part} is mended");
        let state = store.customers(Care::Look, None).unwrap().state.unwrap();
        assert_eq!(state.generation, u64::try_from(n).unwrap() + 2);
        assert_eq!(store.export(Table::Customers).unwrap(), before);
    }
}

#[test]
fn where_nothing_is_whole_it_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    import(&store, &customers());
    for part in ["db", "import.csv"] {
        let path = files(dir.path()).into_iter().find(|p| p.ends_with(part)).unwrap();
        fs::write(&path, "").unwrap();
    }
    for care in [Care::Look, Care::Mend] {
        let error = store.customers(care, None).unwrap_err().to_string();
        assert!(error.contains("interdict customers import FILE"), "{error}");
    }
    import(&store, &customers());
    assert_eq!(whole(&store, Care::Mend).unwrap(), None);
}

#[test]
fn edits_stay_with_their_import_when_it_is_mended_and_leave_with_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    import(&store, &customers());
    let base = store.base(Table::Customers).unwrap();
    let edits = Edits { base: base.clone(), rows: [("A-7".to_owned(), None)].into() };
    store.keep_edits(Table::Customers, &edits).unwrap();
    let is_there = |care: Care| {
        let stored = store.customers(care, None).unwrap();
        (stored.index.find("A-7").is_some(), stored.index.rows())
    };
    assert_eq!(
        (is_there(Care::Look), is_there(Care::Mend)),
        ((false, ROWS - 1), (false, ROWS - 1))
    );
    let path = files(dir.path()).into_iter().find(|path| path.ends_with("db")).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(store.customers(Care::Mend, None).unwrap().state.unwrap().damage.is_some());
    assert_eq!(store.customers(Care::Look, None).unwrap().state.unwrap().generation, 2);
    assert_eq!(store.base(Table::Customers).unwrap(), base, "it is still that import");
    assert_eq!(is_there(Care::Look), (false, ROWS - 1));
    // The same rows, imported once more, are another import.
    import(&store, &customers());
    assert_eq!(is_there(Care::Look), (true, ROWS));
}

#[test]
fn damaged_edits_are_never_taken_for_none_by_those_who_cannot_make_them_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    import(&store, &customers());
    let base = store.base(Table::Customers).unwrap();
    let edits = Edits { base, rows: [("A-7".to_owned(), None)].into() };
    store.keep_edits(Table::Customers, &edits).unwrap();
    let path = dir.path().join("customers/edits");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    for refused in
        [store.customers(Care::Look, None).map(drop), store.export(Table::Customers).map(drop)]
    {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("a start of the gateway makes them again"), "{error}");
    }
    // The gateway knows them from the record, and gives them.
    let stored = store.customers(Care::Mend, Some(&edits)).unwrap();
    assert!(stored.index.find("A-7").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn cut_or_flipped_it_is_unharmed_rebuilt_or_refused_and_never_short(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>(), 0..8_u32), 1..4)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        import(&store, &customers());
        for (file, at, cut, bit) in hits {
            let path = file.get(&files(dir.path())).clone();
            let mut bytes = fs::read(&path).unwrap();
            if bytes.is_empty() {
                continue;
            }
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << bit;
            }
            fs::write(&path, bytes).unwrap();
        }
        match whole(&store, Care::Mend) {
            Ok(_) => prop_assert_eq!(whole(&store, Care::Mend).unwrap(), None, "mended"),
            Err(error) => {
                let refused = matches!(error, RegistryError::Damaged { .. });
                prop_assert!(refused, "{}", error);
            }
        }
    }
}
