//! Who puts the jobs of schedules: it knows at which times, looks at the clock on the wall, and asks the
//! loop as anybody does. What was done it learns from the facts, as whoever reads the journal would.
//!
//! It never believes that a time is worked off before that is durable, and the loop never works one off
//! twice: so each time has one job, whenever either of them ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use awaitd_primitives::{
    Ask, CatchUp, Command, Configuration, Entry, Name, Record, Refusal, ScheduleConfig, State,
    Thing, Time, limits,
};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::clock::{Clock, DRIFT_MAX};
use crate::cron::Times;
use crate::desk::{BackOffice, Desk};

/// The clock on the wall is looked at so often, since it may be set, and a queue that takes nothing is asked
/// again so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// For so long it stands in the line of a full queue: longer than any put that stood there before. Asked now
/// and then, it would never come in where some always wait.
const PATIENCE: Duration = Duration::from_hours(1);

/// Times of one schedule that are worked off at once, if many were missed.
const TIMES_AT_ONCE: usize = 100;

/// Where the loop says what became durable.
#[derive(Clone, Debug)]
pub(crate) struct Board(mpsc::UnboundedSender<News>);

/// What concerns a schedule.
#[derive(Debug)]
enum News {
    /// It is this from now on.
    Told(Name, Box<ScheduleConfig>),
    /// Its times are worked off up to this one.
    Fired(Name, u64),
    /// It has gone.
    Gone(Name),
    /// It stood in the line of its queue, and does no longer.
    Left(Name),
}

impl Board {
    /// Says what these tell of schedules.
    pub(crate) fn fold(&self, entries: &[Entry]) {
        for record in entries.iter().flat_map(|entry| &entry.records) {
            let news = match record {
                Record::Prepared(Configuration::Schedule(name, config)) => {
                    News::Told(name.clone(), config.clone())
                }
                Record::Fired { schedule, due, .. } => News::Fired(schedule.clone(), *due),
                Record::Deleted { thing: Thing::Schedule(name), .. } => News::Gone(name.clone()),
                _ => continue,
            };
            // Nobody reads it once the server is going.
            _ = self.0.send(news);
        }
    }
}

/// All schedules, and when each is due.
pub(crate) struct Schedules {
    clock: Clock,
    office: BackOffice,
    news: mpsc::UnboundedReceiver<News>,
    /// The other end of it.
    tells: mpsc::WeakUnboundedSender<News>,
    by_name: HashMap<Name, Watched>,
    /// By the next time of each, which may have come already.
    due: BTreeMap<u64, BTreeSet<Name>>,
    /// When the clock on the wall was last looked at, and what it said.
    looked: (Time, u64),
}

/// A schedule.
struct Watched {
    config: Box<ScheduleConfig>,
    times: Times,
    /// The first that is not worked off.
    next: Option<u64>,
    /// Times up to here were missed, unless they are worked off.
    missed: u64,
    /// Its queue did not take its job; then it is asked again.
    refused: Option<Time>,
    /// Why not, as it was said: once, until one is taken at once.
    said: Option<&'static str>,
}

impl Schedules {
    /// Those that there are. What came due while the server was stopped was missed.
    pub(crate) fn new(state: &State, clock: Clock, office: BackOffice) -> (Self, Board) {
        let (board, news) = mpsc::unbounded_channel();
        let tells = board.downgrade();
        let looked = (clock.now(), clock.time_of_day());
        let (by_name, due) = (HashMap::new(), BTreeMap::new());
        let mut all = Self { clock, office, news, tells, by_name, due, looked };
        for (name, config) in state.schedules() {
            all.tell(name, Box::new(config.clone()), looked.1);
        }
        (all, Board(board))
    }

    /// Until the loop has ended.
    pub(crate) async fn run(mut self) {
        loop {
            let next = self.next_look();
            tokio::select! {
                biased;
                news = self.news.recv() => match news {
                    Some(news) => self.hear(news),
                    None => return,
                },
                () = self.clock.sleep_until(next), if !self.by_name.is_empty() => {}
            }
            self.catch_up_with_news();
            self.work_off().await;
        }
    }

    fn next_look(&self) -> Time {
        let (now, wall) = self.looked;
        let next = self.due.range(wall + 1..).next();
        let rest = next.map(|(due, _)| Duration::from_micros(due - wall));
        now + rest.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
    }

