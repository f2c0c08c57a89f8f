//! Namespaces with quotas: what they take, what they may, and what was refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use awaitd_primitives::{Bound, Quota, Refusal, Reply, Taken};
use prometheus::proto::MetricType;

use super::text::{Page, counter, gauge};
use crate::locked;

/// How many requests were refused because of a quota.
pub(super) type OverQuota = BTreeMap<(Arc<str>, Bound), u64>;

/// Counts those that were.
pub(super) fn refused(counts: &Mutex<OverQuota>, replies: &[Reply]) {
    for reply in replies {
        if let Err(Refusal::OverQuota { prefix, bound, .. }) = &reply.told {
            *locked(counts).entry((Arc::clone(prefix), *bound)).or_default() += 1;
        }
    }
}

impl Page {
    /// Those that there are now.
    pub(super) fn spaces(&mut self, spaces: &[(Quota, Taken)], refused: &OverQuota) {
        let all = || {
            let bounds = |(quota, taken)| Bound::ALL.map(|bound| (quota, taken, bound));
            spaces.iter().map(|(quota, taken)| (quota, taken)).flat_map(bounds)
        };
        let labels = |quota: &Quota, bound: Bound| {
            [("namespace", format!("{}*", quota.prefix)), ("of", bound.name().to_owned())]
        };
        let taken = all().filter_map(|(quota, taken, bound)| {
            let now = match bound {
                Bound::Jobs => taken.jobs,
                Bound::Bytes => taken.bytes,
                Bound::Waits => taken.waits,
                Bound::Rate => return None,
            };
            Some((labels(quota, bound), now))
        });
        let most = all().filter_map(|it| Some((labels(it.0, it.2), it.0.most(it.2)?)));
        let refused = all().filter(|it| it.0.most(it.2).is_some()).map(|(quota, _, bound)| {
            let times = refused.get(&(Arc::clone(&quota.prefix), bound));
            (labels(quota, bound), times.copied().unwrap_or_default())
        });
        self.add(
            "awaitd_namespace_taken",
            "What the names with this prefix take together: jobs, bytes of jobs, waits.",
            MetricType::GAUGE,
            taken.map(|(labels, value)| gauge(&texts(&labels), value as f64)).collect(),
        );
        self.add(
            "awaitd_namespace_quota",
            "What they may take: jobs, bytes of jobs, waits, and the rate of puts a second.",
            MetricType::GAUGE,
            most.map(|(labels, value)| gauge(&texts(&labels), value as f64)).collect(),
        );
        self.add(
            "awaitd_namespace_refused_total",
            "Requests that were refused since they would have taken more.",
            MetricType::COUNTER,
            refused.map(|(labels, value)| counter(&texts(&labels), value as f64)).collect(),
        );
    }
}

fn texts<'a>(labels: &'a [(&'static str, String); 2]) -> [(&'static str, &'a str); 2] {
    [(labels[0].0, &labels[0].1), (labels[1].0, &labels[1].1)]
}
