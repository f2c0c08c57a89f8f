//! What comes together seldom: keys, retries, dead letters, lifetimes and bounds, two or three at a time.

#[allow(dead_code)]
#[path = "work/play.rs"]
mod play;

use crate::play::*;
use awaitd_primitives::*;

/// What a result took is free again once it is kept no longer.
#[test]
fn a_result_that_is_forgotten_takes_nothing() {
    let mut play = Play::new();
    play.done(configure("q", 0, |policy| policy.retain = SECOND));
    let before = play.engine.state().live_bytes();
    for _ in 0..10 {
        play.put(put("q", &[]));
        let got = play.get("q");
        play.done(finish(&got, "a result of some length"));
    }
    assert!(play.engine.state().live_bytes() > before);
    play.pass(SECOND);
    play.put(put("q", &[]));
    play.check();
    let got = play.get("q");
    play.done(done(&got));
    assert_eq!(play.engine.state().bytes_here(), 0);
}
