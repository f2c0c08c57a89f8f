//! Every bound, each with its reason. Reaching one is a refusal, never a surprise.

use std::sync::Arc;
use std::time::Duration;

use crate::messages::command::Command;
use crate::quotas::Quotas;

/// Names are shown in metrics, paths and logs; 128 characters hold any sensible one.
pub const NAME_BYTES_MAX: usize = 128;

/// Bounded by default: a queue that nobody drains must slow its producers down.
pub const MAXSIZE_DEFAULT: u64 = 1_000;

/// Far beyond what fits into memory; 0 says "infinite" where that is meant.
pub const MAXSIZE_MAX: u64 = 1_000_000_000;

/// Long enough for a short job, short enough that a dead worker is noticed.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(30);

/// Permits of one semaphore, and parties of one barrier: more than there can be waits.
pub const PERMITS_MAX: u64 = 1_000_000_000;

/// Holders of one lock or one semaphore: all of them are written at one time when the journal is
/// compacted. Whoever would be one more waits.
pub const HOLDERS_MAX: usize = 100_000;

/// Holders that a state shows: the first ones.
pub const HOLDERS_SHOWN: usize = 100;

/// The bytes of a rank: enough for a path of keys, little beside a job.
pub const RANK_BYTES_MAX: usize = 512;

/// Below this a lease would end on the way to its holder.
pub const LEASE_MIN: Duration = Duration::from_millis(100);

/// Whoever holds for longer than a day should renew.
pub const LEASE_MAX: Duration = Duration::from_hours(24);

/// A delay of a hundred years is a typing error beyond this.
pub const DELAY_MAX: Duration = Duration::from_hours(100 * 365 * 24);

/// Jobs of one queue under lease: workers that get and never finish must be noticed.
pub const LEASED_MAX: u64 = 100_000;

/// Dead jobs of one queue: whoever never looks at them must be stopped one day.
pub const DEAD_MAX: u64 = 100_000;

/// A job that fails always must not be tried for ever; with the default backoff this is about three hours.
pub const MAX_ATTEMPTS_DEFAULT: u32 = 25;

/// More attempts than this are as good as no bound.
pub const MAX_ATTEMPTS_MAX: u32 = 1_000_000;

/// After the first failure: long enough that attempts are not burnt in milliseconds.
pub const BACKOFF_MIN_DEFAULT: Duration = Duration::from_secs(1);

/// After any failure: whoever mended what was broken does not wait for long.
pub const BACKOFF_MAX_DEFAULT: Duration = Duration::from_mins(10);

/// A result waits for whoever asked for the work, and may have lost the connection for a while.
pub const RETAIN_DEFAULT: Duration = Duration::from_mins(5);

/// Results are kept in memory.
pub const RETAIN_MAX: Duration = Duration::from_hours(24 * 7);

/// The bytes of a result; it is kept in memory. What is larger has a place of its own.
pub const RESULT_BYTES_MAX: usize = 256 * 1024;

/// The bytes of a progress; it is written anew each time.
pub const PROGRESS_BYTES_MAX: usize = 16 * 1024;

/// A job's key and its unique value.
pub const JOB_KEY_BYTES_MAX: usize = 255;

/// Headers of one job.
pub const JOB_HEADERS_MAX: usize = 32;

/// The bytes of all headers of one job, names and values.
pub const JOB_HEADERS_BYTES_MAX: usize = 8 * 1024;

/// Jobs of one batch, of one get and of one settle: some milliseconds of the loop.
pub const BATCH_MAX: usize = 1_000;

/// Bytes in the bodies of the jobs of one get, and one job more: all of them are in memory at one time.
pub const GOT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of what a page of jobs says if it has more than one: a millisecond of whoever writes it out, who serves
/// everybody.
pub const LISTED_BYTES_MAX: usize = 1024 * 1024;

/// Jobs that one look at a page goes through, however few of them are asked for: some milliseconds of the loop.
pub const LOOKED_MAX: usize = 20_000;

/// Jobs that make room for one put. A queue that was told to be much smaller gets there put by put, and
/// holds nobody up meanwhile.
pub const DROPPED_MAX: usize = 1_000;

/// Queues of one get.
pub const QUEUES_MAX: usize = 100;

/// What a job takes in memory beside its body and what else was said of it, about.
pub const JOB_MEMORY: u64 = 200;

/// Jobs that one redrive moves.
pub const REDRIVE_MAX: u64 = 1_000;

/// A worker's error text is kept with its job; what is longer is cut to this many bytes.
pub const ERROR_BYTES_MAX: usize = 4_096;

/// `owner` is shown to others, in a header.
pub const OWNER_BYTES_MAX: usize = 255;

/// A job's `Content-Type` is kept with it; any that means something is shorter.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// An `Idempotency-Key` fits into one header line.
pub const KEY_BYTES_MAX: usize = 255;

/// What was done under a key is remembered for so long.
pub const REMEMBER_FOR: Duration = Duration::from_mins(5);

