//! `interdict policy explain`: why a transaction is decided as it is, or what a rule says.

use std::io;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::model::Clock;
use crate::model::SystemClock;
use crate::model::parse_timestamp;
use crate::policy::Reseller;
use crate::policy::Setting;
use crate::policy::explain::describe_rules;
use crate::policy::explain::explain;
use crate::policy::load_read;
use crate::policy::read_dirs;

use super::Folders;
use super::Output;
use super::Stop;
use super::input::NoCatalogue;
use super::input::transactions;
use crate::cli::exit::Exit;

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    folders: Folders,
    /// A rule, as `rule` or `policy/rule`; without one, transactions are explained.
    #[arg(conflicts_with_all = ["input", "at"])]
    rule: Option<String>,
    /// Transactions (JSONL); `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Judge every transaction at this instant.
    #[arg(long, value_name = "INSTANT", value_parser = parse_timestamp)]
    at: Option<Timestamp>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(
    args: &ExplainArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Stop> {
    let set = load_read(&read_dirs(&args.folders.dirs)?)?;
    if let Some(name) = &args.rule {
        let rules = describe_rules(&set, name);
        if rules.is_empty() {
            return Err(Stop::NoRule(name.clone()));
        }
        for rule in rules {
            match args.output {
                Output::Json => writeln!(out, "{}", serde_json::json!({ "rule": rule }))?,
                Output::Text => writeln!(out, "{rule}")?,
            }
        }
        return Ok(Exit::Ok);
    }
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut exit = Exit::Ok;
    for (line, transaction) in transactions(&args.input, &set)? {
        match transaction {
            Ok(transaction) => {
                let at = args.at.or(transaction.at).unwrap_or_else(|| SystemClock.now());
                let explanation = explain(&transaction, at, &set, &setting);
                match args.output {
                    Output::Json => {
                        let document = serde_json::to_string(&explanation);
                        writeln!(out, "{}", document.map_err(io::Error::from)?)?;
                    }
                    Output::Text => writeln!(out, "{explanation}")?,
                }
            }
            Err(error) => {
                exit = Exit::Data;
                writeln!(err, "error: line {line}: {error}")?;
            }
        }
    }
    Ok(exit)
}