    fn catch_up_with_news(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.hear(news);
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Told(name, config) => {
                // A new one has missed nothing.
                let missed = self.by_name.get(&name).map_or(config.upto, |known| known.missed);
                self.tell(&name, config, missed);
            }
            News::Fired(name, due) => {
                let Some(mut known) = self.take(&name) else { return };
                known.config.upto = due;
                if known.refused.take().is_some() {
                    // What came due meanwhile was missed.
                    known.missed = known.missed.max(self.looked.1);
                } else if known.said.take().is_some() {
                    let Watched { config, .. } = &known;
                    info!(schedule = %name, queue = %config.queue, "the queue takes its jobs again");
                }
                self.put(name, known);
            }
            News::Gone(name) => _ = self.take(&name),
            News::Left(name) => {
                let again = self.by_name.get_mut(&name).and_then(|known| known.refused.as_mut());
                if let Some(again) = again {
                    *again = self.clock.now() + LOOK_EVERY;
                }
            }
        }
    }

    fn tell(&mut self, name: &Name, config: Box<ScheduleConfig>, missed: u64) {
        self.take(name);
        if self.by_name.is_empty() {
            // Nobody has looked for long.
            self.looked = (self.clock.now(), self.clock.time_of_day());
        }
        match Times::parse(&config.cron, &config.timezone) {
            Ok(times) => {
                let known =
                    Watched { config, times, next: None, missed, refused: None, said: None };
                self.put(name.clone(), known);
            }
            // It was good once: this system knows other time zones.
            Err(why) => warn!(schedule = %name, why, "a schedule rests"),
        }
    }

    fn put(&mut self, name: Name, mut known: Watched) {
        known.next = known.times.after(known.config.upto);
        if let Some(next) = known.next {
            self.due.entry(next).or_default().insert(name.clone());
        }
        self.by_name.insert(name, known);
    }

    fn take(&mut self, name: &Name) -> Option<Watched> {
        let known = self.by_name.remove(name)?;
        if let Some(next) = known.next
            && let Some(names) = self.due.get_mut(&next)
        {
            names.remove(name);
            if names.is_empty() {
                self.due.remove(&next);
            }
        }
        Some(known)
    }

    /// Asks for the jobs of all times that have come, not too many at a time: at midnight many come.
    async fn work_off(&mut self) {
        loop {
            self.look();
            let names = self.names();
            if names.is_empty() {
                return;
            }
            let mut names = names.into_iter().peekable();
            while names.peek().is_some() {
                let mut asks = Vec::new();
                while asks.len() < limits::BATCH_MAX
                    && let Some(name) = names.next()
                {
                    let known = self.by_name.get(&name);
                    asks.extend(known.into_iter().flat_map(|it| it.asks(&name, self.looked.1)));
                }
                let Some(desk) = self.office.desk() else { return };
                self.ask(&desk, asks).await;
            }
        }
    }

    async fn ask(&mut self, desk: &Desk, asks: Vec<Command>) {
        let asked = asks.iter().map(|command| Ask { command: command.clone(), key: None });
        let told = desk.ask_all(asked.collect()).await;
        self.catch_up_with_news();
        for (command, told) in asks.into_iter().zip(told) {
            let Command::Fire { schedule, after, .. } = &command else { continue };
            if let (Err(refusal), Some(known)) = (told.told, self.by_name.get_mut(schedule))
                && known.config.upto == *after
            {
                let (queue, why) = (&known.config.queue, refusal.code());
                if known.said.replace(why) != Some(why) {
                    warn!(%schedule, %queue, why, "the queue does not take its job yet");
                }
                let waits = matches!(refusal, Refusal::Full);
                let rest = if waits { PATIENCE } else { LOOK_EVERY };
                known.refused = Some(self.clock.now() + rest);
                if let Some(tells) = self.tells.upgrade().filter(|_| waits) {
                    let schedule = schedule.clone();
                    let waited = desk.ask(Ask { command, key: None }, PATIENCE);
                    tokio::spawn(async move {
                        // If it was let in, that is told as any fact.
                        _ = waited.await;
                        _ = tells.send(News::Left(schedule));
                    });
                }
            }
        }
    }

    /// Looks at the clock on the wall. If it was set, what it leapt over was missed.
    fn look(&mut self) {
        let (then, before) = self.looked;
        let (now, wall) = (self.clock.now(), self.clock.time_of_day());
        let passed = u64::try_from(now.since(then).as_micros()).unwrap_or(u64::MAX);
        let leap = Duration::from_micros(wall.abs_diff(before.saturating_add(passed)));
        if leap >= DRIFT_MAX {
            for known in self.by_name.values_mut() {
                known.missed = wall;
            }
        }
        self.looked = (now, wall);
    }

    /// Which ones to ask for now.
    fn names(&self) -> Vec<Name> {
        let (now, wall) = self.looked;
        let due = self.due.range(..=wall).flat_map(|(_, names)| names);
        let asks = |name: &&Name| {
            let known = self.by_name.get(*name);
            known.is_some_and(|known| known.refused.is_none_or(|again| again <= now))
        };
        due.filter(asks).cloned().collect()
    }
}

impl Watched {
    /// What to ask for at this time of day: each is asked for once the one before is worked off.
    fn asks(&self, schedule: &Name, wall: u64) -> Vec<Command> {
        let Self { config, times, missed, .. } = self;
        let (mut after, mut asks) = (config.upto, Vec::new());
        let mut ask = |due, skip| {
            let (schedule, queue) = (schedule.clone(), config.queue.clone());
            asks.push(Command::Fire { schedule, queue, after, due, skip });
            after = due;
            asks.len()
        };
        // One that was refused goes first, and alone: what came due meanwhile will have been missed.
        let most = if self.refused.is_some() { 1 } else { TIMES_AT_ONCE };
        let mut upto = config.upto;
        if config.catch_up != CatchUp::All
            && let Some(last) = times.last(upto, (*missed).min(wall))
        {
            upto = last;
            if ask(last, config.catch_up == CatchUp::None) == most {
                return asks;
            }
        }
        while let Some(due) = times.after(upto).filter(|due| *due <= wall) {
            upto = due;
            if ask(due, false) == most {
                break;
            }
        }
        asks
    }
}
