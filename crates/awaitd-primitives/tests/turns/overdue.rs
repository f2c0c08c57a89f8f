//! More jobs are due at one moment than a turn makes ready: time goes on without them, and yet they go in their
//! order, and whoever asks for one has it.

use awaitd_primitives::limits::RIPE_MAX;
use awaitd_primitives::{Trait, WhenFull};

use super::*;

/// One turn after a moment at which more jobs are due than a turn may make ready.
fn overdue(play: &mut Play) {
    play.ask(configure(0), Duration::ZERO);
    put_many(play);
    play.one_turn(MINUTE);
}

/// More jobs than a turn makes ready, all of them due in a minute.
fn put_many(play: &mut Play) {
    for _ in 0..MANY {
        play.ask(put(MINUTE), Duration::ZERO);
    }
}

/// Time does not stop for jobs that are due: whoever asks for something else is answered at once, and whoever
/// asks for one of them has it, in their order.
#[test]
fn nobody_waits_while_many_jobs_become_ready() {
    let mut play = Play::new();
    overdue(&mut play);
    let told = play.ask(put(Duration::ZERO), Duration::ZERO);
    assert!(matches!(told[..], [Reply { told: Ok(Answer::Placed { .. }), .. }]), "{told:?}");
    for expected in 1..=MANY + 1 {
        let told = play.ask(get(), Duration::ZERO);
        let [Reply { told: Ok(Answer::Got(got)), .. }] = &told[..] else { panic!("{told:?}") };
        assert_eq!(got.job.0, expected);
        assert!(play.ripe <= RIPE_MAX / 4, "{} became ready for one", play.ripe);
    }
    let told = play.ask(get(), Duration::ZERO);
    assert_eq!(told[0].told, Err(Refusal::Empty));
    play.pass(Duration::ZERO);
    play.check_replay();
}

/// A get of many, and one from several queues, have what is due.
#[test]
fn a_get_of_many_has_what_is_due() {
    let mut play = Play::new();
    overdue(&mut play);
    let (mode, settle) = (GetMode::Leased(Some(MINUTE)), None);
    let most = RIPE_MAX as u64 + 500;
    let many = Command::Get { queue: name(), mode, settle, most };
    let queues = vec![other(), name()];
    let any = Command::GetAny { queues, fair: false, mode, most };
    for asked in [many, any] {
        let told = play.ask(asked, Duration::ZERO);
        let [Reply { told: Ok(Answer::GotMany(all)), .. }] = &told[..] else { panic!("{told:?}") };
        assert_eq!(all.len() as u64, most);
    }
    play.pass(Duration::ZERO);
    play.check_replay();
}

/// The many that are due in one queue do not keep the one of another from whoever waits for it.
#[test]
fn the_many_of_one_queue_do_not_hold_up_another() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    put_many(&mut play);
    let Command::Put { payload, delay, rank, ttl, traits, .. } = put(MINUTE) else {
        unreachable!()
    };
    play.ask(Command::Put { queue: other(), payload, delay, rank, ttl, traits }, Duration::ZERO);
    let mode = GetMode::Leased(Some(MINUTE));
    let get = Command::Get { queue: other(), mode, settle: None, most: 1 };
    play.ask(get, 2 * MINUTE);
    let told = play.one_turn(MINUTE);
    assert!(matches!(&told[..], [Reply { told: Ok(Answer::Got(_)), .. }]), "{told:?}");
}

/// Nobody whose wait ends when jobs are due is turned away, however many there are.
#[test]
fn waits_end_when_many_jobs_are_due() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    put_many(&mut play);
    for number in 0..MANY {
        // Before whoever is to leave stands one who is not.
        play.ask(get(), if number % 2 == 0 { 2 * MINUTE } else { MINUTE });
    }
    let turns = play.pass(MINUTE);
    let got = |reply: &Reply| matches!(reply.told, Ok(Answer::Got(_)));
    assert!(turns.iter().flatten().all(got), "somebody was turned away");
    play.end(&turns, 2 + MANY..2 + 2 * MANY);
}

/// What is due is ready for a purge, too, as it will be in a replay.
#[test]
fn a_purge_among_jobs_that_become_ready() {
    for (state, dropped) in [(JobState::Delayed, 0), (JobState::Ready, MANY)] {
        let mut play = Play::new();
        overdue(&mut play);
        let purge = Command::Purge { queue: name(), state: Some(state) };
        let told = play.ask(purge, Duration::ZERO);
        assert_eq!(told[0].told, Ok(Answer::Purged { dropped }));
        assert_eq!(play.ripe as u64, MANY - RIPE_MAX as u64);
        play.pass(Duration::ZERO);
        play.check_replay();
    }
}

/// A put of a job of this key.
fn keyed(delay: Duration, key: &str) -> Command {
    let Command::Put { queue, payload, delay, rank, ttl, .. } = put(delay) else { unreachable!() };
    Command::Put { queue, payload, delay, rank, ttl, traits: vec![Trait::Key(key.into())] }
}

fn with_policy(maxsize: u64, policy: Policy) -> Command {
    let config = QueueConfig { maxsize, policy: Box::new(policy), ..QueueConfig::default() };
    Command::Configure { configuration: Configuration::Queue(name(), config), only_new: false }
}

fn job_of(told: &[Reply]) -> u64 {
    let [Reply { told: Ok(Answer::Got(got)), .. }] = told else { panic!("no job: {told:?}") };
    got.job.0
}

