//! The stub: what a command is before it is the command.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Arranges that the command ends if its guard is killed, and becomes the command.
#[derive(Debug, Args)]
pub(crate) struct Stub {
    /// The guard's process.
    guard: i32,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// There is such a command, and it cannot be run: as shells have it.
const EXIT_NOT_RUN: u8 = 126;

/// There is no such command: as shells have it.
pub(super) const EXIT_NOT_FOUND: u8 = 127;

impl Stub {
    /// Comes back only if the command cannot be run.
    pub(crate) fn run(&self) -> ExitCode {
        let [program, args @ ..] = &self.command[..] else {
            unreachable!("a command has a name, or it was not parsed");
        };
        let told = set_parent_process_death_signal(Some(Signal::KILL));
        // It may have been killed before that was arranged.
        if getppid().map(Pid::as_raw_pid) != Some(self.guard) {
            return ExitCode::FAILURE;
        }
        if let Err(error) = told {
            eprintln!("awaitd: {} would outlive its guard: {error}", program.display());
            return ExitCode::from(EXIT_NOT_RUN);
        }
        let error = Command::new(program).args(args).exec();
        eprintln!("awaitd: failed to run {}: {error}", program.display());
        match error.kind() {
            ErrorKind::NotFound => ExitCode::from(EXIT_NOT_FOUND),
            _ => ExitCode::from(EXIT_NOT_RUN),
        }
    }
}
