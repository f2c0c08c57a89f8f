//! Whether the time that a wrong token takes tells how much of it is right: a statistical test after dudect
//! (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017).

use std::fs;
use std::hint::black_box;
use std::time::{Instant, SystemTime};

use axum::http::HeaderValue;

use super::{Access, Book, Entry, Secret};

/// Of each kind.
const SAMPLES: usize = 4_000;

/// Above this dudect calls a difference certain; what disturbs a busy machine disturbs both kinds alike.
const CERTAIN: f64 = 10.0;

/// How many digits are right of those that are shown to the one server, if none is for the other.
const RIGHT: usize = 20;

/// A token whose digit at this place is another one, with a checksum that fits.
fn with_other(digits: &str, place: usize, other: usize) -> String {
    let mut digits = digits.as_bytes().to_vec();
    let digit = char::from(digits[place]).to_digit(16).expect("it is one");
    digits[place] = b"0123456789abcdef"[(digit as usize + other) % 16];
    let digits = String::from_utf8(digits).expect("digits are text");
    format!("awd_{digits}{:08x}", crc32fast::hash(digits.as_bytes()))
}

/// Who knows this token, and no other.
fn knowing(text: &str) -> Access {
    let folder = std::env::temp_dir().join(format!("awaitd-timing-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("tokens");
    let allow = vec!["*:*:look".parse().unwrap()];
    let secret: Secret = text.parse().unwrap();
    let entry = Entry::of_token("one", &secret, allow, SystemTime::UNIX_EPOCH, None);
    Book::edit(&path, |book| {
        book.entries.push(entry);
        Ok(())
    })
    .unwrap();
    let access = Access::at(&path).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    access
}

/// Welch's t of how long two kinds take for the same texts, each without the slower half, which tells of the
/// machine.
fn difference(texts: &[String], ask: impl Fn(usize, &HeaderValue)) -> f64 {
    let mut times = [Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES)];
    let mut state = 1_u64;
    while times.iter().any(|times| times.len() < SAMPLES) {
        // In an order that follows nothing: whatever comes and goes meets both.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (kind, text) = ((state >> 63) as usize, (state >> 40) as usize % texts.len());
        // Made anew each time: where a text lies makes a difference as well.
        let shown = HeaderValue::try_from(&texts[text]).unwrap();
        let start = Instant::now();
        ask(kind, &shown);
        let took = start.elapsed().as_nanos();
        times[kind].push(u32::try_from(took).map_or(f64::MAX, f64::from));
    }
    let [one, other] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.truncate(SAMPLES / 2);
        let count = f64::from(u32::try_from(times.len()).expect("there are not so many"));
        let mean = times.iter().sum::<f64>() / count;
        let spread = times.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, spread / count)
    });
    (one.0 - other.0).abs() / (one.1 + other.1).sqrt()
}

/// The same wrong tokens are shown to a server whose token begins otherwise, and to one whose token begins as
/// they do. And the test would see a difference: a comparison that stops at the first one is found out.
#[test]
fn how_much_of_a_token_is_right_cannot_be_told_by_the_clock() {
    let secret = Secret::new();
    let digits = &secret.reveal()[4..52];
    // Of each text the one server's token differs in the first digit, the other's in a later one.
    let known = [with_other(digits, 0, 1), with_other(digits, RIGHT, 0)];
    let texts: Vec<String> =
        (1..16).map(|other| format!("Bearer {}", with_other(digits, RIGHT, other))).collect();

    let right = known.each_ref().map(|text| format!("Bearer {text}"));
    let stops = difference(&texts, |kind, shown| {
        let both = shown.as_bytes().iter().zip(right[kind].bytes());
        let same = both.into_iter().all(|(one, other)| *one == other);
        assert!(!black_box(same));
    });
    assert!(stops > CERTAIN, "a comparison that stops is not seen: t = {stops}");

    let servers = known.each_ref().map(|text| knowing(text));
    let told = difference(&texts, |kind, shown| {
        let who = servers[kind].identify(Some(shown), || SystemTime::UNIX_EPOCH);
        assert!(black_box(who).is_err());
    });
    assert!(told < CERTAIN, "the time tells how much is right: t = {told}");
}
