//! What the journal costs, and how much of it there is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use awaitd_journal::{Appended, Free, Usage};
use prometheus::proto::MetricType;

use super::text::{Page, counter, gauge, stepped};

/// Upper bounds of syncs, in seconds: from a fast disk's cache to one that stalls.
const SYNC_BOUNDS: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

/// Upper bounds of entries in an append.
const BATCH_BOUNDS: [f64; 8] = [1.0, 2.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 8_192.0];

/// Everything about the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct OfJournal {
    syncs: Steps<12>,
    batches: Steps<8>,
    bytes: u64,
    copied_bytes: u64,
    live_bytes: u64,
    usage: Option<Usage>,
}

/// How many of a kind were at most as much as each bound, and more than the one before; those above
/// all of them; and all together.
#[derive(Clone, Debug)]
struct Steps<const N: usize> {
    at_most: [u64; N],
    above: u64,
    sum: f64,
}

impl<const N: usize> Default for Steps<N> {
    fn default() -> Self {
        Self { at_most: [0; N], above: 0, sum: 0.0 }
    }
}

impl<const N: usize> Steps<N> {
    fn observe(&mut self, bounds: &[f64; N], value: f64) {
        let at = bounds.partition_point(|bound| *bound < value);
        *self.at_most.get_mut(at).unwrap_or(&mut self.above) += 1;
        self.sum += value;
    }
}

impl OfJournal {
    /// An append is durable.
    pub(super) fn appended(&mut self, appended: &Appended, usage: Option<Usage>, live_bytes: u64) {
        self.usage = usage;
        self.live_bytes = live_bytes;
        if usage.is_some() {
            self.syncs.observe(&SYNC_BOUNDS, appended.took.as_secs_f64());
            self.batches.observe(&BATCH_BOUNDS, appended.entries.len() as f64);
            self.bytes += appended.bytes;
            self.copied_bytes += appended.copied_bytes;
        }
    }
}

/// How long it took to read the journal at the start, in microseconds, what was refused for want of
/// room since, and how to ask what the disk has.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) recovery: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) free: OnceLock<Free>,
}

impl Page {
    /// What the journal costs, and how much of it there is. Nothing if there is none.
    pub(super) fn journal(&mut self, journal: &OfJournal, beside: &Beside) {
        let Some(usage) = journal.usage else { return };
        let recovery = Duration::from_micros(beside.recovery.load(Ordering::Relaxed));
        let OfJournal { syncs, batches, .. } = journal;
        for (name, help, row) in [
            (
                "awaitd_journal_sync_seconds",
                "How long it took to write and sync an append.",
                stepped(&SYNC_BOUNDS, &syncs.at_most, syncs.above, syncs.sum),
            ),
            (
                "awaitd_journal_batch_entries",
                "How many entries shared an append and its sync.",
                stepped(&BATCH_BOUNDS, &batches.at_most, batches.above, batches.sum),
            ),
        ] {
            self.add(name, help, MetricType::HISTOGRAM, vec![row]);
        }
        for (name, help, count) in [
            (
                "awaitd_journal_appended_bytes_total",
                "Bytes that were appended, copies among them.",
                journal.bytes,
            ),
            (
                "awaitd_journal_copied_bytes_total",
                "Bytes of what lives that were written anew, so that old segments could go.",
                journal.copied_bytes,
            ),
            (
                "awaitd_journal_refused_total",
                "Requests that were refused since the disk had no room.",
                beside.refused.load(Ordering::Relaxed),
            ),
        ] {
            self.add(name, help, MetricType::COUNTER, vec![counter(&[], count as f64)]);
        }
        for (name, help, value) in [
            ("awaitd_journal_bytes", "Bytes that the segments take.", usage.bytes as f64),
            (
                "awaitd_journal_live_bytes",
                "Bytes that it takes to write all that lives, about.",
                journal.live_bytes as f64,
            ),
            (
                "awaitd_journal_segments",
                "Segments, with those that are made in advance.",
                usage.segments as f64,
            ),
            (
                "awaitd_journal_recovery_seconds",
                "How long it took to read the journal at the start.",
                recovery.as_secs_f64(),
            ),
        ] {
            self.add(name, help, MetricType::GAUGE, vec![gauge(&[], value)]);
        }
        let free = beside.free.get().and_then(Free::bytes);
        self.add(
            "awaitd_journal_disk_free_bytes",
            "Bytes that the disk of the journal has left for it.",
            MetricType::GAUGE,
            free.map(|bytes| gauge(&[], bytes as f64)).into_iter().collect(),
        );
    }
}
