//! What the registry promises: rows in force are the import and the edits since, whatever stops in between; many rows take two persons.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use proptest::prelude::*;

use crate::control::Control;
use crate::control::ControlError;
use crate::control::ControlSettings;
use crate::ledger::Ledger;
use crate::ledger::LedgerSettings;
use crate::model::Actor;
use crate::model::CatalogueGroup;
use crate::model::CatalogueLookup as _;
use crate::model::CustomerLookup as _;
use crate::model::Retention;
use crate::model::Role;
use crate::model::Roles;
use crate::model::SystemClock;
use crate::model::Via;
use crate::policy::Folded;
use crate::registry::Bulk;
use crate::registry::Care;
use crate::registry::Catalogue;
use crate::registry::Cells;
use crate::registry::Customers;
use crate::registry::Edits;
use crate::registry::Filter;
use crate::registry::How;
use crate::registry::RowFault;
use crate::registry::Store;
use crate::registry::Table;
use crate::registry::Term;
use crate::registry::UnknownSkus;

use super::*;

const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

/// A gateway in memory, over the same store.
#[derive(Debug)]
struct Memory {
    catalogue: Mutex<Arc<Catalogue>>,
    customers: Mutex<Arc<Customers>>,
    store: Store,
}

impl Memory {
    fn open(dir: &Path) -> Arc<Self> {
        let store = Store::new(dir);
        let catalogue = store.catalogue(group, Care::Mend, None).unwrap().index;
        let customers = store.customers(Care::Mend, None).unwrap().index;
        let (catalogue, customers) = (Arc::new(catalogue), Arc::new(customers));
        Arc::new(Self { catalogue: Mutex::new(catalogue), customers: Mutex::new(customers), store })
    }
}

fn group(id: &str) -> bool {
    id.starts_with("g.")
}

impl Running for Memory {
    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.lock().unwrap())
    }
    fn customers(&self) -> Arc<Customers> {
        Arc::clone(&self.customers.lock().unwrap())
    }
    fn edit_catalogue(
        &self,
        edit: &dyn Fn(&Catalogue) -> Result<Catalogue, RowFault>,
    ) -> Result<(), RowFault> {
        let mut now = self.catalogue.lock().unwrap();
        *now = Arc::new(edit(&now)?);
        Ok(())
    }
    fn edit_customers(
        &self,
        edit: &dyn Fn(&Customers) -> Result<Customers, RowFault>,
    ) -> Result<(), RowFault> {
        let mut now = self.customers.lock().unwrap();
        *now = Arc::new(edit(&now)?);
        Ok(())
    }
    fn groups(&self) -> Vec<String> {
        vec!["g.one".to_owned()]
    }
    fn is_group(&self, id: &str) -> bool {
        group(id)
    }
    fn reload(&self, table: Table, edits: &dyn Fn() -> Arc<Edits>) -> Result<(), String> {
        let edits = edits();
        let text = |error: crate::registry::RegistryError| error.to_string();
        match table {
            Table::Catalogue => {
                let loaded = self.store.catalogue(group, Care::Mend, Some(&edits));
                *self.catalogue.lock().unwrap() = Arc::new(loaded.map_err(text)?.index);
            }
            Table::Customers => {
                let loaded = self.store.customers(Care::Mend, Some(&edits));
                *self.customers.lock().unwrap() = Arc::new(loaded.map_err(text)?.index);
            }
        }
        Ok(())
    }
}

/// A desk in a folder, and what it needs.
struct World {
    desk: Desk,
    ledger: Ledger,
    running: Arc<Memory>,
}

fn store_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("store")
}

async fn open(dir: &Path, ledger: Ledger) -> World {
    let running = Memory::open(&store_dir(dir));
    let control = loop {
        let opened = Control::open(
            ControlSettings {
                clock: Arc::new(SystemClock),
                ledger_dir: dir.join("ledger"),
                retention: Retention::default(),
                store_dir: store_dir(dir),
            },
            ledger.clone(),
        );
        match opened {
            Ok(control) => break control,
            // A task of the one before still has the store.
            Err(ControlError::Store(_)) => tokio::time::sleep(MOMENT).await,
            Err(error) => panic!("{error}"),
        }
    };
    let settings = DeskSettings {
        files: Vec::new(),
        running: Arc::<Memory>::clone(&running),
        store_dir: store_dir(dir),
        unknown: Arc::new(UnknownSkus::default()),
    };
    let desk = Desk::open(control, settings).await.unwrap();
    World { desk, ledger, running }
}

async fn world(dir: &Path) -> World {
    let ledger = Ledger::open(LedgerSettings::new(dir.join("ledger"))).unwrap().0;
    open(dir, ledger).await
}

fn person(name: &str, roles: &[Role]) -> Actor {
    Actor { id: format!("local:{name}"), roles: Roles::of(roles), via: Via::Session }
}

fn anna() -> Actor {
    person("anna", &[Role::Administrator, Role::PolicyAuthor])
}

fn ben() -> Actor {
    person("ben", &[Role::Administrator])
}

