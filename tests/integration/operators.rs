//! `interdict operator` as a person would use it: at a terminal, in a script, beside others.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::support::Ended;
use crate::support::interdict;
use crate::support::run;

const SECRET: &str = "tin lamp orbit";

/// `interdict operator WORDS` with the store of a folder, and a text on standard input.
fn typed(dir: &Path, words: &[&str], input: &str) -> Ended {
    let mut command = interdict();
    command.arg("operator").args(words).arg("--store").arg(dir.join("store"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it has read a word.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
    }
}

fn done(dir: &Path, words: &[&str], input: &str) -> Ended {
    let ended = typed(dir, words, input);
    assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET) && !ended.stdout.contains(SECRET));
    ended
}

fn list(dir: &Path) -> Vec<serde_json::Value> {
    let text = done(dir, &["list", "--output", "json"], "").stdout;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with the administrator anna.
fn with_anna() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &["add", "anna", "--role", "administrator"], &format!("{SECRET}\n"));
    dir
}

#[test]
fn operators_are_added_listed_changed_and_removed_by_the_documented_commands() {
    let dir = with_anna();
    let dir = dir.path();
    let words = ["add", "Ben", "--role", "reviewer", "--role", "auditor", "--name", "Ben Ito"];
    let ended = done(dir, &words, &format!("{SECRET}\nnothing of this\n"));
    assert_eq!(ended.stderr, "`ben` is an operator now: auditor, reviewer\n");
    assert_eq!(ended.stdout, "");

    let table = done(dir, &["list"], "").stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    for (line, words) in lines.iter().zip([
        "NAME CALLED STATE ROLES CHANGED BY",
        "anna - enabled administrator",
        "ben Ben Ito enabled auditor, reviewer",
    ]) {
        let plain = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plain.starts_with(words), "{plain}");
    }
    assert!(lines[1].contains("  command:"), "{table}");

    let before = list(dir)[1].clone();
    assert_eq!(before["name"], "ben");
    assert_eq!(before["display"], "Ben Ito");
    assert_eq!(before["roles"], serde_json::json!(["auditor", "reviewer"]));
    assert!(!before.to_string().contains("argon2"));
    done(dir, &["roles", "ben", "--role", "policy_author,viewer"], "");
    done(dir, &["disable", "ben"], "");
    let after = list(dir)[1].clone();
    assert_eq!(after["roles"], serde_json::json!(["viewer", "policy_author"]));
    assert_eq!(after["standing"], "disabled");
    assert!(after["generation"].as_u64() > before["generation"].as_u64());
    done(dir, &["enable", "ben"], "");
    assert_eq!(list(dir)[1]["standing"], "enabled");

    let file = dir.join("store/operators.json");
    let hash = |text: String| text.split("$argon2id$").nth(2).unwrap()[..60].to_owned();
    let old = hash(fs::read_to_string(&file).unwrap());
    done(dir, &["password", "ben", "--password-stdin"], "a green door ajar\n");
    assert_ne!(hash(fs::read_to_string(&file).unwrap()), old);
    done(dir, &["remove", "ben"], "");
    assert_eq!(list(dir).len(), 1);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&file).unwrap().contains(SECRET));
}

#[test]
fn the_store_is_the_one_that_the_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("interdict.toml");
    fs::write(&config, "[store]\ndir = \"mine\"\n[[upstream]]\nname = \"main\"\nservers = [\"http://127.0.0.1:9\"]\n[[route]]\nname = \"rest\"\npath = \"/{*any}\"\naction = \"none\"\nupstream = \"main\"\n").unwrap();
    let words = ["operator", "add", "anna", "--role", "administrator", "--generate", "--config"];
    let ended = run(interdict().args(words).arg(&config));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(dir.path().join("mine/operators.json").is_file());
    let broken = dir.path().join("broken.toml");
    fs::write(&broken, "[store]\nfolder = \"mine\"\n").unwrap();
    let ended = run(interdict().args(words).arg(&broken));
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
}

#[test]
fn a_made_password_is_shown_once_on_standard_output_alone() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ended = done(dir, &["add", "anna", "--role", "administrator", "--generate"], "");
    let password = ended.stdout.trim_end();
    assert_eq!(ended.stdout.lines().count(), 1);
    assert!(password.split('-').count() == 5 && password.len() == 29, "{password}");
    assert!(!ended.stderr.contains(password));
    let other = done(dir, &["password", "anna", "--generate"], "").stdout;
    assert_ne!(other, ended.stdout);
}

#[test]
fn what_is_wrong_is_told_with_what_to_do_and_changes_nothing() {
    let dir = with_anna();
    let dir = dir.path();
    let file = dir.join("store/operators.json");
    let before = fs::read(&file).unwrap();
    let add = ["add", "ben", "--role", "viewer"];
    let cases: [(&[&str], &str, i32, &str); 14] = [
        (&["add", "ben"], "", 64, "--role"),
        (&["add", "ben", "--role", "root"], "", 64, "administrator"),
        (&["add", "1ben", "--role", "viewer"], "", 64, "begins with a letter"),
        (&["add", "ben", SECRET, "--role", "viewer"], "", 64, "unexpected argument"),
        (&["add", "ben", "--role", "viewer", "--name", " "], SECRET, 64, "1 to 100 characters"),
        (&add, "", 65, "no password on standard input"),
        (&add, "too short\n", 65, "shorter than 12 characters"),
        (&add, "password1234\n", 65, "first that are tried"),
        (&["add", "lamp", "--role", "viewer"], SECRET, 65, "leave the name out"),
        (&["add", "ANNA", "--role", "viewer"], SECRET, 65, "there is an operator `anna` already"),
        (&["password", "ben"], SECRET, 65, "there is no operator `ben`"),
        (&["remove", "anna"], "", 65, "last enabled administrator"),
        (&["disable", "anna"], "", 65, "last enabled administrator"),
        (&["roles", "anna", "--role", "viewer"], "", 65, "--force"),
    ];
    for (words, input, code, says) in cases {
        let ended = typed(dir, words, input);
        assert_eq!(ended.code, Some(code), "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
        assert!(!words.contains(&"--name") || !ended.stderr.contains(SECRET));
        assert_eq!(fs::read(&file).unwrap(), before, "{words:?}");
    }
    let ended = done(dir, &["remove", "anna", "--force"], "");
    assert!(ended.stderr.contains("warning: there is no enabled administrator"));
    let ended = done(dir, &["list"], "");
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("no operators in"), "{}", ended.stderr);
}

