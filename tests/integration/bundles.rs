//! Signed bundles of policies: two people sign, each on their own, and OpenSSL sees the same signatures.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::Ended;
use crate::support::interdict;
use crate::support::run;

/// A folder with the shipped policies, and keys of people beside them.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with(people: &[&str]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        for name in ["us-commerce-kaspersky.toml", "cases/us-commerce-kaspersky.jsonl"] {
            let path = desk.path("policies").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(shipped.join(name), path).unwrap();
        }
        for person in people {
            let made = desk.ran(&format!("key --out {person}.pem"));
            assert_eq!(made.code, Some(0), "{}", made.stderr);
            fs::write(desk.path(&format!("{person}.pub")), made.stdout).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `interdict policy` with these arguments.
    fn ran(&self, arguments: &str) -> Ended {
        let words = arguments.split_whitespace();
        run(interdict().current_dir(self.0.path()).arg("policy").args(words))
    }

    fn ok(&self, arguments: &str) -> String {
        let ended = self.ran(arguments);
        assert_eq!(ended.code, Some(0), "{arguments}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// What it says when it ends with this code.
    fn refused(&self, code: i32, arguments: &str) -> String {
        let ended = self.ran(arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {}{}", ended.stdout, ended.stderr);
        ended.stderr
    }

    /// A bundle that alice made and signed.
    fn of_alice(&self, version: u64) -> String {
        let name = format!("{version}.bundle.json");
        self.ok(&format!(
            "sign --key alice.pem --policies policies --version {version} --note Stay --out {name}"
        ));
        name
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

const BOTH: &str = "--key alice.pub --key bob.pub";

#[test]
fn two_people_sign_one_after_the_other_and_their_order_does_not_matter() {
    let desk = Desk::with(&["alice", "bob"]);
    let bundle = desk.of_alice(7);
    let said = desk.refused(65, &format!("verify {bundle} {BOTH}"));
    assert!(said.contains("signed by 1 of the 2 keys that are needed: by `alice`, not by `bob`"));
    desk.ok(&format!("verify {bundle} {BOTH} --threshold 1"));

    let unsigned = desk.read(&bundle);
    let said = desk.ok(&format!("sign --key bob.pem {bundle}"));
    assert!(said.contains("version   7\n") && said.contains("note      Stay\n"), "{said}");
    let said = desk.ok(&format!("verify {bundle} {BOTH}"));
    for part in [
        "version   7\n",
        "digest    sha256:",
        " us-commerce-kaspersky.toml\n",
        " cases/us-commerce-kaspersky.jsonl\n",
        "revision  sha256:",
        "signed by alice\nsigned by bob\nsigned by 2 of 2 keys, 2 needed\n",
        "sound: 0 errors, 0 warnings; ",
        " cases passed, 0 failed\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Bob first, then alice: the very same file.
    let text = String::from_utf8(unsigned).unwrap();
    let at = text.find("\u{2014} alice").unwrap();
    fs::write(desk.path("other.json"), format!("{}\"}}", &text[..at])).unwrap();
    for person in ["bob", "alice"] {
        desk.ok(&format!("sign --key {person}.pem other.json"));
    }
    assert_eq!(desk.read("other.json"), desk.read(&bundle));
    // To sign again changes nothing.
    desk.ok(&format!("sign --key bob.pem {bundle} --out {bundle} --force"));
    assert_eq!(desk.read("other.json"), desk.read(&bundle));
}

#[test]
fn two_people_sign_copies_at_the_same_time_and_the_copies_come_together() {
    let desk = Desk::with(&["alice", "bob", "carol"]);
    let bundle = desk.of_alice(1);
    desk.ok(&format!("sign --key bob.pem {bundle} --out of-bob.json"));
    desk.ok(&format!("sign --key carol.pem {bundle} --out of-carol.json"));
    desk.ok(&format!("sign {bundle} --with of-bob.json --with of-carol.json"));
    desk.ok(&format!("verify {bundle} {BOTH} --key carol.pub"));
    let eighth = desk.of_alice(8);
    let before = desk.read(&bundle);
    let said = desk.refused(65, &format!("sign {bundle} --with {eighth}"));
    assert!(said.contains("not the same bundle"), "{said}");
    assert_eq!(desk.read(&bundle), before, "what fails changes nothing");
}

#[test]
fn the_revision_is_that_of_the_folder_and_the_answer_is_json_for_scripts() {
    let desk = Desk::with(&["alice"]);
    let bundle = desk.of_alice(7);
    let said = desk.ok(&format!("verify {bundle} --key alice.pub --output json"));
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["version"], 7);
    assert_eq!(document["signers"], serde_json::json!(["alice"]));
    assert_eq!(document["files"].as_array().unwrap().len(), 2);
    fs::write(
        desk.path("order.jsonl"),
        "{\"action\":\"sale\",\"items\":[{\"name\":\"Book\"}],\"buyer\":{\"billing_country\":\"US\"}}\n",
    )
    .unwrap();
    let mut decide = interdict();
    decide.current_dir(desk.0.path()).args(["decide", "--policies", "policies", "--input"]);
    let decision: Value = serde_json::from_str(&run(decide.arg("order.jsonl")).stdout).unwrap();
    assert_eq!(document["revision"], decision["bundle"]);
    let same = desk.ok(&format!("diff policies {bundle} --exit-code"));
    assert!(same.starts_with("0 differences"), "{same}");
}

#[test]
fn openssl_finds_the_signature_true_and_a_changed_manifest_false() {
    let desk = Desk::with(&["alice"]);
    let bundle = desk.of_alice(7);
    let document: Value = serde_json::from_slice(&desk.read(&bundle)).unwrap();
    let note = document["manifest"].as_str().unwrap();
    let (text, signature) = note.split_once("\n\n").unwrap();
    let line = signature.strip_prefix("\u{2014} alice ").unwrap().trim_end();
    fs::write(desk.path("signature.b64"), format!("{line}\n")).unwrap();
    let shell = |script: &str| {
        let ended = run(Command::new("sh").args(["-ec", script]).current_dir(desk.0.path()));
        (ended.code, ended.stdout + &ended.stderr)
    };
    // Four bytes of key id, then the signature; the public half out of the private key.
    let prepare = "base64 -d signature.b64 | tail -c 64 > signature; openssl pkey -in alice.pem -pubout -out alice-public.pem";
    assert_eq!(shell(prepare).0, Some(0));
    let verify = "openssl pkeyutl -verify -rawin -pubin -inkey alice-public.pem -in manifest -sigfile signature";
    for (manifest, code) in [(format!("{text}\n"), 0), (text.to_owned(), 1)] {
        fs::write(desk.path("manifest"), manifest).unwrap();
        let (ended, said) = shell(verify);
        assert_eq!(ended, Some(code), "{said}");
    }
    // The hashes are those of any other tool, and the files those of the folder.
    for (name, text) in document["files"].as_object().unwrap() {
        assert_eq!(fs::read_to_string(desk.path("policies").join(name)).unwrap(), *text);
        let (_, sum) = shell(&format!("sha256sum policies/{name}"));
        let sum = sum.split(' ').next().unwrap();
        assert!(note.contains(&format!("\nfile sha256:{sum} {name}\n")), "{name}");
    }
    // A key in PEM, as openssl writes it, is as good as the line.
    let said = desk.ok(&format!("verify {bundle} --key alice-public.pem"));
    assert!(said.contains("signed by alice-public\n"), "{said}");
    // And a key that openssl made signs.
    assert_eq!(shell("openssl genpkey -algorithm ed25519 -out dora.pem; openssl pkey -in dora.pem -pubout -out dora.pub").0, Some(0));
    desk.ok(&format!("sign --key dora.pem {bundle}"));
    desk.ok(&format!("verify {bundle} --key alice.pub --key dora.pub"));
}

#[test]
fn a_key_is_its_owners_and_is_never_written_over() {
    let desk = Desk::with(&["alice"]);
    let mode = fs::metadata(desk.path("alice.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = desk.read("alice.pem");
    assert!(desk.read("alice.pub").starts_with(b"alice+"));
    let said = desk.refused(64, "key --out alice.pem");
    assert!(said.contains("never written over"), "{said}");
    assert_eq!(desk.read("alice.pem"), before);
    let line = desk.ok("key --out shop.key --name shop.example/anna");
    assert!(line.starts_with("shop.example/anna+"), "{line}");
    // The private key in the place of the public one is refused, and not told.
    let bundle = desk.of_alice(7);
    let said = desk.refused(65, &format!("verify {bundle} --key alice.pem"));
    assert!(said.contains("holds a private key") && !said.contains("MC4"), "{said}");
}

#[test]
fn nothing_is_signed_that_does_not_compile_and_what_is_unsound_does_not_verify() {
    let desk = Desk::with(&["alice"]);
    let policy = desk.path("policies/us-commerce-kaspersky.toml");
    let sound = fs::read_to_string(&policy).unwrap();
    let sign = "sign --key alice.pem --policies policies --version 9 --out 9.bundle.json";
    fs::write(&policy, sound.replacen("[policy]", "[policy]\ntitel = 1", 1)).unwrap();
    let said = desk.refused(65, sign);
    assert!(said.contains("us-commerce-kaspersky.toml") && said.contains("titel"), "{said}");
    assert!(!desk.path("9.bundle.json").exists());

    let loose = sound.replacen("us        = \"block\"", "us        = \"review\"", 1);
    fs::write(&policy, loose).unwrap();
    let ended = desk.ran(sign);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("signed, but unsound"), "{}", ended.stderr);
    let ended = desk.ran("verify 9.bundle.json --key alice.pub");
    assert_eq!(ended.code, Some(65));
    assert!(ended.stdout.contains("signed by alice\n") && ended.stdout.contains("UNSOUND: "));
    let said = desk.refused(64, sign);
    assert!(said.contains("--force"), "{said}");
}

#[test]
fn a_bundle_that_was_changed_is_refused_by_what_is_wrong() {
    let desk = Desk::with(&["alice"]);
    let bundle = desk.of_alice(7);
    let text = String::from_utf8(desk.read(&bundle)).unwrap();
    for (from, to, says) in [
        ("\\\"block\\\"", "\\\"allow\\\"", "is not the file that was signed"),
        ("version 7\\n", "version 8\\n", "the signature of `alice` is false"),
        ("{\"files\"", "{ \"files\"", "canonical JSON"),
        ("\u{2014} alice ", "\u{2014} alicf ", "none of `alice`"),
    ] {
        let changed = text.replacen(from, to, 1).replacen("block  ", "allow  ", 1);
        assert_ne!(changed, text, "{from}");
        fs::write(desk.path("changed.json"), changed).unwrap();
        let said = desk.refused(65, "verify changed.json --key alice.pub");
        assert!(said.contains(says), "{from}: {said}");
    }
    assert!(desk.refused(74, "verify none.json --key alice.pub").contains("none.json"));
    for wrong in ["", "--key alice.pub --threshold 0", "--key alice.pub --threshold 2"] {
        desk.refused(64, &format!("verify {bundle} {wrong}"));
    }
    desk.refused(64, "sign --key alice.pem --policies policies --version 0 --out 0.json");
    desk.refused(64, "sign --key alice.pem --policies policies --version 1");
}

#[test]
fn the_keys_of_the_configuration_are_checked_and_taken() {
    let desk = Desk::with(&["alice", "bob", "carol"]);
    let bundle = desk.of_alice(7);
    let config = desk.path("interdict.toml");
    let configured = |policies: &str| fs::write(&config, format!("[policies]\n{policies}\n"));
    let check = || {
        let ended = run(interdict().arg("check").arg("--config").arg(&config));
        (ended.code, ended.stderr)
    };
    configured("keys = [\"alice.pub\", \"bob.pub\", \"carol.pub\"]\nthreshold = 2").unwrap();
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    let fact = "policies over the network must be signed by 2 of 3: alice, bob, carol\n";
    assert!(said.contains(fact), "{said}");
    let verify = format!("verify {bundle} --config interdict.toml");
    assert!(desk.refused(65, &verify).contains("1 of the 2 keys"));
    desk.ok(&format!("sign --key carol.pem {bundle}"));
    assert!(desk.ok(&verify).contains("signed by 2 of 3 keys, 2 needed"));

    fs::write(desk.path("again.pub"), desk.read("alice.pub")).unwrap();
    for (keys, says) in [
        ("keys = [\"nobody.pub\"]", "policies.keys: cannot read"),
        ("keys = [\"alice.pem\"]", "it holds a private key"),
        ("keys = [\"alice.pub\", \"again.pub\"]", "hold the same key"),
        ("keys = [\"alice.pub\"]\nthreshold = 2", ":3:13: policies.threshold: must be between"),
        ("keys = [\"alice.pub\"]\nthreshold = 0", ":3:13: policies.threshold: must be between"),
    ] {
        configured(keys).unwrap();
        let (code, said) = check();
        assert_eq!(code, Some(78), "{keys}: {said}");
        assert!(said.contains(says), "{keys}: {said}");
        desk.refused(78, &verify);
        let mut serve = interdict();
        serve.args(["serve", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"]);
        serve.env("XDG_STATE_HOME", desk.path("state")).arg("--config").arg(&config);
        let ended = run(&mut serve);
        assert_eq!(ended.code, Some(78), "{keys}: {}", ended.stderr);
    }
    configured("").unwrap();
    assert!(desk.refused(64, &verify).contains("names no [policies] keys"));
}
