//! A transcript, played: each line in turn, who was answered by it, and the numbers as they appear.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use awaitd_primitives::{Command, JobId, LeaseId, LeaseRef, Thing};

use super::asking::{Asking, FORGED};
use super::said::{Lease, Said};
use super::script::{Act, Line, Script, Told, What};

/// Where a transcript can be played.
pub trait World {
    /// Does it and says who was told what because of it, in whichever order.
    fn act(&mut self, who: &str, what: &What) -> Vec<(String, Said)>;
    /// How many wait.
    fn waiting(&self) -> usize;
    /// Where time stopped on its way, during the last act.
    fn stops(&mut self) -> Vec<Duration>;
}

/// What came of it.
#[derive(Debug)]
pub struct Played {
    /// The file as it would have to be.
    pub text: String,
    /// Where time stopped on its way, by act.
    pub stops: Vec<Vec<Duration>>,
}

/// Plays it. At its end all who still wait hang up, after which nobody may be left.
pub fn play(script: &Script, world: &mut impl World) -> Played {
    let mut player = Player::default();
    let (mut told, mut stops) = (Vec::new(), Vec::new());
    for line in &script.lines {
        let Line::Act(act) = line else { continue };
        let place = format!("{}:{}: {}", script.name, act.number, act.text);
        told.push(player.act(act, world, &place));
        stops.push(world.stops());
    }
    for who in player.waiting.iter().chain(&player.sent) {
        let told = world.act(who, &What::HangsUp);
        assert!(told.is_empty(), "{}: as {who} left at the end: {told:?}", script.name);
    }
    assert_eq!(world.waiting(), 0, "{}: somebody waits who is not there", script.name);
    Played { text: script.with(&told), stops }
}

#[derive(Debug, Default)]
struct Player {
    /// Who waits, in the order in which they began to.
    waiting: Vec<String>,
    /// Whose answer is on its way.
    sent: Vec<String>,
    numbers: Numbers,
}

impl Player {
    fn act(&mut self, act: &Act, world: &mut impl World, place: &str) -> Told {
        let who = &act.who;
        let waits = self.waiting.contains(who);
        let what = match &act.what {
            What::Asks(asking) => {
                assert!(!waits && !self.sent.contains(who), "{place}: {who} waits for an answer");
                What::Asks(Box::new(self.numbers.meant(asking, place)))
            }
            What::HangsUp => {
                assert!(waits || self.sent.contains(who), "{place}: {who} waits for nothing");
                act.what.clone()
            }
            What::TakesIt => {
                assert!(self.sent.contains(who), "{place}: no answer is on its way to {who}");
                act.what.clone()
            }
            What::Passes(_) | What::Closes | What::Stalls | What::GoesOn => act.what.clone(),
        };
        let said = world.act(who, &what);
        match what {
            What::Asks(_) => self.waiting.push(who.clone()),
            What::HangsUp | What::TakesIt => {
                self.waiting.retain(|waiting| waiting != who);
                self.sent.retain(|sent| sent != who);
            }
            What::Passes(_) | What::Closes | What::Stalls | What::GoesOn => {}
        }
        let told = self.told(who, said, place);
        let named = !self.waiting.iter().any(String::is_empty);
        assert!(named, "{place}: whoever waits needs a name");
        if told.own.is_none() && self.waiting.contains(who) {
            assert!(world.waiting() > 0, "{place}: {who} was not answered, and does not wait");
        }
        told
    }

    /// The answers in the order in which their askers began to wait, and whoever acted first.
    fn told(&mut self, who: &str, said: Vec<(String, Said)>, place: &str) -> Told {
        let mut said: HashMap<String, Said> = said.into_iter().collect();
        let mut told = Told::default();
        if let Some(own) = said.remove(who) {
            self.waiting.retain(|waiting| waiting != who);
            told.own = Some(self.text(who, &own, place));
        }
        for waiting in std::mem::take(&mut self.waiting) {
            match said.remove(&waiting) {
                Some(answer) => {
                    let text = self.text(&waiting, &answer, place);
                    told.others.push((waiting, text));
                }
                None => self.waiting.push(waiting),
            }
        }
        assert!(said.is_empty(), "{place}: told to somebody who did not wait: {said:?}");
        told
    }

    fn text(&mut self, who: &str, said: &Said, place: &str) -> String {
        if let Said::Sent(_) = said {
            self.sent.push(who.to_owned());
        }
        self.numbers.check_fence(said, place);
        said.text(&mut self.numbers)
    }
}

