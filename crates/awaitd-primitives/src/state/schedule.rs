//! Schedules: a job comes into a queue at each time, once. When that is, whoever asks works out.

use crate::judge::{At, Verdict};
use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::name::{Name, Thing};
use crate::messages::record::Record;
use crate::messages::schedule::ScheduleConfig;
use crate::messages::time::Delay;
use crate::messages::view::ScheduleView;
use crate::state::State;
use crate::state::put::{Put, judge_put};

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    /// What it was told to be, and how far it is worked off.
    pub(crate) config: Box<ScheduleConfig>,
    /// The last time for which a job was put.
    pub(crate) last: Option<u64>,
}

/// What is to be done for a time that has come.
pub(crate) struct Fire<'a> {
    pub(crate) schedule: &'a Name,
    pub(crate) queue: &'a Name,
    pub(crate) after: u64,
    pub(crate) due: u64,
    pub(crate) skip: bool,
}

/// The job and the note that this time is worked off are one entry, so neither is without the other.
/// Whoever asks by what has changed since does nothing.
pub(crate) fn judge_fire(state: &State, limits: &Limits, at: At, fire: &Fire) -> Verdict {
    let Some(known) = state.schedules.get(fire.schedule) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let Schedule { config, .. } = known;
    if config.upto != fire.after || fire.due <= fire.after || config.queue != *fire.queue {
        return Verdict::Grant(Vec::new(), Answer::Fired);
    }
    let (schedule, due, skipped) = (fire.schedule.clone(), fire.due, fire.skip);
    let fired = Record::Fired { schedule, due, skipped };
    if fire.skip {
        return Verdict::Grant(vec![fired], Answer::Fired);
    }
    let ScheduleConfig { queue, payload, rank, ttl, traits, .. } = &**config;
    let (rank, ttl) = (rank.as_ref(), *ttl);
    let put = Put { queue, payload, delay: Delay::NONE, rank, ttl, traits };
    match judge_put(state, limits, at, &put) {
        Verdict::Grant(mut records, _) => {
            records.push(fired);
            Verdict::Grant(records, Answer::Fired)
        }
        other @ (Verdict::Wait | Verdict::WaitUntil(_) | Verdict::Refuse(_)) => other,
    }
}

/// Whether there is memory for it, in place of what it was told before.
pub(crate) fn may_be(
    state: &State,
    limits: &Limits,
    schedule: &Name,
    config: &ScheduleConfig,
) -> Result<(), Refusal> {
    let before = state.schedules.get(schedule).map_or(0, |known| known.config.bytes());
    state.may_grow(limits, config.bytes().saturating_sub(before))
}

/// A schedule whose times stay the same goes on from where it was.
pub(crate) fn go_on(state: &State, schedule: &Name, config: &mut ScheduleConfig) {
    if let Some(known) = state.schedules.get(schedule)
        && (&known.config.cron, &known.config.timezone) == (&config.cron, &config.timezone)
    {
        config.upto = known.config.upto;
    }
}

pub(crate) fn judge_delete(state: &State, schedule: &Name) -> Verdict {
    if !state.schedules.contains_key(schedule) {
        return Verdict::Refuse(Refusal::NotFound);
    }
    let thing = Thing::Schedule(schedule.clone());
    let record = Record::Deleted { thing, dropped: 0, leases: Vec::new() };
    Verdict::Grant(vec![record], Answer::Deleted)
}

/// Its state.
pub(crate) fn view(state: &State, schedule: &Name) -> Option<ScheduleView> {
    let Schedule { config, last } = state.schedules.get(schedule)?.clone();
    Some(ScheduleView { name: schedule.clone(), config, last })
}

impl State {
    /// All schedules, and what they were told to be.
    pub fn schedules(&self) -> impl Iterator<Item = (&Name, &ScheduleConfig)> {
        self.schedules.iter().map(|(name, known)| (name, &*known.config))
    }

    /// What a schedule was told to be.
    pub(super) fn put_schedule(&mut self, name: &Name, config: Box<ScheduleConfig>) {
        let last = self.schedules.get(name).and_then(|known| known.last);
        self.restore_schedule(name, Schedule { config, last });
    }

    /// A schedule, whole.
    pub(super) fn restore_schedule(&mut self, name: &Name, schedule: Schedule) {
        self.note(&Thing::Schedule(name.clone()));
        self.sums.values += schedule.config.bytes();
        if let Some(before) = self.schedules.insert(name.clone(), schedule) {
            self.sums.values -= before.config.bytes();
        }
    }

    /// A schedule has gone.
    pub(super) fn remove_schedule(&mut self, name: &Name) {
        let gone = self.schedules.remove(name);
        self.sums.values -= gone.map_or(0, |gone| gone.config.bytes());
    }

    /// The times of a schedule are worked off up to this one.
    pub(super) fn fired(&mut self, schedule: &Name, due: u64, skipped: bool) {
        if let Some(known) = self.schedules.get_mut(schedule) {
            known.config.upto = due;
            if !skipped {
                known.last = Some(due);
            }
        }
    }
}
