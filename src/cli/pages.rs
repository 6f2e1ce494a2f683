//! What is generated from the command line's own description: shell completions and man pages.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::Command;
use clap_complete::Shell;

use super::complain;
use super::exit::Exit;

/// Arguments of `completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  interdict completions bash > /etc/bash_completion.d/interdict
  interdict completions fish > ~/.config/fish/completions/interdict.fish")]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  interdict man | man -l -
  interdict man --out /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write a page for every command into this folder; without it, the first page goes to stdout.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn completions(
    args: &CompletionsArgs,
    mut command: Command,
    out: &mut dyn Write,
) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "interdict", &mut script);
    if out.write_all(&script).is_ok() { Exit::Ok } else { Exit::Io }
}

pub(super) fn man(
    args: &ManArgs,
    command: Command,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let Some(folder) = &args.out else {
        return match clap_mangen::Man::new(command).render(&mut *out) {
            Ok(()) => Exit::Ok,
            Err(_) => Exit::Io,
        };
    };
    match fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(err, &format!("cannot write to `{}`: {error}", folder.display()));
            Exit::Io
        }
    }
}
