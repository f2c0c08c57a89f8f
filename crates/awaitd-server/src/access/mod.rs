//! Who may do what: tokens, what each allows, and the file that keeps them.
//!
//! A server has one [`Access`]. Where there is no file of tokens, whoever can connect may do everything;
//! from the moment on at which there is one, whoever asks for something shows a token, or a certificate
//! that the file names. The file is read again when it changes, so that a token can be made or revoked
//! while the server runs.

mod allow;
mod book;
mod secret;
#[cfg(test)]
mod timing;

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use awaitd_primitives::Kind;
use axum::http::HeaderValue;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::locked;
use crate::stamp::{Looks, Stamp as FileStamp, stamp};

pub use allow::{Allow, BadAllow, Realm, Verb};
pub use book::{Book, BookError, Entry, Stamp};
pub use secret::{BadSecret, Secret};

/// How often the file is looked at. A token is revoked after so long at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who may do what on one server.
pub struct Access {
    path: Option<PathBuf>,
    /// `None`: nobody needs a token.
    table: RwLock<Option<Arc<Table>>>,
    seen: Mutex<Option<FileStamp>>,
    /// They were read anew, or one came to its end.
    changes: watch::Sender<()>,
}

/// The tokens of one reading of the file.
struct Table {
    /// By the hash of its text. Hashes are compared in constant time, and what is compared cannot be chosen
    /// by whoever asks.
    tokens: HashMap<blake3::Hash, Arc<Entry>>,
    certificates: HashMap<String, Arc<Entry>>,
}

/// Somebody who asks.
#[derive(Clone, Debug)]
pub enum Who {
    /// Nobody is asked who he is: he may do everything.
    Anyone,
    /// The holder of a token, or of a certificate.
    Known(Arc<Entry>),
}

/// Why somebody is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No token was shown.
    Missing,
    /// What was shown is no token, or a mistyped one.
    Malformed,
    /// Nobody has this token, or nobody has it any more.
    Unknown,
    /// Its time is over.
    Expired,
    /// It allows no longer all that it did when it was shown.
    Changed,
}

impl Access {
    /// Nobody needs a token.
    pub fn open() -> Self {
        let changes = watch::Sender::new(());
        Self { path: None, table: RwLock::new(None), seen: Mutex::new(None), changes }
    }

    /// With the tokens of this file. As long as there is none, nobody needs a token.
    pub fn at(path: &Path) -> Result<Self, BookError> {
        let access = Self { path: Some(path.to_owned()), ..Self::open() };
        access.reload()?;
        Ok(access)
    }

    /// Whether whoever asks is asked who he is.
    pub fn is_closed(&self) -> bool {
        self.table().is_some()
    }

