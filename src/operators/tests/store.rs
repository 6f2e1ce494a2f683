//! The file and its accounts: what is written stays, what cannot be read keeps everybody out, nobody learns who exists.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;

use jiff::Timestamp;

use crate::model::Role;
use crate::model::Roles;
use crate::model::Via;
use crate::operators::Account;
use crate::operators::AccountChange;
use crate::operators::Change;
use crate::operators::LastAdministrator;
use crate::operators::New;
use crate::operators::Operators;
use crate::operators::OperatorsError;
use crate::operators::Password;
use crate::operators::Seen;
use crate::operators::SignInError;
use crate::operators::Standing;

const ADMINISTRATOR: Roles = Roles::of(&[Role::Administrator]);
const VIEWER: Roles = Roles::of(&[Role::Viewer]);
const SECRET: &str = "tin lamp orbit";
const BY: &str = "command:root";
const KEEP: LastAdministrator = LastAdministrator::Keep;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn add(operators: &Operators, name: &str, roles: Roles) -> Result<Account, OperatorsError> {
    let password = password(SECRET);
    operators.add(&New { name, display: None, roles, password: &password }, BY, at(0))
}

/// A store with the administrator anna and the viewer ben.
fn store() -> (tempfile::TempDir, Operators) {
    let dir = tempfile::tempdir().unwrap();
    let operators = Operators::open(&dir.path().join("store")).unwrap();
    add(&operators, "anna", ADMINISTRATOR).unwrap();
    add(&operators, "ben", VIEWER).unwrap();
    (dir, operators)
}

fn refused(answer: &Result<Account, SignInError>) -> bool {
    matches!(answer, Err(SignInError::Refused))
}

#[test]
fn what_was_done_is_found_by_whoever_opens_the_file_next() {
    let (dir, operators) = store();
    let password = password("a green door ajar");
    let roles = Roles::of(&[Role::Auditor, Role::Reviewer]);
    let new = New { name: "Cleo", display: Some("Cleo Ö."), roles, password: &password };
    let cleo = operators.add(&new, "local:anna", at(5)).unwrap();
    assert_eq!((cleo.name.as_str(), cleo.display.as_deref()), ("cleo", Some("Cleo Ö.")));
    assert_eq!((cleo.created, cleo.created_by.as_str()), (at(5), "local:anna"));
    operators.set_roles("ben", roles, KEEP, "local:cleo", at(6)).unwrap();
    let disabled = operators.set_standing("ben", Standing::Disabled, KEEP, BY, at(7)).unwrap();
    assert_eq!((disabled.changed, disabled.changed_by.as_str()), (at(7), BY));
    assert_eq!((disabled.created, disabled.roles), (at(0), roles));

    let again = Operators::open(&dir.path().join("store")).unwrap();
    assert_eq!(again.list().unwrap(), operators.list().unwrap());
    assert_eq!(again.find("CLEO").unwrap(), Some(cleo.clone()));
    assert_eq!(again.find("dora").unwrap(), None);
    assert_eq!(again.verify("Cleo", &password).unwrap(), cleo);
    let actor = cleo.actor();
    assert_eq!((actor.id.as_str(), actor.roles, actor.via), ("local:cleo", roles, Via::Session));
}

#[test]
fn the_file_is_its_owners_alone_and_nothing_is_left_beside_it() {
    let (dir, operators) = store();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(operators.path()), 0o600);
    assert_eq!(mode(&dir.path().join("store")), 0o700);
    let names = fs::read_dir(dir.path().join("store")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["operators.json", "operators.lock"]);
}

#[test]
fn what_root_writes_belongs_to_whoever_the_folder_belongs_to() {
    let dir = tempfile::tempdir().unwrap();
    if chown(dir.path(), Some(4321), Some(1234)).is_err() {
        return eprintln!("only root can give a folder away: not shown here");
    }
    let operators = Operators::open(&dir.path().join("store")).unwrap();
    add(&operators, "anna", ADMINISTRATOR).unwrap();
    for path in ["store", "store/operators.json", "store/operators.lock"] {
        let metadata = fs::metadata(dir.path().join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4321, 1234), "{path}");
    }
}

