//! Jobs that are dead, or wait where they should not, are put as new.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::judge::{At, Verdict};
use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::checkpoint::Gate;
use crate::messages::command::JobId;
use crate::messages::job::JobState;
use crate::messages::name::{Name, Thing};
use crate::messages::record::Record;
use crate::state::State;
use crate::state::job::Job;
use crate::state::put::has_too_many_dead;
use crate::state::tend::drained;

/// What is redriven.
pub(crate) struct Redrive<'a> {
    pub(crate) queue: &'a Name,
    pub(crate) to: Option<&'a Name>,
    pub(crate) state: Option<JobState>,
    pub(crate) job: Option<JobId>,
    pub(crate) limit: u64,
    pub(crate) delay: Duration,
    pub(crate) spacing: Duration,
}

/// Each is a put: it stops at the bound, and passes over a job whose unique value lives again, or that is too
/// large.
pub(crate) fn judge_redrive(state: &State, limits: &Limits, at: At, redrive: &Redrive) -> Verdict {
    let Some(known) = state.queues.get(redrive.queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let (asked, all): (Box<dyn Iterator<Item = JobId>>, usize) = match (redrive.job, redrive.state)
    {
        (Some(job), _) if known.jobs.out(job).is_some() => return Verdict::Refuse(Refusal::Leased),
        (Some(job), _) if known.jobs.at_rest(job).is_none() => {
            return Verdict::Refuse(Refusal::NotFound);
        }
        (Some(job), _) => (Box::new([job].into_iter()), 1),
        (None, Some(JobState::Leased)) => return Verdict::Refuse(Refusal::Leased),
        (None, Some(state)) => (known.jobs.page(state, JobId(0)), known.jobs.count(state)),
        (None, None) => {
            let states = [JobState::Dead, JobState::Ready, JobState::Delayed];
            let pages = states.into_iter().flat_map(|state| known.jobs.page(state, JobId(0)));
            (Box::new(pages), states.into_iter().map(|state| known.jobs.count(state)).sum())
        }
    };
    let mut plan = Plan {
        state,
        limits,
        redrive,
        comes: HashMap::new(),
        spaces: HashMap::new(),
        unique: HashSet::new(),
    };
    let (mut records, mut moved, mut gone) = (Vec::new(), 0, 0);
    // Queues that take nothing more: those behind a job that goes there may go elsewhere.
    let (mut closed, mut refused, mut too_large) = (HashSet::new(), None, None);
    for id in asked {
        if moved >= redrive.limit {
            break;
        }
        let Some(job) = known.jobs.at_rest(id) else { continue };
        let waiting = known.jobs.waiting(id);
        let (waits, delayed) = (waiting.is_some(), known.jobs.is_delayed(id));
        let to = plan.target(job);
        // One that was moved by the command before, or is due anyway by the time that it would be given.
        let soon = waiting.is_some_and(|(place, _)| place.ready_at <= at.now + redrive.delay);
        if to == redrive.queue && (waits && !delayed || soon) || closed.contains(to) {
            continue;
        }
        match plan.admit(to, job, waits && to == redrive.queue) {
            Ok(true) => {}
            Ok(false) => continue,
            // What can never go there stands in nobody's way.
            Err(refusal @ Refusal::TooLarge { .. }) => {
                too_large.get_or_insert(refusal);
                continue;
            }
            Err(refusal) => {
                refused.get_or_insert(refusal);
                if redrive.to.is_some() {
                    break;
                }
                closed.insert(to);
                continue;
            }
        }
        let spaced = redrive.spacing.saturating_mul(u32::try_from(moved).unwrap_or(u32::MAX));
        let ready_at = at.now + redrive.delay + spaced;
        let target = state.queues.get(to);
        if target.is_none() && plan.comes[to].0 == 1 {
            records.push(Record::Made { thing: Thing::Queue(to.clone()) });
        }
        let ends = target.and_then(|it| it.config.policy.ttl).map(|ttl| ready_at + ttl);
        let (from, to) = (redrive.queue.clone(), to.clone());
        gone += usize::from(waits && from != to);
        records.push(Record::Moved { from, job: id, to, ready_at, ends, dead_letter: false });
        moved += 1;
    }
    if let Some(refusal) = refused.or(too_large).filter(|_| moved == 0) {
        return Verdict::Refuse(refusal);
    }
    if plan.comes.get(redrive.queue).is_none_or(|(jobs, _)| *jobs == 0) {
        records.extend(drained(state, redrive.queue, known, gone));
    }
    Verdict::Grant(records, Answer::Redriven { moved, left: all as u64 - moved })
}

/// What has been planned so far.
struct Plan<'a> {
    state: &'a State,
    limits: &'a Limits,
    redrive: &'a Redrive<'a>,
    /// How many jobs of how many bytes come into each queue.
    comes: HashMap<&'a Name, (u64, u64)>,
    /// And into each namespace from outside.
    spaces: HashMap<usize, (u64, u64)>,
    unique: HashSet<(&'a Name, &'a str)>,
}

impl<'a> Plan<'a> {
    /// Where a job goes: where it died, if nobody says otherwise.
    fn target(&self, job: &'a Job) -> &'a Name {
        let died = || job.past().map(|past| &past.from);
        self.redrive.to.or_else(died).unwrap_or(self.redrive.queue)
    }

    /// Whether a job may come there: `false` if its unique value lives there again. `stays`: it waits
    /// there already.
    fn admit(&mut self, to: &'a Name, job: &'a Job, stays: bool) -> Result<bool, Refusal> {
        let known = self.state.queues.get(to);
        match known {
            Some(known) if known.gate != Gate::Open => return Err(Refusal::QueueShutDown),
            Some(_) => {}
            None => self.state.may_make(self.limits)?,
        }
        if let Some(value) = job.unique().filter(|_| !stays) {
            let lives = known.is_some_and(|known| known.jobs.unique(value).is_some());
            if lives || !self.unique.insert((to, value)) {
                return Ok(false);
            }
        }
        let bytes = job.payload.body.len() as u64;
        let max_bytes = known.and_then(|known| known.config.policy.max_bytes);
        if let Some(max_bytes) = max_bytes.filter(|most| !stays && bytes > *most) {
            return Err(Refusal::TooLarge { max_bytes });
        }
        // In its own queue there is one less dead by it.
        if to != self.redrive.queue && known.is_some_and(has_too_many_dead) {
            return Err(Refusal::Full);
        }
        let comes = self.comes.entry(to).or_default();
        if !stays && known.is_some_and(|known| known.is_full(bytes, *comes, (0, 0))) {
            return Err(Refusal::Full);
        }
        self.state.usage.admits_move(
            (self.redrive.queue, to),
            job.load().bytes,
            &mut self.spaces,
        )?;
        *comes = if stays { *comes } else { (comes.0 + 1, comes.1 + bytes) };
        Ok(true)
    }
}
