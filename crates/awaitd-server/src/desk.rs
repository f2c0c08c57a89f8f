//! Where handlers ask: a ticket, a place to be told, and what happens if they go away.

use std::time::Duration;

use awaitd_primitives::{Answer, Ask, Census, Refusal, Time};

/// The way to the loop.
#[derive(Clone, Debug)]
pub struct Desk {}

/// What was told, at the moment when it left the loop.
#[derive(Debug)]
pub struct Told {
    /// The answer or the refusal.
    pub told: Result<Answer, Refusal>,
    /// When: what is left of a lease counts from here.
    pub now: Time,
    /// For an answer that grants a lease: says whether it was delivered.
    pub delivery: Option<Delivery>,
}

/// A granted lease on its way out. Dropped before [`Delivery::taken`], it goes back.
#[derive(Debug)]
pub struct Delivery {}

impl Delivery {
    /// The connection took the last byte of the answer.
    pub fn taken(self) {}
}

impl Desk {
    /// Asks, and awaits what is told. Dropped while it waits: the wait is withdrawn.
    pub async fn ask(&self, _ask: Ask, _wait: Duration) -> Told {
        todo!()
    }

    /// What there is, for gauges.
    pub async fn census(&self) -> Census {
        todo!()
    }
}
