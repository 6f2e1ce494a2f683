//! `interdict policy`: what policy authors and compliance officers run before a policy goes live.
//!
//! Answers go to `out`, faults and findings for people to `err`. Exit codes are sysexits (DESIGN 7).

use std::fs;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::ledger::LedgerError;
use crate::model::CatalogueEntry;
use crate::model::CatalogueLookup;
use crate::model::Clock;
use crate::model::Decision;
use crate::model::SystemClock;
use crate::model::Transaction;
use crate::model::TransactionError;
use crate::model::parse_timestamp;
use crate::policy::PolicyError;
use crate::policy::PolicyErrors;
use crate::policy::PolicySet;
use crate::policy::PolicyText;
use crate::policy::Reseller;
use crate::policy::Setting;
use crate::policy::cases::CaseOutcome;
use crate::policy::cases::gather_stated;
use crate::policy::cases::read_cases;
use crate::policy::cases::run_case;
use crate::policy::check::CatalogueRow;
use crate::policy::check::Severity;
use crate::policy::check::check;
use crate::policy::decide;
use crate::policy::diff::diff;
use crate::policy::explain::describe_rules;
use crate::policy::explain::explain;
use crate::policy::load_read;
use crate::policy::read_dirs;

use super::exit::Exit;

mod replay;

use replay::ReplayArgs;

