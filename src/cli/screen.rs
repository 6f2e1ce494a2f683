//! `interdict screen`: past orders from a CSV file to findings and a report.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::Timestamp;
use tokio::signal::unix::SignalKind;

use crate::config::order_map;
use crate::enforcement::Snapshot;
use crate::screening::Ended;
use crate::screening::Fingerprint;
use crate::screening::Output;
use crate::screening::Progress;
use crate::screening::ScreenError;
use crate::screening::Screening;
use crate::screening::Shown;
use crate::screening::Tally;
use crate::screening::header;

use super::complain;
use super::exit::Exit;
use super::snapshot::SnapshotArgs;

/// Arguments of `screen`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ScreenArgs {
    /// Past orders: CSV in UTF-8 with a header line.
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Which column is what (docs/screening.md).
    #[arg(long, value_name = "MAP.toml")]
    map: PathBuf,
    /// Name of the report: REPORT.csv, REPORT.html and, if any row is bad, REPORT.bad.csv.
    #[arg(long, value_name = "REPORT")]
    out: PathBuf,
    /// Write every row to REPORT.csv, not only those that are blocked or held.
    #[arg(long)]
    all: bool,
    /// Start over where an interrupted run has left something.
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    by: SnapshotArgs,
}

const EXAMPLES: &str = "\
Examples:
  interdict screen orders_export.csv --map deploy/screen/shopify.toml --out report
  interdict screen orders.csv --map map.toml --out report --config /etc/interdict.toml

An interrupted run leaves REPORT.partial, and the same command goes on from there.
Exit codes: 0 every row was decided, 65 some rows could not be read and are listed by line in REPORT.bad.csv,
74 input or output, 75 interrupted, 78 the map or the configuration is wrong.";

pub(super) fn run(args: &ScreenArgs, err: &mut dyn Write, colour: bool) -> Exit {
    match prepared(args, err, colour) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn prepared(args: &ScreenArgs, err: &mut dyn Write, colour: bool) -> Result<Exit, Exit> {
    let output = Output::new(&args.out, &[&args.file, &args.map]).map_err(|error| {
        complain(err, &error);
        Exit::Usage
    })?;
    let unreadable = |err: &mut dyn Write, error: &std::io::Error| {
        complain(err, &format_args!("cannot read `{}`: {error}", args.file.display()));
        match error.kind() {
            std::io::ErrorKind::InvalidData => Exit::Data,
            _ => Exit::Io,
        }
    };
    let size = File::open(&args.file).and_then(|file| file.metadata());
    let size = size.map_err(|error| unreadable(err, &error))?.len();
    let mut bad_header = None;
    let map = order_map(&args.map, |delimiter| {
        let titles = File::open(&args.file).and_then(|file| header(file, delimiter));
        titles.map_err(|error| bad_header = Some(error)).ok()
    });
    let map = map.map_err(|errors| {
        let text = if colour { errors.snippets(true) } else { format!("{errors}\n") };
        write!(err, "{text}").ok();
        Exit::Config
    })?;
    if let Some(error) = bad_header {
        return Err(unreadable(err, &error));
    }
    let snapshot = args.by.snapshot(err, colour)?;
    let fingerprint = fingerprint(args, &snapshot).map_err(|error| {
        complain(err, &error);
        Exit::Io
    })?;
    if args.restart && output.partial().is_dir() {
        std::fs::remove_dir_all(output.partial()).map_err(|error| {
            complain(err, &format_args!("cannot remove `{}`: {error}", output.partial().display()));
            Exit::Io
        })?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(&stop);
    let screening = Screening {
        fingerprint,
        map: &map,
        output: &output,
        shown: if args.all { Shown::All } else { Shown::Findings },
        snapshot: &snapshot,
        source: &args.file,
        started: Timestamp::now(),
        stop: &stop,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    Ok(screened(&screening, size, err))
}

fn screened(screening: &Screening<'_>, size: u64, err: &mut dyn Write) -> Exit {
    // Drawn on a terminal only.
    let bar = ProgressBar::new(size);
    let style = "{wide_bar} {percent}% {msg}, {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let (began, mut first) = (Instant::now(), None);
    let mut last = 0;
    let ended = screening.run(&mut |progress: Progress| {
        if first.is_none() {
            first = Some(progress);
            bar.set_position(progress.bytes);
            bar.reset_eta();
        }
        last = progress.rows;
        let before = first.map_or(0, |first| first.rows);
        bar.set_position(progress.bytes);
        bar.set_message(format!(
            "{} rows, {} rows/s",
            progress.rows,
            rate(progress.rows.saturating_sub(before), began.elapsed())
        ));
    });
    bar.finish_and_clear();
    match ended {
        Ok(Ended::Complete(tally)) => {
            told(screening.output, &tally, began.elapsed(), err);
            if tally.bad > 0 { Exit::Data } else { Exit::Ok }
        }
        Ok(Ended::Interrupted(tally)) => {
            complain(
                err,
                &format_args!(
                    "interrupted after {} rows; the same command goes on from there, --restart starts over",
                    tally.rows
                ),
            );
            Exit::Unfinished
        }
        Err(error) => {
            complain(err, &error);
            match error {
                ScreenError::Changed { .. } => Exit::Usage,
                ScreenError::Busy(_) | ScreenError::Io { .. } => Exit::Io,
            }
        }
    }
}

fn told(output: &Output, tally: &Tally, took: Duration, err: &mut dyn Write) {
    let orders = tally.orders;
    writeln!(
        err,
        "{} rows in {:.1} s, {} rows/s: {} orders allowed, {} blocked, {} held",
        tally.rows,
        took.as_secs_f64(),
        rate(tally.rows, took),
        orders.allow,
        orders.block,
        orders.review
    )
    .ok();
    writeln!(err, "{}\n{}", output.report().display(), output.findings().display()).ok();
    if let Some((line, problem)) = tally.bad_rows.first() {
        let file = output.bad_rows();
        writeln!(
            err,
            "{}: {} bad row(s), the first: line {line}: {problem}",
            file.display(),
            tally.bad
        )
        .ok();
    }
}

fn rate(rows: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    rows.saturating_mul(1000).checked_div(millis).unwrap_or(0)
}

/// Everything that the findings depend on.
fn fingerprint(args: &ScreenArgs, snapshot: &Snapshot) -> Result<Fingerprint, std::io::Error> {
    let mut fingerprint = Fingerprint::default();
    fingerprint.add_source(&args.file)?;
    fingerprint.add_file("map", &args.map)?;
    fingerprint.add("policies", &**snapshot.policies.revision());
    fingerprint.add("version of the program", env!("CARGO_PKG_VERSION"));
    fingerprint.add("--all", args.all.to_string());
    if let Some(file) = &args.by.catalog {
        fingerprint.add_file("catalogue", file)?;
    }
    for (name, file) in args.by.files() {
        fingerprint.add_file(name, &file)?;
    }
    Ok(fingerprint)
}

/// Sets `stop` on the first SIGINT or SIGTERM. Where no signal can be waited for, the system's own way of ending stays, and
/// the last checkpoint is what the next run goes on from.
fn stop_on_signal(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let wait = |kind| tokio::signal::unix::signal(kind);
            let signals = (wait(SignalKind::interrupt()), wait(SignalKind::terminate()));
            let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}
