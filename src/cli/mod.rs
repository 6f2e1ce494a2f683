//! The command line (DESIGN 7, Contract): human text to stderr, data to stdout, colour only on a terminal.

mod decide;
mod exit;
mod health;
mod ledger;
mod operator;
mod pages;
mod policy;
mod registry;
mod screen;
mod serve;
mod snapshot;
mod witness;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;

use exit::Exit;

/// Stops prohibited sales and updates in front of real endpoints, and proves it.
#[derive(Debug, Parser)]
#[command(name = "interdict", version, about, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  interdict demo                                    see it work, in one command
  interdict serve --config /etc/interdict.toml      run the gateway
  interdict serve --upstream http://127.0.0.1:9000  in front of one server, with the shipped policies
  interdict decide --policies policies --input transactions.jsonl
  interdict policy check                            find what is wrong with policies
  interdict customers import --config /etc/interdict.toml customers.csv
  interdict ledger export /var/lib/interdict/ledger
  interdict operator add anna --role administrator --config /etc/interdict.toml

Exit codes: 0 ok, 64 usage, 65 bad data or failed verification, 74 input or output,
75 interrupted and can go on, 78 configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Import or export the catalogue.
    Catalog(registry::CatalogArgs),
    /// Do all that `serve` does, short of binding.
    Check(serve::CheckArgs),
    /// Print a completion script for a shell.
    Completions(pages::CompletionsArgs),
    /// Import or export the customers.
    Customers(registry::CustomersArgs),
    /// Decide transactions: JSONL in, JSONL out, in the same order.
    Decide(decide::DecideArgs),
    /// A sample shop and mirror with the gateway in front, in one command.
    Demo(serve::DemoArgs),
    /// Ask a running gateway whether it can serve.
    Health(health::HealthArgs),
    /// Verify, search, export, report on, seal, hold or erase from the durable record.
    Ledger(ledger::LedgerArgs),
    /// Print the manual page, or write a page for every command.
    Man(pages::ManArgs),
    /// Add, list, change or remove the people who use the control plane.
    Operator(operator::OperatorArgs),
    /// Check, test, explain, compare, sign and verify policies.
    Policy(policy::PolicyArgs),
    /// Screen past orders: a CSV file in, findings and a report out.
    Screen(screen::ScreenArgs),
    /// Run the gateway.
    Serve(serve::ServeArgs),
    /// Cosign the checkpoints of other companies' logs.
    Witness(witness::WitnessArgs),
}

/// Runs the command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut err = std::io::stderr();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let colour = err.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let exit = match cli.command {
        Command::Catalog(args) => registry::catalog(&args, &mut out, &mut err, colour),
        Command::Customers(args) => registry::customers(&args, &mut out, &mut err, colour),
        Command::Check(args) => serve::check(&args, &mut err, colour),
        Command::Completions(args) => pages::completions(&args, Cli::command(), &mut out),
        Command::Decide(args) => decide::run(&args, &mut out, &mut err, colour),
        Command::Demo(args) => serve::demo(&args, &mut out, &mut err, colour),
        Command::Health(args) => health::run(&args, &mut out, &mut err, colour),
        Command::Ledger(args) => ledger::run(&args, &mut out, &mut err),
        Command::Man(args) => pages::man(&args, Cli::command(), &mut out, &mut err),
        Command::Operator(args) => operator::run(&args, &mut out, &mut err, colour),
        Command::Policy(args) => policy::run(args, &mut out, &mut err, colour),
        Command::Screen(args) => screen::run(&args, &mut err, colour),
        Command::Serve(args) => serve::serve(&args, &mut err, colour),
        Command::Witness(args) => witness::run(&args, &mut out, &mut err),
    };
    if out.flush().is_err() && exit == Exit::Ok {
        return Exit::Io.into();
    }
    exit.into()
}

/// clap's own text, under the exit code of the contract.
fn usage(error: &clap::Error) -> Exit {
    let printed = error.print().is_ok();
    match error.use_stderr() {
        true => Exit::Usage,
        false if printed => Exit::Ok,
        false => Exit::Io,
    }
}

/// Says what went wrong; a stderr that nobody reads changes nothing.
fn complain(err: &mut dyn Write, message: &dyn std::fmt::Display) {
    writeln!(err, "interdict: {message}").ok();
}
