//! Where the operator names keys, nothing comes into force unsigned.

use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::support::Recorder;
use crate::support::US;
use crate::support::interdict;
use crate::support::run;

use super::*;

fn key(dir: &Path, name: &str) {
    let made =
        run(interdict().args(["policy", "key", "--out"]).arg(dir.join(format!("{name}.pem"))));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    fs::write(dir.join(format!("{name}.pub")), made.stdout).unwrap();
}

#[test]
fn a_revision_is_signed_by_as_many_as_are_asked_for_before_it_comes_into_force() {
    let keys = tempfile::tempdir().unwrap();
    for name in ["alice", "bob"] {
        key(keys.path(), name);
    }
    let dir = keys.path().display();
    let table =
        format!("[policies]\nkeys = [\"{dir}/alice.pub\", \"{dir}/bob.pub\"]\nthreshold = 2\n");
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).with(&table).start();
    let version = approved(&gateway, &without("signature-updates"));
    let berta = gateway.console("berta");
    let because = json!({ "reason": "go" });
    let activate = || berta.post(&format!("{API}/{version}/activate"), &because);
    assert_eq!(activate().status, 409);
    let sign = |name: &str| {
        let file = keys.path().join(format!("{name}.bundle.json"));
        fs::write(&file, berta.get(&format!("{API}/{version}/bundle")).body).unwrap();
        let pem = keys.path().join(format!("{name}.pem"));
        let signed = run(interdict().args(["policy", "sign", "--key"]).arg(pem).arg(&file));
        assert_eq!(signed.code, Some(0), "{}", signed.stderr);
        let bundle: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        berta.post(&format!("{API}/{version}/signatures"), &json!({ "bundle": bundle }))
    };
    read(&sign("alice"), 200);
    let few = activate();
    assert_eq!(few.status, 409);
    assert!(few.text().contains("bob"), "{}", few.text());
    read(&sign("bob"), 200);
    let stands = read(&activate(), 200);
    assert_eq!(stands["activations"][0]["signers"].as_array().unwrap().len(), 2);
    assert_eq!(update_by(US).send(gateway.address).status, SERVED);

    // A bundle from elsewhere is approved by those who signed it, and never goes back.
    let folder = keys.path().join("policies");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(FILE), POLICY).unwrap();
    let bundle = |version: u64| {
        let file = keys.path().join(format!("{version}.json"));
        let number = version.to_string();
        let mut made = interdict();
        made.args(["policy", "sign", "--version", &number, "--policies"]).arg(&folder);
        made.arg("--key").arg(keys.path().join("alice.pem")).arg("--out").arg(&file);
        assert_eq!(run(&mut made).code, Some(0));
        let mut second = interdict();
        second.args(["policy", "sign", "--key"]).arg(keys.path().join("bob.pem")).arg(&file);
        assert_eq!(run(&mut second).code, Some(0));
        let bundle: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        json!({ "bundle": bundle, "reason": "from head office" })
    };
    let anna = gateway.console("anna");
    let upload = |version| anna.post(&format!("{API}/bundles"), &bundle(version));
    assert_eq!(upload(2).status, 409);
    let taken = read(&upload(9), 201);
    assert_eq!((&taken["stage"], &taken["origin"]), (&json!("approved"), &json!("bundle")));
    read(&berta.post(&format!("{API}/9/activate"), &because), 200);
    assert_eq!(update_by(US).send(gateway.address).status, 451);
    assert_eq!(upload(8).status, 409);
    let mut tampered = bundle(10);
    let text = tampered["bundle"].to_string().replace("New agreements", "Old agreements");
    tampered["bundle"] = serde_json::from_str(&text).unwrap();
    assert_eq!(anna.post(&format!("{API}/bundles"), &tampered).status, 400);
}
