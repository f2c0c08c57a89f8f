//! Configurations as a `PUT` sends them, in JSON.

use std::time::Duration;

use awaitd_primitives::{
    Backoff, Milli, Order, Policy, QueueConfig, Rate, SemaphoreConfig, WhenFull, limits,
};

use super::json::Members;
use super::knobs::{RATES, TTLS};
use super::parameters::NUMBER_MAX;

/// Of gets at once after a pause: as many as a second may have.
const BURST_MAX: u64 = 1_000_000;

/// A queue's; what is left out has its default, and so has all if there is no body.
pub(super) fn queue(body: &[u8]) -> Result<QueueConfig, String> {
    let right = r#"{"maxsize": 1000, "order": "fifo", "lease": "30s"}"#;
    let body = if body.is_empty() { b"{}" } else { body };
    parse(body, "queue", right, |members| {
        let default = QueueConfig::default();
        let orders = [("fifo", Order::Fifo), ("lifo", Order::Lifo), ("priority", Order::Priority)];
        let lease = members.length("lease", limits::LEASE_MIN..=limits::LEASE_MAX)?;
        Ok(QueueConfig {
            maxsize: members.whole("maxsize", 0..=limits::MAXSIZE_MAX)?.unwrap_or(default.maxsize),
            order: members.word("order", &orders)?.unwrap_or(default.order),
            lease: lease.unwrap_or(default.lease),
            policy: Box::new(policy(members, &default.policy)?),
        })
    })
}

/// A semaphore's.
pub(super) fn semaphore(body: &[u8]) -> Result<SemaphoreConfig, String> {
    parse(body, "semaphore", r#"{"permits": 10, "bounded": true}"#, |members| {
        let permits = members.whole("permits", 0..=limits::PERMITS_MAX)?;
        Ok(SemaphoreConfig {
            permits: permits.ok_or("`permits` is missing")?,
            bounded: members.flag("bounded")?.unwrap_or(true),
        })
    })
}

/// A barrier's: how many meet there.
pub(super) fn barrier(body: &[u8]) -> Result<u64, String> {
    parse(body, "barrier", r#"{"parties": 3}"#, |members| {
        let parties = members.whole("parties", 1..=limits::PERMITS_MAX)?;
        Ok(parties.ok_or("`parties` is missing")?)
    })
}

fn parse<T>(
    body: &[u8],
    of: &str,
    right: &str,
    read: impl FnOnce(&mut Members) -> Result<T, String>,
) -> Result<T, String> {
    let parsed = Members::parse(body).and_then(|mut members| {
        let configuration = read(&mut members)?;
        members.finish()?;
        Ok(configuration)
    });
    parsed.map_err(|why| {
        format!("the body is no configuration of a {of}: {why}; right would be for example {right}")
    })
}

