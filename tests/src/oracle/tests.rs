//! Each rule of the oracle can be broken, and what the contract allows breaks none.

use super::*;

const LENGTH: Duration = Duration::from_secs(2);

/// Not yet the end of a lease, whatever the clocks say.
const ALMOST: Duration = LENGTH.saturating_sub(SLACK).saturating_sub(SLACK);

/// An oracle at some moment of a story that is told by hand.
struct Story {
    oracle: Oracle,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        let mut story = Self { oracle: Oracle::default(), now: Instant::now() };
        story.oracle.started(story.now);
        story
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn ask(&self) -> Asked {
        self.oracle.ask(self.now)
    }

    fn put(&mut self, name: &str, number: u64) {
        let asked = self.ask();
        self.oracle.putting("q", name, Duration::ZERO, self.now);
        self.oracle.put(&asked, name, number);
    }

    fn got(&mut self, name: &str, number: u64, fence: u64, promise: Promise) {
        let told = Told { name, number, fence };
        self.oracle.got(&self.oracle.ask(self.now), told, (LENGTH, promise), self.now);
    }

    fn done(&mut self, fence: u64) {
        let asked = self.ask();
        self.oracle.ending(fence, How::Done);
        self.oracle.ended(&asked, fence, How::Done, true);
    }

    fn acquired(&mut self, fence: u64) {
        self.oracle.acquired(&self.oracle.ask(self.now), "l", fence, LENGTH, self.now);
    }

    fn restart(&mut self) {
        self.oracle.died(self.now);
        self.oracle.started(self.now);
    }

    #[track_caller]
    fn well(&self) {
        self.oracle.content();
    }

    /// Something is wrong, and these words say what.
    #[track_caller]
    fn wrong(&self, words: &str) {
        let wrong = self.oracle.wrong();
        assert!(wrong.iter().any(|line| line.contains(words)), "{words}: {wrong:?}");
    }
}

#[test]
fn a_job_that_is_put_got_and_done_is_as_it_should_be() {
    let mut story = Story::new();
    story.put("a", 1);
    story.put("b", 2);
    story.got("a", 1, 1, Promise::Plain);
    story.done(1);
    story.restart();
    // The repeat of a done.
    let asked = story.ask();
    story.oracle.ended(&asked, 1, How::Done, false);
    story.got("b", 2, 2, Promise::Firm);
    story.done(2);
    story.oracle.drained("q");
    story.well();
    assert_eq!((story.oracle.jobs_put(), story.oracle.jobs_done()), (2, 2));
}

#[test]
fn a_job_that_is_gone_is_noticed() {
    let mut story = Story::new();
    story.put("a", 1);
    story.restart();
    story.oracle.drained("q");
    story.wrong("1 jobs are gone, 0 may be: a");
}

#[test]
fn a_job_whose_get_at_most_once_was_cut_may_be_gone_and_no_other() {
    let mut story = Story::new();
    story.put("a", 1);
    story.oracle.cut("q");
    story.oracle.drained("q");
    story.well();
    story.put("b", 2);
    story.oracle.drained("q");
    story.wrong("2 jobs are gone, 1 may be");
}

#[test]
fn what_was_cut_off_or_refused_need_not_be_there() {
    let mut story = Story::new();
    story.oracle.putting("q", "cut", Duration::ZERO, story.now);
    story.oracle.putting("q", "full", Duration::ZERO, story.now);
    story.oracle.not_put("full");
    story.oracle.drained("q");
    story.well();
    story.got("cut", 1, 1, Promise::Plain);
    story.well();
    story.got("full", 2, 2, Promise::Plain);
    story.wrong("full: got, and its put was refused");
}

