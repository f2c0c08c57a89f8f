//! Parameters, headers and bodies of some calls.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use awaitd_primitives::{
    BadName, Body, Configuration, GetMode, JobId, JobState, Kind, LeaseRef, Milli, Name, Payload,
    Rank, Rate, Share, limits,
};
use axum::http::header::{CONTENT_TYPE, IF_NONE_MATCH};

use super::call::{Call, Empty};
use super::knobs::RATES;
use super::problem::Problem;
use super::{configuration, duration, key, schedules};

/// Headers and bodies.
impl Call<'_> {
    /// The body as it is, and its type.
    pub(super) fn payload(&self) -> Result<Payload, Problem> {
        Ok(Payload {
            // A copy: a slice would keep the whole buffer of the connection.
            body: Body::Here(Arc::from(&self.body[..])),
            content_type: self.content_type()?,
        })
    }

    /// The body as what came of a job or how far it is, if it has at most so many bytes.
    pub(super) fn said(&self, most: usize, what: &str) -> Result<Payload, Problem> {
        if self.body.len() > most {
            return Err(Problem::too_much_said(what, most));
        }
        self.payload()
    }

    /// The body as the configuration of the thing in the path.
    pub(super) fn configuration(&self) -> Result<Configuration, Problem> {
        let (name, body) = (self.name()?, self.body);
        let parsed = match self.kind() {
            Kind::Queue => configuration::queue(body).map(|it| Configuration::Queue(name, it)),
            Kind::Semaphore => {
                configuration::semaphore(body).map(|it| Configuration::Semaphore(name, it))
            }
            Kind::Barrier => {
                configuration::barrier(body).map(|it| Configuration::Barrier(name, it))
            }
            Kind::Schedule => {
                let read = schedules::read(body, self.clock.time_of_day());
                read.map(|it| Configuration::Schedule(name, Box::new(it)))
            }
            kind @ (Kind::Event | Kind::Lock) => unreachable!("no route configures {kind:?}"),
        };
        parsed.map_err(Problem::parameter)
    }

    /// The body as what went wrong, in a worker's words.
    pub(super) fn error_text(&self) -> Option<Box<str>> {
        let text = String::from_utf8_lossy(self.body);
        (!text.is_empty()).then(|| text.into())
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
        Ok(Some(shared(text)))
    }
}

