//! A disk that fills up: puts are refused, what is held can be finished, and when there is room again
//! it goes on by itself.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use awaitd_tests::{Client, Data, End, Heard, Mounted, until};

/// So few of these fill it that it takes no time.
const BODY: usize = 1_000_000;

/// A directory that is a small file system of its own.
fn small() -> Option<(Data, Mounted)> {
    // Segments as people have them.
    of_size("96m", &[])
}

fn of_size(size: &str, variables: &[(&'static str, &'static str)]) -> Option<(Data, Mounted)> {
    let mut data = Data::new();
    data.variables = variables.to_vec();
    fs::create_dir(data.dir()).expect("a folder can be made");
    let mounted = Mounted::new(data.dir(), size)?;
    Some((data, mounted))
}

async fn put(client: &Client, bytes: usize) -> Heard {
    client.post("/v1/queues/q/jobs", vec![b'x'; bytes]).await
}

/// Puts until there is no room; how many there were.
async fn fill(client: &Client, bytes: usize) -> u64 {
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(201);
    for told in 0..200 {
        let heard = put(client, bytes).await;
        if heard.status != 201 {
            heard.refused(503, "disk_full");
            return told;
        }
    }
    panic!("200 bodies fit into it");
}

/// What a worker and a holder had before it was full.
struct Held {
    done: String,
    back: String,
    renewed: String,
    lock: String,
    permits: String,
}

