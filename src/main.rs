//! The `interdict` program: see `interdict --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    interdict::cli::main(std::env::args_os())
}
