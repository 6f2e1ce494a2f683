//! The vendor's own figures: 270,000 companies and 50,000 SKUs. Time to import them, time from start to listening, and
//! resident memory of the serving process, also after it has loaded everything a second time.
//!
//! `cargo bench --bench registry [-- CUSTOMERS SKUS]`. Exits 1 where a target is missed.

#![expect(clippy::arithmetic_side_effects, reason = "a benchmark")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const CUSTOMERS: usize = 270_000;
const SKUS: usize = 50_000;
const SMOKE: (usize, usize) = (2_000, 500);
/// Seconds for both imports, seconds to listen, MiB.
const TARGETS: (f64, f64, f64) = (15.0, 2.0, 200.0);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --bench registry` starts it without this word: a smaller world, and the same targets.
    let (customers, skus) = match words.iter().any(|word| word == "--bench") {
        true => (CUSTOMERS, SKUS),
        false => SMOKE,
    };
    let mut numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    match measure(numbers.next().unwrap_or(customers), numbers.next().unwrap_or(skus)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(customers: usize, skus: usize) -> Result<bool, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let config = dir.path().join("interdict.toml");
    fs::write(
        &config,
        "[gateway]\nlisten = \"127.0.0.1:0\"\nreload_interval = \"0s\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [ledger]\ndir = \"ledger\"\n[store]\ndir = \"store\"\n[[upstream]]\nname = \"u\"\nservers = [\"http://127.0.0.1:9\"]\n\
         [[route]]\nname = \"r\"\npath = \"/{*any}\"\naction = \"none\"\nupstream = \"u\"\n",
    )?;
    fs::write(dir.path().join("customers.csv"), customers_csv(customers)?)?;
    fs::write(dir.path().join("catalog.csv"), catalogue_csv(skus)?)?;
    let mut importing = 0.0;
    for (table, rows) in [("customers", customers), ("catalog", skus)] {
        let start = Instant::now();
        let file = dir.path().join(format!("{table}.csv"));
        let mut import = Command::new(env!("CARGO_BIN_EXE_interdict"));
        let ended = import.args([table, "import", "--config"]).arg(&config).arg(file).status()?;
        if !ended.success() {
            return Err(format!("the import of {table} ended with {ended}").into());
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("import of {rows} rows of {table}: {seconds:.2} s");
        importing += seconds;
    }
    let start = Instant::now();
    let mut gateway = Gateway::start(&config)?;
    gateway.hear("gateway listening")?;
    let listening = start.elapsed().as_secs_f64();
    println!("start to `gateway listening`: {listening:.2} s");
    let first = gateway.memory("VmRSS:")?;
    let peak = gateway.memory("VmHWM:")?;
    println!("resident memory: {first:.0} MiB, at most {peak:.0} MiB while it started");
    let hangup = Command::new("kill").args(["-HUP", &gateway.child.id().to_string()]).status()?;
    if !hangup.success() {
        return Err("no hangup".into());
    }
    gateway.hear("part=\"geo\"")?;
    let again = gateway.memory("VmRSS:")?;
    let most = gateway.memory("VmHWM:")?;
    println!("resident memory after a reload of everything: {again:.0} MiB, at most {most:.0} MiB");
    let (import, listen, memory) = TARGETS;
    Ok(importing < import && listening < listen && first < memory && again < memory)
}

/// A running gateway; ends with the measurement.
struct Gateway {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Gateway {
    fn start(config: &Path) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_interdict"));
        let mut child =
            command.args(["serve", "--config"]).arg(config).stderr(Stdio::piped()).spawn()?;
        let log = BufReader::new(child.stderr.take().ok_or("no log")?);
        Ok(Self { child, log })
    }

    /// Reads the log up to a line with that text.
    fn hear(&mut self, what: &str) -> Result<(), Box<dyn Error>> {
        let mut line = String::new();
        let start = Instant::now();
        while self.log.read_line(&mut line)? > 0 {
            if line.contains(what) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(60) {
                break;
            }
            line.clear();
        }
        Err(format!("the gateway did not say `{what}`").into())
    }

    /// A line of `/proc/PID/status`, in MiB.
    fn memory(&self, name: &str) -> Result<f64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        Ok(line.split_whitespace().next().ok_or("no number")?.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn customers_csv(count: usize) -> Result<String, std::fmt::Error> {
    let mut csv = String::from(
        "account,license_key,organization_country,billing_country,billing_region,us_person,email\n",
    );
    for i in 0..count {
        let country = if i % 10 == 0 { "US" } else { "DE" };
        writeln!(
            csv,
            "A-{i:06},{i:08x}-{:04x}-4000-8000-{:012x},{country},{country},,{},licences@company-{i}.example",
            i % 65_536,
            i * 7_919,
            country == "US"
        )?;
    }
    Ok(csv)
}

fn catalogue_csv(count: usize) -> Result<String, std::fmt::Error> {
    let mut csv = String::from("sku,name,vendor,group\n");
    for i in 0..count {
        let group = ["kaspersky.covered", "none", ""].get(i % 3).copied().unwrap_or_default();
        writeln!(
            csv,
            "SHOP-{i:06},\"Product {i}, {} devices, 1 year\",Vendor {},{group}",
            i % 9 + 1,
            i % 97
        )?;
    }
    Ok(csv)
}