#[test]
fn a_damaged_file_is_told_and_left_as_it_is() {
    let dir = with_anna();
    let dir = dir.path();
    let file = dir.join("store/operators.json");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    for words in [&["list"][..], &["add", "ben", "--role", "viewer"], &["remove", "anna"]] {
        let ended = typed(dir, words, SECRET);
        assert_eq!(ended.code, Some(65), "{}", ended.stderr);
        assert!(ended.stderr.contains("operators.json` is damaged"), "{}", ended.stderr);
        assert_eq!(fs::read_to_string(&file).unwrap(), whole[..whole.len() / 2]);
    }
    fs::write(&file, &whole).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let ended = typed(dir, &["list"], "");
    assert!(ended.code == Some(65) && ended.stderr.contains("chmod 600"), "{}", ended.stderr);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(typed(dir, &["list"], "").code, Some(74));
}

#[test]
fn commands_at_the_same_time_lose_nothing() {
    let dir = with_anna();
    let dir = dir.path();
    let names: Vec<_> = (0..6).map(|n| format!("person-{n}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(move || done(dir, &["add", name, "--role", "viewer"], SECRET));
        }
    });
    let listed = list(dir);
    let listed: Vec<_> = listed.iter().map(|account| account["name"].as_str().unwrap()).collect();
    assert_eq!(listed, [vec!["anna"], names.iter().map(String::as_str).collect()].concat());
}

#[test]
fn a_disk_that_fails_and_a_process_that_is_killed_leave_a_whole_file() {
    for (call, fault, may_be_new) in [
        ("fsync", "error=EIO:when=1", false),
        ("/^rename", "error=EIO", false),
        ("fsync", "error=EIO:when=2", true),
        ("fsync", "signal=KILL:when=1", false),
        ("/^rename", "signal=KILL", true),
        ("fsync", "signal=KILL:when=2", true),
    ] {
        let dir = with_anna();
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:{fault}"), env!("CARGO_BIN_EXE_interdict")]);
        command.args(["operator", "add", "ben", "--role", "viewer", "--generate", "--store"]);
        let ended = run(command.arg(dir.path().join("store")));
        if ended.stderr.contains("Operation not permitted") {
            return eprintln!("no process can be traced here: not shown");
        }
        let killed = fault.starts_with("signal");
        assert_eq!(ended.code, (!killed).then_some(74), "{call} {fault}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "no password of an account that may not be there");
        let names = |dir: &Path| {
            let names =
                list(dir).into_iter().map(|account| account["name"].as_str().map(str::to_owned));
            names.collect::<Option<Vec<_>>>().unwrap()
        };
        let left = names(dir.path());
        let (old, new) = (vec!["anna".to_owned()], vec!["anna".to_owned(), "ben".to_owned()]);
        assert!(left == old || (may_be_new && left == new), "{call} {fault}: {left:?}");
        done(dir.path(), &["add", "cleo", "--role", "viewer"], SECRET);
        assert_eq!(names(dir.path()).len(), left.len() + 1);
    }
}

#[test]
fn at_a_terminal_the_password_is_asked_for_twice_and_not_echoed() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    // A terminal that echoes, as those of people do; each line is typed once it is asked for.
    let at_terminal = |lines: [&str; 2]| {
        let line = format!(
            "'{}' operator add anna --role administrator --store '{}'",
            env!("CARGO_BIN_EXE_interdict"),
            store.display()
        );
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--flush", "--echo", "always", "--command", &line]);
        command.arg("/dev/null");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut shown = Vec::new();
        let mut waits = lines.iter().zip(["characters): ", "Once more: "]).peekable();
        let mut read = [0; 256];
        loop {
            let text = String::from_utf8_lossy(&shown);
            if let Some((line, _)) = waits.next_if(|(_, question)| text.contains(question)) {
                keys.write_all(line.as_bytes()).unwrap();
            }
            match screen.read(&mut read).unwrap() {
                0 => break,
                n => shown.extend(&read[..n]),
            }
        }
        (child.wait().unwrap().code(), String::from_utf8(shown).unwrap())
    };
    let secret = format!("{SECRET}\n");
    let (code, shown) = at_terminal([&secret, "tin lamp orbiT\n"]);
    assert_eq!(code, Some(65), "{shown}");
    assert!(shown.contains("the two passwords differ"), "{shown}");
    let (code, shown) = at_terminal([&secret, "tin lamp\u{3}"]);
    assert_eq!(code, Some(65), "{shown}");
    assert!(shown.contains("interrupted") && !shown.contains("tin lamp"), "{shown}");
    assert!(!store.join("operators.json").exists());
    // Mistyped, and mended with the key for that.
    let (code, shown) = at_terminal([&secret, "tin lamp orbits\u{7f}\n"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("tin lamp"), "{shown}");
    assert_eq!(list(dir.path()).len(), 1);
}
