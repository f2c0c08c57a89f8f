//! Commands that run another program while they hold something: a lock, permits, a job.
//!
//! ```text
//! awaitd lock ──socket── guard ── the command, and all that it starts
//! ```
//!
//! The wrapper talks to the server. Between it and the command stands a guard, this binary once more,
//! that ends the command before the lease ends, whatever becomes of server, network and wrapper.

mod attend;
mod barrier;
mod captured;
mod child;
mod clock;
mod facts;
mod family;
mod guard;
mod hold;
mod signals;
mod stub;
mod tail;
mod terminal;
mod words;
mod worker;

use std::env;
use std::process::ExitCode;

use awaitd_client::Client;
use clap::Subcommand;
use tokio::select;
use tokio::time::sleep;

use crate::client::FAREWELL;
pub(crate) use clock::Moment;
pub(crate) use facts::CHILD_VARIABLES;
use signals::Signals;

/// Followed by a command.
const GUARD: &str = "__guard";

/// Followed by the guard's process and a command.
const STUB: &str = "__stub";

/// Commands that run another program, or wait to be let on.
#[derive(Debug, Subcommand)]
pub(crate) enum Running {
    Lock(hold::Lock),
    Semaphore(hold::Semaphore),
    Barrier(barrier::Barrier),
    Worker(worker::Worker),
}

impl Running {
    /// Does it, and says with which exit code to end.
    pub(crate) fn run(self) -> ExitCode {
        match self {
            Self::Lock(lock) => lock.run(),
            Self::Semaphore(semaphore) => semaphore.run(),
            Self::Barrier(barrier) => barrier.run(),
            Self::Worker(worker) => worker.run(),
        }
    }
}

/// What this binary is started as by itself: not for people, so neither help nor completions know of it.
pub(crate) fn inside() -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    match args.next()?.to_str()? {
        GUARD => Some(guard::run(&args.collect::<Vec<_>>())),
        STUB => Some(stub::run(&args.collect::<Vec<_>>())),
        _ => None,
    }
}

/// Waits until all has gone back that was dropped, unless that takes long or a signal comes.
async fn farewell(client: &Client, signals: &mut Signals) {
    select! {
        () = client.settled() => {}
        () = sleep(FAREWELL) => {}
        _ = signals.next_to_end() => {}
    }
}
