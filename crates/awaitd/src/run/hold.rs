//! `awaitd lock NAME -- COMMAND` and `awaitd semaphore NAME -- COMMAND`.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::process::{self, ExitCode};
use std::time::Duration;

use awaitd_client::{Client, Code, Error, Lease, LockGuard, Permits, Problem, URL_VARIABLE};
use clap::Args;
use rustix::system::uname;
use tokio::select;
use tokio::time::timeout;

use super::attend::{Attended, Outcome};
use super::child::{Child, Plan, exit_code};
use super::clock::Moment;
use super::farewell;
use super::signals::Signals;
use super::terminal::Terminal;
use super::words::{OnLost, Terms};
use crate::client::{Ended, FAREWELL, Failure, Server, Waiting, conclude};
use crate::exit::Exit;
use crate::values::Length;

/// Run a command while holding a lock.
///
/// No shell reads the command. It runs in a process group of its own, with the input and output of this one; signals
/// go to it, and its exit status is this one's.
///
/// The lock is renewed as long as the command runs. If that fails, the command gets SIGTERM a third of the lease
/// before its end, 10 s at most, and whatever is left of it and of all that it started gets SIGKILL 200 ms before:
/// by this machine's clock, whatever becomes of server, network and this process, and before anybody else can have
/// the lock.
///
/// The command finds what it holds in `AWAITD_LOCK`, `AWAITD_FENCE` and `AWAITD_LEASE`, and the server in `AWAITD_URL`.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// The lock.
    name: String,

    /// Hold it together with others who share it.
    #[arg(long, short)]
    shared: bool,

    #[command(flatten)]
    hold: Hold,
}

/// Run a command while holding permits of a semaphore.
///
/// As `lock` does. The command finds what it holds in `AWAITD_SEMAPHORE`, `AWAITD_FENCE` and `AWAITD_LEASE`. A semaphore has
/// to be configured first: `curl -X PUT $AWAITD_URL/v1/semaphores/NAME -d '{"permits": 3}'`
#[derive(Debug, Args)]
pub(crate) struct Semaphore {
    /// The semaphore.
    name: String,

    /// How many permits to hold.
    #[arg(long, short, default_value_t = 1, value_name = "NUMBER")]
    permits: u64,

    #[command(flatten)]
    hold: Hold,
}

/// How to hold what it is, and what to do meanwhile.
#[derive(Debug, Args)]
struct Hold {
    #[command(flatten)]
    waiting: Waiting,

    /// The exit code if it could not be had in that time.
    #[arg(
        long,
        short = 'E',
        default_value_t = Exit::NotYet.code(),
        value_name = "CODE"
    )]
    conflict_exit_code: u8,

    /// How long it is held if this machine or the network fails; it is renewed as long as they work.
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    lease: Length,

    /// Who this is, for those who ask who holds it [default: HOST:PID].
    #[arg(long)]
    owner: Option<String>,

    #[command(flatten)]
    server: Server,

    /// What becomes of the command if it is lost.
    #[arg(long, default_value = "term", value_name = "WHAT")]
    on_lost: OnLost,

    /// What to run. No shell reads it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// What is to be held.
