//! What is true: the semantics of awaitd's queues, events, locks, semaphores, barriers
//! and schedules.
//!
//! [`judge()`] decides, [`State::apply`] changes, [`Engine`] joins the two and keeps the lines of
//! those who wait. Nothing here performs I/O, asks what time it is, draws a random number, logs or
//! counts: time is an argument, and what happened is a list of [`Record`]s.

pub mod engine;
pub mod judge;
pub mod limits;
pub mod messages;
pub mod quotas;
mod recall;
pub mod state;
mod waiters;

pub use engine::{Census, Engine, Glance, Position, Reply, Request, Step, Tally, Written};
pub use judge::{At, Verdict, judge, turned_away};
pub use limits::{Limits, Room};
pub use messages::{
    answer::{Answer, Got, Grant, Granted, Refusal, Withdrawal},
    body::{Body, Stored},
    checkpoint::{Checkpoint, Copied, Counts, Gate, LeaseCopy, Part, Tie, Tried},
    command::{Ask, Command, GetMode, JobId, Key, LeaseId, LeaseRef, Payload, Share, Ticket},
    configuration::{Configuration, Order, QueueConfig, Rank, SemaphoreConfig},
    job::{Cause, JobState, Past, Trait},
    name::{BadName, Kind, Name, Thing},
    policy::{Backoff, Milli, Policy, Rate, WhenFull},
    record::{DropCause, Entry, Held, JobOf, Outcome, Record, Then},
    remembrance::Remembrance,
    schedule::{CatchUp, ScheduleConfig},
    time::{Delay, Time},
    view::{
        BarrierView, ConditionView, EventView, Holder, JobView, LockView, QueueView, QueueWaiters,
        ScheduleView, SemaphoreView, View,
    },
};
pub use quotas::{Bound, Quota, Quotas, Taken};
pub use state::{State, Trash};
