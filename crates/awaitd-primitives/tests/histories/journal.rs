//! A journal as the core sees it: entries in segments, of which the oldest goes when everything that
//! it alone tells has been written anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use awaitd_primitives::*;

/// What became of so many leases is copied at once.
const CHUNK: u64 = 16 * 1024;

/// What is to be written anew, and the body that stood there.
pub(crate) type Old = (Part, Option<Body>);

struct Segment {
    number: u64,
    /// With the bodies in each of them.
    entries: Vec<(Entry, Vec<Written>)>,
}

pub(crate) struct Journal {
    segments: VecDeque<Segment>,
    /// So many entries make a segment.
    size: usize,
    /// Every body that was ever written, and in which segment.
    bodies: Vec<(u64, Body)>,
    /// Bodies whose entries are not durable yet.
    fresh: VecDeque<(u64, Written)>,
    /// Where the body of each job is, durably.
    pub(crate) bodies_of: BTreeMap<JobId, Written>,
    /// Entries of this life of the server.
    position: u64,
}

impl Journal {
    pub(crate) fn new(size: usize) -> Self {
        let (bodies, fresh, bodies_of) = (Vec::new(), VecDeque::new(), BTreeMap::new());
        let segments = VecDeque::from([Segment { number: 1, entries: Vec::new() }]);
        Self { segments, size, bodies, fresh, bodies_of, position: 0 }
    }

    /// An append lies in one segment.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
        let last = self.segments.back_mut().expect("there is always one");
        if last.entries.len() >= self.size && !entries.is_empty() {
            let number = last.number + 1;
            self.segments.push_back(Segment { number, entries: Vec::new() });
        }
        let last = self.segments.back_mut().expect("there is always one");
        for entry in entries {
            self.position += 1;
            let mut all = Vec::new();
            for body in entry.records.iter().filter_map(body_in) {
                body.here().ok_or_else(|| format!("a body that is not here: {entry:?}"))?;
            }
            for (mut written, body) in entry.records.iter().filter_map(job_in) {
                written.stored.at = self.bodies.len() as u64;
                self.bodies.push((last.number, body));
                self.fresh.push_back((self.position, written.clone()));
                all.push(written);
            }
            last.entries.push((entry.clone(), all));
        }
        Ok(())
    }

    /// So many entries are durable: the bodies that are durable with them and were written anew.
    pub(crate) fn durable(&mut self, upto: u64) -> Vec<Written> {
        let mut anew = Vec::new();
        while self.fresh.front().is_some_and(|(position, _)| *position <= upto) {
            let (_, written) = self.fresh.pop_front().expect("it is there");
            self.bodies_of.insert(written.job, written.clone());
            anew.extend(Some(written).filter(|written| written.copied));
        }
        anew
    }

    /// The newest entries are lost, and a new life begins.
    pub(crate) fn lose(&mut self, entries: usize) {
        let mut lost = entries;
        while lost > 0 {
            let newest = self.segments.back_mut().expect("no more is lost than is there");
            let here = lost.min(newest.entries.len());
            newest.entries.truncate(newest.entries.len() - here);
            lost -= here;
            if newest.entries.is_empty() && self.segments.len() > 1 {
                self.segments.pop_back();
            }
        }
        self.fresh.clear();
        self.position = 0;
        let there = self.segments.iter().flat_map(|it| &it.entries).flat_map(|(_, all)| all);
        self.bodies_of = there.map(|written| (written.job, written.clone())).collect();
    }

    /// The bytes of a body that is not in memory.
    pub(crate) fn body(&self, stored: &Stored) -> Result<&Body, String> {
        let (segment, body) = &self.bodies[usize::try_from(stored.at).expect("few bodies")];
        let gone = *segment < self.first();
        if gone { Err(format!("the body at {} is gone", stored.at)) } else { Ok(body) }
    }

    pub(crate) fn first(&self) -> u64 {
        self.segments[0].number
    }

    /// What is to be written anew before the oldest segment may go; `None` if it is the only one.
    pub(crate) fn oldest(&self) -> Option<VecDeque<Old>> {
        self.segments.get(1)?;
        let records = self.segments[0].entries.iter().flat_map(|(entry, _)| &entry.records);
        let mut fates = BTreeSet::new();
        let mut parts: VecDeque<Old> = VecDeque::new();
        for record in records {
            match part_of(record) {
                Some((Part::Fates(lease), _)) => _ = fates.insert(lease.fence() / CHUNK),
                Some(old) => parts.push_back(old),
                None => {}
            }
        }
        let fates = fates.into_iter().map(|chunk| (Part::Fates(a_lease_in(chunk)), None));
        parts.extend(fates);
        Some(parts)
    }

    pub(crate) fn drop_oldest(&mut self) {
        self.segments.pop_front();
    }

    /// Drops all segments that a checkpoint has made needless, as a start does.
    pub(crate) fn drop_needless(&mut self) {
        let from = self.checkpoints().map(|(_, checkpoint)| checkpoint.from).last();
        while from.is_some_and(|from| self.first() < from) {
            self.drop_oldest();
        }
    }

    /// The state that the journal gives; some bodies are left where they are.
    pub(crate) fn replay(&self) -> Result<State, String> {
        self.replay_from(self.first(), true)
    }

    /// The state that it gives from where the newest checkpoint says that a history may begin.
    pub(crate) fn replay_late(&self) -> Result<State, String> {
        let froms = self.checkpoints().map(|(_, checkpoint)| checkpoint.from);
        self.replay_from(froms.last().unwrap_or(self.first()).max(self.first()), false)
    }

    fn checkpoints(&self) -> impl Iterator<Item = (&Entry, &Checkpoint)> {
        let entries = self.segments.iter().flat_map(|it| &it.entries).map(|(entry, _)| entry);
        entries.filter_map(|entry| Some((entry, checkpoint_in(entry)?)))
    }

    fn replay_from(&self, first: u64, thin: bool) -> Result<State, String> {
        let begins = self.checkpoints().filter(|(_, checkpoint)| checkpoint.from <= first).last();
        if begins.is_none() && first > 1 {
            return Err("the oldest segment went without a checkpoint".into());
        }
        // Whoever begins late knows everything only from that checkpoint on.
        let mut known = begins.is_none();
        let mut state = State::new();
        let segments = self.segments.iter().filter(|segment| segment.number >= first);
        for (entry, written) in segments.flat_map(|segment| &segment.entries) {
            let mut seen = entry.clone();
            for (record, written) in seen.records.iter_mut().filter_map(payload_of).zip(written) {
                if thin && written.stored.at % 2 == 0 {
                    record.body = Body::Stored(Box::new(written.stored));
                }
            }
            state.follow(&seen);
            known |= begins.is_some_and(|(begins, _)| std::ptr::eq(begins, entry));
            if let Some(checkpoint) = checkpoint_in(entry).filter(|_| known)
                && checkpoint.counts != state.counts()
            {
                return Err(format!("{checkpoint:?}, but there are {:?}", state.counts()));
            }
        }
        Ok(state)
    }
}

