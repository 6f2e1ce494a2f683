//! `interdict ledger erase`, `hold` and `seal`: what the law asks of a record that cannot be changed, beside a running server.

use std::io::BufRead;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::ledger::Done;
use crate::ledger::Hold;
use crate::ledger::Holds;
use crate::ledger::LedgerError;
use crate::ledger::LedgerSettings;
use crate::ledger::Order;
use crate::ledger::Scope;
use crate::ledger::SigningSettings;
use crate::ledger::carry_out;
use crate::settings::Ledger;
use crate::settings::PersonalParts;

use crate::cli::complain;
use crate::cli::exit::Exit;

/// Arguments of `ledger erase`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  interdict ledger erase /var/lib/interdict/ledger --subject account:A-17 --reason 'request of 2026-11-20' --by 'J. Doe'\n\nThe log stays whole and verifies; what was encrypted for the subject can be read by nobody, nor restored from this machine.\nKeys in backups are destroyed with the backups. Exit codes: 0 erased, 65 refused (a legal hold, or no key), 74 the ledger cannot be\nwritten or the server does not answer, 64 usage."
)]
pub(super) struct EraseArgs {
    /// Folder of the ledger.
    dir: PathBuf,
    /// Whose personal parts: `account:A-17`, `email:jane@shop.example`, `network:203.0.113.0/24`, `record:<id>`.
    #[arg(long)]
    subject: String,
    /// Why; kept in the record of the erasure. Name no person in it.
    #[arg(long)]
    reason: String,
    /// Who erases; kept as well.
    #[arg(long)]
    by: String,
    /// The log's signing key, where it does not lie beside the folder; used where no server runs.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Arguments of `ledger hold`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  interdict ledger hold /var/lib/interdict/ledger add --name case-17 --reason 'subpoena' --subject account:A-17\n  interdict ledger hold /var/lib/interdict/ledger list\n  interdict ledger hold /var/lib/interdict/ledger release --name case-17 --reason 'case closed'"
)]
pub(super) struct HoldArgs {
    /// Folder of the ledger.
    pub(super) dir: PathBuf,
    #[command(subcommand)]
    command: HoldCommand,
}

#[derive(Debug, Subcommand)]
enum HoldCommand {
    /// Lay a legal hold; without a scope it is on all records.
    #[command(
        after_help = "Example:\n  interdict ledger hold /var/lib/interdict/ledger add --name audit-2026 --reason 'BIS request' --from 2026-01-01 --to 2026-06-30"
    )]
    Add {
        #[command(flatten)]
        about: AboutArgs,
        /// On the records about a subject, such as `account:A-17`.
        #[arg(long, conflicts_with_all = ["from", "to", "id"])]
        subject: Option<String>,
        /// On the records from this day (UTC) or instant on.
        #[arg(long, requires = "to", value_parser = begin)]
        from: Option<Timestamp>,
        /// On the records to the end of this day (UTC), or to this instant.
        #[arg(long, requires = "from", value_parser = end)]
        to: Option<Timestamp>,
        /// On one record.
        #[arg(long, conflicts_with_all = ["from", "to"])]
        id: Option<String>,
    },
    /// Print the holds as JSONL.
    #[command(after_help = "Example:\n  interdict ledger hold /var/lib/interdict/ledger list")]
    List,
    /// Take a hold away.
    #[command(
        after_help = "Example:\n  interdict ledger hold /var/lib/interdict/ledger release --name audit-2026 --reason 'answered'"
    )]
    Release {
        #[command(flatten)]
        about: AboutArgs,
    },
}

#[derive(Args, Debug)]
struct AboutArgs {
    /// What the hold is called: up to 64 letters, digits, `-_.`.
    #[arg(long)]
    name: String,
    /// Why; kept in the record of it. Name no person in it.
    #[arg(long)]
    reason: String,
    /// Who asks; kept as well.
    #[arg(long)]
    by: Option<String>,
    /// The log's signing key, where it does not lie beside the folder; used where no server runs.
    #[arg(long)]
    key: Option<PathBuf>,
}

/// Arguments of `ledger seal`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  interdict ledger seal /var/lib/interdict/ledger --before 2026-10-01\n\nThe last segment is never sealed. A running server seals in the background."
)]
pub(super) struct SealArgs {
    /// Folder of the ledger.
    dir: PathBuf,
    /// Only segments whose last record is of before this day (UTC) or instant.
    #[arg(long, value_parser = begin)]
    before: Option<Timestamp>,
}

/// Destroys a subject's keys.
pub(super) fn erase(args: &EraseArgs, err: &mut dyn Write) -> Exit {
    let EraseArgs { dir, subject, reason, by, key, yes } = args;
    if let Some(exit) = absent(dir, err) {
        return exit;
    }
    if !yes && std::io::stdin().is_terminal() {
        write!(err, "Destroy all keys of `{subject}`, for ever? Type yes: ").ok();
        err.flush().ok();
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.is_err() || line.trim() != "yes" {
            complain(err, &"nothing was erased");
            return Exit::Usage;
        }
    }
    let (by, reason, subject) = (by.clone(), reason.clone(), subject.clone());
    done(carry_out(settings(dir, key.as_deref()), Order::Erase { by, reason, subject }), err)
}

