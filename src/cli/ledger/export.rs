//! `interdict ledger export`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;

use crate::evidence::EvidenceError;
use crate::evidence::Export;
use crate::evidence::Filter;
use crate::evidence::Walked;
use crate::evidence::each;
use crate::ledger::Reader;
use crate::output::FileError;
use crate::output::Overwrite;
use crate::output::WholeFile;

use super::Bar;
use super::Exit;
use super::complain;
use super::filter::FilterArgs;
use super::per_second;
use super::tiles;

/// Arguments of `ledger export`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExportArgs {
    /// Folder of the ledger.
    dir: PathBuf,
    /// How records are written.
    #[arg(long, value_enum, default_value_t = FormatArg::Jsonl)]
    format: FormatArg,
    /// Write to this file instead of standard output; it has its name once it is whole. Of `tiles`, a folder that is empty or absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace FILE if it is there.
    #[arg(long, requires = "out")]
    force: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

const EXAMPLES: &str = "\
Examples:
  interdict ledger export /var/lib/interdict/ledger > decisions.jsonl
  interdict ledger export /var/lib/interdict/ledger --format csv --out november.csv --from 2026-11-01 --to 2026-12-01
  interdict ledger export /var/lib/interdict/ledger --format tiles --out for-the-auditor
  interdict ledger export /var/lib/interdict/ledger --format parquet --out refused.parquet --kind decision --verdict block

All conditions must hold. The columns of CSV and Parquet are told in docs/reports.md.";

/// A format by its name on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    /// A table: one row a record, cells that no spreadsheet runs.
    Csv,
    /// Each record's own JSON object, one a line.
    Jsonl,
    /// The same table, typed and compressed; needs --out.
    Parquet,
    /// All that is published as a folder of C2SP tlog-tiles with the evidence beside it; needs --out, and takes no condition.
    Tiles,
}

pub(super) fn run(args: &ExportArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let began = Instant::now();
    if let (FormatArg::Tiles, Some(folder)) = (args.format, &args.out) {
        return match args.filter.filter(err) {
            Ok(filter) if filter == Filter::default() => tiles::run(&args.dir, folder, err),
            Ok(_) => {
                complain(err, &"tiles hold the whole log: leave the conditions out");
                Exit::Usage
            }
            Err(exit) => exit,
        };
    }
    let walked = args.filter.filter(err).and_then(|filter| exported(args, &filter, out, err));
    let walked = match walked {
        Ok(walked) => walked,
        Err(exit) => return exit,
    };
    super::torn(err, walked.torn.as_ref());
    let (admitted, read) = (walked.admitted, walked.read);
    let rate = per_second(read, began.elapsed());
    if admitted == read {
        writeln!(err, "{read} records, {rate}/s").ok();
    } else {
        writeln!(err, "{admitted} records of {read} read, {rate}/s").ok();
    }
    Exit::Ok
}

fn exported(
    args: &ExportArgs,
    filter: &Filter,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Walked, Exit> {
    let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Never };
    let file = args.out.as_deref().map(|path| WholeFile::create(path, overwrite)).transpose();
    let mut file = file.map_err(|error| file_failed(&error, err))?;
    let export = match (args.format, &mut file) {
        (FormatArg::Csv, Some(file)) => Export::csv(file),
        (FormatArg::Csv, None) => Export::csv(out),
        (FormatArg::Jsonl, Some(file)) => Ok(Export::jsonl(file)),
        (FormatArg::Jsonl, None) => Ok(Export::jsonl(out)),
        (FormatArg::Parquet, None) => {
            complain(err, &"Parquet is no stream: write it to a file with --out FILE");
            return Err(Exit::Usage);
        }
        (FormatArg::Tiles, _) => {
            complain(err, &"tiles are many files: name a folder for them with --out FOLDER");
            return Err(Exit::Usage);
        }
        #[cfg(feature = "parquet")]
        (FormatArg::Parquet, Some(file)) => Export::parquet(file),
        #[cfg(not(feature = "parquet"))]
        (FormatArg::Parquet, Some(_)) => {
            complain(err, &"this program was built without the feature `parquet`");
            return Err(Exit::Usage);
        }
    };
    let walked = export.and_then(|export| walked(args, filter, export));
    let walked = walked.map_err(|error| super::evidence_failed(&error, err))?;
    if walked.read == 0 {
        // Perhaps no ledger at all: nothing is left behind under the file's name.
        let reader = Reader::open(&args.dir).map_err(|error| super::failed(&error, err))?;
        if reader.is_empty() {
            return Err(super::no_ledger(&args.dir, err));
        }
    }
    if let Some(file) = file {
        file.finish().map_err(|error| file_failed(&error, err))?;
    }
    Ok(walked)
}

fn walked(
    args: &ExportArgs,
    filter: &Filter,
    mut export: Export<'_>,
) -> Result<Walked, EvidenceError> {
    let bar = Bar::over(&args.dir);
    let walked = each(&args.dir, filter, &mut |progress| bar.tell(progress), &mut |entry| {
        export.put(entry)
    })?;
    export.finish()?;
    Ok(walked)
}

/// How a file that could not be written ends the command.
pub(super) fn file_failed(error: &FileError, err: &mut dyn Write) -> Exit {
    complain(err, error);
    match error {
        FileError::Exists(_) | FileError::NoName(_) => Exit::Usage,
        FileError::Io { .. } => Exit::Io,
    }
}
