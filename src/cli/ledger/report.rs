//! `interdict ledger report`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::evidence::EvidenceError;
use crate::evidence::Made;
use crate::evidence::ProofStatus;
use crate::evidence::report_of;
use crate::output::Overwrite;
use crate::output::WholeFile;

use super::Bar;
use super::Exit;
use super::complain;
use super::export::file_failed;
use super::filter::PeriodArgs;
use super::verify::log_key;

/// Arguments of `ledger report`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReportArgs {
    /// Folder of the ledger.
    dir: PathBuf,
    /// The file to write; it has its name once it is whole.
    #[arg(long, value_name = "report.html")]
    out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
    /// Verify the ledger under the log's public key first: a file such as ledger.pub, or its line.
    #[arg(long, value_name = "PUB")]
    key: Option<String>,
    #[command(flatten)]
    period: PeriodArgs,
}

const EXAMPLES: &str = "\
Examples:
  interdict ledger report /var/lib/interdict/ledger --out report.html
  interdict ledger report /var/lib/interdict/ledger --out 2026.html --from 2026-01-01 --to 2027-01-01 --key ledger.pub

The file fetches nothing and runs nothing; print it to PDF from any browser. How figures are counted: docs/reports.md.";

pub(super) fn run(args: &ReportArgs, err: &mut dyn Write) -> Exit {
    match reported(args, err) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn reported(args: &ReportArgs, err: &mut dyn Write) -> Result<Exit, Exit> {
    let filter = args.period.filter(err)?;
    let key = args.key.as_deref().map(|given| log_key(given, err)).transpose()?;
    let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Never };
    let file = WholeFile::create(&args.out, overwrite);
    let mut file = file.map_err(|error| file_failed(&error, err))?;
    let bar = Bar::over(&args.dir);
    let made = report_of(&args.dir, filter, key, Timestamp::now(), &mut |progress| {
        bar.tell(progress);
    });
    drop(bar);
    let Made { page, proof, tally, walked } =
        made.map_err(|error| super::evidence_failed(&error, err))?;
    super::torn(err, walked.torn.as_ref());
    if let ProofStatus::Failed { reason } = &proof {
        complain(err, reason);
    }
    let written = file.write_all(page.as_bytes()).map_err(EvidenceError::from);
    written.map_err(|error| super::evidence_failed(&error, err))?;
    file.finish().map_err(|error| file_failed(&error, err))?;
    let counts = tally.decisions();
    writeln!(
        err,
        "{} records: {} decisions, {} blocked, {} held, {} allowed\n{}",
        tally.records(),
        counts.all(),
        counts.block,
        counts.review,
        counts.allow,
        args.out.display()
    )
    .ok();
    Ok(match proof {
        ProofStatus::Failed { .. } => Exit::Data,
        ProofStatus::NotVerified | ProofStatus::Verified { .. } => Exit::Ok,
    })
}
