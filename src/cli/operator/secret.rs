//! How a password comes in, and who types it.
//!
//! **INVARIANT** A password is never an argument, which every user of the machine could read, and never echoed.

use std::fs;
use std::io;
use std::io::BufRead;
use std::io::IsTerminal;
use std::io::StdinLock;
use std::io::Write;

use rustix::process::getuid;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::SpecialCodeIndex;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcsetattr;
use zeroize::Zeroizing;

use crate::operators::AccountName;
use crate::operators::Password;

use super::super::exit::Exit;

/// What Ctrl-C types.
const INTERRUPT: u8 = 3;
/// Longest line that is read, in bytes: more than 256 characters may have.
const LONGEST: u64 = 4096;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error("the two passwords differ; nothing was changed")]
    Differ,
    #[error("interrupted; nothing was changed")]
    Interrupted,
    #[error("no password on standard input; it is to be the first line")]
    None,
    #[error("cannot read the password: {0}")]
    Read(#[from] io::Error),
}

impl SecretError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Differ | Self::Interrupted | Self::None => Exit::Data,
            Self::Read(error) if error.kind() == io::ErrorKind::InvalidData => Exit::Data,
            Self::Read(_) => Exit::Io,
        }
    }
}

/// Twice from the terminal, or once from standard input.
pub(super) fn ask(name: &AccountName, from_stdin: bool) -> Result<Password, SecretError> {
    let stdin = io::stdin();
    if from_stdin || !stdin.is_terminal() {
        return first_line(stdin.lock());
    }
    let mut terminal = Silent::begin(stdin.lock())?;
    let once = terminal.ask(&format!("Password of {name} (12 to 256 characters): "))?;
    let twice = terminal.ask("Once more: ")?;
    match once.expose() == twice.expose() {
        true => Ok(once),
        false => Err(SecretError::Differ),
    }
}

/// A terminal that shows nothing of what is typed, from before the first question until it is dropped.
struct Silent<'a> {
    before: Termios,
    stdin: StdinLock<'a>,
}

impl<'a> Silent<'a> {
    fn begin(stdin: StdinLock<'a>) -> io::Result<Self> {
        let before = tcgetattr(&stdin)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG);
        // Ctrl-C ends the line instead of the program, which would leave the terminal silent.
        silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        // What was typed before has been seen: it is dropped.
        tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
        Ok(Self { before, stdin })
    }

    fn ask(&mut self, question: &str) -> Result<Password, SecretError> {
        let mut told = io::stderr();
        write!(told, "{question}").ok();
        let mut line = Zeroizing::new(Vec::new());
        let ends = loop {
            let typed = self.stdin.fill_buf()?;
            let end = typed.iter().position(|byte| matches!(*byte, b'\n' | INTERRUPT));
            let taken = end.map_or(typed.len(), |end| end.saturating_add(1));
            let ends = end.and_then(|end| typed.get(end)).copied();
            line.extend(typed.iter().take(end.unwrap_or(taken)));
            let over = typed.is_empty();
            self.stdin.consume(taken);
            if over || ends.is_some() {
                break ends;
            }
        };
        writeln!(told).ok();
        match ends {
            Some(INTERRUPT) => Err(SecretError::Interrupted),
            None if line.is_empty() => Err(SecretError::Interrupted),
            _ => first_line(line.as_slice()),
        }
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs none of it.
        tcsetattr(&self.stdin, OptionalActions::Drain, &self.before).ok();
    }
}

/// `command:` and the user of this process; behind sudo, the one who called it.
pub(super) fn actor() -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let behind_sudo = std::env::var("SUDO_USER").ok();
    format!("command:{}", user(getuid().as_raw(), &users, behind_sudo.as_deref()))
}

fn first_line(input: impl BufRead) -> Result<Password, SecretError> {
    let mut line = String::new();
    if input.take(LONGEST).read_line(&mut line)? == 0 {
        return Err(SecretError::None);
    }
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(Password::new(line))
}

/// The name of a user id, by the system's own list rather than by what the environment says; the number if it has none.
fn user(id: u32, users: &str, behind_sudo: Option<&str>) -> String {
    let plain = |name: &&str| {
        let may_stand = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !name.is_empty() && name.len() <= 64 && name.chars().all(may_stand)
    };
    let listed = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    });
    let sudo = behind_sudo.filter(|_| id == 0);
    let name = sudo.filter(plain).or(listed.filter(plain));
    name.map_or_else(|| format!("uid-{id}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_who_the_system_says_and_root_who_called_sudo() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\nx y:x:7:7:::\n";
        for (id, sudo, says) in [
            (1000, None, "anna"),
            (1000, Some("root"), "anna"),
            (0, None, "root"),
            (0, Some("anna"), "anna"),
            (0, Some("an\nna"), "root"),
            (1001, None, "uid-1001"),
            (7, None, "uid-7"),
        ] {
            assert_eq!(user(id, users, sudo), says);
        }
    }

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        for text in ["tin lamp orbit\nmore\n", "tin lamp orbit\r\n", "tin lamp orbit"] {
            assert_eq!(first_line(text.as_bytes()).unwrap().expose(), "tin lamp orbit");
        }
        assert_eq!(first_line(" a b \n".as_bytes()).unwrap().expose(), " a b ", "blanks count");
        assert!(matches!(first_line(&b""[..]), Err(SecretError::None)));
        assert_eq!(first_line(&b"\xff\n"[..]).unwrap_err().exit(), Exit::Data);
    }
}
