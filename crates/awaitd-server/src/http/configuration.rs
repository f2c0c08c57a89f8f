//! A queue's configuration as a `PUT` sends it, in JSON.

use std::fmt;
use std::time::Duration;

use awaitd_primitives::{Order, QueueConfig, limits};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::duration;

/// The configuration in the body of a `PUT`; what is left out has its default.
pub(super) fn parse(body: &[u8]) -> Result<QueueConfig, String> {
    if body.is_empty() {
        return Ok(QueueConfig::default());
    }
    // A derived struct would take a list as well.
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let parsed: Result<Wire, _> = serde_json::from_slice(body);
    match parsed {
        Ok(Wire { maxsize, order, lease }) if object => Ok(QueueConfig { maxsize, order, lease }),
        Ok(_) => Err(wrong("it is no object")),
        Err(error) => Err(wrong(error)),
    }
}

fn wrong(why: impl fmt::Display) -> String {
    let right = r#"{"maxsize": 1000, "order": "fifo", "lease": "30s"}"#;
    format!("the body is no configuration of a queue: {why}; right would be for example {right}")
}

/// The fields of the object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wire {
    #[serde(deserialize_with = "maxsize")]
    maxsize: u64,
    #[serde(deserialize_with = "order")]
    order: Order,
    #[serde(deserialize_with = "lease")]
    lease: Duration,
}

impl Default for Wire {
    fn default() -> Self {
        let QueueConfig { maxsize, order, lease } = QueueConfig::default();
        Self { maxsize, order, lease }
    }
}

fn maxsize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    struct Maxsize;

    impl Visitor<'_> for Maxsize {
        type Value = u64;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            let max = limits::MAXSIZE_MAX;
            write!(out, "`maxsize` to be a whole number from 0 (no bound) to {max}")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            if number <= limits::MAXSIZE_MAX {
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

    from.deserialize_u64(Maxsize)
}

fn order<'de, D: Deserializer<'de>>(from: D) -> Result<Order, D::Error> {
    struct OrderName;

    impl Visitor<'_> for OrderName {
        type Value = Order;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("`order` to be \"fifo\", the only one yet")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Order, E> {
            match text {
                "fifo" => Ok(Order::Fifo),
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
            (r#"{"lease": 60}"#, QueueConfig { lease: Duration::from_mins(1), ..default }),
        ];
        for (body, config) in table {
            assert_eq!(parse(body.as_bytes()), Ok(config), "{body}");
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
            (r#"{"order": "lifo"}"#, "`order` to be"),
            (r#"{"order": 1}"#, "`order` to be"),
            (r#"{"lease": "soon"}"#, "`lease` to be"),
            (r#"{"lease": "25h"}"#, "from 100ms to 1d"),
            (r#"{"lease": 0.05}"#, "`lease` to be"),
            (r#"{"lease": -1}"#, "`lease` to be"),
            (r#"{"lease": true}"#, "`lease` to be"),
            (r#"{"lease": 1e400}"#, "out of range"),
        ];
        for (body, named) in table {
            let detail = parse(body.as_bytes()).expect_err(body);
            assert!(detail.contains(named), "{body}: {detail}");
        }
    }
}
