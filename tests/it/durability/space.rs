//! Space: the directory is bounded by what lives, whatever came and went.

use std::fs;

use awaitd_tests::{Client, Data, Server, until};

const SEGMENT: u64 = 64 * 1024;

/// What the directory takes on the disk, but for the lock's few bytes.
fn taken(data: &Data) -> u64 {
    let segments = data.segments();
    segments.iter().map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum()
}

/// Asked before and after: meanwhile some may have been done.
async fn is_bounded(data: &Data, server: &Server) {
    let bound = server.scrape().await.count("awaitd_journal_live_bytes", &[]) * 2;
    let taken = taken(data);
    assert!(taken <= bound + 4 * SEGMENT, "{taken} bytes are taken, {bound} and four segments may");
}

async fn cycle(client: &Client, queue: &str, body: &str) {
    client.post(&format!("/v1/queues/{queue}/jobs"), body.to_owned()).await.expect(201);
    let got = client.post(&format!("/v1/queues/{queue}/get"), "").await.expect(200);
    client.delete(&got.location()).await.expect(204);
}

/// One old job among those that come and go keeps nothing but itself.
#[tokio::test]
async fn one_old_job_keeps_no_room_for_others() {
    let mut data = Data::new();
    data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
    let server = data.start(&[]);
    let client = server.client();
    client.post("/v1/queues/old/jobs", "the old one").await.expect(201);
    let lock = client.post("/v1/locks/old/acquire?lease=1h", "").await.expect(201).location();
    let body = "x".repeat(2_000);
    for round in 0..800 {
        cycle(&client, "new", &body).await;
        if round % 20 == 0 {
            is_bounded(&data, &server).await;
        }
    }
    let copied = server.scrape().await.count("awaitd_journal_copied_bytes_total", &[]);
    assert!(copied > 0, "old segments went without a copy");
    drop(server);
    let server = data.start(&[]);
    let client = server.client();
    client.patch(&lock).await.expect(200);
    let got = client.post("/v1/queues/old/get", "").await.expect(200);
    assert_eq!(got.text(), "the old one");
}

/// What is deleted at once makes room at once, though nobody asks for anything after that.
#[tokio::test]
async fn a_deleted_queue_makes_room_by_itself() {
    let mut data = Data::new();
    data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
    let server = data.start(&[]);
    let client = server.client();
    let body = "x".repeat(20_000);
    for _ in 0..50 {
        client.post("/v1/queues/q/jobs", body.clone()).await.expect(201);
    }
    client.post("/v1/queues/stays/jobs", "stays").await.expect(201);
    assert!(taken(&data) > 1_000_000);
    client.delete("/v1/queues/q").await.expect(204);
    until("the directory is small", async || taken(&data) <= 4 * SEGMENT).await;
    drop(server);
    let server = data.start(&[]);
    let got = server.client().post("/v1/queues/stays/get", "").await.expect(200);
    assert_eq!(got.text(), "stays");
}

/// Above the budget no body stays in memory, whatever is done with its job; each comes back whole.
#[tokio::test]
async fn bodies_above_the_budget_are_read_back() {
    let mut data = Data::new();
    data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB"), ("AWAITD_MEMORY_BUDGET", "10KiB")];
    let server = data.start(&[]);
    let client = server.client();
    let body = |number: u64| format!("{number:04}").repeat(2_000);
    for number in 0..60 {
        client.post("/v1/queues/q/jobs", body(number)).await.expect(201);
    }
    let first = client.post("/v1/queues/q/get", "").await.expect(200);
    assert_eq!(first.text(), body(0));
    client.post(&format!("{}/nack?delay=0", first.location()), "").await.expect(204);
    // Segments come and go below the bodies.
    for _ in 0..100 {
        cycle(&client, "other", &body(9_999)).await;
    }
    for number in 0..30 {
        let got = client.post("/v1/queues/q/get", "").key(&format!("k{number}")).await.expect(200);
        let again = client.post("/v1/queues/q/get", "").key(&format!("k{number}")).await;
        assert_eq!((got.text(), again.expect(200).text()), (&*body(number), &*body(number)));
        client.delete(&got.location()).await.expect(204);
    }
    drop(server);
    let server = data.start(&[]);
    let client = server.client();
    for number in 30..60 {
        let got = client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
        assert_eq!(got.text(), body(number));
    }
}