#[test]
fn a_change_made_beside_is_noticed_at_the_next_use() {
    let (dir, command) = store();
    let server = Operators::open(&dir.path().join("store")).unwrap();
    command.set_password("ben", &password("a green door ajar"), BY, at(1)).unwrap();
    assert!(refused(&server.verify("ben", &password(SECRET))));
    server.verify("ben", &password("a green door ajar")).unwrap();
    command.set_standing("ben", Standing::Disabled, KEEP, BY, at(2)).unwrap();
    assert!(refused(&server.verify("ben", &password("a green door ajar"))));
    command.remove("ben", KEEP, BY, at(3)).unwrap();
    assert_eq!(server.find("ben").unwrap(), None);
    fs::remove_file(server.path()).unwrap();
    assert!(server.list().unwrap().is_empty(), "without the file nobody gets in");
}

#[test]
fn changes_made_side_by_side_are_all_kept() {
    let (dir, operators) = store();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let store = dir.path().join("store");
            scope.spawn(move || {
                let own = Operators::open(&store).unwrap();
                add(&own, &format!("person-{n}"), VIEWER).unwrap();
            });
        }
    });
    let accounts = operators.list().unwrap();
    assert_eq!(accounts.len(), 8);
    let mut generations: Vec<_> = accounts.iter().map(|account| account.generation).collect();
    generations.sort_unstable();
    generations.dedup();
    assert_eq!(generations.len(), 8, "each change has a generation of its own");
}

#[test]
fn a_file_that_cannot_be_read_keeps_everybody_out_and_is_left_as_it_is() {
    let (dir, operators) = store();
    let whole = fs::read_to_string(operators.path()).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1)
    };
    let damaged = [
        ("", "EOF"),
        ("{}", "missing field"),
        (&whole[..whole.len() / 2], "EOF"),
        (&format!("{whole}}}"), "trailing characters"),
        (&changed("\"format\": 1", "\"format\": 2"), "its format is 2"),
        (&changed("\"created_by\"", "\"made_by\""), "unknown field `made_by`"),
        (&changed("\"administrator\"", "\"root\""), "unknown variant `root`"),
        (&changed("\"ben\"", "\"anna\""), "`anna` is in it twice"),
        (&changed("\"anna\"", "\"Anna\""), "the name of an operator"),
        (&changed("$argon2id$", "$argon2i$"), "by argon2id"),
        (&changed("m=19456", "m=1024"), "too weak"),
        (&changed("\"generation\": 2", "\"generation\": 1"), "above that of the file"),
        (&changed("\"viewer\"", ""), "`ben` has no role"),
    ];
    for (text, says) in damaged {
        fs::write(operators.path(), text).unwrap();
        let checks = operators.checks();
        let error = operators.list().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(error.contains("operators.json") && error.contains("put back a copy"), "{error}");
        assert!(!error.contains("$argon2"), "{error}");
        assert!(operators.find("anna").is_err());
        let verified = operators.verify("anna", &password(SECRET));
        assert!(matches!(verified, Err(SignInError::Unavailable(_))));
        assert_eq!(operators.checks(), checks);
        assert!(operators.changes_since(&Seen::default()).is_err());
        assert!(add(&operators, "cleo", VIEWER).is_err());
        assert!(operators.remove("ben", LastAdministrator::MayGo, BY, at(1)).is_err());
        assert!(Operators::open(&dir.path().join("store")).is_err());
        assert_eq!(fs::read_to_string(operators.path()).unwrap(), text);
    }
    fs::write(operators.path(), &whole).unwrap();
    operators.verify("anna", &password(SECRET)).unwrap();
}

#[test]
fn a_file_that_others_can_read_keeps_everybody_out_until_it_is_closed() {
    let (_dir, operators) = store();
    let mode = |mode| fs::set_permissions(operators.path(), PermissionsExt::from_mode(mode));
    for open in [0o644, 0o660, 0o604] {
        mode(open).unwrap();
        let error = operators.list().unwrap_err().to_string();
        assert!(error.contains(&format!("mode {open:04o}")), "{error}");
        assert!(error.contains("chmod 600"), "{error}");
    }
    mode(0o600).unwrap();
    assert_eq!(operators.list().unwrap().len(), 2);
}

