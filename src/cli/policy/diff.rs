//! `interdict policy diff`: what two folders or bundles of policies say differently.

use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::model::Clock;
use crate::model::Decision;
use crate::model::SystemClock;
use crate::policy::PolicySet;
use crate::policy::PolicyText;
use crate::policy::Reseller;
use crate::policy::Setting;
use crate::policy::decide;
use crate::policy::diff::diff;
use crate::policy::load_read;
use crate::policy::read_dirs;

use super::Output;
use super::Stop;
use super::input::NoCatalogue;
use super::input::transactions;
use super::sign::read_bundle;
use crate::cli::exit::Exit;

#[derive(Args, Debug)]
pub(super) struct DiffArgs {
    /// Folder of the old policies, or a bundle of them.
    old: PathBuf,
    /// Folder of the new policies, or a bundle of them.
    new: PathBuf,
    /// Transactions (JSONL, `-` for standard input) whose verdicts are compared too.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Exit with 65 if anything differs.
    #[arg(long)]
    exit_code: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &DiffArgs, out: &mut dyn Write) -> Result<Exit, Stop> {
    let (old, new) = (texts(&args.old)?, texts(&args.new)?);
    let (old_set, new_set) = (load_read(&old)?, load_read(&new)?);
    let differences = diff(&old, &new);
    for difference in &differences {
        match args.output {
            Output::Json => {
                let document = serde_json::to_string(difference).map_err(io::Error::from)?;
                writeln!(out, "{document}")?;
            }
            Output::Text => writeln!(out, "{difference}")?,
        }
    }
    let verdicts = match &args.input {
        Some(input) => diff_verdicts(input, &old_set, &new_set, args.output, out)?,
        None => 0,
    };
    if args.output == Output::Text {
        writeln!(out, "{} differences, {verdicts} changed verdicts", differences.len())?;
    }
    let differs = !differences.is_empty() || verdicts > 0;
    Ok(if differs && args.exit_code { Exit::Data } else { Exit::Ok })
}

/// The policies of a folder, or of a bundle, whoever signed it.
fn texts(path: &Path) -> Result<Vec<PolicyText>, Stop> {
    if path.is_file() {
        return Ok(read_bundle(path)?.files().policies());
    }
    Ok(read_dirs(&[path.to_owned()])?)
}

/// Prints every transaction that the two sets decide otherwise; how many there are.
fn diff_verdicts(
    input: &Path,
    old: &PolicySet,
    new: &PolicySet,
    output: Output,
    out: &mut dyn Write,
) -> Result<usize, Stop> {
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let now = SystemClock.now();
    let mut changed = 0_usize;
    for (line, transaction) in transactions(input, new)? {
        let bad = |reason| Stop::Data { path: input.to_owned(), line, reason };
        let transaction = transaction.map_err(|error| bad(error.to_string()))?;
        let at = transaction.at.unwrap_or(now);
        let was = decide(&transaction, at, old, &setting);
        let is = decide(&transaction, at, new, &setting);
        if (was.verdict, clause(&was)) == (is.verdict, clause(&is)) {
            continue;
        }
        changed = changed.saturating_add(1);
        let (before, after) = (was.verdict.as_str(), is.verdict.as_str());
        let (old_reason, new_reason) = (was.reason(), is.reason());
        match output {
            Output::Json => {
                let document = serde_json::json!({
                    "kind": "verdict", "line": line,
                    "old": { "clause": clause(&was), "reason": old_reason, "verdict": before },
                    "new": { "clause": clause(&is), "reason": new_reason, "verdict": after },
                });
                writeln!(out, "{document}")?;
            }
            Output::Text => {
                writeln!(out, "line {line}: {before} -> {after}")?;
                writeln!(out, "    - {old_reason}\n    + {new_reason}")?;
            }
        }
    }
    Ok(changed)
}

fn clause(decision: &Decision) -> Option<&str> {
    decision.ruling.as_ref().map(|rule| &*rule.clause)
}
