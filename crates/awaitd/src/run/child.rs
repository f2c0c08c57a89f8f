//! A command under its guard, seen from the wrapper.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{self, Command};
use tokio::time::sleep;

use super::GUARD;
use super::words::{Fact, Terms, Word, send_file};

/// A group that was killed is looked after so often.
const LOOK: Duration = Duration::from_millis(5);

/// What is to be run, and under which terms. There is no shell in between.
pub(crate) struct Plan<'a> {
    pub(crate) command: &'a [OsString],
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) stdin: BorrowedFd<'a>,
    /// The wrapper's own if nothing is said.
    pub(crate) stdout: Option<OwnedFd>,
    /// The same.
    pub(crate) stderr: Option<OwnedFd>,
    pub(crate) terms: Terms,
}

/// A running command. Dropped, its guard ends it.
pub(crate) struct Child {
    guard: process::Child,
    facts: Lines<BufReader<OwnedReadHalf>>,
    words: OwnedWriteHalf,
    group: Option<Pid>,
}

impl Child {
    /// Starts its guard, which starts the command.
    pub(crate) async fn start(plan: Plan<'_>) -> io::Result<Self> {
        let (ours, theirs) = Socket::pair()?;
        let mut guard = Command::new("/proc/self/exe");
        guard.arg0("awaitd").arg(GUARD).args(plan.command);
        // What this wrapper was told of, if another one runs it, is nothing to its command.
        for (name, _) in env::vars_os().filter(|(name, _)| is_fact(name)) {
            guard.env_remove(name);
        }
        guard.envs(plan.variables).stdin(OwnedFd::from(theirs)).process_group(0);
        if let Some(stdout) = plan.stdout {
            guard.stdout(Stdio::from(stdout));
        }
        if let Some(stderr) = plan.stderr {
            guard.stderr(Stdio::from(stderr));
        }
        let spawned = guard.spawn()?;
        // It keeps the guard's end open, at which the guard's end would go unnoticed.
        drop(guard);
        send_file(&ours, plan.stdin)?;
        ours.set_nonblocking(true)?;
        let (read, words) = UnixStream::from_std(ours)?.into_split();
        let facts = BufReader::new(read).lines();
        let mut child = Self { guard: spawned, facts, words, group: None };
        child.write(&plan.terms).await;
        Ok(child)
    }

    /// The command's process group, once it was started.
    pub(crate) fn group(&self) -> Option<Pid> {
        self.group
    }

    /// What happens next to the command. Nothing is lost if it is dropped before it has come to its end.
    pub(crate) async fn next(&mut self) -> io::Result<Fact> {
        if let Ok(Some(line)) = self.facts.next_line().await {
            let fact = serde_json::from_str(&line)?;
            if let Fact::Started(leader) = fact {
                self.group = Pid::from_raw(leader);
            }
            return Ok(fact);
        }
        self.end_group().await;
        Err(io::Error::other("the guard of the command was killed, and so was the command"))
    }

    /// Passes a signal on.
    pub(crate) async fn signal(&mut self, signal: Signal) {
        self.say(Word::Signal(signal.as_raw())).await;
    }

    /// Tells the guard, if it is there.
    pub(crate) async fn say(&mut self, word: Word) {
        self.write(&word).await;
    }

    /// Waits for the guard's end, which comes right after the command's.
    pub(crate) async fn bury(mut self) {
        _ = self.guard.wait().await;
    }

    async fn write(&mut self, what: &impl serde::Serialize) {
        let mut line = serde_json::to_string(what).expect("words can be written down");
        line.push('\n');
        // Whether it is there is seen when the next fact is awaited.
        _ = self.words.write_all(line.as_bytes()).await;
    }

    /// Without a guard the kernel has ended the command; this ends what it started, as far as that is in
    /// its group.
    async fn end_group(&self) {
        let Some(group) = self.group else { return };
        _ = kill_process_group(group, Signal::KILL);
        while test_kill_process_group(group) != Err(Errno::SRCH) {
            sleep(LOOK).await;
        }
    }
}

/// Whether a variable tells of what a command runs under, as far as not every wrapper sets it anew.
fn is_fact(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name == b"AWAITD_KEY"
        || name.starts_with(b"AWAITD_HEADER_")
        || name.starts_with(b"AWAITD_DIED_")
}

/// The exit code of shells for this status of `wait`.
pub(crate) fn exit_code(status: i32) -> u8 {
    let status = ExitStatus::from_raw(status);
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Whether it was a signal that ended what has this status of `wait`.
pub(crate) fn signalled(status: i32) -> bool {
    ExitStatus::from_raw(status).signal().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As shells have it.
    #[test]
    fn exit_codes() {
        for (status, code) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (9, 137), (2, 130)] {
            assert_eq!((exit_code(status), signalled(status)), (code, matches!(status, 2 | 9)));
        }
    }
}
