//! At which times a schedule puts a job: cron by the clocks of a place.
//!
//! Cron says what a clock on the wall shows. Where it is set forward, some of that is never shown: then
//! the first moment after it counts. Where it is set back, some is shown twice: the first time counts.
//! If all hours are named (`*`), time goes on as it does: nothing has to be made up for, and both of two
//! hours count.

use std::cmp::Ordering;

use croner::errors::CronError;
use croner::parser::{CronParser, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// What somebody asks to be told at is rather a typing error if it is longer.
const CRON_BYTES_MAX: usize = 1_000;

/// The times of a schedule. All of them are in microseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    cron: Cron,
    zone: TimeZone,
    /// Every hour is named.
    hourly: bool,
}

impl Times {
    /// Those that cron names in a time zone. What is wrong is said, and what would be right.
    pub(crate) fn parse(cron: &str, timezone: &str) -> Result<Self, String> {
        Self::cron(cron)?;
        let times = Self { zone: zone(timezone)?, ..Self::cron(cron)? };
        match times.after(0) {
            Some(_) => Ok(times),
            None => Err(format!("`cron` is {cron:?}, which is never: no month has such a day")),
        }
    }

    fn cron(text: &str) -> Result<Self, String> {
        let cron = parse(text).ok_or_else(|| wrong(text))?;
        let hourly = cron.pattern.hours.values().len() == 24;
        Ok(Self { cron, zone: TimeZone::UTC, hourly })
    }

    /// The first time after this one; `None` if there is none before the calendar ends.
    pub(crate) fn after(&self, time: u64) -> Option<u64> {
        let time = Timestamp::from_microsecond(i64::try_from(time).ok()?).ok()?;
        let next = if self.hourly { self.as_time_goes(time) } else { self.as_shown(time) };
        u64::try_from(next?.as_microsecond()).ok()
    }

    /// The last time after one and up to another.
    pub(crate) fn last(&self, after: u64, upto: u64) -> Option<u64> {
        let next = |time| self.after(time).filter(|next| *next <= upto);
        let (mut last, mut end) = (next(after)?, upto);
        // None is after `end`.
        while last < end {
            let middle = last + (end - last) / 2;
            match next(middle) {
                Some(later) => last = later,
                None => end = middle,
            }
        }
        Some(last)
    }

    /// The next one, each time that a clock shows counted once.
    fn as_shown(&self, time: Timestamp) -> Option<Timestamp> {
        let mut shown = self.zone.to_datetime(time);
        loop {
            shown = self.find(shown, false)?;
            // One that was shown before and is shown again.
            let at = self.first_moment(shown)?;
            if at > time {
                return Some(at);
            }
        }
    }

    /// The first moment at which a clock shows this, or would have shown it.
    fn first_moment(&self, shown: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(shown);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()
            }
            AmbiguousOffset::Gap { before, .. } => {
                // By the clock that was set forward then, this would have been after that.
                let beyond = before.to_timestamp(shown).ok()?;
                let set = beyond.checked_add(SignedDuration::from_secs(1)).ok()?;
                Some(self.zone.preceding(set).next()?.timestamp())
            }
        }
    }

    /// The next one, the clock being looked at all the time.
    fn as_time_goes(&self, mut time: Timestamp) -> Option<Timestamp> {
        let mut inclusive = false;
        loop {
            let offset = self.zone.to_offset(time);
            let next = self.find(offset.to_datetime(time), inclusive)?;
            let next = Offset::to_timestamp(offset, next).ok()?;
            match self.zone.following(time).next().map(|change| change.timestamp()) {
                Some(change) if change <= next => (time, inclusive) = (change, true),
                Some(_) | None => return Some(next),
            }
        }
    }

    fn find(&self, shown: DateTime, inclusive: bool) -> Option<DateTime> {
        let found = self.cron.find_next_occurrence(&Shown(shown), inclusive);
        found.ok().map(|Shown(found)| found)
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!(
            "`timezone` is {name:?}, but must be a name of the IANA time zone database such as \
             Europe/Berlin, or UTC as if it were left out"
        )
    })
}

fn parse(text: &str) -> Option<Cron> {
    let parser = CronParser::builder().year(Year::Disallowed).build();
    (text.len() <= CRON_BYTES_MAX).then(|| parser.parse(text).ok()).flatten()
}

/// The fields of cron, and what may stand in each.
const FIELDS: [(&str, &str); 6] = [
    ("seconds", "0 to 59"),
    ("minutes", "0 to 59"),
    ("hours", "0 to 23"),
    ("days of the month", "1 to 31, or L for the last one"),
    ("months", "1 to 12, or JAN to DEC"),
    ("days of the week", "0 to 7, or SUN to SAT"),
];

