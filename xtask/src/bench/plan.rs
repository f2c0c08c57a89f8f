//! How much is measured.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The numbers of a run.
pub(super) struct Plan {
    pub(super) binary: PathBuf,
    /// Each round measures everything that is compared once; a figure is the median of its rounds.
    pub(super) rounds: usize,
    /// How long one load lasts in one round.
    pub(super) slice: Duration,
    /// The same beside peers, of which there are many.
    pub(super) turn: Duration,
    pub(super) workers: [usize; 2],
    pub(super) connections: &'static [usize],
    pub(super) hand_offs: usize,
    /// Who waits for one of ten permits.
    pub(super) waiting: [usize; 3],
    pub(super) parked: usize,
    pub(super) depths: [usize; 3],
    pub(super) queues: [usize; 3],
    /// Puts, gets and dones of one round at one depth.
    pub(super) requests: usize,
    /// Calls of each kind of a single client, and writes of the same bytes.
    pub(super) singles: usize,
    /// How long a directory is made to turn over.
    pub(super) turnover: Duration,
}

impl Plan {
    pub(super) fn full(binary: PathBuf) -> Self {
        Self {
            binary,
            rounds: 5,
            slice: Duration::from_secs(1),
            turn: Duration::from_secs(1),
            workers: [1, 2],
            connections: &[1, 16, 64, 256],
            hand_offs: 400,
            waiting: [10, 100, 1_000],
            parked: 10_000,
            depths: [0, 100_000, 1_000_000],
            queues: [1, 1_000, 100_000],
            requests: 6_400,
            singles: 4_000,
            turnover: Duration::from_mins(1),
        }
    }

    pub(super) fn quick(binary: PathBuf) -> Self {
        Self {
            rounds: 3,
            slice: Duration::from_millis(200),
            turn: Duration::from_millis(100),
            hand_offs: 100,
            parked: 2_000,
            depths: [0, 10_000, 100_000],
            queues: [1, 100, 10_000],
            requests: 1_600,
            singles: 500,
            turnover: Duration::from_secs(12),
            ..Self::full(binary)
        }
    }

    /// Both processes hold one file per parked get. Measures fewer gets if that is too many, and says so.
    pub(super) fn fit_open_files(&mut self) -> io::Result<()> {
        const OTHERS: usize = 500;
        let limits = fs::read_to_string("/proc/self/limits")?;
        let allowed = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|soft| soft.parse::<usize>().ok())
            .unwrap_or(usize::MAX); // "unlimited"
        // The server leaves a quarter of them to its journal.
        let fits = (allowed - allowed / 4).saturating_sub(OTHERS);
        if fits < self.parked {
            eprintln!(
                "only {fits} gets are parked, not {}: `ulimit -n` allows {allowed} open files",
                self.parked
            );
            self.parked = fits;
        }
        Ok(())
    }
}
