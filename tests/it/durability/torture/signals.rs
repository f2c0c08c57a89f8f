//! Who sets an event, who waits for it, and who waits for a queue to be drained.

use awaitd_tests::oracle::Asked;
use fastrand::Rng;

use super::ground::{Ground, LATE};

/// The event that is set again and again, and never cleared.
const EVENT: &str = "bell";

pub(super) struct Setter {
    rng: Rng,
    sets: u64,
    /// Was cut off, and has a key.
    pending: Option<Set>,
}

struct Set {
    value: String,
    key: Option<String>,
    /// Before the first request.
    asked: Asked,
}

impl Setter {
    pub(super) fn new(rng: Rng) -> Self {
        Self { rng, sets: 0, pending: None }
    }

    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        let set = match self.pending.take() {
            Some(set) => set,
            None => self.draw(ground),
        };
        let path = format!("/v1/events/{EVENT}");
        let mut request = ground.client().put(&path, set.value.as_bytes());
        if let Some(key) = &set.key {
            request = request.key(key);
        }
        let Some(heard) = request.attempt().await else {
            self.pending = Some(set).filter(|set| set.key.is_some());
            return None;
        };
        if heard.status != 200 {
            return ground.unexpected(&path, &heard);
        }
        let generation = heard.number("awaitd-generation");
        ground.oracle().set(&set.asked, EVENT, &set.value, generation);
        Some(())
    }

    fn draw(&mut self, ground: &Ground) -> Set {
        self.sets += 1;
        let value = format!("value-{}", self.sets);
        ground.oracle().setting(EVENT, &value);
        let key = self.rng.bool().then(|| value.clone());
        Set { value, key, asked: ground.ask_of(EVENT) }
    }
}

/// Misses no set.
#[derive(Default)]
pub(super) struct Watcher {
    after: u64,
}

impl Watcher {
    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        let after = self.after;
        let asked = ground.ask_of(EVENT);
        let path = format!("/v1/events/{EVENT}?wait=100ms&after={after}");
        let heard = ground.client().get(&path).attempt().await?;
        match heard.status {
            200 => {
                let generation = heard.number("awaitd-generation");
                ground.oracle().seen(&asked, EVENT, heard.text(), generation);
                if generation <= after {
                    ground.oracle().complain(format!("{path}: told of {generation}"));
                }
                self.after = generation;
            }
            408 => {
                let generation = heard.number("awaitd-generation");
                ground.oracle().generation(&asked, EVENT, generation);
                if generation > after {
                    ground.oracle().complain(format!("{path}: turned away at {generation}"));
                }
            }
            _ => return ground.unexpected(&path, &heard),
        }
        Some(())
    }
}

/// Misses no moment at which all is done.
#[derive(Default)]
pub(super) struct Joiner {
    after: u64,
}

impl Joiner {
    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        let queue = format!("/v1/queues/{LATE}");
        let asked = ground.ask_of(&queue);
        let path = format!("{queue}/join?wait=100ms&after={}", self.after);
        let heard = ground.client().get(&path).attempt().await?;
        if !matches!(heard.status, 200 | 408) {
            return ground.unexpected(&path, &heard);
        }
        let generation = heard.number("awaitd-generation");
        ground.oracle().generation(&asked, &queue, generation);
        // 408 and a generation above: it was drained meanwhile, and nobody said so.
        if (heard.status == 200) != (generation > self.after) {
            ground.oracle().complain(format!("{path}: {} at {generation}", heard.status));
        }
        self.after = self.after.max(generation);
        Some(())
    }
}
