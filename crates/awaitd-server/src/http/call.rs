//! A request, taken apart: each part is parsed here once, and what cannot be parsed is a
//! [`Problem`] that says what would be right.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use awaitd_primitives::{
    BadName, Body, Command, GetMode, Key, LeaseRef, Name, Payload, QueueConfig, Thing, limits,
};
use axum::http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use axum::http::request::Parts;
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use super::query::Query;
use super::token::Tokens;
use super::{configuration, duration, key};
use crate::Config;

/// A request whose body has been read.
pub(super) struct Call<'a> {
    config: &'a Config,
    tokens: &'a Tokens,
    head: &'a Parts,
    query: Query<'a>,
    body: &'a Bytes,
}

/// What a request asks of the loop.
pub(super) struct Asked {
    /// The command.
    pub(super) command: Command,
    /// For how long it may wait.
    pub(super) wait: Duration,
    /// Of a get: how to say that there is nothing.
    pub(super) empty: Empty,
}

/// How to say that a queue has no job.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Empty {
    /// 204: an idle worker is no error.
    #[default]
    NoContent,
    /// 408 `empty`.
    TimedOut,
}

impl Asked {
    /// A command that never waits.
    pub(super) fn at_once(command: Command) -> Self {
        Self::waiting(Duration::ZERO, command)
    }

    /// A command that waits for so long.
    pub(super) fn waiting(wait: Duration, command: Command) -> Self {
        Self { command, wait, empty: Empty::default() }
    }
}

/// What all calls have.
impl<'a> Call<'a> {
    /// A request with this head and body.
    pub(super) fn new(
        config: &'a Config,
        tokens: &'a Tokens,
        head: &'a Parts,
        body: &'a Bytes,
    ) -> Self {
        let query = Query::new(head.uri.query());
        Self { config, tokens, head, query, body }
    }

    /// Refuses parameters that nobody asked for, and gives the key that the request came with.
    pub(super) fn finish(self) -> Result<Option<Key>, Problem> {
        self.query.finish()?;
        key::read(self.head, &self.query, self.body)
    }

    /// `wait=`, cut to what the operator allows.
    pub(super) fn wait(&mut self) -> Result<Duration, Problem> {
        let wait = self.duration("wait", Duration::ZERO..=Duration::MAX)?;
        Ok(wait.unwrap_or_default().min(self.config.max_wait))
    }

    /// The name in the path.
    pub(super) fn name(&self) -> Result<Name, Problem> {
        let given = self.segment(3);
        let text = percent_decode_str(given).decode_utf8();
        let name = text.ok().and_then(|text| text.parse().ok());
        name.ok_or_else(|| Problem::name(given))
    }

    /// The thing in the path.
    pub(super) fn thing(&self) -> Result<Thing, Problem> {
        let name = self.name()?;
        Ok(match self.segment(2) {
            "queues" => Thing::Queue(name),
            "events" => Thing::Event(name),
            "locks" => Thing::Lock(name),
            kinds => unreachable!("no route leads to {kinds}"),
        })
    }

    /// The lease in the path.
    pub(super) fn lease(&self) -> Result<LeaseRef, Problem> {
        let lease = self.tokens.in_path(self.segment(5), self.thing()?);
        lease.ok_or_else(|| Problem::not_found("this server gave out no lease with this path"))
    }

    /// The key in the path.
    pub(super) fn key_in_path(&self) -> Result<Arc<str>, Problem> {
        let given = self.segment(5);
        let text: Vec<u8> = percent_decode_str(given).collect();
        let broken = given.split('%').skip(1).any(|rest| {
            let digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
            digits.count() < 2
        });
        let key = key::parse(&text).filter(|_| !broken);
        key.ok_or_else(|| {
            Problem::parameter(format!(
                "the key {} in the path must be 1 to {} visible ASCII characters without quotes \
                 around, percent-encoded: for example order%2F4711",
                Problem::quote(given),
                limits::KEY_BYTES_MAX
            ))
        })
    }

    /// The body as it is, and its type.
    pub(super) fn payload(&self) -> Result<Payload, Problem> {
        Ok(Payload {
            // A copy: a slice would keep the whole buffer of the connection.
            body: Body::Here(Arc::from(&self.body[..])),
            content_type: self.content_type()?,
        })
    }

    /// A segment of the path, which the route's template says is there.
    fn segment(&self, place: usize) -> &'a str {
        let mut segments = self.head.uri.path().split('/');
        segments.nth(place).expect("the route's template has this segment")
    }

    fn content_type(&self) -> Result<Option<Arc<str>>, Problem> {
        let value = self.head.headers.get(CONTENT_TYPE);
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let max = limits::CONTENT_TYPE_BYTES_MAX;
        let text = value.to_str().ok().filter(|text| text.len() <= max).ok_or_else(|| {
            Problem::parameter(format!(
                "`Content-Type` must be at most {max} visible ASCII characters: for example \
                 application/json"
            ))
        })?;
        let common = COMMON.iter().find(|common| ***common == *text);
        Ok(Some(common.map_or_else(|| Arc::from(text), Arc::clone)))
    }
}

