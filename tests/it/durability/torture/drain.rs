//! The last life: everybody finishes what is theirs, the queues are drained, and what was ever told
//! is accounted for.

use std::time::{Duration, Instant};

use awaitd_tests::oracle::{Promise, Told};
use awaitd_tests::until;

use super::ground::{Ground, LATE, ONCE, QUEUES, WORK, name};
use super::held::Held;
use super::{Actor, Torture};

/// Of the leases under which the queues are drained.
const LEASE: Duration = Duration::from_secs(30);

impl Torture {
    /// Starts the server once more, without anything that disturbs it.
    pub(in super::super) async fn drain(&mut self) {
        self.ground.oracle().started(Instant::now());
        let server = self.data.start(&[]);
        let ground = self.ground.of(&server);
        for actor in &mut self.crew {
            actor.finish(&ground).await.expect("the last life is not ended");
        }
        for queue in QUEUES {
            settled(&ground, queue).await;
            drain(&ground, queue).await;
            let join = format!("/v1/queues/{queue}/join");
            let heard = ground.client().get(&join).await;
            if heard.status != 200 {
                ground.oracle().complain(format!("{queue}: drained, and not: {}", heard.shown()));
            }
            ground.oracle().drained(queue);
        }
    }
}

impl Actor {
    /// Ends what was cut off.
    async fn finish(&mut self, ground: &Ground) -> Option<()> {
        match self {
            Self::Producer(producer) => producer.finish(ground).await,
            Self::Worker(worker) => worker.finish(ground).await,
            Self::Holder(holder) => holder.finish(ground).await,
            Self::Taker(_) | Self::Setter(_) | Self::Watcher(_) | Self::Joiner(_) => Some(()),
        }
    }
}

/// Goes on when all of a queue is ready: leases that nobody heard of have ended, delays are over.
async fn settled(ground: &Ground, queue: &str) {
    until(&format!("{queue} is at rest"), async || {
        let view = ground.client().get(&format!("/v1/queues/{queue}")).await.expect(200).json();
        let count = |state: &str| view[state].as_u64().expect("a number");
        let all = count("ready") + count("delayed") + count("leased");
        assert_eq!(count("unfinished"), all, "{queue}: {view}");
        count("delayed") + count("leased") == 0
    })
    .await;
}

/// Gets and does all that is there.
async fn drain(ground: &Ground, queue: &str) {
    let mut last = 0;
    loop {
        let asked = ground.ask();
        let path = format!("/v1/queues/{queue}/get?lease={}s", LEASE.as_secs());
        let heard = ground.client().post(&path, "").await;
        if heard.status == 204 {
            return;
        }
        let heard = heard.expect(200);
        let number = heard.number("awaitd-job");
        let told = Told { name: name(ground, &heard), number, fence: heard.number("awaitd-fence") };
        ground.oracle().got(&asked, told, (LEASE, Promise::Plain), Instant::now());
        // Without delays a job keeps its place, whatever happened to it. A late one has the place of
        // the moment at which it was due.
        match queue {
            WORK | ONCE if number < last => {
                ground.oracle().complain(format!("{queue}: {number} after {last}"));
            }
            WORK | ONCE | LATE => last = number,
            _ => unreachable!("there are three queues"),
        }
        Held::job(&heard, LEASE).end(ground).await;
    }
}