/// What is wrong with it, and where.
fn wrong(text: &str) -> String {
    let right = "right would be for example \"0 9 * * MON-FRI\", \"*/10 * * * * *\" (with seconds \
                 first) or \"@daily\"";
    let parts: Vec<&str> = text.split_whitespace().collect();
    let shown: String = text.chars().take(80).collect();
    let skipped = match parts.len() {
        _ if text.len() > CRON_BYTES_MAX => {
            return format!("`cron` is longer than {CRON_BYTES_MAX} bytes: {right}");
        }
        5 => 1,
        6 => 0,
        count => return format!("`cron` is {shown:?}, which has {count} fields: {right}"),
    };
    // Whatever is bad by itself.
    let alone = |place: usize, part: &str| {
        let mut fields = ["*"; 6];
        fields[place] = part;
        parse(&fields.join(" ")).is_none()
    };
    let fields = FIELDS.iter().enumerate().skip(skipped).zip(&parts);
    let bad = fields.into_iter().find(|((place, _), part)| alone(*place, part));
    match bad {
        Some(((_, (name, allowed)), part)) => format!(
            "`cron` is {shown:?}, whose {name} are {part:?}: these are {allowed}, *, lists as 1,2, \
             ranges as 1-5, and steps as */2; {right}"
        ),
        None => format!("`cron` is {shown:?}, which names no times: {right}"),
    }
}

/// What a clock shows, without a place: croner searches in it, and knows nothing of zones.
#[derive(Clone, Copy)]
struct Shown(DateTime);

