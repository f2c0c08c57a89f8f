//! Leases: one holder at a time, fences that only grow, and no end before its time.

use std::time::{Duration, Instant};

use super::{Asked, GRACE, Oracle, SLACK};

/// How a lease is ended by its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The job is done, for ever.
    Done,
    /// The job was given back, the lock released.
    Back,
}

/// What survives a kill of what a grant's answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// All of it.
    Firm,
    /// Not the lease: a plain get does not wait for its own.
    Plain,
}

#[derive(Debug)]
pub(super) struct Lease {
    /// The job's or the lock's name.
    thing: String,
    length: Duration,
    /// It does not end by itself before this.
    until: Instant,
    /// In which life it was told. The repeat of a get may have been asked first in another.
    life: u32,
    promise: Promise,
    /// It was granted or renewed since the last restart.
    fresh: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The holder wanted to end it, and has not heard whether it did.
    Asked(How),
    Ended(How),
    Lost,
}

impl Lease {
    /// What a restart gives.
    pub(super) fn survives(&mut self, died: Instant, now: Instant) {
        if self.fresh && self.until > died {
            self.until = self.until.max(now + self.length.min(GRACE));
        }
        self.fresh = false;
    }

    /// Whether it may have ended without its holder, as far as somebody knows who was told so in
    /// this life.
    fn may_be_lost(&self, life: u32, now: Instant) -> bool {
        now + SLACK >= self.until || (self.promise == Promise::Plain && self.life < life)
    }
}

impl Oracle {
    /// A grant was told: the get of a job, the acquire of a lock, or the repeat of either under its
    /// key, for which `asked` is the first request's.
    pub(super) fn granted(
        &mut self,
        asked: &Asked,
        thing: &str,
        fence: u64,
        (length, promise): (Duration, Promise),
        now: Instant,
    ) {
        if let Some(known) = self.leases.get(&fence) {
            if known.thing != thing {
                let wrong = format!("fence {fence} is of {} and of {thing}", known.thing);
                self.complain(wrong);
            } else if matches!(known.state, State::Ended(_) | State::Lost) {
                let state = known.state;
                self.complain(format!("{thing}: the lease {fence} is granted, and was {state:?}"));
            }
            return;
        }
        if fence <= asked.fence {
            let before = asked.fence;
            self.complain(format!("{thing}: fence {fence}, and {before} was told before"));
        }
        self.fence = self.fence.max(fence);
        let lease = Lease {
            thing: thing.to_owned(),
            length,
            until: asked.at + length,
            life: self.life,
            promise,
            fresh: asked.life == self.life,
            state: State::Open,
        };
        self.leases.insert(fence, lease);
        self.open.insert(fence);
        let others = self.granted.entry(thing.to_owned()).or_default();
        others.insert(fence);
        let older = others.range(..fence).next_back().copied();
        let newer = others.range(fence + 1..).next().copied();
        for (older, newer) in [(older, Some(fence)), (Some(fence), newer)] {
            if let (Some(older), Some(newer)) = (older, newer) {
                self.hands_over(older, newer, now);
            }
        }
    }

    /// Of two grants of one thing the older must have ended.
    fn hands_over(&mut self, older: u64, newer: u64, now: Instant) {
        let (lease, life) = (&self.leases[&older], self.leases[&newer].life);
        let thing = &lease.thing;
        let wrong = match lease.state {
            State::Ended(How::Done) => format!("{thing}: done by {older}, and granted to {newer}"),
            State::Open if !lease.may_be_lost(life, now) => {
                let left = lease.until - now;
                format!("{thing}: granted to {newer}, and {older} holds it for {left:?} more")
            }
            State::Open | State::Asked(_) | State::Ended(How::Back) | State::Lost => return,
        };
        self.complain(wrong);
    }

    /// The holder is about to end it.
    pub fn ending(&mut self, fence: u64, how: How) {
        let lease = self.lease(fence);
        if lease.state == State::Open {
            lease.state = State::Asked(how);
        }
    }

