//! For how long jobs waited that were handed out in the last minute.

use std::collections::VecDeque;

use crate::metrics::sample::WAIT_BOUNDS;

/// Seconds that are looked back over.
const OVER: u64 = 60;

/// How many there were in each bucket.
type Buckets = [u64; WAIT_BOUNDS.len() + 1];

/// Counts of a histogram at some seconds, oldest first. Only what changed is kept: a queue in which
/// nothing happens keeps one, the busiest one of each second, 7 KB.
#[derive(Debug, Default)]
pub(super) struct Waits(VecDeque<(u64, Buckets)>);

impl Waits {
    /// The counts at a second.
    pub(super) fn take(&mut self, second: u64, counts: Buckets) {
        let last = self.0.back().map(|(_, last)| last);
        // Counted from zero again, as after another queue of its name went.
        if last.is_some_and(|last| counts.iter().zip(last).any(|(now, then)| now < then)) {
            self.0.clear();
        }
        if self.0.back().is_none_or(|(_, last)| *last != counts) {
            self.0.push_back((second, counts));
        }
        // The newest of those that lie so far back is what the last minute began with.
        while self.0.get(1).is_some_and(|(next, _)| next + OVER <= second) {
            self.0.pop_front();
        }
    }

    /// The waits in seconds that these shares of the jobs of the last minute did not exceed; nothing
    /// if there were none.
    pub(super) fn percentiles<const N: usize>(&self, shares: [f64; N]) -> Option<[f64; N]> {
        let ((_, then), (_, now)) = (self.0.front()?, self.0.back()?);
        let mut counts = *now;
        for (count, before) in counts.iter_mut().zip(then) {
            *count -= before;
        }
        let all: u64 = counts.iter().sum();
        (all > 0).then(|| shares.map(|share| percentile(&counts, share * all as f64)))
    }
}

/// Where the job with this rank lies, if those of a bucket are spread evenly over it. What lies above
/// all bounds is told as the last one.
fn percentile(counts: &Buckets, rank: f64) -> f64 {
    let (mut below, mut lower) = (0.0, 0.0);
    for (count, upper) in counts.iter().zip(WAIT_BOUNDS) {
        let count = *count as f64;
        if count > 0.0 && below + count >= rank {
            return lower + (upper - lower) * ((rank - below) / count);
        }
        below += count;
        lower = upper;
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts with so many in the buckets of these numbers.
    fn counts(some: &[(usize, u64)]) -> Buckets {
        let mut counts = Buckets::default();
        for (bucket, count) in some {
            counts[*bucket] = *count;
        }
        counts
    }

    /// A share lies in its bucket as far as it goes into it; only what came in the last minute counts.
    #[test]
    fn shares_of_the_last_minute() {
        let mut waits = Waits::default();
        waits.take(100, counts(&[(0, 1_000)]));
        assert_eq!(waits.percentiles([0.5]), None, "nothing was handed out since");
        // Ten of more than 0.2 s and at most 1 s.
        waits.take(101, counts(&[(0, 1_000), (5, 10)]));
        let [half, all] = waits.percentiles([0.5, 1.0]).unwrap();
        assert!((half - 0.6).abs() < 1e-9 && (all - 1.0).abs() < 1e-9, "{half} {all}");
        // Ten more, above all bounds.
        waits.take(130, counts(&[(0, 1_000), (5, 10), (12, 10)]));
        let [half, all] = waits.percentiles([0.5, 0.99]).unwrap();
        assert!((half - 1.0).abs() < 1e-9 && (all - 3_600.0).abs() < 1e-9, "{half} {all}");
        waits.take(161, counts(&[(0, 1_000), (5, 10), (12, 10)]));
        assert_eq!(waits.percentiles([0.5]), Some([3_600.0]), "the first ten are a minute old");
        waits.take(190, counts(&[(0, 1_000), (5, 10), (12, 10)]));
        assert_eq!(waits.percentiles([0.5]), None);
        assert_eq!(waits.0.len(), 1);
    }

    /// A queue of the same name as one that went begins anew.
    #[test]
    fn counts_that_fall_begin_anew() {
        let mut waits = Waits::default();
        waits.take(1, counts(&[(3, 5)]));
        waits.take(2, counts(&[(3, 9)]));
        waits.take(3, counts(&[(3, 1)]));
        assert_eq!(waits.percentiles([0.5]), None);
        waits.take(4, counts(&[(3, 2)]));
        assert!(waits.percentiles([0.5]).is_some());
    }
}
