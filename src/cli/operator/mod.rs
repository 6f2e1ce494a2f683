//! `interdict operator`: the people who use the control plane, beside a running server.

mod secret;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;

use crate::model::Clock;
use crate::model::Role;
use crate::model::Roles;
use crate::model::SystemClock;
use crate::operators::Account;
use crate::operators::AccountName;
use crate::operators::LastAdministrator;
use crate::operators::New;
use crate::operators::Operators;
use crate::operators::OperatorsError;
use crate::operators::Password;
use crate::operators::Standing;

use super::complain;
use super::exit::Exit;

use secret::SecretError;

/// Arguments of `operator`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct OperatorArgs {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  interdict operator add anna --role administrator --config /etc/interdict.toml
  interdict operator add ben --role reviewer --role auditor --name \"Ben Ito\" --config /etc/interdict.toml
  interdict operator list --config /etc/interdict.toml
  interdict operator password anna --config /etc/interdict.toml
  interdict operator disable ben --config /etc/interdict.toml

Give the configuration that the server has: without it the store is the one in your own state directory.
A running server takes every change over at its next request. What each role may do: docs/operators.md.";

const ADD_EXAMPLES: &str = "\
Examples:
  interdict operator add anna --role administrator --config /etc/interdict.toml
  interdict operator add anna --role administrator --generate --config /etc/interdict.toml
  pass show interdict/anna | interdict operator add anna --role administrator --config /etc/interdict.toml

The password is asked for twice on a terminal, and is otherwise the first line of standard input; it is never an argument.
12 to 256 characters, any of them; a few words that do not belong together are a good one.";

const PASSWORD_EXAMPLES: &str = "\
Examples:
  interdict operator password anna --config /etc/interdict.toml
  interdict operator password anna --generate --config /etc/interdict.toml

Whoever is signed in to the account is signed in no more.";

const ROLES_EXAMPLES: &str = "\
Example:
  interdict operator roles ben --role reviewer --role auditor --config /etc/interdict.toml

The roles named are all that the operator has then. Whoever is signed in to the account is signed in no more.";

const LIST_EXAMPLES: &str = "\
Examples:
  interdict operator list --config /etc/interdict.toml
  interdict operator list --output json --store /var/lib/interdict/store";

const NAME_EXAMPLES: &str = "\
Examples:
  interdict operator disable ben --config /etc/interdict.toml
  interdict operator enable ben --config /etc/interdict.toml
  interdict operator remove ben --config /etc/interdict.toml

Whoever is signed in to the account is signed in no more.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Add an operator.
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddArgs),
    /// Keep an operator out, without forgetting who that was.
    #[command(after_help = NAME_EXAMPLES)]
    Disable(GuardedArgs),
    /// Let an operator in again.
    #[command(after_help = NAME_EXAMPLES)]
    Enable(NameArgs),
    /// Tell who there is.
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Give an operator another password.
    #[command(after_help = PASSWORD_EXAMPLES)]
    Password(PasswordArgs),
    /// Remove an operator.
    #[command(after_help = NAME_EXAMPLES)]
    Remove(GuardedArgs),
    /// Give an operator other roles.
    #[command(after_help = ROLES_EXAMPLES)]
    Roles(RolesArgs),
}

