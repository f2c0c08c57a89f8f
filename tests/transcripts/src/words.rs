//! A line of a transcript as words: bare ones, `"quoted ones"`, `name=value` and flags.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

/// Words that stand for a wish rather than for a thing.
const FLAGS: [&str; 14] = [
    "ack",
    "bodies",
    "dead",
    "defer",
    "drop-oldest",
    "fair",
    "force",
    "immediate",
    "only-new",
    "only-unset",
    "shared",
    "slowly",
    "unbounded",
    "undelivered",
];

/// The words of a command, taken away one by one.
#[derive(Debug, Default)]
pub(super) struct Words {
    plain: VecDeque<String>,
    options: BTreeMap<String, String>,
}

impl Words {
    /// Takes a line apart.
    pub(super) fn of(line: &str) -> Result<Self, String> {
        let mut words = Self::default();
        let mut rest = line.trim();
        while !rest.is_empty() {
            let (word, quoted, after) = first(rest)?;
            rest = after.trim_start();
            let option = word.split_once('=').filter(|_| !quoted);
            let (name, value) = match option {
                Some((name, value)) => (name, value),
                None if !quoted && FLAGS.contains(&&*word) => (&*word, ""),
                None => {
                    words.plain.push_back(word);
                    continue;
                }
            };
            if words.options.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("{name} stands twice"));
            }
        }
        Ok(words)
    }

    /// The next plain word.
    pub(super) fn next(&mut self, what: &str) -> Result<String, String> {
        self.plain.pop_front().ok_or_else(|| format!("{what} is missing"))
    }

    /// The next plain word, if there is one.
    pub(super) fn maybe_next(&mut self) -> Option<String> {
        self.plain.pop_front()
    }

    /// Takes the next plain word away if it is this one, and is not the last.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let there = self.plain.len() > 1 && self.plain[0] == word;
        if there {
            self.plain.pop_front();
        }
        there
    }

    /// Whether this flag is there.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.options.remove(name).is_some()
    }

    /// The value of `name=`.
    pub(super) fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.options.remove(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| format!("{name}={text} means nothing"))
    }

    /// The duration after `name=`.
    pub(super) fn duration(&mut self, name: &str) -> Result<Option<Duration>, String> {
        self.options.remove(name).map(|text| duration(&text)).transpose()
    }

    /// All that is left, in an order that does not depend on how it was written.
    pub(super) fn shown(&self) -> String {
        format!("{:?} {:?}", self.plain, self.options)
    }

    /// Nothing may be left over.
    pub(super) fn finish(self) -> Result<(), String> {
        let options = self.options.into_keys();
        match self.plain.into_iter().chain(options).next() {
            Some(word) => Err(format!("{word} means nothing here")),
            None => Ok(()),
        }
    }
}

/// The first word without its quotes, whether it began with one, and what follows it.
fn first(text: &str) -> Result<(String, bool, &str), String> {
    let (mut word, mut open) = (String::new(), false);
    for (at, char) in text.char_indices() {
        match char {
            '"' => open = !open,
            ' ' if !open => return Ok((word, text.starts_with('"'), &text[at..])),
            _ => word.push(char),
        }
    }
    if open { Err("a quote is open".into()) } else { Ok((word, text.starts_with('"'), "")) }
}

/// A duration such as `250ms`, `30s`, `2.5s`, `5m` or `24h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| format!("{text} is no duration"))?;
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("{text} is no duration: ms, s, m or h")),
    };
    // Rounded to what the server counts in, so that 0.1 s is not a microsecond short of it.
    let seconds = Duration::from_secs_f64(number * unit);
    Ok(Duration::from_micros(u64::try_from((seconds.as_nanos() + 500) / 1_000).unwrap_or(u64::MAX)))
}

/// The same the other way round.
pub(super) fn show(length: Duration) -> String {
    let millis = length.as_millis();
    match (millis, length.as_secs()) {
        (1..1_000, _) => format!("{millis}ms"),
        (_, seconds) if !millis.is_multiple_of(1_000) => {
            let part = format!("{:03}", millis % 1_000);
            format!("{seconds}.{}s", part.trim_end_matches('0'))
        }
        (_, seconds) if seconds > 0 && seconds.is_multiple_of(3_600) => {
            format!("{}h", seconds / 3_600)
        }
        (_, seconds) if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (_, seconds) => format!("{seconds}s"),
    }
}