    /// Who shows this as `Authorization`.
    pub fn identify(
        &self,
        authorization: Option<&HeaderValue>,
        now: impl FnOnce() -> SystemTime,
    ) -> Result<Who, Denied> {
        let Some(table) = self.table() else { return Ok(Who::Anyone) };
        let given =
            authorization.ok_or(Denied::Missing)?.to_str().map_err(|_| Denied::Malformed)?;
        let (scheme, text) = given.split_once(' ').ok_or(Denied::Malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::Malformed);
        }
        let secret: Secret = text.trim_matches(' ').parse().map_err(|_| Denied::Malformed)?;
        known(table.tokens.get(&secret.hash()), now())
    }

    /// Who connects with a certificate of this name. If the file does not name it, a token is needed.
    pub fn certified(&self, name: &str, now: impl FnOnce() -> SystemTime) -> Result<Who, Denied> {
        let Some(table) = self.table() else { return Ok(Who::Anyone) };
        let entry = table.certificates.get(name);
        known(entry, now()).map_err(|denied| if entry.is_none() { Denied::Missing } else { denied })
    }

    /// Whether who was let in would still be, with all the rights that he had.
    pub(crate) fn still(&self, who: &Who, now: impl FnOnce() -> SystemTime) -> Result<(), Denied> {
        let Some(table) = self.table() else { return Ok(()) };
        let Who::Known(entry) = who else { return Err(Denied::Missing) };
        let found = match (entry.hash(), &entry.certificate) {
            (Some(hash), _) => table.tokens.get(&hash),
            (None, name) => name.as_ref().and_then(|name| table.certificates.get(name)),
        };
        let may_all = known(found, now())?.includes(who);
        if may_all { Ok(()) } else { Err(Denied::Changed) }
    }

    /// Until he would not.
    pub(crate) async fn denies(&self, who: &Who, now: impl Fn() -> SystemTime) -> Denied {
        let mut changes = self.changes.subscribe();
        loop {
            // At first, too: it may have changed since he was let in.
            if let Err(denied) = self.still(who, &now) {
                return denied;
            }
            if changes.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Whether who is let in may not be later on.
    pub(crate) fn may_change(&self) -> bool {
        self.path.is_some()
    }

    /// Reads the file, if it has changed. If it cannot be read, what was known before holds.
    pub fn reload(&self) -> Result<(), BookError> {
        let Some(path) = &self.path else { return Ok(()) };
        let now = stamp(path).map_err(|error| BookError::Io(path.clone(), error))?;
        let mut seen = locked(&self.seen);
        if *seen == now {
            return Ok(());
        }
        if now.is_none() {
            *seen = now;
            warn!(path = %path.display(), "the tokens are gone: those known before hold on");
            return Ok(());
        }
        // What could not be read is tried again, though it looks the same.
        let table = Table::of(Book::read(path)?);
        *seen = now;
        info!(path = %path.display(), tokens = table.len(), "read the tokens");
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(table));
        self.changes.send_replace(());
        Ok(())
    }

    /// Reads the file whenever it changes and on SIGHUP, and sees which tokens come to their end.
    pub(crate) async fn follow(self: Arc<Self>, now: impl Fn() -> SystemTime) {
        let mut looks = Looks::every(LOOK_EVERY);
        let (mut told, mut seen) = (String::new(), now());
        while self.path.is_some() {
            if looks.next().await {
                *locked(&self.seen) = None;
                told.clear();
            }
            let wrong = self.reload().err().map(|error| error.to_string()).unwrap_or_default();
            // Once, not each second.
            if !wrong.is_empty() && wrong != told {
                error!(error = %wrong, "the tokens cannot be read: those known before hold on");
            }
            told = wrong;
            let now = now();
            if self.table().is_some_and(|table| table.ends(seen, now)) {
                self.changes.send_replace(());
            }
            seen = now;
        }
    }

    fn table(&self) -> Option<Arc<Table>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn known(entry: Option<&Arc<Entry>>, now: SystemTime) -> Result<Who, Denied> {
    let entry = entry.ok_or(Denied::Unknown)?;
    if entry.expired(now) { Err(Denied::Expired) } else { Ok(Who::Known(Arc::clone(entry))) }
}

impl Table {
    fn of(book: Book) -> Self {
        let mut table = Self { tokens: HashMap::new(), certificates: HashMap::new() };
        for entry in book.entries {
            let entry = Arc::new(entry);
            if let Some(hash) = entry.hash() {
                table.tokens.insert(hash, entry);
            } else if let Some(name) = &entry.certificate {
                table.certificates.insert(name.clone(), Arc::clone(&entry));
            }
        }
        table
    }

    /// Whether one has come to its end since then.
    fn ends(&self, since: SystemTime, now: SystemTime) -> bool {
        let mut all = self.tokens.values().chain(self.certificates.values());
        all.any(|entry| entry.expired(now) && !entry.expired(since))
    }

    fn len(&self) -> usize {
        self.tokens.len() + self.certificates.len()
    }
}

impl Who {
    /// Whether he may do this with a thing of this name.
    pub fn may(&self, verb: Verb, kind: Kind, name: &str) -> bool {
        self.any(|allow| allow.covers(verb, Realm::Thing(kind), Some(name)))
    }

    /// With which things of this kind he may do this: what their names begin with, and whether that is only
    /// the beginning. In the order of the names, and none stands for a name twice.
    pub fn names(&self, verb: Verb, kind: Kind) -> Vec<(&str, bool)> {
        let Self::Known(entry) = self else { return vec![("", true)] };
        let realm = Realm::Thing(kind);
        let mut all: Vec<_> =
            entry.allow.iter().filter_map(|allow| allow.names(verb, realm)).collect();
        // Of two that begin alike the open one covers the other.
        all.sort_unstable_by_key(|(prefix, open)| (*prefix, !open));
        let mut names: Vec<(&str, bool)> = Vec::with_capacity(all.len());
        for (prefix, open) in all {
            let covered = |(other, open): &(&str, bool)| {
                if *open { prefix.starts_with(other) } else { prefix == *other }
            };
            if !names.iter().any(covered) {
                names.push((prefix, open));
            }
        }
        names
    }

    /// Whether he may do this with every thing of this kind.
    pub fn may_all(&self, verb: Verb, kind: Kind) -> bool {
        self.any(|allow| allow.covers(verb, Realm::Thing(kind), None))
    }

    /// Whether he may do this with the server.
    pub fn may_server(&self, verb: Verb) -> bool {
        self.any(|allow| allow.covers(verb, Realm::Server, None))
    }

    /// Whether another one may do the same.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anyone, Self::Anyone) => true,
            (Self::Known(one), Self::Known(other)) => one.allow == other.allow,
            (Self::Anyone, Self::Known(_)) | (Self::Known(_), Self::Anyone) => false,
        }
    }

    /// Whether he may do whatever another one may. Each right of that one has to be in one of his.
    fn includes(&self, other: &Self) -> bool {
        let Self::Known(other) = other else { return matches!(self, Self::Anyone) };
        other.allow.iter().all(|right| self.any(|own| own.includes(right)))
    }

    /// The name of the token, for logs.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Anyone => None,
            Self::Known(entry) => Some(&entry.name),
        }
    }

    fn any(&self, covers: impl Fn(&Allow) -> bool) -> bool {
        match self {
            Self::Anyone => true,
            Self::Known(entry) => entry.allow.iter().any(covers),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn bearer(secret: &Secret) -> HeaderValue {
        HeaderValue::try_from(format!("Bearer {}", secret.reveal())).unwrap()
    }

    fn entry(name: &str, secret: &Secret) -> Entry {
        Entry::of_token(name, secret, vec!["queue:mail-*:put".parse().unwrap()], NOW, None)
    }

    /// Without a file everybody may do everything; with one, who has a token may do what it allows.
    #[test]
    fn from_the_first_token_on_tokens_are_asked_for() {
        let folder = std::env::temp_dir().join(format!("awaitd-access-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("tokens");
        let access = Access::at(&path).unwrap();
        assert!(access.identify(None, || NOW).unwrap().may(Verb::Manage, Kind::Lock, "l"));

        let (one, two) = (Secret::new(), Secret::new());
        let mut late = entry("late", &two);
        late.expires = Some("1970-01-01T00:00:10Z".parse().unwrap());
        Book::edit(&path, |book| {
            book.entries = vec![entry("mail", &one), late];
            Ok(())
        })
        .unwrap();
        access.reload().unwrap();
        let who = access.identify(Some(&bearer(&one)), || NOW).unwrap();
        assert_eq!(who.name(), Some("mail"));
        assert!(who.may(Verb::Put, Kind::Queue, "mail-de"));
        assert_eq!(access.still(&who, || NOW), Ok(()));
        assert_eq!(access.still(&Who::Anyone, || NOW), Err(Denied::Missing), "nor who came before");
        assert!(!who.may(Verb::Get, Kind::Queue, "mail-de"));
        assert!(!who.may(Verb::Put, Kind::Queue, "other") && !who.may_all(Verb::Put, Kind::Queue));
        let ends = NOW + Duration::from_secs(10);
        assert!(access.identify(Some(&bearer(&two)), || ends - Duration::from_nanos(1)).is_ok());
        let late = access.identify(Some(&bearer(&two)), || NOW).unwrap();
        assert_eq!(access.still(&late, || ends), Err(Denied::Expired));
        let refused =
            |given: Option<&HeaderValue>, now| access.identify(given, || now).unwrap_err();
        assert_eq!(refused(Some(&bearer(&two)), ends), Denied::Expired);
        assert_eq!(refused(None, NOW), Denied::Missing);
        assert_eq!(refused(Some(&bearer(&Secret::new())), NOW), Denied::Unknown);
        for text in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer awd_00"] {
            assert_eq!(
                refused(Some(&HeaderValue::from_static(text)), NOW),
                Denied::Malformed,
                "{text}"
            );
        }

        for (allowed, still) in [
            (&["queue:mail-*:put", "lock:*:get"][..], Ok(())),
            (&["queue:mail*:put,get"], Ok(())),
            (&["queue:mail-de*:put"], Err(Denied::Changed)),
            (&["queue:mail-*:get"], Err(Denied::Changed)),
        ] {
            let edited = Book::edit(&path, |book| {
                book.entries[0].allow = allowed.iter().map(|text| text.parse().unwrap()).collect();
                Ok(())
            });
            edited.unwrap();
            access.reload().unwrap();
            assert_eq!(access.still(&who, || NOW), still, "{allowed:?}");
        }
        Book::edit(&path, |book| {
            book.entries.retain(|entry| entry.name != "mail");
            Ok(())
        })
        .unwrap();
        access.reload().unwrap();
        assert_eq!(access.identify(Some(&bearer(&one)), || NOW).unwrap_err(), Denied::Unknown);
        assert_eq!(access.still(&who, || NOW), Err(Denied::Unknown));
        // Neither damage nor a loss of the file opens the door, or closes it to those who were in.
        fs::write(&path, "{").unwrap();
        assert!(access.reload().is_err());
        assert!(access.reload().is_err(), "it is read again until it can be");
        assert!(access.identify(Some(&bearer(&two)), || NOW).is_ok());
        fs::remove_file(&path).unwrap();
        access.reload().unwrap();
        assert_eq!(access.identify(None, || NOW).unwrap_err(), Denied::Missing);
        fs::remove_dir_all(&folder).unwrap();
    }
}
