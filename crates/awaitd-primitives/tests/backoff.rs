//! The pauses between attempts.

use std::collections::HashSet;
use std::time::Duration;

use awaitd_primitives::{Backoff, Milli};

const SECOND: Duration = Duration::from_secs(1);

fn exact(min: u64, max: u64, factor: u64) -> Backoff {
    let seconds = Duration::from_secs;
    Backoff { min: seconds(min), max: seconds(max), factor: Milli(factor), jitter: Milli(0) }
}

fn pauses(backoff: &Backoff, attempts: u32) -> Vec<Duration> {
    (1..=attempts).map(|attempt| backoff.after(attempt, 7)).collect()
}

/// They grow by the factor up to the greatest one, and stay there.
#[test]
fn they_grow() {
    let seconds = |all: &[u64]| all.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
    assert_eq!(pauses(&exact(1, 10, 2_000), 6), seconds(&[1, 2, 4, 8, 10, 10]));
    assert_eq!(pauses(&exact(3, 9, 1_000), 3), seconds(&[3, 3, 3]));
    assert_eq!(pauses(&exact(20, 10, 2_000), 2), seconds(&[10, 10]));
    assert_eq!(exact(2, 600, 1_500).after(3, 7), Duration::from_millis(4_500));
    assert_eq!(exact(1, 600, 2_000).after(u32::MAX, 7), 600 * SECOND);
}

/// The greatest factor leads to the greatest pause and no further.
#[test]
fn they_grow_to_a_hundred_years() {
    let most = awaitd_primitives::limits::DELAY_MAX;
    let years = Backoff { max: most, ..exact(1, 0, 1_000_000) };
    assert_eq!(years.after(5, 7), most);
    assert_eq!(Backoff { min: most / 2, ..years }.after(u32::MAX, 7), most);
}

/// Without a least one there is none.
#[test]
fn none_is_none() {
    let none = Backoff { min: Duration::ZERO, ..Backoff::default() };
    assert_eq!(pauses(&none, 30), vec![Duration::ZERO; 30]);
}

/// Jobs that failed together come back apart, within a tenth, and never after the greatest pause.
#[test]
fn they_are_spread() {
    let backoff = Backoff::default();
    let first: Vec<_> = (0..1_000).map(|job| backoff.after(1, job)).collect();
    let (least, most) = (first.iter().min().unwrap(), first.iter().max().unwrap());
    assert!(*least >= SECOND * 9 / 10 && *most <= SECOND * 11 / 10, "{least:?} to {most:?}");
    assert!(*least < SECOND * 91 / 100 && *most > SECOND * 109 / 100, "{least:?} to {most:?}");
    assert!(first.iter().collect::<HashSet<_>>().len() > 900);
    let late: Vec<_> = (0..1_000).map(|job| backoff.after(20, job)).collect();
    assert!(late.iter().all(|pause| *pause <= backoff.max && *pause >= backoff.max * 9 / 10));
    assert!(late.iter().collect::<HashSet<_>>().len() > 900, "they come back together");
}

/// The same job after the same attempt pauses for as long: a decision can be made again.
#[test]
fn they_are_no_accident() {
    let backoff = Backoff::default();
    for attempt in 1..30 {
        assert_eq!(backoff.after(attempt, 41), backoff.after(attempt, 41));
    }
    assert_ne!(backoff.after(1, 1), backoff.after(1, 2));
}
