//! `interdict health`: asks a running gateway whether it can serve, for whoever has neither shell nor curl.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::complain;
use super::exit::Exit;
use super::serve::configuration;

/// Arguments of `health`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct HealthArgs {
    /// Configuration file of the gateway: its [admin] listener is asked.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Example:
  interdict health --config /etc/interdict/interdict.toml

Ends with 0 where /readyz answers 200, `ready` or `degraded`, and with 74 where it answers otherwise or not at all.";

/// A gateway that needs longer does not serve.
const PATIENCE: Duration = Duration::from_secs(3);
/// More is not read of an answer.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(
    args: &HealthArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Exit {
    let config = match configuration(args.config.as_deref(), err, colour) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let address = reached(config.admin.listen);
    match ask(address) {
        Ok((is_ready, body)) => {
            writeln!(out, "{}", body.trim_end()).ok();
            if is_ready { Exit::Ok } else { Exit::Io }
        }
        Err(error) => {
            complain(err, &format_args!("{address} does not answer: {error}"));
            Exit::Io
        }
    }
}

/// Where what listens on every address is reached from this machine.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> io::Result<(bool, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split_whitespace().nth(1);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    match status {
        Some(status) if answer.starts_with("HTTP/1.1 ") => Ok((status == "200", body.to_owned())),
        _ => Err(io::Error::other("what it says is not HTTP")),
    }
}
