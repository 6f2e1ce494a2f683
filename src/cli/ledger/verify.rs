//! `interdict ledger verify`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::ledger::verify;

use super::Exit;

/// Arguments of `ledger verify`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  interdict ledger verify /var/lib/interdict/ledger")]
pub(super) struct VerifyArgs {
    /// Folder of the ledger.
    dir: PathBuf,
}

pub(super) fn run(args: &VerifyArgs, err: &mut dyn Write) -> Exit {
    match verify(&args.dir) {
        Ok(report) => {
            super::torn(err, report.torn.as_ref());
            if report.segments == 0 {
                return super::no_ledger(&args.dir, err);
            }
            let (records, segments) = (report.records, report.segments);
            writeln!(err, "ok: {records} records in {segments} segments").ok();
            Exit::Ok
        }
        Err(error) => super::failed(&error, err),
    }
}
