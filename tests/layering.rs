//! The floors of the architecture, enforced: a module imports only lower floors, and each third-party crate has its home.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test stops where its own preparation fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and the floor it stands on; a module imports only lower floors, never a sibling.
const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("settings", 0),
    ("geo", 1),
    ("merkle", 1),
    ("message", 1),
    ("output", 1),
    ("policy", 1),
    ("telemetry", 2),
    ("audit", 3),
    ("bundle", 3),
    ("clearance", 3),
    ("fleet", 3),
    ("identity", 3),
    ("ledger", 3),
    ("operators", 3),
    ("registry", 3),
    ("control", 4),
    ("enforcement", 4),
    ("evidence", 4),
    ("notify", 4),
    ("replay", 4),
    ("admin", 5),
    ("gateway", 5),
    ("screening", 5),
    ("witness", 5),
    ("app", 6),
    ("cli", 6),
    ("config", 6),
    ("lib", 6),
    ("main", 6),
];

/// The one import within a floor: settings are made of the vocabulary.
const BESIDE: (&str, &str) = ("settings", "model");

/// The top floor composes the program: its modules may name one another.
const TOP: u8 = 6;

/// Where a crate may be named: paths below `src` that begin so. A crate that is not here may be named anywhere.
const HOMES: &[(&str, &[&str])] = &[
    ("actix_codec", &["gateway"]),
    ("actix_http", &["gateway", "admin"]),
    ("actix_web", &["gateway", "admin", "app", "cli", "witness"]),
    ("aho_corasick", &["policy"]),
    ("arc_swap", &["enforcement", "app", "gateway", "bundle", "geo", "identity"]),
    ("argon2", &["operators"]),
    ("askama", &["gateway", "admin", "screening", "evidence/report"]),
    (
        "aws_lc_rs",
        &["audit", "gateway", "ledger", "merkle/key", "message/upgrade", "notify", "operators"],
    ),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    (
        "crc32c",
        &["audit", "ledger", "registry", "message/forwarded/proxy_protocol", "telemetry/activity"],
    ),
    ("csv", &["cli", "evidence", "geo", "output", "registry", "screening"]),
    ("csv_core", &["screening"]),
    ("flate2", &["message", "gateway", "admin/console"]),
    ("hyper", &["gateway"]),
    ("hyper_util", &["gateway"]),
    ("indicatif", &["cli"]),
    ("iptocc", &["geo"]),
    ("jsonwebtoken", &["identity"]),
    ("matchit", &["message", "gateway", "enforcement", "config"]),
    ("maxminddb", &["geo"]),
    ("miette", &["policy", "config", "settings", "cli"]),
    ("parquet", &["evidence/parquet"]),
    ("prometheus", &["telemetry"]),
    ("regex", &["policy"]),
    ("regex_syntax", &["policy"]),
    ("rustix", &["ledger/space", "cli/operator"]),
    ("rustls", &["gateway", "app", "admin"]),
    ("rustls_native_certs", &["gateway"]),
    ("similar", &["control/policies"]),
    ("sled", &["control", "registry", "ledger/search"]),
    ("socket2", &["gateway"]),
    ("tokio_rustls", &["gateway"]),
    ("tokio_util", &["gateway"]),
    ("toml", &["policy", "config", "settings"]),
    ("toml_edit", &["control/policies"]),
    ("tracing_subscriber", &["telemetry"]),
    ("x509_parser", &["identity"]),
    ("zeroize", &["operators", "cli/operator"]),
    ("zstd", &["audit", "ledger/sealed", "ledger/tests/sealed"]),
];

#[test]
fn modules_import_only_lower_floors() {
    let mut broken = Vec::new();
    for (path, module) in sources() {
        for (line, text) in code(&path) {
            for target in named_after(&text, "crate::") {
                if target != module && too_high(&target, &module) {
                    broken.push(format!("{}:{line}: {module} imports {target}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The verifier of the ledger shares nothing with its writer (`src/audit/mod.rs`), so that a fault there does not hide itself.
#[test]
fn the_audit_imports_nothing_of_the_ledger_or_its_tree() {
    let mut broken = Vec::new();
    for (path, _) in sources().into_iter().filter(|(_, module)| module == "audit") {
        for (line, text) in code(&path) {
            for target in
                named_after(&text, "crate::").iter().chain(&named_after(&text, "interdict::"))
            {
                broken.push(format!("{}:{line}: names {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(root().join("audit").is_dir());
}

#[test]
fn imports_of_other_modules_stand_one_a_line() {
    let mut broken = Vec::new();
    for (path, _) in sources() {
        for (line, text) in code(&path) {
            if text.contains("crate::{") || text.contains("crate::*") {
                broken.push(format!("{}:{line}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_module_has_a_floor() {
    let known: BTreeSet<_> = FLOORS.iter().map(|(module, _)| (*module).to_owned()).collect();
    let found: BTreeSet<_> = sources().into_iter().map(|(_, module)| module).collect();
    assert!(found.is_subset(&known), "without a floor: {:?}", found.difference(&known));
}

#[test]
fn crates_are_named_only_at_home() {
    let src = root();
    let mut broken = Vec::new();
    for (path, _) in sources() {
        let below = path.strip_prefix(&src).unwrap().display().to_string();
        for (line, text) in code(&path) {
            for (name, homes) in HOMES {
                let used = text.match_indices(&format!("{name}::")).any(|(at, _)| {
                    // The crate itself, not a module or a longer name that ends so.
                    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if used && !homes.iter().any(|home| below.starts_with(home)) {
                    broken.push(format!("{}:{line}: names {name}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_test_sees_an_import_that_climbs() {
    let climbing = named_after("use crate::gateway::Thing;", "crate::");
    assert_eq!(climbing, ["gateway"]);
    assert!(too_high("gateway", "policy"));
    assert!(too_high("geo", "policy"), "siblings do not know one another");
    assert!(!too_high("model", "policy"));
    assert!(!too_high("model", "settings"));
    assert!(too_high("settings", "model"), "the vocabulary knows no settings");
    assert!(!too_high("config", "cli"));
    assert!(too_high("app", "gateway"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file, and the module it belongs to.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(root()).unwrap();
                let first = below.components().next().unwrap().as_os_str().to_string_lossy();
                let module = first.trim_end_matches(".rs").to_owned();
                found.push((path, module));
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// Lines without comments, numbered from 1.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate();
    let uncommented =
        lines.map(|(n, line)| (n + 1, line.split("//").next().unwrap_or("").to_owned()));
    uncommented.collect()
}

fn named_after(text: &str, prefix: &str) -> Vec<String> {
    let name = |at: usize| {
        let rest = &text[at + prefix.len()..];
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    text.match_indices(prefix).map(|(at, _)| name(at)).collect()
}

fn too_high(target: &str, module: &str) -> bool {
    if (module, target) == BESIDE {
        return false;
    }
    match (floor(target), floor(module)) {
        (Some(target), Some(module)) if module == TOP => target > module,
        (Some(target), Some(module)) => target >= module,
        // A macro, or an item of the crate's root.
        (None, _) | (_, None) => false,
    }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}
