//! Durations as people write them: `250ms`, `30s`, `1h30m`, or a plain number of seconds.

use std::ops::RangeInclusive;
use std::time::Duration;

const SECOND: u128 = 1_000_000_000;

/// Units in nanoseconds. In a duration of several parts they must stand in this order.
const UNITS: [(&str, u128); 5] = [
    ("d", 24 * 60 * 60 * SECOND),
    ("h", 60 * 60 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", SECOND / 1_000),
];

/// More digits than any number needs that is not refused as too large.
const DIGITS_MAX: usize = 18;

/// The duration that `text` says. `None` for anything else, an overflow too.
pub fn parse(text: &str) -> Option<Duration> {
    let mut units = &UNITS[..];
    let mut rest = text;
    let mut nanos = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |byte| byte.is_ascii_digit() || byte == b'.');
        let (name, after) = split(after, |byte| byte.is_ascii_lowercase());
        if name.is_empty() {
            let plain = rest.len() == text.len() && after.is_empty();
            return plain.then(|| times(number, SECOND)).flatten().and_then(duration);
        }
        let place = units.iter().position(|(unit, _)| *unit == name)?;
        nanos += times(number, units[place].1)?;
        units = &units[place + 1..];
        rest = after;
    }
    (!text.is_empty()).then_some(nanos).and_then(duration)
}

/// The duration of so many seconds, as JSON says them. `None` if it can be none.
pub(super) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// What would be right, for those who gave something else.
pub(super) fn wanted(allowed: &RangeInclusive<Duration>) -> String {
    let form = "a duration such as 250ms, 30s, 5m, 1h30m or 2.5 (seconds)";
    match (show(*allowed.start()), *allowed.end()) {
        (_, Duration::MAX) => form.to_owned(),
        (least, most) => format!("{form}, from {least} to {}", show(most)),
    }
}

/// A duration in the largest unit that divides it.
fn show(length: Duration) -> String {
    let nanos = length.as_nanos();
    let unit = UNITS.iter().find(|(_, unit)| nanos >= *unit && nanos.is_multiple_of(*unit));
    match unit {
        Some((name, unit)) => format!("{}{name}", nanos / unit),
        None => length.as_secs_f64().to_string(),
    }
}

fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !belongs(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// A decimal number of units in nanoseconds, cut to whole ones.
fn times(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() || whole.len() > DIGITS_MAX || fraction.contains('.') {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(DIGITS_MAX)];
    let mut nanos = whole.parse::<u128>().ok()? * unit;
    let mut part = unit;
    for digit in fraction.bytes() {
        part /= 10;
        nanos += u128::from(digit - b'0') * part;
    }
    Some(nanos)
}

fn duration(nanos: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanos / SECOND).ok()?;
    let rest = u32::try_from(nanos % SECOND).expect("less than a second");
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people write is understood, to the millisecond.
    #[test]
    fn says_how_long() {
        let table = [
            ("0", 0),
            ("2.5", 2_500),
            ("30", 30_000),
            ("0030", 30_000),
            ("250ms", 250),
            ("0.5ms", 0),
            ("30s", 30_000),
            ("1.5h", 5_400_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("90d", 7_776_000_000),
            ("0.30000000000000004", 300),
        ];
        for (text, millis) in table {
            let parsed = parse(text).map(|length| length.as_millis());
            assert_eq!(parsed, Some(millis), "{text}");
        }
    }

    /// What is no duration is refused, not guessed at.
    #[test]
    fn says_nothing_else() {
        let table = [
            "",
            " ",
            "s",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "inf",
            "1.",
            ".5",
            "1.2.3",
            "1,5",
            "30 s",
            " 30",
            "30S",
            "5min",
            "1m1h",
            "1h1h",
            "1h30",
            "30x",
            "1h-30m",
            "0x10",
            "٣s",
            "99999999999999999999",
            "999999999999999999d",
        ];
        for text in table {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// What is shown in a message can be given back.
    #[test]
    fn shows_what_it_takes() {
        for text in ["100ms", "2500ms", "30s", "90m", "25h", "1d", "0"] {
            assert_eq!(show(parse(text).expect("a duration")), text);
        }
    }

    /// A JSON number is checked as a text is.
    #[test]
    fn takes_numbers_that_can_be() {
        assert_eq!(seconds(2.5), Some(Duration::from_millis(2_500)));
        for number in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(seconds(number), None, "{number}");
        }
    }

    /// Whatever is understood, to the millisecond, is understood again as it is shown.
    #[test]
    fn any_duration() {
        let pieces = ["0", "1", "25", "999999", ".", "d", "h", "m", "s", "ms", " ", "-", "x"];
        crate::fuzz::texts(&pieces, |text| {
            let Some(length) = parse(text) else { return };
            if length.subsec_nanos() % 1_000_000 == 0 && length.as_secs() < 1 << 40 {
                assert_eq!(parse(&show(length)), Some(length), "{text}");
            }
        });
    }
}
