//! Grants on their way to whoever asked. Until the connection has taken the last byte, nobody has
//! what was granted, and nobody may lose it.

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::engine::{Engine, Position, Reply, Step};
use crate::judge::turned_away;
use crate::limits::KEEP_FOR;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::LeaseId;
use crate::messages::name::Name;
use crate::messages::record::{Outcome, Record};
use crate::messages::time::Time;
use crate::state::ending::{Ending, end};
use crate::state::remembered::KeyOf;
use crate::state::settled::Fate;

/// A lease that was granted in this life of the server. It is kept until its grant is durable and its
/// answer was taken or came back; under a key, for which there may be several answers, until the lease
/// ends as well.
#[derive(Debug, Default)]
struct Delivery {
    key: Option<KeyOf>,
    /// Where its grant is in the journal.
    granted: Position,
    /// Answers on their way.
    out: usize,
    /// One of them was looked at while the lease lasted: from then on time may end it.
    looked: bool,
    /// One of them was taken.
    taken: bool,
    /// Nobody was there: kept for a repeat until then.
    keep: Option<Time>,
    /// The lock and its condition, of one who was notified: if he never has the lock, another is woken.
    woken: Option<(Name, Name)>,
    /// The lease is over; here only for the answers that are still on their way.
    ended: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    by_lease: FxHashMap<LeaseId, Delivery>,
    keeps: BTreeSet<(Time, LeaseId)>,
    /// Grants that are not durable yet.
    fresh: VecDeque<(Position, LeaseId)>,
    durable: Position,
    outstanding: usize,
}

impl Deliveries {
    /// Answers on their way.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Takes note of grants and of ends.
    pub(super) fn note(&mut self, record: &Record, granted: Position) {
        if let Record::Leased { lease, .. } = record {
            self.by_lease.insert(*lease, Delivery { granted, ..Delivery::default() });
            self.fresh.push_back((granted, *lease));
        }
        if let Record::Remembered { thing, key, what, .. } = record
            && let Some((_, lease)) = what.lease()
            && let Some(delivery) = self.by_lease.get_mut(&lease)
        {
            delivery.key = Some(KeyOf { thing: thing.clone(), text: key.clone() });
        }
        // Who keeps it has its token.
        if let Record::Extended { lease, .. } = record {
            self.heard_of(*lease);
        }
        if let Record::Settled { lease, outcome, .. } = record {
            // Who takes it from its holder tells him nothing.
            self.end(*lease, !matches!(outcome, Outcome::Undelivered | Outcome::Broken));
        }
    }

    /// Everything up to here is durable.
    pub(super) fn advance(&mut self, upto: Position) {
        self.durable = self.durable.max(upto);
        while let Some((granted, lease)) = self.fresh.front().copied()
            && granted <= self.durable
        {
            self.fresh.pop_front();
            self.tidy(lease);
        }
    }

    /// An answer goes on its way.
    pub(super) fn told(&mut self, told: &Result<Answer, Refusal>) {
        for lease in granted(told) {
            self.unkeep(lease);
            let Some(delivery) = self.by_lease.get_mut(&lease) else { continue };
            delivery.out += 1;
            self.outstanding += 1;
            if let Ok(Answer::Woken { grant, condition, notified: true }) = told
                && !delivery.taken
            {
                delivery.woken = Some((grant.thing.name().clone(), condition.clone()));
            }
        }
    }

    /// The condition of which somebody was notified who loses the lock before he has heard of it.
    pub(super) fn unheard_of(&mut self, record: &Record) -> Option<(Name, Name)> {
        let Record::Settled { lease, outcome: Outcome::Broken, .. } = record else { return None };
        let delivery = self.by_lease.get_mut(lease).filter(|delivery| !delivery.taken)?;
        delivery.woken.take()
    }

    /// The lease is over; whether anybody had heard of it.
    pub(super) fn end(&mut self, lease: LeaseId, heard_of: bool) {
        self.unkeep(lease);
        if let Some(delivery) = self.by_lease.get_mut(&lease) {
            delivery.ended = true;
            delivery.taken |= heard_of;
            self.tidy(lease);
        }
    }

    /// One answer less is on its way. Whether it was the last, and nobody has heard of the lease.
    fn one_less_out(&mut self, lease: LeaseId) -> bool {
        let Some(delivery) = self.by_lease.get_mut(&lease) else { return false };
        delivery.out -= 1;
        self.outstanding -= 1;
        let last = delivery.out == 0 && !delivery.taken && !delivery.ended;
        self.tidy(lease);
        last
    }

    /// Forgets what nothing more will be asked about.
    fn tidy(&mut self, lease: LeaseId) {
        let durable = self.durable;
        let over = |it: &Delivery| it.taken && it.key.is_none() && it.granted <= durable;
        let done = |it: &Delivery| it.out == 0 && (it.ended || over(it));
        if self.by_lease.get(&lease).is_some_and(done) {
            self.by_lease.remove(&lease);
        }
    }

    /// Whoever it was granted to knows of it.
    pub(super) fn heard_of(&mut self, lease: LeaseId) {
        self.unkeep(lease);
        if let Some(delivery) = self.by_lease.get_mut(&lease) {
            delivery.taken = true;
            delivery.looked = true;
        }
    }

    /// Whether time may end a lease: not before its grant is durable and its answer was looked at.
    pub(super) fn may_end(&self, lease: LeaseId) -> bool {
        let ready = |delivery: &Delivery| delivery.looked && delivery.granted <= self.durable;
        self.by_lease.get(&lease).is_none_or(ready)
    }

    /// Whether anybody was ever told of a lease.
    pub(super) fn was_taken(&self, lease: LeaseId) -> bool {
        self.by_lease.get(&lease).is_none_or(|delivery| delivery.taken)
    }

