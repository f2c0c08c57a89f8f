//! The transcripts' commands as HTTP requests, and the answers in the transcripts' words: the
//! contract once more, from the client's side.

use std::collections::HashMap;
use std::time::Duration;

use awaitd_primitives::{
    Command, GetMode, LeaseId, LeaseRef, LockView, Name, QueueConfig, QueueView, QueueWaiters,
    Thing, Time,
};
use awaitd_tests::transcript::{Asking, Facts, Lease, Said, here};
use awaitd_tests::{Asked, Client, Heard};
use serde_json::{Value, json};

/// A request for it. `leases` knows where each lease is.
pub(super) fn request(client: &Client, asking: &Asking, leases: &HashMap<u64, String>) -> Asked {
    let Sent { method, path, parameters, body, only_if_none } = sent(&asking.command, leases);
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
    match &asking.key {
        Some(key) => asked.key(&key.text),
        None => asked,
    }
}

#[derive(Default)]
struct Sent {
    method: &'static str,
    path: String,
    parameters: Vec<(&'static str, String)>,
    body: Vec<u8>,
    only_if_none: bool,
}

impl Sent {
    fn new(method: &'static str, path: String) -> Self {
        Self { method, path, ..Self::default() }
    }

    fn with(mut self, name: &'static str, value: Option<String>) -> Self {
        self.parameters.extend(value.map(|value| (name, value)));
        self
    }

