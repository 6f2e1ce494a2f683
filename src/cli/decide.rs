//! `interdict decide`: transactions from a file or a pipe, each answered on its own line.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::enforcement::Snapshot;
use crate::model::Transaction;

use super::complain;
use super::exit::Exit;
use super::snapshot::SnapshotArgs;

/// A longer line is a bad line: no transaction comes near, and memory stays bounded.
const MAX_LINE: u64 = 4 << 20;

/// Arguments of `decide`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DecideArgs {
    #[command(flatten)]
    by: SnapshotArgs,
    /// Transactions, one JSON object a line; `-` reads standard input.
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    input: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  interdict decide --policies policies --input transactions.jsonl
  echo '{\"action\":\"sale\",\"items\":[{\"name\":\"Kaspersky Plus\"}],\"buyer\":{\"billing_country\":\"US\"}}' | interdict decide

A bad line is answered with {\"error\":\"...\",\"line\":N} and does not stop the others; the exit code is then 65.";

#[derive(Serialize)]
struct LineError<'a> {
    error: &'a str,
    line: u64,
}

pub(super) fn run(
    args: &DecideArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let snapshot = match args.by.snapshot(err, colour) {
        Ok(snapshot) => snapshot,
        Err(exit) => return exit,
    };
    let input: Box<dyn Read> = if args.input.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        match File::open(&args.input) {
            Ok(file) => Box::new(file),
            Err(error) => {
                complain(err, &format_args!("cannot read `{}`: {error}", args.input.display()));
                return Exit::Io;
            }
        }
    };
    match lines(&snapshot, BufReader::new(input), out) {
        Ok(0) => Exit::Ok,
        Ok(bad) => {
            complain(err, &format_args!("{bad} bad line(s)"));
            Exit::Data
        }
        Err(error) => {
            complain(err, &error);
            Exit::Io
        }
    }
}

/// Answers every line; returns how many were bad.
fn lines(
    snapshot: &Snapshot,
    mut input: impl BufRead,
    out: &mut dyn Write,
) -> Result<u64, std::io::Error> {
    let mut line = Vec::new();
    let (mut number, mut bad) = (0_u64, 0_u64);
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(bad);
        }
        number = number.saturating_add(1);
        let whole =
            line.ends_with(b"\n") || line.len() < usize::try_from(MAX_LINE).unwrap_or(usize::MAX);
        let text =
            if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        if text.is_empty() {
            // A byte order mark and nothing after it: an empty file.
            return Ok(bad);
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let answered = if whole {
            answer(snapshot, text, out)?
        } else {
            skip_line(&mut input)?;
            Err("the line is too long".to_owned())
        };
        if let Err(error) = answered {
            bad = bad.saturating_add(1);
            serde_json::to_writer(&mut *out, &LineError { error: &error, line: number })?;
            out.write_all(b"\n")?;
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> Result<(), std::io::Error> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let read = newline.map_or(buffer.len(), |at| at.saturating_add(1));
        input.consume(read);
        if newline.is_some() {
            return Ok(());
        }
    }
}

fn answer(
    snapshot: &Snapshot,
    line: &[u8],
    out: &mut dyn Write,
) -> Result<Result<(), String>, std::io::Error> {
    if line.is_empty() {
        return Ok(Err("an empty line".to_owned()));
    }
    let mut transaction = match Transaction::from_json(line) {
        Ok(transaction) => transaction,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match snapshot.answer(&mut transaction, Timestamp::now()) {
        Ok(answer) => {
            let mut document = answer.decision.document(answer.id, snapshot.policies.revision());
            if answer.hypothetical {
                document = document.hypothetical();
            }
            serde_json::to_writer(&mut *out, &document)?;
            out.write_all(b"\n")?;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}
