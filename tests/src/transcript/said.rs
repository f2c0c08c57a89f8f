//! What was told, in the words of a transcript, whoever told it.

use std::time::Duration;

use awaitd_primitives::{
    Answer, Granted, LockView, Payload, QueueConfig, QueueView, Refusal, Thing, Time, Withdrawal,
};

use super::play::Numbers;
use super::words::show;

/// What was told. Numbers are those of the server.
#[derive(Clone, Debug)]
pub enum Said {
    /// Nothing that has to be said.
    Ok,
    /// A queue is so; whether it was not there before.
    Configured(bool, QueueConfig),
    /// A queue's state, and for how long the oldest job has been ready.
    Queue(QueueView, Option<Duration>),
    /// Names of queues, and where the next page begins.
    Queues(Vec<String>, Option<String>),
    /// A job was put.
    Placed(u64),
    /// A job was got: its number, its value, its lease if it has one, its attempt.
    Got(u64, String, Option<Lease>, u32),
    /// Every job was done at this generation.
    Drained(u64),
    /// An event was set, and to what if a value is told.
    Generation(u64, String),
    /// A lock was acquired.
    Acquired(Lease),
    /// A lock's state, and for how much longer it is held.
    Lock(LockView, Option<Duration>),
    /// A lease lasts for so long.
    Lasts(Lease, Duration),
    /// A request was taken back.
    Withdrawn,
    /// A request had been granted nothing that has a place of its own.
    GrantedNothing,
    /// A request had been granted this job.
    GrantedJob(u64),
    /// A request had been granted this lease.
    GrantedLease(Lease),
    /// No, under this code, and what belongs to it.
    Refused(String, Facts),
    /// An answer that nobody takes.
    Undelivered(Box<Said>),
    /// An answer that is on its way.
    Sent(Box<Said>),
}

/// A lease as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// Its number, the fence.
    pub fence: u64,
    /// To what it belongs.
    pub thing: Thing,
}

/// What a refusal says beside its code.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How many jobs are unfinished.
    pub unfinished: Option<u64>,
    /// Of the last set or drain.
    pub generation: Option<u64>,
    /// How the queue is that exists.
    pub config: Option<QueueConfig>,
    /// Who holds the lock.
    pub owner: Option<String>,
    /// For how much longer.
    pub held_for: Option<Duration>,
}

impl Said {
    /// The text of it, with the numbers of the transcript.
    pub(super) fn text(&self, numbers: &mut Numbers) -> String {
        match self {
            Self::Ok => "ok".into(),
            Self::Configured(created, config) => {
                let how = if *created { "created" } else { "changed" };
                format!("{how} {}", configuration(config))
            }
            Self::Queue(view, oldest) => queue(view, *oldest),
            Self::Queues(names, cursor) => {
                let names = if names.is_empty() { "none".into() } else { names.join(" ") };
                names + &cursor.as_ref().map(|name| format!(" cursor {name}")).unwrap_or_default()
            }
            Self::Placed(job) => format!("job {}", numbers.job(*job)),
            Self::Got(job, value, lease, attempt) => {
                let job = numbers.job(*job);
                let lease = lease.as_ref().map(|lease| format!(" lease {}", numbers.lease(lease)));
                format!("job {job} {value:?}{} attempt {attempt}", lease.unwrap_or_default())
            }
            Self::Drained(generation) => {
                format!("drained generation {}", numbers.generation(*generation))
            }
            Self::Generation(generation, value) => {
                let generation = numbers.generation(*generation);
                let value = Some(value).filter(|value| !value.is_empty());
                let value = value.map(|value| format!(" {value:?}")).unwrap_or_default();
                format!("generation {generation}{value}")
            }
            Self::Acquired(lease) => format!("lease {}", numbers.lease(lease)),
            Self::Lock(view, left) => lock(view, *left, numbers),
            Self::Lasts(lease, left) => {
                format!("lease {} ends in {}", numbers.lease(lease), show(*left))
            }
            Self::Withdrawn => "withdrawn".into(),
            Self::GrantedNothing => "granted".into(),
            Self::GrantedJob(job) => format!("granted job {}", numbers.job(*job)),
            Self::GrantedLease(lease) => format!("granted lease {}", numbers.lease(lease)),
            Self::Refused(code, facts) => format!("refused {code}{}", facts.text(numbers)),
            Self::Undelivered(said) => format!("undelivered {}", said.without_lease(numbers)),
            Self::Sent(said) => format!("sent {}", said.text(numbers)),
        }
    }

    /// Nobody has heard of the lease, so it has no number in the transcript.
    fn without_lease(&self, numbers: &mut Numbers) -> String {
        if let Self::Got(job, value, _, attempt) = self {
            return format!("job {} {value:?} attempt {attempt}", numbers.job(*job));
        }
        if let Self::Acquired(_) = self { "lock".into() } else { self.text(numbers) }
    }

    /// The lease that it grants.
    pub fn lease(&self) -> Option<&Lease> {
        if let Self::Got(_, _, lease, _) = self {
            return lease.as_ref();
        }
        if let Self::Acquired(lease) = self { Some(lease) } else { None }
    }
}

impl Facts {
    fn text(&self, numbers: &mut Numbers) -> String {
        let parts = [
            self.unfinished.map(|count| format!(" unfinished {count}")),
            self.generation.map(|number| format!(" generation {}", numbers.generation(number))),
            self.config.as_ref().map(|config| format!(" {}", configuration(config))),
            self.owner.as_ref().map(|owner| format!(" by {owner}")),
            self.held_for.map(|left| format!(" for {}", show(left))),
        ];
        parts.into_iter().flatten().collect()
    }
}

