//! `interdict policy`: what policy authors and compliance officers run before a policy goes live.
//!
//! Answers go to `out`, faults and findings for people to `err`. Exit codes are sysexits (DESIGN 7).

mod check;
mod diff;
mod explain;
mod input;
mod key;
mod replay;
mod sign;
mod soundness;
mod test;
mod verify;

use std::io;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::app::PolicyKeysError;
use crate::bundle::BundleError;
use crate::bundle::KeyFileError;
use crate::bundle::TrustError;
use crate::ledger::LedgerError;
use crate::output::FileError;
use crate::policy::PolicyError;
use crate::policy::PolicyErrors;

use super::exit::Exit;

use check::CheckArgs;
use diff::DiffArgs;
use explain::ExplainArgs;
use key::KeyArgs;
use replay::ReplayArgs;
use sign::SignArgs;
use test::TestArgs;
use verify::VerifyArgs;

/// Check, test, explain, compare, sign and verify policies.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  interdict policy check\n  interdict policy test\n  \
    interdict policy explain --input orders.jsonl\n  interdict policy diff policies policies.new\n  \
    interdict policy sign --key alice.pem --policies policies --version 7 --out 7.bundle.json")]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find mistakes that compile.
    #[command(after_help = "Examples:\n  interdict policy check\n  \
        interdict policy check --policies policies --catalog catalog.csv --strict")]
    Check(CheckArgs),
    /// Compare two folders or bundles of policies.
    #[command(after_help = "Examples:\n  interdict policy diff policies policies.new\n  \
        interdict policy diff policies 7.bundle.json\n  \
        interdict policy diff policies policies.new --input orders.jsonl --exit-code")]
    Diff(DiffArgs),
    /// Say why a transaction is decided as it is, or what a rule says.
    #[command(after_help = "Examples:\n  interdict policy explain resale-by-us-seller\n  \
        interdict policy explain --input orders.jsonl --at 2024-09-29T00:00:00-04:00")]
    Explain(ExplainArgs),
    /// Make a key to sign policies with.
    Key(KeyArgs),
    /// Decide recorded transactions again under other policies, and list every verdict that changes.
    #[command(
        after_help = "Examples:\n  interdict policy replay --policies policies.new /var/lib/interdict/ledger\n  \
        interdict policy replay --policies policies.new --from 2026-01-01T00:00:00Z --output json ledger"
    )]
    Replay(ReplayArgs),
    /// Make a signed bundle of a folder of policies, or add a signature to a bundle.
    Sign(SignArgs),
    /// Run the cases beside the policies.
    #[command(after_help = "Examples:\n  interdict policy test\n  \
        interdict policy test --policies policies --policies policies/examples policies/examples/cases/*.jsonl")]
    Test(TestArgs),
    /// Verify who signed a bundle of policies, and that its policies are sound.
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct Folders {
    /// Folder whose *.toml are the policies; may be repeated.
    #[arg(long = "policies", value_name = "DIR", default_value = "policies")]
    dirs: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Output {
    /// One JSON document a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("`{}`: {error}", path.display())]
    Bundle { path: PathBuf, error: BundleError },
    #[error("`{}`, line {line}: {reason}", path.display())]
    Data { path: PathBuf, line: usize, reason: String },
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{0}")]
    KeyFile(#[from] KeyFileError),
    #[error("{0}")]
    Keys(#[from] PolicyKeysError),
    #[error("`{}`: {error}", dir.display())]
    Ledger { dir: PathBuf, error: LedgerError },
    #[error("`{}` holds no ledger: there is no record in it", .0.display())]
    NoLedger(PathBuf),
    #[error("no case to run: {0}")]
    NoCases(String),
    #[error("no rule is named `{0}`")]
    NoRule(String),
    #[error("{0}")]
    Policies(#[from] PolicyErrors),
    #[error("{0}")]
    Trust(#[from] TrustError),
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Usage(String),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Runs a command.
pub(crate) fn run(
    args: PolicyArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let done = match args.command {
        Command::Check(args) => check::run(&args, out, err, colour),
        Command::Diff(args) => diff::run(&args, out),
        Command::Explain(args) => explain::run(&args, out, err),
        Command::Key(args) => key::run(&args, out, err),
        Command::Replay(args) => replay::run(&args, out, err),
        Command::Sign(args) => sign::run(&args, out, err, colour),
        Command::Test(args) => test::run(&args, out),
        Command::Verify(args) => verify::run(&args, out, err, colour),
    };
    let stop = match done {
        Ok(exit) => return exit,
        Err(stop) => stop,
    };
    let text = match &stop {
        Stop::Policies(errors) | Stop::Bundle { error: BundleError::Folder(errors), .. } => {
            errors.render(colour)
        }
        stop => format!("error: {stop}\n"),
    };
    let written = err.write_all(text.as_bytes());
    match stop {
        Stop::Bundle { error, .. } if error.is_io() => Exit::Io,
        Stop::KeyFile(KeyFileError::Io { .. }) => Exit::Io,
        Stop::Ledger { error, .. } if !error.is_of_data() => Exit::Io,
        Stop::Keys(_) => Exit::Config,
        Stop::Bundle { .. }
        | Stop::KeyFile(_)
        | Stop::Data { .. }
        | Stop::Ledger { .. }
        | Stop::NoCases(_)
        | Stop::NoLedger(_) => Exit::Data,
        Stop::NoRule(_) | Stop::Trust(_) | Stop::Usage(_) => Exit::Usage,
        Stop::File(FileError::Exists(_) | FileError::NoName(_)) => Exit::Usage,
        Stop::Policies(errors) if errors.iter().all(is_data) && written.is_ok() => Exit::Data,
        Stop::File(_) | Stop::Policies(_) | Stop::Unreadable { .. } | Stop::Write(_) => Exit::Io,
    }
}

/// An empty folder is bad data, one that cannot be read is not.
const fn is_data(error: &PolicyError) -> bool {
    match error {
        PolicyError::Empty(_) | PolicyError::Fault(_) => true,
        PolicyError::Unreadable { .. } => false,
    }
}

#[cfg(test)]
mod tests;
