//! The page for somebody who may not see all of it.

use awaitd_primitives::{Census, Kind, Time};
use prometheus::proto::Metric;

use super::Metrics;
use super::text::{OTHER, Page};

impl Metrics {
    /// The same for who may see no more than things of these kinds and names.
    pub fn render_for(
        &self,
        census: &Census,
        now: Time,
        sees: impl Fn(Kind, &str) -> bool,
    ) -> String {
        let mut page = self.page(census, now);
        page.retain(sees);
        page.text()
    }
}

impl Page {
    /// Leaves out all that is not of one of these things: what is of others, of several, of the server.
    fn retain(&mut self, sees: impl Fn(Kind, &str) -> bool) {
        let stays = |metric: &Metric| {
            let labels = metric.get_label();
            let label = |name: &str| labels.iter().find(|pair| pair.name() == name);
            let named = Kind::ALL.into_iter().find_map(|kind| {
                let of_kind = label("kind").is_some_and(|pair| pair.value() == kind.singular());
                let name = if of_kind { label("name") } else { label(kind.singular()) };
                name.map(|name| (kind, name.value()))
            });
            named.is_some_and(|(kind, name)| name != OTHER && sees(kind, name))
        };
        for family in &mut self.0 {
            family.mut_metric().retain(stays);
        }
        self.0.retain(|family| !family.get_metric().is_empty());
    }
}
