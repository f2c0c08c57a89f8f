//! What a put says of its job beside the bytes: the same in a query, in a line of a batch and in a
//! schedule.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{Delay, Milli, Trait, limits};
use axum::http::{HeaderName, HeaderValue};
use jiff::Timestamp;

use super::call::Call;
use super::parameters::bad;
use super::problem::Problem;
use crate::Clock;

/// For how long a job may wait.
pub(super) const TTLS: RangeInclusive<Duration> = Duration::from_millis(1)..=limits::DELAY_MAX;

/// Jobs a second: from some eighty a day to more than there can be.
pub(super) const RATES: RangeInclusive<Milli> = Milli(1)..=Milli(1_000_000_000);

/// Headers of a request that are kept with its job: those of one's own begin so.
const OWN: &str = "job-";
/// And those by which work is traced from process to process (W3C Trace Context).
const TRACED: [&str; 2] = ["traceparent", "tracestate"];

impl Call<'_> {
    /// Not before: `delay=` or `at=`.
    pub(super) fn not_before(&mut self) -> Result<Delay, Problem> {
        let (delay, at) = (self.delay()?, self.query.take("at")?);
        let at = at.map(|text| until(&text, self.clock)).transpose()?;
        not_before(delay, at).map_err(Problem::parameter)
    }

    /// `ttl=`: for how long it may wait.
    pub(super) fn ttl(&mut self) -> Result<Option<Duration>, Problem> {
        self.duration("ttl", TTLS)
    }

    /// What else is said of it, in parameters and headers.
    pub(super) fn traits(&mut self) -> Result<Vec<Trait>, Problem> {
        let attempts = self.integer("max_attempts", 1, limits::MAX_ATTEMPTS_MAX.into())?;
        let attempts = attempts.and_then(|most| u32::try_from(most).ok());
        let parameters = [
            self.job_key("key")?.map(Trait::Key),
            self.job_key("unique")?.map(Trait::Unique),
            attempts.map(Trait::MaxAttempts),
            self.lease_length()?.map(Trait::Lease),
        ];
        let kept = self.head.headers.iter().filter(|(name, _)| is_kept(name));
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_bytes()));
        Ok(parameters.into_iter().flatten().chain(headers(kept)?).collect())
    }

    /// A parameter that is a job's key or unique value.
    pub(super) fn job_key(&mut self, name: &'static str) -> Result<Option<Arc<str>>, Problem> {
        let text = self.query.take(name)?;
        text.map(|text| job_key(name, &text)).transpose()
    }
}

/// A job's key, or its unique value.
pub(super) fn job_key(name: &str, text: &str) -> Result<Arc<str>, Problem> {
    let most = limits::JOB_KEY_BYTES_MAX;
    let fits = (1..=most).contains(&text.len()) && !text.contains(char::is_control);
    let right = || format!("1 to {most} bytes of UTF-8 without control characters");
    if fits { Ok(text.into()) } else { Err(bad(name, text, &right())) }
}

/// Not before: what was said with `delay`, or with `at`.
pub(super) fn not_before(delay: Option<Duration>, at: Option<u64>) -> Result<Delay, &'static str> {
    match (delay, at) {
        (None, None) => Ok(Delay::NONE),
        (Some(length), None) => Ok(Delay::For(length)),
        (None, Some(wall)) => Ok(Delay::Until(wall)),
        (Some(_), Some(_)) => {
            Err("`delay` and `at` both say when the job is ready: leave one of them out")
        }
    }
}

/// The time of day that a client names, in microseconds since 1970.
pub(super) fn until(text: &str, clock: &Clock) -> Result<u64, Problem> {
    let wrong = || {
        let right = "an instant of RFC 3339 such as 2026-12-01T09:00:00Z, at most 100 years ahead; \
                     in a query a + is written %2B";
        bad("at", text, right)
    };
    let at: Timestamp = text.parse().map_err(|_| wrong())?;
    let wall = u64::try_from(at.as_microsecond()).unwrap_or(0);
    if clock.at(wall) <= clock.now() + limits::DELAY_MAX { Ok(wall) } else { Err(wrong()) }
}

