//! Opens what a failure left, goes on with it, loses power once more, and asks for all that was told.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_journal::recover;
use awaitd_primitives::*;

use crate::oracle::Oracle;
use crate::play::{Play, Stop, name, options, payload};
use crate::twin::{Crash, Twin, World};

/// An error says what is wrong.
pub(crate) fn verify(left: &World, oracle: &Oracle) -> Result<(), String> {
    let (one, other) = (Twin::new(left.clone()), Twin::new(left.clone()));
    let open = |twin: &Twin| recover::open(twin, &options(), |_| ()).map_err(|it| it.to_string());
    let (first, second) = (open(&one)?, open(&other)?);
    same("what is found in the same files", &(first.state == second.state), &true)?;
    same("what an opening leaves", &one.world().files(), &other.world().files())?;
    same("the newest moment", &first.last, &second.last)?;
    let mut play = Play::on(&one, first).map_err(text)?;
    let mut oracle = oracle.clone();
    play.facts.iter().for_each(|(_, fact)| oracle.follow(fact));
    let news = go_on(&mut play, &oracle)?;
    // All that the second life was told is durable, so nothing is missing after the power has gone.
    let after = one.world().after(Crash::Dropped);
    let mut play = Play::open(&Twin::new(after)).map_err(text)?;
    told_again(&mut play, &oracle)?;
    stands(&mut play, &oracle)?;
    leases(&mut play, &oracle)?;
    results(&mut play, &oracle)?;
    let mut found = drain(&mut play)?;
    for job in news {
        let it = found.remove(&job).ok_or(format!("the new {job:?} is lost"))?;
        same("the new job", &(it.queue, it.body), &(name("new"), (&b"new"[..]).into()))?;
    }
    oracle.jobs(&found)
}

/// New numbers are larger than all that were told.
fn go_on(play: &mut Play, oracle: &Oracle) -> Result<Vec<JobId>, String> {
    let (last_job, last_lease, last_generation) = oracle.last();
    let mut news = Vec::new();
    for _ in 0..3 {
        let (queue, payload) = (name("new"), payload(b"new"));
        let put = Command::Put {
            queue,
            payload,
            delay: Delay::NONE,
            rank: None,
            ttl: None,
            traits: Vec::new(),
        };
        match play.ask(put, None) {
            Ok(Answer::Placed { job, .. }) if job.0 > last_job => news.push(job),
            other => return Err(format!("a new put after {last_job}: {other:?}")),
        }
        play.keep().map_err(text)?;
    }
    let acquire = Command::Acquire {
        thing: Thing::Lock(name("new")),
        share: Share::Whole,
        lease: None,
        owner: None,
    };
    match play.ask(acquire, None) {
        Ok(Answer::Acquired(grant)) if grant.lease.fence() > last_lease => {}
        other => return Err(format!("a new lease after {last_lease}: {other:?}")),
    }
    let (event, value) = (name("new"), payload(b"new"));
    match play.ask(Command::SetEvent { event, value, only_unset: false }, None) {
        Ok(Answer::Set { generation }) if generation > last_generation => {}
        other => return Err(format!("a new set after {last_generation}: {other:?}")),
    }
    play.keep().map_err(text)?;
    Ok(news)
}

/// Repeats under their keys get what the first ones got.
fn told_again(play: &mut Play, oracle: &Oracle) -> Result<(), String> {
    for (ask, answer) in oracle.keys() {
        let again = play.ask(ask.command.clone(), ask.key.clone());
        let same = match (&again, answer) {
            (Ok(Answer::Got(again)), Answer::Got(first)) => {
                (again.job, again.lease) == (first.job, first.lease)
            }
            (Ok(Answer::Acquired(again)), Answer::Acquired(first))
            | (Ok(Answer::Woken { grant: again, .. }), Answer::Woken { grant: first, .. }) => {
                again.lease == first.lease
            }
            (Ok(again), first) => again == first,
            (Err(_), _) => false,
        };
        if !same {
            return Err(format!("{ask:?} got {answer:?}, and again {again:?}"));
        }
    }
    Ok(())
}

/// Events are as they were set, queues, semaphores and barriers as they were told to be.
fn stands(play: &mut Play, oracle: &Oracle) -> Result<(), String> {
    for (command, answer) in oracle.stands() {
        let wrong = match (command, answer) {
            (Command::SetEvent { event, value, .. }, Answer::Set { generation }) => {
                let now = play.ask(Command::WaitEvent { event: event.clone(), after: None }, None);
                let (generation, value) = (*generation, value.clone());
                (now != Ok(Answer::Happened { generation, value })).then_some(now)
            }
            (Command::ClearEvent { event }, _) => {
                let now = play.ask(Command::WaitEvent { event: event.clone(), after: None }, None);
                (!matches!(now, Err(Refusal::NotSet { .. }))).then_some(now)
            }
            (Command::Configure { configuration, .. }, _) => {
                let now = play.ask(Command::Read { thing: configuration.thing() }, None);
                let right = |view: &View| match (configuration, view) {
                    (Configuration::Queue(_, config), View::Queue(view)) => view.config == *config,
                    (Configuration::Semaphore(_, config), View::Semaphore(view)) => {
                        view.config == *config
                    }
                    (Configuration::Barrier(_, parties), View::Barrier(view)) => {
                        view.parties == *parties
                    }
                    _ => false,
                };
                (!shows(&now, right)).then_some(now)
            }
            (Command::ResetBarrier { barrier } | Command::AbortBarrier { barrier }, _) => {
                let broken = matches!(command, Command::AbortBarrier { .. });
                let now = play.ask(Command::Read { thing: Thing::Barrier(barrier.clone()) }, None);
                let right =
                    |view: &View| matches!(view, View::Barrier(view) if view.broken == broken);
                (!shows(&now, right)).then_some(now)
            }
            _ => None,
        };
        if let Some(now) = wrong {
            return Err(format!("{command:?} got {answer:?}, and now {now:?}"));
        }
    }
    Ok(())
}