impl Held {
    async fn before(client: &Client) -> Self {
        let mut leases = Vec::new();
        for body in ["1", "2", "3"] {
            client.post("/v1/queues/held/jobs", body).await.expect(201);
            let got = client.post("/v1/queues/held/get?lease=1h", "").key(body).await;
            leases.push(got.expect(200).location());
        }
        let lock = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201).location();
        client.put("/v1/semaphores/s", r#"{"permits": 2, "bounded": false}"#).await.expect(201);
        let permits = client.post("/v1/semaphores/s/acquire?lease=1h", "").await;
        let permits = permits.expect(201).location();
        client.put("/v1/barriers/b", r#"{"parties": 2}"#).await.expect(201);
        let [done, back, renewed] = leases.try_into().expect("there are three");
        Self { done, back, renewed, lock, permits }
    }

    /// All of it can be finished.
    async fn after(&self, client: &Client) {
        client.delete(&self.done).await.expect(204);
        client.post(&format!("{}/nack?delay=0", self.back), "no").await.expect(204);
        client.patch(&format!("{}?lease=2h", self.renewed)).await.expect(200);
        client.delete(&self.lock).await.expect(204);
        client.delete(&self.permits).await.expect(204);
        client.post("/v1/barriers/b/abort", "").await.expect(200);
        let view = client.get("/v1/queues/held").await.expect(200).json();
        assert_eq!((&view["ready"], &view["leased"]), (&1.into(), &1.into()));
    }
}

/// Gets and does all that there is; how much that was.
async fn consume(client: &Client, queue: &str) -> u64 {
    for count in 0.. {
        let get = async || client.post(&format!("/v1/queues/{queue}/get?lease=1h"), "").await;
        let mut heard = get().await;
        // What was finished makes room; compaction may need a moment.
        until("a get is let in again", async || {
            if heard.status == 503 {
                heard = get().await;
            }
            heard.status != 503
        })
        .await;
        if heard.status == 204 {
            return count;
        }
        client.delete(&heard.expect(200).location()).await.expect(204);
    }
    unreachable!("a queue has an end");
}

async fn until_there_is_room(client: &Client, bytes: usize) {
    until("a put is let in again", async || {
        let heard = put(client, bytes).await;
        if heard.status != 201 {
            heard.clone().refused(503, "disk_full");
        }
        heard.status == 201
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_refuses_puts_alone_and_recovers_when_jobs_are_done() {
    let Some((data, _mounted)) = small() else { return };
    let server = data.start(&[]);
    let client = server.client();
    let held = Held::before(&client).await;
    let told = fill(&client, BODY).await;
    // A wait does not help: nobody who consumes makes room for it.
    let waits = client.post("/v1/queues/q/jobs?wait=1s", vec![b'x'; BODY]).await;
    waits.refused(503, "disk_full");
    // More permits and another configuration are new as well.
    client.post("/v1/semaphores/s/release", "").await.refused(503, "disk_full");
    client.put("/v1/semaphores/s", r#"{"permits": 9}"#).await.refused(503, "disk_full");
    client.put("/v1/barriers/b", r#"{"parties": 9}"#).await.refused(503, "disk_full");
    client.get("/readyz").await.refused(503, "disk_full");
    client.get("/healthz").await.expect(200);
    held.after(&client).await;
    // The oldest job is kept for long. What lies around it goes all the same.
    let oldest = client.post("/v1/queues/q/get?lease=24h", "").key("oldest").await.expect(200);
    assert_eq!(consume(&client, "q").await, told - 1, "all that was told is there, and no more");
    until_there_is_room(&client, BODY).await;
    client.get("/readyz").await.expect(200);
    client.delete(&oldest.location()).await.expect(204);
}

#[tokio::test]
async fn a_full_disk_that_grows_is_used() {
    let Some((data, mounted)) = small() else { return };
    let server = data.start(&[]);
    let client = server.client();
    let told = fill(&client, BODY).await;
    mounted.remount("size=256m");
    until_there_is_room(&client, BODY).await;
    assert_eq!(consume(&client, "q").await, told + 1);
}

#[tokio::test]
async fn a_server_starts_on_a_full_disk() {
    for end in End::ALL {
        let Some((data, _mounted)) = small() else { return };
        let server = data.start(&[]);
        let client = server.client();
        let held = Held::before(&client).await;
        let told = fill(&client, BODY).await;
        end.of(server).await;
        let server = data.start(&[]);
        let client = server.client();
        held.after(&client).await;
        // It may have found some room for a put or two.
        let view = client.get("/v1/queues/q").await.expect(200).json();
        assert_eq!(view["ready"], told, "{end:?}");
        assert_eq!(consume(&client, "q").await, told, "{end:?}");
        until_there_is_room(&client, BODY).await;
    }
}

/// What is larger than a segment mostly is needs room too that was set aside before.
#[tokio::test]
async fn what_is_larger_than_a_segment_is_refused_too() {
    let Some((data, _mounted)) = of_size("160m", &[]) else { return };
    let server = data.start(&["--max-body", "32MiB"]);
    let client = server.client();
    let held = Held::before(&client).await;
    let bytes = 20 << 20;
    let told = fill(&client, bytes).await;
    held.after(&client).await;
    assert_eq!(consume(&client, "q").await, told);
    until_there_is_room(&client, bytes).await;
}

/// Puts that come together share an append, which must not need more room than was set aside.
#[tokio::test]
async fn many_puts_at_once_are_refused_too() {
    let Some((data, _mounted)) = small() else { return };
    let server = data.start(&[]);
    // Where nobody has room, nobody may be kept waiting for it either.
    let story = tokio::time::timeout(Duration::from_secs(50), many_puts(server.client()));
    story.await.expect("everybody is answered");
}

async fn many_puts(client: Client) {
    let held = Held::before(&client).await;
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(201);
    // Whether some of them meet the last of the room together is chance.
    for _ in 0..3 {
        let (mut told, mut refused) = (0, 0);
        while refused == 0 {
            let put = || client.post("/v1/queues/q/jobs", vec![b'x'; BODY]).attempt();
            for heard in [(); 40].map(|()| tokio::spawn(put())) {
                let heard = heard.await.expect("no panic").expect("the server is there");
                if heard.status == 201 {
                    told += 1;
                } else {
                    heard.refused(503, "disk_full");
                    refused += 1;
                }
            }
        }
        assert_eq!(consume(&client, "q").await, told);
        until_there_is_room(&client, BODY).await;
        consume(&client, "q").await;
    }
    held.after(&client).await;
}

/// Whoever gives jobs back again and again, and says why at length, makes no room, and must not take
/// what others need to make some.
#[tokio::test]
async fn what_was_set_aside_is_not_used_up_by_those_who_fail() {
    let Some((data, _mounted)) = of_size("8m", &[("AWAITD_SEGMENT_SIZE", "1MiB")]) else { return };
    let server = data.start(&[]);
    let client = server.client();
    client.put("/v1/queues/failing", r#"{"max_attempts": 1000000}"#).await.expect(201);
    client.post("/v1/queues/failing/jobs", "x").await.expect(201);
    let bytes = 100_000;
    let told = fill(&client, bytes).await;
    for _ in 0..1_000 {
        let heard = client.post("/v1/queues/failing/get?lease=1h", "").await;
        if heard.status != 200 {
            heard.refused(503, "disk_full");
            break;
        }
        let path = format!("{}/nack?delay=0", heard.location());
        let heard = client.post(&path, vec![b'e'; 4_000]).await;
        if heard.status != 204 {
            heard.refused(503, "disk_full");
            break;
        }
    }
    assert_eq!(consume(&client, "q").await, told);
    until_there_is_room(&client, bytes).await;
}

/// Somebody else takes all the room there is, which nobody can see coming.
#[tokio::test]
async fn what_is_held_can_be_finished_whoever_took_the_room() {
    let Some((data, _mounted)) = small() else { return };
    let server = data.start(&[]);
    let client = server.client();
    let held = Held::before(&client).await;
    client.post("/v1/queues/small/jobs", "x").await.expect(201);
    let path = data.dir().join("ballast");
    let mut ballast = File::create(&path).expect("a file can be made");
    while ballast.write_all(&[1; 4_096]).is_ok() {}
    // An open file keeps its room when it is removed.
    drop(ballast);
    let told = fill(&client, BODY).await;
    held.after(&client).await;
    assert_eq!(consume(&client, "small").await, 1);
    assert_eq!(consume(&client, "q").await, told);
    fs::remove_file(&path).expect("it is there");
    until_there_is_room(&client, BODY).await;
}
