//! Exit codes, after sysexits (DESIGN 7, Contract).

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// The configuration is wrong.
    Config,
    /// Bad data, or a verification that failed.
    Data,
    /// A file, a stream or a socket failed.
    Io,
    /// It did what it was asked.
    Ok,
    /// It was interrupted; the same command goes on.
    Unfinished,
    /// It was asked wrongly.
    Usage,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Config => 78,
            Self::Data => 65,
            Self::Io => 74,
            Self::Ok => 0,
            Self::Unfinished => 75,
            Self::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