/// Numbers in the order in which they appear: only that they grow is promised.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    jobs: Vec<u64>,
    leases: Vec<Lease>,
    /// Of events and queues alike.
    generations: Vec<u64>,
    /// The largest fence of each job and lock.
    fences: HashMap<(Thing, u64), u64>,
}

impl Numbers {
    pub(super) fn job(&mut self, job: u64) -> usize {
        place_of(&mut self.jobs, job)
    }

    pub(super) fn lease(&mut self, lease: &Lease) -> usize {
        place_of(&mut self.leases, lease.clone())
    }

    /// 0 is no generation but says that there was none.
    pub(super) fn generation(&mut self, generation: u64) -> usize {
        if generation == 0 { 0 } else { place_of(&mut self.generations, generation) }
    }

    /// A fence never falls for what it protects: a job, or a lock. Permits protect nothing.
    fn check_fence(&mut self, said: &Said, place: &str) {
        for (job, lease) in said.leases() {
            if matches!(lease.thing, Thing::Semaphore(_)) {
                continue;
            }
            let largest = self.fences.entry((lease.thing.clone(), job)).or_default();
            assert!(lease.fence >= *largest, "{place}: fence {} after {largest}", lease.fence);
            *largest = lease.fence;
        }
    }

    /// The same with the server's numbers.
    fn meant(&self, asking: &Asking, place: &str) -> Asking {
        let mut asking = asking.clone();
        match &mut asking.command {
            Command::Done { lease }
            | Command::Finish { lease, .. }
            | Command::Progress { lease, .. }
            | Command::Nack { lease, .. }
            | Command::Extend { lease, .. }
            | Command::Watch { lease } => *lease = self.meant_lease(lease, place),
            Command::Get { settle: Some(lease), .. } => {
                // Named by its token alone.
                *lease = LeaseRef { thing: None, ..self.meant_lease(lease, place) };
            }
            Command::WaitCondition { lock, held, .. } | Command::Notify { lock, held, .. } => {
                // So are these, but a token shows whether it is of the lock in the path.
                let of_this = Some(Thing::Lock(lock.clone()));
                let meant = self.meant_lease(held, place);
                let thing = of_this.filter(|it| meant.thing.as_ref() == Some(it));
                *held = LeaseRef { thing, ..meant };
            }
            Command::Join { after: Some(after), .. }
            | Command::WaitEvent { after: Some(after), .. } => {
                *after = self.meant_generation(*after, place);
            }
            Command::CancelJob { job, .. }
            | Command::ReadJob { job, .. }
            | Command::WaitResult { job, .. }
            | Command::Redrive { job: Some(job), .. }
            | Command::ListJobs { cursor: Some(job), .. } => *job = self.meant_job(*job),
            _ => {}
        }
        asking
    }

    /// One of which nobody was told is one that there is not.
    fn meant_job(&self, job: JobId) -> JobId {
        let known = usize::try_from(job.0).ok().and_then(|it| self.jobs.get(it.checked_sub(1)?));
        known.map_or(job, |known| JobId(*known))
    }

    fn meant_lease(&self, lease: &LeaseRef, place: &str) -> LeaseRef {
        if lease.id == FORGED {
            let thing = Some(Thing::Queue("forged".parse().expect("this is a name")));
            return LeaseRef { id: FORGED, thing };
        }
        let known = usize::try_from(lease.id.fence()).ok().and_then(|it| self.leases.get(it - 1));
        let known = known.unwrap_or_else(|| panic!("{place}: no lease {}", lease.id.fence()));
        let fence = NonZeroU64::new(known.fence).expect("fences begin with 1");
        LeaseRef { id: LeaseId(fence), thing: Some(known.thing.clone()) }
    }

    fn meant_generation(&self, number: u64, place: &str) -> u64 {
        if number == 0 {
            return 0;
        }
        let known = usize::try_from(number).ok().and_then(|it| self.generations.get(it - 1));
        *known.unwrap_or_else(|| panic!("{place}: no generation {number}"))
    }
}

fn place_of<T: PartialEq>(seen: &mut Vec<T>, number: T) -> usize {
    let place = seen.iter().position(|it| *it == number).unwrap_or_else(|| {
        seen.push(number);
        seen.len() - 1
    });
    place + 1
}
