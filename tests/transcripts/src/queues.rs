//! Lines that ask a queue for something, and what a queue is told to be.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{
    Backoff, Command, Delay, GetMode, JobId, JobState, Milli, Order, Policy, QueueConfig, Rank,
    Rate, Trait, WhenFull,
};

use super::asking::{lease_ref, name, payload};
use super::words::{Words, duration};

/// As many as one redrive moves if nobody says otherwise: all that a transcript has.
const REDRIVE_ALL: u64 = 1_000;

/// `put`, `get` and what else is asked of a queue; `None` if this verb is not.
pub(super) fn of_queue(verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
    if verb == "get" && words.take("any") {
        return get_any(words).map(Some);
    }
    let job = |words: &mut Words| words.option("job").map(|job| job.map(JobId));
    let needed = |job: Option<JobId>| job.ok_or(format!("{verb} needs a job, such as job=1"));
    let queue = if VERBS.contains(&verb) { name(words)? } else { return Ok(None) };
    Ok(Some(match verb {
        "put" => Command::Put {
            queue,
            payload: payload(&words.next("the job")?),
            delay: words.duration("delay")?.map_or(Delay::NONE, Delay::For),
            rank: rank(words)?,
            ttl: words.duration("ttl")?,
            traits: traits(words)?,
        },
        "get" => {
            let settle: Option<String> = words.option("settle")?;
            let settle = settle.map(|text| lease_ref(&text)).transpose()?;
            let (mode, most) = (mode(words)?, words.option("max")?.unwrap_or(1));
            Command::Get { queue, mode, settle, most }
        }
        "join" => Command::Join { queue, after: words.option("after")? },
        "shutdown" => Command::Shutdown { queue, immediate: words.flag("immediate") },
        "pause" => Command::Pause { queue, paused: true },
        "resume" => Command::Pause { queue, paused: false },
        "purge" => Command::Purge { queue, state: state(words)? },
        "redrive" => redrive(queue, words)?,
        "job" => Command::ReadJob { queue, job: needed(job(words)?)? },
        "result" => Command::WaitResult { queue, job: needed(job(words)?)? },
        "jobs" => {
            let (state, key) = (state(words)?, words.option::<String>("group")?.map(Arc::from));
            let limit = words.option("limit")?.unwrap_or(100);
            let cursor = words.option("cursor")?.map(JobId);
            let bodies = words.flag("bodies");
            Command::ListJobs { queue, state, key, cursor, limit, bodies }
        }
        _ => {
            let job = needed(job(words)?)?;
            Command::CancelJob { queue, job, force: words.flag("force") }
        }
    }))
}

const VERBS: [&str; 12] = [
    "put", "get", "join", "shutdown", "pause", "resume", "purge", "redrive", "job", "result",
    "jobs", "cancel",
];

fn get_any(words: &mut Words) -> Result<Command, String> {
    let (fair, mode) = (words.flag("fair"), mode(words)?);
    let most = words.option("max")?.unwrap_or(1);
    let mut queues = vec![name(words)?];
    while let Some(next) = words.maybe_next() {
        queues.push(next.parse().map_err(|error| format!("{next}: {error}"))?);
    }
    Ok(Command::GetAny { queues, fair, mode, most })
}

fn mode(words: &mut Words) -> Result<GetMode, String> {
    let lease = words.duration("lease")?;
    Ok(if words.flag("ack") { GetMode::AtMostOnce } else { GetMode::Leased(lease) })
}

fn state(words: &mut Words) -> Result<Option<JobState>, String> {
    let Some(given) = words.option::<String>("state")? else { return Ok(None) };
    let state = JobState::ALL.into_iter().find(|state| state.name() == given);
    state.map(Some).ok_or(format!("{given} is no state of a job"))
}

fn redrive(queue: awaitd_primitives::Name, words: &mut Words) -> Result<Command, String> {
    let rate: Option<f64> = words.option("rate")?;
    let spacing = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
    let to = words.option("to")?;
    let (state, job) = (state(words)?, words.option("job")?.map(JobId));
    let limit = words.option("limit")?.unwrap_or(REDRIVE_ALL);
    Ok(Command::Redrive { queue, to, state, job, limit, delay: Duration::ZERO, spacing })
}

