//! The shipped policies and the examples decide their own cases, alone and together.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where its own preparation fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

use interdict::model::{Action, CatalogueEntry, CatalogueLookup, Nexus, Transaction};
use interdict::policy::cases::{CaseOutcome, gather_stated, read_cases, run_case};
use interdict::policy::{PolicySet, Reseller, Setting, decide, load_dirs, load_texts};
use jiff::Timestamp;

#[derive(Debug)]
struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn load(dirs: &[&str]) -> PolicySet {
    let dirs: Vec<PathBuf> = dirs.iter().map(|dir| root().join(dir)).collect();
    load_dirs(&dirs).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

fn case_files(dir: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(root().join(dir)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|f| f.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    assert!(!files.is_empty(), "no case in {dir}");
    files
}

fn failures(set: &PolicySet, files: &[PathBuf]) -> Vec<String> {
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut failures = Vec::new();
    for file in files {
        for (line, case) in read_cases(&fs::read_to_string(file).unwrap()) {
            let at = format!("{}:{line}", file.display());
            match case {
                Err(error) => failures.push(format!("{at}: {error}")),
                Ok(case) => {
                    let now = Timestamp::now();
                    let outcome = run_case(&case, set, &setting, now, &mut gather_stated);
                    if outcome != CaseOutcome::Passed {
                        failures.push(format!("{at}: {}: {outcome:?}", case.name));
                    }
                }
            }
        }
    }
    failures
}

#[test]
fn the_shipped_policies_decide_their_cases() {
    assert_eq!(failures(&load(&["policies"]), &case_files("policies/cases")), Vec::<String>::new());
}

#[test]
fn the_examples_decide_their_cases_beside_the_shipped_policies() {
    let set = load(&["policies", "policies/examples"]);
    assert_eq!(failures(&set, &case_files("policies/examples/cases")), Vec::<String>::new());
}

#[test]
fn the_examples_do_not_disturb_the_shipped_policies() {
    let alone = load(&["policies"]);
    let together = load(&["policies", "policies/examples"]);
    assert_eq!(failures(&together, &case_files("policies/cases")), Vec::<String>::new());
    let reseller = Reseller::new(Nexus::Foreign, &[]);
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut compared = 0;
    for file in case_files("policies/cases") {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let document: serde_json::Value = serde_json::from_str(line).unwrap();
            let Some(transaction) = document.get("transaction") else { continue };
            let Ok(mut transaction) = Transaction::from_json(transaction.to_string().as_bytes())
            else {
                continue;
            };
            // The examples judge more actions; only what the shipped policy judges can be disturbed.
            if !alone.judges(transaction.action) {
                continue;
            }
            gather_stated(&mut transaction);
            let at = transaction.at.unwrap_or(Timestamp::UNIX_EPOCH);
            let before = decide(&transaction, at, &alone, &setting);
            let after = decide(&transaction, at, &together, &setting);
            for (before, after) in before.findings.iter().zip(&after.findings) {
                assert_eq!(before.verdict, after.verdict, "{line}");
                // What only an example knows by a name of its own may be named after it.
                assert!(before.product.is_none() || before.product == after.product, "{line}");
            }
            assert_eq!((before.ruling, before.buyer), (after.ruling, after.buyer), "{line}");
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} cases compared");
}

#[test]
fn the_examples_in_the_language_guide_compile_and_its_case_passes() {
    let guide = fs::read_to_string(root().join("docs/policy-language.md")).unwrap();
    let blocks: Vec<&str> = guide
        .split("```toml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect();
    assert_eq!(blocks.len(), 3);
    for block in &blocks {
        load_texts(&[("guide.toml", block)]).unwrap_or_else(|e| panic!("{}", e.render(false)));
    }
    let first = load_texts(&[("guide.toml", blocks[0])]).unwrap();
    let case = guide.lines().find(|line| line.trim().starts_with("{\"case\"")).unwrap().trim();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), case).unwrap();
    assert_eq!(failures(&first, &[file.path().to_path_buf()]), Vec::<String>::new());
}

#[test]
fn the_language_guide_names_every_action() {
    let guide = fs::read_to_string(root().join("docs/policy-language.md")).unwrap();
    for action in Action::ALL {
        assert!(guide.contains(&format!("`{action}`")), "{action}");
    }
}
