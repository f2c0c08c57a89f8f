//! A line that asks: the command of the core that it stands for, and how its answer is received.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{
    Command, GetMode, Key, LeaseId, LeaseRef, Name, Payload, QueueConfig, Thing,
};

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
    match verb {
        "configure" | "queue" | "queues" | "put" | "get" | "join" | "shutdown" => {
            of_queue(verb, words)
        }
        "set" | "clear" | "wait" => of_event(verb, words),
        "acquire" | "lock" => of_lock(verb, words),
        "done" | "release" | "nack" | "extend" | "held" => of_lease(verb, words),
        "delete" => match thing(words)? {
            Thing::Queue(queue) => Ok(Command::DeleteQueue { queue }),
            Thing::Lock(lock) => Ok(Command::DeleteLock { lock, force: words.flag("force") }),
            Thing::Event(_) => Err("an event is cleared, not deleted".into()),
        },
        "withdraw" => {
            let thing = thing(words)?;
            Ok(Command::Withdraw { thing, key: words.next("the key")?.into() })
        }
        _ => Err(format!("{verb} is no verb")),
    }
}

fn of_queue(verb: &str, words: &mut Words) -> Result<Command, String> {
    if verb == "queues" {
        let prefix = words.option("prefix")?.unwrap_or_default();
        let limit = words.option("limit")?.unwrap_or(100);
        return Ok(Command::ListQueues { prefix, cursor: words.option("cursor")?, limit });
    }
    let queue = name(words)?;
    Ok(match verb {
        "configure" => {
            let default = QueueConfig::default();
            let config = QueueConfig {
                maxsize: words.option("maxsize")?.unwrap_or(default.maxsize),
                lease: words.duration("lease")?.unwrap_or(default.lease),
                ..default
            };
            Command::ConfigureQueue { queue, config, only_new: words.flag("only-new") }
        }
        "queue" => Command::ReadQueue { queue },
        "put" => Command::Put {
            queue,
            payload: payload(&words.next("the job")?),
            delay: words.duration("delay")?.unwrap_or_default(),
        },
        "get" => {
            let lease = words.duration("lease")?;
            let at_most_once = words.flag("ack");
            let mode = if at_most_once { GetMode::AtMostOnce } else { GetMode::Leased(lease) };
            let settle: Option<String> = words.option("settle")?;
            let settle = settle.map(|text| lease_ref(&text)).transpose()?;
            Command::Get { queue, mode, settle }
        }
        "join" => Command::Join { queue, after: words.option("after")? },
        _ => Command::Shutdown { queue, immediate: words.flag("immediate") },
    })
}

fn of_event(verb: &str, words: &mut Words) -> Result<Command, String> {
    let event = name(words)?;
    Ok(match verb {
        "set" => Command::SetEvent {
            event,
            value: payload(&words.maybe_next().unwrap_or_default()),
            only_unset: words.flag("only-unset"),
        },
        "clear" => Command::ClearEvent { event },
        _ => Command::WaitEvent { event, after: words.option("after")? },
    })
}

fn of_lock(verb: &str, words: &mut Words) -> Result<Command, String> {
    let lock = name(words)?;
    if verb == "lock" {
        return Ok(Command::ReadLock { lock });
    }
    let owner: Option<String> = words.option("owner")?;
    let lease = words.duration("lease")?;
    Ok(Command::Acquire { lock, lease, owner: owner.map(Arc::from) })
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
            let defer = words.flag("defer");
            Command::Nack { lease, delay, defer, error: error.map(Box::from) }
        }
        "extend" => Command::Extend { lease, length: words.duration("lease")? },
        "held" => Command::Watch { lease },
        _ => Command::Done { lease },
    })
}

/// A lease by its number in the transcript; which one that is, is known when it is played.
fn lease_ref(text: &str) -> Result<LeaseRef, String> {
    if text == "forged" {
        return Ok(LeaseRef { id: FORGED, thing: None });
    }
    let number = text.parse().map_err(|_| format!("{text} is no lease's number"))?;
    Ok(LeaseRef { id: LeaseId(number), thing: None })
}

fn thing(words: &mut Words) -> Result<Thing, String> {
    let kind = words.next("queue, event or lock")?;
    let name = name(words)?;
    match kind.as_str() {
        "queue" => Ok(Thing::Queue(name)),
        "event" => Ok(Thing::Event(name)),
        "lock" => Ok(Thing::Lock(name)),
        _ => Err(format!("{kind} is no kind of thing: queue, event or lock")),
    }
}

fn name(words: &mut Words) -> Result<Name, String> {
    let name = words.next("a name")?;
    name.parse().map_err(|error| format!("{name}: {error}"))
}

fn payload(text: &str) -> Payload {
    Payload { body: text.as_bytes().into(), content_type: None }
}