/// Parameters and headers of some calls.
impl Call<'_> {
    /// `lease=`.
    pub(super) fn lease_length(&mut self) -> Result<Option<Duration>, Problem> {
        self.duration("lease", limits::LEASE_MIN..=limits::LEASE_MAX)
    }

    /// `delay=`.
    pub(super) fn delay(&mut self) -> Result<Option<Duration>, Problem> {
        self.duration("delay", Duration::ZERO..=limits::DELAY_MAX)
    }

    /// `after=`.
    pub(super) fn after(&mut self) -> Result<Option<u64>, Problem> {
        self.integer("after", 0, GENERATION_MAX)
    }

    /// What a get does with the job: `lease=` and `ack=`.
    pub(super) fn get_mode(&mut self) -> Result<GetMode, Problem> {
        let lease = self.lease_length()?;
        if !self.flag("ack")? {
            return Ok(GetMode::Leased(lease));
        }
        if key::is_given(&self.head.headers) {
            return Err(Problem::parameter(
                "`ack=true` and an `Idempotency-Key` exclude each other: what is done once it is \
                 delivered cannot be asked for again; leave one of them out",
            ));
        }
        Ok(GetMode::AtMostOnce)
    }

    /// `settle=`: a token, or the path of a lease.
    pub(super) fn settle(&mut self) -> Result<Option<LeaseRef>, Problem> {
        let Some(text) = self.query.take("settle")? else {
            return Ok(None);
        };
        let lease = self.tokens.anywhere(&text);
        let unknown = || Problem::not_found("this server gave out no lease such as `settle` names");
        lease.map(Some).ok_or_else(unknown)
    }

    /// `empty=`.
    pub(super) fn empty(&mut self) -> Result<Empty, Problem> {
        match self.query.take("empty")?.as_deref() {
            None | Some("204") => Ok(Empty::NoContent),
            Some("408") => Ok(Empty::TimedOut),
            Some(text) => Err(bad("empty", text, "408, or 204 as if it were left out")),
        }
    }

    /// `owner=`: shown to others in a header, so it must fit into one.
    pub(super) fn owner(&mut self) -> Result<Option<Arc<str>>, Problem> {
        let Some(text) = self.query.take("owner")? else {
            return Ok(None);
        };
        let fits = (1..=limits::OWNER_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Ok(Some(Arc::from(&*text)));
        }
        let max = limits::OWNER_BYTES_MAX;
        let right = format!("1 to {max} visible ASCII characters and spaces, such as worker-7");
        Err(bad("owner", &text, &right))
    }

    /// A parameter that is true or false, and false if it is left out.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.query.take(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(bad(name, text, "true or false")),
        }
    }

    /// A parameter that is a whole number from `least` to `most`.
    pub(super) fn integer(
        &mut self,
        name: &'static str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, Problem> {
        let Some(text) = self.query.take(name)? else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        let wrong = || bad(name, &text, &format!("a whole number from {least} to {most}"));
        number.map(Some).ok_or_else(wrong)
    }

    /// A parameter that is a name or the beginning of one.
    pub(super) fn part_of_name(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        match self.query.take(name)? {
            Some(text) if text.parse::<Name>().is_err() => {
                Err(bad(name, &text, &format!("the beginning of names: {BadName}")))
            }
            text => Ok(text.map(Cow::into_owned)),
        }
    }

    /// `If-None-Match: *`: only if there is none yet.
    pub(super) fn only_if_none(&self) -> Result<bool, Problem> {
        let mut given = self.head.headers.get_all(IF_NONE_MATCH).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(false),
            (Some(value), None) if value.as_bytes() == b"*" => Ok(true),
            (Some(_), _) => Err(Problem::parameter(
                "`If-None-Match` can only be `*` here, once: nothing has an entity tag",
            )),
        }
    }

    /// The body as a queue's configuration.
    pub(super) fn queue_config(&self) -> Result<QueueConfig, Problem> {
        configuration::parse(self.body).map_err(Problem::parameter)
    }

    /// The body as what went wrong, in a worker's words.
    pub(super) fn error_text(&self) -> Option<Box<str>> {
        let text = String::from_utf8_lossy(self.body);
        (!text.is_empty()).then(|| text.into())
    }

    fn duration(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.query.take(name)? else {
            return Ok(None);
        };
        let length = duration::parse(&text).filter(|length| allowed.contains(length));
        length.map(Some).ok_or_else(|| bad(name, &text, &duration::wanted(&allowed)))
    }
}

/// Generations stay below 2^53, so that they are exact in JavaScript.
const GENERATION_MAX: u64 = (1 << 53) - 1;

/// The types that most jobs have: they share one copy.
static COMMON: LazyLock<[Arc<str>; 6]> = LazyLock::new(|| {
    [
        "application/json",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/plain; charset=utf-8",
        "text/plain;charset=UTF-8",
    ]
    .map(Arc::from)
});

fn bad(name: &str, text: &str, right: &str) -> Problem {
    Problem::parameter(format!("`{name}` is {}, but must be {right}", Problem::quote(text)))
}
