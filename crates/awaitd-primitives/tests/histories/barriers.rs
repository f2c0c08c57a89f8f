//! Barriers: all parties come, or nobody goes on.

use awaitd_primitives::*;

use crate::model::{Model, Told, Waiter};

impl Model {
    /// Whether anybody may wait there.
    pub(crate) fn meets(&self, command: &Command) -> Result<(), Refusal> {
        let known = self.find(command).ok_or(Refusal::NotFound)?;
        if known.broken { Err(Refusal::Broken) } else { Ok(()) }
    }

    /// One comes, as the last of those who meet: then all of them are answered.
    pub(crate) fn completes(&mut self, waiter: &Waiter) -> bool {
        let (command, ticket) = (&waiter.request.ask.command, waiter.request.ticket);
        if !matches!(command, Command::WaitBarrier { .. }) {
            return false;
        }
        self.stand(waiter.clone());
        self.gather(command);
        let before = self.line.len();
        self.line.retain(|it| !it.there || it.request.ticket != ticket);
        self.line.len() == before
    }

    /// As many as shall meet are there: the first of them are answered; again and again, as long as there
    /// are enough.
    pub(crate) fn gather(&mut self, command: &Command) {
        let parties = usize::try_from(self.known(command).parties).expect("few parties");
        loop {
            let thing = command.thing();
            let here = |it: &&Waiter| it.there && it.request.ask.command.thing() == thing;
            let met: Vec<_> = self.line.iter().filter(here).take(parties).cloned().collect();
            if met.len() < parties {
                return;
            }
            let generation = self.last_generation + 1;
            (self.last_generation, self.known(command).generation) = (generation, generation);
            for (index, waiter) in (0..).zip(met) {
                self.line.retain(|it| !it.there || it.request.ticket != waiter.request.ticket);
                let answer = Answer::Tripped { index, generation };
                self.remember(&waiter.request.ask, &answer);
                self.tell(&waiter.request, Ok(answer));
            }
        }
    }

    /// Who waits there is told; nobody may wait there from now on, or everybody may again.
    pub(crate) fn turn(&mut self, command: &Command, broken: bool) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        self.known(command).broken = broken;
        let at = |it: &Waiter| it.request.ask.command.thing().as_ref() == Some(&thing);
        self.dismiss(|it| it.there && at(it), &Refusal::Broken);
        self.state(&thing)
    }
}
