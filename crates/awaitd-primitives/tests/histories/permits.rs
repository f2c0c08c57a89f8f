//! Locks and semaphores: who holds how much of them, and what is left.

use std::{sync::Arc, time::Duration};

use awaitd_primitives::*;

use crate::leases::Lease;
use crate::model::{Model, Told};

impl Model {
    /// Who holds something of a lock or a semaphore, in the order in which they got it.
    pub(crate) fn holders(&self, thing: &Thing) -> Vec<Holder> {
        let live = |it: &&Lease| it.grant.thing == *thing && it.ended.is_none();
        let holder = |it: &Lease| Holder {
            lease: it.grant.lease,
            share: it.share.expect("a lock or a semaphore is held by a share"),
            owner: it.owner.clone(),
            until: it.grant.until,
        };
        let mut holders: Vec<_> = self.leases.iter().filter(live).map(holder).collect();
        holders.sort_by_key(|holder| holder.lease);
        holders
    }

    /// How many permits of a semaphore somebody has.
    pub(crate) fn taken(&self, thing: &Thing) -> u64 {
        let permits = |holder: Holder| match holder.share {
            Share::Whole => unreachable!("nobody has all of a semaphore"),
            Share::Permits(permits) => permits,
        };
        self.holders(thing).into_iter().map(permits).sum()
    }

    /// Why something can never be done, as things are; one who asks for it does not wait.
    pub(crate) fn hopeless(&self, command: &Command) -> Option<Refusal> {
        let known = self.find(command);
        match command {
            Command::Put { rank: Some(_), .. }
                if known.is_none_or(|it| it.config.order != Order::Priority) =>
            {
                Some(Refusal::NoRanks)
            }
            Command::Put { .. } if known.is_some_and(|it| it.shut.is_some()) => {
                Some(Refusal::QueueShutDown)
            }
            Command::Put { payload, .. } => {
                let most = known.and_then(|it| it.config.policy.max_bytes);
                let max_bytes = most.filter(|most| payload.body.len() as u64 > *most)?;
                let present = self.present(command).is_some();
                (!present).then_some(Refusal::TooLarge { max_bytes })
            }
            Command::Get { queue, .. } => {
                let over = self.is_over(&Thing::Queue(queue.clone()));
                over.then_some(Refusal::QueueShutDown)
            }
            Command::Acquire {
                thing: Thing::Semaphore(_), share: Share::Permits(more), ..
            } => {
                let Some(config) = known.and_then(|known| known.semaphore) else {
                    return Some(Refusal::NotFound);
                };
                let over = config.bounded && *more > config.permits;
                over.then_some(Refusal::OverBound { permits: config.permits })
            }
            _ => None,
        }
    }

    /// A lease of a lock or of permits; `None` if too little is left.
    pub(crate) fn acquire(
        &mut self,
        command: &Command,
        share: Share,
        (length, owner): (Option<Duration>, Option<Arc<str>>),
    ) -> Option<Grant> {
        let known = self.known(command);
        let (thing, config) = (known.thing.clone(), known.semaphore);
        let holders = self.holders(&thing);
        let fits = match (config, share) {
            (Some(SemaphoreConfig { permits, .. }), Share::Permits(more)) => {
                self.taken(&thing) + more <= permits
            }
            (_, Share::Whole) => holders.is_empty(),
            (None, Share::Permits(_)) => holders.iter().all(|it| it.share != Share::Whole),
        };
        let length = length.unwrap_or(Duration::from_secs(30));
        fits.then(|| self.grant(&thing, length, Some(share), owner))
    }

    /// Takes a lock from its holders.
    pub(crate) fn break_lock(&mut self, command: &Command) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let holders = self.holders(&thing);
        for holder in &holders {
            self.end(holder.lease, Outcome::Broken, None, false);
        }
        Ok(Answer::Broken(holders))
    }

    /// Permits that nobody had acquired.
    pub(crate) fn add_permits(&mut self, command: &Command, more: u64) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let known = self.known(command);
        let config = known.semaphore.as_mut().expect("it is a semaphore");
        if config.bounded {
            return Err(Refusal::OverBound { permits: config.permits });
        }
        config.permits += more;
        self.state(&thing)
    }
}
