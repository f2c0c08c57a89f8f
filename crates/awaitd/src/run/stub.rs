//! The stub: what a command is before it is the command.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// There is such a command, and it cannot be run: as shells have it.
const EXIT_NOT_RUN: u8 = 126;

/// There is no such command: as shells have it.
pub(super) const EXIT_NOT_FOUND: u8 = 127;

/// Arranges that the command ends if its guard is killed, and becomes the command. Comes back only if it
/// cannot be run.
pub(super) fn run(args: &[OsString]) -> ExitCode {
    let [guard, program, args @ ..] = args else {
        eprintln!("awaitd: this is for awaitd's own use");
        return ExitCode::FAILURE;
    };
    let told = set_parent_process_death_signal(Some(Signal::KILL));
    // It may have been killed before that was arranged.
    let parent = getppid().map(|parent| parent.as_raw_pid().to_string());
    if parent.as_deref().map(OsStr::new) != Some(guard) {
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
