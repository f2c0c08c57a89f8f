//! Who has how much of what, by the records alone: never more than there is.

use std::collections::BTreeMap;

use awaitd_primitives::*;

/// How much of each lock and each semaphore is held.
#[derive(Default)]
pub(crate) struct Permits {
    /// By which lease how much, all of a lock as `None`.
    held: BTreeMap<Thing, BTreeMap<LeaseId, Option<u64>>>,
    /// How many permits there are of each semaphore.
    total: BTreeMap<Thing, u64>,
}

impl Permits {
    /// A semaphore was told how many permits it has.
    pub(crate) fn prepare(&mut self, configuration: &Configuration) {
        if let Configuration::Semaphore(_, config) = configuration {
            self.total.insert(configuration.thing(), config.permits);
        }
    }

    /// Somebody takes some; whether there was as much.
    pub(crate) fn take(&mut self, lease: LeaseId, held: &Held) -> bool {
        let thing = held.thing();
        let all = self.held.entry(thing.clone()).or_default();
        let taken: u64 = all.values().flatten().sum();
        let (share, fits) = match held {
            Held::Job { .. } => return false,
            Held::Lock { .. } => (None, all.is_empty()),
            Held::Part { permits, .. } => {
                let total = match &thing {
                    Thing::Semaphore(_) => self.total.get(&thing).copied().unwrap_or(0),
                    _ => u64::MAX,
                };
                let shared = all.values().all(Option::is_some);
                (Some(*permits), shared && taken + permits <= total)
            }
        };
        all.insert(lease, share).is_none() && fits
    }

    /// Somebody has them no more; whether he had them.
    pub(crate) fn give_back(&mut self, lease: LeaseId, thing: &Thing) -> bool {
        self.held.get_mut(thing).is_some_and(|all| all.remove(&lease).is_some())
    }

    /// The thing is gone: by which leases it was held.
    pub(crate) fn remove(&mut self, thing: &Thing) -> Vec<LeaseId> {
        self.total.remove(thing);
        self.held.remove(thing).unwrap_or_default().into_keys().collect()
    }

    /// What is shown is what the records say.
    pub(crate) fn conserves(&self, view: &View) -> Result<(), String> {
        let (thing, holders) = match view {
            View::Lock(view) => (Thing::Lock(view.name.clone()), &view.holders),
            View::Semaphore(view) => (Thing::Semaphore(view.name.clone()), &view.holders),
            _ => return Ok(()),
        };
        let share = |share| if let Share::Permits(permits) = share { Some(permits) } else { None };
        let shown = holders.iter().map(|it| (it.lease, share(it.share))).collect();
        let none = BTreeMap::new();
        let held = self.held.get(&thing).unwrap_or(&none);
        let right = match view {
            View::Semaphore(view) => {
                let taken: u64 = held.values().flatten().sum();
                let total = self.total.get(&thing).copied().unwrap_or(0);
                view.available == total.saturating_sub(taken)
            }
            _ => true,
        };
        if right && *held == shown {
            Ok(())
        } else {
            Err(format!("records say {held:?}, but {view:?}"))
        }
    }
}