fn a_lease_in(chunk: u64) -> LeaseId {
    LeaseId(std::num::NonZeroU64::new(chunk * CHUNK).unwrap_or(std::num::NonZeroU64::MIN))
}

fn checkpoint_in(entry: &Entry) -> Option<&Checkpoint> {
    entry.records.iter().find_map(|record| match record {
        Record::Checkpoint(checkpoint) => Some(&**checkpoint),
        _ => None,
    })
}

/// What a record is the base of.
fn part_of(record: &Record) -> Option<Old> {
    let part = match record {
        Record::Made { thing } => Part::Thing(thing.clone()),
        Record::Configured { queue, .. } => Part::Thing(Thing::Queue(queue.clone())),
        Record::Prepared(configuration) => Part::Thing(configuration.thing()),
        Record::Set { event, .. } => Part::Thing(Thing::Event(event.clone())),
        Record::Remembered { thing, key, .. } => {
            Part::Key { thing: thing.clone(), key: key.clone() }
        }
        Record::Leased { lease, .. } => Part::Fates(*lease),
        Record::Placed { .. } => {
            let (Written { queue, job, .. }, body) = job_in(record)?;
            return Some((Part::Job { queue, job }, Some(body)));
        }
        Record::Copied(copied) => match &**copied {
            Copied::Queue { queue, .. } => Part::Thing(Thing::Queue(queue.clone())),
            Copied::Event { event, .. } => Part::Thing(Thing::Event(event.clone())),
            Copied::Lock { lock, .. } => Part::Thing(Thing::Lock(lock.clone())),
            Copied::Fates { chunk, .. } => Part::Fates(a_lease_in(*chunk)),
            Copied::Permits { thing, .. } => Part::Thing(thing.clone()),
            Copied::Barrier { barrier, .. } => Part::Thing(Thing::Barrier(barrier.clone())),
            Copied::Result { queue, job, .. } => Part::Job { queue: queue.clone(), job: *job },
            Copied::Schedule { .. } => unreachable!("schedules have tests of their own"),
            Copied::Late { .. } | Copied::Pace { .. } => return None,
            Copied::Job { .. } => {
                let (Written { queue, job, .. }, body) = job_in(record)?;
                return Some((Part::Job { queue, job }, Some(body)));
            }
        },
        _ => return None,
    };
    Some((part, None))
}

/// The job that a record tells of whole, and its body.
fn job_in(record: &Record) -> Option<(Written, Body)> {
    let (queue, job, payload, copied) = match record {
        Record::Placed { queue, job, payload, .. } => (queue, job, payload, false),
        Record::Copied(copied) => match &**copied {
            Copied::Job { queue, job, payload, .. } => (queue, job, payload, true),
            _ => return None,
        },
        _ => return None,
    };
    let stored = Stored { at: 0, bytes: u32::try_from(payload.body.len()).expect("short") };
    let (queue, job) = (queue.clone(), *job);
    Some((Written { queue, job, stored, copied }, payload.body.clone()))
}

fn payload_of(record: &mut Record) -> Option<&mut Payload> {
    match record {
        Record::Placed { payload, .. } => Some(payload),
        Record::Copied(copied) => match &mut **copied {
            Copied::Job { payload, .. } => Some(payload),
            _ => None,
        },
        _ => None,
    }
}

/// The body in a record, of a job or of an event.
fn body_in(record: &Record) -> Option<&Body> {
    match record {
        Record::Placed { payload, .. }
        | Record::Set { value: payload, .. }
        | Record::Resulted { result: payload, .. }
        | Record::Progressed { progress: payload, .. } => Some(&payload.body),
        Record::Copied(copied) => match &**copied {
            Copied::Job { payload, .. }
            | Copied::Result { result: payload, .. }
            | Copied::Event { last: Some((_, payload)), .. } => Some(&payload.body),
            _ => None,
        },
        _ => None,
    }
}
