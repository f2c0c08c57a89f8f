//! A line that asks: the command of the core that it stands for, and how its answer is received.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{
    Command, Configuration, Key, Kind, LeaseId, LeaseRef, Name, Payload, SemaphoreConfig, Share,
    Thing,
};

use super::queues;
use super::words::Words;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Leases and generations in it are those of the transcript until it is played.
    pub command: Command,
    /// For how long it waits; not at all if that is nothing.
    pub wait: Duration,
    /// The `Idempotency-Key`.
    pub key: Option<Key>,
    /// What becomes of a grant.
    pub hands: Hands,
}

/// What becomes of an answer that grants something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    /// It is delivered.
    Take,
    /// The connection is gone by then.
    Drop,
    /// It is on its way until the transcript says more.
    Wait,
}

/// A lease that this server never gave out.
pub(super) const FORGED: LeaseId = LeaseId(NonZeroU64::new(1 << 52).expect("is not zero"));

/// What the operator set as the longest wait: longer than any in the corpus.
pub const MAX_WAIT: Duration = Duration::from_hours(24);

impl Asking {
    /// Parses what follows the name of whoever asks.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let mut words = Words::of(text)?;
        let wait = words.duration("wait")?.unwrap_or_default();
        let key: Option<String> = words.option("key")?;
        let hands = match (words.flag("undelivered"), words.flag("slowly")) {
            (false, false) => Hands::Take,
            (true, false) => Hands::Drop,
            (false, true) => Hands::Wait,
            (true, true) => return Err("undelivered or slowly, not both".into()),
        };
        let mut hasher = DefaultHasher::new();
        words.shown().hash(&mut hasher);
        let fingerprint = u128::from(hasher.finish());
        let key = key.map(|text| Key { text: text.into(), fingerprint });
        let verb = words.next("what is asked")?;
        let command = command(&verb, &mut words)?;
        words.finish()?;
        Ok(Self { command, wait, key, hands })
    }
}

fn command(verb: &str, words: &mut Words) -> Result<Command, String> {
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.plural() == verb) {
        let prefix = words.option("prefix")?.unwrap_or_default();
        let limit = words.option("limit")?.unwrap_or(100);
        return Ok(Command::List { kind, prefix, cursor: words.option("cursor")?, limit });
    }
    let readable = |kind: &Kind| *kind != Kind::Event && kind.singular() == verb;
    if let Some(kind) = Kind::ALL.into_iter().find(readable) {
        return Ok(Command::Read { thing: Thing::new(kind, name(words)?) });
    }
    if let Some(command) = queues::of_queue(verb, words)? {
        return Ok(command);
    }
    match verb {
        "configure" => configure(words),
        "set" | "clear" => of_event(verb, words),
        "wait" if words.take("barrier") => Ok(Command::WaitBarrier { barrier: name(words)? }),
        "wait" if words.take("condition") => of_condition(verb, words),
        "wait" => Ok(Command::WaitEvent { event: name(words)?, after: words.option("after")? }),
        "acquire" => acquire(words),
        "break" => Ok(Command::Break { lock: name(words)? }),
        "notify" | "condition" => of_condition(verb, words),
        "reset" => Ok(Command::ResetBarrier { barrier: name(words)? }),
        "abort" => Ok(Command::AbortBarrier { barrier: name(words)? }),
        "release" if words.take("semaphore") => {
            let semaphore = name(words)?;
            Ok(Command::Release { semaphore, permits: words.option("permits")?.unwrap_or(1) })
        }
        "done" | "release" | "progress" | "nack" | "extend" | "held" => of_lease(verb, words),
        "delete" => match thing(words)? {
            Thing::Event(_) => Err("an event is cleared, not deleted".into()),
            thing => Ok(Command::Delete { thing, force: words.flag("force") }),
        },
        "withdraw" => {
            let thing = thing(words)?;
            Ok(Command::Withdraw { thing, key: words.next("the key")?.into() })
        }
        _ => Err(format!("{verb} is no verb")),
    }
}

fn of_event(verb: &str, words: &mut Words) -> Result<Command, String> {
    let event = name(words)?;
    Ok(match verb {
        "set" => Command::SetEvent {
            event,
            value: payload(&words.maybe_next().unwrap_or_default()),
            only_unset: words.flag("only-unset"),
        },
        _ => Command::ClearEvent { event },
    })
}

