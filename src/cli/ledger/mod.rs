//! `interdict ledger`: verify, export and report, beside a running server.

mod export;
mod filter;
mod prove;
mod report;
mod retention;
mod search;
mod tiles;
mod verify;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::evidence::EvidenceError;
use crate::evidence::Progress;
use crate::evidence::bytes;
use crate::ledger::LedgerError;
use crate::ledger::TornTail;

use super::complain;
use super::exit::Exit;

/// Arguments of `ledger`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct LedgerArgs {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  interdict ledger verify /var/lib/interdict/ledger
  interdict ledger export /var/lib/interdict/ledger > decisions.jsonl
  interdict ledger search /var/lib/interdict/ledger --account A-17
  interdict ledger prove /var/lib/interdict/ledger 0197c5d0-7e1c-7c3a-9d52-0f6f6f1f0c11 --out decision.tlog-proof
  interdict ledger report /var/lib/interdict/ledger --out report.html";

#[derive(Debug, Subcommand)]
enum Command {
    /// Destroy the keys of a subject's encrypted personal parts, for ever.
    Erase(retention::EraseArgs),
    /// Write records as JSONL, CSV or Parquet.
    Export(export::ExportArgs),
    /// Lay, list and release legal holds.
    Hold(retention::HoldArgs),
    /// Write the proof of one record, in a file that needs nothing else.
    Prove(prove::ProveArgs),
    /// Write a report that can be handed in: one HTML file, ready to print.
    Report(report::ReportArgs),
    /// Compress closed segments.
    Seal(retention::SealArgs),
    /// Find records by account, product, rule, verdict, country, kind, nexus, time or id.
    Search(search::SearchArgs),
    /// Recompute everything from raw bytes and report the first defect; exit 65 if there is one.
    Verify(verify::VerifyArgs),
}

pub(super) fn run(args: &LedgerArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match &args.command {
        Command::Erase(args) => retention::erase(args, err),
        Command::Hold(args) => retention::hold(args, out, err),
        Command::Seal(args) => retention::seal(args, err),
        Command::Export(args) => export::run(args, out, err),
        Command::Prove(args) => prove::run(args, out, err),
        Command::Report(args) => report::run(args, err),
        Command::Search(args) => search::run(args, out, err),
        Command::Verify(args) => verify::run(args, out, err),
    }
}

/// A ledger has a segment from its first start on. A mistyped folder must not pass for a sound record of nothing.
fn no_ledger(dir: &Path, err: &mut dyn Write) -> Exit {
    complain(err, &format!("`{}` holds no ledger: there is no segment in it", dir.display()));
    Exit::Data
}

/// The last record may be on its way, or its writer was killed; either way it was never answered for.
fn torn(err: &mut dyn Write, tail: Option<&TornTail>) {
    if let Some(tail) = tail {
        writeln!(
            err,
            "{}: the last {} bytes from {} are no whole record",
            tail.segment, tail.bytes, tail.offset
        )
        .ok();
    }
}

/// How a ledger's fault ends the command.
fn failed(error: &LedgerError, err: &mut dyn Write) -> Exit {
    complain(err, error);
    match error {
        error if error.is_of_data() => Exit::Data,
        _ => Exit::Io,
    }
}

/// How a fault on the way to a file of evidence ends the command.
fn evidence_failed(error: &EvidenceError, err: &mut dyn Write) -> Exit {
    match error {
        EvidenceError::Ledger(error) => failed(error, err),
        EvidenceError::Audit(_) | EvidenceError::Page(_) | EvidenceError::Write(_) => {
            complain(err, error);
            Exit::Io
        }
        EvidenceError::NoLedger(_) | EvidenceError::Unreadable { .. } => {
            complain(err, error);
            Exit::Data
        }
    }
}

/// A bar over the segments' bytes, drawn on a terminal only.
struct Bar(ProgressBar);

impl Bar {
    fn over(dir: &Path) -> Self {
        let bar = ProgressBar::new(bytes(dir));
        let style = "{wide_bar} {percent}% {msg}, {eta} left";
        bar.set_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self(bar)
    }

    fn tell(&self, progress: Progress) {
        let length = self.0.length().unwrap_or(u64::MAX);
        self.0.set_position(progress.bytes.min(length));
        let rate = per_second(progress.records, self.0.elapsed());
        self.0.set_message(format!("{} records, {rate}/s", progress.records));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn per_second(records: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    records.saturating_mul(1000).checked_div(millis).unwrap_or(0)
}
