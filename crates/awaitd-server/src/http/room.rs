//! How many bytes of bodies may be here at one time, from their arrival until they are answered; and of
//! answers, until they were sent.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Config;

/// Of what is new there may be so many times as much as of what settles: results and lists of leases.
const SETTLING_PART: usize = 4;

/// Room for bodies and for answers. What settles has its own, so that what is new leaves it some.
#[derive(Debug)]
pub(super) struct Room {
    new: Arc<Semaphore>,
    settling: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    /// An answer that is larger has all of that room.
    answers_max: usize,
}

/// What one request takes of it, as long as this lives.
#[derive(Debug)]
pub(super) struct Taken {
    of: Arc<Semaphore>,
    bytes: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// As the operator wants it, and for one body at least. Puts that wait have theirs beside.
    pub(super) fn new(config: &Config) -> Self {
        let of = |bytes: usize| {
            let bytes = bytes.max(config.max_body).min(Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(bytes))
        };
        let incoming = config.max_incoming_bytes;
        let answers = of(config.max_outgoing_bytes);
        Self {
            new: of(incoming.saturating_add(config.limits.waiting_bytes_max)),
            settling: of(incoming / SETTLING_PART),
            answers_max: answers.available_permits(),
            answers,
        }
    }

    /// For a request that asks for something new.
    pub(super) fn for_new(&self) -> Taken {
        Taken { of: Arc::clone(&self.new), bytes: None }
    }

    /// For one that is always heard.
    pub(super) fn for_settling(&self) -> Taken {
        Taken { of: Arc::clone(&self.settling), bytes: None }
    }

    /// For an answer of so many bytes, with what is taken for it by now; nothing if they do not fit.
    pub(super) fn for_answer(&self, bytes: usize, by_now: Option<Taken>) -> Option<Taken> {
        let nothing = || Taken { of: Arc::clone(&self.answers), bytes: None };
        let mut taken = by_now.unwrap_or_else(nothing);
        let has = taken.bytes.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = bytes.min(self.answers_max);
        taken.keep(wanted);
        taken.take(wanted.saturating_sub(has)).then_some(taken)
    }
}

impl Taken {
    /// Whether so many bytes more would fit by now.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.of.available_permits() >= bytes
    }

    /// Takes so many bytes more, if they fit.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let Ok(count) = u32::try_from(bytes) else { return false };
        let Ok(more) = Arc::clone(&self.of).try_acquire_many_owned(count) else { return false };
        match &mut self.bytes {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        true
    }

    /// Gives back so many.
    pub(super) fn give_back(&mut self, bytes: usize) {
        drop(self.bytes.as_mut().and_then(|taken| taken.split(bytes)));
    }

    /// Gives back all but so many.
    pub(super) fn keep(&mut self, bytes: usize) {
        if let Some(taken) = &mut self.bytes {
            drop(taken.split(taken.num_permits().saturating_sub(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is here is bounded in all, and what is gone makes room; what settles has its own.
    #[test]
    fn what_is_here_is_bounded() {
        let mut config = Config { max_body: 4, max_incoming_bytes: 8, ..Config::default() };
        config.limits.waiting_bytes_max = 2;
        let room = Room::new(&config);
        let (mut one, mut other) = (room.for_new(), room.for_new());
        assert!(one.take(3) && one.take(3) && other.take(4));
        assert!(!other.take(1) && !other.fits(1) && room.for_settling().take(4));
        one.keep(5);
        assert!(other.take(1) && !other.take(1));
        drop(one);
        assert!(other.fits(5) && !other.fits(6));
    }

    /// Answers have room of their own; one grows and shrinks, and alone it has room however large it is.
    #[test]
    fn answers_are_bounded() {
        let room = Room::new(&Config { max_body: 4, max_outgoing_bytes: 8, ..Config::default() });
        let one = room.for_answer(3, None).expect("there is room");
        let other = room.for_answer(5, None).expect("there is room");
        assert!(room.for_answer(1, None).is_none());
        let other = room.for_answer(2, Some(other)).expect("it has more");
        let one = room.for_answer(6, Some(one)).expect("there is room");
        assert!(room.for_answer(7, Some(one)).is_none(), "and it is let go of");
        drop(other);
        let all = room.for_answer(100, None).expect("nobody else is there");
        assert!(room.for_answer(1, None).is_none());
        drop(all);
    }
}
