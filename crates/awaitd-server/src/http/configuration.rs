//! Configurations as a `PUT` sends them, in JSON.

use std::fmt;
use std::time::Duration;

use awaitd_primitives::{Order, QueueConfig, SemaphoreConfig, limits};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, Unexpected, Visitor};

use super::duration;

/// A queue's; what is left out has its default, and so has all if there is no body.
pub(super) fn queue(body: &[u8]) -> Result<QueueConfig, String> {
    if body.is_empty() {
        return Ok(QueueConfig::default());
    }
    let right = r#"{"maxsize": 1000, "order": "fifo", "lease": "30s"}"#;
    let QueueFields { maxsize, order, lease } = parse(body, "queue", right)?;
    Ok(QueueConfig { maxsize, order, lease, ..QueueConfig::default() })
}

/// A semaphore's.
pub(super) fn semaphore(body: &[u8]) -> Result<SemaphoreConfig, String> {
    let right = r#"{"permits": 10, "bounded": true}"#;
    let SemaphoreFields { permits, bounded } = parse(body, "semaphore", right)?;
    Ok(SemaphoreConfig { permits, bounded })
}

/// A barrier's: how many meet there.
pub(super) fn barrier(body: &[u8]) -> Result<u64, String> {
    let BarrierFields { parties } = parse(body, "barrier", r#"{"parties": 3}"#)?;
    Ok(parties)
}

fn parse<T: DeserializeOwned>(body: &[u8], of: &str, right: &str) -> Result<T, String> {
    // A derived struct would take a list as well.
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let parsed = serde_json::from_slice(body).map_err(|error| error.to_string());
    let parsed = parsed.and_then(|it| if object { Ok(it) } else { Err("it is no object".into()) });
    parsed.map_err(|why| {
        format!("the body is no configuration of a {of}: {why}; right would be for example {right}")
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct QueueFields {
    #[serde(deserialize_with = "maxsize")]
    maxsize: u64,
    #[serde(deserialize_with = "order")]
    order: Order,
    #[serde(deserialize_with = "lease")]
    lease: Duration,
}

impl Default for QueueFields {
    fn default() -> Self {
        let QueueConfig { maxsize, order, lease, .. } = QueueConfig::default();
        Self { maxsize, order, lease }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SemaphoreFields {
    #[serde(deserialize_with = "permits")]
    permits: u64,
    #[serde(deserialize_with = "bounded", default = "yes")]
    bounded: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BarrierFields {
    #[serde(deserialize_with = "parties")]
    parties: u64,
}

fn yes() -> bool {
    true
}

fn maxsize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let (least, most) = (0, limits::MAXSIZE_MAX);
    from.deserialize_u64(Whole { wanted: "`maxsize` to be", note: " (0: no bound)", least, most })
}

fn permits<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let (least, most) = (0, limits::PERMITS_MAX);
    from.deserialize_u64(Whole { wanted: "`permits` to be", note: "", least, most })
}

fn parties<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let (least, most) = (1, limits::PERMITS_MAX);
    from.deserialize_u64(Whole { wanted: "`parties` to be", note: "", least, most })
}

/// A whole number.
struct Whole {
    wanted: &'static str,
    note: &'static str,
    least: u64,
    most: u64,
}

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, note, least, most } = self;
        write!(out, "{wanted} a whole number from {least} to {most}{note}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if (self.least..=self.most).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }

    /// JSON knows no integers: 3.0 and 3e0 are the number 3.
    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        let whole = Some(number.abs()).filter(|_| number >= 0.0 && number.fract() == 0.0);
        match whole.and_then(|whole| format!("{whole:.0}").parse().ok()) {
            Some(whole) => self.visit_u64(whole),
            None => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }
}

fn bounded<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    struct Bounded;

    impl Visitor<'_> for Bounded {
        type Value = bool;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("`bounded` to be true or false")
        }

        fn visit_bool<E: Error>(self, bounded: bool) -> Result<bool, E> {
            Ok(bounded)
        }
    }

    from.deserialize_bool(Bounded)
}

