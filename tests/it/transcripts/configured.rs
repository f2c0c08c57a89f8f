//! What a queue says that it was told to be.

use awaitd_primitives::{Backoff, Milli, Order, Policy, QueueConfig, Rate, WhenFull};
use serde_json::Value;

use super::heard::{count, flag, seconds};

pub(super) fn config(document: &Value) -> QueueConfig {
    QueueConfig {
        maxsize: count(&document["maxsize"]),
        order: match document["order"].as_str().expect("order is a text") {
            "fifo" => Order::Fifo,
            "lifo" => Order::Lifo,
            "priority" => Order::Priority,
            other => panic!("{other} is no order"),
        },
        lease: seconds(number(&document["lease"])),
        policy: Box::new(policy(document)),
    }
}

fn policy(document: &Value) -> Policy {
    let maybe = |name: &str| Some(&document[name]).filter(|value| !value.is_null());
    let backoff = &document["backoff"];
    Policy {
        max_attempts: count(&document["max_attempts"]).try_into().expect("attempts are few"),
        backoff: Backoff {
            min: seconds(number(&backoff["min"])),
            max: seconds(number(&backoff["max"])),
            factor: milli(&backoff["factor"]),
            jitter: milli(&backoff["jitter"]),
        },
        dead_letter: maybe("dead_letter")
            .map(|name| name.as_str().and_then(|name| name.parse().ok()).expect("a name")),
        ttl: maybe("ttl").map(|ttl| seconds(number(ttl))),
        full: match document["full"].as_str().expect("full is a text") {
            "wait" => WhenFull::Wait,
            "drop_oldest" => WhenFull::DropOldest,
            other => panic!("{other} is not what becomes of a put"),
        },
        max_bytes: maybe("max_bytes").map(count),
        max_leased: count(&document["max_leased"]),
        max_dead: count(&document["max_dead"]),
        rate: maybe("rate").map(|rate| Rate {
            per_second: milli(&rate["per_second"]),
            burst: count(&rate["burst"]),
        }),
        concurrency: maybe("concurrency").map(count),
        key_concurrency: count(&document["key_concurrency"]),
        fair: flag(&document["fair"]),
        retain: seconds(number(&document["retain"])),
        // A queue's state says so; what is configured does not change it.
        paused: document["paused"].as_bool().unwrap_or_default(),
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn milli(value: &Value) -> Milli {
    Milli((number(value) * 1_000.0).round() as u64)
}
