//! What the page shows of locks, semaphores and barriers.

use std::collections::BTreeMap;

use awaitd_primitives::{Census, SemaphoreView, View};
use prometheus::proto::MetricType;

use super::counts::{Histogram, Names, OfPermits};
use super::text::{Page, counter, gauge, label_of, rows};

impl Page {
    /// How long locks were waited for and held.
    pub(super) fn locks(&mut self, names: &Names<OfPermits>) {
        let rows = rows(names);
        self.histograms(
            "awaitd_lock_wait_seconds",
            "For how long acquires that had the lock had waited for it.",
            rows.iter().map(|(lock, counts)| (vec![("lock", *lock)], &counts.wait)),
        );
        self.histograms(
            "awaitd_lock_held_seconds",
            "For how long the lock was held, by each of its holders.",
            rows.iter().map(|(lock, counts)| (vec![("lock", *lock)], &counts.held)),
        );
        let expired =
            rows.iter().map(|(lock, counts)| counter(&[("lock", lock)], counts.expired as f64));
        self.add(
            "awaitd_lock_expired_total",
            "Holders that lost the lock since their lease was over.",
            MetricType::COUNTER,
            expired.collect(),
        );
    }

    /// How many permits there are, and how long they were waited for and held.
    pub(super) fn semaphores(&mut self, names: &Names<OfPermits>, census: &Census) {
        let mut permits = BTreeMap::<&str, [u64; 2]>::new();
        for view in &census.others {
            let View::Semaphore(SemaphoreView { name, config, available, .. }) = view else {
                continue;
            };
            let [all, free] = permits.entry(label_of(names, name)).or_default();
            *all += config.permits;
            *free += available;
        }
        for (name, help, place) in [
            ("awaitd_semaphore_permits", "How many permits there are.", 0),
            ("awaitd_semaphore_available", "How many permits nobody has.", 1),
        ] {
            let gauges = permits.iter().map(|(semaphore, permits)| {
                gauge(&[("semaphore", semaphore)], permits[place] as f64)
            });
            self.add(name, help, MetricType::GAUGE, gauges.collect());
        }
        let rows = rows(names);
        self.histograms(
            "awaitd_semaphore_wait_seconds",
            "For how long acquires that had permits had waited for them.",
            rows.iter().map(|(semaphore, counts)| (vec![("semaphore", *semaphore)], &counts.wait)),
        );
        self.histograms(
            "awaitd_semaphore_held_seconds",
            "For how long permits were held, by each of their holders.",
            rows.iter().map(|(semaphore, counts)| (vec![("semaphore", *semaphore)], &counts.held)),
        );
        let expired = rows
            .iter()
            .map(|(semaphore, counts)| counter(&[("semaphore", semaphore)], counts.expired as f64));
        self.add(
            "awaitd_semaphore_expired_total",
            "Holders that lost their permits since their lease was over.",
            MetricType::COUNTER,
            expired.collect(),
        );
    }

    /// How long barriers were waited at.
    pub(super) fn barriers(&mut self, names: &Names<Histogram>) {
        self.histograms(
            "awaitd_barrier_wait_seconds",
            "For how long those who met at the barrier had waited there.",
            rows(names).into_iter().map(|(barrier, waits)| (vec![("barrier", barrier)], waits)),
        );
    }
}
