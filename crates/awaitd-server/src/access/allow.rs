//! What a token allows: `KIND:PATTERN:VERBS`.

use std::fmt;
use std::str::FromStr;

use awaitd_primitives::Kind;
use serde::{Deserialize, Serialize};

/// Something that is allowed: `queue:emails-*:put,get`.
///
/// Names may have colons in them, so the kind ends at the first and the verbs begin at the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allow {
    /// `None`: of every kind, and the server.
    realm: Option<Realm>,
    /// What names begin with, or the name.
    prefix: String,
    /// Whether it is only the beginning.
    open: bool,
    /// Which verbs, by their place in [`Verb::ALL`].
    verbs: [bool; 4],
}

/// Of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm {
    /// Of things.
    Thing(Kind),
    /// Of the server itself: what it measures, and its backup. It has no name but `*`.
    Server,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds: jobs to a queue, permits to a semaphore; sets and clears an event.
    Put,
    /// Takes, holds and settles: jobs, locks, permits; waits at events, barriers and conditions.
    Get,
    /// Sees what is there, and changes nothing.
    Look,
    /// Configures and deletes; pauses, purges, cancels, redrives, breaks.
    Manage,
}

/// What is no such text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAllow(String);

impl Verb {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Put, Self::Get, Self::Look, Self::Manage];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Look => "look",
            Self::Manage => "manage",
        }
    }
}

impl Realm {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Thing(kind) => kind.singular(),
            Self::Server => "server",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let things = Kind::ALL.into_iter().map(Self::Thing);
        things.chain([Self::Server]).find(|realm| realm.word() == word)
    }
}

impl Allow {
    /// Whether it covers this; `None` as a name stands for every name.
    pub fn covers(&self, verb: Verb, realm: Realm, name: Option<&str>) -> bool {
        self.names(verb, realm).is_some_and(|(prefix, open)| match name {
            None => open && prefix.is_empty(),
            Some(name) if open => name.starts_with(prefix),
            Some(name) => name == prefix,
        })
    }

    /// Whether it covers all that another one does.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let verbs = self.verbs.iter().zip(other.verbs).all(|(own, other)| *own || !other);
        let names = if self.open {
            other.prefix.starts_with(&self.prefix)
        } else {
            !other.open && other.prefix == self.prefix
        };
        verbs && names && (self.realm.is_none() || self.realm == other.realm)
    }

    /// What the names begin with that it covers, and whether that is only the beginning.
    pub(super) fn names(&self, verb: Verb, realm: Realm) -> Option<(&str, bool)> {
        let covers = self.verbs[verb as usize] && self.realm.is_none_or(|own| own == realm);
        covers.then_some((&self.prefix, self.open))
    }
}

impl FromStr for Allow {
    type Err = BadAllow;

    fn from_str(text: &str) -> Result<Self, BadAllow> {
        let bad = || BadAllow(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(bad)?;
        let (pattern, words) = rest.rsplit_once(':').ok_or_else(bad)?;
        let realm = if kind == "*" { None } else { Some(Realm::of(kind).ok_or_else(bad)?) };
        let (prefix, open) = match pattern.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (pattern, false),
        };
        // What begins a name is one, unless it is empty.
        let name = prefix.is_empty() && open || prefix.parse::<awaitd_primitives::Name>().is_ok();
        let whole = open && prefix.is_empty() || realm != Some(Realm::Server);
        if !(name && whole) {
            return Err(bad());
        }
        let mut verbs = [words == "*"; 4];
        if words != "*" {
            for word in words.split(',') {
                let verb =
                    Verb::ALL.into_iter().find(|verb| verb.word() == word).ok_or_else(bad)?;
                verbs[verb as usize] = true;
            }
        }
        Ok(Self { realm, prefix: prefix.to_owned(), open, verbs })
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, star) = (self.realm.map_or("*", Realm::word), if self.open { "*" } else { "" });
        write!(out, "{kind}:{}{star}:", self.prefix)?;
        if self.verbs == [true; 4] {
            return out.write_str("*");
        }
        let words = Verb::ALL.into_iter().filter(|verb| self.verbs[*verb as usize]);
        let words: Vec<_> = words.map(Verb::word).collect();
        out.write_str(&words.join(","))
    }
}