fn cells(pairs: &[(&str, &str)]) -> Cells {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

async fn settled(desk: &Desk, id: &str) -> ImportView {
    for _ in 0..20_000 {
        let view = desk.import(id).unwrap();
        let waits = [Stage::Previewing, Stage::ApplyingRead, Stage::ApplyingWrite];
        if !waits.contains(&view.stage) {
            return view;
        }
        tokio::time::sleep(MOMENT).await;
    }
    panic!("it does not end")
}

async fn upload(desk: &Desk, who: &Actor, table: Table, text: &str) -> ImportView {
    let mut upload = desk.upload(who, table).unwrap();
    upload.write(text.as_bytes()).unwrap();
    let view = desk.uploaded(upload).await.unwrap();
    settled(desk, &view.id).await
}

fn counts(view: &ImportView) -> Counts {
    let preview = view.preview.as_ref().unwrap();
    let (added, changed, removed) = (preview.added, preview.changed, preview.removed);
    Counts { added, changed, removed, rows: preview.rows }
}

/// Uploads, proposes and approves.
async fn import(desk: &Desk, table: Table, text: &str) -> ImportView {
    let view = upload(desk, &anna(), table, text).await;
    assert_eq!(view.stage, Stage::Ready, "{:?}", view.preview);
    desk.propose(&anna(), "new list", &view.id).await.unwrap();
    desk.approve(&ben(), "looked at", &view.id, counts(&view)).await.unwrap();
    settled(desk, &view.id).await
}

async fn everything(desk: &Desk, table: Table) -> BTreeMap<String, Cells> {
    let (mut all, mut cursor) = (BTreeMap::new(), None);
    loop {
        let (rows, found) = desk.search(table, Filter::default(), cursor, 7).await.unwrap();
        for row in rows {
            assert!(all.insert(row.id, row.cells).is_none(), "a row twice");
        }
        let Some(next) = found.next else { return all };
        cursor = Some(next);
    }
}

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

#[derive(Clone, Debug)]
enum Step {
    Import(Vec<(u8, u8)>),
    Lose,
    Put(u8, u8),
    Remove(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => prop::collection::vec((0..12_u8, any::<u8>()), 1..8).prop_map(Step::Import),
        1 => Just(Step::Lose),
        8 => (0..12_u8, any::<u8>()).prop_map(|(sku, name)| Step::Put(sku, name)),
        4 => (0..12_u8).prop_map(Step::Remove),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn rows_in_force_are_what_a_plain_map_says(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path();
            let ledger = Ledger::open(LedgerSettings::new(dir.join("ledger"))).unwrap().0;
            let mut world = open(dir, ledger.clone()).await;
            let mut model: BTreeMap<String, Cells> = BTreeMap::new();
            let row = |sku: u8, name: u8| cells(&[("sku", &format!("s-{sku}")), ("name", &format!("n{name}")), ("group", "none")]);
            for step in steps {
                let id = |sku: u8| format!("S{sku}");
                match step {
                    Step::Put(sku, name) => {
                        let had = model.contains_key(&id(sku)).then(|| id(sku));
                        let new = row(sku, name);
                        let set = world.desk.set_row(&anna(), "", Table::Catalogue, had, Some(new.clone()), None).await;
                        assert!(set.is_ok() || model.get(&id(sku)) == Some(&new), "{set:?}");
                        model.insert(id(sku), new);
                    }
                    Step::Remove(sku) => {
                        let set = world.desk.set_row(&anna(), "", Table::Catalogue, Some(id(sku)), None, None).await;
                        assert_eq!(set.is_ok(), model.remove(&id(sku)).is_some());
                    }
                    Step::Import(rows) => {
                        let rows: BTreeMap<_, _> = rows.into_iter().map(|(sku, name)| (id(sku), row(sku, name))).collect();
                        let mut text = String::from("name,sku,group\n");
                        for cells in rows.values() {
                            text += &format!("{},{},{}\n", cells["name"], cells["sku"], cells["group"]);
                        }
                        let view = upload(&world.desk, &anna(), Table::Catalogue, &text).await;
                        let seen = view.preview.clone().unwrap();
                        let added = rows.keys().filter(|id| !model.contains_key(*id)).count() as u64;
                        let changed = rows.iter().filter(|(id, new)| model.get(*id).is_some_and(|old| old != *new)).count() as u64;
                        let removed = model.keys().filter(|id| !rows.contains_key(*id)).count() as u64;
                        assert_eq!((seen.added, seen.changed, seen.removed), (added, changed, removed));
                        if added + changed + removed > 0 {
                            world.desk.propose(&anna(), "", &view.id).await.unwrap();
                            world.desk.approve(&ben(), "", &view.id, counts(&view)).await.unwrap();
                            assert_eq!(settled(&world.desk, &view.id).await.stage, Stage::Applied);
                        }
                        model = rows;
                    }
                    Step::Lose | Step::Restart => {
                        drop(world);
                        if matches!(step, Step::Lose) {
                            std::fs::remove_dir_all(store_dir(dir).join("control")).unwrap();
                        }
                        world = open(dir, ledger.clone()).await;
                    }
                }
                assert_eq!(everything(&world.desk, Table::Catalogue).await, model);
                let in_force = world.running.catalogue();
                assert_eq!(in_force.len(), model.len());
                for (id, cells) in &model {
                    assert_eq!(&*in_force.find(id).unwrap().name, cells["name"]);
                }
            }
        });
    }
}