/// A place in line is kept for so long for one who is absent, and so is an undelivered lease.
pub const KEEP_FOR: Duration = Duration::from_secs(10);

/// Lease numbers are reserved so many at a time, and before half of them are used: at 100,000 gets a
/// second that is a third of a second before anybody waits for it.
pub const LEASES_RESERVED: u64 = 65_536;

/// After a start a lease lasts for so long at least, or for as long as it was granted if that is less:
/// its holder could not keep it while the server was away.
pub const LEASE_GRACE: Duration = Duration::from_secs(10);

/// What was never configured and is at rest goes after so long.
pub const REST_FOR: Duration = Duration::from_mins(5);

/// Ended leases and judged waits in one turn of the loop: about four milliseconds.
pub const TURN_MAX: usize = 4_096;

/// Due jobs that become ready in one turn of the loop, beside that: about four milliseconds if very many wait.
/// What is left of them holds nobody up.
pub const RIPE_MAX: usize = 1_024;

/// What became of the last so many leases is known, at two bits each: two megabytes.
pub const SETTLED_WINDOW: u64 = 8 * 1024 * 1024;

/// What became of so many leases is copied at one time; at two bits each, 4 KiB.
pub const FATES_RANGE: u64 = 16 * 1024;

/// Leases older than the window that were settled late; 16 bytes each.
pub const SETTLED_LATE_MAX: usize = 65_536;

/// A list's page; the caller asks for the next one.
pub const LIST_LIMIT_MAX: usize = 1_000;

/// A list's page if nothing is said.
pub const LIST_LIMIT_DEFAULT: usize = 100;

/// The bounds that an operator may set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests that wait at one time; a parked one costs its connection and some hundred bytes.
    pub waits_max: usize,
    /// Requests that wait at one time for the same of one name: its puts, its gets, those who want a lock. One
    /// name cannot take all places.
    pub line_max: usize,
    /// Bytes in the bodies of waiting puts.
    pub waiting_bytes_max: usize,
    /// Keys that are remembered or kept; about 300 bytes each.
    pub keys_max: usize,
    /// Queues, events, locks, semaphores, barriers and schedules; about 500 bytes each.
    pub names_max: usize,
    /// Whether a queue or an event springs into being by its first use. A lock always does: it has
    /// no configuration that could be forgotten.
    pub auto_create: bool,
    /// Bytes of memory for jobs: their bodies, unless these are in the journal alone, and what each takes
    /// beside.
    pub memory_max: u64,
    /// What namespaces may take.
    pub quotas: Arc<Quotas>,
    /// What the journal's disk has left; not set by the operator, but by the journal.
    pub room: Room,
}

/// What the journal's disk has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// Enough.
    #[default]
    Enough,
    /// No more than what was set aside: nothing new is taken in, what is there may be worked off.
    Low,
    /// What compaction needs, and little more: only what gives room back, or keeps or ends a lease.
    Critical,
    /// Hardly anything: only what ends a lease as it should, or removes a thing.
    Exhausted,
}

impl Room {
    /// Whether a command may be done with what is left.
    pub(crate) fn suffices(self, command: &Command) -> bool {
        match command {
            Command::Configure { .. }
            | Command::Put { .. }
            | Command::Fire { .. }
            | Command::SetEvent { .. }
            | Command::Redrive { .. }
            | Command::Release { .. } => self == Self::Enough,
            Command::Get { .. }
            | Command::GetAny { .. }
            | Command::Acquire { .. }
            | Command::WaitBarrier { .. }
            | Command::Progress { .. } => matches!(self, Self::Enough | Self::Low),
            // Whoever waits for a condition has given the lock away, and must have it again.
            Command::WaitCondition { notified: None, .. } => {
                matches!(self, Self::Enough | Self::Low)
            }
            Command::WaitCondition { notified: Some(_), .. }
            | Command::Finish { .. }
            | Command::Nack { .. }
            | Command::Extend { .. }
            | Command::Shutdown { .. }
            | Command::Pause { .. }
            | Command::ClearEvent { .. }
            | Command::ResetBarrier { .. }
            | Command::AbortBarrier { .. } => self != Self::Exhausted,
            Command::Read { .. }
            | Command::List { .. }
            | Command::Delete { .. }
            | Command::CancelJob { .. }
            | Command::Purge { .. }
            | Command::ReadJob { .. }
            | Command::ListJobs { .. }
            | Command::WaitResult { .. }
            | Command::Join { .. }
            | Command::WaitEvent { .. }
            | Command::ReadCondition { .. }
            | Command::Notify { .. }
            | Command::Break { .. }
            | Command::Done { .. }
            | Command::Watch { .. }
            | Command::Withdraw { .. } => true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waits_max: 100_000,
            line_max: 50_000,
            waiting_bytes_max: 64 * 1024 * 1024,
            keys_max: 1_000_000,
            names_max: 1_000_000,
            auto_create: true,
            memory_max: u64::MAX,
            quotas: Arc::default(),
            room: Room::Enough,
        }
    }
}