impl TryFrom<String> for Allow {
    type Error = BadAllow;

    fn try_from(text: String) -> Result<Self, BadAllow> {
        text.parse()
    }
}

impl From<Allow> for String {
    fn from(allow: Allow) -> Self {
        allow.to_string()
    }
}

impl fmt::Display for BadAllow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:?} allows nothing: KIND:NAME:VERBS is wanted, such as queue:emails-*:put,get. KIND is queue, \
             event, lock, semaphore, barrier, schedule, server or *; NAME a name, the beginning of names with \
             a * behind it, or * (of the server only that); VERBS are put, get, look, manage, or *",
            self.0
        )
    }
}

impl std::error::Error for BadAllow {}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(text: &str) -> Allow {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Verbs, kinds and names have all to be right.
    #[test]
    fn what_is_allowed_is_no_more_than_that() {
        let queue = Realm::Thing(Kind::Queue);
        let mail = allow("queue:emails-*:put,get");
        for name in ["emails-", "emails-de", "emails-a:b"] {
            assert!(
                mail.covers(Verb::Put, queue, Some(name))
                    && mail.covers(Verb::Get, queue, Some(name))
            );
            assert!(!mail.covers(Verb::Look, queue, Some(name)));
            assert!(!mail.covers(Verb::Put, Realm::Thing(Kind::Lock), Some(name)));
        }
        assert!(!mail.covers(Verb::Put, queue, Some("emails")));
        assert!(!mail.covers(Verb::Put, queue, None));
        let one = allow("lock:a:b:get");
        assert!(one.covers(Verb::Get, Realm::Thing(Kind::Lock), Some("a:b")));
        assert!(!one.covers(Verb::Get, Realm::Thing(Kind::Lock), Some("a:bc")));
        let all = allow("*:*:*");
        for verb in Verb::ALL {
            assert!(all.covers(verb, Realm::Server, None) && all.covers(verb, queue, Some("q")));
        }
        let things = allow("queue:*:*");
        assert!(
            things.covers(Verb::Manage, queue, None)
                && !things.covers(Verb::Look, Realm::Server, None)
        );
    }

    /// One right includes another if whatever that covers it covers too.
    #[test]
    fn a_right_includes_smaller_ones() {
        let mail = allow("queue:emails-*:put,get");
        for text in ["queue:emails-*:put,get", "queue:emails-*:get", "queue:emails-de:put"] {
            assert!(mail.includes(&allow(text)) && allow("*:*:*").includes(&allow(text)), "{text}");
        }
        for text in ["queue:email*:get", "queue:emails-*:*", "lock:emails-a:get", "*:emails-a:get"]
        {
            assert!(!mail.includes(&allow(text)), "{text}");
        }
        assert!(allow("lock:a:get").includes(&allow("lock:a:get")));
        assert!(!allow("lock:a:get").includes(&allow("lock:a*:get")));
        assert!(!allow("queue:*:*").includes(&allow("server:*:look")));
    }

    /// A text is shown as it was read.
    #[test]
    fn texts_are_read_and_shown() {
        for text in [
            "queue:emails-*:put,get",
            "*:*:*",
            "server:*:look",
            "event:a:b*:look,manage",
            "lock:x:*",
        ] {
            assert_eq!(allow(text).to_string(), text);
        }
        assert_eq!(allow("queue:q:get,put,look,manage").to_string(), "queue:q:*");
        for text in [
            "",
            "queue",
            "queue:q",
            "queue::put",
            "queues:q:put",
            "queue:q:",
            "queue:q:put,",
            "queue:q:Put",
            "queue:a*b:put",
            "queue:**:put",
            "server:s:look",
            "queue:q :put",
            ":q:put",
            "queue:ä*:put",
        ] {
            let error = text.parse::<Allow>().expect_err(text).to_string();
            assert!(error.contains("queue:emails-*:put,get"), "{error}");
        }
    }
}
