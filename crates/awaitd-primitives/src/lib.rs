//! What is true: the semantics of awaitd's queues, events and locks.
//!
//! [`judge()`] decides, [`State::apply`] changes, [`Engine`] joins the two and keeps the lines of
//! those who wait. Nothing here performs I/O, asks what time it is, draws a random number, logs or
//! counts: time is an argument, and what happened is a list of [`Record`]s.

pub mod engine;
pub mod judge;
pub mod limits;
pub mod messages;
pub mod state;
mod waiters;

pub use engine::{Census, Engine, Position, Reply, Request, Step, Written};
pub use judge::{At, Verdict, judge, turned_away};
pub use limits::{Limits, Room};
pub use messages::{
    answer::{Answer, Got, Grant, Granted, LockView, QueueView, QueueWaiters, Refusal, Withdrawal},
    body::{Body, Stored},
    checkpoint::{Checkpoint, Copied, Counts, Gate, LeaseCopy, Part, Tie, Tried},
    command::{
        Ask, Command, GetMode, JobId, Key, LeaseId, LeaseRef, Order, Payload, QueueConfig, Ticket,
    },
    name::{BadName, Name, Thing},
    record::{Entry, Held, JobOf, Outcome, Record, Remembrance, Then},
    time::Time,
};
pub use state::{State, Trash};