impl CronDateTime for Shown {
    fn to_civil(&self) -> CivilDateTime {
        let number = |part: i8| u32::from(part.unsigned_abs());
        let Self(at) = self;
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(
                i32::from(at.year()),
                number(at.month()),
                number(at.day()),
            ),
            CivilTime::from_parts_unchecked(
                number(at.hour()),
                number(at.minute()),
                number(at.second()),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let day = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(day.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |number: u32| i8::try_from(number).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (part(civil.month())?, part(civil.day())?);
        let (hour, minute) = (part(civil.hour())?, part(civil.minute())?);
        let at = DateTime::new(year, month, day, hour, minute, part(civil.second())?, 0);
        at.map(|at| Resolution::Single(Self(at))).map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> u64 {
        let at: Timestamp = text.parse().expect(text);
        u64::try_from(at.as_microsecond()).expect("after 1970")
    }

    /// What follows a moment, as it is shown there.
    fn follow(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let times = Times::parse(cron, zone).expect(cron);
        let mut time = micros(from);
        let next = || {
            time = times.after(time)?;
            let at = Timestamp::from_microsecond(i64::try_from(time).ok()?).ok()?;
            Some(at.to_zoned_datetime(times.zone.clone()).strftime("%m-%d %H:%M:%S%:z").to_string())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    /// Five fields, six with seconds first, names, and words for the whole.
    #[test]
    fn reads_cron() {
        let from = "2026-11-28T09:00:00Z";
        let table = [
            ("0 9 * * 1-5", ["11-30 09:00:00", "12-01 09:00:00"]),
            ("0 9 * * MON-FRI", ["11-30 09:00:00", "12-01 09:00:00"]),
            ("*/10 * * * * *", ["11-28 09:00:10", "11-28 09:00:20"]),
            ("* * * * * *", ["11-28 09:00:01", "11-28 09:00:02"]),
            ("@daily", ["11-29 00:00:00", "11-30 00:00:00"]),
            ("@hourly", ["11-28 10:00:00", "11-28 11:00:00"]),
            ("0 0 L * *", ["11-30 00:00:00", "12-31 00:00:00"]),
            ("15,45 8-10/2 * * *", ["11-28 10:15:00", "11-28 10:45:00"]),
            ("0 0 13 * 5", ["12-04 00:00:00", "12-11 00:00:00"]),
            ("0 0 29 2 *", ["02-29 00:00:00", "02-29 00:00:00"]),
        ];
        for (cron, due) in table {
            let due = due.map(|due| format!("{due}+00:00"));
            assert_eq!(follow(cron, "UTC", from, 2), due, "{cron}");
        }
    }

    /// A time is after the moment that is asked about, however little.
    #[test]
    fn what_follows_is_later() {
        let times = Times::parse("0 9 * * *", "UTC").expect("good");
        let due = micros("2026-11-28T09:00:00Z");
        let day = 86_400 * 1_000_000;
        assert_eq!(times.after(due - 1), Some(due));
        assert_eq!(times.after(due), Some(due + day));
        assert_eq!(times.after(due + 1), Some(due + day));
        assert_eq!(times.after(u64::MAX), None);
    }

    /// The clock goes from 02:00 to 03:00: what it does not show counts at 03:00, once.
    #[test]
    fn a_time_that_is_not_there_is_the_next_moment() {
        let from = "2026-03-29T00:00:00+01:00";
        let table: [(&str, &[&str]); 5] = [
            ("30 2 * * *", &["03-29 03:00:00+02:00", "03-30 02:30:00+02:00"]),
            ("0 2,14 * * *", &["03-29 03:00:00+02:00", "03-29 14:00:00+02:00"]),
            ("*/20 2-3 * * *", &["03-29 03:00:00+02:00", "03-29 03:20:00+02:00"]),
            ("59 1 * * *", &["03-29 01:59:00+01:00", "03-30 01:59:00+02:00"]),
            (
                "30 * * * *",
                &["03-29 00:30:00+01:00", "03-29 01:30:00+01:00", "03-29 03:30:00+02:00"],
            ),
        ];
        for (cron, due) in table {
            assert_eq!(follow(cron, "Europe/Berlin", from, due.len()), due, "{cron}");
        }
    }

    /// The clock goes from 03:00 to 02:00: what it shows twice counts once, unless all hours count.
    #[test]
    fn a_time_that_is_there_twice_counts_once() {
        let from = "2026-10-25T01:00:00+02:00";
        let table: [(&str, &[&str]); 4] = [
            ("30 2 * * *", &["10-25 02:30:00+02:00", "10-26 02:30:00+01:00"]),
            (
                "0,30 2-3 * * *",
                &["10-25 02:00:00+02:00", "10-25 02:30:00+02:00", "10-25 03:00:00+01:00"],
            ),
            ("0 2,3 * * *", &["10-25 02:00:00+02:00", "10-25 03:00:00+01:00"]),
            (
                "30 * * * *",
                &[
                    "10-25 01:30:00+02:00",
                    "10-25 02:30:00+02:00",
                    "10-25 02:30:00+01:00",
                    "10-25 03:30:00+01:00",
                ],
            ),
        ];
        for (cron, due) in table {
            assert_eq!(follow(cron, "Europe/Berlin", from, due.len()), due, "{cron}");
        }
        // While it is shown for the second time.
        let second = "2026-10-25T02:10:00+01:00";
        let due = ["10-26 02:30:00+01:00"];
        assert_eq!(follow("30 2 * * *", "Europe/Berlin", second, 1), due);
    }

    /// A place may lose half an hour, or a day.
    #[test]
    fn gaps_have_any_length() {
        let due = ["10-04 02:30:00+11:00", "10-05 02:15:00+11:00"];
        let from = "2026-10-04T00:00:00+10:30";
        assert_eq!(follow("15 2 * * *", "Australia/Lord_Howe", from, 2), due);
        let due = ["12-29 12:00:00-10:00", "12-31 00:00:00+14:00", "12-31 12:00:00+14:00"];
        let from = "2011-12-29T00:00:00-10:00";
        assert_eq!(follow("0 12 * * *", "Pacific/Apia", from, 3), due);
    }

    /// The last of many is found without looking at each.
    #[test]
    fn finds_the_last_one() {
        let from = micros("2026-11-28T00:00:00Z");
        let upto = micros("2031-07-01T12:34:56.789Z");
        let table = [
            ("* * * * * *", "2031-07-01T12:34:56Z"),
            ("0 9 * * *", "2031-07-01T09:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("* * 3 1 1 *", "2031-01-01T03:59:59Z"),
        ];
        for (cron, last) in table {
            let times = Times::parse(cron, "UTC").expect(cron);
            assert_eq!(times.last(from, upto), Some(micros(last)), "{cron}");
            assert_eq!(times.last(micros(last), upto), None, "{cron}");
            assert_eq!(times.last(micros(last) - 1, micros(last)), Some(micros(last)), "{cron}");
        }
    }

    /// Whoever errs is told where, and what would be right.
    #[test]
    fn says_what_is_wrong() {
        let long = format!("{} * * * *", "1,".repeat(600));
        let table = [
            ("", "has 0 fields"),
            ("* * * *", "has 4 fields"),
            ("0 0 9 * * * 2027", "has 7 fields"),
            ("@never", "has 1 fields"),
            ("60 * * * *", "whose minutes are \"60\": these are 0 to 59"),
            ("x * * * * *", "whose seconds are \"x\""),
            ("0 25 * * *", "whose hours are \"25\": these are 0 to 23"),
            ("0 0 32 * *", "whose days of the month are \"32\""),
            ("0 0 * FOO *", "whose months are \"FOO\": these are 1 to 12, or JAN to DEC"),
            ("0 0 * * 8", "whose days of the week are \"8\""),
            ("0 0 30 2 *", "is never"),
            (&long, "longer than 1000 bytes"),
        ];
        for (cron, named) in table {
            let why = Times::parse(cron, "UTC").expect_err(cron);
            assert!(why.starts_with("`cron` is ") && why.contains(named), "{cron}: {why}");
        }
        for zone in ["", "Europe/Atlantis", "CEST?", "+01:00", "../UTC"] {
            let why = Times::parse("@daily", zone).expect_err(zone);
            assert!(why.contains("`timezone` is ") && why.contains("Europe/Berlin"), "{why}");
        }
    }

    /// Whatever is understood names times, each after the moment that is asked about, and none between.
    #[test]
    fn any_cron() {
        let pieces =
            ["*", "/", "0", "5", "31", "59", "60", "-", ",", "MON", "L", "#", "@daily", " "];
        crate::fuzz::texts(&pieces, |text| {
            // As often as not it has as many fields as it needs.
            for cron in [text.to_owned(), format!("{text} * *"), format!("0 0 {text}")] {
                let Ok(times) = Times::parse(&cron, "Europe/Berlin") else { continue };
                let from = micros("2026-03-28T09:00:00Z");
                let Some(next) = times.after(from) else { continue };
                assert!(next > from, "{cron}");
                assert_eq!(times.after(next - 1), Some(next), "{cron}");
            }
        });
    }
}
