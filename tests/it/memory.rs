//! Ten times as much is offered as there is memory for: what is beyond is refused as documented, or lies on the
//! disk, the process stays as small as it was told to, and whoever gets and finishes is served meanwhile.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use awaitd_tests::{Client, Server};
use tokio::time::sleep;

const MIB: u64 = 1 << 20;

/// What the process takes beside what it was told it may: the program itself, connections, what is on its way to
/// the disk, and what lies between the pieces that are in use.
const BESIDE: u64 = 96 * MIB;

/// … of which a part grows with what is in use.
const BETWEEN_PARTS: u64 = 4;

/// Who is told to ask again does so after this.
const AGAIN: Duration = Duration::from_millis(100);

/// How much is offered, by how many at one time, in bodies of how many bytes.
#[derive(Clone, Copy)]
struct Offer {
    bytes: u64,
    producers: usize,
    body: u64,
}

/// What became of it.
#[derive(Debug, Default)]
struct Heard {
    taken: AtomicU64,
    refused: AtomicU64,
    /// … at first.
    later: AtomicU64,
    finished: AtomicU64,
}

#[tokio::test]
async fn without_a_disk_the_rest_is_refused() {
    refuses(Offer { bytes: 1_000 * MIB, producers: 48, body: MIB / 4 }, 100).await;
}

#[tokio::test]
async fn with_a_disk_the_rest_lies_there() {
    stores(Offer { bytes: 256 * MIB, producers: 48, body: MIB / 4 }, 16).await;
}

const TEN_GIGABYTES: Offer = Offer { bytes: 10_240 * MIB, producers: 200, body: MIB };

#[tokio::test]
#[ignore = "takes a minute, in release: it is run by hand"]
async fn ten_gigabytes_without_a_disk() {
    refuses(TEN_GIGABYTES, 1_024).await;
}

#[tokio::test]
#[ignore = "takes minutes, in release, and 12 GB of disk: it is run by hand"]
async fn ten_gigabytes_with_a_disk() {
    stores(TEN_GIGABYTES, 1_024).await;
}

/// Offers it to a server that has so many MiB, and no disk.
async fn refuses(offer: Offer, budget: u64) {
    let memory = format!("{budget}MiB");
    let args = ["serve", "--listen", "127.0.0.1:0", "--memory", "--max-memory", &memory];
    let heard = offered(offer, budget, &args).await;
    assert!(heard.refused.into_inner() > 0, "all of it was taken");
}

/// Offers it to a server that has so many MiB for bodies, and a disk.
async fn stores(offer: Offer, budget: u64) {
    let folder = awaitd_tests::Folder::new();
    let (data, memory) = (folder.inside("data"), format!("{budget}MiB"));
    let args =
        ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data, "--memory-budget", &memory];
    let heard = offered(offer, budget, &args).await;
    let taken = heard.taken.into_inner() * offer.body;
    assert!(taken > 4 * budget * MIB, "it took {} MiB only", taken / MIB);
}

async fn offered(offer: Offer, budget: u64, args: &[&str]) -> Heard {
    let incoming = (budget / 8).max(8);
    let (arriving, waiting) = (format!("{incoming}MiB"), "4MiB");
    let more = ["--max-incoming-bytes", &arriving, "--max-waiting-bytes", waiting];
    let server = Server::run(&[args, &more].concat(), &[]).expect("it starts");
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(201);
    let (heard, over) = (Arc::new(Heard::default()), Arc::new(AtomicBool::new(false)));
    let consumer = tokio::spawn(consume(client.clone(), Arc::clone(&heard), Arc::clone(&over)));
    let each = offer.bytes / offer.body / offer.producers as u64;
    let produce = |_| tokio::spawn(produce(client.clone(), offer.body, each, Arc::clone(&heard)));
    let producers: Vec<_> = (0..offer.producers).map(produce).collect();
    for producer in producers {
        producer.await.expect("no panic");
    }
    over.store(true, Ordering::Relaxed);
    consumer.await.expect("no panic");
    let most = most_memory(&server);
    let bound = (budget + incoming + 4) * MIB;
    let bound = bound + bound / BETWEEN_PARTS + BESIDE;
    println!("{} MiB of {} at most, {heard:?}", most / MIB, bound / MIB);
    assert!(most <= bound, "{} MiB, not {}: {heard:?}", most / MIB, bound / MIB);
    let heard = Arc::into_inner(heard).expect("all are done");
    assert!(heard.finished.load(Ordering::Relaxed) > 0, "nobody was served: {heard:?}");
    heard
}

/// Puts. What the server has no memory for it asks no more; where there is only too much at one time it asks again.
async fn produce(client: Client, body: u64, count: u64, heard: Arc<Heard>) {
    let body = bytes::Bytes::from(vec![b'x'; usize::try_from(body).expect("it is small")]);
    let mut left = count;
    while left > 0 {
        let told = client.post("/v1/queues/q/jobs", body.clone()).await;
        match told.status {
            201 => _ = heard.taken.fetch_add(1, Ordering::Relaxed),
            429 => {
                told.refused(429, "memory_full");
                heard.refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => {
                told.refused(503, "overloaded");
                heard.later.fetch_add(1, Ordering::Relaxed);
                sleep(AGAIN).await;
                continue;
            }
        }
        left -= 1;
    }
}

/// Gets and finishes one by one: slowly enough that what is offered is far more. What it holds it can finish.
async fn consume(client: Client, heard: Arc<Heard>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let job = client.post("/v1/queues/q/get?wait=1s", "").await;
        if job.status == 200 {
            client.delete(&job.location()).await.expect(204);
            heard.finished.fetch_add(1, Ordering::Relaxed);
        } else if job.status != 204 {
            job.refused(503, "overloaded");
        }
    }
}

/// The most that was resident at one time.
fn most_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    let kib = most.trim().trim_end_matches(" kB").trim().parse::<u64>();
    kib.expect("a number of KiB") * 1_024
}