#[derive(Args, Debug)]
struct Place {
    /// Configuration that names the store; without one, the store in the state directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the store, in place of the configured one.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct NameArgs {
    /// The operator.
    #[arg(value_name = "NAME")]
    name: AccountName,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct GuardedArgs {
    /// Even if nobody is left then who manages operators.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    named: NameArgs,
}

#[derive(Args, Debug)]
struct RolesArgs {
    #[command(flatten)]
    guarded: GuardedArgs,
    /// What the operator may do; repeat for more.
    #[arg(long = "role", value_name = "ROLE", required = true, value_delimiter = ',', value_parser = role())]
    roles: Vec<Role>,
}

#[derive(Args, Debug)]
struct SecretArgs {
    /// Make a password, and print it once to standard output.
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,
    /// Read the password from the first line of standard input, even if that is a terminal.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args, Debug)]
struct AddArgs {
    /// What the person is called.
    #[arg(long = "name", value_name = "TEXT")]
    display: Option<String>,
    #[command(flatten)]
    named: NameArgs,
    /// What the operator may do; repeat for more.
    #[arg(long = "role", value_name = "ROLE", required = true, value_delimiter = ',', value_parser = role())]
    roles: Vec<Role>,
    #[command(flatten)]
    secret: SecretArgs,
}

#[derive(Args, Debug)]
struct PasswordArgs {
    #[command(flatten)]
    named: NameArgs,
    #[command(flatten)]
    secret: SecretArgs,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Output {
    /// One JSON document a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Why a command did not do what it was asked.
enum Failure {
    /// Told already.
    Exit(Exit),
    Operators(OperatorsError),
    Secret(SecretError),
}

pub(super) fn run(
    args: &OperatorArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let done = match &args.command {
        Command::Add(args) => add(args, out, err, colour),
        Command::Disable(args) => stand(&args.named, Standing::Disabled, args.last(), err, colour),
        Command::Enable(args) => {
            stand(args, Standing::Enabled, LastAdministrator::Keep, err, colour)
        }
        Command::List(args) => list(args, out, err, colour),
        Command::Password(args) => password(args, out, err, colour),
        Command::Remove(args) => remove(args, err, colour),
        Command::Roles(args) => roles(args, err, colour),
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(Failure::Exit(exit)) => exit,
        Err(Failure::Operators(error)) => {
            complain(err, &error);
            exit_of(&error)
        }
        Err(Failure::Secret(error)) => {
            complain(err, &error);
            error.exit()
        }
    }
}

fn add(
    args: &AddArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<(), Failure> {
    let operators = args.named.place.open(err, colour)?;
    let name = args.named.name.clone();
    // Before a password is asked for in vain; `add` asks again under the lock.
    if operators.find(name.as_str())?.is_some() {
        return Err(OperatorsError::Exists { name }.into());
    }
    let password = args.secret.password(&name)?;
    let new = New {
        name: name.as_str(),
        display: args.display.as_deref(),
        roles: args.roles.iter().copied().collect(),
        password: &password,
    };
    let account = operators.add(&new, &secret::actor(), SystemClock.now())?;
    writeln!(err, "`{name}` is an operator now: {}", named(account.roles)).ok();
    args.secret.show(&password, out, err)?;
    warn_without_administrator(&operators, err)
}

fn password(
    args: &PasswordArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<(), Failure> {
    let operators = args.named.place.open(err, colour)?;
    let name = args.named.name.clone();
    if operators.find(name.as_str())?.is_none() {
        return Err(OperatorsError::Unknown { name }.into());
    }
    let password = args.secret.password(&name)?;
    operators.set_password(name.as_str(), &password, &secret::actor(), SystemClock.now())?;
    writeln!(err, "`{name}` has another password; its sessions are void").ok();
    args.secret.show(&password, out, err)
}

fn roles(args: &RolesArgs, err: &mut dyn Write, colour: bool) -> Result<(), Failure> {
    let NameArgs { name, place } = &args.guarded.named;
    let operators = place.open(err, colour)?;
    let (by, at) = (secret::actor(), SystemClock.now());
    let roles = args.roles.iter().copied().collect();
    let account = operators.set_roles(name.as_str(), roles, args.guarded.last(), &by, at)?;
    writeln!(err, "`{name}` is now: {}", named(account.roles)).ok();
    warn_without_administrator(&operators, err)
}

fn stand(
    args: &NameArgs,
    standing: Standing,
    last: LastAdministrator,
    err: &mut dyn Write,
    colour: bool,
) -> Result<(), Failure> {
    let operators = args.place.open(err, colour)?;
    let (by, at) = (secret::actor(), SystemClock.now());
    operators.set_standing(args.name.as_str(), standing, last, &by, at)?;
    writeln!(err, "`{}` is {}", args.name, standing.as_str()).ok();
    warn_without_administrator(&operators, err)
}

fn remove(args: &GuardedArgs, err: &mut dyn Write, colour: bool) -> Result<(), Failure> {
    let NameArgs { name, place } = &args.named;
    let operators = place.open(err, colour)?;
    operators.remove(name.as_str(), args.last(), &secret::actor(), SystemClock.now())?;
    writeln!(err, "`{name}` is an operator no more").ok();
    warn_without_administrator(&operators, err)
}

fn list(
    args: &ListArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<(), Failure> {
    let operators = args.place.open(err, colour)?;
    let accounts = operators.list()?;
    let written = match args.output {
        Output::Json => accounts.iter().try_for_each(|account| {
            serde_json::to_writer(&mut *out, account)?;
            writeln!(out)
        }),
        Output::Text => table(&accounts, out),
    };
    written.map_err(|_| Failure::Exit(Exit::Io))?;
    if accounts.is_empty() {
        let path = operators.path().display();
        writeln!(err, "no operators in `{path}`; the first: interdict operator add --help").ok();
    }
    Ok(())
}

fn table(accounts: &[Account], out: &mut dyn Write) -> std::io::Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let head = ["NAME", "CALLED", "STATE", "ROLES", "CHANGED", "BY"].map(str::to_owned);
    let row = |account: &Account| {
        [
            account.name.to_string(),
            account.display.clone().unwrap_or_else(|| "-".to_owned()),
            account.standing.as_str().to_owned(),
            named(account.roles),
            account.changed.strftime("%Y-%m-%d %H:%M").to_string(),
            account.changed_by.clone(),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(accounts.iter().map(row)).collect();
    let mut widths = [0_usize; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Whoever has no administrator has nobody who could do in the console what this command does.
fn warn_without_administrator(operators: &Operators, err: &mut dyn Write) -> Result<(), Failure> {
    if !operators.list()?.iter().any(Account::administers) {
        writeln!(err, "warning: there is no enabled administrator").ok();
    }
    Ok(())
}

fn named(roles: Roles) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}

fn role() -> impl TypedValueParser<Value = Role> {
    let names = PossibleValuesParser::new(Role::ALL.map(Role::as_str));
    names.try_map(|name| Role::parse(&name).ok_or("no such role"))
}

const fn exit_of(error: &OperatorsError) -> Exit {
    match error {
        OperatorsError::Damaged { .. }
        | OperatorsError::Exists { .. }
        | OperatorsError::Exposed { .. }
        | OperatorsError::LastAdministrator { .. }
        | OperatorsError::Password(_)
        | OperatorsError::Unknown { .. } => Exit::Data,
        OperatorsError::Display | OperatorsError::Name | OperatorsError::NoRoles => Exit::Usage,
        OperatorsError::Io { .. } | OperatorsError::NoHash => Exit::Io,
    }
}

impl Place {
    fn open(&self, err: &mut dyn Write, colour: bool) -> Result<Operators, Failure> {
        // A folder that is named needs no configuration, which may be another machine's.
        let dir = match (&self.store, &self.config) {
            (Some(dir), None) => dir.clone(),
            (store, config) => {
                let config = super::serve::configuration(config.as_deref(), err, colour);
                let config = config.map_err(Failure::Exit)?;
                store.clone().unwrap_or(config.store.dir)
            }
        };
        Ok(Operators::open(&dir)?)
    }
}

impl GuardedArgs {
    const fn last(&self) -> LastAdministrator {
        match self.force {
            true => LastAdministrator::MayGo,
            false => LastAdministrator::Keep,
        }
    }
}

impl SecretArgs {
    fn password(&self, name: &AccountName) -> Result<Password, Failure> {
        let password = match self.generate {
            true => return Ok(Password::generate()?),
            false => secret::ask(name, self.password_stdin).map_err(Failure::Secret)?,
        };
        password.check(name).map_err(OperatorsError::from)?;
        Ok(password)
    }

    fn show(
        &self,
        password: &Password,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<(), Failure> {
        if !self.generate {
            return Ok(());
        }
        writeln!(err, "the password, which is shown this once:").ok();
        let shown = writeln!(out, "{}", password.expose()).and_then(|()| out.flush());
        shown.map_err(|_| Failure::Exit(Exit::Io))
    }
}

impl From<OperatorsError> for Failure {
    fn from(error: OperatorsError) -> Self {
        Self::Operators(error)
    }
}
