//! Answers over HTTP in the transcripts' words: the contract once more, from the client's side.

use std::time::Duration;

use awaitd_primitives::{
    BarrierView, Command, ConditionView, Configuration, Holder, Kind, LeaseId, LockView, Name,
    QueueView, QueueWaiters, SemaphoreConfig, SemaphoreView, Share, Thing, Time, View,
};
use awaitd_tests::Heard;
use awaitd_transcripts::{Facts, Lease, Said};
use serde_json::Value;

use super::configured::config;
use super::jobs;

/// The answer in the transcripts' words. `fence_at` knows the lease at a path.
pub(super) fn said(command: &Command, heard: &Heard, fence_at: impl Fn(&str) -> u64) -> Said {
    if heard.status >= 400 {
        return refused(command, heard);
    }
    let generation = || heard.number("awaitd-generation");
    match command {
        Command::Configure { configuration, .. } => {
            let created = heard.status == 201;
            Said::Configured(created, configuration_in(&configuration.thing(), &heard.json()))
        }
        Command::Read { thing } => state(thing, &heard.json()),
        Command::ReadCondition { lock, .. } => condition(lock, &heard.json()),
        Command::List { .. } => list(&heard.json()),
        Command::Put { .. } if heard.status == 200 => Said::Present(number_in(&heard.location())),
        Command::Put { .. } => Said::Placed(number_in(&heard.location())),
        Command::Get { .. } | Command::GetAny { .. } => jobs::got(command, heard),
        Command::ReadJob { .. } => Said::Job(Box::new(jobs::looked(&heard.json()))),
        Command::ListJobs { .. } => jobs::listed(&heard.json()),
        Command::WaitResult { .. } => Said::Result(heard.text().into()),
        Command::Purge { .. } => Said::Dropped(count(&heard.json()["dropped"])),
        Command::Redrive { .. } => {
            Said::Moved(count(&heard.json()["moved"]), count(&heard.json()["left"]))
        }
        Command::Join { .. } => Said::Drained(generation()),
        Command::SetEvent { .. } => Said::Generation(generation(), String::new()),
        Command::WaitEvent { .. } => Said::Generation(generation(), heard.text().into()),
        Command::Acquire { .. } => {
            assert_eq!(heard.text().trim_end(), heard.location(), "what a script reads");
            Said::Acquired(lease_in(heard))
        }
        Command::WaitCondition { .. } => {
            let notified = heard.header("awaitd-notified") == "true";
            Said::Woken(lease_in(heard), notified)
        }
        Command::Notify { .. } => Said::Notified(count(&heard.json()["woken"])),
        Command::Break { lock } => {
            Said::Broke(Thing::Lock(lock.clone()), holders_in(&heard.json(), |_| Share::Whole))
        }
        Command::Release { semaphore, .. } => {
            state(&Thing::Semaphore(semaphore.clone()), &heard.json())
        }
        Command::WaitBarrier { .. } => {
            assert_eq!(count(&heard.json()["generation"]), generation());
            Said::Met(count(&heard.json()["index"]), generation())
        }
        Command::ResetBarrier { barrier } | Command::AbortBarrier { barrier } => {
            state(&Thing::Barrier(barrier.clone()), &heard.json())
        }
        Command::Extend { lease, .. } | Command::Watch { lease } => {
            let fence = heard.number("awaitd-fence");
            let thing = lease.thing.clone().expect("a transcript's lease has one");
            Said::Lasts(Lease { fence, thing }, seconds(heard.seconds("awaitd-expires-in")))
        }
        Command::Withdraw { .. } => withdrawn(heard, fence_at),
        Command::Fire { .. } => unreachable!("the server alone says so"),
        Command::Delete { .. }
        | Command::CancelJob { .. }
        | Command::Shutdown { .. }
        | Command::ClearEvent { .. }
        | Command::Pause { .. }
        | Command::Done { .. }
        | Command::Finish { .. }
        | Command::Progress { .. }
        | Command::Nack { .. } => Said::Ok,
    }
}

