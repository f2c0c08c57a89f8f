//! Where there is much of something: bursts, redrives, pages, queues that shrink, several queues at once.

#[allow(dead_code)]
#[path = "work/play.rs"]
mod play;

use awaitd_primitives::*;

use crate::play::*;

/// What was handed out in a burst at a slow rate does not hold up a queue that is told to be faster.
#[test]
fn a_faster_rate_is_felt_at_once() {
    let rate = |per_second, burst| Some(Rate { per_second: Milli(per_second), burst });
    let mut play = Play::new();
    play.done(configure("q", 0, |policy| policy.rate = rate(1_000, 100)));
    for _ in 0..51 {
        play.put(put("q", &[]));
    }
    for _ in 0..50 {
        let got = play.get("q");
        play.done(done(&got));
    }
    play.done(configure("q", 0, |policy| policy.rate = rate(1_000_000, 1)));
    let waits = play.begin(get("q"), 60 * SECOND, None);
    play.pass(SECOND / 100);
    assert!(matches!(play.told(waits), Some(Ok(Answer::Got(_)))));
    play.check();
}

/// A queue that takes nothing more holds up only what died there.
#[test]
fn a_redrive_passes_over_a_queue_that_is_shut_down_or_full() {
    let mut play = Play::new();
    for queue in ["shut", "full", "open"] {
        play.done(configure(queue, 1, |policy| {
            policy.max_attempts = 1;
            policy.dead_letter = Some(name("d"));
        }));
        play.put(put(queue, &[]));
        let got = play.get(queue);
        play.done(nack(&got));
    }
    play.put(put("full", &[]));
    play.done(shutdown("shut", false));
    assert_eq!(play.ask(redrive("d", None)), Ok(Answer::Redriven { moved: 1, left: 2 }));
    assert_eq!(play.counts("open"), [1, 0, 0, 0, 1]);
    assert_eq!(play.ask(redrive("d", None)), Err(Refusal::QueueShutDown));
    play.check();
}

/// A page goes through so many jobs and has so many bytes, and its cursor leads on.
#[test]
fn a_page_of_jobs_has_a_bound() {
    const MOST: usize = limits::LISTED_BYTES_MAX;
    let mut play = Play::new();
    play.done(configure("q", 0, |_| ()));
    let list = |only, key: Option<&str>, cursor, bodies| Command::ListJobs {
        queue: name("q"),
        state: only,
        key: key.map(Into::into),
        cursor,
        limit: 1_000,
        bodies,
    };
    for _ in 0..limits::LOOKED_MAX {
        play.put(put("q", &[key("k")]));
    }
    let delayed = play.put(put_later("q", &[key("k")], SECOND));
    let page = |told| match told {
        Ok(Answer::Jobs { items, cursor }) => (items.iter().map(|it| it.job).collect(), cursor),
        told => panic!("no page: {told:?}"),
    };
    let (first, cursor): (Vec<_>, _) =
        page(play.ask(list(Some(JobState::Delayed), Some("k"), None, false)));
    assert_eq!((first, cursor), (Vec::new(), Some(JobId(delayed - 1))));
    let rest = page(play.ask(list(Some(JobState::Delayed), Some("k"), cursor, false)));
    assert_eq!(rest, (vec![JobId(delayed)], None));

    play.done(purge("q", None));
    for bytes in [MOST / 4, MOST / 4, MOST / 4, MOST / 4, MOST + 1, 1] {
        let Command::Put { queue, delay, rank, ttl, traits, .. } = put("q", &[]) else {
            unreachable!("it is a put")
        };
        let payload = payload(&"x".repeat(bytes));
        play.put(Command::Put { queue, payload, delay, rank, ttl, traits });
    }
    let mut cursor = None;
    for count in [4, 1, 1] {
        let (ids, more) = page(play.ask(list(None, None, cursor, true)));
        assert_eq!(ids.len(), count);
        cursor = more;
    }
    assert_eq!(cursor, None);
    assert_eq!(page(play.ask(list(None, None, None, false))).0.len(), 6);

    play.done(purge("q", None));
    let said = "x".repeat(limits::JOB_HEADERS_BYTES_MAX);
    let header = Trait::Header("job-note".into(), said.as_str().into());
    for _ in 0..MOST / said.len() {
        play.put(put("q", std::slice::from_ref(&header)));
    }
    assert!(page(play.ask(list(None, None, None, false))).1.is_some());
}

/// Delayed jobs that are redriven at a rate stay delayed: the next command goes on behind them.
#[test]
fn a_redrive_at_a_rate_goes_on_where_it_was() {
    let mut play = Play::new();
    play.done(configure("q", 0, |_| ()));
    for _ in 0..25 {
        play.put(put_later("q", &[], 100 * SECOND));
    }
    let (queue, state, spacing) = (name("q"), Some(JobState::Delayed), SECOND);
    let at_once = |before: u32| Command::Redrive {
        queue: queue.clone(),
        to: None,
        state,
        job: None,
        limit: 10,
        delay: spacing * before,
        spacing,
    };
    for (before, expected) in [(0, 10), (10, 10), (20, 5), (25, 0)] {
        let told = play.ask(at_once(before));
        assert!(
            matches!(told, Ok(Answer::Redriven { moved, .. }) if moved == expected),
            "{told:?}"
        );
    }
    play.pass(24 * SECOND);
    assert_eq!(play.counts("q"), [25, 0, 0, 0, 25]);
    play.check();
}

