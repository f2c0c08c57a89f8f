//! A transcript as a file: parsed, and written again with what was told this time.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use awaitd_primitives::{Limits, Quota, Quotas};

use super::asking::Asking;
use super::words::{Words, duration};

/// Where the answers stand.
const COLUMN: usize = 40;

/// A file of the corpus.
#[derive(Debug)]
pub struct Script {
    /// Its name, for messages.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Where it is played.
    pub places: Places,
    /// What the operator set.
    pub limits: Limits,
    /// Its lines in order.
    pub lines: Vec<Line>,
}

/// Where a transcript is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// It says things that only the core can be told.
    Core,
    /// It says things that asyncio does not know.
    CoreAndHttp,
    /// On the core, over HTTP and on asyncio.
    Everywhere,
}

/// A line of it.
#[derive(Debug)]
pub enum Line {
    /// A comment, a directive, an empty line.
    Kept(String),
    /// Something happens.
    Act(Act),
}

/// Something that happens.
#[derive(Debug)]
pub struct Act {
    /// The number of its line, from 1.
    pub number: usize,
    /// As it was written, without what was told.
    pub text: String,
    /// Who does it; nobody in particular if it is empty.
    pub who: String,
    /// What.
    pub what: What,
}

/// What may happen.
#[derive(Clone, Debug)]
pub enum What {
    /// Somebody asks.
    Asks(Box<Asking>),
    /// Somebody's connection is cut.
    HangsUp,
    /// Somebody's answer, which was on its way, arrives.
    TakesIt,
    /// Time goes by.
    Passes(Duration),
    /// The server is told to go.
    Closes,
    /// Nothing becomes durable from now on.
    Stalls,
    /// It does again.
    GoesOn,
}

impl Script {
    /// Reads a file of the corpus. What cannot be read is a mistake in the corpus: that panics.
    pub fn read(path: &Path) -> Self {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self::parse(name, text)
    }

    /// The same of a text.
    pub fn parse(name: String, text: String) -> Self {
        assert!(text.starts_with("# "), "{name}: the first line says what the file protects");
        let mut script = Self {
            name,
            text: String::new(),
            places: Places::Everywhere,
            limits: Limits::default(),
            lines: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if let Err(error) = script.take(index + 1, line) {
                panic!("{}:{}: {error}: {line}", script.name, index + 1);
            }
        }
        script.text = text;
        script
    }

    fn take(&mut self, number: usize, line: &str) -> Result<(), String> {
        // Who was answered: written anew each time.
        if line.starts_with("  ") {
            return Ok(());
        }
        let kept = line.is_empty() || line.starts_with('#') || self.direct(line)?;
        self.lines.push(if kept {
            Line::Kept(line.to_owned())
        } else {
            let text = line.split(" -> ").next().expect("a split has a first part").trim_end();
            let (who, what) = act(text)?;
            Line::Act(Act { number, text: text.to_owned(), who, what })
        });
        Ok(())
    }

    /// Takes a line that is about the file as a whole; `false` if it is none.
    fn direct(&mut self, line: &str) -> Result<bool, String> {
        if let Some(places) = line.strip_prefix("only ") {
            self.places = match places {
                "core" => Places::Core,
                "core and HTTP" => Places::CoreAndHttp,
                _ => return Err("only core, or only core and HTTP".into()),
            };
            return Ok(true);
        }
        if let Some(quota) = line.strip_prefix("quota ") {
            let mut words = Words::of(quota)?;
            let prefix = words.next("a prefix")?;
            let mut all = self.limits.quotas.all().to_vec();
            all.push(Quota {
                prefix: prefix.strip_suffix('*').ok_or("the prefix ends with *")?.into(),
                jobs: words.option("jobs")?,
                bytes: words.option("bytes")?,
                waits: words.option("waits")?,
                rate: words.option("rate")?,
            });
            words.finish()?;
            self.limits.quotas = Quotas::new(all).into();
            return Ok(true);
        }
        let Some(limits) = line.strip_prefix("limits ") else {
            return Ok(line.starts_with("python "));
        };
        let mut words = Words::of(limits)?;
        let limits = &mut self.limits;
        let waiting_bytes = words.option("waiting-bytes")?;
        limits.waiting_bytes_max = waiting_bytes.unwrap_or(limits.waiting_bytes_max);
        limits.waits_max = words.option("waits")?.unwrap_or(limits.waits_max);
        limits.keys_max = words.option("keys")?.unwrap_or(limits.keys_max);
        limits.names_max = words.option("names")?.unwrap_or(limits.names_max);
        limits.memory_max = words.option("memory")?.unwrap_or(limits.memory_max);
        limits.auto_create = words.option("auto-create")?.unwrap_or(true);
        words.finish()?;
        Ok(true)
    }

    /// The file, with what was told: for each act its own answer, if there was one, and who else was
    /// answered.
    pub fn with(&self, told: &[Told]) -> String {
        let mut text = String::new();
        let mut told = told.iter();
        for line in &self.lines {
            match line {
                Line::Kept(line) => text.push_str(line),
                Line::Act(act) => {
                    let told = told.next().expect("every act was played");
                    text.push_str(&row(&act.text, told.own.as_deref()));
                    for (who, answer) in &told.others {
                        text.push('\n');
                        text.push_str(&row(&format!("  {who}"), Some(answer)));
                    }
                }
            }
            text.push('\n');
        }
        text
    }
}

/// What was told because of one act.
#[derive(Debug, Default)]
pub struct Told {
    /// To whoever acted.
    pub own: Option<String>,
    /// To others, by name.
    pub others: Vec<(String, String)>,
}

fn row(left: &str, right: Option<&str>) -> String {
    let mut row = left.to_owned();
    if let Some(right) = right {
        write!(row, "{:width$} -> {right}", "", width = COLUMN.saturating_sub(left.len()))
            .expect("a text takes all that is written to it");
    }
    row
}

/// Who does what.
fn act(text: &str) -> Result<(String, What), String> {
    let nobody = String::new();
    if let Some(length) = text.strip_prefix('+') {
        return Ok((nobody, What::Passes(duration(length)?)));
    }
    match text {
        "close" => return Ok((nobody, What::Closes)),
        "journal stalls" => return Ok((nobody, What::Stalls)),
        "journal goes on" => return Ok((nobody, What::GoesOn)),
        _ => {}
    }
    if let Some(who) = text.strip_suffix(" hangs up") {
        return Ok((who.to_owned(), What::HangsUp));
    }
    if let Some(who) = text.strip_suffix(" takes it") {
        return Ok((who.to_owned(), What::TakesIt));
    }
    let name = |who: &str| who.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (who, asked) = text.split_once(": ").filter(|(who, _)| name(who)).unwrap_or(("", text));
    Ok((who.to_owned(), What::Asks(Box::new(Asking::of(asked)?))))
}
