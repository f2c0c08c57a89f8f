//! The guard: a small process between a wrapper and its command, which sees to it that the command does
//! not outlive what it was started under.
//!
//! It needs neither the server nor the wrapper for that: it has the moment at which the lease ends, a
//! clock, and a socket whose other end only the wrapper has. If that one is killed, the socket closes; if
//! it is stopped or hangs, no renewal is heard of. Should the guard itself be killed, the kernel ends the
//! command (see `stub`), and the wrapper what else is in its group.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, wait};
use rustix::thread::set_name;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::runtime::Builder;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};

use super::STUB;
use super::clock::{Alarm, Moment};
use super::family::{Family, Reached};
use super::signals::Signals;
use super::words::{Fact, OnLost, Terms, Word, receive_file};

/// What is to be killed is killed again after so long: it may just have started something.
const AGAIN: Duration = Duration::from_millis(20);

/// What may not be killed is looked after more rarely.
const FORBIDDEN: Duration = Duration::from_secs(1);

/// How far it is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The command runs.
    Running,
    /// It was told to end, and has time until then.
    Ending(Moment),
    /// It is being killed, and is looked after then.
    Killing(Moment),
}

struct Watch {
    family: Family,
    terms: Terms,
    stage: Stage,
    /// The command's, once it is over.
    status: Option<WaitStatus>,
    /// All that is left are processes that may not be ended.
    given_up: bool,
    wrapper: OwnedWriteHalf,
}

/// Runs a command, and comes back when it is over.
pub(super) fn run(command: &[OsString]) -> ExitCode {
    // Else it would be called after `/proc/self/exe`.
    _ = set_name(c"awaitd-guard");
    let watched = io::stdin().as_fd().try_clone_to_owned().and_then(|socket| {
        let socket = Socket::from(socket);
        let stdin = receive_file(&socket)?;
        socket.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(watch(socket, stdin, command))
    });
    match watched {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("awaitd: the guard of the command failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn watch(socket: Socket, stdin: OwnedFd, command: &[OsString]) -> io::Result<()> {
    // They are for the wrapper to pass on. Whoever signals all processes there are, as systemd does at a
    // stop, signals the guard too, and it has to see its command's end.
    let _unmoved = Signals::hear()?;
    let mut children = signal(SignalKind::child())?;
    let alarm = Alarm::new()?;
    let (read, wrapper) = UnixStream::from_std(socket)?.into_split();
    let mut words = BufReader::new(read).lines();
    // The byte with which the file came ends a line.
    let Some(terms) = words.next_line().await? else { return Ok(()) };
    let terms = serde_json::from_str(&terms)?;
    let mut watch = Watch::start(terms, stdin, command, wrapper)?;
    watch.tell(Fact::Started(watch.leader())).await;
    let mut heard = true;
    loop {
        select! {
            word = words.next_line(), if heard => if let Ok(Some(word)) = word {
                watch.heed(serde_json::from_str(&word)?).await;
            } else {
                // The wrapper is gone, and nobody renews any more.
                heard = false;
                watch.lose().await;
            },
            _ = children.recv() => {}
            () = alarm.at(watch.due()) => watch.time_is_up().await,
        }
        if let Some(status) = watch.over().await? {
            watch.tell(Fact::Ended(status.as_raw())).await;
            return Ok(());
        }
    }
}

impl Watch {
    fn start(
        terms: Terms,
        stdin: OwnedFd,
        command: &[OsString],
        wrapper: OwnedWriteHalf,
    ) -> io::Result<Self> {
        let mut family = Family::adopting();
        let mut stub = Command::new("/proc/self/exe");
        stub.arg0("awaitd").arg(STUB).arg(getpid().as_raw_pid().to_string());
        let child = stub.args(command).stdin(stdin).process_group(0).spawn()?;
        family.leader = child.id().try_into().ok().and_then(Pid::from_raw);
        let (stage, status, given_up) = (Stage::Running, None, false);
        Ok(Self { family, terms, stage, status, given_up, wrapper })
    }

    fn leader(&self) -> i32 {
        Pid::as_raw(self.family.leader)
    }

    async fn heed(&mut self, word: Word) {
        match word {
            Word::Until(until) => self.terms.until = until.max(self.terms.until),
            Word::Signal(signal) => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.family.pass(signal);
                }
            }
            Word::Lost => self.lose().await,
        }
    }

    /// When something is to be done though nothing happens.
    fn due(&self) -> Option<Moment> {
        match self.stage {
            Stage::Running => self.terms.ends(),
            Stage::Ending(then) | Stage::Killing(then) => Some(then),
        }
    }

    async fn time_is_up(&mut self) {
        match self.stage {
            Stage::Running => self.lose().await,
            Stage::Ending(_) | Stage::Killing(_) => self.kill(),
        }
    }

    /// Begins to end the command, unless that is under way or not wanted.
    async fn lose(&mut self) {
        let Stage::Running = self.stage else { return };
        match self.terms.on_lost {
            OnLost::Ignore => return,
            OnLost::Kill => self.kill(),
            OnLost::Term => {
                self.stage = Stage::Ending(self.terms.killed());
                self.family.signal(Signal::TERM);
                // What is stopped cannot end in order.
                self.family.signal(Signal::CONT);
            }
        }
        self.tell(Fact::Ending).await;
    }

    fn kill(&mut self) {
        let Reached { count, forbidden } = self.family.signal(Signal::KILL);
        if count == 0 && !forbidden.is_empty() && !self.given_up {
            self.given_up = true;
            let forbidden: Vec<_> = forbidden.iter().map(ToString::to_string).collect();
            eprintln!(
                "awaitd: there is no permission to end what the command started as another user; it runs \
                 on: {}",
                forbidden.join(", ")
            );
        }
        let pause = if self.given_up { FORBIDDEN } else { AGAIN };
        self.stage = Stage::Killing(Moment::now() + pause);
    }

    /// Buries the dead, and says how the command ended once nothing more is to be waited for: itself if
    /// it ended by itself, and all that it started if it was ended.
    async fn over(&mut self) -> io::Result<Option<WaitStatus>> {
        let mut alone = false;
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if Some(pid) == self.family.leader => {
                    if let Some(signal) = status.stopping_signal() {
                        self.tell(Fact::Stopped(signal)).await;
                    } else {
                        self.family.leader = None;
                        self.status = Some(status);
                    }
                }
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                Err(Errno::CHILD) => {
                    alone = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let enough = matches!(self.stage, Stage::Running) || alone || self.given_up;
        Ok(self.status.filter(|_| enough))
    }

    /// Tells the wrapper, if it is there.
    async fn tell(&mut self, fact: Fact) {
        let mut line = serde_json::to_string(&fact).expect("facts can be written down");
        line.push('\n');
        _ = self.wrapper.write_all(line.as_bytes()).await;
    }
}