#[test]
fn unknown_disabled_and_wrong_cost_the_same_and_get_the_same_answer() {
    let (_dir, operators) = store();
    add(&operators, "cleo", VIEWER).unwrap();
    operators.set_standing("cleo", Standing::Disabled, KEEP, BY, at(1)).unwrap();
    let attempts = [
        ("anna", "a green door ajar"),
        ("cleo", SECRET),
        ("cleo", "a green door ajar"),
        ("dora", SECRET),
        ("not a name", SECRET),
        ("", ""),
    ];
    for (name, text) in attempts {
        let before = operators.checks();
        assert!(refused(&operators.verify(name, &password(text))), "{name}");
        assert_eq!(operators.checks(), before + 1, "{name}");
    }
    let before = operators.checks();
    operators.verify("anna", &password(SECRET)).unwrap();
    assert_eq!(operators.checks(), before + 1);
}

#[test]
fn the_last_enabled_administrator_stays_unless_forced() {
    type Act = fn(&Operators, LastAdministrator) -> Result<Account, OperatorsError>;
    let acts: [Act; 3] = [
        |operators, last| operators.remove("anna", last, BY, at(1)),
        |operators, last| operators.set_roles("anna", VIEWER, last, BY, at(1)),
        |operators, last| operators.set_standing("anna", Standing::Disabled, last, BY, at(1)),
    ];
    for act in acts {
        let (_dir, operators) = store();
        add(&operators, "cleo", ADMINISTRATOR).unwrap();
        operators.set_standing("cleo", Standing::Disabled, KEEP, BY, at(1)).unwrap();
        let before = operators.list().unwrap();
        let error = act(&operators, KEEP).unwrap_err();
        assert!(matches!(error, OperatorsError::LastAdministrator { .. }), "{error}");
        assert_eq!(operators.list().unwrap(), before, "nothing was changed");
        act(&operators, LastAdministrator::MayGo).unwrap();
        assert!(!operators.list().unwrap().iter().any(Account::administers));
        operators.set_standing("cleo", Standing::Enabled, KEEP, BY, at(2)).unwrap();
    }
    let (_dir, operators) = store();
    add(&operators, "cleo", ADMINISTRATOR).unwrap();
    operators.remove("anna", KEEP, BY, at(1)).unwrap();
}

#[test]
fn every_change_that_counts_voids_what_was_signed_in_before() {
    let (_dir, operators) = store();
    let generation = || operators.find("ben").unwrap().unwrap().generation;
    let mut seen = vec![generation()];
    let mut rises = || {
        let now = generation();
        assert!(seen.iter().all(|before| *before < now), "{seen:?}");
        seen.push(now);
    };
    operators.set_password("ben", &password("a green door ajar"), BY, at(1)).unwrap();
    rises();
    operators.set_roles("ben", ADMINISTRATOR, KEEP, BY, at(2)).unwrap();
    rises();
    operators.set_standing("ben", Standing::Disabled, KEEP, BY, at(3)).unwrap();
    rises();
    operators.set_standing("ben", Standing::Enabled, KEEP, BY, at(4)).unwrap();
    rises();
    operators.remove("ben", KEEP, BY, at(5)).unwrap();
    add(&operators, "ben", VIEWER).unwrap();
    rises();
    let before = operators.find("ben").unwrap();
    operators.set_roles("ben", VIEWER, KEEP, BY, at(6)).unwrap();
    operators.set_standing("ben", Standing::Enabled, KEEP, BY, at(6)).unwrap();
    assert_eq!(operators.find("ben").unwrap(), before, "what is so already changes nothing");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let (_dir, operators) = store();
    let bytes = fs::read(operators.path()).unwrap();
    let (good, short) = (password(SECRET), password("short"));
    let new = |name, display, roles, password| New { name, display, roles, password };
    for (new, says) in [
        (new("ANNA", None, VIEWER, &good), "there is an operator `anna` already"),
        (new("anna b", None, VIEWER, &good), "begins with a letter"),
        (new("cleo", Some("\n"), VIEWER, &good), "1 to 100 characters"),
        (new("cleo", None, Roles::NONE, &good), "at least one role"),
        (new("cleo", None, VIEWER, &short), "shorter than 12"),
        (new("lamp", None, VIEWER, &good), "contains the name"),
    ] {
        let error = operators.add(&new, BY, at(1)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains(SECRET) && !error.contains("`short`"), "{error}");
    }
    let unknown = [
        operators.set_password("cleo", &good, BY, at(1)),
        operators.set_roles("cleo", VIEWER, KEEP, BY, at(1)),
        operators.set_standing("cleo", Standing::Enabled, KEEP, BY, at(1)),
        operators.remove("cleo", KEEP, BY, at(1)),
    ];
    for answer in unknown {
        assert!(matches!(answer, Err(OperatorsError::Unknown { .. })));
    }
    assert!(operators.set_roles("ben", Roles::NONE, KEEP, BY, at(1)).is_err());
    assert!(operators.set_password("ben", &short, BY, at(1)).is_err());
    assert_eq!(fs::read(operators.path()).unwrap(), bytes);
}