/// Headers that are kept with a job, each with its name in lower case. Those of one name become one, as
/// HTTP allows.
pub(super) fn headers<'a>(
    given: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<Trait>, Problem> {
    let (most, bytes_most) = (limits::JOB_HEADERS_MAX, limits::JOB_HEADERS_BYTES_MAX);
    let (mut kept, mut bytes): (Vec<(HeaderName, String)>, usize) = (Vec::new(), 0);
    for (name, value) in given {
        bytes += name.len() + value.len();
        let (name, value) = header(name, value)?;
        match kept.iter_mut().find(|(known, _)| *known == name) {
            Some((_, joined)) => joined.extend([", ", value]),
            None => kept.push((name, value.to_owned())),
        }
        if kept.len() > most || bytes > bytes_most {
            return Err(Problem::parameter(format!(
                "a job keeps {most} headers and {bytes_most} bytes in their names and values: send \
                 less of `Job-*`, `traceparent` and `tracestate`, or put it into the body"
            )));
        }
    }
    // Nobody has two parents: of two of them W3C's Trace Context would have none.
    kept.retain(|(name, value)| name != TRACED[0] || !value.contains(','));
    let told =
        |(name, value): (HeaderName, String)| Trait::Header(name.as_str().into(), value.into());
    Ok(kept.into_iter().map(told).collect())
}

fn header<'a>(name: &str, value: &'a [u8]) -> Result<(HeaderName, &'a str), Problem> {
    let fit = HeaderName::from_bytes(name.as_bytes()).ok().filter(is_kept);
    let fit = fit.filter(|_| HeaderValue::from_bytes(value).is_ok());
    fit.zip(std::str::from_utf8(value).ok()).ok_or_else(|| {
        Problem::parameter(format!(
            "the header {} is none that a job keeps: its name must be `Job-` and more, `traceparent` \
             or `tracestate`, its value one line of UTF-8",
            Problem::quote(name)
        ))
    })
}

fn is_kept(name: &HeaderName) -> bool {
    let own = name.as_str().strip_prefix(OWN).is_some_and(|rest| !rest.is_empty());
    own || TRACED.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An instant may have any offset, and one that is over is now.
    #[test]
    fn an_instant_has_any_offset() {
        let clock = Clock::manual();
        let wall = Timestamp::try_from(clock.wall(clock.now())).expect("the clock is in our era");
        let ahead = |length: Duration| wall.checked_add(length).expect("still in our era");
        let hour = Duration::from_hours(1);
        let in_india = ahead(hour).to_string().replace('Z', "+00:00");
        let at = |length: Duration| clock.tie(clock.now() + length);
        for text in [ahead(hour).to_string(), in_india] {
            assert_eq!(until(&text, &clock).expect("an instant"), at(hour), "{text}");
        }
        assert_eq!(until("1969-07-20T20:17:40+05:30", &clock).expect("over"), 0);
        let last = ahead(limits::DELAY_MAX).to_string();
        assert_eq!(until(&last, &clock).expect("just so"), at(limits::DELAY_MAX));
        let beyond = ahead(limits::DELAY_MAX + hour).to_string();
        for text in
            [&*beyond, "", "soon", "2026-12-01", "2026-12-01T09:00:00", "2026-12-01T09:00:00 01:00"]
        {
            until(text, &clock).expect_err(text);
        }
    }

    /// What a job keeps has names of its own, and values that HTTP can send back.
    #[test]
    fn keeps_headers_that_can_be_sent_back() {
        let kept = |given: &[(&'static str, &'static str)]| {
            headers(given.iter().map(|(name, value)| (*name, value.as_bytes())))
        };
        let given = [("Job-A", "é"), ("TraceParent", "00-1-2-01"), ("job-a", "b")];
        let header = |name: &str, value: &str| Trait::Header(name.into(), value.into());
        let expected = [header("job-a", "é, b"), header("traceparent", "00-1-2-01")];
        assert_eq!(kept(&given).expect("two headers"), expected);
        let given =
            [("traceparent", "00-1-2-01"), ("tracestate", "a"), ("traceparent", "00-3-4-01")];
        assert_eq!(kept(&given).expect("one header"), [header("tracestate", "a")]);
        let bad: [(&str, &[u8]); 6] = [
            ("job-", b"x"),
            ("jobs", b"x"),
            ("content-type", b"x"),
            ("job-a b", b"x"),
            ("job-a", b"x\r\ny: z"),
            ("job-a", b"\xff"),
        ];
        for (name, value) in bad {
            headers([(name, value)].into_iter()).expect_err(name);
        }
    }

    /// There is room for so many of so many bytes.
    #[test]
    fn keeps_not_too_many_headers() {
        let names: Vec<_> = (0..=limits::JOB_HEADERS_MAX).map(|it| format!("job-{it}")).collect();
        let many = |count| headers(names[..count].iter().map(|name| (&**name, &b"x"[..])));
        assert!(
            many(limits::JOB_HEADERS_MAX).is_ok() && many(limits::JOB_HEADERS_MAX + 1).is_err()
        );
        let long = |bytes| headers([("job-a", &*vec![b'x'; bytes])].into_iter()).map(|_| ());
        let most = limits::JOB_HEADERS_BYTES_MAX - "job-a".len();
        assert!(long(most).is_ok() && long(most + 1).is_err());
    }
}
