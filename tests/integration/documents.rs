//! Documents say what is: their commands parse, their configurations load, their names exist.
//!
//! A fenced block marked `sh run` is run, one marked `toml configuration` must pass `interdict check`. Of every other command that
//! begins with `interdict`, in a block or between backticks, sub-command and flags must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::metrics::families;
use crate::support::interdict;
use crate::support::run;

/// Name and text of README, CONTRIBUTING and everything below `docs`.
fn documents() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut files: Vec<_> = ["README.md", "CONTRIBUTING.md"].map(|name| root.join(name)).into();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Fenced blocks with their marks, and the text outside of them.
fn blocks(text: &str) -> (Vec<(String, String)>, String) {
    let (mut blocks, mut outside) = (Vec::new(), String::new());
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(mark)) => open = Some((mark.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, block)), None) => block.extend([line, "\n"]),
            (None, None) => outside.extend([line, "\n"]),
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    (blocks, outside)
}

/// Text between single backticks.
fn spans(outside: &str) -> impl Iterator<Item = &str> {
    outside.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Every command that begins with `interdict`.
fn commands(text: &str) -> Vec<String> {
    let (blocks, outside) = blocks(text);
    let mut found: Vec<String> = spans(&outside).map(str::to_owned).collect();
    for (mark, block) in &blocks {
        if ["sh", "sh run", "console"].contains(&mark.as_str()) {
            let joined = block.replace("\\\n", " ");
            found.extend(joined.lines().map(|line| line.trim_start_matches("$ ").to_owned()));
        }
    }
    found.retain(|command| command.starts_with("interdict "));
    found
}

#[test]
fn every_command_in_the_documents_exists_with_its_flags() {
    let mut checked = 0;
    for (path, text) in documents() {
        for command in commands(&text) {
            let command_line = command.split(['|', '>']).next().unwrap();
            let words: Vec<_> = command_line.split_whitespace().skip(1).collect();
            let mut path_of: Vec<&str> = Vec::new();
            for word in &words {
                let two = matches!(
                    path_of.as_slice(),
                    ["catalog" | "customers" | "policy" | "ledger" | "operator"]
                );
                if (path_of.is_empty() || two) && word.chars().all(|c| c.is_ascii_lowercase()) {
                    path_of.push(word);
                } else {
                    break;
                }
            }
            if path_of == ["ledger", "hold"] {
                // The verb stands behind the folder.
                path_of.extend(words.get(2..4).unwrap_or_default());
            }
            let help = run(interdict().args(&path_of).arg("--help"));
            assert_eq!(help.code, Some(0), "{}: `{command}`", path.display());
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let known = help.stdout.split_whitespace().any(|word| word == *flag);
                assert!(known, "{}: `{command}` has no {flag}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} commands were found");
}

#[test]
fn a_block_that_is_marked_to_run_runs() {
    let bin = Path::new(env!("CARGO_BIN_EXE_interdict")).parent().unwrap();
    for (path, text) in documents() {
        for (mark, block) in blocks(&text).0 {
            if mark == "sh run" {
                let script = format!("set -e; PATH=\"{}:$PATH\"\n{block}", bin.display());
                let ended = run(Command::new("sh").arg("-c").arg(script).current_dir(root()));
                assert_eq!(ended.code, Some(0), "{}: {block}{}", path.display(), ended.stderr);
            }
        }
    }
}

#[test]
fn a_block_that_is_marked_as_configuration_loads() {
    let mut checked = 0;
    for (path, text) in documents() {
        for (mark, block) in blocks(&text).0 {
            if mark == "toml configuration" {
                let dir = tempfile::tempdir().unwrap();
                let file = dir.path().join("interdict.toml");
                fs::write(&file, &block).unwrap();
                let ended = run(interdict().args(["check", "--config"]).arg(file));
                assert_eq!(ended.code, Some(0), "{}: {}", path.display(), ended.stderr);
                checked += 1;
            }
        }
    }
    assert!(checked > 0);
}

#[test]
fn every_metric_in_the_documents_exists() {
    let known: BTreeSet<_> = families().collect();
    for (path, text) in documents() {
        let words =
            text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        for word in words.filter(|word| word.starts_with("interdict_")) {
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .unwrap_or(word);
            assert!(known.contains(word) || known.contains(family), "{}: {word}", path.display());
        }
    }
}

/// Section and key of each row of docs/configuration.md.
fn keys() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (mut section, mut keys) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = spans(title).next().unwrap_or_default().to_owned();
            if title.contains("`, `") {
                section.clear();
            }
        } else if let Some(row) = line.strip_prefix("| `") {
            let names = format!("`{}", row.split('|').next().unwrap());
            keys.extend(spans(&names).map(|name| (section.clone(), name.to_owned())));
        }
    }
    keys
}

#[test]
fn every_key_in_the_documents_is_known_to_the_program() {
    let keys = keys();
    assert!(keys.len() > 60, "only {} keys were found", keys.len());
    for (section, key) in keys {
        let table = if section.is_empty() { "" } else { &section };
        // Of a wrong type, so that the program has to know the key to complain of it.
        let text = format!("{table}\n{key} = {{ nonsense = {{ nonsense = {{}} }} }}\n");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("interdict.toml");
        fs::write(&file, &text).unwrap();
        let ended = run(interdict().args(["check", "--config"]).arg(file));
        assert_eq!(ended.code, Some(78), "{section} {key}: {}", ended.stderr);
        let last = key.rsplit('.').next().unwrap();
        let unknown = ended.stderr.lines().any(|line| {
            line.contains("unknown key") && line.contains(&format!("{last}: unknown key"))
        });
        assert!(!unknown, "{section} {key}: {}", ended.stderr);
    }
}

#[test]
fn every_link_to_a_file_of_the_project_leads_somewhere() {
    for (path, text) in documents() {
        let outside = blocks(&text).1;
        for target in outside.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if target.contains("://") || file.is_empty() {
                continue;
            }
            let linked = path.parent().unwrap().join(file);
            assert!(linked.exists(), "{}: {target}", path.display());
        }
    }
}
