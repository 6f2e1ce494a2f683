//! `interdict serve`, `check` and `demo`.

use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::app;
use crate::app::LoadError;
use crate::app::demo::DemoError;
use crate::app::demo::DemoSettings;
use crate::app::serve::ServeError;
use crate::config::Config;
use crate::config::ConfigErrors;
use crate::config::Environment;
use crate::config::state_dir;
use crate::ledger::LedgerError;
use crate::settings::LogFormat;
use crate::settings::Server;
use crate::telemetry::LogSettings;
use crate::telemetry::init_logging;

use super::complain;
use super::exit::Exit;

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(super) struct ServeArgs {
    /// Configuration file; without one, everything by default (docs/configuration.md).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on, in place of the configured ones.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The one server to stand in front of: update signatures are judged, the rest passes.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  interdict serve --config /etc/interdict.toml
  interdict serve --upstream http://127.0.0.1:9000 --listen 0.0.0.0:8080

SIGHUP reloads policies, catalogue, customers, geo sources and certificates; SIGTERM drains and ends.";

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  interdict check --config /etc/interdict.toml")]
pub(super) struct CheckArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  interdict demo --listen 127.0.0.1:18080 --admin 127.0.0.1:19090"
)]
pub(super) struct DemoArgs {
    /// Address of the gateway.
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))]
    listen: SocketAddr,
    /// Address of metrics and status page.
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)))]
    admin: SocketAddr,
    /// Folder for its configuration and ledger; default: below the XDG state directory.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

pub(super) fn serve(args: &ServeArgs, err: &mut dyn Write, colour: bool) -> Exit {
    let mut config = match configuration(args.config.as_deref(), err, colour) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if let Some(listen) = args.listen {
        config = config.with_listen(listen);
    }
    if let Some(url) = &args.upstream {
        match Server::parse(url) {
            Ok(server) => config = config.with_upstream(server),
            Err(error) => {
                complain(err, &format_args!("--upstream `{url}`: {error}"));
                return Exit::Usage;
            }
        }
    }
    if config.routes.is_empty() {
        complain(
            err,
            &"nothing to stand in front of: give --config FILE with [[route]]s, or --upstream URL",
        );
        return Exit::Config;
    }
    log(&config);
    let ended = actix_web::rt::System::new().block_on(app::serve::run(config, |_| {}));
    ended.map_or_else(|error| failed(&error, err, colour), |()| Exit::Ok)
}

pub(super) fn check(args: &CheckArgs, err: &mut dyn Write, colour: bool) -> Exit {
    let config = match configuration(Some(&args.config), err, colour) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match app::check(&config, Timestamp::now()) {
        Ok(report) => {
            for fact in report.facts {
                writeln!(err, "{fact}").ok();
            }
            let mark = if colour { "\x1b[33mwarning\x1b[0m" } else { "warning" };
            for warning in report.warnings {
                writeln!(err, "{mark}: {warning}").ok();
            }
            writeln!(err, "ok").ok();
            Exit::Ok
        }
        Err(error) => failed(&error, err, colour),
    }
}

pub(super) fn demo(
    args: &DemoArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let env = Environment;
    let state = args.state.clone().or_else(|| state_dir(&env).map(|dir| dir.join("demo")));
    let Some(state) = state else {
        complain(err, &"no folder for the demonstration: give --state DIR");
        return Exit::Config;
    };
    init_logging(LogSettings { json: false, level: "info" });
    let settings = DemoSettings { admin: args.admin, listen: args.listen, state };
    let ended = actix_web::rt::System::new().block_on(app::demo::run(&settings, &env, out));
    match ended {
        Ok(()) => Exit::Ok,
        Err(DemoError::Serve(error)) => failed(&error, err, colour),
        Err(DemoError::Config(errors)) => told(&errors, err, colour),
        Err(error @ (DemoError::File { .. } | DemoError::Operators(_))) => {
            complain(err, &error);
            Exit::Io
        }
    }
}

/// The configuration of a file, or the default; its problems are told.
pub(super) fn configuration(
    file: Option<&Path>,
    err: &mut dyn Write,
    colour: bool,
) -> Result<Config, Exit> {
    let env = Environment;
    let config = match file {
        Some(file) => Config::load(file, &env),
        None => Config::without_file(&env),
    };
    let config = config.map_err(|errors| told(&errors, err, colour))?;
    Ok(config)
}

fn told(errors: &ConfigErrors, err: &mut dyn Write, colour: bool) -> Exit {
    let text = if colour { errors.snippets(true) } else { format!("{errors}\n") };
    write!(err, "{text}").ok();
    Exit::Config
}

/// What kept the gateway from running: the operator's files are configuration, the rest is input and output.
fn failed(error: &ServeError, err: &mut dyn Write, colour: bool) -> Exit {
    match error {
        ServeError::Load(LoadError::Policies(errors)) => {
            write!(err, "{}", errors.render(colour)).ok();
            Exit::Config
        }
        ServeError::Identity(_)
        | ServeError::Load(_)
        | ServeError::Notify(_)
        | ServeError::PolicyKeys(_)
        | ServeError::Receivers(_)
        | ServeError::Routes(_)
        | ServeError::Tls(_)
        | ServeError::Upstream(_)
        | ServeError::Witnesses(_) => {
            complain(err, error);
            Exit::Config
        }
        ServeError::Ledger(LedgerError::Key { .. }) => {
            complain(err, error);
            Exit::Config
        }
        ServeError::Ledger(error) if error.is_of_data() => {
            complain(err, error);
            Exit::Data
        }
        ServeError::Ledger(_)
        | ServeError::Control(_)
        | ServeError::Follow(_)
        | ServeError::Operators(_)
        | ServeError::Admin { .. }
        | ServeError::Metrics(_)
        | ServeError::Server(_)
        | ServeError::System(_) => {
            complain(err, error);
            Exit::Io
        }
    }
}

fn log(config: &Config) {
    init_logging(LogSettings {
        json: config.log.format == LogFormat::Json,
        level: config.log.level.as_str(),
    });
}