    /// The next grant that nobody came back for.
    pub(super) fn next_keep(&self) -> Option<(Time, LeaseId)> {
        self.keeps.first().copied()
    }

    fn keep(&mut self, lease: LeaseId, until: Time) {
        if let Some(delivery) = self.by_lease.get_mut(&lease) {
            delivery.keep = Some(until);
            self.keeps.insert((until, lease));
        }
    }

    fn unkeep(&mut self, lease: LeaseId) {
        if let Some(until) = self.by_lease.get_mut(&lease).and_then(|it| it.keep.take()) {
            self.keeps.remove(&(until, lease));
        }
    }
}

/// The leases that an answer grants.
fn granted(told: &Result<Answer, Refusal>) -> impl Iterator<Item = LeaseId> + '_ {
    told.iter().flat_map(Answer::leases)
}

impl Engine {
    /// Looks at a reply that is durable, before it leaves. A grant that is over goes back, and its
    /// reply becomes the answer without it, which comes in `step`: it may tell of what is not durable.
    pub fn deliver(&mut self, mut reply: Reply, clock: Time, step: &mut Step) -> Option<Reply> {
        self.at.clock = self.at.clock.max(clock);
        let Some(lease) = granted(&reply.told).next() else { return Some(reply) };
        let mut others = Vec::new();
        if let Ok(Answer::GotMany(all)) = &mut reply.told {
            let over = all.extract_if(.., |got| !self.may_leave(got.lease, clock));
            let over: Vec<LeaseId> = over.map(|got| got.lease).collect();
            if !all.is_empty() {
                for lease in over {
                    self.take_from_reply(lease, step);
                }
                self.settle(step);
                return Some(reply);
            }
            others.extend(over.into_iter().skip(1));
        } else if self.may_leave(lease, clock) {
            return Some(reply);
        }
        let gone = self.state.leases.get(lease).is_none()
            && self.state.leases.fate(lease) == Some(Fate::Deleted);
        let heard_of = self.deliveries.was_taken(lease);
        // In the order in which they went: where keys take turns, they come back in it.
        for lease in [lease].into_iter().chain(others) {
            self.take_from_reply(lease, step);
        }
        self.settle(step);
        let told = if gone {
            Err(Refusal::Deleted)
        } else if heard_of {
            Err(Refusal::LeaseLost)
        } else {
            turned_away(&self.state, &reply.command, reply.waits)
        };
        step.replies.push(Reply { told, after: self.positions.committed(), ..reply });
        None
    }

    /// Whether a granted lease lasts still. From now on time may end it.
    fn may_leave(&mut self, lease: LeaseId, clock: Time) -> bool {
        let live = self.state.leases.get(lease);
        let lasts = live.is_some_and(|lease| lease.until.is_none_or(|until| until > clock));
        if lasts && let Some(delivery) = self.deliveries.by_lease.get_mut(&lease) {
            delivery.looked = true;
        }
        lasts
    }

    /// A reply does not tell of this lease after all.
    fn take_from_reply(&mut self, lease: LeaseId, step: &mut Step) {
        if self.deliveries.one_less_out(lease) {
            self.give_back(lease, step);
        }
    }

    /// Of an answer that grants a lease ([`Answer::Got`], [`Answer::Acquired`]): the connection took
    /// its last byte, or did not and never will. To be called once for each that was delivered.
    pub fn handed(&mut self, lease: LeaseId, taken: bool, step: &mut Step) {
        if taken {
            self.deliveries.heard_of(lease);
            self.deliveries.one_less_out(lease);
            self.done_once_taken(lease, step);
        } else if self.deliveries.one_less_out(lease) {
            self.keep_or_give_back(lease, step);
        }
        self.settle(step);
    }

    /// At most once: it is done now that it is delivered.
    fn done_once_taken(&mut self, lease: LeaseId, step: &mut Step) {
        let known = self.state.leases.get(lease).filter(|known| known.until.is_none());
        if let Some(known) = known {
            let records = end(&self.state, lease, known, self.at.now, &Ending::Done);
            self.commit(records, step);
        }
    }

    fn keep_or_give_back(&mut self, lease: LeaseId, step: &mut Step) {
        let keyed = self.deliveries.by_lease.get(&lease).is_some_and(|it| it.key.is_some());
        match self.state.leases.get(lease) {
            Some(known) if keyed => {
                self.deliveries.keep(lease, self.at.now + KEEP_FOR.min(known.length));
            }
            Some(_) | None => self.give_back(lease, step),
        }
    }

    /// As if it had never been granted; its key is as good as new.
    pub(super) fn give_back(&mut self, lease: LeaseId, step: &mut Step) {
        let Some(known) = self.state.leases.get(lease) else {
            return;
        };
        let mut records = end(&self.state, lease, known, self.at.now, &Ending::Undelivered);
        let key = self.deliveries.by_lease.get_mut(&lease).and_then(|delivery| delivery.key.take());
        records.extend(key.and_then(|key| self.forget(key, lease)));
        let delivery = self.deliveries.by_lease.get_mut(&lease);
        let woken = delivery.and_then(|delivery| delivery.woken.take());
        self.commit(records, step);
        if let Some((lock, condition)) = woken {
            self.notify(&lock, &condition, 1);
        }
    }

    /// The key of a grant of which nobody has heard is as good as new. After a long stall it may have been
    /// forgotten, and used again for something else.
    fn forget(&self, key: KeyOf, lease: LeaseId) -> Option<Record> {
        let memory = self.state.remembered.get(&key);
        let (_, granted) = memory?.what.lease()?;
        let KeyOf { thing, text: key } = key;
        (granted == lease).then_some(Record::Unremembered { thing, key })
    }
}
