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
use super::prove;
use super::prove::ProveArgs;
use super::tiles;

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
  interdict ledger prove /var/lib/interdict/ledger 0197c5d0-7e1c-7c3a-9d52-0f6f6f1f0c11 --out decision.tlog-proof";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write every record as JSONL to standard output.
    #[command(
        after_help = "Example:\n  interdict ledger export /var/lib/interdict/ledger > decisions.jsonl"
    )]
    Export {
        /// Folder of the ledger.
        dir: PathBuf,
        /// `jsonl` to standard output, or `tiles`: the whole published log as a folder of C2SP tlog-tiles with the evidence beside it.
        #[arg(long, value_name = "FORMAT", default_value = "jsonl", value_parser = ["jsonl", "tiles"])]
        format: String,
        /// Folder to write `tiles` to; empty or absent.
        #[arg(long, value_name = "FOLDER", required_if_eq("format", "tiles"))]
        out: Option<PathBuf>,
    },
    /// Write the proof of one record, in a file that needs nothing else.
    Prove(ProveArgs),
    /// Read every byte again and report the first defect; exit 65 if there is one.
    #[command(after_help = "Example:\n  interdict ledger verify /var/lib/interdict/ledger")]
    Verify {
        /// Folder of the ledger.
        dir: PathBuf,
    },
}

pub(super) fn run(args: &LedgerArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let done = match &args.command {
        Command::Prove(args) => return prove::run(args, out, err),
        Command::Export { dir, out: Some(folder), format } if format == "tiles" => {
            return tiles::run(dir, folder, err);
        }
        Command::Export { dir, .. } => export(dir, out).and_then(|summary| {
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
            if let Command::Export { dir, .. } | Command::Verify { dir } = &args.command {
                let dir = dir.display();
                complain(err, &format!("`{dir}` holds no ledger: there is no segment in it"));
            }
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
