//! The rules that matter most, each taken out of the core once. Random histories must notice.

mod sharing;
mod work;

pub(crate) use sharing::SHARING;
pub(crate) use work::WORK;

/// The core with one rule taken out.
pub(crate) struct Mutant {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// The rule that it breaks, in the words of the contract.
    pub(crate) rule: &'static str,
    /// In which file of the core, below `src/`.
    pub(crate) file: &'static str,
    /// The text that keeps the rule; it must be there exactly once.
    pub(crate) text: &'static str,
    /// What stands there instead.
    pub(crate) instead: &'static str,
}

/// Those of jobs, events and leases.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the last in line goes first",
        rule: "nobody overtakes who is there",
        file: "waiters.rs",
        text: "let (number, ticket) = self.lines.get(line)?.range(from..).next()?;",
        instead: "let (number, ticket) = self.lines.get(line)?.range(from..).next_back()?;",
    },
    Mutant {
        name: "a repeat goes to the end of the line",
        rule: "the place of one who is absent is kept for ten seconds",
        file: "engine/keys.rs",
        text: "Some(_) => Ok(self.waiters.unkeep(of).map(|kept| kept.number)),",
        instead: "Some(_) => Ok(self.waiters.unkeep(of).and(None)),",
    },
    Mutant {
        name: "who hung up with a key stays in line",
        rule: "an absent one is passed over",
        file: "engine/mod.rs",
        text: "let parked = self.leave(ticket);",
        instead: "if self.waiters.get(ticket).is_some_and(|parked| parked.key.is_some()) {\n            \
                  return false;\n        }\n        let parked = self.leave(ticket);",
    },
    Mutant {
        name: "an undelivered job goes to the tail",
        rule: "what was not delivered goes back to its old place",
        file: "state/ending.rs",
        text: "Then::Back { ready_at: old, since, counted: false, error: None };",
        instead: "Then::Back { ready_at: now, since: now, counted: false, error: None };",
    },
    Mutant {
        name: "an undelivered job was tried",
        rule: "what was not delivered is not counted as an attempt",
        file: "state/ending.rs",
        text: "Then::Back { ready_at: old, since, counted: false, error: None };",
        instead: "Then::Back { ready_at: old, since, counted: true, error: None };",
    },
    Mutant {
        name: "a lease that ran out was no attempt",
        rule: "a lease that ends gives the job back, which counts as an attempt",
        file: "state/ending.rs",
        text: "(delay.unwrap_or_else(pause), true, error)",
        instead: "(delay.unwrap_or_else(pause), !matches!(ending, Ending::Expired), error)",
    },
    Mutant {
        name: "a lease counts from the stamp of its request",
        rule: "the time of a lease starts with the grant, never while waiting",
        file: "state/get.rs",
        text: "(length, Some(at.clock + length))",
        instead: "(length, Some(at.now + length))",
    },
    Mutant {
        name: "time ends what nobody was told of",
        rule: "time ends no lease before its reply was looked at",
        file: "engine/delivery.rs",
        text: "delivery.looked && delivery.granted <= self.durable;",
        instead: "delivery.granted <= self.durable;",
    },
    Mutant {
        name: "time ends what is not durable yet",
        rule: "time ends no lease before its grant is durable",
        file: "engine/delivery.rs",
        text: "delivery.looked && delivery.granted <= self.durable;",
        instead: "delivery.looked;",
    },
    Mutant {
        name: "a grant that is over is delivered",
        rule: "a grant is delivered only while it lasts",
        file: "engine/delivery.rs",
        text: "lease.until.is_none_or(|until| until > clock)",
        instead: "lease.until.is_none_or(|until| until > clock || until <= clock)",
    },
    Mutant {
        name: "above the bound is not at the bound",
        rule: "a job given back may exceed the bound, but then no put is admitted",
        file: "state/queue.rs",
        text: "waiting >= self.config.maxsize",
        instead: "waiting == self.config.maxsize",
    },
    Mutant {
        name: "a clear hides the set before it",
        rule: "no set between two waits is missed",
        file: "state/event.rs",
        text: "Some(generation) => known.generation() > generation,",
        instead: "Some(generation) => known.set && known.generation() > generation,",
    },
    Mutant {
        name: "a join looks at the moment alone",
        rule: "no moment of emptiness is missed between two joins",
        file: "state/queue.rs",
        text: "Some(after) => generation > after,",
        instead: "Some(after) => unfinished == 0 && generation > after,",
    },
    Mutant {
        name: "a get makes room and tells nobody",
        rule: "a freed thing is handed to the first in line in the same step",
        file: "engine/settle.rs",
        text: "self.stir_at(Line::Put, queue);\n                self.stir_at(Line::Get, queue);",
        instead: "self.stir_at(Line::Get, queue);",
    },
    Mutant {
        name: "a repeat is a new request",
        rule: "a repeat under a key is answered with the same grant, never a second",
        file: "recall.rs",
        text: "let memory = state.remembered.get(&key_of(ask, key)?)?;",
        instead: "let memory =\n        \
                  state.remembered.get(&key_of(ask, key)?).filter(|it| it.fingerprint == 0)?;",
    },
    Mutant {
        name: "a get goes on without the lease that it came to settle",
        rule: "settle= is done first; if it is refused nothing is got",
        file: "engine/keys.rs",
        text: "Verdict::Refuse(refusal) => return Err(refusal),",
        instead: "Verdict::Refuse(_) => {}",
    },
    Mutant {
        name: "numbers of leases come back",
        rule: "a fence is larger than any before",
        file: "state/lease.rs",
        text: "LeaseId(NonZeroU64::MIN.saturating_add(self.last))",
        instead: "LeaseId(NonZeroU64::MIN.saturating_add(self.live.len() as u64))",
    },
    Mutant {
        name: "turned away before the line is settled",
        rule: "nobody is turned away from what is free",
        file: "engine/time.rs",
        text: "if step.work >= TURN_MAX || !self.settle(step) {\n            return;\n        }\n        // Only now, so that no job ends that somebody waits for.\n        while step.work < TURN_MAX\n            && let Some((_, queue, job)) =\n                self.state.next_end_of_wait().filter(|(end, ..)| *end <= now)\n        {\n            step.work += 1;\n            let queue = queue.clone();\n            if self.is_overdue() {\n                self.ripen_in(&queue, 0, step);\n                if !self.settle(step) {\n                    return;\n                }\n                if self.state.next_end_of_wait().is_none_or(|(.., next)| next != job) {\n                    continue;\n                }\n            }\n            let records = end_wait(&self.state, now, &queue, job);\n            self.commit(records, step);\n        }\n        if step.work >= TURN_MAX || !self.settle(step) {\n            return;\n        }\n        while step.work < TURN_MAX",
        instead: "if step.work >= TURN_MAX {\n            return;\n        }\n        // Only now, so that no job ends that somebody waits for.\n        while step.work < TURN_MAX\n            && let Some((_, queue, job)) =\n                self.state.next_end_of_wait().filter(|(end, ..)| *end <= now)\n        {\n            step.work += 1;\n            let queue = queue.clone();\n            if self.is_overdue() {\n                self.ripen_in(&queue, 0, step);\n                if !self.settle(step) {\n                    return;\n                }\n                if self.state.next_end_of_wait().is_none_or(|(.., next)| next != job) {\n                    continue;\n                }\n            }\n            let records = end_wait(&self.state, now, &queue, job);\n            self.commit(records, step);\n        }\n        if step.work >= TURN_MAX {\n            return;\n        }\n        while step.work < TURN_MAX",
    },
    Mutant {
        name: "what nobody came back for stays granted",
        rule: "a grant that was cut is kept for ten seconds, then it goes back",
        file: "engine/time.rs",
        text: "self.give_back(lease, step);\n        }\n        self.ripen(step)",
        instead: "self.deliveries.heard_of(lease);\n        }\n        self.ripen(step)",
    },
    Mutant {
        name: "a plain get waits for nothing",
        rule: "a get tells of its job only when that is durable",
        file: "engine/positions.rs",
        text: "job.max(self.mark(got.lease))",
        instead: "job.max(self.mark(got.lease)).min(Position::default())",
    },
    Mutant {
        name: "a mark is ignored",
        rule: "a lease's number is told only when it is durably reserved",
        file: "engine/positions.rs",
        text: "job.max(self.mark(got.lease))",
        instead: "job.max(self.mark(got.lease).min(Position::default()))",
    },
    Mutant {
        name: "a plain get waits for its lease",
        rule: "a plain get does not wait for its own lease",
        file: "engine/positions.rs",
        text: "Some(Answer::Got(got)) if is_plain_get(ask) => self.of(got),",
        instead: "Some(Answer::Got(got)) if is_plain_get(ask) && got.lease.fence() == 0 => self.of(got),",
    },
    Mutant {
        name: "a get under a key waits for no more than another",
        rule: "a repeated key gets what it got, whatever crashed",
        file: "engine/positions.rs",
        text: "plain && ask.key.is_none()",
        instead: "plain",
    },
    Mutant {
        name: "a get that settles waits for no more than another",
        rule: "what was answered done never comes back",
        file: "engine/positions.rs",
        text: "GetMode::Leased(_), settle: None, ..",
        instead: "GetMode::Leased(_), ..",
    },
    Mutant {
        name: "a get of a job at most once waits for no more than another",
        rule: "a job at most once never comes again",
        file: "engine/positions.rs",
        text: "mode: GetMode::Leased(_), settle: None, ..",
        instead: "settle: None, ..",
    },
    Mutant {
        name: "a refusal waits for nothing",
        rule: "no answer before its facts are durable, refusals included",
        file: "engine/positions.rs",
        text: "_ => self.committed,",
        instead: "None => Position::default(),\n            _ => self.committed,",
    },
    Mutant {
        name: "what is told instead of a grant leaves with it",
        rule: "no answer before its facts are durable, refusals included",
        file: "engine/delivery.rs",
        text: "Reply { told, after: self.positions.committed(), ..reply }",
        instead: "Reply { told, ..reply }",
    },
    Mutant {
        name: "a taken lease is as good as durable",
        rule: "time ends no lease before its grant is durable",
        file: "engine/delivery.rs",
        text: "it.taken && it.key.is_none() && it.granted <= durable",
        instead: "it.taken && it.key.is_none() && it.granted <= durable.max(it.granted)",
    },
    Mutant {
        name: "grace is given twice",
        rule: "a start lengthens a lease once between renewals",
        file: "engine/start.rs",
        text: "short && !lease.graced",
        instead: "short",
    },
    Mutant {
        name: "no grace is given",
        rule: "a lease lasts for a while after a start",
        file: "engine/start.rs",
        text: "short && !lease.graced",
        instead: "short && lease.graced",
    },
    Mutant {
        name: "a renewal does not earn a new grace",
        rule: "a start lengthens a lease once between renewals",
        file: "state/apply.rs",
        text: "self.leases.extend(*lease, *until, false)",
        instead: "self.leases.extend(*lease, *until, true)",
    },
    Mutant {
        name: "what may have been delivered comes again",
        rule: "a job at most once never comes again",
        file: "engine/start.rs",
        text: "&Ending::Done);",
        instead: "&Ending::Undelivered);",
    },
    Mutant {
        name: "a start goes on from the last lease that it knows",
        rule: "a fence is larger than any before, whatever crashed",
        file: "engine/start.rs",
        text: "let from = self.state.leases.reserved();",
        instead: "let from = self.state.leases.last();",
    },
    Mutant {
        name: "a checkpoint forgets the late ones",
        rule: "what became of a lease is known for as long as anybody may ask",
        file: "state/checkpoint.rs",
        text: "late.into_iter().chain",
        instead: "late.into_iter().take(0).chain",
    },
    Mutant {
        name: "nobody copies what became of leases",
        rule: "what became of a lease is known for as long as anybody may ask",
        file: "state/checkpoint.rs",
        text: "Part::Fates(lease) => self.leases.copy_fates(*lease)?,",
        instead: "Part::Fates(_) => return None,",
    },
    Mutant {
        name: "a job is copied without its lease",
        rule: "a copy is whole",
        file: "state/checkpoint.rs",
        text: "lease: lease.and_then(|id| Some(Box::new(self.leases.get(id)?.copy(id)))),",
        instead: "lease: lease.and_then(|_| None),",
    },
    Mutant {
        name: "a job is copied to the place that it had",
        rule: "a copy is whole",
        file: "state/checkpoint.rs",
        text: "ready_at: place.ready_at,",
        instead: "ready_at: job.enqueued,",
    },
    Mutant {
        name: "a copied lease may be graced again",
        rule: "a copy is whole",
        file: "state/lease.rs",
        text: "LeaseCopy { lease, length, until, granted, waited, graced }",
        instead: "LeaseCopy { lease, length, until, granted, waited, graced: graced && false }",
    },
    Mutant {
        name: "a body that is elsewhere is copied as it is",
        rule: "a body is written from memory",
        file: "engine/start.rs",
        text: "payload.body = body.clone();",
        instead: "_ = body.clone();",
    },
    Mutant {
        name: "a checkpoint forgets the time of day",
        rule: "a start knows which time of day it was",
        file: "state/apply.rs",
        text: "self.tied = checkpoint.tied;",
        instead: "self.tied = self.tied.or(None);",
    },
    Mutant {
        name: "what is deleted leaves its leases",
        rule: "a lease ends with its thing",
        file: "state/queue.rs",
        text: "let leases = known.jobs.leases().collect();",
        instead: "let leases = known.jobs.leases().take(0).collect();",
    },
];