#[test]
fn what_is_done_may_not_come_back() {
    for newer_first in [false, true] {
        let mut story = Story::new();
        story.put("a", 1);
        story.got("a", 1, 1, Promise::Plain);
        if newer_first {
            story.after(LENGTH).got("a", 1, 2, Promise::Plain);
            story.well();
            story.done(1);
            story.wrong("1 ended it (Done), and 2 had it since");
        } else {
            story.done(1);
            story.restart();
            story.after(LENGTH).got("a", 1, 2, Promise::Plain);
            story.wrong("done by 1, and granted to 2");
        }
    }
}

#[test]
fn a_job_that_nobody_put_or_that_has_two_numbers_is_noticed() {
    let mut story = Story::new();
    story.put("a", 1);
    story.put("a", 2);
    story.wrong("a is job 1 and job 2");
    story.put("b", 1);
    story.wrong("b and a are both job 1");
    story.got("c", 3, 3, Promise::Plain);
    story.wrong("c: got, and nobody put it");
}

#[test]
fn numbers_that_fall_are_noticed() {
    let mut story = Story::new();
    story.put("a", 5);
    story.restart();
    story.put("b", 4);
    story.wrong("b is job 4, and 5 was told before");
    story.got("a", 5, 7, Promise::Plain);
    story.acquired(6);
    story.wrong("fence 6, and 7 was told before");
    story.acquired(7);
    story.wrong("fence 7 is of a and of lock l");
}

#[test]
fn a_job_before_it_is_due_is_noticed() {
    let mut story = Story::new();
    let asked = story.ask();
    story.oracle.putting("q", "a", LENGTH, story.now);
    story.oracle.put(&asked, "a", 1);
    story.after(LENGTH / 2).got("a", 1, 1, Promise::Plain);
    story.wrong("before it was due");
}

#[test]
fn a_plain_get_may_be_lost_by_a_restart_and_by_nothing_else() {
    for (promise, restart, well) in
        [(Promise::Plain, true, true), (Promise::Plain, false, false), (Promise::Firm, true, false)]
    {
        for told in ["granted to another", "lost"] {
            let mut story = Story::new();
            story.put("a", 1);
            story.got("a", 1, 1, promise);
            if restart {
                story.restart();
            }
            match told {
                "lost" => story.oracle.lost(1, story.now),
                _ => story.got("a", 1, 2, Promise::Plain),
            }
            let wrong = story.oracle.wrong();
            assert_eq!(wrong.is_empty(), well, "{promise:?}, {restart}, {told}: {wrong:?}");
        }
    }
}

#[test]
fn what_a_plain_get_lost_may_go_to_one_who_had_asked_before() {
    let mut story = Story::new();
    story.put("a", 1);
    let asked = story.ask();
    story.got("a", 1, 1, Promise::Plain);
    story.restart();
    let told = Told { name: "a", number: 1, fence: 2 };
    story.oracle.got(&asked, told, (LENGTH, Promise::Firm), story.now);
    story.well();
}

#[test]
fn a_plain_get_that_was_renewed_is_firm() {
    let mut story = Story::new();
    story.put("a", 1);
    story.got("a", 1, 1, Promise::Plain);
    let asked = story.ask();
    story.oracle.alive(&asked, 1, Some(LENGTH));
    story.restart();
    story.got("a", 1, 2, Promise::Plain);
    story.wrong("granted to 2, and 1 holds it");
}

#[test]
fn a_lock_with_two_holders_is_noticed_in_either_order() {
    for [first, second] in [[1, 2], [2, 1]] {
        let mut story = Story::new();
        let asked = story.ask();
        for fence in [first, second] {
            story.oracle.acquired(&asked, "l", fence, LENGTH, story.now);
        }
        story.wrong("granted to 2, and 1 holds it");
    }
}