/// What a queue is told about retries, dead letters, lifetimes and limits. Whether it is paused is not
/// said here.
fn policy(members: &mut Members, default: &Policy) -> Result<Policy, String> {
    let attempts = members.whole("max_attempts", 1..=limits::MAX_ATTEMPTS_MAX.into())?;
    let attempts = attempts.map(|most| u32::try_from(most).expect("the most attempts are fewer"));
    let fulls = [("wait", WhenFull::Wait), ("drop_oldest", WhenFull::DropOldest)];
    let backoff = match members.members("backoff", r#"{"min": "1s", "max": "10m"}"#)? {
        Some(members) => backoff(members)?,
        None => default.backoff,
    };
    members.or_null(&["dead_letter", "ttl", "max_bytes", "rate", "concurrency"]);
    let leased = 1..=limits::LEASED_MAX;
    Ok(Policy {
        max_attempts: attempts.unwrap_or(default.max_attempts),
        backoff,
        dead_letter: members.name("dead_letter")?,
        ttl: members.length("ttl", TTLS)?,
        full: members.word("full", &fulls)?.unwrap_or(default.full),
        max_bytes: members.whole("max_bytes", 1..=NUMBER_MAX)?,
        max_leased: members.whole("max_leased", leased.clone())?.unwrap_or(default.max_leased),
        max_dead: members.whole("max_dead", 1..=limits::DEAD_MAX)?.unwrap_or(default.max_dead),
        rate: members.members("rate", r#"{"per_second": 5}"#)?.map(rate).transpose()?,
        concurrency: members.whole("concurrency", leased.clone())?,
        key_concurrency: members
            .whole("key_concurrency", leased)?
            .unwrap_or(default.key_concurrency),
        fair: members.flag("fair")?.unwrap_or(default.fair),
        retain: members
            .length("retain", Duration::ZERO..=limits::RETAIN_MAX)?
            .unwrap_or(default.retain),
        paused: default.paused,
    })
}

fn backoff(mut members: Members) -> Result<Backoff, String> {
    let default = Backoff::default();
    let lengths = Duration::ZERO..=limits::DELAY_MAX;
    let factor = members.thousandths("factor", Milli(1_000)..=Milli(1_000_000))?;
    let backoff = Backoff {
        min: members.length("min", lengths.clone())?.unwrap_or(default.min),
        max: members.length("max", lengths)?.unwrap_or(default.max),
        factor: factor.unwrap_or(default.factor),
        jitter: members.thousandths("jitter", Milli(0)..=Milli(1_000))?.unwrap_or(default.jitter),
    };
    members.finish()?;
    if backoff.min > backoff.max {
        return Err("`backoff.min` is longer than `backoff.max`, 10m if that is left out".into());
    }
    Ok(backoff)
}

fn rate(mut members: Members) -> Result<Rate, String> {
    let per_second = members.thousandths("per_second", RATES)?;
    let burst = members.whole("burst", 1..=BURST_MAX)?;
    members.finish()?;
    let per_second = per_second.ok_or("`rate.per_second` is missing")?;
    Ok(Rate { per_second, burst: burst.unwrap_or(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left out has its default, and durations may be texts or numbers.
    #[test]
    fn has_defaults() {
        let default = QueueConfig::default();
        let table = [
            ("", default.clone()),
            (" {} ", default.clone()),
            (r#"{"maxsize": 0}"#, QueueConfig { maxsize: 0, ..default.clone() }),
            (r#"{"maxsize": 3.0}"#, QueueConfig { maxsize: 3, ..default.clone() }),
            (r#"{"maxsize": -0.0}"#, QueueConfig { maxsize: 0, ..default.clone() }),
            (
                r#"{"lease": "1m30s", "order": "fifo", "maxsize": 3}"#,
                QueueConfig { maxsize: 3, lease: Duration::from_secs(90), ..default.clone() },
            ),
            (
                r#"{"lease": 2.5}"#,
                QueueConfig { lease: Duration::from_millis(2_500), ..default.clone() },
            ),
            (r#"{"lease": 60}"#, QueueConfig { lease: Duration::from_mins(1), ..default.clone() }),
            (r#"{"order": "lifo"}"#, QueueConfig { order: Order::Lifo, ..default.clone() }),
            (r#"{"order": "priority"}"#, QueueConfig { order: Order::Priority, ..default }),
        ];
        for (body, config) in table {
            assert_eq!(queue(body.as_bytes()), Ok(config), "{body}");
        }
    }

    /// What is wrong is refused, and the field is named.
    #[test]
    fn names_what_is_wrong() {
        let table = [
            ("{", "EOF"),
            ("[]", "no object"),
            ("null", "no object"),
            ("7", "no object"),
            ("{} x", "trailing"),
            (r#"{"size": 3}"#, "size"),
            (r#"{"size": 3}"#, "maxsize"),
            (r#"{"maxsize": 3, "maxsize": 3}"#, "\"maxsize\" is given more than once"),
            (r#"{"maxsize": -1}"#, "`maxsize` is"),
            (r#"{"maxsize": 1.5}"#, "`maxsize` is"),
            (r#"{"maxsize": "3"}"#, "`maxsize` is"),
            (r#"{"maxsize": null}"#, "`maxsize` is"),
            (r#"{"maxsize": 1000000001}"#, "`maxsize` is"),
            (r#"{"maxsize": 1000000001.0}"#, "`maxsize` is"),
            (r#"{"maxsize": 1e300}"#, "`maxsize` is"),
            (r#"{"order": "random"}"#, "`order` is"),
            (r#"{"order": 1}"#, "`order` is"),
            (r#"{"lease": "soon"}"#, "`lease` is"),
            (r#"{"lease": "25h"}"#, "from 100ms to 1d"),
            (r#"{"lease": 0.05}"#, "`lease` is"),
            (r#"{"lease": -1}"#, "`lease` is"),
            (r#"{"lease": true}"#, "`lease` is"),
            (r#"{"lease": 1e400}"#, "out of range"),
        ];
        for (body, named) in table {
            let detail = queue(body.as_bytes()).expect_err(body);
            assert!(detail.contains(named), "{body}: {detail}");
        }
    }

    /// All that a queue can be told; what is left out of `backoff` and `rate` has its default as well.
    #[test]
    fn of_policies() {
        let all = r#"{
            "max_attempts": 3,
            "backoff": {"min": 0, "max": "1h", "factor": 1.5, "jitter": 0.25},
            "dead_letter": "dead:emails",
            "ttl": "1d",
            "full": "drop_oldest",
            "max_bytes": 1000000,
            "max_leased": 10,
            "max_dead": 20,
            "rate": {"per_second": 0.5, "burst": 3},
            "concurrency": 4,
            "key_concurrency": 2,
            "fair": true,
            "retain": "1h"
        }"#;
        let policy = Policy {
            max_attempts: 3,
            backoff: Backoff {
                min: Duration::ZERO,
                max: Duration::from_hours(1),
                factor: Milli(1_500),
                jitter: Milli(250),
            },
            dead_letter: Some("dead:emails".parse().expect("a name")),
            ttl: Some(Duration::from_hours(24)),
            full: WhenFull::DropOldest,
            max_bytes: Some(1_000_000),
            max_leased: 10,
            max_dead: 20,
            rate: Some(Rate { per_second: Milli(500), burst: 3 }),
            concurrency: Some(4),
            key_concurrency: 2,
            fair: true,
            retain: Duration::from_hours(1),
            paused: false,
        };
        let default = Policy::default();
        let slower = Backoff { min: Duration::from_secs(5), ..Backoff::default() };
        let nothing = r#"{"dead_letter": null, "ttl": null, "max_bytes": null, "rate": null,
                          "concurrency": null}"#;
        let table = [
            (all, policy),
            (nothing, default.clone()),
            (r#"{"backoff": {}, "full": "wait"}"#, default.clone()),
            (r#"{"backoff": {"min": "5s"}}"#, Policy { backoff: slower, ..default.clone() }),
            (
                r#"{"rate": {"per_second": 1000000}}"#,
                Policy {
                    rate: Some(Rate { per_second: Milli(1_000_000_000), burst: 1 }),
                    ..default
                },
            ),
        ];
        for (body, policy) in table {
            let config = queue(body.as_bytes()).expect(body);
            assert_eq!(*config.policy, policy, "{body}");
        }
    }

    /// What is wrong with a policy is named with the object in which it stands.
    #[test]
    fn names_what_is_wrong_with_a_policy() {
        let table = [
            (r#"{"max_attempts": 0}"#, "`max_attempts` is 0, but must be a whole number from 1"),
            (r#"{"max_attempts": 1000001}"#, "`max_attempts` is"),
            (r#"{"max_attempts": null}"#, "`max_attempts` is null"),
            (r#"{"backoff": 5}"#, "`backoff` is 5, but must be an object"),
            (r#"{"backoff": null}"#, "`backoff` is null"),
            (r#"{"backoff": {"base": 1}}"#, r#""backoff.base" is unknown"#),
            (r#"{"backoff": {"min": -1}}"#, "`backoff.min` is -1"),
            (r#"{"backoff": {"min": "11m"}}"#, "`backoff.min` is longer than `backoff.max`"),
            (r#"{"backoff": {"max": "36501d"}}"#, "`backoff.max` is"),
            (r#"{"backoff": {"factor": 0.5}}"#, "`backoff.factor` is 0.5"),
            (r#"{"backoff": {"jitter": 1.001}}"#, "`backoff.jitter` is 1.001"),
            (r#"{"backoff": {"min": 1, "min": 1}}"#, r#""min" is given more than once"#),
            (r#"{"dead_letter": "-"}"#, r#"`dead_letter` is "-", but must be a name"#),
            (r#"{"dead_letter": ""}"#, "`dead_letter` is"),
            (r#"{"ttl": 0}"#, "`ttl` is 0"),
            (r#"{"ttl": "36501d"}"#, "`ttl` is"),
            (r#"{"full": "drop"}"#, r#""wait" or "drop_oldest""#),
            (r#"{"max_bytes": 0}"#, "`max_bytes` is 0"),
            (r#"{"max_leased": 100001}"#, "`max_leased` is"),
            (r#"{"max_dead": 0}"#, "`max_dead` is"),
            (r#"{"rate": 5}"#, "`rate` is 5"),
            (r#"{"rate": {}}"#, "`rate.per_second` is missing"),
            (r#"{"rate": {"per_second": 0.0001}}"#, "a number from 0.001 to 1000000"),
            (r#"{"rate": {"per_second": 1, "burst": 0}}"#, "`rate.burst` is 0"),
            (r#"{"rate": {"per_second": 1, "every": 1}}"#, r#""rate.every" is unknown"#),
            (r#"{"concurrency": 0}"#, "`concurrency` is"),
            (r#"{"key_concurrency": null}"#, "`key_concurrency` is"),
            (r#"{"fair": "yes"}"#, r#"`fair` is "yes", but must be true or false"#),
            (r#"{"retain": "8d"}"#, "`retain` is"),
            (r#"{"paused": true}"#, r#""paused" is unknown"#),
        ];
        for (body, named) in table {
            let detail = queue(body.as_bytes()).expect_err(body);
            assert!(detail.contains(named), "{body}: {detail}");
        }
    }

    /// A semaphore has to say how many permits it has, and is bounded unless it says otherwise.
    #[test]
    fn of_semaphores() {
        let table = [
            (r#"{"permits": 3}"#, 3, true),
            (r#"{"permits": 0, "bounded": true}"#, 0, true),
            (r#"{"bounded": false, "permits": 1e3}"#, 1_000, false),
        ];
        for (body, permits, bounded) in table {
            let config = SemaphoreConfig { permits, bounded };
            assert_eq!(semaphore(body.as_bytes()), Ok(config), "{body}");
        }
        let table = [
            ("", "EOF"),
            ("{}", "`permits` is missing"),
            ("[3]", "no object"),
            (r#"{"bounded": true}"#, "`permits` is missing"),
            (r#"{"permits": -1}"#, "`permits` is"),
            (r#"{"permits": 1000000001}"#, "`permits` is"),
            (r#"{"permits": 3, "permits": 3}"#, "\"permits\" is given more than once"),
            (r#"{"permits": 3, "bounded": 1}"#, "`bounded` is"),
            (r#"{"permits": 3, "bounded": null}"#, "`bounded` is"),
            (r#"{"permits": 3, "parties": 3}"#, "\"parties\" is unknown"),
        ];
        for (body, named) in table {
            let detail = semaphore(body.as_bytes()).expect_err(body);
            assert!(detail.contains(named), "{body}: {detail}");
        }
    }

    /// Of a barrier at least one has to come.
    #[test]
    fn of_barriers() {
        assert_eq!(barrier(br#"{"parties": 1}"#), Ok(1));
        let table = [
            ("", "EOF"),
            ("{}", "`parties` is missing"),
            (r#"{"parties": 0}"#, "`parties` is 0, but must be a whole number from 1"),
            (r#"{"parties": 1.5}"#, "`parties` is"),
            (r#"{"parties": 2, "permits": 2}"#, "\"permits\" is unknown"),
        ];
        for (body, named) in table {
            let detail = barrier(body.as_bytes()).expect_err(body);
            assert!(detail.contains(named), "{body}: {detail}");
        }
    }
}