fn refused(command: &Command, heard: &Heard) -> Said {
    let problem = heard.json();
    let number = |name| heard.find(name).map(|_| heard.number(name));
    let left = heard.find("awaitd-expires-in").map(|_| seconds(heard.seconds("awaitd-expires-in")));
    let facts = Facts {
        unfinished: number("awaitd-unfinished"),
        generation: number("awaitd-generation"),
        config: problem.get("configuration").map(|document| {
            configuration_in(&command.thing().expect("it names what exists"), document)
        }),
        owner: heard.find("awaitd-owner").map(ToOwned::to_owned),
        held_for: left,
    };
    Said::Refused(heard.code(), facts)
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

pub(super) fn lease_in(heard: &Heard) -> Lease {
    Lease { fence: heard.number("awaitd-fence"), thing: thing_in(&heard.location()) }
}

/// `/v1/{kinds}/{name}/…`
pub(super) fn thing_in(path: &str) -> Thing {
    let mut parts = path.split('/').skip(2);
    let kinds = parts.next().expect("a path has a kind");
    let name = parts.next().and_then(|name| name.parse().ok()).expect("a path has a name");
    let kind = Kind::ALL.into_iter().find(|kind| kind.plural() == kinds);
    Thing::new(kind.expect("a path has a kind that there is"), name)
}

fn number_in(path: &str) -> u64 {
    path.rsplit('/').next().and_then(|number| number.parse().ok()).expect("it ends with a number")
}

fn configuration_in(thing: &Thing, document: &Value) -> Configuration {
    let name = name_in(document);
    assert_eq!(name, *thing.name());
    match thing {
        Thing::Queue(_) => Configuration::Queue(name, config(document)),
        Thing::Semaphore(_) => Configuration::Semaphore(name, semaphore_config_in(document)),
        Thing::Barrier(_) => Configuration::Barrier(name, count(&document["parties"])),
        Thing::Event(_) | Thing::Lock(_) => panic!("{thing:?} has no configuration"),
        Thing::Schedule(_) => unreachable!("time goes otherwise for schedules"),
    }
}

fn semaphore_config_in(document: &Value) -> SemaphoreConfig {
    let bounded = flag(&document["bounded"]);
    SemaphoreConfig { permits: count(&document["permits"]), bounded }
}

fn state(thing: &Thing, document: &Value) -> Said {
    assert_eq!(name_in(document), *thing.name());
    let view = match thing {
        Thing::Queue(_) => return queue(document),
        Thing::Event(_) => panic!("an event is waited for"),
        Thing::Schedule(_) => unreachable!("time goes otherwise for schedules"),
        Thing::Lock(_) => View::Lock(lock(document)),
        Thing::Semaphore(name) => {
            let permits = |holder: &Value| Share::Permits(count(&holder["permits"]));
            View::Semaphore(SemaphoreView {
                name: name.clone(),
                config: semaphore_config_in(document),
                available: count(&document["available"]),
                holders: holders_in(document, permits),
                waiters: count(&document["waiters"]),
            })
        }
        Thing::Barrier(name) => View::Barrier(BarrierView {
            name: name.clone(),
            parties: count(&document["parties"]),
            waiting: count(&document["waiting"]),
            broken: flag(&document["broken"]),
            generation: count(&document["generation"]),
        }),
    };
    Said::State(Box::new(view))
}

fn queue(document: &Value) -> Said {
    let waiters = &document["waiters"];
    let view = QueueView {
        name: name_in(document),
        config: config(document),
        ready: count(&document["ready"]),
        delayed: count(&document["delayed"]),
        leased: count(&document["leased"]),
        dead: count(&document["dead"]),
        unfinished: count(&document["unfinished"]),
        oldest_ready: None,
        shut_down: flag(&document["shut_down"]),
        waiters: QueueWaiters {
            put: count(&waiters["put"]),
            get: count(&waiters["get"]),
            join: count(&waiters["join"]),
        },
    };
    Said::Queue(view, document["oldest_ready_age"].as_f64().map(seconds))
}

fn lock(document: &Value) -> LockView {
    let mode = document["mode"].as_str();
    let share = if mode == Some("shared") { Share::Permits(1) } else { Share::Whole };
    let holders = holders_in(document, |_| share);
    // What is said of the first holder is said twice.
    let first = document["holders"].get(0).cloned().unwrap_or_default();
    for member in ["owner", "fence", "expires_in"] {
        assert_eq!(document[member], first[member], "{member}");
    }
    assert_eq!(document["locked"], mode.is_some());
    assert_eq!(document["locked"], !holders.is_empty());
    let conditions = document["conditions"].as_object().expect("conditions is an object");
    let condition =
        |(name, waiters): (&String, &Value)| (name.parse().expect("a name"), count(waiters));
    LockView {
        name: name_in(document),
        holders,
        waiters: count(&document["waiters"]),
        conditions: conditions.iter().map(condition).collect(),
    }
}

fn condition(lock: &Name, document: &Value) -> Said {
    assert_eq!(document["lock"], lock.as_str());
    Said::State(Box::new(View::Condition(ConditionView {
        lock: lock.clone(),
        name: name_in(document),
        waiters: count(&document["waiters"]),
    })))
}

/// Until when is said by `expires_in` alone: as if it were time zero.
fn holders_in(document: &Value, share: impl Fn(&Value) -> Share) -> Vec<Holder> {
    let holders = document["holders"].as_array().expect("holders is a list");
    let holder = |holder: &Value| Holder {
        lease: LeaseId(count(&holder["fence"]).try_into().expect("fences begin with 1")),
        share: share(holder),
        owner: holder["owner"].as_str().map(Into::into),
        until: Time::ZERO + seconds(holder["expires_in"].as_f64().expect("a number of seconds")),
    };
    holders.iter().map(holder).collect()
}

fn list(document: &Value) -> Said {
    let items = document["items"].as_array().expect("items is a list");
    let names = items.iter().map(|item| name_in(item).to_string()).collect();
    Said::List(names, document["cursor"].as_str().map(ToOwned::to_owned))
}

pub(super) fn count(value: &Value) -> u64 {
    value.as_u64().expect("counts are numbers")
}

pub(super) fn flag(value: &Value) -> bool {
    value.as_bool().expect("true or false")
}

fn name_in(document: &Value) -> Name {
    document["name"].as_str().and_then(|name| name.parse().ok()).expect("a thing has a name")
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