/// What is put now goes after what is due, also for those who wait already.
#[test]
fn a_newcomer_overtakes_no_job_that_is_due() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    put_many(&mut play);
    for _ in 0..=RIPE_MAX {
        play.ask(get(), 2 * MINUTE);
    }
    assert_eq!(play.one_turn(MINUTE).len(), RIPE_MAX);
    let told = play.ask(put(Duration::ZERO), Duration::ZERO);
    assert_eq!(told.len(), 1, "the newcomer was handed out: {told:?}");
    assert_eq!(job_of(&play.pass(Duration::ZERO)[0]), RIPE_MAX as u64 + 1);
    play.check_replay();
}

/// Nor within its key, though its key's turn comes before that of the many.
#[test]
fn a_newcomer_overtakes_nothing_of_its_key() {
    let mut play = Play::new();
    play.ask(with_policy(0, Policy { fair: true, ..Policy::default() }), Duration::ZERO);
    for _ in 0..2 * RIPE_MAX {
        play.ask(keyed(MINUTE, "big"), Duration::ZERO);
    }
    play.ask(keyed(MINUTE, "small"), Duration::ZERO);
    play.one_turn(MINUTE);
    play.ask(keyed(Duration::ZERO, "small"), Duration::ZERO);
    assert_eq!(job_of(&play.ask(get(), Duration::ZERO)), 1);
    assert_eq!(job_of(&play.ask(get(), Duration::ZERO)), 2 * RIPE_MAX as u64 + 1);
    play.pass(Duration::ZERO);
    play.check_replay();
}

/// A get finds the job that may go, behind however many of a key that may not.
#[test]
fn a_get_looks_behind_a_key_that_is_held() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..2 * RIPE_MAX {
        play.ask(keyed(MINUTE, "a"), Duration::ZERO);
    }
    play.ask(keyed(MINUTE, "b"), Duration::ZERO);
    play.one_turn(MINUTE);
    assert_eq!(job_of(&play.ask(get(), Duration::ZERO)), 1);
    assert_eq!(job_of(&play.ask(get(), Duration::ZERO)), 2 * RIPE_MAX as u64 + 1);
    play.pass(Duration::ZERO);
    play.check_replay();
}

/// No further than a turn reaches, though.
#[test]
fn a_get_looks_as_far_as_a_turn_reaches() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(keyed(MINUTE, "a"), Duration::ZERO);
    }
    play.one_turn(MINUTE);
    assert_eq!(job_of(&play.ask(get(), Duration::ZERO)), 1);
    assert_eq!(play.ask(get(), Duration::ZERO)[0].told, Err(Refusal::Empty));
    assert_eq!(play.ripe, TURN_MAX);
}

/// Room is made by those that were put first, not by those that came just now.
#[test]
fn the_oldest_make_room() {
    let mut play = Play::new();
    play.ask(
        with_policy(MANY, Policy { full: WhenFull::DropOldest, ..Policy::default() }),
        Duration::ZERO,
    );
    put_many(&mut play);
    play.one_turn(MINUTE);
    for _ in 0..MANY {
        play.ask(put(Duration::ZERO), Duration::ZERO);
    }
    play.pass(Duration::ZERO);
    let dropped = play.entries.iter().flat_map(|entry| &entry.records).filter_map(|it| match it {
        Record::Dropped { job, .. } => Some(job.0),
        _ => None,
    });
    assert!(dropped.eq(1..=MANY));
    play.check_replay();
}

/// Where nothing is handed out, those who ask make nothing ready beyond what they could take.
#[test]
fn many_who_ask_in_vain_make_few_ready() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    play.ask(Command::Pause { queue: name(), paused: true }, Duration::ZERO);
    put_many(&mut play);
    play.one_turn(MINUTE);
    for _ in 0..100 {
        play.ask(get(), MINUTE);
        assert_eq!(play.ripe, 0);
    }
    let queues = vec![other(), name()];
    let mode = GetMode::Leased(Some(MINUTE));
    play.ask(Command::GetAny { queues, fair: false, mode, most: 1_000 }, Duration::ZERO);
    assert_eq!(play.ripe, 0);
    play.ask(Command::Purge { queue: name(), state: Some(JobState::Dead) }, Duration::ZERO);
    assert_eq!(play.ripe, 0);
}

/// No job ends that somebody waits for.
#[test]
fn jobs_end_when_many_are_due() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(put_for(MINUTE, Some(2 * MINUTE)), Duration::ZERO);
    }
    for _ in 0..MANY {
        play.ask(get(), 3 * MINUTE);
    }
    // The loop comes late.
    let turns = play.pass(2 * MINUTE);
    assert!(turns.iter().flatten().all(|reply| matches!(reply.told, Ok(Answer::Got(_)))));
    play.end(&turns, 2 + MANY..2 + 2 * MANY);
}

/// Nor does one that nobody waits for stay because of those that are due.
#[test]
fn jobs_end_when_many_are_due_for_nobody() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(put_for(MINUTE, Some(2 * MINUTE)), Duration::ZERO);
    }
    // The loop comes late, and has no less time for it.
    let now = play.now + 2 * MINUTE;
    play.turn(|engine, step| _ = engine.advance(At { now, clock: now }, step));
    assert_eq!(play.engine.state().counts().jobs, MANY - TURN_MAX as u64);
    play.pass(2 * MINUTE);
    assert_eq!(play.engine.state().counts().jobs, 0);
    play.check_replay();
}

/// Whoever waits for something else is told in time that his wait is over.
#[test]
fn other_waits_end_when_many_jobs_are_due() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    put_many(&mut play);
    play.ask(Command::WaitEvent { event: name(), after: None }, MINUTE);
    let told = play.one_turn(MINUTE);
    assert!(matches!(told[..], [Reply { told: Err(Refusal::NotSet { .. }), .. }]), "{told:?}");
}
