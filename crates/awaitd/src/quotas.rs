//! The file of quotas: a namespace a line, `PREFIX* jobs=N bytes=SIZE waits=N rate=N`.

use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{Bound, Name, Quota, Quotas};
use awaitd_server::desk::Desk;
use awaitd_server::stamp::{Looks, Stamp, stamp};
use tracing::{error, info};

use crate::values::Size;

/// Whether the file has changed is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Namespaces in one file. Each put looks for its own among them.
const NAMESPACES_MAX: usize = 1_000;

/// The fastest rate, as that of a queue.
const RATE_MAX: u32 = 1_000_000;

/// Why a file of quotas cannot be used.
#[derive(Debug)]
pub(crate) enum QuotasError {
    /// The system's word.
    Io(PathBuf, io::Error),
    /// A line says something else than quotas do.
    Line(PathBuf, usize, String),
}

/// A file of quotas, and how it was when it was read last.
pub(crate) struct QuotasFile {
    path: PathBuf,
    seen: Option<Stamp>,
}

impl QuotasFile {
    /// Reads a file, so that it can be followed from there on.
    pub(crate) fn open(path: &Path) -> Result<(Self, Quotas), QuotasError> {
        // Before it is read: what changes meanwhile is another file to whoever looks later.
        let seen = stamp(path).ok().flatten();
        Ok((Self { path: path.to_owned(), seen }, read(path)?))
    }

    /// Reads it whenever it changes and on SIGHUP, and tells the loop. If it cannot be read, what held before does.
    pub(crate) async fn follow(mut self, desk: Desk) {
        let mut looks = Looks::every(LOOK_EVERY);
        let mut told = String::new();
        loop {
            if looks.next().await {
                (self.seen, told) = (None, String::new());
            }
            let now = stamp(&self.path).ok().flatten();
            if now.is_some() && now == self.seen {
                continue;
            }
            match read(&self.path) {
                Ok(quotas) => {
                    let namespaces = quotas.all().len();
                    info!(path = %self.path.display(), namespaces, "read the quotas");
                    desk.set_quotas(Arc::new(quotas));
                    (self.seen, told) = (now, String::new());
                }
                Err(wrong) => {
                    let wrong = wrong.to_string();
                    // Once, not each second.
                    if wrong != told {
                        error!(error = %wrong, "the quotas cannot be read: those known before hold on");
                    }
                    told = wrong;
                }
            }
        }
    }
}

fn read(path: &Path) -> Result<Quotas, QuotasError> {
    let text = fs::read_to_string(path).map_err(|error| QuotasError::Io(path.to_owned(), error))?;
    let mut all: Vec<Quota> = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |what: String| QuotasError::Line(path.to_owned(), place + 1, what);
        let quota = quota(line).map_err(wrong)?;
        if all.iter().any(|other| other.prefix == quota.prefix) {
            return Err(wrong(format!("\"{}*\" is there twice", quota.prefix)));
        }
        if all.len() >= NAMESPACES_MAX {
            return Err(wrong(format!(
                "{NAMESPACES_MAX} namespaces are the most that is possible"
            )));
        }
        all.push(quota);
    }
    Ok(Quotas::new(all))
}

fn quota(line: &str) -> Result<Quota, String> {
    let mut words = line.split_whitespace();
    let pattern = words.next().unwrap_or_default();
    let prefix = pattern.strip_suffix('*').filter(|it| it.is_empty() || it.parse::<Name>().is_ok());
    let prefix = prefix.ok_or_else(|| {
        format!("{pattern:?} is not what names begin with and then a `*`, as in `team-a-*`")
    })?;
    let mut quota = Quota { prefix: prefix.into(), ..Quota::default() };
    for word in words {
        let unknown = || format!("{word:?} is none of jobs=N, bytes=SIZE, waits=N, rate=N");
        let (key, value) = word.split_once('=').ok_or_else(unknown)?;
        let bound = Bound::ALL.into_iter().find(|it| it.name() == key).ok_or_else(unknown)?;
        if quota.most(bound).is_some() {
            return Err(format!("`{key}` is there twice"));
        }
        match bound {
            Bound::Jobs => quota.jobs = Some(number(value)?),
            Bound::Bytes => quota.bytes = Some(value.parse::<Size>()?.0 as u64),
            Bound::Waits => quota.waits = Some(number(value)?),
            Bound::Rate => {
                let rate = value.parse().ok().filter(|rate: &NonZeroU32| rate.get() <= RATE_MAX);
                quota.rate = Some(rate.ok_or_else(|| {
                    format!(
                        "{word:?}: 1 to {RATE_MAX} puts a second are possible; jobs=0 lets none in"
                    )
                })?);
            }
        }
    }
    if Bound::ALL.into_iter().all(|bound| quota.most(bound).is_none()) {
        return Err(format!("{pattern:?} has no bound: say jobs=N, bytes=SIZE, waits=N or rate=N"));
    }
    Ok(quota)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

impl fmt::Display for QuotasError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Line(path, line, what) => write!(out, "{}, line {line}: {what}", path.display()),
        }
    }
}

impl std::error::Error for QuotasError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line is read, and what is none is refused by what would be right.
    #[test]
    fn a_line_is_a_quota() {
        let all = quota("team-a-* jobs=1000 bytes=2GiB waits=50 rate=7").unwrap();
        assert_eq!(&*all.prefix, "team-a-");
        let most = Bound::ALL.map(|bound| all.most(bound));
        assert_eq!(most, [Some(1_000), Some(2 << 30), Some(50), Some(7)]);
        assert_eq!(&*quota("* jobs=0").unwrap().prefix, "");
        for (line, says) in [
            ("team-a- jobs=1", "and then a `*`"),
            ("team a-* jobs=1", "and then a `*`"),
            ("-a* jobs=1", "and then a `*`"),
            ("team-a-*", "no bound"),
            ("team-a-* job=1", "none of jobs=N"),
            ("team-a-* jobs", "none of jobs=N"),
            ("team-a-* jobs=many", "no number"),
            ("team-a-* jobs=1 jobs=2", "twice"),
            ("team-a-* bytes=1Gb", "size"),
            ("team-a-* bytes=99999999999TiB", "size"),
            ("team-a-* rate=0", "1 to 1000000"),
            ("team-a-* rate=1000001", "1 to 1000000"),
        ] {
            let wrong = quota(line).unwrap_err();
            assert!(wrong.contains(says), "{line}: {wrong}");
        }
    }

    /// Of pieces that a line may have, whatever comes of them: what is read has a bound, and a prefix of names.
    #[test]
    fn any_line_is_read_or_refused() {
        let pieces = [
            "a-", "*", " ", "jobs=", "bytes=", "waits=", "rate=", "0", "7", "MiB", "=", "-",
            "\u{e9}",
        ];
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let piece = |byte: &u8| pieces[usize::from(*byte) % pieces.len()];
            let line: String = bytes.iter().take(9).map(piece).collect();
            if let Ok(quota) = quota(&line) {
                assert!(Bound::ALL.into_iter().any(|bound| quota.most(bound).is_some()), "{line}");
                assert!(quota.prefix.is_empty() || quota.prefix.parse::<Name>().is_ok(), "{line}");
            }
        });
    }
}