/// `priority=5`, or `rank=text`: these very bytes.
fn rank(words: &mut Words) -> Result<Option<Rank>, String> {
    let number: Option<i64> = words.option("priority")?;
    let key: Option<String> = words.option("rank")?;
    let key = key.map(|key| Rank(key.as_bytes().into()));
    Ok(number.map(Rank::from).or(key))
}

/// What else a job has. `header=job-trace:1` is one that comes with it.
fn traits(words: &mut Words) -> Result<Vec<Trait>, String> {
    let header = words.option::<String>("header")?;
    let header = header.map(|header| match header.split_once(':') {
        Some((name, value)) => Ok(Trait::Header(name.into(), value.into())),
        None => Err(format!("{header} has no value")),
    });
    let text = |text: String| Arc::<str>::from(text);
    let traits = [
        words.option("group")?.map(text).map(Trait::Key),
        words.option("unique")?.map(text).map(Trait::Unique),
        words.option("max-attempts")?.map(Trait::MaxAttempts),
        words.duration("lease")?.map(Trait::Lease),
        header.transpose()?,
    ];
    Ok(traits.into_iter().flatten().collect())
}

/// What a queue is told to be.
pub(super) fn config(words: &mut Words) -> Result<QueueConfig, String> {
    let default = QueueConfig::default();
    let order: Option<String> = words.option("order")?;
    Ok(QueueConfig {
        maxsize: words.option("maxsize")?.unwrap_or(default.maxsize),
        order: match order.as_deref() {
            None | Some("fifo") => Order::Fifo,
            Some("lifo") => Order::Lifo,
            Some("priority") => Order::Priority,
            Some(other) => return Err(format!("{other} is no order")),
        },
        lease: words.duration("lease")?.unwrap_or(default.lease),
        policy: Box::new(policy(words)?),
    })
}

fn policy(words: &mut Words) -> Result<Policy, String> {
    let default = Policy::default();
    Ok(Policy {
        max_attempts: words.option("max-attempts")?.unwrap_or(default.max_attempts),
        backoff: backoff(words)?,
        dead_letter: words.option("dead-letter")?,
        ttl: words.duration("ttl")?,
        full: if words.flag("drop-oldest") { WhenFull::DropOldest } else { WhenFull::Wait },
        max_bytes: words.option("max-bytes")?,
        max_leased: words.option("max-leased")?.unwrap_or(default.max_leased),
        max_dead: words.option("max-dead")?.unwrap_or(default.max_dead),
        rate: rate(words)?,
        concurrency: words.option("concurrency")?,
        key_concurrency: words.option("key-concurrency")?.unwrap_or(default.key_concurrency),
        fair: words.flag("fair"),
        retain: words.duration("retain")?.unwrap_or(default.retain),
        paused: false,
    })
}

/// `backoff=1s`, or `backoff=1s..10s`, and of that `factor=` and `jitter=`. Who says how long it is means
/// it: there is no jitter then, unless it is said.
fn backoff(words: &mut Words) -> Result<Backoff, String> {
    let mut backoff = Backoff::default();
    if let Some(given) = words.option::<String>("backoff")? {
        backoff.jitter = Milli(0);
        match given.split_once("..") {
            None => {
                backoff.min = duration(&given)?;
                backoff.max = backoff.max.max(backoff.min);
            }
            Some((min, max)) => (backoff.min, backoff.max) = (duration(min)?, duration(max)?),
        }
    }
    backoff.factor = milli(words, "factor")?.unwrap_or(backoff.factor);
    backoff.jitter = milli(words, "jitter")?.unwrap_or(backoff.jitter);
    Ok(backoff)
}

/// `rate=2` a second, and so many at once: `burst=5`.
fn rate(words: &mut Words) -> Result<Option<Rate>, String> {
    let burst = words.option("burst")?.unwrap_or(1);
    Ok(milli(words, "rate")?.map(|per_second| Rate { per_second, burst }))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn milli(words: &mut Words, name: &str) -> Result<Option<Milli>, String> {
    let number: Option<f64> = words.option(name)?;
    Ok(number.map(|number| Milli((number * 1_000.0).round() as u64)))
}
