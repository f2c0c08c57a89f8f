//! A line of a batch: one job, as JSON.

use std::time::Duration;

use awaitd_primitives::{Command, Delay, Name, Payload, Rank, Trait, limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Clock;
use crate::http::json::{Members, Raw};
use crate::http::knobs::{self, TTLS};
use crate::http::parameters;
use crate::http::problem::Problem;

const CONTENT_TYPES: &str = "at most 255 visible ASCII characters: for example text/plain";
const INSTANTS: &str =
    "an instant of RFC 3339 such as 2026-12-01T09:00:00Z, at most 100 years ahead";

/// The put that a line asks for.
pub(super) fn put(line: &[u8], queue: &Name, clock: &Clock) -> Result<Command, Problem> {
    read(line, queue, clock).map_err(|why| {
        let right = r#"{"body": "a text, or any JSON", "delay": "30s"}"#;
        Problem::parameter(format!("the line is no job: {why}; right would be for example {right}"))
    })
}

fn read(line: &[u8], queue: &Name, clock: &Clock) -> Result<Command, String> {
    let (mut members, body) = Members::parse_around(line, "body")?;
    if members.is_empty()
        && let Some(body) = body
    {
        // Most lines say no more, and a million of them should be quick.
        let (queue, delay, rank, ttl, traits) =
            (queue.clone(), Delay::NONE, None, None, Vec::new());
        return Ok(Command::Put { queue, payload: whole(body), delay, rank, ttl, traits });
    }
    let payload = payload(&mut members, body)?;
    let delay = members.length("delay", Duration::ZERO..=limits::DELAY_MAX)?;
    let at = members.text("at", INSTANTS, |text| knobs::until(text, clock).ok())?;
    let (queue, delay) = (queue.clone(), knobs::not_before(delay, at)?);
    let Said { rank, ttl, traits } = Said::take(&mut members)?;
    members.finish()?;
    Ok(Command::Put { queue, payload, delay, rank, ttl, traits })
}

/// What is said of a job beside its payload and its time.
pub(in crate::http) struct Said {
    pub(in crate::http) rank: Option<Rank>,
    pub(in crate::http) ttl: Option<Duration>,
    pub(in crate::http) traits: Vec<Trait>,
}

impl Said {
    /// By these members.
    pub(in crate::http) fn take(members: &mut Members) -> Result<Self, String> {
        let number = members.signed("priority")?.map(Rank::from);
        let right = format!("2 to {} hexadecimal digits", 2 * limits::RANK_BYTES_MAX);
        let bytes = |text: &str| parameters::bytes_of(text).map(|bytes| Rank(bytes.into()));
        // As lines call it, and as a put's parameter is called.
        let said = ["priority_key", "priority-key"].map(|name| members.text(name, &right, bytes));
        let [bytes, parameter] = said;
        let ranks = [number, bytes?, parameter?];
        if ranks.iter().flatten().count() > 1 {
            return Err(
                "`priority` and `priority_key` both say where it stands: leave one out".into()
            );
        }
        let ttl = members.length("ttl", TTLS)?;
        let attempts = members.whole("max_attempts", 1..=limits::MAX_ATTEMPTS_MAX.into())?;
        let attempts = attempts.and_then(|most| u32::try_from(most).ok());
        let right =
            format!("1 to {} bytes of UTF-8 without control characters", limits::JOB_KEY_BYTES_MAX);
        let mut key = |name| members.text(name, &right, |text| knobs::job_key(name, text).ok());
        let (key, unique) = (key("key")?, key("unique")?);
        let lease = members.length("lease", limits::LEASE_MIN..=limits::LEASE_MAX)?;
        let headers = members.texts("headers")?;
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers = knobs::headers(headers).map_err(|problem| problem.detail().to_owned())?;
        let said = [
            key.map(Trait::Key),
            unique.map(Trait::Unique),
            attempts.map(Trait::MaxAttempts),
            lease.map(Trait::Lease),
        ];
        let traits = said.into_iter().flatten().chain(headers).collect();
        Ok(Self { rank: ranks.into_iter().flatten().next(), ttl, traits })
    }
}

/// `body` or `body_base64`, and its type.
pub(in crate::http) fn payload(
    members: &mut Members,
    body: Option<Raw<'_>>,
) -> Result<Payload, String> {
    let encoded = members
        .text("body_base64", "base64 with its padding", |text| STANDARD.decode(text).ok())?;
    let payload = match (body, encoded) {
        (Some(_), Some(_)) => {
            return Err("`body` and `body_base64` both say what the job is: leave one out".into());
        }
        (Some(body), None) => whole(body),
        (None, Some(bytes)) => Payload { body: bytes.into(), content_type: None },
        (None, None) => return Err("neither `body` nor `body_base64` is there".into()),
    };
    let given = members.text("content_type", CONTENT_TYPES, parameters::content_type)?;
    Ok(Payload { content_type: given.or(payload.content_type), ..payload })
}

/// A text as its bytes, anything else as JSON.
fn whole(body: Raw<'_>) -> Payload {
    match body {
        Raw::Text(text) => Payload { body: text.as_bytes().into(), content_type: None },
        Raw::Json(text) => Payload {
            body: text.as_bytes().into(),
            content_type: parameters::content_type("application/json"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any text is put as it is, and any JSON as it was written; a line that is taken is an object.
    #[test]
    fn any_line() {
        let (queue, clock) = ("q".parse().expect("a name"), Clock::manual());
        let body = |line: &[u8]| match put(line, &queue, &clock) {
            Ok(Command::Put { payload, .. }) => Some(payload.body),
            Ok(_) | Err(_) => None,
        };
        crate::fuzz::bytes(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let line = serde_json::json!({ "body": text }).to_string();
            assert_eq!(body(line.as_bytes()), Some(text.as_bytes().into()), "{line}");
            let encoded = serde_json::json!({ "body_base64": STANDARD.encode(bytes) }).to_string();
            assert_eq!(body(encoded.as_bytes()), Some(bytes.into()), "{encoded}");
            let json = format!("{{\"body\": [{line}]}}");
            assert_eq!(body(json.as_bytes()), Some(format!("[{line}]").as_bytes().into()));
        });
        let pieces = [
            "{",
            "}",
            "\"body\":",
            "\"x\"",
            ",",
            "\"delay\":",
            "1",
            "\"30s\"",
            "\"headers\":{",
            "null",
            "[",
            "]",
            "\"key\":",
            "\"body_base64\":",
            "\"eA==\"",
            "\\",
            "\"",
            "é",
            "1e9",
        ];
        crate::fuzz::texts(&pieces, |text| {
            for line in [text.to_owned(), format!("{{\"body\":1,{text}}}")] {
                if body(line.as_bytes()).is_some() {
                    let value: serde_json::Value = serde_json::from_str(&line).expect(&line);
                    assert!(value.is_object(), "{line}");
                }
            }
        });
    }
}
