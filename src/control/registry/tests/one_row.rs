//! Single rows.

use super::*;

#[tokio::test]
async fn an_edit_holds_at_once_after_a_restart_and_after_the_store_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let World { desk, ledger, running } = world(dir).await;
    import(&desk, Table::Catalogue, "sku,name,vendor,group\nab-1,One,V,\nab-2,Two,V,none\n").await;
    let row = desk.row(Table::Catalogue, "AB1".to_owned()).await.unwrap();
    let new = cells(&[("sku", "ab-1"), ("name", "One"), ("vendor", "V"), ("group", "g.one")]);
    let seen = Some(row.etag.clone());
    let id = || Some("AB1".to_owned());
    let view = desk
        .set_row(&anna(), "it is one", Table::Catalogue, id(), Some(new.clone()), seen.clone())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.cells, new);
    let folded = Folded::sku("ab-1");
    let in_force = running.catalogue();
    let entry = in_force.find(folded.as_str()).unwrap();
    assert_eq!(entry.group, CatalogueGroup::Group("g.one".into()));
    // Whoever saw the row before the edit is told.
    let late = desk.set_row(&ben(), "", Table::Catalogue, id(), None, seen).await;
    assert!(matches!(late, Err(ControlError::Conflict(_))), "{late:?}");
    // A bad group is refused with the column, and changes nothing.
    let bad = cells(&[("sku", "ab-1"), ("group", "x.two")]);
    let refused = desk.set_row(&anna(), "", Table::Catalogue, id(), Some(bad), None).await;
    let Err(ControlError::Invalid(text)) = refused else { panic!("{refused:?}") };
    assert!(text.starts_with("group: unknown group `x.two`"), "{text}");
    desk.set_row(&anna(), "", Table::Catalogue, Some("AB2".to_owned()), None, None).await.unwrap();
    let other = cells(&[("sku", "zz-9"), ("group", "none")]);
    desk.set_row(&anna(), "", Table::Catalogue, None, Some(other), None).await.unwrap();
    let wanted = everything(&desk, Table::Catalogue).await;
    assert_eq!(wanted.keys().map(String::as_str).collect::<Vec<_>>(), ["AB1", "ZZ9"]);
    // The command line reads the same.
    let export = Store::new(&store_dir(dir)).export(Table::Catalogue).unwrap();
    let export = String::from_utf8(export).unwrap();
    assert_eq!(export, "sku,name,vendor,group\nab-1,One,V,g.one\nzz-9,,,none\n");
    drop((desk, running));
    for lost in [None, Some("control"), Some("catalogue/edits")] {
        match lost {
            Some("control") => std::fs::remove_dir_all(store_dir(dir).join("control")).unwrap(),
            Some(file) => std::fs::remove_file(store_dir(dir).join(file)).unwrap(),
            None => {}
        }
        let World { desk, running, .. } = open(dir, ledger.clone()).await;
        assert_eq!(everything(&desk, Table::Catalogue).await, wanted, "{lost:?}");
        let in_force = running.catalogue();
        assert_eq!(in_force.len(), 2, "{lost:?}");
        let entry = in_force.find(folded.as_str()).unwrap();
        assert_eq!(entry.group, CatalogueGroup::Group("g.one".into()), "{lost:?}");
    }
}

#[tokio::test]
async fn a_customer_keeps_the_licence_key_of_the_import_and_no_event_holds_it() {
    const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let folder = tempfile::tempdir().unwrap();
    let World { desk, ledger, running } = world(folder.path()).await;
    let text = format!(
        "account,license_key,billing_country,email\nA-17,{KEY},US,a@b.example\n,7c9e6679-7425-40de-944b-e07fc1f90ae7,DE,\n"
    );
    import(&desk, Table::Customers, &text).await;
    let row = desk.row(Table::Customers, "A-17".to_owned()).await.unwrap();
    assert_eq!(row.cells["license_key"], crate::registry::MASKED);
    let mut cells = row.cells.clone();
    cells.insert("billing_country".to_owned(), "DE".to_owned());
    let id = Some("A-17".to_owned());
    desk.set_row(&anna(), "moved", Table::Customers, id.clone(), Some(cells), Some(row.etag))
        .await
        .unwrap();
    let found = running.customers();
    for name in ["A-17", KEY] {
        let country = found.find(name).unwrap().billing_country.clone();
        assert_eq!(country.unwrap().text(), "DE", "{name}");
    }
    // A key cannot be written here.
    let mut cells = desk.row(Table::Customers, "A-17".to_owned()).await.unwrap().cells;
    cells.insert("license_key".to_owned(), KEY.to_owned());
    let refused = desk.set_row(&anna(), "", Table::Customers, id.clone(), Some(cells), None).await;
    assert!(matches!(refused, Err(ControlError::Invalid(_))));
    // Found by whoever has it, masked, and never in the ledger.
    let term =
        Term { column: Some("license_key".to_owned()), how: How::Equals, text: KEY.to_uppercase() };
    let filter = Filter { terms: vec![term] };
    let (rows, _) = desk.search(Table::Customers, filter, None, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    desk.set_row(&anna(), "left", Table::Customers, id, None, None).await.unwrap();
    let found = running.customers();
    assert!(found.find("A-17").is_none() && found.find(KEY).is_none());
    assert_eq!(found.rows(), 1);
    // One whom only a key names is named by a hash.
    let (rows, _) = desk.search(Table::Customers, Filter::default(), None, 10).await.unwrap();
    assert!(rows[0].id.starts_with("key-"), "{}", rows[0].id);
    desk.set_row(&anna(), "", Table::Customers, Some(rows[0].id.clone()), None, None)
        .await
        .unwrap();
    assert_eq!(running.customers().rows(), 0);
    ledger.settled().await.unwrap();
    let mut reader = crate::ledger::Reader::open(folder.path().join("ledger")).unwrap();
    let mut records = String::new();
    while let Some(record) = reader.next_record().unwrap() {
        records += &format!("{:?}", record.view().unwrap());
    }
    assert!(records.contains("A-17") && records.contains("moved"));
    for key in ["0f8fad5b", "7c9e6679"] {
        assert!(!records.contains(key), "{records}");
    }
}
