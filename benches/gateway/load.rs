//! The load, and what it costs the server.

use std::error::Error;
use std::fs;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use super::servers::Server;

pub(crate) const US: &str = "198.51.100.7";
const GERMAN: &str = "203.0.113.7";

/// A covered update, and a large one.
pub(crate) const SMALL: &str = "/mirror/index/u1313g.xml";
pub(crate) const BIG: &str = "/mirror/bases/big.kdc";
pub(crate) const SMALL_BYTES: usize = 1024;
pub(crate) const BIG_BYTES: usize = 100_000_000;

const CONNECTIONS: &str = "64";
/// Downloads in one round, one after the other: a gigabyte, so that milliseconds are milliseconds a gigabyte.
const DOWNLOADS: usize = 10;
/// Ticks a second of the times in /proc (`USER_HZ`, the same on every Linux).
const TICK_MICROS: f64 = 10_000.0;

/// The core of the upstream and the load; the servers have core 0.
pub(crate) const LOAD_CORE: &str = "1";

#[derive(Clone, Copy)]
pub(crate) enum Case {
    Proxied,
    Refused,
    Download,
}

impl Case {
    pub(crate) const ALL: [Self; 3] = [Self::Proxied, Self::Refused, Self::Download];
}

/// That a server does what it is measured for.
pub(crate) fn verify(server: &Server) -> Result<(), Box<dyn Error>> {
    for (client, target, status) in [(GERMAN, SMALL, "200"), (US, SMALL, "451"), (US, BIG, "451")] {
        let got = curl(server, client, &[target.to_owned()], "%{http_code}")?;
        if got.trim() != status {
            let name = server.name;
            return Err(
                format!("{name} answers {got} to {client} for {target}, not {status}").into()
            );
        }
    }
    Ok(())
}

/// Microseconds of processor time a request, or milliseconds a gigabyte.
pub(crate) fn cost(server: &Server, case: Case, seconds: u64) -> Result<f64, Box<dyn Error>> {
    cost_and_rate(server, case, seconds).map(|(cost, _)| cost)
}

/// The cost, and requests a second.
pub(crate) fn cost_and_rate(
    server: &Server,
    case: Case,
    seconds: u64,
) -> Result<(f64, f64), Box<dyn Error>> {
    let begun = Instant::now();
    let before = ticks(server)?;
    let requests = match case {
        Case::Proxied => requests(server, GERMAN, seconds, false)?,
        Case::Refused => requests(server, US, seconds, true)?,
        Case::Download => {
            let got = curl(server, GERMAN, &vec![BIG.to_owned(); DOWNLOADS], "%{size_download} ")?;
            let whole = got.split_whitespace().filter(|size| *size == BIG_BYTES.to_string());
            if whole.count() != DOWNLOADS {
                return Err(format!("{}: a download broke off: {got}", server.name).into());
            }
            1_000.0
        }
    };
    let cost = (ticks(server)? - before) * TICK_MICROS / requests;
    Ok((cost, requests / begun.elapsed().as_secs_f64()))
}

/// Runs wrk and returns how many requests were answered; all must have been refused, or none.
fn requests(
    server: &Server,
    client: &str,
    seconds: u64,
    refused: bool,
) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, "wrk", "-t1", "-c", CONNECTIONS, "-d"])
        .arg(format!("{seconds}s"))
        .args(["-H", &format!("X-Forwarded-For: {client}")])
        .args(["-H", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "-H", "Accept: */*"])
        .args(["-H", "Accept-Encoding: gzip, deflate"])
        .arg(format!("http://127.0.0.1:{}{SMALL}", server.port))
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let before = |marker: &str| {
        let line = text.lines().find(|line| line.contains(marker))?;
        line.split(marker).next()?.split_whitespace().next()?.parse::<f64>().ok()
    };
    let after = |marker: &str| text.split(marker).nth(1)?.split_whitespace().next()?.parse().ok();
    let answered: f64 = before("requests in").unwrap_or(0.0);
    let others: f64 = after("Non-2xx or 3xx responses:").unwrap_or(0.0);
    let expected = if refused { answered } else { 0.0 };
    if answered < 1.0 || (others - expected).abs() > 0.5 || text.contains("Socket errors") {
        return Err(format!("{} does not answer as it should:\n{text}", server.name).into());
    }
    Ok(answered)
}

fn curl(
    server: &Server,
    client: &str,
    targets: &[String],
    told: &str,
) -> Result<String, Box<dyn Error>> {
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE, "curl", "-s", "-w", told]);
    command.args(["-H", &format!("X-Forwarded-For: {client}")]);
    for target in targets {
        command.args(["-o", "/dev/null", &format!("http://127.0.0.1:{}{target}", server.port)]);
    }
    let output = command.stderr(Stdio::null()).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

/// Processor time of a process and all its threads, user and system.
fn ticks(server: &Server) -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.process()))?;
    // The name in brackets may hold anything; the fields after it do not (proc(5)).
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let times: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(times.iter().sum())
}
