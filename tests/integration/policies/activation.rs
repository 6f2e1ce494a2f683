//! Activation under load: no failed request, and each judged wholly by one revision.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::support::GERMAN;
use crate::support::Nginx;
use crate::support::Recorder;
use crate::support::US;
use crate::support::gateway::export;

use super::*;

/// The verdicts on a US update, by what records call the policies.
fn verdicts(gateway: &Gateway) -> HashMap<String, &'static str> {
    let anna = gateway.console("anna");
    let revision = |version: u64| {
        anna.json(&format!("{API}/{version}"))["revision"].as_str().unwrap().to_owned()
    };
    HashMap::from([(revision(1), "block"), (revision(2), "allow")])
}

/// Refusals of one network are not a flood here.
fn every_refusal_recorded(builder: GatewayBuilder) -> GatewayBuilder {
    builder.environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", "1000000")
}

/// Puts 1 and 2 in force in turn; how often.
fn activate(gateway: &Gateway, times: usize) {
    let berta = gateway.console("berta");
    let because = json!({ "reason": "to and fro" });
    read(&berta.post(&format!("{API}/2/activate"), &because), 200);
    for n in 1..times {
        let version = 1 + (n + 1) % 2;
        read(&berta.post(&format!("{API}/{version}/rollback"), &because), 200);
    }
}

/// Every decision names one revision, and is what that revision says; how many there are of each.
fn judged_wholly(gateway: &Gateway, verdicts: &HashMap<String, &str>) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    for record in export(&gateway.dir().join("ledger")) {
        assert_eq!(record["kind"], "decision");
        let revision = record["decision"]["bundle"].as_str().unwrap();
        let verdict = record["decision"]["verdict"].as_str().unwrap();
        let german = record["decision"]["buyer_nexus"] == "foreign" || record["country"] == "DE";
        let wanted = if german { "allow" } else { verdicts[revision] };
        assert_eq!(verdict, wanted, "{record}");
        *count.entry(revision.to_owned()).or_default() += 1;
    }
    count
}

#[test]
fn no_request_fails_and_each_is_judged_wholly_by_one_revision_during_twenty_activations() {
    let recorder = Recorder::start();
    let gateway = every_refusal_recorded(builder(recorder.address)).start();
    assert_eq!(approved(&gateway, &without("signature-updates")), 2);
    let verdicts = verdicts(&gateway);
    let done = AtomicBool::new(false);
    let statuses = std::thread::scope(|scope| {
        let load = |client: &'static str| {
            let (address, done) = (gateway.address, &done);
            scope.spawn(move || {
                let mut statuses = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    statuses.push(update_by(client).send(address).status);
                }
                statuses
            })
        };
        let clients = [load(US), load(US), load(GERMAN)];
        activate(&gateway, 20);
        done.store(true, Ordering::Relaxed);
        clients.map(|client| client.join().unwrap())
    });
    let [first, second, german] = statuses;
    let us: Vec<u16> = first.into_iter().chain(second).collect();
    assert!(us.iter().all(|status| matches!(*status, SERVED | 451)), "{us:?}");
    assert!(us.contains(&SERVED) && us.contains(&451), "both revisions were asked");
    assert!(german.len() > 20 && german.iter().all(|status| *status == SERVED), "{german:?}");
    let count = judged_wholly(&gateway, &verdicts);
    assert_eq!(count.len(), 2, "{count:?}");
    assert_eq!(count.values().sum::<usize>(), us.len() + german.len());
}

#[test]
#[ignore = "a hundred activations at five thousand requests a second: `make soak`"]
fn activations_under_full_load_again_and_again() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = every_refusal_recorded(builder(nginx.address)).start();
    assert_eq!(approved(&gateway, &without("signature-updates")), 2);
    let verdicts = verdicts(&gateway);
    let script = gateway.dir().join("statuses.lua");
    fs::write(
        &script,
        "local threads = {}\n\
         function setup(thread) table.insert(threads, thread) end\n\
         function init() good, bad = 0, 0 end\n\
         function response(status) if status == 200 or status == 451 then good = good + 1 else bad = bad + 1 end end\n\
         function done(summary)\n\
           local g, b = 0, 0\n\
           for _, t in ipairs(threads) do g = g + t:get('good'); b = b + t:get('bad') end\n\
           local e = summary.errors\n\
           print('good=' .. g, 'bad=' .. b, 'errors=' .. (e.connect + e.read + e.write + e.timeout))\n\
         end\n",
    )
    .unwrap();
    let load = Command::new("wrk")
        .args(["-t", "2", "-c", "64", "-d", "20s", "-s"])
        .arg(&script)
        .args(["-H", &format!("X-Forwarded-For: {US}")])
        .arg(format!("http://{}{UPDATE}", gateway.address))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    activate(&gateway, 100);
    let output = load.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    println!("{told}");
    assert!(told.contains("bad=0") && told.contains("errors=0"), "{told}");
    let rate = told.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")).unwrap();
    assert!(rate.trim().parse::<f64>().unwrap() >= 5_000.0, "{told}");
    let count = judged_wholly(&gateway, &verdicts);
    assert_eq!(count.len(), 2, "{count:?}");
}
