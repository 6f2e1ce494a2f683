//! `interdict policy test`: the cases beside the policies.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::model::Clock;
use crate::model::SystemClock;
use crate::policy::PolicySet;
use crate::policy::Reseller;
use crate::policy::Setting;
use crate::policy::cases::CaseOutcome;
use crate::policy::cases::gather_stated;
use crate::policy::cases::read_cases;
use crate::policy::cases::run_case;
use crate::policy::load_read;
use crate::policy::read_dirs;

use super::Folders;
use super::Stop;
use super::input::NoCatalogue;
use super::input::read_text;
use crate::cli::exit::Exit;

#[derive(Args, Debug)]
pub(super) struct TestArgs {
    #[command(flatten)]
    folders: Folders,
    /// Files of cases; without any, `cases/*.jsonl` in each folder of policies.
    cases: Vec<PathBuf>,
}

/// How many cases agreed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) failed: usize,
    pub(super) passed: usize,
}

pub(super) fn run(args: &TestArgs, out: &mut dyn Write) -> Result<Exit, Stop> {
    let set = load_read(&read_dirs(&args.folders.dirs)?)?;
    let files =
        if args.cases.is_empty() { cases_beside(&args.folders.dirs)? } else { args.cases.clone() };
    let mut counts = Counts::default();
    for path in &files {
        run_cases(path, &read_text(path)?, &set, &mut counts, out)?;
    }
    let Counts { failed, passed } = counts;
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Data })
}

/// Runs the cases of one file; each that fails is told.
pub(super) fn run_cases(
    path: &Path,
    text: &str,
    set: &PolicySet,
    counts: &mut Counts,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let now = SystemClock.now();
    for (line, case) in read_cases(text) {
        let bad = |reason: String| Stop::Data { path: path.to_owned(), line, reason };
        let case = case.map_err(|error| bad(error.to_string()))?;
        match run_case(&case, set, &setting, now, &mut gather_stated) {
            CaseOutcome::Passed => counts.passed = counts.passed.saturating_add(1),
            CaseOutcome::Failed { expected, got, reason } => {
                counts.failed = counts.failed.saturating_add(1);
                writeln!(out, "{}:{line}: {} failed", path.display(), case.name)?;
                writeln!(out, "  expected {expected}\n  got      {got}\n  {reason}")?;
            }
        }
    }
    Ok(())
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
