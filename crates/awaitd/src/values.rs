//! Sizes and durations as they are written in flags.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use awaitd_server::http::duration;

/// Units of size, the largest first.
const SIZES: [(&str, usize); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A size in bytes: `64MiB`, `1MB`, `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

/// A size, or a part of the memory: `4GiB`, `50%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// So much.
    Size(Size),
    /// So many hundredths of what there is.
    Percent(u64),
}

impl Part {
    /// In bytes, if there are so many.
    pub(crate) fn of(self, all: u64) -> u64 {
        match self {
            Self::Size(Size(bytes)) => bytes as u64,
            Self::Percent(percent) => all / 100 * percent,
        }
    }
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.strip_suffix('%').filter(|text| !text.starts_with('+'));
        let percent = percent.map(|text| text.parse().ok().filter(|it| (1..=100).contains(it)));
        let part = match percent {
            None => text.parse().ok().map(Self::Size),
            Some(percent) => percent.map(Self::Percent),
        };
        part.ok_or("a size such as 4GiB, or 1% to 100% of the memory is wanted")
    }
}

/// A duration, written as in requests: `50s`, `250ms`, `1h30m`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) struct Length(pub(crate) Duration);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = if unit.is_empty() { "B" } else { unit };
        let size = || {
            let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
            number.parse::<usize>().ok()?.checked_mul(*bytes)
        };
        size().map(Self).ok_or("a size such as 64MiB, 1MB or 4096 (bytes) is wanted")
    }
}

impl FromStr for Length {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = duration::parse(text).map(Self);
        length.ok_or("a duration such as 250ms, 50s, 1h30m or 2.5 (seconds) is wanted")
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit =
            SIZES.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = unit.copied().unwrap_or(("B", 1));
        write!(out, "{}{unit}", self.0 / bytes)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes in both kinds of thousands, shown as they were given.
    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in [("64MiB", 67_108_864), ("1MB", 1_000_000), ("7B", 7), ("0B", 0)] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, text));
        }
        assert_eq!("4096".parse(), Ok(Size(4_096)));
        assert_eq!(Size(4_096).to_string(), "4KiB");
        for text in ["", "MiB", "1.5MiB", "1 MB", "-1", "1mib", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    /// A size is what it is, a part depends on what there is.
    #[test]
    fn parts_are_read() {
        for (text, bytes) in
            [("50%", 500), ("100%", 1_000), ("1%", 10), ("64B", 64), ("4kB", 4_000)]
        {
            assert_eq!(text.parse::<Part>().map(|part| part.of(1_000)), Ok(bytes), "{text}");
        }
        for text in ["", "%", "0%", "101%", "-1%", "+1%", "1.5%", "50 %", "half"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
    }

    /// A duration is shown so that it can be given back.
    #[test]
    fn lengths_are_read_and_shown() {
        for (text, millis) in [("50s", 50_000), ("0.25s", 250), ("5400s", 5_400_000)] {
            let length: Length = text.parse().unwrap();
            assert_eq!(length, Length(Duration::from_millis(millis)));
            assert_eq!(length.to_string(), text);
        }
        assert!("soon".parse::<Length>().is_err());
    }

    /// Whatever is understood is shown so that it can be given back.
    #[test]
    fn any_value() {
        let pieces = ["0", "1", "1024", "999", "k", "K", "M", "Gi", "B", "%", ".", "-", " ", "s"];
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let piece = |byte: &u8| pieces[usize::from(*byte) % pieces.len()];
            let text: String = bytes.iter().take(5).map(piece).collect();
            if let Ok(size) = text.parse::<Size>() {
                assert_eq!(size.to_string().parse(), Ok(size), "{text}");
            }
            if let Ok(Part::Percent(percent)) = text.parse() {
                assert!((1..=100).contains(&percent), "{text}");
            }
        });
    }
}