enum Wanted<'a> {
    Lock { name: &'a str, shared: bool },
    Permits { name: &'a str, count: u64 },
}

/// What is held.
enum Held {
    Lock(LockGuard),
    Permits(Permits),
}

impl Lock {
    /// Runs it, and says with which exit code to end.
    pub(crate) fn run(&self) -> ExitCode {
        let wanted = Wanted::Lock { name: &self.name, shared: self.shared };
        conclude(&self.hold.server, self.hold.run(&wanted))
    }
}

impl Semaphore {
    /// Runs it, and says with which exit code to end.
    pub(crate) fn run(&self) -> ExitCode {
        let wanted = Wanted::Permits { name: &self.name, count: self.permits };
        conclude(&self.hold.server, self.hold.run(&wanted))
    }
}

impl Hold {
    async fn run(&self, wanted: &Wanted<'_>) -> Result<Ended, Failure> {
        let mut signals = Signals::hear().map_err(|error| Failure::System("signals", error))?;
        let client = self.server.client()?;
        let acquired = select! {
            acquired = wanted.acquire(&client, self) => acquired,
            signal = signals.next_to_end() => {
                // What was dropped with the request is being taken back.
                farewell(&client, &mut signals).await;
                return Ok(Ended::As(exit_code(signal.as_raw())));
            }
        };
        let held = match acquired {
            Ok(held) => held,
            Err(Error::Refused(problem)) if problem.code == Code::Locked => {
                eprintln!("awaitd: {wanted} is held{}", holder(&problem));
                self.server.document(&Failure::from(Error::Refused(problem)));
                return Ok(Ended::As(self.conflict_exit_code));
            }
            Err(error) => return Err(error.into()),
        };
        let outcome = self.attend(wanted, &held, &mut signals).await;
        // What is found lost after this moment may have been lost after the command had ended.
        let left = held.lease().left();
        let released = select! {
            released = timeout(left.min(FAREWELL), held.release()) => released.ok(),
            _ = signals.next_to_end() => None,
        };
        let status = match outcome.map_err(|error| Failure::System("a process", error))? {
            Outcome::Lost => return Ok(Ended::With(Exit::Lost)),
            Outcome::Ended(status) => status,
        };
        match released {
            Some(Ok(())) => {}
            Some(Err(error)) if error.is_lost() && self.on_lost != OnLost::Ignore => {
                eprintln!("awaitd: {wanted} was lost while the command ran");
                return Ok(Ended::With(Exit::Lost));
            }
            Some(Err(error)) => eprintln!("awaitd: {wanted} could not be released: {error}"),
            None => eprintln!("awaitd: {wanted} could not be released, and ends by itself"),
        }
        Ok(Ended::As(exit_code(status)))
    }

    async fn attend(
        &self,
        wanted: &Wanted<'_>,
        held: &Held,
        signals: &mut Signals,
    ) -> io::Result<Outcome> {
        let lease = held.lease();
        let changes = lease.changes();
        let length = lease.left();
        let terms = Terms::new(length, Moment::end(|| lease.left()), self.on_lost);
        let (variable, name) = wanted.variable();
        let variables = vec![
            (variable.to_owned(), name.to_owned()),
            (URL_VARIABLE.to_owned(), self.server.place.url.clone()),
            ("AWAITD_FENCE".to_owned(), lease.fence().to_string()),
            ("AWAITD_LEASE".to_owned(), lease.location().to_owned()),
        ];
        let (stdin, command) = (io::stdin(), &self.command);
        let stdin = stdin.as_fd();
        let plan = Plan { command, variables, stdin, stdout: None, stderr: None, terms };
        let child = Child::start(plan).await?;
        let (what, on_lost) = (wanted.to_string(), self.on_lost);
        let terminal = Terminal::controlling();
        let attended = Attended { child, changes, what, on_lost, terminal };
        attended.run(async || signals.next().await).await
    }
}

impl Wanted<'_> {
    async fn acquire(&self, client: &Client, hold: &Hold) -> Result<Held, Error> {
        let Length(lease) = hold.lease;
        let owner = hold.owner.clone().unwrap_or_else(owner);
        let wait = hold.waiting.limit();
        match *self {
            Self::Lock { name, shared } => {
                let lock = client.lock(name);
                let acquire = match wait {
                    None => lock.acquire(),
                    Some(Duration::ZERO) => lock.try_acquire(),
                    Some(wait) => lock.acquire().within(wait),
                };
                let acquire = if shared { acquire.shared() } else { acquire };
                acquire.lease(lease).owner(owner).await.map(Held::Lock)
            }
            Self::Permits { name, count } => {
                let semaphore = client.semaphore(name);
                let acquire = match wait {
                    None => semaphore.acquire(),
                    Some(Duration::ZERO) => semaphore.try_acquire(),
                    Some(wait) => semaphore.acquire().within(wait),
                };
                acquire.permits(count).lease(lease).owner(owner).await.map(Held::Permits)
            }
        }
    }

    /// What tells the command under which name it runs.
    fn variable(&self) -> (&'static str, &str) {
        match self {
            Self::Lock { name, .. } => ("AWAITD_LOCK", name),
            Self::Permits { name, .. } => ("AWAITD_SEMAPHORE", name),
        }
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock { name, .. } => write!(out, "the lock {name}"),
            Self::Permits { name, .. } => write!(out, "the semaphore {name}"),
        }
    }
}

impl Held {
    fn lease(&self) -> &Lease {
        match self {
            Self::Lock(guard) => guard.lease(),
            Self::Permits(permits) => permits.lease(),
        }
    }

    async fn release(self) -> Result<(), Error> {
        match self {
            Self::Lock(guard) => guard.release().await,
            Self::Permits(permits) => permits.release().await,
        }
    }
}

/// By whom it is held, and how much longer at least, as far as the server said.
fn holder(problem: &Problem) -> String {
    let by = problem.owner.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
    let left = problem.expires_in.map(|left| {
        format!("; its lease ends in {:.1} s unless it is renewed", left.as_secs_f64())
    });
    by + &left.unwrap_or_default()
}

/// This process, as others may find it.
fn owner() -> String {
    format!("{}:{}", uname().nodename().to_string_lossy(), process::id())
}