#[test]
fn a_lock_goes_on_when_it_is_released_or_its_time_is_over() {
    let mut story = Story::new();
    story.acquired(1);
    let asked = story.ask();
    story.oracle.ending(1, How::Back);
    story.acquired(2);
    // The release was answered before the other got it, and heard after.
    story.oracle.ended(&asked, 1, How::Back, true);
    story.after(LENGTH).acquired(3);
    let now = story.now;
    story.oracle.lost(2, now);
    story.well();
    story.oracle.alive(&story.oracle.ask(now), 2, None);
    story.wrong("2 is said to hold it, and 3 had it since");
    // A first release that succeeds although another was heard to have it before it was sent.
    story.after(LENGTH).acquired(4);
    story.after(LENGTH).acquired(5);
    let asked = story.ask();
    story.oracle.ended(&asked, 4, How::Back, true);
    story.wrong("4 ended it (Back), and 5 had it since");
}

#[test]
fn what_was_said_of_a_lease_is_not_taken_back() {
    let mut story = Story::new();
    story.put("a", 1);
    story.got("a", 1, 1, Promise::Plain);
    story.done(1);
    story.oracle.lost(1, story.now);
    story.wrong("the lease 1 was Done, and lost");
    story.put("b", 2);
    story.got("b", 2, 2, Promise::Plain);
    story.after(LENGTH);
    story.oracle.lost(2, story.now);
    story.done(2);
    story.wrong("the lease 2 was Lost, and is now Done");
    story.got("b", 2, 2, Promise::Firm);
    story.wrong("the lease 2 is granted, and was Ended(Done)");
}

#[test]
fn a_restart_gives_a_lease_its_length_again_but_only_once() {
    let mut story = Story::new();
    story.acquired(1);
    story.after(ALMOST).restart();
    story.after(ALMOST).oracle.content();
    story.acquired(2);
    story.wrong("granted to 2, and 1 holds it");

    let mut story = Story::new();
    story.acquired(1);
    story.restart();
    story.after(ALMOST).restart();
    story.after(SLACK * 2).acquired(2);
    story.well();
}

#[test]
fn a_lease_that_was_over_before_the_death_need_not_come_back() {
    let mut story = Story::new();
    story.acquired(1);
    story.after(LENGTH).restart();
    story.acquired(2);
    story.well();
}

#[test]
fn a_grant_that_was_cut_off_lasts_too() {
    let mut story = Story::new();
    let first = story.ask();
    story.after(LENGTH / 2).oracle.content();
    story.oracle.lost_unheard(&first, LENGTH, story.now);
    story.wrong("that was granted and cut off is lost");
}

#[test]
fn what_was_taken_for_ever_may_not_come_back() {
    let mut story = Story::new();
    story.put("a", 1);
    let asked = story.ask();
    story.oracle.took(&asked, "a", 1, story.now);
    story.oracle.drained("q");
    story.well();
    story.oracle.took(&asked, "a", 1, story.now);
    story.wrong("taken for ever, and got again");
}

#[test]
fn generations_that_fall_or_change_are_noticed() {
    let mut story = Story::new();
    let ask = |story: &Story| story.oracle.ask_of("e", story.now);
    let asked = ask(&story);
    story.oracle.setting("e", "one");
    story.oracle.set(&asked, "e", "one", 3);
    story.oracle.seen(&asked, "e", "one", 3);
    story.oracle.set(&asked, "e", "one", 3);
    story.oracle.setting("e", "two");
    story.oracle.setting("e", "three");
    let asked = ask(&story);
    story.oracle.seen(&asked, "e", "two", 4);
    story.oracle.set(&asked, "e", "two", 4);
    story.well();
    story.oracle.seen(&ask(&story), "e", "one", 3);
    story.wrong("e: generation 3, and 4 before");
    story.oracle.seen(&asked, "e", "one", 5);
    story.wrong("e: one is generation 3 and 5");
    story.oracle.seen(&asked, "e", "four", 6);
    story.wrong("e: four, which nobody set");
    story.oracle.set(&ask(&story), "e", "three", 4);
    story.wrong("e: set 4, and 6 was told before");
    story.wrong("e: generation 4 is two and three");
    story.oracle.generation(&ask(&story), "q", 7);
    story.oracle.generation(&story.oracle.ask_of("q", story.now), "q", 6);
    story.wrong("q: generation 6, and 7 before");
}
