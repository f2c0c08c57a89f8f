//! The rules that matter most, each taken out of the core once. Random histories must notice.

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

/// All of them.
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
        text: "if let Some(parked) = self.leave(ticket) {\n            self.keep_place(parked.key.as_ref(), &parked.ask, parked.number);",
        instead: "if self.waiters.get(ticket).is_some_and(|parked| parked.key.is_some()) {\n            \
                  return;\n        }\n        if let Some(parked) = self.leave(ticket) {\n            \
                  self.keep_place(parked.key.as_ref(), &parked.ask, parked.number);",
    },
    Mutant {
        name: "an undelivered job goes to the tail",
        rule: "what was not delivered goes back to its old place",
        file: "state/ending.rs",
        text: "Ending::Undelivered => Some((old, out.job.since(out.place), false, None)),",
        instead: "Ending::Undelivered => Some((now, now, false, None)),",
    },
    Mutant {
        name: "an undelivered job was tried",
        rule: "what was not delivered is not counted as an attempt",
        file: "state/ending.rs",
        text: "Ending::Undelivered => Some((old, out.job.since(out.place), false, None)),",
        instead: "Ending::Undelivered => Some((old, out.job.since(out.place), true, None)),",
    },
    Mutant {
        name: "a lease that ran out was no attempt",
        rule: "a lease that ends gives the job back, which counts as an attempt",
        file: "state/ending.rs",
        text: "Ending::Expired => Some((old, now, true, None)),",
        instead: "Ending::Expired => Some((old, now, false, None)),",
    },
    Mutant {
        name: "a lease counts from the stamp of its request",
        rule: "the time of a lease starts with the grant, never while waiting",
        file: "state/queue.rs",
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
        text: "self.stir(Line::Put(queue.clone()));\n                self.stir(Line::Get(queue.clone()));",
        instead: "self.stir(Line::Get(queue.clone()));",
    },
    Mutant {
        name: "a repeat is a new request",
        rule: "a repeat under a key is answered with the same grant, never a second",
        file: "judge.rs",
        text: "if let Some(memory) = state.remembered.get(&of) {",
        instead: "if let Some(memory) = state.remembered.get(&of).filter(|it| it.fingerprint == 0) {",
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
        text: "if step.work >= TURN_MAX || !self.settle(step) {",
        instead: "if step.work >= TURN_MAX {",
    },
    Mutant {
        name: "what nobody came back for stays granted",
        rule: "a grant that was cut is kept for ten seconds, then it goes back",
        file: "engine/time.rs",
        text: "self.give_back(lease, step);\n        }\n        let (ripe",
        instead: "self.deliveries.heard_of(lease);\n        }\n        let (ripe",
    },
];
