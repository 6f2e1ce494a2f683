//! Imports and changes of many rows.

use super::*;

/// Who may do what to which table.
#[tokio::test]
async fn many_rows_take_two_persons_with_the_roles_for_it() {
    use Role::*;
    let author = [PolicyAuthor];
    let table = [
        // table, proposes, may, approves, may, same person
        (Table::Catalogue, &author[..], true, &[PolicyApprover][..], true, false),
        (Table::Catalogue, &author, true, &[Administrator], true, false),
        (Table::Catalogue, &author, true, &[PolicyAuthor], false, false),
        (Table::Catalogue, &author, true, &[Auditor, Reviewer, Viewer], false, false),
        (
            Table::Catalogue,
            &[PolicyAuthor, PolicyApprover],
            true,
            &[PolicyAuthor, PolicyApprover],
            false,
            true,
        ),
        (Table::Catalogue, &[Administrator], true, &[Administrator], true, false),
        (Table::Catalogue, &[Administrator], true, &[Administrator], false, true),
        (Table::Catalogue, &[PolicyApprover], false, &[], false, false),
        (Table::Catalogue, &[Viewer, Auditor, Reviewer], false, &[], false, false),
        (Table::Customers, &author, false, &[], false, false),
        (Table::Customers, &[PolicyApprover], false, &[], false, false),
        (Table::Customers, &[Administrator], true, &[PolicyApprover, PolicyAuthor], false, false),
        (Table::Customers, &[Administrator], true, &[Administrator], false, true),
        (Table::Customers, &[Administrator], true, &[Administrator], true, false),
    ];
    let folder = tempfile::tempdir().unwrap();
    let World { desk, .. } = world(folder.path()).await;
    for (n, (of, proposes, may_propose, approves, may_approve, same)) in
        table.into_iter().enumerate()
    {
        let text = match of {
            Table::Catalogue => format!("sku\nS-{n}\n"),
            Table::Customers => format!("account\nA-{n}\n"),
        };
        let one = person("one", proposes);
        let two = person(if same { "one" } else { "two" }, approves);
        let Ok(begun) = desk.upload(&one, of) else {
            assert!(!may_propose, "{n}");
            continue;
        };
        drop(begun);
        assert!(may_propose, "{n}");
        let view = upload(&desk, &one, of, &text).await;
        desk.propose(&one, "", &view.id).await.unwrap();
        let wrong = Counts { added: 99, ..counts(&view) };
        if may_approve {
            let refused = desk.approve(&two, "", &view.id, wrong).await;
            assert!(matches!(refused, Err(ControlError::Conflict(_))), "{n}: {refused:?}");
        }
        let approved = desk.approve(&two, "", &view.id, counts(&view)).await;
        assert_eq!(approved.is_ok(), may_approve, "{n}: {approved:?}");
        match may_approve {
            true => assert_eq!(settled(&desk, &view.id).await.stage, Stage::Applied, "{n}"),
            false => {
                assert!(matches!(approved, Err(ControlError::Forbidden(_))), "{n}: {approved:?}");
                desk.withdraw(&one, "", &view.id).await.unwrap();
            }
        }
    }
    // Whoever prepared it does not approve it either, though another proposed it.
    let view = upload(&desk, &anna(), Table::Catalogue, "sku\nP-1\n").await;
    desk.propose(&ben(), "", &view.id).await.unwrap();
    let refused = desk.approve(&anna(), "", &view.id, counts(&view)).await;
    assert!(matches!(refused, Err(ControlError::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn a_preview_tells_differences_and_every_bad_row_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let World { desk, running, .. } = world(folder.path()).await;
    import(
        &desk,
        Table::Catalogue,
        "sku,name,vendor,group\na-1,One,V,\na-2,Two,V,\na-3,Three,V,\n",
    )
    .await;
    let view = upload(
        &desk,
        &anna(),
        Table::Catalogue,
        "\u{feff}SKU,Name,Vendor,Group\r\nA 1,One,V,none\r\na-3,Three,V,\r\na-4,=1+1,V,\r\n",
    )
    .await;
    let preview = view.preview.unwrap();
    assert_eq!((preview.rows, preview.added, preview.changed, preview.removed), (3, 1, 1, 1));
    assert!(preview.warnings.iter().any(|text| text.contains("formula")), "{:?}", preview.warnings);
    let ids: Vec<_> =
        preview.differences.iter().map(|d| (d.id.as_str(), d.columns.join(","))).collect();
    assert_eq!(
        ids,
        [
            ("A1", "sku,group".to_owned()),
            ("A4", "sku,name,vendor".to_owned()),
            ("A2", "sku,name,vendor".to_owned())
        ]
    );
    assert_eq!(running.catalogue().len(), 3, "nothing has changed");

    let huge = "h".repeat(5_000);
    let bad = format!(
        "sku,name,vendor,group\nb-1,n,v,\nB 1,n,v,\n,n,v,\nb-2,n,v,x.no\nb-3,n\nb-4,\"a\"\"b\nc\",v,none\nb-5,{huge},v,\nb-6,n\0,v,\n"
    );
    let view = upload(&desk, &anna(), Table::Catalogue, &bad).await;
    assert_eq!(view.stage, Stage::Bad);
    let preview = view.preview.unwrap();
    let faults: Vec<_> =
        preview.faults.iter().map(|f| (f.line, f.column.as_deref().unwrap_or("-"))).collect();
    assert_eq!(faults, [(3, "sku"), (4, "sku"), (5, "group"), (6, "-"), (9, "name"), (10, "name")]);
    assert_eq!(preview.fault_count, 6);
    let refused = desk.propose(&anna(), "", &view.id).await;
    assert!(matches!(refused, Err(ControlError::Conflict(_))));
    for hostile in ["", "sku\n\"never ends", "title\nx\n", "sku,sku\na,b\n", "\0\0\0"] {
        let text = if hostile.contains("never") {
            hostile.to_owned() + &"x\n".repeat(1 << 20)
        } else {
            hostile.to_owned()
        };
        let view = upload(&desk, &anna(), Table::Catalogue, &text).await;
        assert_eq!(view.stage, Stage::Bad, "{hostile:?}: {:?}", view.preview);
    }
    let mut many = String::from("sku,group\n");
    for n in 0..3_000 {
        many += &format!("m-{n},x.no\n");
    }
    let preview = upload(&desk, &anna(), Table::Catalogue, &many).await.preview.unwrap();
    assert_eq!((preview.faults.len(), preview.fault_count), (1_000, 3_000));
}

#[tokio::test]
async fn what_was_previewed_is_what_is_applied_or_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let World { desk, .. } = world(dir).await;
    import(&desk, Table::Catalogue, "sku,group\na-1,\na-2,none\n").await;
    let view = upload(&desk, &anna(), Table::Catalogue, "sku,group\na-1,none\n").await;
    desk.propose(&anna(), "", &view.id).await.unwrap();
    // The table changes meanwhile.
    desk.set_row(&anna(), "", Table::Catalogue, Some("A2".to_owned()), None, None).await.unwrap();
    let refused = desk.approve(&ben(), "", &view.id, counts(&view)).await;
    assert!(
        matches!(&refused, Err(ControlError::Conflict(text)) if text.contains("preview again")),
        "{refused:?}"
    );
    assert!(desk.import(&view.id).unwrap().stale);
    desk.withdraw(&ben(), "", &view.id).await.unwrap();
    // The file changes meanwhile.
    let view = upload(&desk, &anna(), Table::Catalogue, "sku,group\na-1,none\n").await;
    desk.propose(&anna(), "", &view.id).await.unwrap();
    std::fs::write(store_dir(dir).join("imports").join(&view.id).join("rows.csv"), "sku\nx\n")
        .unwrap();
    let refused = desk.approve(&ben(), "", &view.id, counts(&view)).await;
    assert!(
        matches!(&refused, Err(ControlError::Conflict(text)) if text.contains("not the one")),
        "{refused:?}"
    );
    desk.withdraw(&ben(), "", &view.id).await.unwrap();
    // The command line imports meanwhile: edits and previews of before no longer hold.
    let view = upload(&desk, &anna(), Table::Catalogue, "sku,group\na-1,none\n").await;
    desk.propose(&anna(), "", &view.id).await.unwrap();
    let store = Store::new(&store_dir(dir));
    store.import_catalogue(Path::new("c"), b"sku\nq-1\n", group, &mut |_| {}).unwrap();
    let refused = desk.approve(&ben(), "", &view.id, counts(&view)).await;
    assert!(matches!(refused, Err(ControlError::Conflict(_))), "{refused:?}");
    assert_eq!(everything(&desk, Table::Catalogue).await.into_keys().collect::<Vec<_>>(), ["Q1"]);
    assert_eq!(desk.pending(), 1);
}

#[tokio::test]
async fn a_change_of_many_rows_is_an_import_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let World { desk, running, .. } = world(folder.path()).await;
    import(
        &desk,
        Table::Catalogue,
        "sku,name,vendor,group\na-1,One,Kaspersky Lab,\na-2,Two,Other,\na-3,Three,KASPERSKY,none\n",
    )
    .await;
    let term =
        Term { column: Some("vendor".to_owned()), how: How::Begins, text: "kaspersky".to_owned() };
    let filter = Filter { terms: vec![term] };
    let change =
        Bulk { filter: filter.clone(), set: cells(&[("group", "g.one")]), ..Bulk::default() };
    let view = desk.bulk(&anna(), Table::Catalogue, change).await.unwrap();
    let view = settled(&desk, &view.id).await;
    assert_eq!(counts(&view), Counts { added: 0, changed: 2, removed: 0, rows: 3 });
    desk.propose(&anna(), "", &view.id).await.unwrap();
    desk.approve(&ben(), "", &view.id, counts(&view)).await.unwrap();
    assert_eq!(settled(&desk, &view.id).await.stage, Stage::Applied);
    let group = running.catalogue().find("A1").unwrap().group.clone();
    assert_eq!(group, CatalogueGroup::Group("g.one".into()));
    for bad in [
        Bulk::default(),
        Bulk { remove: true, ..Bulk::default() },
        Bulk { filter: filter.clone(), set: cells(&[("colour", "red")]), ..Bulk::default() },
        Bulk { filter, set: cells(&[("group", "none")]), remove: true, ..Bulk::default() },
    ] {
        let refused = desk.bulk(&anna(), Table::Catalogue, bad).await;
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(desk.imports().unwrap().len(), 2, "what was refused left nothing");
}

#[tokio::test]
async fn what_was_approved_is_applied_after_the_program_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for written in [false, true] {
        let World { desk, ledger, .. } = world(dir).await;
        let text = format!("sku,group\na-{written},none\n");
        let view = upload(&desk, &anna(), Table::Catalogue, &text).await;
        desk.propose(&anna(), "", &view.id).await.unwrap();
        // It was approved, and then the program was killed: before or after the rows were written.
        let change = Change::Approved {
            counts: counts(&view),
            import: view.id.clone(),
            table: Table::Catalogue,
        };
        let control = desk.inner.control.clone();
        control.change(&ben(), "", |_| Ok(crate::control::Change::Registry(change))).await.unwrap();
        if written {
            let file = store_dir(dir).join("imports").join(&view.id).join("rows.csv");
            Store::new(&store_dir(dir))
                .import_file(Table::Catalogue, &file, &group, &mut |_| {})
                .unwrap();
        }
        let edit = desk
            .set_row(&anna(), "", Table::Catalogue, None, Some(cells(&[("sku", "n")])), None)
            .await;
        assert!(matches!(edit, Err(ControlError::Conflict(_))), "{edit:?}");
        drop((desk, control));
        let World { desk, running, .. } = open(dir, ledger.clone()).await;
        assert_eq!(settled(&desk, &view.id).await.stage, Stage::Applied, "{written}");
        assert_eq!(running.catalogue().len(), 1);
        assert!(running.catalogue().find(Folded::sku(&format!("a-{written}")).as_str()).is_some());
        drop(desk);
        ledger.close().unwrap();
    }
}

#[tokio::test]
async fn what_waits_is_bounded_and_leaves_after_thirty_days() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let World { desk, .. } = world(dir).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(upload(&desk, &anna(), Table::Catalogue, &format!("sku\nS-{n}\n")).await.id);
    }
    let refused = desk.upload(&anna(), Table::Catalogue);
    assert!(matches!(refused, Err(ControlError::Conflict(_))));
    desk.propose(&anna(), "", &ids[0]).await.unwrap();
    assert_eq!(desk.pending(), 1);
    for id in &ids[..2] {
        let path = store_dir(dir).join("imports").join(id).join("meta.json");
        let mut meta: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        meta["at"] = "2020-01-01T00:00:00Z".into();
        std::fs::write(&path, meta.to_string()).unwrap();
    }
    desk.tick().await;
    assert_eq!(desk.import(&ids[0]).unwrap().stage, Stage::Withdrawn);
    assert!(matches!(desk.import(&ids[1]), Err(ControlError::NotFound(_))));
    assert_eq!(desk.imports().unwrap().len(), 19);
    assert_eq!(desk.pending(), 0);
    // A name is no path.
    assert!(desk.import("../control").is_err() && desk.import("").is_err());
}
