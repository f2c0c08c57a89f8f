//! What is asked of queues, as HTTP requests.

use std::collections::HashMap;
use std::time::Duration;

use awaitd_primitives::{
    Backoff, Command, Delay, GetMode, Milli, Name, Order, Policy, QueueConfig, Rank, Trait,
    WhenFull,
};
use awaitd_transcripts::here;
use serde_json::{Value, json};

use super::wire::{Sent, millis, path, token};

pub(super) fn sent(command: &Command, leases: &HashMap<u64, String>) -> Sent {
    let post = |queue: &Name, what: &str| Sent::new("POST", format!("/v1/queues/{queue}/{what}"));
    let get = |queue: &Name, what: &str| Sent::new("GET", format!("/v1/queues/{queue}/{what}"));
    match command {
        Command::Put { queue, payload, delay, rank, ttl, traits } => {
            let Delay::For(delay) = *delay else { unreachable!("no transcript names an instant") };
            let delay = Some(delay).filter(|delay| !delay.is_zero());
            let put = post(queue, "jobs").with("delay", delay.map(millis));
            let put = put.with("ttl", ttl.map(millis)).body(here(payload));
            let put = rank.iter().fold(put, ranked);
            traits.iter().fold(put, with_trait)
        }
        Command::CancelJob { queue, job, force } => {
            Sent::new("DELETE", format!("/v1/queues/{queue}/jobs/{}", job.0)).flag("force", *force)
        }
        Command::Get { queue, mode, settle, most } => {
            let settle = settle.as_ref().map(|lease| token(&path(lease, leases)));
            got(post(queue, "get"), *mode, *most).with("settle", settle)
        }
        Command::GetAny { queues, fair, mode, most } => {
            let names: Vec<String> = queues.iter().map(ToString::to_string).collect();
            let any = Sent::new("POST", "/v1/get".into()).with("queues", Some(names.join(",")));
            got(any, *mode, *most).with("order", fair.then(|| "fair".into()))
        }
        Command::Join { queue, after } => {
            get(queue, "join").with("after", after.map(|after| after.to_string()))
        }
        Command::Shutdown { queue, immediate } => {
            post(queue, "shutdown").flag("immediate", *immediate)
        }
        Command::Pause { queue, paused: true } => post(queue, "pause"),
        Command::Pause { queue, paused: false } => post(queue, "resume"),
        Command::Purge { queue, state } => {
            post(queue, "purge").with("state", state.map(|state| state.name().into()))
        }
        Command::Redrive { queue, to, state, job, limit, delay: _, spacing } => {
            let rate = Some(spacing.as_secs_f64()).filter(|seconds| *seconds > 0.0);
            post(queue, "redrive")
                .with("to", to.as_ref().map(ToString::to_string))
                .with("state", state.map(|state| state.name().into()))
                .with("id", job.map(|job| job.0.to_string()))
                .with("limit", Some(limit.to_string()))
                .with("rate", rate.map(|seconds| (1.0 / seconds).to_string()))
        }
        Command::ReadJob { queue, job } => get(queue, &format!("jobs/{}", job.0)),
        Command::ListJobs { queue, state, key, cursor, limit, bodies } => get(queue, "jobs")
            .with("state", state.map(|state| state.name().into()))
            .with("key", key.as_ref().map(ToString::to_string))
            .with("cursor", cursor.map(|job| job.0.to_string()))
            .with("limit", Some(limit.to_string()))
            .flag("body", *bodies),
        Command::WaitResult { queue, job } => get(queue, &format!("jobs/{}/result", job.0)),
        other => unreachable!("{other:?} is not asked of a queue"),
    }
}

fn got(get: Sent, mode: GetMode, most: u64) -> Sent {
    let get = get.with("max", Some(most).filter(|most| *most != 1).map(|most| most.to_string()));
    match mode {
        GetMode::Leased(lease) => get.with("lease", lease.map(millis)),
        GetMode::AtMostOnce => get.flag("ack", true),
    }
}

/// Eight bytes are sent as the integer that they stand for.
fn ranked(put: Sent, Rank(bytes): &Rank) -> Sent {
    if let Ok(number) = <[u8; 8]>::try_from(&bytes[..]) {
        let number = i64::from_be_bytes(number) ^ i64::MIN;
        return put.with("priority", Some(number.to_string()));
    }
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    put.with("priority-key", Some(digits.concat()))
}

fn with_trait(mut put: Sent, with: &Trait) -> Sent {
    match with {
        Trait::Key(key) => put.with("key", Some(key.to_string())),
        Trait::Unique(value) => put.with("unique", Some(value.to_string())),
        Trait::MaxAttempts(most) => put.with("max_attempts", Some(most.to_string())),
        Trait::Lease(length) => put.with("lease", Some(millis(*length))),
        Trait::Header(name, value) => {
            put.headers.push((name.to_string(), value.to_string()));
            put
        }
        Trait::Ends(_)
        | Trait::Past(_)
        | Trait::Progress(_)
        | Trait::HoldsKey
        | Trait::Dead
        | Trait::At(_) => {
            unreachable!("{with:?} is not put")
        }
    }
}

/// All that a queue is told, what is as it would be anyway left out.
pub(super) fn document(config: &QueueConfig) -> Value {
    let (policy, default) = (&*config.policy, Policy::default());
    let order = match config.order {
        Order::Fifo => "fifo",
        Order::Lifo => "lifo",
        Order::Priority => "priority",
    };
    let mut document =
        json!({ "maxsize": config.maxsize, "order": order, "lease": seconds(config.lease) });
    let number = |number: u64, usual: u64| (number != usual).then(|| json!(number));
    let Backoff { min, max, factor, jitter } = policy.backoff;
    let backoff = (policy.backoff != default.backoff).then(|| {
        let (factor, jitter) = (milli(factor), milli(jitter));
        json!({ "min": seconds(min), "max": seconds(max), "factor": factor, "jitter": jitter })
    });
    let rate = policy
        .rate
        .map(|rate| json!({ "per_second": milli(rate.per_second), "burst": rate.burst }));
    let retain = (policy.retain != default.retain).then(|| seconds(policy.retain));
    let fields = [
        ("max_attempts", number(policy.max_attempts.into(), default.max_attempts.into())),
        ("backoff", backoff),
        ("dead_letter", policy.dead_letter.as_ref().map(|name| json!(name.as_str()))),
        ("ttl", policy.ttl.map(seconds)),
        ("full", (policy.full == WhenFull::DropOldest).then(|| json!("drop_oldest"))),
        ("max_bytes", policy.max_bytes.map(Value::from)),
        ("max_leased", number(policy.max_leased, default.max_leased)),
        ("max_dead", number(policy.max_dead, default.max_dead)),
        ("rate", rate),
        ("concurrency", policy.concurrency.map(Value::from)),
        ("key_concurrency", number(policy.key_concurrency, default.key_concurrency)),
        ("fair", policy.fair.then_some(json!(true))),
        ("retain", retain),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            document[name] = value;
        }
    }
    document
}

fn seconds(length: Duration) -> Value {
    json!(length.as_secs_f64())
}

fn milli(number: Milli) -> Value {
    json!(number.as_f64())
}
