//! A command that runs under a lease: renewals and signals go to it, and what becomes of it comes back.

use std::io;
use std::time::Duration;

use awaitd_client::{Changes, Standing};
use rustix::process::{Signal, kill_current_process_group};
use tokio::select;
use tokio::time::sleep;

use super::child::{Child, signalled};
use super::clock::Moment;
use super::terminal::Terminal;
use super::words::{Fact, OnLost, Word};

/// A process that stops itself is stopped long before that has passed.
const STOPPED: Duration = Duration::from_millis(20);

/// A command, and what it runs under.
pub(crate) struct Attended {
    pub(crate) child: Child,
    /// Of the lease.
    pub(crate) changes: Changes,
    /// The lease, for people: `the lock deploy`.
    pub(crate) what: String,
    pub(crate) on_lost: OnLost,
    /// Where the command may read from the terminal as if it had been started by a shell.
    pub(crate) terminal: Option<Terminal>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By itself, or by a signal that somebody sent, with this status of `wait`.
    Ended(i32),
    /// It was ended, since the lease was lost or was about to be.
    Lost,
}

/// What was heard of the lease the last time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Renewed,
    NotRenewed,
    Lost,
}

impl Attended {
    /// Goes on until the command is over, and passes on the signals that come meanwhile.
    pub(crate) async fn run(
        mut self,
        mut signal: impl AsyncFnMut() -> Signal,
    ) -> io::Result<Outcome> {
        let (mut heard, mut ending) = (Heard::Renewed, false);
        let status = loop {
            select! {
                fact = self.child.next() => match fact? {
                    Fact::Started(_) => self.lend_at_first(),
                    Fact::Stopped(signal) => self.stopped(signal).await,
                    Fact::Ending => {
                        ending = true;
                        self.say("is lost or about to be: the command is being ended");
                    }
                    Fact::Ended(status) => break status,
                },
                signal = signal() => self.signal(signal).await,
                standing = self.changes.next() => heard = self.heard(heard, standing).await,
            }
        };
        if let (Some(terminal), Some(group)) = (&self.terminal, self.child.group()) {
            terminal.take_back(group, signalled(status));
        }
        self.child.bury().await;
        Ok(if ending { Outcome::Lost } else { Outcome::Ended(status) })
    }

    /// Tells the guard how the lease stands, and the user what is new about it.
    async fn heard(&mut self, before: Heard, standing: Standing) -> Heard {
        match standing {
            Standing::Held(_) => {
                let until = Moment::end(|| self.changes.left());
                self.child.say(Word::Until(until)).await;
                if before == Heard::NotRenewed {
                    self.say("was renewed after all");
                }
                Heard::Renewed
            }
            Standing::Suspect(left, why) => {
                if before == Heard::Renewed {
                    let left = left.as_secs_f64();
                    self.say(&format!("could not be renewed and ends in {left:.1} s: {why}"));
                }
                Heard::NotRenewed
            }
            _ => {
                self.child.say(Word::Lost).await;
                if self.on_lost == OnLost::Ignore && before != Heard::Lost {
                    self.say("is lost, and the command runs on");
                }
                Heard::Lost
            }
        }
    }

    async fn signal(&mut self, signal: Signal) {
        // So a shell lets a job go on, in the foreground or not.
        if signal == Signal::CONT {
            self.lend();
        }
        self.child.signal(signal).await;
    }

    /// The command was stopped: because it wants the terminal, or by Ctrl-Z. The latter is for all that
    /// the shell calls a job, which this process belongs to and the command does not. Whoever stops a
    /// process by SIGSTOP means that process, and lets it go on himself.
    async fn stopped(&mut self, by: i32) {
        let (Some(terminal), Some(group)) = (&self.terminal, self.child.group()) else { return };
        let wants = by == Signal::TTIN.as_raw() || by == Signal::TTOU.as_raw();
        if !wants && by != Signal::TSTP.as_raw() {
            return;
        }
        if !(wants && terminal.is_for(group)) {
            terminal.take_back(group, true);
            // Does nothing where no shell is there to let it go on; then the command must go on by itself.
            _ = kill_current_process_group(Signal::TSTP);
            sleep(STOPPED).await;
        }
        self.lend();
        self.child.signal(Signal::CONT).await;
    }

    fn lend_at_first(&mut self) {
        if self.terminal.is_some() && Terminal::is_whole() {
            self.lend();
        }
    }

    fn lend(&mut self) {
        if let (Some(terminal), Some(group)) = (&mut self.terminal, self.child.group()) {
            terminal.lend(group);
        }
    }

    /// To the user.
    fn say(&self, what: &str) {
        eprintln!("awaitd: {} {what}", self.what);
    }
}
