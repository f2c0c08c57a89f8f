//! The transcripts' commands as HTTP requests: the contract once more, from the client's side.

use std::collections::HashMap;
use std::time::Duration;

use awaitd_primitives::{Command, Configuration, Kind, LeaseRef, Share, Thing};
use awaitd_tests::{Asked, Client};
use awaitd_transcripts::{Asking, here};
use serde_json::json;

use super::queues;

/// A request for it. `leases` knows where each lease is.
pub(super) fn request(client: &Client, asking: &Asking, leases: &HashMap<u64, String>) -> Asked {
    let Sent { method, path, parameters, body, only_if_none, headers } =
        sent(&asking.command, leases);
    let mut query: Vec<String> = Vec::new();
    if asking.wait > Duration::ZERO {
        query.push(format!("wait={}", millis(asking.wait)));
    }
    query.extend(parameters.into_iter().map(|(name, value)| format!("{name}={value}")));
    let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    let mut asked = client.ask(method, &path).body(body);
    if only_if_none {
        asked = asked.header("if-none-match", "*");
    }
    for (name, value) in &headers {
        asked = asked.header(name, value);
    }
    match &asking.key {
        Some(key) => asked.key(&key.text),
        None => asked,
    }
}

#[derive(Default)]
pub(super) struct Sent {
    method: &'static str,
    path: String,
    parameters: Vec<(&'static str, String)>,
    body: Vec<u8>,
    only_if_none: bool,
    pub(super) headers: Vec<(String, String)>,
}

impl Sent {
    pub(super) fn new(method: &'static str, path: String) -> Self {
        Self { method, path, ..Self::default() }
    }

    pub(super) fn with(mut self, name: &'static str, value: Option<String>) -> Self {
        self.parameters.extend(value.map(|value| (name, value)));
        self
    }

    pub(super) fn flag(self, name: &'static str, is_there: bool) -> Self {
        self.with(name, is_there.then(|| "true".to_owned()))
    }

    pub(super) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

fn sent(command: &Command, leases: &HashMap<u64, String>) -> Sent {
    match command {
        Command::Configure { configuration, only_new } => Sent {
            only_if_none: *only_new,
            ..Sent::new("PUT", of(&configuration.thing())).body(document(configuration))
        },
        Command::Read { thing } => Sent::new("GET", of(thing)),
        Command::List { kind, prefix, cursor, limit } => {
            list(*kind, prefix, cursor.as_ref(), *limit)
        }
        Command::Delete { thing, force } => Sent::new("DELETE", of(thing)).flag("force", *force),
        Command::SetEvent { event, value, only_unset } => Sent {
            only_if_none: *only_unset,
            ..Sent::new("PUT", format!("/v1/events/{event}")).body(here(value))
        },
        Command::ClearEvent { event } => Sent::new("DELETE", format!("/v1/events/{event}")),
        Command::WaitEvent { event, after } => Sent::new("GET", format!("/v1/events/{event}"))
            .with("after", after.map(|after| after.to_string())),
        Command::Acquire { thing, share, lease, owner } => {
            let acquire = Sent::new("POST", of(thing) + "/acquire");
            let owner = owner.as_ref().map(ToString::to_string);
            shared(acquire, thing, *share).with("lease", lease.map(millis)).with("owner", owner)
        }
        Command::Break { lock } => Sent::new("POST", format!("/v1/locks/{lock}/break")),
        Command::Release { semaphore, permits } => {
            let release = Sent::new("POST", format!("/v1/semaphores/{semaphore}/release"));
            release.with("permits", Some(permits.to_string()))
        }
        Command::WaitBarrier { barrier } => {
            Sent::new("POST", format!("/v1/barriers/{barrier}/wait"))
        }
        Command::ResetBarrier { barrier } => {
            Sent::new("POST", format!("/v1/barriers/{barrier}/reset"))
        }
        Command::AbortBarrier { barrier } => {
            Sent::new("POST", format!("/v1/barriers/{barrier}/abort"))
        }
        Command::WaitCondition { lock, condition, held, lease, owner, .. } => {
            Sent::new("POST", format!("/v1/locks/{lock}/conditions/{condition}/wait"))
                .with("held", Some(token(&path(held, leases))))
                .with("lease", lease.map(millis))
                .with("owner", owner.as_ref().map(ToString::to_string))
        }
        Command::Notify { lock, condition, held, most } => {
            let most = most.map_or("all".to_owned(), |most| most.to_string());
            Sent::new("POST", format!("/v1/locks/{lock}/conditions/{condition}/notify"))
                .with("held", Some(path(held, leases)))
                .with("n", Some(most))
        }
        Command::ReadCondition { lock, condition } => {
            Sent::new("GET", format!("/v1/locks/{lock}/conditions/{condition}"))
        }
        Command::Finish { lease, result } => {
            Sent::new("POST", path(lease, leases) + "/done").body(here(result))
        }
        Command::Progress { lease, progress } => {
            Sent::new("PUT", path(lease, leases) + "/progress").body(here(progress))
        }
        Command::Done { lease } => Sent::new("DELETE", path(lease, leases)),
        Command::Nack { lease, delay, defer, dead, error } => {
            let nack = Sent::new("POST", path(lease, leases) + "/nack");
            let nack = nack.with("delay", delay.map(millis)).flag("defer", *defer);
            let nack = nack.flag("dead", *dead);
            nack.body(error.as_deref().unwrap_or_default())
        }
        Command::Extend { lease, length } => {
            Sent::new("PATCH", path(lease, leases)).with("lease", length.map(millis))
        }
        Command::Watch { lease } => Sent::new("GET", path(lease, leases)),
        Command::Withdraw { thing, key } => {
            Sent::new("DELETE", format!("{}/waiters/{key}", of(thing)))
        }
        _ => queues::sent(command, leases),
    }
}

fn of(thing: &Thing) -> String {
    format!("/v1/{}/{}", thing.kinds(), thing.name())
}

/// How much of it, in the words that there are for this kind of thing.
fn shared(acquire: Sent, thing: &Thing, share: Share) -> Sent {
    match (thing, share) {
        (Thing::Semaphore(_), Share::Permits(permits)) => {
            acquire.with("permits", Some(permits.to_string()))
        }
        (_, Share::Permits(_)) => acquire.with("mode", Some("shared".into())),
        (_, Share::Whole) => acquire,
    }
}

fn list(kind: Kind, prefix: &str, cursor: Option<&String>, limit: usize) -> Sent {
    Sent::new("GET", format!("/v1/{}", kind.plural()))
        .with("prefix", Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
        .with("cursor", cursor.cloned())
        .with("limit", Some(limit.to_string()))
}

fn document(configuration: &Configuration) -> String {
    let document = match configuration {
        Configuration::Queue(_, config) => queues::document(config),
        Configuration::Semaphore(_, config) => {
            json!({ "permits": config.permits, "bounded": config.bounded })
        }
        Configuration::Barrier(_, parties) => json!({ "parties": parties }),
        Configuration::Schedule(..) => unreachable!("time goes otherwise for schedules"),
    };
    document.to_string()
}

pub(super) fn token(path: &str) -> String {
    path.rsplit('/').next().expect("a path has a last part").to_owned()
}

pub(super) fn millis(length: Duration) -> String {
    format!("{}ms", length.as_millis())
}

/// Where a lease is; anywhere if this server never gave it out.
pub(super) fn path(lease: &LeaseRef, leases: &HashMap<u64, String>) -> String {
    let forged = || format!("/v1/queues/forged/leases/{}", "A".repeat(43));
    leases.get(&lease.id.fence()).cloned().unwrap_or_else(forged)
}