fn order<'de, D: Deserializer<'de>>(from: D) -> Result<Order, D::Error> {
    struct OrderName;

    impl Visitor<'_> for OrderName {
        type Value = Order;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("`order` to be \"fifo\", \"lifo\" or \"priority\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Order, E> {
            match text {
                "fifo" => Ok(Order::Fifo),
                "lifo" => Ok(Order::Lifo),
                "priority" => Ok(Order::Priority),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }
    }

    from.deserialize_str(OrderName)
}

fn lease<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    struct Lease;

    impl Lease {
        fn within<E: Error>(
            self,
            length: Option<Duration>,
            given: Unexpected<'_>,
        ) -> Result<Duration, E> {
            let allowed = limits::LEASE_MIN..=limits::LEASE_MAX;
            let length = length.filter(|length| allowed.contains(length));
            length.ok_or_else(|| E::invalid_value(given, &self))
        }
    }

    impl Visitor<'_> for Lease {
        type Value = Duration;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            let allowed = limits::LEASE_MIN..=limits::LEASE_MAX;
            write!(out, "`lease` to be {}", duration::wanted(&allowed))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            self.within(duration::parse(text), Unexpected::Str(text))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Duration, E> {
            self.within(Some(Duration::from_secs(number)), Unexpected::Unsigned(number))
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<Duration, E> {
            self.within(duration::seconds(number), Unexpected::Float(number))
        }
    }

    from.deserialize_any(Lease)
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
            ("null", "null"),
            ("7", "7"),
            ("{} x", "trailing"),
            (r#"{"size": 3}"#, "size"),
            (r#"{"size": 3}"#, "maxsize"),
            (r#"{"maxsize": 3, "maxsize": 3}"#, "duplicate field `maxsize`"),
            (r#"{"maxsize": -1}"#, "`maxsize` to be"),
            (r#"{"maxsize": 1.5}"#, "`maxsize` to be"),
            (r#"{"maxsize": "3"}"#, "`maxsize` to be"),
            (r#"{"maxsize": null}"#, "`maxsize` to be"),
            (r#"{"maxsize": 1000000001}"#, "`maxsize` to be"),
            (r#"{"maxsize": 1000000001.0}"#, "`maxsize` to be"),
            (r#"{"maxsize": 1e300}"#, "`maxsize` to be"),
            (r#"{"order": "random"}"#, "`order` to be"),
            (r#"{"order": 1}"#, "`order` to be"),
            (r#"{"lease": "soon"}"#, "`lease` to be"),
            (r#"{"lease": "25h"}"#, "from 100ms to 1d"),
            (r#"{"lease": 0.05}"#, "`lease` to be"),
            (r#"{"lease": -1}"#, "`lease` to be"),
            (r#"{"lease": true}"#, "`lease` to be"),
            (r#"{"lease": 1e400}"#, "out of range"),
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
            ("{}", "missing field `permits`"),
            ("[3]", "no object"),
            (r#"{"bounded": true}"#, "missing field `permits`"),
            (r#"{"permits": -1}"#, "`permits` to be"),
            (r#"{"permits": 1000000001}"#, "`permits` to be"),
            (r#"{"permits": 3, "permits": 3}"#, "duplicate field `permits`"),
            (r#"{"permits": 3, "bounded": 1}"#, "`bounded` to be"),
            (r#"{"permits": 3, "bounded": null}"#, "`bounded` to be"),
            (r#"{"permits": 3, "parties": 3}"#, "unknown field `parties`"),
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
            ("{}", "missing field `parties`"),
            (r#"{"parties": 0}"#, "`parties` to be a whole number from 1"),
            (r#"{"parties": 1.5}"#, "`parties` to be"),
            (r#"{"parties": 2, "permits": 2}"#, "unknown field `permits`"),
        ];
        for (body, named) in table {
            let detail = barrier(body.as_bytes()).expect_err(body);
            assert!(detail.contains(named), "{body}: {detail}");
        }
    }
}
