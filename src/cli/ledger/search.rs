//! `interdict ledger search`: asks the gateway that runs, or looks itself where none does.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::ledger::Hit;
use crate::ledger::LedgerError;
use crate::ledger::Query;
use crate::ledger::Reader;
use crate::ledger::SubjectKeys;
use crate::ledger::records_at;
use crate::ledger::search_files;

use crate::cli::complain;
use crate::cli::exit::Exit;

/// Records that are asked for at a time.
const PAGE: usize = 1_000;

/// Arguments of `ledger search`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct SearchArgs {
    /// Folder of the ledger.
    pub(super) dir: PathBuf,
    /// The buyer's account.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// A country of the buyer, such as US.
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// Not before this day or instant (UTC unless it says otherwise).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Id of the record, as in `Interdict-Decision`.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Kind of record, such as decision (docs/records.md).
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Most records to print, the newest first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// The buyer's nexus: us, foreign or unclear.
    #[arg(long, value_name = "NEXUS")]
    nexus: Option<String>,
    /// A product group, such as kaspersky.covered.
    #[arg(long, value_name = "PRODUCT")]
    product: Option<String>,
    /// The rule that decided, alone or as POLICY/RULE.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Before this day or instant.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// allow, review or block.
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  interdict ledger search /var/lib/interdict/ledger --account A-17
  interdict ledger search /var/lib/interdict/ledger --verdict block --country US --from 2026-11-01 --to 2026-12-01
  interdict ledger search /var/lib/interdict/ledger --id 01a21330-6d8f-7f9f-adab-f08c122d5695

All criteria must hold. Prints export views as JSONL, the newest first; what else there is to say goes to standard error.";

/// What the gateway answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Error { error: String },
    Found { index: Index, next: Option<u64>, sequences: Vec<u64> },
}

#[derive(Deserialize)]
struct Index {
    indexed: u64,
    records: u64,
    state: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the gateway says: {0}")]
    Gateway(String),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    #[error("{0}")]
    Output(#[from] io::Error),
}

pub(super) fn run(args: &SearchArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match search(args, out, err) {
        Ok(exit) => exit,
        Err(fault) => {
            complain(err, &fault);
            match fault {
                Fault::Ledger(error) if error.is_of_data() => Exit::Data,
                Fault::Gateway(_) | Fault::Ledger(_) | Fault::Output(_) => Exit::Io,
            }
        }
    }
}

fn search(args: &SearchArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Fault> {
    if Reader::open(&args.dir)?.is_empty() {
        let dir = args.dir.display();
        complain(err, &format_args!("`{dir}` holds no ledger: there is no segment in it"));
        return Ok(Exit::Data);
    }
    let keys = SubjectKeys::open(&args.dir)?;
    let mut query = args.query();
    let (mut left, mut told) = (args.limit, false);
    while left > 0 {
        query.limit = left.min(PAGE);
        let (hits, next) = page(&args.dir, &query, &mut told, err)?;
        left = left.saturating_sub(hits.len());
        for hit in hits {
            writeln!(out, "{}", Value::Object(hit.view(&keys)?))?;
        }
        let Some(next) = next else { break };
        query.before = Some(next);
    }
    Ok(Exit::Ok)
}

/// Some records, and where to go on.
fn page(
    dir: &Path,
    query: &Query,
    told: &mut bool,
    err: &mut dyn Write,
) -> Result<(Vec<Hit>, Option<u64>), Fault> {
    match ask(dir, query) {
        Ok(Answer::Found { index, next, sequences }) => {
            if index.state != "ready" && !std::mem::replace(told, true) {
                let Index { indexed, records, state } = index;
                writeln!(err, "index {state}: {indexed} of {records} records; the others are read")
                    .ok();
            }
            return Ok((records_at(dir, &sequences)?, next));
        }
        Ok(Answer::Error { error }) => return Err(Fault::Gateway(error)),
        // No gateway runs here, or one that does not listen to this user.
        Err(_) => {}
    }
    // Drawn on a terminal only, and only where there is something to read.
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent}% of {len} records read") {
        bar.set_style(style);
    }
    let found = search_files(dir, query, None, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok((found.hits, found.next))
}

fn ask(dir: &Path, query: &Query) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(dir.join("search.sock"))?;
    let mut line = serde_json::to_string(query)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

impl SearchArgs {
    fn query(&self) -> Query {
        Query {
            account: self.account.clone(),
            before: None,
            country: self.country.clone(),
            from: self.from,
            id: self.id.clone(),
            kind: self.kind.clone(),
            limit: self.limit,
            nexus: self.nexus.clone(),
            product: self.product.clone(),
            rule: self.rule.clone(),
            to: self.to,
            verdict: self.verdict.clone(),
        }
    }
}

/// A day, which begins at midnight UTC, or an instant.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day = text.parse::<Date>().ok();
    let day = day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
    let expected = "expected a day (2026-11-25) or an instant (2026-11-25T13:00:00Z)";
    day.ok_or_else(|| expected.to_owned())
}
