//! Recording and alert rules: sound, tested both ways, and explained to whoever is woken by them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::run;

use super::all_exist;
use super::path;
use super::recorded;
use super::text;
use super::values;

const ALERTS: &str = "deploy/prometheus/interdict.alerts.yml";
const RULES: &str = "deploy/prometheus/interdict.rules.yml";

/// The names of all alerts.
fn alerts() -> Vec<String> {
    values(&text(ALERTS), "- alert: ")
}

/// The text of every file of tests.
fn tests() -> Vec<String> {
    let folder = fs::read_dir(path("deploy/prometheus/tests")).unwrap();
    let files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().all(|file| file.to_str().unwrap().ends_with(".test.yml")), "{files:?}");
    files.into_iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn promtool() -> Command {
    Command::new("promtool")
}

#[test]
fn prometheus_reads_the_configurations_and_their_rules() {
    for config in ["deploy/prometheus/prometheus.yml", "deploy/compose/prometheus.yml"] {
        let dir = tempfile::tempdir().unwrap();
        for rules in [ALERTS, RULES] {
            let source = path(rules);
            fs::copy(&source, dir.path().join(source.file_name().unwrap())).unwrap();
        }
        let here = dir.path().join("prometheus.yml");
        fs::copy(path(config), &here).unwrap();
        let checked = run(promtool().args(["check", "config", "--lint-fatal"]).arg(here));
        assert_eq!(checked.code, Some(0), "{config}: {}{}", checked.stdout, checked.stderr);
        let found = checked.stdout.split_whitespace().filter(|word| *word == "rules").count();
        assert_eq!(found, 2, "both files of rules are read: {}", checked.stdout);
    }
}

#[test]
fn every_rule_does_what_its_tests_say() {
    let folder = fs::read_dir(path("deploy/prometheus/tests")).unwrap();
    let files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 3, "{files:?}");
    let tested = run(promtool().args(["test", "rules"]).args(files));
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
}

#[test]
fn every_alert_is_seen_to_fire_and_seen_to_rest() {
    let tests = tests().concat();
    let (alerts, once) = (alerts(), alerts().into_iter().collect::<BTreeSet<_>>());
    assert!(alerts.len() > 25 && alerts.len() == once.len(), "{alerts:?}");
    for alert in &alerts {
        let lines = || tests.lines().filter(|line| line.contains(&format!("\"{alert}\"")));
        let rests = lines().filter(|line| line.contains("exp_samples: []")).count();
        let fires = lines().filter(|line| line.contains("value: 1")).count();
        // InterdictPolicyOld and others rest before they fire; that nothing fires on an ordinary day is healthy.test.yml.
        assert!(fires > 0, "{alert} is never seen to fire");
        assert!(rests > 0, "{alert} is never seen to rest");
    }
}

#[test]
fn an_ordinary_day_has_a_series_for_every_alert_to_judge() {
    let healthy = text("deploy/prometheus/tests/healthy.test.yml");
    // What the recorded series are made of is in there as well, for they are in the same rules.
    let read = format!("{}{}", text(ALERTS), text(RULES));
    for name in super::names(&read).into_iter().filter(|name| name.starts_with("interdict_")) {
        let timed = name.ends_with("_bucket");
        assert!(timed || healthy.contains(&format!("'{name}{{")), "{name} has no ordinary day");
    }
}

#[test]
fn every_recording_rule_is_computed_by_a_test() {
    let tests = tests().concat();
    let recorded = recorded();
    assert!(recorded.len() > 8);
    for record in recorded {
        assert!(tests.contains(&format!("- expr: {record}\n")), "{record} is not tested");
    }
}

#[test]
fn every_alert_leads_to_what_it_means_and_what_to_do() {
    let (rules, runbook) = (text(ALERTS), text("docs/alerts.md"));
    let blocks: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    for block in &blocks {
        let name = block.lines().next().unwrap();
        let one_of = ["{ severity: critical }", "{ severity: warning }"];
        let labels = values(block, "labels: ");
        assert!(labels.len() == 1 && one_of.contains(&labels[0].as_str()), "{name}: {labels:?}");
        assert_eq!(values(block, "summary: ").len(), 1, "{name}");
        assert_eq!(values(block, "description: ").len(), 1, "{name}");
        let link = format!("docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(values(block, "runbook: "), [link], "{name}");
        let sections: Vec<&str> = runbook.split("\n## ").filter(|s| s.starts_with(name)).collect();
        let section = sections.iter().find(|s| s.lines().next() == Some(name));
        let section = section.unwrap_or_else(|| panic!("docs/alerts.md has no section {name}"));
        for part in ["**Means.**", "**At risk.**", "**Do.**"] {
            assert!(section.contains(part), "docs/alerts.md, {name}: no {part}");
        }
    }
    for section in runbook.split("\n## Interdict").skip(1) {
        let name = format!("Interdict{}", section.lines().next().unwrap());
        assert!(alerts().contains(&name), "docs/alerts.md explains {name}, which is no alert");
    }
}

#[test]
fn rules_read_only_what_is_exposed() {
    all_exist("a rule", &text(RULES));
    all_exist("an alert", &text(ALERTS));
}
