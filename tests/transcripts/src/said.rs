//! What was told, in the words of a transcript, whoever told it.

use std::time::Duration;

use awaitd_primitives::{
    BarrierView, Configuration, Holder, LockView, QueueView, SemaphoreView, Share, Thing, Time,
    View,
};

use super::jobs::{Looked, Taken};
use super::play::Numbers;
use super::policy::queue_config;
use super::words::show;

/// What was told. Numbers are those of the server.
#[derive(Clone, Debug)]
pub enum Said {
    /// Nothing that has to be said.
    Ok,
    /// A thing is so; whether it was not there before.
    Configured(bool, Configuration),
    /// A queue's state, and for how long the oldest job has been ready.
    Queue(QueueView, Option<Duration>),
    /// Another thing's state, at time zero: leases end when they have lasted for what is left of them.
    State(Box<View>),
    /// Names of things, and where the next page begins.
    List(Vec<String>, Option<String>),
    /// A job was put.
    Placed(u64),
    /// No job was put, since this one is there.
    Present(u64),
    /// A job was got.
    Got(Taken),
    /// Jobs were got.
    GotMany(Vec<Taken>),
    /// A job as it is.
    Job(Box<Looked>),
    /// Jobs as they are, and the last of them if there are more.
    Jobs(Vec<Looked>, Option<u64>),
    /// What came of a job.
    Result(String),
    /// So many jobs were dropped.
    Dropped(u64),
    /// So many jobs were put as new, and so many more there are.
    Moved(u64, u64),
    /// Every job was done at this generation.
    Drained(u64),
    /// An event was set, and to what if a value is told.
    Generation(u64, String),
    /// A lock was acquired, or permits were.
    Acquired(Lease),
    /// A lock was acquired after a wait for a condition; whether that was notified.
    Woken(Lease, bool),
    /// So many were woken.
    Notified(u64),
    /// A lock was taken from these, at time zero.
    Broke(Thing, Vec<Holder>),
    /// All parties came to a barrier: in which order, and its generation.
    Met(u64, u64),
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
    /// How the thing is that exists.
    pub config: Option<Configuration>,
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
            Self::State(view) => state(view, numbers),
            Self::List(names, cursor) => {
                let names = if names.is_empty() { "none".into() } else { names.join(" ") };
                names + &cursor.as_ref().map(|name| format!(" cursor {name}")).unwrap_or_default()
            }
            Self::Placed(job) => format!("job {}", numbers.job(*job)),
            Self::Present(job) => format!("present job {}", numbers.job(*job)),
            Self::Got(taken) => taken.text(numbers),
            Self::GotMany(all) => {
                all.iter().map(|taken| taken.text(numbers)).collect::<Vec<_>>().join(", ")
            }
            Self::Job(looked) => looked.text(numbers),
            Self::Jobs(all, cursor) => {
                let all: Vec<_> = all.iter().map(|looked| looked.row(numbers)).collect();
                let all = if all.is_empty() { "none".into() } else { all.join(", ") };
                let cursor = cursor.map(|job| format!(" cursor {}", numbers.job(job)));
                all + &cursor.unwrap_or_default()
            }
            Self::Result(value) => format!("result {value:?}"),
            Self::Dropped(dropped) => format!("dropped {dropped}"),
            Self::Moved(moved, 0) => format!("moved {moved}"),
            Self::Moved(moved, left) => format!("moved {moved} left {left}"),
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
            Self::Woken(lease, notified) => {
                let how = if *notified { "notified" } else { "not notified" };
                format!("lease {} {how}", numbers.lease(lease))
            }
            Self::Notified(woken) => format!("woken {woken}"),
            Self::Broke(_, holders) if holders.is_empty() => "broke nothing".into(),
            Self::Broke(thing, holders) => format!("broke{}", held(thing, holders, numbers)),
            Self::Met(index, generation) => {
                format!("index {index} generation {}", numbers.generation(*generation))
            }
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
        match self {
            Self::Got(taken) => taken.without_lease().text(numbers),
            Self::GotMany(all) => {
                Self::GotMany(all.iter().map(Taken::without_lease).collect()).text(numbers)
            }
            Self::Acquired(Lease { thing, .. }) => thing.kind().singular().into(),
            Self::Woken(..) => "lock".into(),
            other => other.text(numbers),
        }
    }

    /// The leases that it grants, and for which job.
    pub fn leases(&self) -> Vec<(u64, &Lease)> {
        fn of_job(taken: &Taken) -> Option<(u64, &Lease)> {
            Some((taken.job, taken.lease.as_ref()?))
        }
        match self {
            Self::Got(taken) => of_job(taken).into_iter().collect(),
            Self::GotMany(all) => all.iter().filter_map(of_job).collect(),
            Self::Acquired(lease) | Self::Woken(lease, _) => vec![(0, lease)],
            _ => Vec::new(),
        }
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

fn configuration(configuration: &Configuration) -> String {
    match configuration {
        Configuration::Queue(_, config) => queue_config(config),
        Configuration::Semaphore(_, config) => {
            let bound = if config.bounded { "" } else { " unbounded" };
            format!("permits {}{bound}", config.permits)
        }
        Configuration::Barrier(_, parties) => format!("parties {parties}"),
        Configuration::Schedule(..) => unreachable!("time goes otherwise for schedules"),
    }
}

/// Of anything but a queue, at time zero.
fn state(view: &View, numbers: &mut Numbers) -> String {
    match view {
        View::Queue(_) | View::Event(_) => unreachable!("these are told in other words"),
        View::Lock(view) => lock(view, numbers),
        View::Semaphore(view) => semaphore(view, numbers),
        View::Barrier(BarrierView { parties, waiting, broken, generation, .. }) => [
            format!("parties {parties} waiting {waiting}"),
            if *broken { " broken".into() } else { String::new() },
            if *generation > 0 {
                format!(" generation {}", numbers.generation(*generation))
            } else {
                String::new()
            },
        ]
        .concat(),
        View::Condition(view) => format!("waiting {}", view.waiters),
        View::Schedule(_) => unreachable!("time goes otherwise for schedules"),
    }
}

fn queue(view: &QueueView, oldest: Option<Duration>) -> String {
    let some = |name, count| if count > 0 { format!(" {name} {count}") } else { String::new() };
    let waiters = view.waiters;
    [
        format!("maxsize {} ready {}", view.config.maxsize, view.ready),
        some("delayed", view.delayed),
        some("leased", view.leased),
        some("dead", view.dead),
        format!(" unfinished {}", view.unfinished),
        oldest.map(|age| format!(" oldest {}", show(age))).unwrap_or_default(),
        some("putting", waiters.put),
        some("getting", waiters.get),
        some("joining", waiters.join),
        if view.config.policy.paused { " paused".into() } else { String::new() },
        if view.shut_down { " shut down".into() } else { String::new() },
    ]
    .concat()
}

fn lock(view: &LockView, numbers: &mut Numbers) -> String {
    let how = match view.holders.first().map(|holder| holder.share) {
        None => "free",
        Some(Share::Whole) => "held",
        Some(Share::Permits(_)) => "shared",
    };
    let held = held(&Thing::Lock(view.name.clone()), &view.holders, numbers);
    let conditions = view.conditions.iter().map(|(name, waiters)| format!(" {name} {waiters}"));
    [how.into(), held, acquiring(view.waiters), conditions.collect()].concat()
}

fn acquiring(waiters: u64) -> String {
    if waiters > 0 { format!(" acquiring {waiters}") } else { String::new() }
}

fn semaphore(view: &SemaphoreView, numbers: &mut Numbers) -> String {
    let configuration = configuration(&Configuration::Semaphore(view.name.clone(), view.config));
    let held = held(&Thing::Semaphore(view.name.clone()), &view.holders, numbers);
    let held = if held.is_empty() { held } else { format!(" held{held}") };
    format!("{configuration} available {}{held}{}", view.available, acquiring(view.waiters))
}

fn held(thing: &Thing, holders: &[Holder], numbers: &mut Numbers) -> String {
    let mut texts = Vec::new();
    for holder in holders {
        let owner = holder.owner.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
        let permits = match (thing, holder.share) {
            (Thing::Semaphore(_), Share::Permits(permits)) => format!(" {permits}"),
            _ => String::new(),
        };
        let lease = Lease { fence: holder.lease.fence(), thing: thing.clone() };
        let left = show(holder.until.since(Time::ZERO));
        texts.push(format!("{permits}{owner} lease {} ends in {left}", numbers.lease(&lease)));
    }
    texts.join(",")
}
