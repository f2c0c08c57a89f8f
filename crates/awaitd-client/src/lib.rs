//! awaitd's queues, events and locks for async Rust, on tokio.
//!
//! It is not on crates.io yet; beside a clone of the repository this is its line in `Cargo.toml`, with `features = ["tls"]`
//! for `https://`:
//!
//! ```toml
//! awaitd-client = { path = "../awaitd/crates/awaitd-client" }
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use awaitd_client::{Client, Code};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> awaitd_client::Result<()> {
//! let client = Client::new("http://127.0.0.1:29248")?;
//!
//! // asyncio's put: it waits while the queue is full.
//! let emails = client.queue("emails");
//! emails.put("hello, world").await?;
//!
//! // asyncio's get, with an end. The job is leased until it is done, or dropped.
//! match emails.get().within(Duration::from_secs(10)).await {
//!     Ok(job) => job.done().await?,
//!     Err(error) if error.code() == Some(Code::Empty) => println!("nothing to do"),
//!     Err(error) => return Err(error),
//! }
//!
//! // A lock is renewed as long as its guard lives, and released when it goes.
//! let guard = client.lock("deploy").acquire().owner("me").await?;
//! tokio::select! {
//!     () = guard.lost() => println!("somebody else may have it: stop"),
//!     () = work() => guard.release().await?,
//! }
//! # Ok(())
//! # }
//! # async fn work() {}
//! ```
//!
//! - **Waits.** What can wait does so without an end. `.within(…)` gives it one; `try_…` does not wait.
//!   Whoever drops the future has cancelled it, as in asyncio: nothing is granted to nobody, and nobody is
//!   left standing in a line. So `tokio::time::timeout` and `select!` lose nothing.
//! - **Repeats.** A call is repeated by itself after a cut connection and after a 503, for 30 s
//!   ([`Builder::retry_for`]), and is done once, since it has an `Idempotency-Key`. A wait goes on over a
//!   restart of the server.
//! - **Leases.** Jobs, locks and permits are held by a [`Lease`], which is renewed in the background and
//!   may be lost all the same: see [`Lease::lost`]. If the program dies, they go back when it ends.
//! - **Work.** What a queue does with failures, rates, keys and results is its [`QueueConfig`]; what is said of a job
//!   stands at [`Put`] and [`NewJob`]. Many are put, got and settled at once: [`Queue::put_many`], [`Queue::get_many`],
//!   [`Queue::settle`]; several queues are asked by [`Client::any_of`]. Operators look with [`Queue::jobs`].
//! - **Errors.** [`Error::code`] is the contract's stable name of what went wrong.
//! - **Tokens.** A server that has tokens wants one: [`Client::with_token`], [`Builder::token_file`], or
//!   `AWAITD_TOKEN` and `AWAITD_TOKEN_FILE` for [`Client::from_env`].
//! - **The end of a program.** What is dropped goes back in the background: await
//!   [`Client::settled`] before the runtime ends, or it goes back when its lease ends.

mod answer;
mod barrier;
mod batch;
mod boxed;
mod builder;
mod call;
mod client;
mod clock;
mod condition;
mod config;
mod error;
mod event;
mod get;
mod grant;
mod job;
mod jobs;
mod lease;
mod lease_ref;
mod lock;
mod many;
mod new_job;
mod payload;
mod put;
mod queue;
mod schedule;
mod semaphore;
mod settle;
mod state;
#[cfg(feature = "tls")]
mod tls;
mod token;
mod trying;

pub use barrier::{Barrier, BarrierWait, Tripped};
pub use batch::{BatchAnswers, BatchJobs};
pub use boxed::Boxed;
pub use builder::Builder;
pub use client::{Client, DEFAULT_URL, TLS_CA_VARIABLE, TLS_CLIENT_VARIABLE, URL_VARIABLE};
pub use condition::{Condition, ConditionState, ConditionWait, Woken};
pub use config::{Backoff, Order, QueueConfig, Rate, WhenFull};
pub use error::{Code, Error, Problem, Result};
pub use event::{Event, EventState, EventWait, Happened, Set};
pub use get::{AnyOf, Get, GetMany, Take, TakeMany};
pub use job::{Delivered, Died, DoneWith, Job, Nack, Progress};
pub use jobs::{JobFilter, JobResult, JobStage, JobState, Jobs, LeaseState, Redrive, Redriven};
pub use lease::{Changes, Lease, Standing};
pub use lease_ref::LeaseRef;
pub use lock::{Acquire, Lock, LockGuard};
pub use new_job::NewJob;
pub use payload::Payload;
pub use put::{Placed, Put};
pub use queue::{Join, Queue};
pub use schedule::{CatchUp, Schedule, ScheduleConfig, ScheduleState};
pub use semaphore::{AcquirePermits, Permits, Semaphore};
pub use settle::{Settle, Settled};
pub use state::{BarrierState, Holder, LockState, Mode, QueueState, QueueWaiters, SemaphoreState};
pub use token::{TOKEN_FILE_VARIABLE, TOKEN_VARIABLE};