fn acquire(words: &mut Words) -> Result<Command, String> {
    let (thing, share) = if words.take("semaphore") {
        let permits = words.option("permits")?.unwrap_or(1);
        (Thing::Semaphore(name(words)?), Share::Permits(permits))
    } else {
        let shared = words.flag("shared");
        let share = if shared { Share::Permits(1) } else { Share::Whole };
        (Thing::Lock(name(words)?), share)
    };
    let owner: Option<String> = words.option("owner")?;
    let lease = words.duration("lease")?;
    Ok(Command::Acquire { thing, share, lease, owner: owner.map(Arc::from) })
}

fn of_condition(verb: &str, words: &mut Words) -> Result<Command, String> {
    let (lock, condition) = (name(words)?, name(words)?);
    if verb == "condition" {
        return Ok(Command::ReadCondition { lock, condition });
    }
    let held: String = words.option("held")?.ok_or("held= is missing")?;
    let held = lease_ref(&held)?;
    Ok(if verb == "notify" {
        let most: Option<String> = words.option("n")?;
        let most = match most.as_deref() {
            None => Some(1),
            Some("all") => None,
            Some(number) => Some(number.parse().map_err(|_| format!("n={number} is no number"))?),
        };
        Command::Notify { lock, condition, held, most }
    } else {
        let owner: Option<String> = words.option("owner")?;
        Command::WaitCondition {
            lock,
            condition,
            held,
            lease: words.duration("lease")?,
            owner: owner.map(Arc::from),
            patience: MAX_WAIT,
            notified: None,
        }
    })
}

fn configure(words: &mut Words) -> Result<Command, String> {
    let only_new = words.flag("only-new");
    let configuration = if words.take("semaphore") {
        let permits = words.option("permits")?.ok_or("permits= is missing")?;
        let config = SemaphoreConfig { permits, bounded: !words.flag("unbounded") };
        Configuration::Semaphore(name(words)?, config)
    } else if words.take("barrier") {
        let parties = words.option("parties")?.ok_or("parties= is missing")?;
        Configuration::Barrier(name(words)?, parties)
    } else {
        let config = queues::config(words)?;
        Configuration::Queue(name(words)?, config)
    };
    Ok(Command::Configure { configuration, only_new })
}

fn of_lease(verb: &str, words: &mut Words) -> Result<Command, String> {
    if words.next("lease")? != "lease" {
        return Err(format!("{verb} needs a lease, such as lease 1"));
    }
    let lease = lease_ref(&words.next("the lease's number")?)?;
    Ok(match verb {
        "nack" => {
            let error: Option<String> = words.option("error")?;
            let delay = words.duration("delay")?;
            let (defer, dead) = (words.flag("defer"), words.flag("dead"));
            Command::Nack { lease, delay, defer, dead, error: error.map(Box::from) }
        }
        "extend" => Command::Extend { lease, length: words.duration("lease")? },
        "held" => Command::Watch { lease },
        "progress" => {
            Command::Progress { lease, progress: payload(&words.next("how far the work is")?) }
        }
        _ => match words.maybe_next() {
            Some(result) => Command::Finish { lease, result: payload(&result) },
            None => Command::Done { lease },
        },
    })
}

/// A lease by its number in the transcript; which one that is, is known when it is played.
pub(super) fn lease_ref(text: &str) -> Result<LeaseRef, String> {
    if text == "forged" {
        return Ok(LeaseRef { id: FORGED, thing: None });
    }
    let number = text.parse().map_err(|_| format!("{text} is no lease's number"))?;
    Ok(LeaseRef { id: LeaseId(number), thing: None })
}

fn thing(words: &mut Words) -> Result<Thing, String> {
    let given = words.next("a kind of thing")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.singular() == given);
    let kind = kind.ok_or_else(|| format!("{given} is no kind of thing"))?;
    Ok(Thing::new(kind, name(words)?))
}

pub(super) fn name(words: &mut Words) -> Result<Name, String> {
    let name = words.next("a name")?;
    name.parse().map_err(|error| format!("{name}: {error}"))
}

pub(super) fn payload(text: &str) -> Payload {
    Payload { body: text.as_bytes().into(), content_type: None }
}