    /// 503: it was not ended.
    pub fn not_ended(&mut self, fence: u64) {
        let lease = self.lease(fence);
        if matches!(lease.state, State::Asked(_)) {
            lease.state = State::Open;
        }
    }

    /// 2xx: it is ended so, now or before. `first` if nobody had asked for it before.
    pub fn ended(&mut self, asked: &Asked, fence: u64, how: How, first: bool) {
        let thing = self.lease(fence).thing.clone();
        let newest = *self.granted[&thing].last().expect("this very lease is among them");
        let state = self.lease(fence).state;
        if state == State::Lost || matches!(state, State::Ended(before) if before != how) {
            self.complain(format!("{thing}: the lease {fence} was {state:?}, and is now {how:?}"));
        }
        // Whatever order these were heard in: what is done is never granted again, and was not lost.
        let impossible = match how {
            How::Done => newest > fence,
            How::Back => first && newest > fence && newest <= asked.fence,
        };
        if impossible {
            let wrong = format!("{thing}: {fence} ended it ({how:?}), and {newest} had it since");
            self.complain(wrong);
        }
        self.lease(fence).state = State::Ended(how);
        self.open.remove(&fence);
    }

    /// 200 to whoever asked whether it is still held; with `renewed`, for so long from then on.
    pub fn alive(&mut self, asked: &Asked, fence: u64, renewed: Option<Duration>) {
        let life = self.life;
        let lease = self.lease(fence);
        if let Some(length) = renewed {
            lease.until = lease.until.max(asked.at + length);
            lease.fresh = asked.life == life;
            lease.length = length;
        }
        // Whoever asked after the grant waits for what was there before, this very grant included.
        lease.promise = Promise::Firm;
        let (thing, state) = (lease.thing.clone(), lease.state);
        let next = self.granted[&thing].range(fence + 1..).next().copied();
        if let Some(next) = next.filter(|next| *next <= asked.fence) {
            self.complain(format!("{thing}: {fence} is said to hold it, and {next} had it since"));
        }
        if !matches!(state, State::Open) {
            self.complain(format!("{thing}: {fence} is said to hold it, and was {state:?}"));
        }
    }

    /// 410 `lease_lost`.
    pub fn lost(&mut self, fence: u64, now: Instant) {
        let life = self.life;
        let lease = self.lease(fence);
        let (thing, state) = (lease.thing.clone(), lease.state);
        let wrong = match state {
            State::Ended(how) => Some(format!("{thing}: the lease {fence} was {how:?}, and lost")),
            State::Open | State::Asked(_) if !lease.may_be_lost(life, now) => {
                let left = lease.until - now;
                Some(format!("{thing}: the lease {fence} is lost {left:?} before its end"))
            }
            State::Open | State::Asked(_) | State::Lost => None,
        };
        lease.state = State::Lost;
        self.open.remove(&fence);
        self.wrong.extend(wrong);
    }

    /// 410 `lease_lost` to the repeat of a request whose grant nobody had heard of.
    pub fn lost_unheard(&mut self, first: &Asked, length: Duration, now: Instant) {
        if now + SLACK < first.at + length {
            self.complain(format!("a lease of {length:?} that was granted and cut off is lost"));
        }
    }

    /// The acquire of a lock was told, or its repeat, for which `asked` is the first request's.
    pub fn acquired(
        &mut self,
        asked: &Asked,
        lock: &str,
        fence: u64,
        length: Duration,
        now: Instant,
    ) {
        self.granted(asked, &format!("lock {lock}"), fence, (length, Promise::Firm), now);
    }

    /// How its holder ended it, if that is certain.
    pub(super) fn how_ended(&self, fence: u64) -> Option<How> {
        match self.leases[&fence].state {
            State::Ended(how) => Some(how),
            State::Open | State::Asked(_) | State::Lost => None,
        }
    }

    /// Whether its holder may have done the job.
    pub(super) fn may_be_done(&self, fence: u64) -> bool {
        matches!(self.leases[&fence].state, State::Asked(How::Done) | State::Ended(How::Done))
    }

    fn lease(&mut self, fence: u64) -> &mut Lease {
        self.leases.get_mut(&fence).expect("this lease was told of")
    }
}
