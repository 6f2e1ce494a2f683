//! The command line: exit codes, help, and what it says when something is wrong.

use std::fs;
use std::net::TcpListener;

use crate::support::Ended;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Program;
use crate::support::Request;
use crate::support::interdict;
use crate::support::run;

fn interdict_with(arguments: &[&str]) -> Ended {
    run(interdict().args(arguments))
}

/// Every command of the contract that this version has.
const COMMANDS: &[&[&str]] = &[
    &["catalog"],
    &["catalog", "export"],
    &["catalog", "import"],
    &["check"],
    &["completions"],
    &["customers"],
    &["customers", "export"],
    &["customers", "import"],
    &["decide"],
    &["demo"],
    &["ledger"],
    &["ledger", "export"],
    &["ledger", "verify"],
    &["man"],
    &["policy"],
    &["policy", "check"],
    &["policy", "diff"],
    &["policy", "explain"],
    &["policy", "test"],
    &["screen"],
    &["serve"],
];

#[test]
fn every_command_helps_with_an_example() {
    for command in COMMANDS {
        let help = interdict_with(&[command, &["--help"][..]].concat());
        assert_eq!(help.code, Some(0), "{command:?}");
        let example = help.stdout.split("Example").nth(1).unwrap_or_default();
        let shown = format!("interdict {}", command.join(" "));
        assert!(example.contains(&shown), "{command:?}: {}", help.stdout);
        assert!(help.stderr.is_empty());
    }
    let version = interdict_with(&["--version"]);
    assert_eq!((version.code, version.stdout.as_str()), (Some(0), "interdict 0.1.0\n"));
}

