//! Who puts jobs, and repeats a put that was cut off if it had a key.

use std::time::{Duration, Instant};

use awaitd_tests::Heard;
use awaitd_tests::oracle::Asked;
use fastrand::Rng;

use super::ground::{CONFIG, Ground, KEYS, LATE, ONCE, QUEUES, WORK, body, ms};

/// Puts that were told and may be repeated, for as long as they are remembered.
const REPEATABLE: usize = 8;

/// Less than what a server remembers at least.
const REMEMBERED: Duration = Duration::from_mins(4);

pub(super) struct Producer {
    name: String,
    rng: Rng,
    puts: u64,
    /// Was cut off, and nobody knows whether it was done.
    pending: Option<Put>,
    /// The location that the repeat of each must have.
    told: Vec<(Put, String)>,
}

struct Put {
    queue: &'static str,
    path: String,
    /// Of the job: what its body begins with.
    name: String,
    body: String,
    key: Option<String>,
    /// Before the first request.
    asked: Asked,
}

impl Producer {
    pub(super) fn new(number: u64, rng: Rng) -> Self {
        let name = format!("p{number}");
        Self { name, rng, puts: 0, pending: None, told: Vec::new() }
    }

    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        if self.rng.u8(..20) == 0 {
            self.repeat(ground).await?;
        }
        let put = match self.pending.take() {
            Some(put) => put,
            None => self.draw(ground).await?,
        };
        let Some(heard) = put.send(ground).await else {
            // Without a key it cannot be repeated safely: it is there or not.
            self.pending = Some(put).filter(|put| put.key.is_some());
            return None;
        };
        match heard.status {
            201 => {
                let location = heard.location();
                ground.oracle().put(&put.asked, &put.name, put.number(&location));
                if put.key.is_some() {
                    self.told.truncate(REPEATABLE);
                    self.told.insert(0, (put, location));
                }
            }
            429 => ground.oracle().not_put(&put.name),
            _ => {
                if heard.status == 503 {
                    ground.oracle().not_put(&put.name);
                }
                return ground.unexpected(&put.path, &heard);
            }
        }
        Some(())
    }

    /// Ends what is left of the last life: a put that was cut off.
    pub(super) async fn finish(&mut self, ground: &Ground) -> Option<()> {
        while self.pending.is_some() {
            self.turn(ground).await?;
        }
        Some(())
    }

    /// The next job: mostly small, sometimes larger than a small segment.
    async fn draw(&mut self, ground: &Ground) -> Option<Put> {
        if self.puts == 0 {
            for queue in QUEUES {
                let path = format!("/v1/queues/{queue}");
                ground.client().put(&path, CONFIG).attempt().await?;
            }
        }
        self.puts += 1;
        let rng = &mut self.rng;
        let queue = rng.choice([WORK, WORK, LATE, ONCE]).expect("there are some");
        let delay = Duration::from_millis(if queue == LATE { rng.u64(..500) } else { 0 });
        let wait = Duration::from_millis(rng.u64(..100));
        let length = match rng.u8(..40) {
            0 => rng.usize(20_000..100_000),
            1..=4 => rng.usize(..20_000),
            _ => rng.usize(..300),
        };
        let name = format!("{queue}-{}-{}-{length}", self.name, self.puts);
        let key = rng.bool().then(|| name.clone());
        let delay_ms = ms(delay);
        let mut path = format!("/v1/queues/{queue}/jobs?delay={delay_ms}&wait={}", ms(wait));
        if queue == WORK && rng.bool() {
            path = format!("{path}&key=k{}&unique={name}&ttl=1h", rng.u64(..KEYS));
        }
        let body = body(&name);
        let now = Instant::now();
        let asked = ground.ask();
        ground.oracle().putting(queue, &name, delay, now);
        Some(Put { queue, path, name, body, key, asked })
    }

    /// What was done under a key is remembered, with its answer.
    async fn repeat(&mut self, ground: &Ground) -> Option<()> {
        self.told.retain(|(put, _)| put.asked.at().elapsed() < REMEMBERED);
        let Some((put, location)) = self.rng.choice(&self.told) else {
            return Some(());
        };
        let heard = put.send(ground).await?;
        if heard.status != 201 {
            return ground.unexpected(&format!("the repeat of {}", put.name), &heard);
        }
        let again = heard.location();
        if again != *location {
            let what = format!("{}: the repeat under its key is {again}, not {location}", put.name);
            ground.oracle().complain(what);
        }
        Some(())
    }
}

impl Put {
    async fn send(&self, ground: &Ground) -> Option<Heard> {
        let mut request = ground.client().post(&self.path, self.body.as_bytes());
        if let Some(key) = &self.key {
            request = request.key(key);
        }
        request.attempt().await
    }

    fn number(&self, location: &str) -> u64 {
        let number = location.strip_prefix(&format!("/v1/queues/{}/jobs/", self.queue));
        let number = number.and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{location} is no job of {}", self.queue))
    }
}
