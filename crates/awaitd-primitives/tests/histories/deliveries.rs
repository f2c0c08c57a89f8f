//! Answers on their way, and what becomes of the leases that they grant.

use std::time::Duration;

use awaitd_primitives::*;

use crate::leases::FOR_EVER;
use crate::model::{Model, Told, all_granted};

const TEN_SECONDS: Duration = Duration::from_secs(10);

impl Model {
    /// Looks at a reply before it leaves: one that grants what is over becomes another, which does not
    /// leave yet.
    pub(crate) fn deliver(
        &mut self,
        request: &Request,
        told: Told,
        clock: Time,
    ) -> Result<Told, Told> {
        self.clock = self.clock.max(clock);
        let Some(id) = all_granted(&told).first().copied() else { return Ok(told) };
        let over: Vec<_> =
            all_granted(&told).into_iter().filter(|id| !self.may_leave(*id, clock)).collect();
        if over.is_empty() {
            return Ok(told);
        }
        let (ended, heard_of) = (self.lease(id).ended.clone(), self.lease(id).taken);
        for id in &over {
            self.one_less_out(*id);
            let lease = self.lease(*id);
            if lease.ended.is_none() && !lease.taken && lease.out == 0 {
                self.end(*id, Outcome::Undelivered, None, false);
            }
        }
        if let Ok(Answer::GotMany(mut all)) = told {
            all.retain(|got| !over.contains(&got.lease));
            if !all.is_empty() {
                self.settle();
                return Ok(Ok(Answer::GotMany(all)));
            }
        }
        self.settle();
        Err(match ended {
            Some((outcome, why)) if !matches!(outcome, Outcome::Undelivered | Outcome::Broken) => {
                Err(why)
            }
            _ if heard_of => Err(Refusal::LeaseLost),
            _ => self.turned_away(request, request.until > request.arrived),
        })
    }

    /// Whether a granted lease lasts still; then time may end it from now on.
    fn may_leave(&mut self, id: LeaseId, clock: Time) -> bool {
        let lease = self.lease(id);
        let lasts = lease.ended.is_none() && lease.grant.until > clock;
        lease.looked |= lasts;
        lasts
    }

    /// The grants of these leases are durable.
    pub(crate) fn durable(&mut self, is: impl Fn(LeaseId) -> bool) {
        for lease in &mut self.leases {
            lease.durable = is(lease.grant.lease);
        }
    }

    pub(crate) fn handed(&mut self, id: LeaseId, taken: bool) {
        self.one_less_out(id);
        let now = self.now;
        let lease = self.lease(id);
        if lease.ended.is_none() && taken {
            (lease.taken, lease.kept) = (true, None);
            if lease.grant.until == FOR_EVER {
                self.end(id, Outcome::Done, None, false);
            }
        } else if lease.ended.is_none() && lease.out == 0 && !lease.taken {
            if lease.key.is_some() {
                lease.kept = Some(now + lease.length.min(TEN_SECONDS));
            } else {
                self.end(id, Outcome::Undelivered, None, false);
            }
        }
        self.settle();
    }

    fn one_less_out(&mut self, id: LeaseId) {
        self.lease(id).out -= 1;
    }
}
