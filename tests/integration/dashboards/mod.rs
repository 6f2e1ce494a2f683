//! What operations see: every rule, alert and panel under `deploy/`, run by the real promtool and the real Prometheus.

mod boards;
mod prometheus;
mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Metrics that are agreed on and whose code has not landed. Whoever adds one to docs/metrics.md takes it out here.
const EXPECTED: &[&str] =
    &["interdict_policy_bundle_built_timestamp_seconds", "interdict_policy_version"];

/// A file or folder of the project.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names of families and of recorded series that a query, or a file of queries, reads.
fn names(queries: &str) -> BTreeSet<&str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
    let words = queries.split(|c| !word(c));
    words.filter(|w| w.starts_with("interdict_") || w.starts_with("interdict:")).collect()
}

/// Families that docs/metrics.md explains.
fn documented() -> BTreeSet<String> {
    let table = text("docs/metrics.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

/// The names of all recording rules.
fn recorded() -> Vec<String> {
    values(&text("deploy/prometheus/interdict.rules.yml"), "- record: ")
}

/// What follows `key` on each line that begins with it.
fn values(yaml: &str, key: &str) -> Vec<String> {
    let lines = yaml.lines().filter_map(|line| line.trim_start().strip_prefix(key));
    lines.map(|value| value.trim().to_owned()).collect()
}

/// Fails where a query reads what nobody exposes or records.
fn all_exist(what: &str, queries: &str) {
    let (documented, recorded) = (documented(), recorded());
    for name in names(queries) {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .filter(|family| documented.contains(*family))
            .unwrap_or(name);
        let known = documented.contains(family)
            || EXPECTED.contains(&family)
            || recorded.iter().any(|record| record == name);
        assert!(known, "{what} reads {name}, which docs/metrics.md does not name");
    }
}
