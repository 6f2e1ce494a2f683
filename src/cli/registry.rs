//! `interdict catalog` and `interdict customers`: the registry's tables in and out of the store, beside a running server.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::app;
use crate::config::Config;
use crate::registry::Progress;
use crate::registry::RegistryError;
use crate::registry::Step;
use crate::registry::Store;
use crate::registry::Table;

use super::complain;
use super::exit::Exit;

/// Arguments of `catalog`.
#[derive(Args, Debug)]
#[command(after_help = CATALOGUE_EXAMPLES)]
pub(super) struct CatalogArgs {
    #[command(subcommand)]
    command: Command,
}

/// Arguments of `customers`.
#[derive(Args, Debug)]
#[command(after_help = CUSTOMERS_EXAMPLES)]
pub(super) struct CustomersArgs {
    #[command(subcommand)]
    command: Command,
}

const CATALOGUE_EXAMPLES: &str = "\
Examples:
  interdict catalog import --config /etc/interdict.toml catalog.csv
  interdict catalog export --config /etc/interdict.toml - > catalog.csv

Columns: sku,name,vendor,group. One bad row and nothing is taken; every bad row is told with its line, exit code 65.";

const CUSTOMERS_EXAMPLES: &str = "\
Examples:
  interdict customers import --config /etc/interdict.toml customers.csv
  interdict customers export --config /etc/interdict.toml - > customers.csv

Columns: account,license_key,organization_country,billing_country,billing_region,parent_country,citizenship,
permanent_resident_of,us_person,email. One bad row and nothing is taken; every bad row is told with its line, exit code 65.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  interdict catalog export --config /etc/interdict.toml - > catalog.csv
  interdict customers export --config /etc/interdict.toml customers.csv";

const IMPORT_EXAMPLES: &str = "\
Examples:
  interdict catalog import --config /etc/interdict.toml catalog.csv
  interdict customers import --config /etc/interdict.toml customers.csv

Give the configuration that the server has: without it the store is the one in your own state directory.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the table in the store as CSV.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(FileArgs),
    /// Put a CSV file in place of the table in the store; a running server takes it over.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(FileArgs),
}

#[derive(Args, Debug)]
struct FileArgs {
    /// Configuration that names the store; without one, the store in the state directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the store, in place of the configured one.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The CSV file; `-` is standard input or output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn catalog(
    args: &CatalogArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    run(Table::Catalogue, &args.command, out, err, colour)
}

pub(super) fn customers(
    args: &CustomersArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    run(Table::Customers, &args.command, out, err, colour)
}

fn run(
    table: Table,
    command: &Command,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let (Command::Export(args) | Command::Import(args)) = command;
    let config = match super::serve::configuration(args.config.as_deref(), err, colour) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let store = Store::new(args.store.as_ref().unwrap_or(&config.store.dir));
    match command {
        Command::Export(_) => export(table, &store, &args.file, out, err),
        Command::Import(_) => import(table, &store, &args.file, &config, err, colour),
    }
}

fn export(
    table: Table,
    store: &Store,
    file: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let csv = match store.export(table) {
        Ok(csv) => csv,
        Err(error) => return failed(&error, err),
    };
    let written = match file.as_os_str() == "-" {
        true => out.write_all(&csv),
        // Licence keys are in it: its owner's alone.
        false => File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(file)
            .and_then(|mut file| file.write_all(&csv).and_then(|()| file.sync_all())),
    };
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(err, &format_args!("cannot write `{}`: {error}", file.display()));
            Exit::Io
        }
    }
}

fn import(
    table: Table,
    store: &Store,
    file: &Path,
    config: &Config,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let mut csv = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().read_to_end(&mut csv),
        false => File::open(file).and_then(|mut file| file.read_to_end(&mut csv)),
    };
    if let Err(error) = read {
        complain(err, &format_args!("cannot read `{}`: {error}", file.display()));
        return Exit::Io;
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(
        "{msg:>6} [{bar:40}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
    ) {
        bar.set_style(style.progress_chars("=> "));
    }
    let mut told = |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_message(match progress.step {
            Step::Read => "check",
            Step::Write => "write",
        });
        bar.set_position(progress.done);
    };
    let edits = store.edits(table).ok().flatten();
    let edits = edits.filter(|edits| store.base(table).is_ok_and(|base| base == edits.base));
    let imported = match table {
        Table::Catalogue => match app::policies_of(config) {
            Ok(policies) => {
                let is_group = |group: &str| policies.has_product(group);
                store.import_catalogue(file, &csv, is_group, &mut told)
            }
            Err(errors) => {
                write!(err, "{}", errors.render(colour)).ok();
                return Exit::Config;
            }
        },
        Table::Customers => store.import_customers(file, &csv, &mut told),
    };
    bar.finish_and_clear();
    match imported {
        Ok(imported) => {
            writeln!(err, "{} rows, generation {}", imported.rows, imported.generation).ok();
            if let Some(edits) = edits.filter(|edits| !edits.rows.is_empty()) {
                let edited = edits.rows.len();
                writeln!(
                    err,
                    "warning: {edited} row(s) had been edited at the console; the import has replaced them"
                )
                .ok();
            }
            let configured = match table {
                Table::Catalogue => &config.catalog.file,
                Table::Customers => &config.customers.file,
            };
            if let Some(other) = configured {
                writeln!(
                    err,
                    "warning: the configuration reads [{}] file `{}`, not the store",
                    table.command(),
                    other.display()
                )
                .ok();
            }
            Exit::Ok
        }
        Err(error) => failed(&error, err),
    }
}

/// Every bad row with its line; what was in the store is untouched.
fn failed(error: &RegistryError, err: &mut dyn Write) -> Exit {
    match error {
        RegistryError::Rows { path, faults } => {
            for fault in faults {
                writeln!(err, "{}: {fault}", path.display()).ok();
            }
            complain(err, &format_args!("{} bad row(s); nothing was changed", faults.len()));
            Exit::Data
        }
        RegistryError::Damaged { .. } => {
            complain(err, error);
            Exit::Data
        }
        RegistryError::Unreadable { .. } | RegistryError::Unwritable { .. } => {
            complain(err, error);
            Exit::Io
        }
    }
}
