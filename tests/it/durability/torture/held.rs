//! A lease that somebody has, and what becomes of it, in this life or in another.

use std::time::{Duration, Instant};

use awaitd_tests::Heard;
use awaitd_tests::oracle::{Asked, How};
use fastrand::Rng;

use super::ground::{Ground, ms};

/// A lease and what its holder wants.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Where it is.
    pub(super) path: String,
    pub(super) fence: u64,
    length: Duration,
    /// `DELETE` means that the job is done, or that the lock is released.
    by_delete: How,
    /// What its holder has asked for already, without hearing what became of it.
    wanted: Option<Wanted>,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// `DELETE`
    End,
    /// `POST …/nack` with this delay.
    GiveBack(Duration),
}

/// What became of it.
pub(super) enum Outcome {
    /// Still held, by this one.
    Held(Held),
    /// Ended by its holder.
    Ended(Held),
    /// Ended otherwise.
    Lost,
    /// The server is gone, and this is what it knows of.
    Gone(Held),
}

impl Held {
    /// The lease of a job.
    pub(super) fn job(heard: &Heard, length: Duration) -> Self {
        Self::new(heard, length, How::Done)
    }

    /// The lease of a lock.
    pub(super) fn lock(heard: &Heard, length: Duration) -> Self {
        Self::new(heard, length, How::Back)
    }

    fn new(heard: &Heard, length: Duration, by_delete: How) -> Self {
        let (path, fence) = (heard.location(), heard.number("awaitd-fence"));
        Self { path, fence, length, by_delete, wanted: None }
    }

    /// Does something to it.
    pub(super) async fn handle(self, ground: &Ground, rng: &mut Rng) -> Outcome {
        match rng.u8(..10) {
            _ if self.wanted.is_some() => self.end(ground).await,
            0 => self.look(ground).await,
            1 => self.renew(ground).await,
            2 if self.by_delete == How::Done => {
                // Jobs without delays stay in order; see how the queues are drained.
                let late = self.path.starts_with("/v1/queues/late/");
                let delay = Duration::from_millis(if late { rng.u64(..200) } else { 0 });
                self.finish(ground, Wanted::GiveBack(delay)).await
            }
            _ => self.end(ground).await,
        }
    }

    /// `task_done` or `release`, or what its holder wanted before.
    pub(super) async fn end(self, ground: &Ground) -> Outcome {
        let wanted = self.wanted.unwrap_or(Wanted::End);
        self.finish(ground, wanted).await
    }

    async fn finish(mut self, ground: &Ground, wanted: Wanted) -> Outcome {
        let first = self.wanted.is_none();
        self.wanted = Some(wanted);
        let how = self.how(wanted);
        let asked = ground.ask();
        ground.oracle().ending(self.fence, how);
        let Some(heard) = self.send(ground, wanted).await else {
            return Outcome::Gone(self);
        };
        match heard.status {
            204 => {
                ground.oracle().ended(&asked, self.fence, how, first);
                Outcome::Ended(self)
            }
            410 => self.lost(ground, &heard),
            _ => {
                // Whatever it is, 503 above all: it says that nothing was done.
                if first {
                    ground.oracle().not_ended(self.fence);
                    self.wanted = None;
                }
                self.gone_or_lost(ground, &heard)
            }
        }
    }

    /// Nothing was wanted of it so far.
    pub(super) fn is_untouched(&self) -> bool {
        self.wanted.is_none()
    }

    /// For how long it was granted.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// A get is about to do the job, with `settle=`.
    pub(super) fn settling(&mut self, ground: &Ground) {
        self.wanted = Some(Wanted::End);
        ground.oracle().ending(self.fence, How::Done);
    }

    /// What that get was told. With no job too, and when it is turned away at the end of the server,
    /// the job that it came to do may be done.
    pub(super) fn settled(self, ground: &Ground, asked: &Asked, heard: Option<&Heard>) -> Outcome {
        match heard {
            Some(heard) if matches!(heard.status, 200 | 204) => {
                ground.oracle().ended(asked, self.fence, How::Done, true);
                Outcome::Ended(self)
            }
            Some(heard) if heard.status == 410 => self.lost(ground, heard),
            Some(_) | None => Outcome::Gone(self),
        }
    }

    /// What was ended may be ended so again, for as long as it is known.
    pub(super) async fn end_again(&self, ground: &Ground) -> Option<()> {
        let wanted = self.wanted.expect("it was ended by its holder");
        let asked = ground.ask();
        let heard = self.send(ground, wanted).await?;
        if heard.status == 204 {
            ground.oracle().ended(&asked, self.fence, self.how(wanted), false);
            return Some(());
        }
        ground.unexpected(&format!("{self:?} again"), &heard)
    }

    fn how(&self, wanted: Wanted) -> How {
        match wanted {
            Wanted::End => self.by_delete,
            Wanted::GiveBack(_) => How::Back,
        }
    }

    async fn send(&self, ground: &Ground, wanted: Wanted) -> Option<Heard> {
        let request = match wanted {
            Wanted::End => ground.client().delete(&self.path),
            Wanted::GiveBack(delay) => {
                let path = format!("{}/nack?delay={}", self.path, ms(delay));
                ground.client().post(&path, "not now")
            }
        };
        request.attempt().await
    }

    async fn look(self, ground: &Ground) -> Outcome {
        let asked = ground.ask();
        let Some(heard) = ground.client().get(&self.path).attempt().await else {
            return Outcome::Gone(self);
        };
        match heard.status {
            200 => {
                ground.oracle().alive(&asked, self.fence, None);
                self.same_fence(ground, &heard);
                Outcome::Held(self)
            }
            410 => self.lost(ground, &heard),
            _ => self.gone_or_lost(ground, &heard),
        }
    }

    async fn renew(self, ground: &Ground) -> Outcome {
        let asked = ground.ask();
        let path = format!("{}?lease={}", self.path, ms(self.length));
        let Some(heard) = ground.client().patch(&path).attempt().await else {
            return Outcome::Gone(self);
        };
        match heard.status {
            200 => {
                ground.oracle().alive(&asked, self.fence, Some(self.length));
                self.same_fence(ground, &heard);
                Outcome::Held(self)
            }
            410 => self.lost(ground, &heard),
            _ => self.gone_or_lost(ground, &heard),
        }
    }

    fn lost(self, ground: &Ground, heard: &Heard) -> Outcome {
        if heard.code() != "lease_lost" {
            let what = format!("{self:?}: not expected: {}", heard.shown());
            ground.oracle().complain(what);
        }
        ground.oracle().lost(self.fence, Instant::now());
        Outcome::Lost
    }

    fn gone_or_lost(self, ground: &Ground, heard: &Heard) -> Outcome {
        match ground.unexpected(&format!("{self:?}"), heard) {
            None => Outcome::Gone(self),
            // It is of no use any more, if the server knows nothing of it.
            Some(()) => Outcome::Lost,
        }
    }

    fn same_fence(&self, ground: &Ground, heard: &Heard) {
        let fence = heard.number("awaitd-fence");
        if fence != self.fence {
            ground.oracle().complain(format!("{self:?}: its fence is now {fence}"));
        }
    }
}