#[test]
fn a_password_is_nowhere_but_in_its_hash() {
    let (_dir, operators) = store();
    let text = fs::read_to_string(operators.path()).unwrap();
    let listed = serde_json::to_string(&operators.list().unwrap()).unwrap();
    let debug = format!("{operators:?} {:?}", operators.list());
    for told in [&text, &listed, &debug] {
        assert!(!told.contains(SECRET), "{told}");
    }
    assert!(text.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!listed.contains("argon2") && !debug.contains("$argon2"));
}

#[test]
fn whoever_looks_again_is_told_what_changed_and_by_whom() {
    let (dir, operators) = store();
    let (first, seen) = operators.changes_since(&Seen::default()).unwrap();
    let added = |name: &str, roles| AccountChange {
        at: at(0),
        by: BY.to_owned(),
        change: Change::Added { roles, standing: Standing::Enabled },
        name: name.parse().unwrap(),
    };
    assert_eq!(first, [added("anna", ADMINISTRATOR), added("ben", VIEWER)]);
    assert_eq!(operators.changes_since(&seen).unwrap(), (Vec::new(), seen.clone()));

    let command = Operators::open(&dir.path().join("store")).unwrap();
    add(&command, "cleo", VIEWER).unwrap();
    command.set_password("anna", &password("a green door ajar"), "command:anna", at(1)).unwrap();
    command.set_roles("ben", ADMINISTRATOR, KEEP, BY, at(2)).unwrap();
    command.set_standing("ben", Standing::Disabled, KEEP, "command:ops", at(3)).unwrap();
    let kept: Seen = serde_json::from_str(&serde_json::to_string(&seen).unwrap()).unwrap();
    let (changes, seen) = operators.changes_since(&kept).unwrap();
    let change = |name: &str, second, by: &str, change| AccountChange {
        at: at(second),
        by: by.to_owned(),
        change,
        name: name.parse().unwrap(),
    };
    let roles = Change::Roles { from: VIEWER, to: ADMINISTRATOR };
    let disabled = Change::Standing { to: Standing::Disabled };
    let expected = [
        change("anna", 1, "command:anna", Change::Password),
        change("ben", 3, "command:ops", roles),
        change("ben", 3, "command:ops", disabled),
        added("cleo", VIEWER),
    ];
    assert_eq!(changes, expected);

    command.remove("ben", KEEP, "command:ops", at(4)).unwrap();
    command.remove("cleo", KEEP, "command:ops", at(5)).unwrap();
    let password = password(SECRET);
    let new = New { name: "cleo", display: None, roles: VIEWER, password: &password };
    command.add(&new, BY, at(6)).unwrap();
    let (changes, seen) = operators.changes_since(&seen).unwrap();
    let again = Change::Added { roles: VIEWER, standing: Standing::Enabled };
    let expected = [
        change("ben", 4, "command:ops", Change::Removed),
        change("cleo", 5, "command:ops", Change::Removed),
        change("cleo", 6, BY, again),
    ];
    assert_eq!(changes, expected);

    // An account that somebody took out of the file by hand.
    let mut file: serde_json::Value =
        serde_json::from_slice(&fs::read(operators.path()).unwrap()).unwrap();
    file["accounts"].as_array_mut().unwrap().retain(|account| account["name"] != "anna");
    fs::write(operators.path(), file.to_string()).unwrap();
    let (changes, _) = operators.changes_since(&seen).unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].by.as_str(), changes[0].change), ("unknown", Change::Removed));
}
