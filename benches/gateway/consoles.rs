//! What ten open consoles cost the gateway: processor time a proxied request without them and with them, in pairs.

use std::error::Error;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use interdict::model::Role;
use interdict::model::Roles;
use interdict::operators::New;
use interdict::operators::Operators;
use interdict::operators::Password;
use jiff::Timestamp;

use super::load;
use super::load::Case;
use super::load::LOAD_CORE;
use super::median;
use super::servers::Servers;

/// Streams of decisions that are open at the same time.
const CONSOLES: usize = 10;
const NAME: &str = "bench";

/// Somebody who watches; ends with this value.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

pub(crate) fn measure(rounds: usize, seconds: u64) -> Result<(), Box<dyn Error>> {
    let servers = Servers::start()?;
    let server = servers.under_test().iter().find(|server| server.name == "interdict");
    let server = server.ok_or("there is no gateway")?;
    let password = Password::generate()?;
    let operators = Operators::open(&servers.folder().join("store"))?;
    let roles = Roles::NONE.with(Role::Auditor);
    let new = New { name: NAME, display: None, roles, password: &password };
    operators.add(&new, "command:bench", Timestamp::now())?;
    let cookie = sign_in(servers.admin(), password.expose())?;
    load::cost(server, Case::Proxied, 1)?;
    let (mut without, mut with, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (alone, _) = load::cost_and_rate(server, Case::Proxied, seconds)?;
        let watching = (0..CONSOLES).map(|_| watch(servers.admin(), &cookie));
        let watching = watching.collect::<Result<Vec<_>, _>>()?;
        load::cost(server, Case::Proxied, 1)?;
        let (watched, rate) = load::cost_and_rate(server, Case::Proxied, seconds)?;
        drop(watching);
        without.push(alone);
        with.push(watched);
        rates.push(rate);
        eprintln!("round {round} of {rounds}");
    }
    let ratios = with.iter().zip(&without).map(|(with, without)| with / without).collect();
    println!("{:<28}{:>10.2} us/req", "no console", median(without));
    println!("{:<28}{:>10.2} us/req {:>5.3}x", "ten consoles", median(with), median(ratios));
    println!("{:<28}{:>10.0} /s", "decisions meanwhile", median(rates));
    Ok(())
}

fn sign_in(admin: u16, password: &str) -> Result<String, Box<dyn Error>> {
    let body = format!("{{\"name\":\"{NAME}\",\"password\":\"{password}\"}}");
    let output = Command::new("curl")
        .args(["-s", "-D", "-", "-o", "/dev/null", "-H", "Content-Type: application/json", "-d"])
        .args([&body, &format!("http://127.0.0.1:{admin}/admin/v1/session")])
        .output()?;
    let head = String::from_utf8(output.stdout)?;
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).ok_or("nobody is signed in")?;
    Ok(cookie.to_owned())
}

fn watch(admin: u16, cookie: &str) -> Result<Watching, Box<dyn Error>> {
    let child = Command::new("taskset")
        .args(["-c", LOAD_CORE, "curl", "-sN", "-o", "/dev/null", "-H"])
        .args([&format!("Cookie: {cookie}"), &format!("http://127.0.0.1:{admin}/console/stream")])
        .stdin(Stdio::null())
        .spawn()?;
    Ok(Watching(child))
}
