//! What a start owes to those who were there before, and the checkpoints that let old entries go.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Engine, Position, Step};
use crate::judge::At;
use crate::limits::{LEASE_GRACE, LEASES_RESERVED, Room};
use crate::messages::body::{Body, Stored};
use crate::messages::checkpoint::Part;
use crate::messages::command::{JobId, LeaseId};
use crate::messages::name::Name;
use crate::messages::record::{Entry, Record};
use crate::quotas::Quotas;
use crate::state::ending::{Ending, end};

/// Of the leases that are lengthened by a start so many end at one moment at most…
const TOGETHER: usize = 1_024;

/// … and the next so much later: else those of a million dead holders would stop time for all.
const APART: Duration = Duration::from_millis(5);

/// A body that was written, and where a job of that number can be found.
#[derive(Clone, Debug)]
pub struct Written {
    /// Of which queue.
    pub queue: Name,
    /// Which job.
    pub job: JobId,
    /// Where its body is now.
    pub stored: Stored,
    /// It was written anew: if the body is in memory, it stays there.
    pub copied: bool,
}

impl Engine {
    /// Goes on after a start, at this moment and this time of day (microseconds since 1970).
    ///
    /// Lease numbers go on above all that may have been told. What was to be done on delivery is done:
    /// nobody knows whether it was delivered, and it may be delivered once at most. A lease lasts for
    /// a little longer, since its holder could not keep it while the server was away; once, or a
    /// server that crashes again and again would keep it for ever.
    pub fn start(&mut self, at: At, wall: u64, step: &mut Step) {
        self.at = at;
        let from = self.state.leases.reserved();
        let reserved = Record::Reserved { from, upto: from + LEASES_RESERVED };
        // A second more or less is no set-back.
        let expected = self.state.tied().map_or(0, |tie| tie.wall_at(at.now));
        let doubted = wall.saturating_add(1_000_000) < expected;
        self.commit(vec![Record::Tied { wall, doubted }, reserved], step);
        let leases = self.state.leases.in_order();
        let unending = leases.iter().filter(|(_, lease)| lease.until.is_none());
        let unending: Vec<LeaseId> = unending.map(|(id, _)| *id).collect();
        let mut graced = Vec::new();
        for (id, lease) in &leases {
            let until = at.now + LEASE_GRACE.min(lease.length);
            let short = lease.until.is_some_and(|end| end < until);
            if short && !lease.graced {
                let later = APART * u32::try_from(graced.len() / TOGETHER).unwrap_or(u32::MAX);
                graced.push(Record::Graced { lease: *id, until: until + later });
            }
        }
        self.commit(graced, step);
        for id in unending {
            let lease = self.state.leases.get(id).expect("it was there just now");
            let records = end(&self.state, id, lease, at.now, &Ending::Done);
            self.commit(records, step);
        }
    }

    /// Notes what time of day it is, in microseconds since 1970.
    pub fn tie(&mut self, wall: u64, step: &mut Step) {
        let doubted = self.state.tied().is_some_and(|tie| tie.doubted);
        self.commit(vec![Record::Tied { wall, doubted }], step);
        self.ripen(step);
    }

    /// Everything up to here is durable.
    pub fn durable(&mut self, upto: Position) {
        self.positions.advance(upto);
        self.deliveries.advance(upto);
    }

    /// The end of everything that was judged so far.
    pub fn judged(&self) -> Position {
        self.positions.committed()
    }

    /// What the journal's disk has left.
    pub fn set_room(&mut self, room: Room) {
        self.limits.room = room;
    }

    /// These quotas hold from now on. What is there above them stays, and who waits above them goes on.
    pub fn set_quotas(&mut self, quotas: Arc<Quotas>) {
        self.state.set_quotas(Arc::clone(&quotas));
        self.waiters.set_quotas(Arc::clone(&quotas));
        self.limits.quotas = quotas;
    }

    /// Writes anew what still lives of an old part of the journal. `body` is that of a job, as it
    /// stood there.
    pub fn copy(&mut self, part: &Part, body: Option<&Body>, step: &mut Step) {
        let Some(mut records) = self.state.copy(part) else { return };
        for payload in records.iter_mut().filter_map(Record::payload_mut) {
            if let (Body::Stored(_), Some(body)) = (&payload.body, body) {
                payload.body = body.clone();
            }
        }
        self.write(records, step);
    }

    /// Ends a checkpoint: a history may begin at `from` then.
    pub fn end_checkpoint(&mut self, from: u64, step: &mut Step) {
        let records = self.state.end_checkpoint(from, self.at.now);
        self.write(records, step);
    }

    /// Takes note of where a job's body was written.
    pub fn stow(&mut self, written: &Written) {
        let Written { queue, job, stored, copied } = written;
        self.state.stow(queue, *job, *stored, *copied);
    }

    /// An entry that tells nothing new.
    fn write(&mut self, records: Vec<Record>, step: &mut Step) {
        let entry = Entry { at: self.at.now, records };
        self.positions.commit(&entry);
        step.entries.push(entry);
    }

    /// Reserves more lease numbers, long before they are needed: a plain get waits for them.
    pub(super) fn reserve(&mut self, step: &mut Step) {
        let (last, reserved) = (self.state.leases.last(), self.state.leases.reserved());
        if last + LEASES_RESERVED / 2 >= reserved {
            let reserved = Record::Reserved { from: last, upto: last + LEASES_RESERVED };
            self.commit(vec![reserved], step);
        }
    }
}
