//! Searches: what a filter finds, and pages that end in time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::registry::Cells;
use crate::registry::Edits;
use crate::registry::Effective;
use crate::registry::Filter;
use crate::registry::How;
use crate::registry::SearchError;
use crate::registry::Store;
use crate::registry::Table;
use crate::registry::Term;

fn effective(dir: &Path, csv: &str, edits: &[(&str, Option<&str>)]) -> Effective {
    let store = Store::new(dir);
    store.import_catalogue(Path::new("c"), csv.as_bytes(), |_| true, &mut |_| {}).unwrap();
    let file = Arc::new(store.rows(Table::Catalogue).unwrap());
    let cells = |id: &str, name: &str| -> Cells {
        [("sku".to_owned(), id.to_owned()), ("name".to_owned(), name.to_owned())].into()
    };
    let rows = edits.iter().map(|(id, name)| ((*id).to_owned(), name.map(|name| cells(id, name))));
    let edits = Edits { base: file.base().clone(), rows: rows.collect() };
    Effective::new(file, Arc::new(edits), Table::Catalogue)
}

fn late() -> Instant {
    Instant::now().checked_add(Duration::from_secs(60)).unwrap()
}

fn ids(now: &Effective, column: Option<&str>, how: How, text: &str) -> Vec<String> {
    let term = Term { column: column.map(str::to_owned), how, text: text.to_owned() };
    let found = now.search(&Filter { terms: vec![term] }, None, 100, late()).unwrap();
    found.rows.iter().map(|cells| Table::Catalogue.id(cells).unwrap()).collect()
}

#[test]
fn a_text_is_found_in_any_case_and_spelling_where_it_is_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let csv =
        "sku,name,vendor,group\nab-12 3,Anti Virus,Éclair,g\nXB1,Total Security,Shop,none\nZ,,,\n";
    let now =
        effective(dir.path(), csv, &[("Z", Some("Virus scanner")), ("N1", Some("new antivirus"))]);
    for (column, how, text, expect) in [
        (None, How::Contains, "VIRUS", &["AB123", "Z", "N1"][..]),
        (Some("name"), How::Begins, "anti", &["AB123"]),
        (Some("name"), How::Equals, "total security", &["XB1"]),
        (Some("sku"), How::Begins, "ab12", &["AB123"]),
        (Some("sku"), How::Contains, "b 1", &["AB123", "XB1"]),
        (Some("sku"), How::Equals, "AB-123", &["AB123"]),
        (Some("vendor"), How::Contains, "éCLAIR", &["AB123"]),
        (Some("group"), How::Equals, "", &["Z", "N1"]),
        (Some("group"), How::Equals, "none", &["XB1"]),
        (None, How::Contains, "nothing at all", &[]),
    ] {
        assert_eq!(ids(&now, column, how, text), expect, "{column:?} {how:?} {text}");
    }
    let term = Term { column: Some("colour".to_owned()), how: How::Equals, text: String::new() };
    let refused = now.search(&Filter { terms: vec![term] }, None, 1, late());
    assert!(matches!(refused, Err(SearchError::Column(_))));
}

#[test]
fn a_page_that_ran_out_of_time_says_so_and_the_next_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut csv = String::from("sku,name\n");
    for n in 0..5_000 {
        csv += &format!("S-{n:05},{}\n", if n % 1_000 == 999 { "wanted" } else { "other" });
    }
    let gone = [("S00999", None), ("S01000", Some("wanted")), ("T1", Some("wanted"))];
    let now = effective(dir.path(), &csv, &gone);
    let term =
        Term { column: Some("name".to_owned()), how: How::Equals, text: "wanted".to_owned() };
    let filter = Filter { terms: vec![term] };
    let (mut found, mut pages, mut partial) = (Vec::new(), 0, 0);
    let mut cursor: Option<String> = None;
    loop {
        let page = now.search(&filter, cursor.as_deref(), 100, Instant::now()).unwrap();
        found.extend(page.rows.iter().map(|cells| Table::Catalogue.id(cells).unwrap()));
        (pages, partial) = (pages + 1, partial + usize::from(page.partial));
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }
    assert_eq!(found, ["S01000", "S01999", "S02999", "S03999", "S04999", "T1"]);
    assert!(partial >= 5 && pages < 20, "{partial} of {pages}");
    for bad in ["", "x", "9.0", "1*3", "1.x"] {
        let refused = now.search(&filter, Some(bad), 1, late());
        assert!(matches!(refused, Err(SearchError::Cursor)), "{bad}");
    }
}