/// Check, test, explain and compare policies.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  interdict policy check\n  interdict policy test\n  \
    interdict policy explain --input orders.jsonl\n  interdict policy diff policies policies.new")]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find mistakes that compile.
    #[command(after_help = "Examples:\n  interdict policy check\n  \
        interdict policy check --policies policies --catalog catalog.csv --strict")]
    Check(CheckArgs),
    /// Compare two folders of policies.
    #[command(after_help = "Examples:\n  interdict policy diff policies policies.new\n  \
        interdict policy diff policies policies.new --input orders.jsonl --exit-code")]
    Diff(DiffArgs),
    /// Say why a transaction is decided as it is, or what a rule says.
    #[command(after_help = "Examples:\n  interdict policy explain resale-by-us-seller\n  \
        interdict policy explain --input orders.jsonl --at 2024-09-29T00:00:00-04:00")]
    Explain(ExplainArgs),
    /// Decide recorded transactions again under other policies, and list every verdict that changes.
    #[command(
        after_help = "Examples:\n  interdict policy replay --policies policies.new /var/lib/interdict/ledger\n  \
        interdict policy replay --policies policies.new --from 2026-01-01T00:00:00Z --output json ledger"
    )]
    Replay(ReplayArgs),
    /// Run the cases beside the policies.
    #[command(after_help = "Examples:\n  interdict policy test\n  \
        interdict policy test --policies policies --policies policies/examples policies/examples/cases/*.jsonl")]
    Test(TestArgs),
}

#[derive(Args, Debug)]
struct Folders {
    /// Folder whose *.toml are the policies; may be repeated.
    #[arg(long = "policies", value_name = "DIR", default_value = "policies")]
    dirs: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Output {
    /// One JSON document a line.
    Json,
    /// For people.
    #[default]
    Text,
}

#[derive(Args, Debug)]
struct CheckArgs {
    #[command(flatten)]
    folders: Folders,
    /// Catalogue (CSV: sku,name,vendor,group) to look for terms that match nothing.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Args, Debug)]
struct DiffArgs {
    /// Folder of the old policies.
    old: PathBuf,
    /// Folder of the new policies.
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

#[derive(Args, Debug)]
struct ExplainArgs {
    #[command(flatten)]
    folders: Folders,
    /// A rule, as `rule` or `policy/rule`; without one, transactions are explained.
    #[arg(conflicts_with_all = ["input", "at"])]
    rule: Option<String>,
    /// Transactions (JSONL); `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Judge every transaction at this instant.
    #[arg(long, value_name = "INSTANT", value_parser = parse_timestamp)]
    at: Option<Timestamp>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Args, Debug)]
struct TestArgs {
    #[command(flatten)]
    folders: Folders,
    /// Files of cases; without any, `cases/*.jsonl` in each folder of policies.
    cases: Vec<PathBuf>,
}

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("`{}`, line {line}: {reason}", path.display())]
    Data { path: PathBuf, line: usize, reason: String },
    #[error("`{}`: {error}", dir.display())]
    Ledger { dir: PathBuf, error: LedgerError },
    #[error("`{}` holds no ledger: there is no record in it", .0.display())]
    NoLedger(PathBuf),
    #[error("no case to run: {0}")]
    NoCases(String),
    #[error("no rule is named `{0}`")]
    NoRule(String),
    #[error("{0}")]
    Policies(#[from] PolicyErrors),
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Runs a command.
pub(crate) fn run(
    args: PolicyArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let done = match args.command {
        Command::Check(args) => run_check(&args, out, err, colour),
        Command::Diff(args) => run_diff(&args, out),
        Command::Explain(args) => run_explain(&args, out, err),
        Command::Replay(args) => replay::run(&args, out, err),
        Command::Test(args) => run_test(&args, out),
    };
    let stop = match done {
        Ok(exit) => return exit,
        Err(stop) => stop,
    };
    let text = match &stop {
        Stop::Policies(errors) => errors.render(colour),
        stop => format!("error: {stop}\n"),
    };
    let written = err.write_all(text.as_bytes());
    match stop {
        Stop::Ledger { error, .. } if !error.is_of_data() => Exit::Io,
        Stop::Data { .. } | Stop::Ledger { .. } | Stop::NoCases(_) | Stop::NoLedger(_) => {
            Exit::Data
        }
        Stop::NoRule(_) => Exit::Usage,
        Stop::Policies(errors) if errors.iter().all(is_data) && written.is_ok() => Exit::Data,
        Stop::Policies(_) | Stop::Unreadable { .. } | Stop::Write(_) => Exit::Io,
    }
}

/// An empty folder is bad data, one that cannot be read is not.
const fn is_data(error: &PolicyError) -> bool {
    match error {
        PolicyError::Empty(_) | PolicyError::Fault(_) => true,
        PolicyError::Unreadable { .. } => false,
    }
}

fn run_check(
    args: &CheckArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<Exit, Stop> {
    let texts = read_dirs(&args.folders.dirs)?;
    let rows = args.catalog.as_deref().map(|path| read_catalogue(path, &texts)).transpose()?;
    let findings = check(&texts, rows.as_deref(), SystemClock.now())?;
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    for finding in &findings {
        match args.output {
            Output::Json => {
                let fault = &finding.fault;
                let document = serde_json::json!({
                    "file": fault.file(), "line": fault.line(), "message": fault.message(),
                    "help": fault.help_text(), "severity": finding.severity,
                });
                writeln!(out, "{document}")?;
            }
            Output::Text => err.write_all(finding.render(colour).as_bytes())?,
        }
    }
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if args.output == Output::Text {
        let notes = count(Severity::Note);
        writeln!(
            out,
            "{} files: {errors} errors, {warnings} warnings, {notes} notes",
            texts.len()
        )?;
    }
    let failed = errors > 0 || (args.strict && warnings > 0);
    Ok(if failed { Exit::Data } else { Exit::Ok })
}

/// The rows of a catalogue; a group that no policy defines is a bad row.
fn read_catalogue(path: &Path, texts: &[PolicyText]) -> Result<Vec<CatalogueRow>, Stop> {
    #[derive(serde::Deserialize)]
    struct Row {
        sku: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        vendor: String,
        #[serde(default)]
        group: String,
    }
    let set = load_read(texts)?;
    let bytes = read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut rows = Vec::new();
    for (n, row) in csv::Reader::from_reader(bytes).deserialize::<Row>().enumerate() {
        let bad = |reason| Stop::Data { path: path.to_owned(), line: n.saturating_add(2), reason };
        let row = row.map_err(|error| bad(error.to_string()))?;
        let group = row.group.trim();
        if !group.is_empty() && group != "none" && !set.has_product(group) {
            return Err(bad(format!("no policy defines the group `{group}`")));
        }
        rows.push(CatalogueRow { name: row.name, sku: row.sku, vendor: row.vendor });
    }
    Ok(rows)
}

fn run_test(args: &TestArgs, out: &mut dyn Write) -> Result<Exit, Stop> {
    let set = load_read(&read_dirs(&args.folders.dirs)?)?;
    let files =
        if args.cases.is_empty() { cases_beside(&args.folders.dirs)? } else { args.cases.clone() };
    let (mut passed, mut failed) = (0_usize, 0_usize);
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let now = SystemClock.now();
    for path in &files {
        for (line, case) in read_cases(&read_text(path)?) {
            let bad = |reason: String| Stop::Data { path: path.clone(), line, reason };
            let case = case.map_err(|error| bad(error.to_string()))?;
            match run_case(&case, &set, &setting, now, &mut gather_stated) {
                CaseOutcome::Passed => passed = passed.saturating_add(1),
                CaseOutcome::Failed { expected, got, reason } => {
                    failed = failed.saturating_add(1);
                    writeln!(out, "{}:{line}: {} failed", path.display(), case.name)?;
                    writeln!(out, "  expected {expected}\n  got      {got}\n  {reason}")?;
                }
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Data })
}

fn cases_beside(dirs: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for dir in dirs.iter().map(|dir| dir.join("cases")).filter(|dir| dir.is_dir()) {
        let unreadable = |source| Stop::Unreadable { path: dir.clone(), source };
        for entry in fs::read_dir(&dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(path);
            }
        }
    }
    files.sort();
    if files.is_empty() {
        let dirs = dirs.iter().map(|dir| format!("`{}`", dir.join("cases").display()));
        return Err(Stop::NoCases(dirs.collect::<Vec<_>>().join(", ")));
    }
    Ok(files)
}

fn run_explain(args: &ExplainArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Stop> {
    let set = load_read(&read_dirs(&args.folders.dirs)?)?;
    if let Some(name) = &args.rule {
        let rules = describe_rules(&set, name);
        if rules.is_empty() {
            return Err(Stop::NoRule(name.clone()));
        }
        for rule in rules {
            match args.output {
                Output::Json => writeln!(out, "{}", serde_json::json!({ "rule": rule }))?,
                Output::Text => writeln!(out, "{rule}")?,
            }
        }
        return Ok(Exit::Ok);
    }
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut exit = Exit::Ok;
    for (line, transaction) in transactions(&args.input, &set)? {
        match transaction {
            Ok(transaction) => {
                let at = args.at.or(transaction.at).unwrap_or_else(|| SystemClock.now());
                let explanation = explain(&transaction, at, &set, &setting);
                match args.output {
                    Output::Json => {
                        let document = serde_json::to_string(&explanation);
                        writeln!(out, "{}", document.map_err(io::Error::from)?)?;
                    }
                    Output::Text => writeln!(out, "{explanation}")?,
                }
            }
            Err(error) => {
                exit = Exit::Data;
                writeln!(err, "error: line {line}: {error}")?;
            }
        }
    }
    Ok(exit)
}

fn run_diff(args: &DiffArgs, out: &mut dyn Write) -> Result<Exit, Stop> {
    let old = read_dirs(std::slice::from_ref(&args.old))?;
    let new = read_dirs(std::slice::from_ref(&args.new))?;
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

type Lines = Vec<(usize, Result<Transaction, TransactionError>)>;

/// The transactions of a JSONL file, with what they state of their address.
fn transactions(path: &Path, set: &PolicySet) -> Result<Lines, Stop> {
    let bytes = read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // Nothing follows the last newline.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let read = |line: &[u8]| {
        let mut transaction = Transaction::from_json(line)?;
        if set.judges(transaction.action) && !transaction.has_subject() {
            return Err(TransactionError::NothingToJudge(transaction.action));
        }
        gather_stated(&mut transaction);
        Ok(transaction)
    };
    Ok(lines.iter().enumerate().map(|(n, line)| (n.saturating_add(1), read(line))).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|source| Stop::Unreadable { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, Stop> {
    String::from_utf8(read(path)?).map_err(|error| Stop::Data {
        path: path.to_owned(),
        line: 1,
        reason: error.to_string(),
    })
}

/// Policies are tested by what they say themselves.
#[derive(Debug)]
struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}

#[cfg(test)]
mod tests;
