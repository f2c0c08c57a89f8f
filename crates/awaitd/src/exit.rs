//! With which code the binary ends: one table, for `--help`, the README and all commands.

use std::fmt::Write;
use std::process::ExitCode;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done,
    /// It went wrong in a way that has no code of its own.
    Failed,
    /// clap's.
    Usage,
    /// `EX_DATAERR`: somebody has to look at it.
    Damaged,
    /// `EX_UNAVAILABLE`
    Unavailable,
    /// `EX_IOERR`: to start again will hardly help.
    Io,
    /// `EX_TEMPFAIL`
    NotYet,
    /// `EX_PROTOCOL`, for want of one that fits better.
    Lost,
}

impl Exit {
    /// In the order of their codes.
    const ALL: [Self; 8] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Damaged,
        Self::Unavailable,
        Self::Io,
        Self::NotYet,
        Self::Lost,
    ];

    /// What the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Damaged => 65,
            Self::Unavailable => 69,
            Self::Io => 74,
            Self::NotYet => 75,
            Self::Lost => 76,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; of `serve`: it was told to end, and did so in order",
            Self::Failed => {
                "failed, or refused for good; of `serve`: it could not start, or a second signal ended it at once"
            }
            Self::Usage => "an option or an argument is wrong",
            Self::Damaged => {
                "what is in the data directory, or in the backup, is damaged or of a later version"
            }
            Self::Unavailable => "no server answers, or it cannot at the moment",
            Self::Io => {
                "a disk failed: look at it before you start again; or a file cannot be read or written"
            }
            Self::NotYet => {
                "not obtained, or not yet: full, empty, locked, not set, not drained, not done; ask again"
            }
            Self::Lost => {
                "the lease was lost: somebody else may have the job, the lock or the permits"
            }
        }
    }

    /// The table, as `--help` has it.
    pub(crate) fn table() -> String {
        let mut table = "Exit codes:\n".to_owned();
        for exit in Self::ALL {
            writeln!(table, "  {:<4} {}", exit.code(), exit.meaning())
                .expect("a text can be longer");
        }
        table += "  128+ ended by a signal: 130 by Ctrl-C, 143 by SIGTERM";
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