#[test]
fn usage_is_64_missing_input_74_bad_lines_65_and_bad_configuration_78() {
    for arguments in [
        &[][..],
        &["bogus"],
        &["check"],
        &["serve", "--no-such-flag"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--upstream", "ftp://127.0.0.1"],
        &["ledger", "verify"],
        &["demo", "--listen", "nowhere"],
    ] {
        let ended = interdict_with(arguments);
        assert_eq!(ended.code, Some(64), "{arguments:?}");
        assert!(!ended.stderr.is_empty() && ended.stdout.is_empty(), "{arguments:?}");
    }
    for arguments in [
        &["decide", "--input", "no-such-file"][..],
        &["decide", "--policies", "no-such-folder"],
        &["ledger", "verify", "no-such-folder"],
        &["ledger", "export", "no-such-folder"],
    ] {
        let ended = interdict_with(arguments);
        assert_eq!(ended.code, Some(74), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("no-such-"), "{arguments:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("lines.jsonl");
    let good =
        r#"{"action":"sale","items":[{"name":"Kaspersky Plus"}],"buyer":{"billing_country":"US"}}"#;
    fs::write(&input, format!("{good}\nnot json\n\n{good}\n")).unwrap();
    let ended = run(interdict().arg("decide").arg("--input").arg(&input));
    assert_eq!(ended.code, Some(65));
    let answers: Vec<serde_json::Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(
        (&answers[0]["verdict"], &answers[3]["verdict"]),
        (&"block".into(), &"block".into())
    );
    assert_eq!((&answers[1]["line"], &answers[2]["line"]), (&2.into(), &3.into()));

    let missing = interdict_with(&["check", "--config", "no-such-file"]);
    assert_eq!(missing.code, Some(78));
    assert!(missing.stderr.contains("no-such-file"));
}

#[test]
fn a_folder_without_a_ledger_is_never_a_sound_record_of_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("interdict.toml"), "").unwrap();
    for command in ["verify", "export"] {
        let ended = run(interdict().args(["ledger", command]).arg(dir.path()));
        assert_eq!(ended.code, Some(65), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("holds no ledger"), "{command}: {}", ended.stderr);
        assert!(!ended.stderr.contains("ok"), "{command}: {}", ended.stderr);
    }
}

#[test]
fn colour_is_for_terminals() {
    for arguments in [&["bogus"][..], &["check", "--config", "no-such-file"], &["--help"]] {
        let ended = run(interdict().args(arguments).env("NO_COLOR", "1"));
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains('\u{1b}'));
        let piped = interdict_with(arguments);
        assert!(!format!("{}{}", piped.stdout, piped.stderr).contains('\u{1b}'));
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let builder = GatewayBuilder::new(address);
    let config = builder.write();
    let serve = |extra: &[&str], variable: (&str, String)| {
        let mut command = interdict();
        run(command
            .args(["serve", "--config"])
            .arg(&config)
            .args(extra)
            .env(variable.0, variable.1))
    };
    let named = address.to_string();
    let gateway = serve(&["--listen", &named], ("INTERDICT__LOG__LEVEL", "info".to_owned()));
    let admin = serve(&[], ("INTERDICT__ADMIN__LISTEN", named.clone()));
    for ended in [gateway, admin] {
        assert_eq!(ended.code, Some(74), "{}", ended.stderr);
        let said = ended.stderr.lines().last().unwrap();
        assert!(said.contains(&named) && said.contains("in use"), "{said}");
    }
}

#[test]
fn without_a_file_update_signatures_are_judged_and_the_rest_passes() {
    let nginx = Nginx::mirror_and_shop();
    let state = tempfile::tempdir().unwrap();
    let upstream = format!("http://{}", nginx.address);
    let mut program = Program::start(
        interdict()
            .args(["serve", "--listen", "127.0.0.1:0", "--upstream", &upstream])
            .env("INTERDICT__ADMIN__LISTEN", "127.0.0.1:0")
            .env("XDG_STATE_HOME", state.path()),
    );
    let gateway = program.address("gateway listening");
    // Loopback is no country: held, whatever is claimed, for nobody is trusted to say who the client is.
    let held = Request::get("/index/u1313g.xml").from("203.0.113.7").send(gateway);
    assert_eq!(held.status, 403);
    assert_eq!(Request::get("/deep/in/bases/av/kdb/i386/dailyc.kdc").send(gateway).status, 403);
    let passed = Request::get("/static/logo.txt").send(gateway);
    assert_eq!((passed.status, passed.text().as_str()), (200, "logo\n"));
    assert_eq!(passed.decision(), None);
    assert_eq!(program.terminate(), Some(0));
    let ledger = state.path().join("interdict/ledger");
    let exported = run(interdict().args(["ledger", "export"]).arg(ledger));
    let changes = |line: &&str| line.contains("\"kind\":\"change\"");
    assert_eq!(exported.stdout.lines().filter(changes).count(), 1, "the policies of a first start");
    assert_eq!(exported.stdout.lines().count(), 5, "two decisions, and what became of each");
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    for (shell, begins) in
        [("bash", "_interdict()"), ("zsh", "#compdef interdict"), ("fish", "# Print an optspec")]
    {
        let ended = run(interdict().args(["completions", shell]));
        assert_eq!(ended.code, Some(0), "{shell}: {}", ended.stderr);
        assert!(ended.stdout.starts_with(begins), "{shell}: {:.80}", ended.stdout);
        assert!(ended.stdout.contains("policy") && ended.stdout.contains("upstream"), "{shell}");
    }
    let page = run(interdict().arg("man"));
    assert_eq!(page.code, Some(0), "{}", page.stderr);
    assert!(page.stdout.contains(".TH interdict 1"), "{:.200}", page.stdout);
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("man1");
    let written = run(interdict().args(["man", "--out"]).arg(&into));
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    for command in
        ["interdict", "interdict-serve", "interdict-policy-test", "interdict-ledger-export"]
    {
        let text = fs::read_to_string(into.join(format!("{command}.1"))).unwrap();
        assert!(text.contains(&format!(".TH {command} 1")), "{command}: {text:.200}");
    }
    let refused = run(interdict().args(["man", "--out", "/dev/null/x"]));
    assert_eq!(refused.code, Some(74), "{}", refused.stderr);
    assert_eq!(run(interdict().args(["completions", "tcsh"])).code, Some(64));
}
