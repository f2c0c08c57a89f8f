//! Jobs over HTTP in the transcripts' words, as they are got and as they are looked at.

use std::time::Duration;

use awaitd_primitives::Command;
use awaitd_tests::Heard;
use awaitd_transcripts::{Died, Facts, Lease, Looked, More, Said, Taken};
use serde_json::Value;

use super::heard::{count, lease_in, seconds, thing_in};

pub(super) fn got(command: &Command, heard: &Heard) -> Said {
    let any = matches!(command, Command::GetAny { .. });
    if heard.status == 204 {
        return Said::Refused("empty".into(), Facts::default());
    }
    if let Command::Get { most: 2.., .. } | Command::GetAny { most: 2.., .. } = command {
        let items = heard.json();
        let items = items.as_array().expect("several jobs are a list");
        return Said::GotMany(items.iter().map(|item| taken(item, any)).collect());
    }
    let queue = heard.find("awaitd-queue").map(ToOwned::to_owned);
    assert!(!any || queue.is_some(), "it says from which queue it is");
    Said::Got(Taken {
        job: heard.number("awaitd-job"),
        value: heard.text().into(),
        lease: heard.find("location").map(|_| lease_in(heard)),
        attempt: heard.number("awaitd-attempt"),
        from: queue.filter(|_| any),
        more: More {
            key: heard.find("awaitd-key").map(decoded),
            headers: heard.headers.iter().filter(|(name, _)| is_kept(name)).cloned().collect(),
            died: heard.find("awaitd-died-in").map(|queue| Died {
                queue: queue.to_owned(),
                reason: heard.header("awaitd-died-of").to_owned(),
                attempts: heard.number("awaitd-died-attempts"),
                error: heard.find("awaitd-died-error").map(decoded),
            }),
        },
    })
}

/// Whether a header came with the job.
fn is_kept(name: &str) -> bool {
    name.starts_with("job-") || matches!(name, "traceparent" | "tracestate")
}

/// `%C3%A9` and the like as what they stand for.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).expect("what was encoded is UTF-8")
}

/// One of several that were got.
fn taken(item: &Value, any: bool) -> Taken {
    let lease = item["lease"].as_str().map(|path| {
        let (fence, thing) = (count(&item["fence"]), thing_in(path));
        assert!(item["expires_in"].as_f64().is_some_and(|left| left > 0.0), "{item}");
        Lease { fence, thing }
    });
    Taken {
        job: count(&item["job"]),
        value: text(&item["body"]).expect("a transcript's job is text"),
        lease,
        attempt: count(&item["attempt"]),
        from: text(&item["queue"]).filter(|_| any),
        more: more(item),
    }
}

pub(super) fn listed(document: &Value) -> Said {
    let items = document["items"].as_array().expect("items is a list");
    let cursor = document["cursor"].as_str().map(|job| job.parse().expect("a job's number"));
    Said::Jobs(items.iter().map(looked).collect(), cursor)
}

pub(super) fn looked(document: &Value) -> Looked {
    let at = |name: &str| document[name].as_str().map(instant);
    let put = at("enqueued_at").expect("a job was put at some time");
    let after = |name: &str| at(name).map(|then| then.saturating_sub(put));
    let state = text(&document["state"]).expect("a job is in a state");
    let result = Some(&document["result"]).filter(|_| state == "done");
    Looked {
        job: count(&document["job"]),
        value: text(&result.unwrap_or(document)["body"]),
        attempts: document["attempts"].as_u64().unwrap_or_default(),
        error: text(&document["error"]),
        due: after("ready_at").filter(|_| state == "delayed"),
        ends: after("expires_at"),
        held_for: document["leased"]["expires_in"].as_f64().map(seconds),
        unique: text(&document["unique"]),
        max_attempts: document["max_attempts"].as_u64(),
        lease_length: document["lease_length"].as_f64().map(seconds),
        rank: text(&document["priority_key"]),
        progress: text(&document["progress"]["body"]),
        more: more(document),
        state,
    }
}

fn more(document: &Value) -> More {
    let headers = document["headers"].as_object().into_iter().flatten();
    let header =
        |(name, value): (&String, &Value)| (name.clone(), text(value).expect("a header is a text"));
    let died = &document["died"];
    More {
        key: text(&document["key"]),
        headers: headers.map(header).collect(),
        died: text(&died["queue"]).map(|queue| Died {
            queue,
            reason: text(&died["reason"]).expect("it died of something"),
            attempts: count(&died["attempts"]),
            error: text(&died["error"]),
        }),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

/// `2026-11-28T01:30:00.250Z`, since 1970.
fn instant(text: &str) -> Duration {
    let number = |from: usize, to: usize| -> u64 {
        text.get(from..to).and_then(|digits| digits.parse().ok()).expect("an instant in UTC")
    };
    assert!(text.len() == 24 && text.ends_with('Z'), "{text} is no instant with milliseconds");
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Years that begin in March: the leap day is the last one.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = years / 4 - years / 100 + years / 400;
    let days = 365 * years + leaps + (153 * months + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
    Duration::from_millis(seconds * 1_000 + number(20, 23))
}