    fn flag(self, name: &'static str, is_there: bool) -> Self {
        self.with(name, is_there.then(|| "true".to_owned()))
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

fn sent(command: &Command, leases: &HashMap<u64, String>) -> Sent {
    match command {
        Command::ConfigureQueue { queue, config, only_new } => Sent {
            only_if_none: *only_new,
            ..Sent::new("PUT", format!("/v1/queues/{queue}")).body(configuration(config))
        },
        Command::ReadQueue { queue } => Sent::new("GET", format!("/v1/queues/{queue}")),
        Command::ListQueues { prefix, cursor, limit } => list(prefix, cursor.clone(), *limit),
        Command::DeleteQueue { queue } => Sent::new("DELETE", format!("/v1/queues/{queue}")),
        Command::Put { queue, payload, delay } => put(queue, here(payload), *delay),
        Command::Get { queue, mode, settle } => {
            get(queue, *mode, settle.as_ref().map(|lease| path(lease, leases)))
        }
        Command::Join { queue, after } => Sent::new("GET", format!("/v1/queues/{queue}/join"))
            .with("after", after.map(|after| after.to_string())),
        Command::Shutdown { queue, immediate } => {
            Sent::new("POST", format!("/v1/queues/{queue}/shutdown")).flag("immediate", *immediate)
        }
        Command::SetEvent { event, value, only_unset } => Sent {
            only_if_none: *only_unset,
            ..Sent::new("PUT", format!("/v1/events/{event}")).body(here(value))
        },
        Command::ClearEvent { event } => Sent::new("DELETE", format!("/v1/events/{event}")),
        Command::WaitEvent { event, after } => Sent::new("GET", format!("/v1/events/{event}"))
            .with("after", after.map(|after| after.to_string())),
        Command::Acquire { lock, lease, owner } => {
            let acquire = Sent::new("POST", format!("/v1/locks/{lock}/acquire"));
            let owner = owner.as_ref().map(ToString::to_string);
            acquire.with("lease", lease.map(millis)).with("owner", owner)
        }
        Command::ReadLock { lock } => Sent::new("GET", format!("/v1/locks/{lock}")),
        Command::DeleteLock { lock, force } => {
            Sent::new("DELETE", format!("/v1/locks/{lock}")).flag("force", *force)
        }
        Command::Done { lease } => Sent::new("DELETE", path(lease, leases)),
        Command::Nack { lease, delay, defer, error } => {
            let nack = Sent::new("POST", path(lease, leases) + "/nack");
            let nack = nack.with("delay", delay.map(millis)).flag("defer", *defer);
            nack.body(error.as_deref().unwrap_or_default())
        }
        Command::Extend { lease, length } => {
            Sent::new("PATCH", path(lease, leases)).with("lease", length.map(millis))
        }
        Command::Watch { lease } => Sent::new("GET", path(lease, leases)),
        Command::Withdraw { thing, key } => {
            let (kinds, name) = (thing.kinds(), thing.name());
            Sent::new("DELETE", format!("/v1/{kinds}/{name}/waiters/{key}"))
        }
    }
}

fn list(prefix: &str, cursor: Option<String>, limit: usize) -> Sent {
    Sent::new("GET", "/v1/queues".into())
        .with("prefix", Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
        .with("cursor", cursor)
        .with("limit", Some(limit.to_string()))
}

fn put(queue: &Name, body: &[u8], delay: Duration) -> Sent {
    let delay = Some(delay).filter(|delay| !delay.is_zero());
    let put = Sent::new("POST", format!("/v1/queues/{queue}/jobs"));
    put.with("delay", delay.map(millis)).body(body)
}

/// `settle` is the path of a lease, of which the token is enough.
fn get(queue: &Name, mode: GetMode, settle: Option<String>) -> Sent {
    let get = Sent::new("POST", format!("/v1/queues/{queue}/get"));
    let get = match mode {
        GetMode::Leased(lease) => get.with("lease", lease.map(millis)),
        GetMode::AtMostOnce => get.flag("ack", true),
    };
    let token = |path: String| path.rsplit('/').next().expect("a path has a last part").to_owned();
    get.with("settle", settle.map(token))
}

fn configuration(config: &QueueConfig) -> String {
    json!({ "maxsize": config.maxsize, "lease": config.lease.as_secs_f64() }).to_string()
}

fn millis(length: Duration) -> String {
    format!("{}ms", length.as_millis())
}

/// Where a lease is; anywhere if this server never gave it out.
fn path(lease: &LeaseRef, leases: &HashMap<u64, String>) -> String {
    let forged = || format!("/v1/queues/forged/leases/{}", "A".repeat(43));
    leases.get(&lease.id.fence()).cloned().unwrap_or_else(forged)
}

/// The answer in the transcripts' words. `fence_at` knows the lease at a path.
pub(super) fn said(command: &Command, heard: &Heard, fence_at: impl Fn(&str) -> u64) -> Said {
    if heard.status >= 400 {
        return refused(heard);
    }
    let generation = || heard.number("awaitd-generation");
    match command {
        Command::ConfigureQueue { .. } => {
            let created = heard.status == 201;
            Said::Configured(created, configuration_in(&heard.json()))
        }
        Command::ReadQueue { .. } => queue(&heard.json()),
        Command::ListQueues { .. } => queues(&heard.json()),
        Command::Put { .. } => Said::Placed(number_in(&heard.location())),
        Command::Get { .. } => got(heard),
        Command::Join { .. } => Said::Drained(generation()),
        Command::SetEvent { .. } => Said::Generation(generation(), String::new()),
        Command::WaitEvent { .. } => Said::Generation(generation(), heard.text().into()),
        Command::Acquire { .. } => {
            assert_eq!(heard.text().trim_end(), heard.location(), "what a script reads");
            Said::Acquired(lease_in(heard))
        }
        Command::ReadLock { .. } => lock(&heard.json()),
        Command::Extend { lease, .. } | Command::Watch { lease } => {
            let fence = heard.number("awaitd-fence");
            let thing = lease.thing.clone().expect("a transcript's lease has one");
            Said::Lasts(Lease { fence, thing }, seconds(heard.seconds("awaitd-expires-in")))
        }
        Command::Withdraw { .. } => withdrawn(heard, fence_at),
        Command::DeleteQueue { .. }
        | Command::Shutdown { .. }
        | Command::ClearEvent { .. }
        | Command::DeleteLock { .. }
        | Command::Done { .. }
        | Command::Nack { .. } => Said::Ok,
    }
}

fn refused(heard: &Heard) -> Said {
    let problem = heard.json();
    let number = |name| heard.find(name).map(|_| heard.number(name));
    let left = heard.find("awaitd-expires-in").map(|_| seconds(heard.seconds("awaitd-expires-in")));
    let facts = Facts {
        unfinished: number("awaitd-unfinished"),
        generation: number("awaitd-generation"),
        config: problem.get("configuration").map(configuration_in),
        owner: heard.find("awaitd-owner").map(ToOwned::to_owned),
        held_for: left,
    };
    Said::Refused(heard.code(), facts)
}

fn got(heard: &Heard) -> Said {
    if heard.status == 204 {
        return Said::Refused("empty".into(), Facts::default());
    }
    let lease = heard.find("location").map(|_| lease_in(heard));
    let attempt = u32::try_from(heard.number("awaitd-attempt")).expect("attempts are few");
    Said::Got(heard.number("awaitd-job"), heard.text().into(), lease, attempt)
}

fn withdrawn(heard: &Heard, fence_at: impl Fn(&str) -> u64) -> Said {
    match (heard.json()["outcome"].as_str(), heard.find("location")) {
        (Some("withdrawn"), None) => Said::Withdrawn,
        (Some("granted"), None) => Said::GrantedNothing,
        (Some("granted"), Some(path)) if path.contains("/jobs/") => {
            Said::GrantedJob(number_in(path))
        }
        (Some("granted"), Some(path)) => {
            Said::GrantedLease(Lease { fence: fence_at(path), thing: thing_in(path) })
        }
        _ => panic!("no withdrawal: {}", heard.shown()),
    }
}

fn lease_in(heard: &Heard) -> Lease {
    Lease { fence: heard.number("awaitd-fence"), thing: thing_in(&heard.location()) }
}

/// `/v1/{kinds}/{name}/…`
fn thing_in(path: &str) -> Thing {
    let mut parts = path.split('/').skip(2);
    let kinds = parts.next().expect("a path has a kind");
    let name = parts.next().and_then(|name| name.parse().ok()).expect("a path has a name");
    match kinds {
        "queues" => Thing::Queue(name),
        "locks" => Thing::Lock(name),
        _ => panic!("{path} is no path of a lease"),
    }
}

fn number_in(path: &str) -> u64 {
    path.rsplit('/').next().and_then(|number| number.parse().ok()).expect("it ends with a number")
}

fn configuration_in(document: &Value) -> QueueConfig {
    QueueConfig {
        maxsize: document["maxsize"].as_u64().expect("maxsize is a number"),
        lease: seconds(document["lease"].as_f64().expect("lease is a number of seconds")),
        ..QueueConfig::default()
    }
}

fn queue(document: &Value) -> Said {
    let count = |value: &Value| value.as_u64().expect("counts are numbers");
    let waiters = &document["waiters"];
    assert_eq!(document["dead"], 0);
    let view = QueueView {
        name: name_in(document),
        config: configuration_in(document),
        ready: count(&document["ready"]),
        delayed: count(&document["delayed"]),
        leased: count(&document["leased"]),
        unfinished: count(&document["unfinished"]),
        oldest_ready: None,
        shut_down: document["shut_down"].as_bool().expect("shut_down is true or false"),
        waiters: QueueWaiters {
            put: count(&waiters["put"]),
            get: count(&waiters["get"]),
            join: count(&waiters["join"]),
        },
    };
    Said::Queue(view, document["oldest_ready_age"].as_f64().map(seconds))
}

fn queues(document: &Value) -> Said {
    let items = document["items"].as_array().expect("items is a list");
    let names = items.iter().map(|item| name_in(item).to_string()).collect();
    Said::Queues(names, document["cursor"].as_str().map(ToOwned::to_owned))
}

fn lock(document: &Value) -> Said {
    let fence = document["fence"].as_u64().map(|fence| {
        // Until when is said by `expires_in` alone.
        (LeaseId(fence.try_into().expect("fences begin with 1")), Time::ZERO)
    });
    assert_eq!(document["locked"].as_bool(), Some(fence.is_some()));
    let view = LockView {
        name: name_in(document),
        owner: document["owner"].as_str().map(Into::into),
        holder: fence,
        waiters: document["waiters"].as_u64().expect("counts are numbers"),
    };
    Said::Lock(view, document["expires_in"].as_f64().map(seconds))
}

fn name_in(document: &Value) -> Name {
    document["name"].as_str().and_then(|name| name.parse().ok()).expect("a thing has a name")
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
