//! `interdict policy replay`: what would have been decided.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::Timestamp;

use crate::ledger::LedgerError;
use crate::ledger::Reader;
use crate::ledger::SubjectKeys;
use crate::model::parse_timestamp;
use crate::policy::load_read;
use crate::policy::read_dirs;
use crate::replay::Outcome;
use crate::replay::Replayed;
use crate::replay::replay;

use super::Output;
use super::Stop;
use crate::cli::exit::Exit;

#[derive(Args, Debug)]
pub(super) struct ReplayArgs {
    /// Folder of the candidate policies (its own *.toml); may be repeated.
    #[arg(long = "policies", value_name = "DIR", required = true)]
    policies: Vec<PathBuf>,
    /// Folder of the ledger; works beside a running gateway.
    #[arg(value_name = "LEDGER")]
    dir: PathBuf,
    /// Only records from this instant on.
    #[arg(long, value_name = "INSTANT", value_parser = parse_timestamp)]
    from: Option<Timestamp>,
    /// Only records before this instant.
    #[arg(long, value_name = "INSTANT", value_parser = parse_timestamp)]
    to: Option<Timestamp>,
    /// List unchanged decisions too.
    #[arg(long)]
    all: bool,
    /// Exit with 65 if a verdict changes.
    #[arg(long)]
    exit_code: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// How many of each.
#[derive(Default)]
struct Count {
    changed: u64,
    not_replayable: u64,
    unchanged: u64,
    without: u64,
}

pub(super) fn run(
    args: &ReplayArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Stop> {
    let policies = load_read(&read_dirs(&args.policies)?)?;
    let stop = |error: LedgerError| Stop::Ledger { dir: args.dir.clone(), error };
    let mut reader = match args.from {
        Some(from) => Reader::open_near(&args.dir, from),
        None => Reader::open(&args.dir),
    }
    .map_err(stop)?;
    let keys = SubjectKeys::open(&args.dir).map_err(stop)?;
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} records, {per_sec}") {
        progress.set_style(style);
    }
    let mut count = Count::default();
    let mut seen = false;
    while let Some(record) = reader.next_record().map_err(stop)? {
        seen = true;
        progress.inc(1);
        if args.from.is_some_and(|from| record.instant < from) {
            continue;
        }
        if args.to.is_some_and(|to| record.instant >= to) {
            break;
        }
        let sequence = record.sequence;
        let view = record.view_with(&keys).map_err(stop)?;
        let replayed =
            replay(view, &policies).map_err(|_| stop(LedgerError::Unreadable { sequence }))?;
        let Some(replayed) = replayed else {
            count.without = count.without.saturating_add(1);
            continue;
        };
        let (counter, listed) = match &replayed.outcome {
            Outcome::Changed(_) => (&mut count.changed, true),
            Outcome::NotReplayable { .. } => (&mut count.not_replayable, true),
            Outcome::Unchanged => (&mut count.unchanged, args.all),
        };
        *counter = counter.saturating_add(1);
        if listed {
            progress.suspend(|| write(&replayed, args.output, out))?;
        }
    }
    progress.finish_and_clear();
    // A mistyped folder must not pass for a record of nothing.
    if !seen && !args.dir.join("ledger.pub").exists() {
        return Err(Stop::NoLedger(args.dir.clone()));
    }
    let Count { changed, not_replayable, unchanged, without } = count;
    writeln!(
        err,
        "{changed} changed, {unchanged} unchanged, {not_replayable} not replayable, {without} records of no decision"
    )?;
    Ok(if args.exit_code && changed > 0 { Exit::Data } else { Exit::Ok })
}

fn write(replayed: &Replayed, output: Output, out: &mut dyn Write) -> Result<(), Stop> {
    match output {
        Output::Json => {
            let line = serde_json::to_string(replayed).map_err(std::io::Error::other)?;
            writeln!(out, "{line}")?;
        }
        Output::Text => {
            let Replayed { at, id, outcome, .. } = replayed;
            match outcome {
                Outcome::Changed(change) => {
                    let (old, new) = (&change.old, &change.new);
                    writeln!(
                        out,
                        "{id}  {at}  {} -> {}",
                        old.verdict.as_str(),
                        new.verdict.as_str()
                    )?;
                    writeln!(out, "  recorded: {}", old.reason)?;
                    writeln!(out, "  now:      {}", new.reason)?;
                }
                Outcome::NotReplayable { reason } => {
                    writeln!(out, "{id}  {at}  not replayable: {reason}")?;
                }
                Outcome::Unchanged => writeln!(out, "{id}  {at}  unchanged")?,
            }
        }
    }
    Ok(())
}
