//! The only place that asks what time it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use awaitd_primitives::{Tie, Time, limits};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Sleep;

/// A wall clock that goes otherwise than the monotonic one by so much has been set.
pub(crate) const DRIFT_MAX: Duration = Duration::from_secs(1);

/// Two readings of clocks that nobody set differ by less, and by what the later one took.
const MISREAD: Duration = Duration::from_millis(1);

/// The longest that one timer of the runtime sleeps; whoever sleeps longer sleeps again.
const NAP_MAX: Duration = Duration::from_hours(24);

/// The server's axis of time: it runs with the monotonic clock, so that a step of the wall clock
/// ends no lease. A reading of both, now and then, ties it to the time of day. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Microseconds from the beginning of the axis to 1970, backwards; by the newest reading.
    epoch: Arc<AtomicI64>,
    hand: Hand,
}

/// The wall clock is so far ahead of where the journal left off that it is more likely wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump(pub Duration);

#[derive(Clone, Debug)]
enum Hand {
    /// At that instant it was that time.
    Running(Instant, Time),
    Manual(Arc<Manual>),
}

#[derive(Debug, Default)]
struct Manual {
    micros: AtomicU64,
    moved: Notify,
}

impl Clock {
    /// A clock that begins now and runs.
    #[allow(clippy::new_without_default)] // two clocks would disagree; making one is a decision
    pub fn new() -> Self {
        // Far from its zero: instants that are skipped soon, by a clock that is set ahead, would be that one moment.
        Self::with(Hand::Running(Instant::now(), Time::ZERO + limits::DELAY_MAX), 0)
    }

    /// A clock that goes on where a journal left off at `last`: as much later as the wall clock is
    /// than it was then, but not by more than `most`. Not later at all if the wall clock has been set
    /// back, nor after that one start: nobody knows then how long the server was away, and whoever
    /// counted too much would end leases early.
    pub fn going_on(last: Time, tied: Option<Tie>, most: Duration) -> Result<Self, Jump> {
        let tied = tied.filter(|tie| !tie.doubted);
        let gap = tied.map_or(Duration::ZERO, |tie| {
            let wall = u64::try_from(wall_micros()).unwrap_or(0);
            Duration::from_micros(wall.saturating_sub(tie.wall_at(last)))
        });
        if gap > most {
            return Err(Jump(gap));
        }
        let known =
            tied.map_or(0, |tie| tie.wall_at(last).wrapping_sub(last.micros()).cast_signed());
        Ok(Self::with(Hand::Running(Instant::now(), last + gap), known))
    }

    /// A clock that stands still until it is moved; for tests.
    pub fn manual() -> Self {
        Self::with(Hand::Manual(Arc::default()), wall_micros())
    }

    fn with(hand: Hand, epoch: i64) -> Self {
        let clock = Self { epoch: Arc::new(AtomicI64::new(epoch)), hand };
        clock.tie(Time::ZERO);
        clock
    }

    /// The time of day at a moment, in microseconds since 1970, newly read if the wall clock has been set.
    /// Two readings of a clock that nobody set differ by the time between two system calls, and by as much
    /// those who named the same instant would be apart, in whatever order.
    pub fn tie(&self, time: Time) -> u64 {
        let before = self.now();
        let (read, drift) = self.read();
        if drift >= MISREAD + self.now().since(before) {
            self.epoch.store(read, Ordering::Relaxed);
        }
        self.wall_micros(time)
    }

    /// The time of day now, read anew. A manual clock goes on from where it began.
    pub fn today(&self) -> SystemTime {
        match &self.hand {
            Hand::Running(..) => SystemTime::now(),
            Hand::Manual(_) => self.wall(self.now()),
        }
    }

