//! `interdict ledger`: verify and export, beside a running server.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::ledger::LedgerError;
use crate::ledger::TornTail;
use crate::ledger::export;
use crate::ledger::verify;

use super::complain;
use super::exit::Exit;
use super::search;
use super::search::SearchArgs;

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
  interdict ledger search /var/lib/interdict/ledger --account A-17";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write every record as JSONL to standard output.
    #[command(
        after_help = "Example:\n  interdict ledger export /var/lib/interdict/ledger > decisions.jsonl"
    )]
    Export {
        /// Folder of the ledger.
        dir: PathBuf,
    },
    /// Find records by account, product, rule, verdict, country, kind, nexus, time or id.
    Search(Box<SearchArgs>),
    /// Read every byte again and report the first defect; exit 65 if there is one.
    #[command(after_help = "Example:\n  interdict ledger verify /var/lib/interdict/ledger")]
    Verify {
        /// Folder of the ledger.
        dir: PathBuf,
    },
}

pub(super) fn run(args: &LedgerArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let done = match &args.command {
        Command::Search(args) => return search::run(args, out, err),
        Command::Export { dir } => export(dir, out).and_then(|summary| {
            torn(err, summary.torn.as_ref());
            writeln!(err, "{} records", summary.records).ok();
            Ok(summary.records > 0 || verify(dir)?.segments > 0)
        }),
        Command::Verify { dir } => verify(dir).map(|report| {
            torn(err, report.torn.as_ref());
            if report.segments > 0 {
                let (records, segments) = (report.records, report.segments);
                writeln!(err, "ok: {records} records in {segments} segments").ok();
            }
            report.segments > 0
        }),
    };
    match done {
        Ok(true) => Exit::Ok,
        // A ledger has a segment from its first start on. A mistyped folder must not pass for a sound record of nothing.
        Ok(false) => {
            let dir = match &args.command {
                Command::Export { dir } | Command::Verify { dir } => dir,
                Command::Search(args) => &args.dir,
            };
            complain(
                err,
                &format!("`{}` holds no ledger: there is no segment in it", dir.display()),
            );
            Exit::Data
        }
        Err(error @ LedgerError::Defective(_)) => {
            complain(err, &error);
            Exit::Data
        }
        Err(error) => {
            complain(err, &error);
            Exit::Io
        }
    }
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
