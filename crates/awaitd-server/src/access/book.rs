//! The file of tokens: a JSON object a line, of which none tells a token.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use super::{Allow, Secret};

/// Digits of a token's id.
const ID_DIGITS: usize = 8;

/// All tokens of a file.
#[derive(Debug, Default)]
pub struct Book {
    /// In the order in which they were made.
    pub entries: Vec<Entry>,
}

/// A token, or a certificate, and what it allows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What people call it.
    pub name: String,
    /// BLAKE3 of the token, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// The name in a client's certificate, instead of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What it allows.
    pub allow: Vec<Allow>,
    /// When it was made.
    pub created: Stamp,
    /// From when on it is worth nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Stamp>,
}

/// A moment, as RFC 3339 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

/// Why a file of tokens cannot be used.
#[derive(Debug)]
pub enum BookError {
    /// The system's word.
    Io(PathBuf, io::Error),
    /// A line says something else than tokens do.
    Line(PathBuf, usize, String),
    /// Whoever edited it gave up.
    Refused(String),
}

impl Book {
    /// What is in a file.
    pub fn read(path: &Path) -> Result<Self, BookError> {
        let text =
            fs::read_to_string(path).map_err(|error| BookError::Io(path.to_owned(), error))?;
        let mut book = Self::default();
        for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: String| BookError::Line(path.to_owned(), place + 1, what);
            let entry: Entry =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if entry.hash().is_some() == entry.certificate.is_some() {
                return Err(wrong(
                    "either a `hash` of 64 digits or a `certificate` is wanted".to_owned(),
                ));
            }
            if book.entries.iter().any(|other| other.name == entry.name) {
                return Err(wrong(format!("{:?} is there twice", entry.name)));
            }
            book.entries.push(entry);
        }
        Ok(book)
    }

    /// Changes a file, or makes it: whole or not at all, and by one at a time. Only its owner may read it.
    pub fn edit<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, BookError> {
        let failed = |error: io::Error| BookError::Io(path.to_owned(), error);
        let folder =
            path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let held = File::open(folder).map_err(failed)?;
        flock(&held, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let mut book = if path.exists() { Self::read(path)? } else { Self::default() };
        let done = change(&mut book).map_err(BookError::Refused)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let write = || {
            let mut file = OpenOptions::new();
            let file = file.write(true).create(true).truncate(true).mode(0o600);
            let mut file = file.open(&beside)?;
            if geteuid().is_root() {
                // Or the server, which is another user, could not read what root has edited.
                let owner = fs::metadata(path).or_else(|_| held.metadata())?;
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
            }
            for entry in &book.entries {
                let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
                line.push(b'\n');
                file.write_all(&line)?;
            }
            file.sync_all()?;
            fs::rename(&beside, path)?;
            held.sync_all()
        };
        write().map_err(failed)?;
        Ok(done)
    }

    /// The one with this name or id.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name || entry.id() == Some(name))
    }
}

impl Entry {
    /// Of a token.
    pub fn of_token(
        name: &str,
        secret: &Secret,
        allow: Vec<Allow>,
        created: SystemTime,
        expires: Option<Stamp>,
    ) -> Self {
        let hash = Some(secret.hash().to_hex().to_string());
        let created = Stamp::of(created);
        Self { name: name.to_owned(), hash, certificate: None, allow, created, expires }
    }

    /// Of whoever connects with a certificate of this name.
    pub fn of_certificate(
        name: &str,
        certificate: &str,
        allow: Vec<Allow>,
        created: SystemTime,
        expires: Option<Stamp>,
    ) -> Self {
        let (name, certificate) = (name.to_owned(), Some(certificate.to_owned()));
        Self { name, hash: None, certificate, allow, created: Stamp::of(created), expires }
    }

    /// By which a token can be told from others without its name.
    pub fn id(&self) -> Option<&str> {
        self.hash.as_deref().and_then(|hash| hash.get(..ID_DIGITS))
    }

    /// Whether its time is over.
    pub fn expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= Stamp::of(now))
    }

    pub(super) fn hash(&self) -> Option<blake3::Hash> {
        self.hash.as_deref().and_then(|hash| blake3::Hash::from_hex(hash).ok())
    }
}

impl Stamp {
    /// A moment of the wall clock.
    pub fn of(time: SystemTime) -> Self {
        Self(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
    }
}

impl std::str::FromStr for Stamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is no time as 2027-01-31T09:00:00Z is"))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Serialize for Stamp {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for BookError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Line(path, line, what) => write!(out, "{}, line {line}: {what}", path.display()),
            Self::Refused(why) => out.write_str(why),
        }
    }
}

impl std::error::Error for BookError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that says something else is refused by its line; what is written is read again.
    #[test]
    fn a_file_is_read_as_it_was_written() {
        let folder = std::env::temp_dir().join(format!("awaitd-book-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("tokens");
        let secret = Secret::new();
        let allow: Vec<Allow> = vec!["*:*:look".parse().unwrap()];
        let now = SystemTime::UNIX_EPOCH;
        Book::edit(&path, |book| {
            book.entries.push(Entry::of_token("one", &secret, allow.clone(), now, None));
            book.entries.push(Entry::of_certificate(
                "two",
                "ci.example",
                allow,
                now,
                Some(Stamp::of(now)),
            ));
            Ok(())
        })
        .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret.reveal()[4..]), "{text}");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        let book = Book::read(&path).unwrap();
        let one = book.find("one").unwrap();
        assert_eq!(one.hash(), Some(secret.hash()));
        assert_eq!(book.find(one.id().unwrap()).unwrap().name, "one");
        assert!(!one.expired(now) && book.find("two").unwrap().expired(now));

        let refused = Book::edit(&path, |book| {
            book.entries.clear();
            Err::<(), _>("no".to_owned())
        });
        assert_eq!(refused.unwrap_err().to_string(), "no");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing was changed");
        let line = text.lines().next().unwrap();
        for (bad, says) in [
            (format!("{line}\n{line}\n"), "line 2"),
            (line.replace("\"hash\"", "\"hush\""), "unknown field"),
            (line.replace("*:*:look", "*:*:see"), "allows nothing"),
            (line.replace(one.id().unwrap(), "no"), "64 digits"),
        ] {
            fs::write(&path, &bad).unwrap();
            let error = Book::read(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
