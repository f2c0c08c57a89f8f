//! `POST /v1/queues/{q}/shutdown`, as in Python 3.13.

use awaitd_tests::Server;

use super::{get, put, state};

#[tokio::test]
async fn a_shut_down_queue_is_emptied_and_then_says_so() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "ready").await;
    put(&client, "q", "leased").await;
    let lease = get(&client, "q").await;
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    client.post("/v1/queues/q/shutdown", "").await.expect(200);
    client.post("/v1/queues/q/shutdown?immediate=false", "").await.expect(200);
    client.post("/v1/queues/q/jobs", "x").await.refused(410, "queue_shut_down");
    client.post("/v1/queues/q/jobs?wait=30s", "x").await.refused(410, "queue_shut_down");
    get(&client, "q").await;
    // One is delayed: a get is worth trying.
    client.post("/v1/queues/q/get", "").await.expect(204);
    // What is given back is handed out again.
    client.get(&lease.location()).await.expect(200);
    client.post(&format!("{}/nack?delay=0", lease.location()), "").await.expect(204);
    assert_eq!(get(&client, "q").await.text(), lease.text());
}

#[tokio::test]
async fn a_get_from_a_shut_down_and_empty_queue_is_refused() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", "{}").await.expect(201);
    let waits = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    client.post("/v1/queues/q/shutdown", "").await.expect(200);
    waits.await.expect("no panic").refused(410, "queue_shut_down");
    client.post("/v1/queues/q/get", "").await.refused(410, "queue_shut_down");
    client.post("/v1/queues/q/get?empty=408", "").await.refused(410, "queue_shut_down");
    client.put("/v1/queues/q", "{}").await.expect(200);
    client.post("/v1/queues/q/jobs", "x").await.refused(410, "queue_shut_down");
    client.delete("/v1/queues/q").await.expect(204);
    client.put("/v1/queues/q", "{}").await.expect(201);
    put(&client, "q", "x").await;
}

#[tokio::test]
async fn a_put_that_waits_learns_of_the_shutdown() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "q", "x").await;
    let waits = client.post("/v1/queues/q/jobs?wait=30s", "y").spawn();
    server.until_waiting("queue", "q", "put", 1).await;
    client.post("/v1/queues/q/shutdown", "").await.expect(200);
    waits.await.expect("no panic").refused(410, "queue_shut_down");
    assert_eq!(get(&client, "q").await.text(), "x");
}

#[tokio::test]
async fn an_immediate_shutdown_drops_what_waits() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "leased").await;
    put(&client, "q", "ready").await;
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    let lease = get(&client, "q").await.location();
    let join = client.get("/v1/queues/q/join?wait=30s").spawn();
    server.until_waiting("queue", "q", "join", 1).await;
    client.post("/v1/queues/q/shutdown?immediate=true", "").await.expect(200);
    client.post("/v1/queues/q/get", "").await.refused(410, "queue_shut_down");
    assert_eq!(state(&client, "q").await["unfinished"], 1);
    client.get(&lease).await.expect(200);
    // After an immediate shutdown a job that is given back is dropped.
    client.post(&format!("{lease}/nack"), "").await.expect(204);
    join.await.expect("no panic").expect(200);
    assert_eq!(state(&client, "q").await["unfinished"], 0);
    let dropped = [("queue", "q"), ("event", "dropped")];
    assert_eq!(server.scrape().await.count("awaitd_jobs_total", &dropped), 3);
}