/// Whether a state was told, and it is right.
fn shows(told: &Result<Answer, Refusal>, right: impl FnOnce(&View) -> bool) -> bool {
    matches!(told, Ok(Answer::State(view)) if right(view))
}

/// Whoever holds something holds it, and what is settled is settled.
fn leases(play: &mut Play, oracle: &Oracle) -> Result<(), String> {
    for (id, held) in oracle.held() {
        let lease = LeaseRef { id, thing: Some(held.thing()) };
        let now = play.ask(Command::Watch { lease }, None);
        if !matches!(&now, Ok(Answer::Held(grant)) if grant.thing == held.thing()) {
            return Err(format!("{id:?} of {held:?} is not held: {now:?}"));
        }
        let (thing, share) = match held {
            Held::Job { .. } => continue,
            Held::Lock { lock, .. } => (Thing::Lock(lock.clone()), Share::Whole),
            Held::Part { thing, permits, .. } => (thing.clone(), Share::Permits(*permits)),
        };
        let now = play.ask(Command::Read { thing }, None);
        let right = |view: &View| {
            let (View::Lock(LockView { holders, .. })
            | View::Semaphore(SemaphoreView { holders, .. })) = view
            else {
                return false;
            };
            let held = |it: &&Holder| (it.lease, it.share) == (id, share);
            let alone = share == Share::Whole;
            holders.iter().any(|it| held(&it)) && (!alone || holders.len() == 1)
        };
        same("the holder of a lock", &shows(&now, right), &true)?;
    }
    for id in oracle.done() {
        let now = play.ask(Command::Done { lease: LeaseRef { id, thing: None } }, None);
        same("what was settled, again", &now, &Ok(Answer::Settled))?;
    }
    Ok(())
}

/// What came of jobs is told.
fn results(play: &mut Play, oracle: &Oracle) -> Result<(), String> {
    for (queue, job, result) in oracle.results() {
        let told = play.ask(Command::WaitResult { queue: queue.clone(), job }, None);
        same("a result", &told, &Ok(Answer::Result(result.clone())))?;
    }
    Ok(())
}

/// A job that is there.
pub(crate) struct Found {
    pub(crate) queue: Name,
    pub(crate) body: Body,
    pub(crate) attempt: u32,
    pub(crate) traits: Vec<Trait>,
}

/// All jobs that there are, once nobody holds them any more.
fn drain(play: &mut Play) -> Result<BTreeMap<JobId, Found>, String> {
    let by = play.now + Duration::from_hours(30);
    while play.now < by {
        let next = play.engine.wake_at().map_or(by, |next| next.min(by)).max(play.now);
        play.now = if next == play.now { next + Duration::from_millis(1) } else { next };
        let mut step = Step::default();
        play.engine.advance(At { now: play.now, clock: play.now }, &mut step);
    }
    let list =
        Command::List { kind: Kind::Queue, prefix: String::new(), cursor: None, limit: 1_000 };
    let Ok(Answer::List { items, .. }) = play.ask(list, None) else {
        return Err("no list of queues".into());
    };
    let mut found = BTreeMap::new();
    for view in items {
        let View::Queue(view) = view else { return Err("not of a queue".into()) };
        let queue = view.name.clone();
        // All of a key go at one time.
        let policy = Box::new(Policy { key_concurrency: 1_000, ..Policy::default() });
        let config = QueueConfig { policy, ..view.config };
        let configuration = Configuration::Queue(queue.clone(), config);
        play.ask(Command::Configure { configuration, only_new: false }, None)
            .map_err(|refusal| format!("{refusal:?}"))?;
        let get =
            Command::Get { queue: queue.clone(), mode: GetMode::AtMostOnce, settle: None, most: 1 };
        while let Ok(Answer::Got(got)) = play.ask(get.clone(), None) {
            let body = play.read(&got.payload.body, got.job).map_err(text)?;
            let (queue, attempt, traits) = (queue.clone(), got.attempt, got.traits);
            if found.insert(got.job, Found { queue, body, attempt, traits }).is_some() {
                return Err(format!("{:?} is there twice", got.job));
            }
        }
    }
    Ok(found)
}

fn text(stop: Stop) -> String {
    stop.0
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: is {is:?}, should be {should:?}")) }
}
