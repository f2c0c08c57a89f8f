//! Who takes a lock, or the one permit of a semaphore, and holds it into the next life if it comes to that.

use std::time::{Duration, Instant};

use awaitd_tests::oracle::Asked;
use fastrand::Rng;

use super::ground::{Ground, ms};
use super::held::{Held, Outcome};

/// What all want: a lock, and a semaphore that is one by its one permit.
const THINGS: [&str; 2] = ["/v1/locks/door", TURNSTILE];

const TURNSTILE: &str = "/v1/semaphores/turnstile";

pub(super) struct Holder {
    name: String,
    rng: Rng,
    acquires: u64,
    /// Was cut off, and may have got the lock.
    pending: Option<Acquire>,
    held: Option<Held>,
    /// The last that was released.
    released: Option<Held>,
}

struct Acquire {
    thing: &'static str,
    path: String,
    key: Option<String>,
    length: Duration,
    /// Before the first request.
    asked: Asked,
    repeated: bool,
}

impl Holder {
    pub(super) fn new(number: u64, rng: Rng) -> Self {
        let name = format!("h{number}");
        Self { name, rng, acquires: 0, pending: None, held: None, released: None }
    }

    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        if let Some(acquire) = self.pending.take() {
            return self.acquire(ground, acquire).await;
        }
        let Some(held) = self.held.take() else {
            if let Some(released) = self.released.take().filter(|_| self.rng.bool()) {
                released.end_again(ground).await?;
            }
            let acquire = self.draw(ground).await?;
            return self.acquire(ground, acquire).await;
        };
        match self.rng.u8(..10) {
            // Dies, as far as the lock is concerned.
            0 => Some(()),
            1..=3 => {
                tokio::time::sleep(Duration::from_millis(self.rng.u64(..20))).await;
                self.held = Some(held);
                Some(())
            }
            _ => {
                let outcome = held.handle(ground, &mut self.rng).await;
                self.after(outcome)
            }
        }
    }

    /// Ends what is left of the last life.
    pub(super) async fn finish(&mut self, ground: &Ground) -> Option<()> {
        while let Some(acquire) = self.pending.take() {
            self.acquire(ground, acquire).await?;
        }
        if let Some(held) = self.held.take() {
            let outcome = held.end(ground).await;
            self.after(outcome)?;
        }
        Some(())
    }

    async fn draw(&mut self, ground: &Ground) -> Option<Acquire> {
        let thing = self.rng.choice(THINGS).expect("there are two");
        if thing == TURNSTILE {
            // Whoever has its permit keeps it.
            ground.client().put(thing, r#"{"permits": 1}"#).attempt().await?;
        }
        self.acquires += 1;
        let name = &self.name;
        let length = Duration::from_millis(self.rng.u64(200..2_000));
        let wait = Duration::from_millis(self.rng.u64(..200));
        let key = self.rng.bool().then(|| format!("{name}-{}", self.acquires));
        let knobs = format!("wait={}&lease={}&owner={name}", ms(wait), ms(length));
        let path = format!("{thing}/acquire?{knobs}");
        Some(Acquire { thing, path, key, length, asked: ground.ask(), repeated: false })
    }

    async fn acquire(&mut self, ground: &Ground, mut acquire: Acquire) -> Option<()> {
        let mut request = ground.client().post(&acquire.path, "");
        if let Some(key) = &acquire.key {
            request = request.key(key);
        }
        let Some(heard) = request.attempt().await else {
            acquire.repeated = true;
            // Without a key the lock may be held by nobody, until that lease ends.
            self.pending = Some(acquire).filter(|acquire| acquire.key.is_some());
            return None;
        };
        let Acquire { thing, path, length, asked, repeated, .. } = &acquire;
        match heard.status {
            201 => {
                let fence = heard.number("awaitd-fence");
                ground.oracle().acquired(asked, thing, fence, *length, Instant::now());
                self.held = Some(Held::lock(&heard, *length));
                Some(())
            }
            408 | 423 => Some(()),
            410 if *repeated && heard.code() == "lease_lost" => {
                ground.oracle().lost_unheard(asked, *length, Instant::now());
                Some(())
            }
            _ => ground.unexpected(path, &heard),
        }
    }

    fn after(&mut self, outcome: Outcome) -> Option<()> {
        match outcome {
            Outcome::Held(held) => self.held = Some(held),
            Outcome::Ended(held) => self.released = Some(held),
            Outcome::Lost => {}
            Outcome::Gone(held) => {
                self.held = Some(held);
                return None;
            }
        }
        Some(())
    }
}
