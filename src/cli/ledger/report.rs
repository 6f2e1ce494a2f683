//! `interdict ledger report`.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::audit::AuditError;
use crate::audit::Options;
use crate::audit::VerifierKey;
use crate::audit::verify_dir;
use crate::evidence::EvidenceError;
use crate::evidence::ProofStatus;
use crate::evidence::ReportAbout;
use crate::evidence::Tally;
use crate::evidence::each;
use crate::evidence::report;
use crate::ledger::Reader;
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
    let mut tally = Tally::default();
    let bar = Bar::over(&args.dir);
    let walked =
        each(&args.dir, &filter, &mut |progress| bar.tell(progress), &mut |entry| tally.add(entry));
    drop(bar);
    let walked = walked.map_err(|error| super::evidence_failed(&error, err))?;
    super::torn(err, walked.torn.as_ref());
    if walked.read == 0 {
        let reader = Reader::open(&args.dir).map_err(|error| super::failed(&error, err))?;
        if reader.is_empty() {
            return Err(super::no_ledger(&args.dir, err));
        }
    }
    let about = ReportAbout {
        by: concat!("interdict ", env!("CARGO_PKG_VERSION")).to_owned(),
        filter,
        log: log(&args.dir),
        made: Timestamp::now(),
    };
    let proof = proof(&args.dir, key, err)?;
    let page = report(&about, &tally, &proof);
    let page = page.map_err(|error| super::evidence_failed(&error, err))?;
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

/// The log's name and key id, as `ledger.pub` in the folder has them: `<origin>+<key id>+<key>`.
fn log(dir: &Path) -> Option<(String, String)> {
    let text = std::fs::read_to_string(dir.join("ledger.pub")).ok()?;
    let mut parts = text.trim().splitn(3, '+');
    let (origin, id) = (parts.next()?, parts.next()?);
    (!origin.is_empty() && id.len() == 8).then(|| (origin.to_owned(), id.to_owned()))
}

/// Verifies the ledger from its raw bytes, where a key was given. The folder's own key would prove only that it agrees with itself.
fn proof(dir: &Path, key: Option<VerifierKey>, err: &mut dyn Write) -> Result<ProofStatus, Exit> {
    if key.is_none() {
        return Ok(ProofStatus::NotVerified);
    }
    let options = Options { key, ..Options::default() };
    let audited = match verify_dir(dir, &options, &mut |_, _| {}) {
        Ok(audited) => audited,
        Err(AuditError::Defective(defect)) => {
            complain(err, &defect);
            return Ok(ProofStatus::Failed { reason: defect.to_string() });
        }
        Err(error) => {
            complain(err, &error);
            return Err(Exit::Io);
        }
    };
    let (Some(published), Some(key)) = (audited.published, audited.key) else {
        let reason = "the folder has no signed checkpoint".to_owned();
        complain(err, &reason);
        return Ok(ProofStatus::Failed { reason });
    };
    let (size, unpublished) = (published.size, audited.unpublished);
    Ok(ProofStatus::Verified { key, root: published.root.to_string(), size, unpublished })
}
