//! What a queue is told to be, in the words that tell it.

use awaitd_primitives::{Backoff, Milli, Order, Policy, QueueConfig, WhenFull};

use super::words::show;

/// What is not as it would be anyway, beside the bound and the length of leases.
pub(super) fn queue_config(config: &QueueConfig) -> String {
    let (policy, default) = (&*config.policy, Policy::default());
    let order = match config.order {
        Order::Fifo => None,
        Order::Lifo => Some("lifo".into()),
        Order::Priority => Some("priority".into()),
    };
    let unless = |usual: bool, shown: String| (!usual).then_some(shown);
    let number = |number: u64, usual: u64| unless(number == usual, number.to_string());
    let flag = |said: bool| said.then(String::new);
    let parts = [
        ("order", order),
        ("max-attempts", number(policy.max_attempts.into(), default.max_attempts.into())),
        ("backoff", unless(policy.backoff == default.backoff, backoff(&policy.backoff))),
        ("dead-letter", policy.dead_letter.as_ref().map(ToString::to_string)),
        ("ttl", policy.ttl.map(show)),
        ("drop-oldest", flag(policy.full == WhenFull::DropOldest)),
        ("max-bytes", policy.max_bytes.map(|most| most.to_string())),
        ("max-leased", number(policy.max_leased, default.max_leased)),
        ("max-dead", number(policy.max_dead, default.max_dead)),
        ("rate", policy.rate.map(|rate| format!("{} burst {}", rate.per_second, rate.burst))),
        ("concurrency", policy.concurrency.map(|most| most.to_string())),
        ("key-concurrency", number(policy.key_concurrency, default.key_concurrency)),
        ("fair", flag(policy.fair)),
        ("retain", unless(policy.retain == default.retain, show(policy.retain))),
    ];
    let shown = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let shown = shown.map(|(name, value)| format!(" {name} {value}").trim_end().to_owned());
    format!("maxsize {} lease {}{}", config.maxsize, show(config.lease), shown.collect::<String>())
}

fn backoff(backoff: &Backoff) -> String {
    let default = Backoff::default();
    let Backoff { min, max, factor, jitter } = *backoff;
    let max = if max == default.max { String::new() } else { format!("..{}", show(max)) };
    let unless = |usual, name, number: Milli| {
        if number == usual { String::new() } else { format!(" {name} {number}") }
    };
    let (factor, jitter) =
        (unless(default.factor, "factor", factor), unless(Milli(0), "jitter", jitter));
    format!("{}{max}{factor}{jitter}", show(min))
}
