//! A request, taken apart: each part is parsed here once, and what cannot be parsed is a
//! [`Problem`] that says what would be right.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{Command, JobId, Key, Kind, LeaseRef, Name, Thing, limits};
use axum::http::request::Parts;
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::key;
use super::parameters::NUMBER_MAX;
use super::problem::Problem;
use super::query::Query;
use super::token::Tokens;
use crate::{App, Clock, Config};

/// A request whose body has been read.
pub(super) struct Call<'a> {
    pub(super) config: &'a Config,
    pub(super) tokens: &'a Tokens,
    pub(super) clock: &'a Clock,
    pub(super) head: &'a Parts,
    pub(super) query: Query<'a>,
    pub(super) body: &'a Bytes,
}

/// What a request asks of the loop.
pub(super) struct Asked {
    /// The command.
    pub(super) command: Command,
    /// For how long it may wait.
    pub(super) wait: Duration,
    /// Of a get: how to say that there is nothing.
    pub(super) empty: Empty,
    /// Of a get: jobs are told as a list.
    pub(super) list: bool,
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
        Self { command, wait, empty: Empty::default(), list: false }
    }
}

/// What all calls have.
impl<'a> Call<'a> {
    /// A request with this head and body.
    pub(super) fn new(app: &'a App, tokens: &'a Tokens, head: &'a Parts, body: &'a Bytes) -> Self {
        let query = Query::new(head.uri.query());
        Self { config: &app.config, tokens, clock: &app.clock, head, query, body }
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
        name_at(self.head, 3)
    }

    /// The kind of things in the path.
    pub(super) fn kind(&self) -> Kind {
        kind(self.head)
    }

    /// The thing in the path.
    pub(super) fn thing(&self) -> Result<Thing, Problem> {
        thing(self.head)
    }

    /// The name in the path of what belongs to that thing.
    pub(super) fn second_name(&self) -> Result<Name, Problem> {
        name_at(self.head, 5)
    }

    /// The lease in the path.
    pub(super) fn lease(&self) -> Result<LeaseRef, Problem> {
        let lease = self.tokens.in_path(self.segment(5), self.thing()?);
        lease.ok_or_else(|| Problem::not_found("this server gave out no lease with this path"))
    }

    /// The job in the path.
    pub(super) fn job(&self) -> Result<JobId, Problem> {
        let given = self.segment(5);
        let digits = given.bytes().all(|byte| byte.is_ascii_digit());
        let numbers = 1..=NUMBER_MAX;
        let number = given.parse().ok().filter(|number| digits && numbers.contains(number));
        number.map(JobId).ok_or_else(|| Problem::not_found("no job has such a number"))
    }

    /// The key at this place in the path.
    pub(super) fn key_at(&self, place: usize) -> Result<Arc<str>, Problem> {
        let given = self.segment(place);
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

    /// A segment of the path, which the route's template says is there.
    fn segment(&self, place: usize) -> &'a str {
        segment(self.head, place)
    }
}

/// The thing in the path of a request with this head.
pub(super) fn thing(head: &Parts) -> Result<Thing, Problem> {
    Ok(Thing::new(kind(head), name_at(head, 3)?))
}

fn kind(head: &Parts) -> Kind {
    let kinds = segment(head, 2);
    let kind = Kind::ALL.into_iter().find(|kind| kind.plural() == kinds);
    kind.unwrap_or_else(|| unreachable!("no route leads to {kinds}"))
}

fn name_at(head: &Parts, place: usize) -> Result<Name, Problem> {
    let given = segment(head, place);
    let text = percent_decode_str(given).decode_utf8();
    let name = text.ok().and_then(|text| text.parse().ok());
    name.ok_or_else(|| Problem::name(given))
}

fn segment(head: &Parts, place: usize) -> &str {
    let mut segments = head.uri.path().split('/');
    segments.nth(place).expect("the route's template has this segment")
}
