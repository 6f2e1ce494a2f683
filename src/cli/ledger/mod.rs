//! `interdict ledger`: verify and export, beside a running server.

mod verify;

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::ledger::LedgerError;
use crate::ledger::TornTail;
use crate::ledger::export;

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
  interdict ledger export /var/lib/interdict/ledger > decisions.jsonl";

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
    /// Recompute everything from raw bytes and report the first defect; exit 65 if there is one.
    Verify(verify::VerifyArgs),
}

pub(super) fn run(args: &LedgerArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match &args.command {
        Command::Export { dir } => exported(dir, out, err),
        Command::Verify(args) => verify::run(args, out, err),
    }
}

fn exported(dir: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let done = export(dir, out).and_then(|summary| {
        torn(err, summary.torn.as_ref());
        writeln!(err, "{} records", summary.records).ok();
        Ok(summary.records > 0 || crate::ledger::verify(dir)?.segments > 0)
    });
    match done {
        Ok(true) => Exit::Ok,
        Ok(false) => no_ledger(dir, err),
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