    /// The same in microseconds since 1970.
    pub fn time_of_day(&self) -> u64 {
        let since = self.today().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// Moves a manual clock, all of its clones with it, and wakes who sleeps by it. A clock that
    /// runs cannot be moved: that panics.
    pub fn advance(&self, by: Duration) {
        match &self.hand {
            Hand::Running(..) => panic!("only a manual clock is moved"),
            Hand::Manual(manual) => {
                let micros =
                    u64::try_from(by.as_micros()).expect("tests move it by less than ages");
                manual.micros.fetch_add(micros, Ordering::SeqCst);
                manual.moved.notify_waiters();
            }
        }
    }

    /// This moment.
    pub fn now(&self) -> Time {
        match &self.hand {
            Hand::Running(started, then) => *then + started.elapsed(),
            Hand::Manual(manual) => Time::from_micros(manual.micros.load(Ordering::SeqCst)),
        }
    }

    /// By how much the wall clock has been set since it was last read.
    pub fn drift(&self) -> Duration {
        self.read().1
    }

    /// Where the axis begins by the wall clock as it is now, and how far off that is from what is known. That of a
    /// manual clock goes with it.
    fn read(&self) -> (i64, Duration) {
        let now = i64::try_from(self.now().micros()).unwrap_or(i64::MAX);
        let known = self.epoch.load(Ordering::Relaxed);
        let read = match &self.hand {
            Hand::Running(..) => wall_micros().saturating_sub(now),
            Hand::Manual(_) => known,
        };
        (read, Duration::from_micros(read.abs_diff(known)))
    }

    /// The time of day at a moment of the axis.
    pub fn wall(&self, time: Time) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.wall_micros(time))
    }

    /// Likewise, in microseconds since 1970.
    fn wall_micros(&self, time: Time) -> u64 {
        let micros = i64::try_from(time.micros()).unwrap_or(i64::MAX);
        let wall = micros.saturating_add(self.epoch.load(Ordering::Relaxed));
        u64::try_from(wall).unwrap_or(0)
    }

    /// The time of day at a moment of the axis, in RFC 3339 to the millisecond.
    pub(crate) fn rfc3339(&self, time: Time) -> String {
        let at = Timestamp::try_from(self.wall(time)).expect("the clock is in our era");
        format!("{at:.3}")
    }

    /// The moment of the axis at a time of day, in microseconds since 1970; its beginning, if that lies before.
    pub fn at(&self, wall: u64) -> Time {
        let micros = i64::try_from(wall).unwrap_or(i64::MAX);
        let time = micros.saturating_sub(self.epoch.load(Ordering::Relaxed));
        Time::from_micros(u64::try_from(time).unwrap_or(0))
    }

    /// Until that moment has come. Never ready at its first poll by a clock that stands before it.
    pub async fn sleep_until(&self, time: Time) {
        match &self.hand {
            Hand::Running(..) => {
                while self.now() < time {
                    tokio::time::sleep(time.since(self.now()).min(NAP_MAX)).await;
                }
            }
            Hand::Manual(manual) => loop {
                // Registered before the hand is read, or a move in between would be missed.
                let moved = manual.moved.notified();
                if self.now() >= time {
                    return;
                }
                moved.await;
            },
        }
    }
}

/// Microseconds since 1970 by the wall clock.
fn wall_micros() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Rings at a moment. What is set stays set from turn to turn: a timer that is registered anew each
/// time makes the runtime wake itself by a system call each time.
pub(crate) struct Alarm {
    clock: Clock,
    set: Option<Sleeper>,
}

/// A sleep that somebody began and may have left.
struct Sleeper {
    until: Time,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Alarm {
    /// One that is not set.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, set: None }
    }

    /// Until that moment has come, or for ever if there is none. It may ring too early, if it was set
    /// to an earlier moment before.
    pub(crate) async fn ring(&mut self, at: Option<Time>) {
        let sooner = |at: &Time| self.set.as_ref().is_none_or(|set| *at < set.until);
        if let Some(until) = at.filter(sooner) {
            let clock = self.clock.clone();
            let sleep = Box::pin(async move { clock.sleep_until(until).await });
            self.set = Some(Sleeper { until, sleep });
        }
        match &mut self.set {
            Some(set) => set.sleep.as_mut().await,
            None => std::future::pending().await,
        }
        self.set = None;
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.set.as_ref().map(|set| set.until);
        out.debug_struct("Alarm").field("until", &until).finish_non_exhaustive()
    }
}

