//! Who gets jobs: under leases that are kept, renewed, given back, forgotten or taken to the next
//! life; and at most once.

use std::time::{Duration, Instant};

use awaitd_tests::Heard;
use awaitd_tests::oracle::{Asked, Promise, Told};
use fastrand::Rng;

use super::ground::{Ground, LATE, ONCE, WORK, ms, name};
use super::held::{Held, Outcome};

/// Jobs in one hand; who has more does one.
const HANDS: usize = 3;

/// What was done and may be done again.
const REPEATABLE: usize = 8;

/// A get that was cut off may have a job, which comes back only when this is over.
const PLAIN: [u64; 3] = [500, 1_000, 2_000];

/// A get with a key is repeated until its answer is known.
const KEYED: Duration = Duration::from_secs(15);

pub(super) struct Worker {
    name: String,
    rng: Rng,
    gets: u64,
    /// Was cut off, and may have got something.
    pending: Option<Get>,
    held: Vec<Held>,
    ended: Vec<Held>,
}

/// A get under a key.
struct Get {
    path: String,
    key: String,
    /// Before the first request.
    asked: Asked,
    repeated: bool,
}

impl Worker {
    pub(super) fn new(number: u64, rng: Rng) -> Self {
        let name = format!("w{number}");
        Self { name, rng, gets: 0, pending: None, held: Vec::new(), ended: Vec::new() }
    }

    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        if let Some(get) = self.pending.take() {
            return self.get_keyed(ground, get).await;
        }
        match self.rng.u8(..20) {
            0 => {
                let ended = self.rng.choice(&self.ended).cloned();
                match ended {
                    Some(ended) => ended.end_again(ground).await,
                    None => Some(()),
                }
            }
            1..=8 if self.held.len() < HANDS => {
                let path = self.draw();
                self.get_plain(ground, &path, None).await
            }
            9..=10 if self.held.len() < HANDS => {
                self.gets += 1;
                let key = format!("{}-{}", self.name, self.gets);
                let path = format!("{}&lease={}", self.draw(), ms(KEYED));
                let get = Get { path, key, asked: ground.ask(), repeated: false };
                self.get_keyed(ground, get).await
            }
            11..=13 => self.settle(ground).await,
            14 => {
                self.forget();
                Some(())
            }
            _ => self.handle(ground).await,
        }
    }

    /// Ends what is left of the last life: nothing is held after it.
    pub(super) async fn finish(&mut self, ground: &Ground) -> Option<()> {
        while let Some(get) = self.pending.take() {
            self.get_keyed(ground, get).await?;
        }
        while let Some(held) = self.held.pop() {
            let outcome = held.end(ground).await;
            self.after(outcome)?;
        }
        for ended in &self.ended {
            ended.end_again(ground).await?;
        }
        Some(())
    }

    fn draw(&mut self) -> String {
        let queue = self.rng.choice([WORK, WORK, LATE]).expect("there are some");
        format!("/v1/queues/{queue}/get?wait={}ms", self.rng.u64(..100))
    }

    /// A plain get, whose own lease a kill may take. With `settle` it is not one, and does that job.
    async fn get_plain(
        &mut self,
        ground: &Ground,
        path: &str,
        mut settle: Option<Held>,
    ) -> Option<()> {
        let length = Duration::from_millis(self.rng.choice(PLAIN).expect("there are some"));
        let mut path = format!("{path}&lease={}", ms(length));
        if let Some(held) = &mut settle {
            path = format!("{path}&settle={}", held.path);
        }
        let promise = if settle.is_some() { Promise::Firm } else { Promise::Plain };
        let asked = ground.ask();
        let heard = ground.client().post(&path, "").attempt().await;
        if let Some(held) = settle {
            let outcome = held.settled(ground, &asked, heard.as_ref());
            self.after(outcome);
        }
        let heard = heard?;
        match heard.status {
            200 => self.got(ground, &asked, &heard, (length, promise)),
            204 => {}
            // Whatever it says of the job that was to be done is judged already.
            410 if promise == Promise::Firm => {}
            _ => return ground.unexpected(&path, &heard),
        }
        Some(())
    }

    async fn get_keyed(&mut self, ground: &Ground, mut get: Get) -> Option<()> {
        let request = ground.client().post(&get.path, "").key(&get.key);
        let Some(heard) = request.attempt().await else {
            get.repeated = true;
            self.pending = Some(get);
            return None;
        };
        match heard.status {
            200 => self.got(ground, &get.asked, &heard, (KEYED, Promise::Firm)),
            204 => {}
            410 if get.repeated && heard.code() == "lease_lost" => {
                ground.oracle().lost_unheard(&get.asked, KEYED, Instant::now());
            }
            _ => return ground.unexpected(&get.path, &heard),
        }
        Some(())
    }

    fn got(&mut self, ground: &Ground, asked: &Asked, heard: &Heard, lease: (Duration, Promise)) {
        let fence = heard.number("awaitd-fence");
        // The lease of a job with a key is a promise to the others of that key.
        let promise = if heard.find("awaitd-key").is_some() { Promise::Firm } else { lease.1 };
        let lease = (lease.0, promise);
        let told = Told { name: name(ground, heard), number: heard.number("awaitd-job"), fence };
        ground.oracle().got(asked, told, lease, Instant::now());
        self.held.push(Held::job(heard, lease.0));
    }

    /// Does a job and gets another in one request.
    async fn settle(&mut self, ground: &Ground) -> Option<()> {
        let Some(at) = self.held.iter().position(Held::is_untouched) else {
            return Some(());
        };
        let mut held = self.held.remove(at);
        held.settling(ground);
        let path = self.draw();
        self.get_plain(ground, &path, Some(held)).await
    }

    async fn handle(&mut self, ground: &Ground) -> Option<()> {
        if self.held.is_empty() {
            return Some(());
        }
        let held = self.held.swap_remove(self.rng.usize(..self.held.len()));
        let outcome = held.handle(ground, &mut self.rng).await;
        self.after(outcome)
    }

    /// Dies, as far as this job is concerned. Not with the long lease of a get that had a key.
    fn forget(&mut self) {
        if let Some(at) = self.held.iter().position(|held| held.length() < KEYED) {
            self.held.swap_remove(at);
        }
    }

    fn after(&mut self, outcome: Outcome) -> Option<()> {
        match outcome {
            Outcome::Held(held) => self.held.push(held),
            Outcome::Ended(held) => {
                self.ended.truncate(REPEATABLE);
                self.ended.insert(0, held);
            }
            Outcome::Lost => {}
            Outcome::Gone(held) => {
                self.held.push(held);
                return None;
            }
        }
        Some(())
    }
}

/// Who gets jobs at most once.
pub(super) struct Taker;

impl Taker {
    pub(super) async fn turn(&mut self, ground: &Ground) -> Option<()> {
        let asked = ground.ask();
        let path = format!("/v1/queues/{ONCE}/get?ack=true&wait=100ms");
        let Some(heard) = ground.client().post(&path, "").attempt().await else {
            ground.oracle().cut(ONCE);
            return None;
        };
        match heard.status {
            200 => {
                let number = heard.number("awaitd-job");
                ground.oracle().took(&asked, name(ground, &heard), number, Instant::now());
                Some(())
            }
            204 => Some(()),
            _ => ground.unexpected(&path, &heard),
        }
    }
}
