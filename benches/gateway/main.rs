//! CPU per request of the release program against nginx and HAProxy doing equal work, and bare actix doing none.
//!
//! Each server answers from one core, in turn, round after round; the load and the upstream have the other core. What
//! counts is the processor time of the process, all threads of it, user and system, divided by the requests answered.
//! Medians of the rounds, and of the ratios to nginx in the same round. Prints a table and leaves nothing behind.
//!
//! `cargo bench --bench gateway [-- [consoles] ROUNDS [SECONDS]]`; with `consoles` it measures what open consoles cost instead. Exits 69 (`EX_UNAVAILABLE`) where a program is missing.

mod consoles;
mod floor;
mod load;
mod servers;

use std::error::Error;
use std::process::ExitCode;

use load::Case;
use servers::Servers;

/// The programs that are started, and the Debian packages they are in.
const PROGRAMS: [(&str, &str); 5] = [
    ("curl", "curl"),
    ("haproxy", "haproxy"),
    ("nginx", "nginx"),
    ("taskset", "util-linux"),
    ("wrk", "wrk"),
];
const ROUNDS: usize = 5;
const SECONDS: u64 = 2;
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, port] = words.as_slice()
        && flag == floor::FLAG
    {
        return exit(floor::serve(port));
    }
    // `cargo test --benches` starts every bench without this word.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = || std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !folders().any(|folder| folder.join(program).exists()))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        eprintln!("not measured: install these packages and try again: {}", missing.join(" "));
        return ExitCode::from(UNAVAILABLE);
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        eprintln!("not measured: two cores are needed, one for the servers and one for the load");
        return ExitCode::from(UNAVAILABLE);
    }
    let mut numbers = words.iter().filter_map(|word| word.parse::<u64>().ok());
    let rounds = numbers.next().and_then(|n| usize::try_from(n).ok()).unwrap_or(ROUNDS);
    let (rounds, seconds) = (rounds.max(1), numbers.next().unwrap_or(SECONDS).max(1));
    match words.iter().any(|word| word == "consoles") {
        true => exit(consoles::measure(rounds, seconds)),
        false => exit(measure(rounds, seconds)),
    }
}

fn measure(rounds: usize, seconds: u64) -> Result<(), Box<dyn Error>> {
    let servers = Servers::start()?;
    for server in servers.under_test() {
        load::verify(server)?;
        // Connections, caches and adaptive buffers warm up before anything counts.
        for case in Case::ALL {
            load::cost(server, case, 1)?;
        }
    }
    // costs[case][server][round]
    let mut costs = vec![vec![Vec::new(); servers.under_test().len()]; Case::ALL.len()];
    for round in 1..=rounds {
        for (case, costs) in Case::ALL.into_iter().zip(&mut costs) {
            for (server, costs) in servers.under_test().iter().zip(costs) {
                costs.push(load::cost(server, case, seconds)?);
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    println!("{:<12}{:>18}{:>18}{:>18}", "", "proxied us/req", "refused us/req", "download ms/GB");
    let base = servers.under_test().iter().position(|server| server.is_base()).unwrap_or(0);
    for (at, server) in servers.under_test().iter().enumerate() {
        print!("{:<12}", server.name);
        for of_case in &costs {
            let (Some(own), Some(nginx)) = (of_case.get(at), of_case.get(base)) else { continue };
            let ratios = own.iter().zip(nginx).map(|(own, nginx)| own / nginx).collect();
            print!("{:>11.2} {:>5.2}x", median(own.clone()), median(ratios));
        }
        println!();
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("not measured: {error}");
            ExitCode::FAILURE
        }
    }
}