/// For what happens on the network, which no manual clock moves.
pub(crate) fn real_sleep(length: Duration) -> Sleep {
    tokio::time::sleep(length)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A manual clock stands still, and its sleepers wake by its moves alone.
    #[test]
    fn a_manual_clock_moves_only_when_it_is_moved() {
        let clock = Clock::manual();
        let seen = clock.clone();
        let second = Duration::from_secs(1);
        let due = clock.now() + second + second;
        let mut sleeper = pin!(seen.sleep_until(due));
        let mut context = Context::from_waker(Waker::noop());

        assert_eq!(clock.now(), Time::ZERO);
        assert_eq!(sleeper.as_mut().poll(&mut context), Poll::Pending);
        clock.advance(second);
        assert_eq!(sleeper.as_mut().poll(&mut context), Poll::Pending);
        clock.advance(second);
        assert_eq!(sleeper.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(seen.now(), due);
        assert_eq!(clock.wall(due), clock.wall(Time::ZERO) + second + second);
    }

    /// A time of day is a moment of the axis, and back.
    #[test]
    fn a_time_of_day_is_a_moment_of_the_axis() {
        let clock = Clock::manual();
        clock.advance(Duration::from_secs(1));
        let due = clock.now() + Duration::from_hours(1);
        assert_eq!(clock.at(clock.tie(due)), due);
        assert_eq!(clock.at(0), Time::ZERO);
    }

    /// How long it takes to read both clocks is not in it, nor does a start put an instant elsewhere.
    #[test]
    fn an_instant_is_the_same_moment_at_each_reading() {
        let clock = Clock::new();
        let instant = clock.tie(clock.now() + Duration::from_hours(1));
        let moment = clock.at(instant);
        for _ in 0..10_000 {
            clock.tie(clock.now());
            assert_eq!(clock.at(instant), moment);
        }
        let last = clock.now();
        let tied = Some(Tie { time: last, wall: clock.tie(last), doubted: false });
        let next = Clock::going_on(last, tied, Duration::from_hours(1)).expect("no jump");
        assert_eq!(next.at(instant), moment);
    }

    /// What has come is not slept for, and a clock that runs does come there.
    #[tokio::test]
    async fn a_running_clock_arrives() {
        let clock = Clock::new();
        clock.sleep_until(Time::ZERO).await;
        let due = clock.now() + Duration::from_millis(2);
        clock.sleep_until(due).await;
        assert!(clock.now() >= due);
    }

    /// An alarm keeps what it was set to, and is set anew only to ring earlier.
    #[test]
    fn an_alarm_rings_at_the_earliest_moment_it_was_set_to() {
        let clock = Clock::manual();
        let mut alarm = Alarm::new(clock.clone());
        let mut context = Context::from_waker(Waker::noop());
        let minutes = |count| Some(Time::ZERO + count * Duration::from_mins(1));
        let mut rings = |at| pin!(alarm.ring(at)).poll(&mut context).is_ready();

        assert!(!rings(minutes(3)) && !rings(minutes(2)) && !rings(minutes(4)) && !rings(None));
        clock.advance(Duration::from_mins(2));
        assert!(rings(minutes(4)));
        assert!(!rings(minutes(4)) && !rings(None));
        clock.advance(Duration::from_mins(2));
        assert!(rings(None));
        assert!(!rings(None));
    }

    /// A running clock does not pretend to be moved.
    #[test]
    #[should_panic(expected = "only a manual clock is moved")]
    fn a_running_clock_is_not_moved() {
        Clock::new().advance(Duration::from_secs(1));
    }
}