/// Parameters.
impl Call<'_> {
    /// `lease=`.
    pub(super) fn lease_length(&mut self) -> Result<Option<Duration>, Problem> {
        self.duration("lease", limits::LEASE_MIN..=limits::LEASE_MAX)
    }

    /// `delay=`.
    pub(super) fn delay(&mut self) -> Result<Option<Duration>, Problem> {
        self.duration("delay", Duration::ZERO..=limits::DELAY_MAX)
    }

    /// `limit=` of a list.
    pub(super) fn page_limit(&mut self) -> Result<usize, Problem> {
        let limit = self.integer("limit", 1, limits::LIST_LIMIT_MAX as u64)?;
        let number = |limit| usize::try_from(limit).expect("the limit of a list is small");
        Ok(limit.map_or(limits::LIST_LIMIT_DEFAULT, number))
    }

    /// `state=`: jobs in one of these states.
    pub(super) fn job_state(&mut self, states: &[JobState]) -> Result<Option<JobState>, Problem> {
        let Some(text) = self.query.take("state")? else {
            return Ok(None);
        };
        let found = states.iter().find(|state| state.name() == text).copied();
        let names = || states.iter().map(|state| state.name()).collect::<Vec<_>>().join(" or ");
        found.map(Some).ok_or_else(|| bad("state", &text, &names()))
    }

    /// A parameter that is a job's number.
    pub(super) fn job_number(&mut self, name: &'static str) -> Result<Option<JobId>, Problem> {
        Ok(self.integer(name, 1, NUMBER_MAX)?.map(JobId))
    }

    /// `cursor=` of a list of jobs: the number after which it goes on, or empty for the first page, as in
    /// lists of things.
    pub(super) fn job_cursor(&mut self) -> Result<Option<JobId>, Problem> {
        let Some(text) = self.query.take("cursor")?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let wrong = || bad("cursor", &text, "that of the page before, or empty for the first page");
        whole(&text, 1, NUMBER_MAX).map(JobId).map(Some).ok_or_else(wrong)
    }

    /// `rate=`, jobs a second: how long it is from one to the next.
    pub(super) fn spacing(&mut self) -> Result<Duration, Problem> {
        let Some(text) = self.query.take("rate")? else {
            return Ok(Duration::ZERO);
        };
        // As many seconds as it says jobs: the same digits, and no more of them.
        let rate = duration::parse(&text).filter(|_| !text.contains(char::is_alphabetic));
        let rate = rate.map(|rate| Milli(u64::try_from(rate.as_millis()).unwrap_or(u64::MAX)));
        let rate = rate.filter(|rate| RATES.contains(rate)).ok_or_else(|| {
            let right = format!("jobs a second, from {} to {}", RATES.start(), RATES.end());
            bad("rate", &text, &right)
        })?;
        Ok(Rate { per_second: rate, burst: 1 }.interval())
    }

    /// A parameter that is the name of another thing.
    pub(super) fn other_name(&mut self, name: &'static str) -> Result<Option<Name>, Problem> {
        let text = self.query.take(name)?;
        let parsed = |text: Cow<'_, str>| {
            text.parse().map_err(|bad_name| bad(name, &text, &format!("a name: {bad_name}")))
        };
        text.map(parsed).transpose()
    }

    /// `after=`.
    pub(super) fn after(&mut self) -> Result<Option<u64>, Problem> {
        self.integer("after", 0, NUMBER_MAX)
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
        let queue = self.thing()?;
        let Some(text) = self.query.take("settle")? else { return Ok(None) };
        let unknown = || Problem::not_found("this server gave out no lease such as `settle` names");
        // A token alone may be known as one of this very queue.
        let lease = self.tokens.in_path(&text, queue).or_else(|| self.tokens.anywhere(&text));
        lease.map(Some).ok_or_else(unknown)
    }

    /// `held=`: the lease by which the caller holds the lock, likewise.
    pub(super) fn held(&mut self) -> Result<LeaseRef, Problem> {
        let needed = || {
            Problem::parameter(
                "`held` is left out, but must be the token of the lease by which you hold the lock, \
                 or the path that its acquire answered with",
            )
        };
        let lock = self.thing()?;
        let Some(text) = self.query.take("held")? else { return Err(needed()) };
        // A token alone may be known as one of this very lock.
        let held = self.tokens.in_path(&text, lock).or_else(|| self.tokens.anywhere(&text));
        held.ok_or_else(|| Problem::not_found("this server gave out no lease such as `held` names"))
    }

    /// `mode=`: how much of a lock is taken.
    pub(super) fn mode(&mut self) -> Result<Share, Problem> {
        match self.query.take("mode")?.as_deref() {
            None | Some("exclusive") => Ok(Share::Whole),
            Some("shared") => Ok(Share::Permits(1)),
            Some(text) => Err(bad("mode", text, "shared, or exclusive as if it were left out")),
        }
    }

    /// `permits=`: how many, one if it is left out.
    pub(super) fn permits(&mut self) -> Result<u64, Problem> {
        Ok(self.integer("permits", 1, limits::PERMITS_MAX)?.unwrap_or(1))
    }

    /// `n=`: how many are woken, one if it is left out; `None` for all of them.
    pub(super) fn how_many(&mut self) -> Result<Option<u64>, Problem> {
        let Some(text) = self.query.take("n")? else {
            return Ok(Some(1));
        };
        if text == "all" {
            return Ok(None);
        }
        let most = limits::PERMITS_MAX;
        let wrong = || bad("n", &text, &format!("all, or a whole number from 0 to {most}"));
        whole(&text, 0, most).map(Some).ok_or_else(wrong)
    }

    /// For how long whoever waited for a condition may stand in the lock's line.
    pub(super) fn patience(&self) -> Duration {
        self.config.max_wait
    }

    /// `priority=` or `priority-key=`: where the job stands.
    pub(super) fn rank(&mut self) -> Result<Option<Rank>, Problem> {
        let (number, key) = (self.query.take("priority")?, self.query.take("priority-key")?);
        match (number, key) {
            (None, None) => Ok(None),
            (Some(text), None) => {
                let right = format!("a whole number from {} to {}", i64::MIN, i64::MAX);
                let digits = text.strip_prefix('-').unwrap_or(&text).bytes();
                let number = text.parse::<i64>().ok();
                let number = number.filter(|_| digits.clone().all(|it| it.is_ascii_digit()));
                let rank = number.map(|number| Some(Rank::from(number)));
                rank.ok_or_else(|| bad("priority", &text, &right))
            }
            (None, Some(text)) => {
                let digits = 2 * limits::RANK_BYTES_MAX;
                let right = format!("2 to {digits} hexadecimal digits, two for each byte");
                let rank = bytes_of(&text).map(|bytes| Some(Rank(bytes.into())));
                rank.ok_or_else(|| bad("priority-key", &text, &right))
            }
            (Some(_), Some(_)) => Err(Problem::parameter(
                "`priority` and `priority-key` both say where the job stands: leave one of them out",
            )),
        }
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
        let wrong = || bad(name, &text, &format!("a whole number from {least} to {most}"));
        whole(&text, least, most).map(Some).ok_or_else(wrong)
    }

    /// A parameter that is a name or the beginning of one.
    pub(super) fn part_of_name(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        match self.query.take(name)? {
            Some(text) if text.is_empty() => Ok(None),
            Some(text) if text.parse::<Name>().is_err() => {
                Err(bad(name, &text, &format!("the beginning of names: {BadName}")))
            }
            text => Ok(text.map(Cow::into_owned)),
        }
    }

    /// A parameter that is a length of time.
    pub(super) fn duration(
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

/// Numbers of jobs and generations stay below 2^53, so that they are exact in JavaScript.
pub(super) const NUMBER_MAX: u64 = (1 << 53) - 1;

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

/// A type, of which there is one copy if it is common.
fn shared(text: &str) -> Arc<str> {
    let common = COMMON.iter().find(|common| ***common == *text);
    common.map_or_else(|| Arc::from(text), Arc::clone)
}

/// The type of a job's body, if it is one that a header can have.
pub(super) fn content_type(text: &str) -> Option<Arc<str>> {
    let fits = (1..=limits::CONTENT_TYPE_BYTES_MAX).contains(&text.len());
    let visible = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (fits && visible).then(|| shared(text))
}

/// A whole number from `least` to `most`.
fn whole(text: &str, least: u64, most: u64) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (least..=most).contains(number))
}

/// The bytes that hexadecimal digits stand for, if they are as many as a rank may have.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let fits = (1..=limits::RANK_BYTES_MAX).contains(&pairs.len()) && rest.is_empty();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    fits.then(|| pairs.iter().map(byte).collect()).flatten()
}

pub(super) fn bad(name: &str, text: &str, right: &str) -> Problem {
    Problem::parameter(format!("`{name}` is {}, but must be {right}", Problem::quote(text)))
}