/// A key of a get from several queues belongs to none of them: it is remembered however they go, and no
/// list shows to whom it belongs.
#[test]
fn a_key_of_a_get_from_several_queues_is_the_servers() {
    let mut play = Play::new();
    let any = || get_any(&["a", "b"], false);
    play.put(put("b", &[]));
    let got = |play: &mut Play, key| {
        let ticket = play.begin(any(), 60 * SECOND, Some(key));
        play.told(ticket).map(|told| told.map(|it| it.leases().next()))
    };
    let first = got(&mut play, "k");
    assert!(matches!(first, Some(Ok(Some(_)))), "{first:?}");
    assert_eq!(got(&mut play, "k"), first);
    // Who waits under a key keeps his place, at all of them.
    let waits = play.begin(any(), 5 * SECOND, Some("w"));
    let behind = play.begin(get("b"), 60 * SECOND, None);
    play.pass(5 * SECOND);
    assert_eq!(play.told(waits), Some(Err(Refusal::Empty)));
    assert_eq!(got(&mut play, "w"), None);
    play.put(put("b", &[]));
    assert_eq!(play.told(behind), None);
    let again = got(&mut play, "w");
    assert!(matches!(again, Some(Ok(Some(_)))) && again != first, "{again:?}");
    // Written anew and replayed it is the same.
    play.copy(&Part::Key { thing: Thing::server(), key: "k".into() });
    play.check();
    let state = State::replay(play.entries.clone());
    let now = play.now;
    play = Play::after(state);
    play.pass(now.since(Time::ZERO));
    assert_eq!(got(&mut play, "k"), first);
    play.done(delete("b"));
    assert_eq!(got(&mut play, "k"), Some(Err(Refusal::Deleted)));
    let told = play.ask(Command::List {
        kind: Kind::Queue,
        prefix: String::new(),
        cursor: None,
        limit: 10,
    });
    let Ok(Answer::List { items, .. }) = told else { panic!("no list: {told:?}") };
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(play.ask(Command::Read { thing: Thing::server() }), Err(Refusal::NotFound));
}

/// What its worker gives up is dead at once, however many attempts it has left, and never comes back.
#[test]
fn a_job_that_is_given_up_is_dead() {
    let mut play = Play::new();
    play.done(configure("q", 0, |_| ()));
    let job = play.put(put("q", &[key("k")]));
    play.put(put("q", &[key("k")]));
    let got = play.get("q");
    let (lease, error) = (lease_of(&got), Some("no such user".into()));
    let dead = Command::Nack { lease, delay: None, defer: false, dead: true, error };
    play.done(dead.clone());
    // Said again it is a success, and nothing more.
    play.done(dead);
    assert_eq!(play.counts("q"), [1, 0, 0, 1, 1]);
    assert_ne!(play.get("q").job.0, job);
    play.check();
}

/// A queue that is told to be much smaller drops so many a put, until its bound holds.
#[test]
fn a_queue_that_shrinks_drops_a_thousand_a_put() {
    let mut play = Play::new();
    play.done(configure("q", 0, |policy| policy.full = WhenFull::DropOldest));
    for _ in 0..2_500 {
        play.put(put("q", &[]));
    }
    play.done(configure("q", 10, |policy| policy.full = WhenFull::DropOldest));
    let left = |play: &mut Play| {
        play.put(put("q", &[]));
        play.counts("q")[0]
    };
    assert_eq!([left(&mut play), left(&mut play)], [1_501, 502]);
    assert_eq!([left(&mut play), left(&mut play)], [10, 10]);
    play.check();
}

/// What is over leaves nothing behind: an engine that has served ten times as much is not larger.
#[test]
fn what_was_delivered_and_is_over_is_forgotten() {
    let mut play = Play::new();
    play.done(configure("q", 0, |_| ()));
    let mut sizes = Vec::new();
    for round in 0..1_000 {
        play.put(put("q", &[]));
        if round % 2 == 0 {
            // Its time is over before it is done.
            play.get("q");
            play.pass(60 * SECOND);
        }
        let got = play.get("q");
        play.done(done(&got));
        let waits = play.begin(get("q"), SECOND, Some(&format!("key {round}")));
        play.put(put("q", &[]));
        let told = play.told(waits);
        let Some(Ok(Answer::Got(got))) = told else { panic!("not got: {told:?}") };
        play.done(done(&got));
        // Longer than anything is remembered.
        play.pass(48 * 3_600 * SECOND);
        sizes.push(format!("{:?}", play.engine).len());
    }
    // A number may be longer, and what became of two thousand leases takes some bits of each.
    assert!(sizes[999] < sizes[99] + 10_000, "{} bytes became {}", sizes[99], sizes[999]);
    play.check();
}

/// What leases take in the journal is told: each of them, who holds it, and what became of those that are over.
#[test]
fn what_leases_take_is_told() {
    let mut play = Play::new();
    let told = |play: &Play| {
        let state = play.engine.state();
        (state.counts().leases, state.live_bytes())
    };
    let lease = play.lock();
    let (leases, held) = told(&play);
    assert_eq!(leases, 1);
    play.done(Command::Done { lease });
    let (leases, free) = told(&play);
    assert!(leases == 0 && free < held, "{leases} leases, {free} and {held} bytes");
    let (thing, owner) = (Thing::Lock(name("l")), Some("o".repeat(200).into()));
    play.done(Command::Acquire { thing, share: Share::Whole, lease: None, owner });
    assert_eq!(told(&play), (1, held + 200));
    // What became of a lease is two bits, and each range of them has a record.
    let range = limits::FATES_RANGE;
    for _ in 0..2 * range {
        play.done(Command::Break { lock: name("l") });
        play.lock();
    }
    let (_, more) = told(&play);
    let each = (more - held) / 2;
    assert!((range / 4..range / 4 + 128).contains(&each), "{each} bytes for {range} leases");
}