fn configuration(config: &QueueConfig) -> String {
    format!("maxsize {} lease {}", config.maxsize, show(config.lease))
}

fn queue(view: &QueueView, oldest: Option<Duration>) -> String {
    let some = |name, count| if count > 0 { format!(" {name} {count}") } else { String::new() };
    let waiters = view.waiters;
    [
        format!("maxsize {} ready {}", view.config.maxsize, view.ready),
        some("delayed", view.delayed),
        some("leased", view.leased),
        format!(" unfinished {}", view.unfinished),
        oldest.map(|age| format!(" oldest {}", show(age))).unwrap_or_default(),
        some("putting", waiters.put),
        some("getting", waiters.get),
        some("joining", waiters.join),
        if view.shut_down { " shut down".into() } else { String::new() },
    ]
    .concat()
}

fn lock(view: &LockView, left: Option<Duration>, numbers: &mut Numbers) -> String {
    let mut text = "free".to_owned();
    if let (Some((lease, _)), Some(left)) = (view.holder, left) {
        let lease = Lease { fence: lease.fence(), thing: Thing::Lock(view.name.clone()) };
        let owner = view.owner.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
        text = format!("held{owner} lease {} ends in {}", numbers.lease(&lease), show(left));
    }
    if view.waiters > 0 { format!("{text} acquiring {}", view.waiters) } else { text }
}

/// What the core told at `now`.
pub fn told(told: &Result<Answer, Refusal>, now: Time) -> Said {
    let answer = match told {
        Ok(answer) => answer,
        Err(refusal) => return refused(refusal, now),
    };
    match answer {
        Answer::Configured { config, created, .. } => Said::Configured(*created, config.clone()),
        Answer::Queue(view) => {
            Said::Queue(view.clone(), view.oldest_ready.map(|since| now.since(since)))
        }
        Answer::Queues { items, cursor } => {
            let names = items.iter().map(|view| view.name.to_string()).collect();
            Said::Queues(names, cursor.as_ref().map(ToString::to_string))
        }
        Answer::Deleted | Answer::ShutDown | Answer::Cleared | Answer::Settled => Said::Ok,
        Answer::Placed { job, .. } => Said::Placed(job.0),
        Answer::Got(got) => {
            let lease = Lease { fence: got.lease.fence(), thing: Thing::Queue(got.queue.clone()) };
            // At most once: done once it is delivered, so there is no lease to come back with.
            let lease = got.until.map(|_| lease);
            Said::Got(got.job.0, text(here(&got.payload)), lease, got.attempt)
        }
        Answer::Joined { generation } => Said::Drained(*generation),
        Answer::Set { generation } => Said::Generation(*generation, String::new()),
        Answer::Happened { generation, value } => Said::Generation(*generation, text(here(value))),
        Answer::Acquired(grant) => {
            Said::Acquired(Lease { fence: grant.lease.fence(), thing: grant.thing.clone() })
        }
        Answer::Lock(view) => {
            Said::Lock(view.clone(), view.holder.map(|(_, until)| until.since(now)))
        }
        Answer::Extended(grant) | Answer::Held(grant) => {
            let lease = Lease { fence: grant.lease.fence(), thing: grant.thing.clone() };
            Said::Lasts(lease, grant.until.since(now))
        }
        Answer::Withdrawn(Withdrawal::Withdrawn) => Said::Withdrawn,
        Answer::Withdrawn(Withdrawal::Granted(granted)) => match granted {
            Granted::Job(_, job) => Said::GrantedJob(job.0),
            Granted::Lease(thing, lease) => {
                Said::GrantedLease(Lease { fence: lease.fence(), thing: thing.clone() })
            }
            Granted::Nothing => Said::GrantedNothing,
        },
    }
}

/// A refusal at `now`.
fn refused(refusal: &Refusal, now: Time) -> Said {
    let facts = match refusal {
        Refusal::NotDrained { unfinished, generation } => Facts {
            unfinished: Some(*unfinished),
            generation: Some(*generation),
            ..Facts::default()
        },
        Refusal::NotSet { generation } | Refusal::AlreadySet { generation } => {
            Facts { generation: Some(*generation), ..Facts::default() }
        }
        Refusal::Exists { config, .. } => {
            Facts { config: Some(config.clone()), ..Facts::default() }
        }
        Refusal::Locked { owner, until, .. } => Facts {
            owner: owner.as_ref().map(ToString::to_string),
            held_for: until.map(|until| until.since(now)),
            ..Facts::default()
        },
        Refusal::Full
        | Refusal::WaitingBytes
        | Refusal::QueueShutDown
        | Refusal::Empty
        | Refusal::Held
        | Refusal::LeaseLost
        | Refusal::NotFound
        | Refusal::Deleted
        | Refusal::KeyMismatch
        | Refusal::Superseded
        | Refusal::Withdrawn
        | Refusal::TooManyWaits
        | Refusal::TooManyKeys
        | Refusal::TooManyNames
        | Refusal::DiskFull
        | Refusal::ShuttingDown => Facts::default(),
    };
    Said::Refused(refusal.code().into(), facts)
}

/// The bytes of what is in memory.
pub fn here(payload: &Payload) -> &[u8] {
    payload.body.here().expect("no transcript has more than memory holds")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