/// Lays, lists and releases legal holds.
pub(super) fn hold(args: &HoldArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let dir = &args.dir;
    if let Some(exit) = absent(dir, err) {
        return exit;
    }
    let (about, order) = match &args.command {
        HoldCommand::List => {
            return match Holds::of(dir).list().map(|holds| print(&holds, out)) {
                Ok(Ok(())) => Exit::Ok,
                Ok(Err(error)) => {
                    complain(err, &format!("cannot write the holds: {error}"));
                    Exit::Io
                }
                Err(error) => failed(&error, err),
            };
        }
        HoldCommand::Add { about, subject, from, to, id } => {
            let scope = match (subject, from.zip(*to), id) {
                (Some(subject), ..) => Scope::Subject(subject.clone()),
                (None, Some((from, to)), _) => Scope::Between { from, to },
                (None, None, Some(id)) => Scope::Record { id: id.clone(), seq: 0 },
                (None, None, None) => Scope::All,
            };
            let AboutArgs { name, reason, by, .. } = about;
            let (by, name, reason) = (by.clone(), name.clone(), reason.clone());
            (about, Order::Hold { by, name, reason, scope })
        }
        HoldCommand::Release { about } => {
            let AboutArgs { name, reason, by, .. } = about;
            let (by, name, reason) = (by.clone(), name.clone(), reason.clone());
            (about, Order::Release { by, name, reason })
        }
    };
    done(carry_out(settings(dir, about.key.as_deref()), order), err)
}

/// Seals closed segments.
pub(super) fn seal(args: &SealArgs, err: &mut dyn Write) -> Exit {
    if let Some(exit) = absent(&args.dir, err) {
        return exit;
    }
    let order = Order::Seal { before: args.before };
    done(carry_out(LedgerSettings::new(&args.dir), order), err)
}

/// A mistyped folder must not become a ledger.
fn absent(dir: &Path, err: &mut dyn Write) -> Option<Exit> {
    if dir.join("ledger.lock").exists() {
        return None;
    }
    complain(err, &format!("`{}` holds no ledger: there is no `ledger.lock` in it", dir.display()));
    Some(Exit::Data)
}

/// How the command opens the ledger where no server has it. What was ever encrypted or masked is so from here too.
fn settings(dir: &Path, key: Option<&Path>) -> LedgerSettings {
    let key = key.map_or_else(|| Ledger::key_beside(dir), Path::to_owned);
    let subjects = std::fs::read_dir(dir.join("subjects")).into_iter().flatten().flatten();
    let names: Vec<_> = subjects.map(|entry| entry.file_name()).collect();
    let any =
        |beginning: &str| names.iter().any(|name| name.to_string_lossy().starts_with(beginning));
    let personal = match (any("keys-"), any("secret")) {
        (true, _) => PersonalParts::Sealed,
        (false, true) => PersonalParts::Masked,
        (false, false) => PersonalParts::Clear,
    };
    // Without the key the record waits for the server's next start to be in a checkpoint.
    let signing = key.exists().then_some(SigningSettings { key, origin: None });
    LedgerSettings { personal, signing, ..LedgerSettings::new(dir) }
}

fn print(holds: &[Hold], out: &mut dyn Write) -> std::io::Result<()> {
    for hold in holds {
        writeln!(out, "{}", serde_json::to_string(hold)?)?;
    }
    out.flush()
}

fn done(done: Result<Done, LedgerError>, err: &mut dyn Write) -> Exit {
    let told = match done {
        Ok(Done::Erased { keys: 0, sequence }) => {
            format!("all keys were destroyed before; record {sequence} says so")
        }
        Ok(Done::Erased { keys, sequence }) => {
            format!("erased: {keys} keys destroyed; record {sequence} says so")
        }
        Ok(Done::Held { sequence }) => format!("done; record {sequence} says so"),
        Ok(Done::Sealed { before, after, segments }) => {
            format!("{segments} segments sealed: {before} bytes are {after}")
        }
        Ok(Done::Sealing) => "the server seals in the background; its log tells".to_owned(),
        Err(error) => return failed(&error, err),
    };
    writeln!(err, "{told}").ok();
    Exit::Ok
}

fn failed(error: &LedgerError, err: &mut dyn Write) -> Exit {
    complain(err, error);
    if error.is_of_data() { Exit::Data } else { Exit::Io }
}

/// A day (UTC) from its beginning, or an instant.
fn begin(text: &str) -> Result<Timestamp, String> {
    moment(text, false)
}

/// A day (UTC) to its end, or an instant.
fn end(text: &str) -> Result<Timestamp, String> {
    moment(text, true)
}

fn moment(text: &str, end: bool) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "`{text}` is neither a day such as 2026-10-01 nor an instant such as 2026-10-01T12:00:00Z"
        )
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let last = if end { day.tomorrow().map_err(|_| wrong())? } else { day };
    let instant = Offset::UTC.to_timestamp(last.at(0, 0, 0, 0)).map_err(|_| wrong())?;
    let step = jiff::SignedDuration::from_micros(i64::from(end));
    instant.checked_sub(step).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_held_to_its_last_microsecond() {
        assert_eq!(begin("2026-10-01").unwrap().to_string(), "2026-10-01T00:00:00Z");
        assert_eq!(end("2026-10-01").unwrap().to_string(), "2026-10-01T23:59:59.999999Z");
        let instant = "2026-10-01T12:00:00Z";
        assert_eq!(end(instant).unwrap().to_string(), instant);
        assert!(begin("yesterday").is_err());
    }
}
