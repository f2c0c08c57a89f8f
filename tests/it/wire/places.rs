//! Who stands where: nobody overtakes who is there, and a key keeps a place for a while.

use awaitd_tests::Server;

use super::{get, put, state};

#[tokio::test]
async fn gets_are_answered_in_the_order_of_their_arrival() {
    let server = Server::start();
    let client = server.client();
    let mut waiting = Vec::new();
    for count in 1..=5 {
        waiting.push(client.post("/v1/queues/q/get?wait=30s", "").spawn());
        server.until_waiting("queue", "q", "get", count).await;
    }
    for body in 1..=5 {
        put(&client, "q", &format!("{body}")).await;
    }
    for (body, got) in (1..=5).zip(waiting) {
        assert_eq!(got.await.expect("no panic").expect(200).text(), format!("{body}"));
    }
}

#[tokio::test]
async fn puts_are_admitted_in_the_order_of_their_arrival() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "q", "0").await;
    let mut waiting = Vec::new();
    for count in 1..=5 {
        let body = format!("{count}");
        waiting.push(client.post("/v1/queues/q/jobs?wait=30s", body).spawn());
        server.until_waiting("queue", "q", "put", count).await;
    }
    for body in 0..=5 {
        // One who does not wait cannot have the room either: it belongs to those in line.
        client.post("/v1/queues/q/jobs", "barging").await.refused(429, "queue_full");
        assert_eq!(get(&client, "q").await.text(), format!("{body}"));
    }
    for one in waiting {
        one.await.expect("no panic").expect(201);
    }
}

#[tokio::test]
async fn acquires_are_granted_in_the_order_of_their_arrival() {
    let server = Server::start();
    let client = server.client();
    let mut held = client.post("/v1/locks/l/acquire", "").await.expect(201);
    let mut waiting = Vec::new();
    for count in 1..=5 {
        waiting.push(client.post("/v1/locks/l/acquire?wait=30s", "").spawn());
        server.until_waiting("lock", "l", "acquire", count).await;
    }
    for next in waiting {
        client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
        client.delete(&held.location()).await.expect(204);
        let granted = next.await.expect("no panic").expect(201);
        assert!(granted.number("awaitd-fence") > held.number("awaitd-fence"));
        held = granted;
    }
}

/// Hanging up cancels a wait: that put was never put, and who waits behind moves up.
#[tokio::test]
async fn a_put_that_hangs_up_was_never_put() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "q", "0").await;
    let cut = client.post("/v1/queues/q/jobs?wait=30s", "cut").spawn();
    server.until_waiting("queue", "q", "put", 1).await;
    let stays = client.post("/v1/queues/q/jobs?wait=30s", "stays").spawn();
    server.until_waiting("queue", "q", "put", 2).await;
    cut.abort();
    server.until_waiting("queue", "q", "put", 1).await;
    get(&client, "q").await;
    stays.await.expect("no panic").expect(201);
    assert_eq!(get(&client, "q").await.text(), "stays");
    assert_eq!(state(&client, "q").await["ready"], 0);
}

#[tokio::test]
async fn a_key_keeps_the_place_of_one_who_comes_back() {
    let server = Server::start();
    let client = server.client();
    let ask = || server.client().post("/v1/queues/q/get?wait=30s", "").key("k");
    let cut = ask().spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    let other = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 2).await;
    cut.abort();
    server.until_waiting("queue", "q", "get", 1).await;
    let back = ask().spawn();
    server.until_waiting("queue", "q", "get", 2).await;
    put(&client, "q", "first").await;
    assert_eq!(back.await.expect("no panic").expect(200).text(), "first");
    put(&client, "q", "second").await;
    assert_eq!(other.await.expect("no panic").expect(200).text(), "second");
}

#[tokio::test]
async fn a_kept_place_is_passed_over_while_nobody_is_there() {
    let server = Server::start();
    let client = server.client();
    let cut = client.post("/v1/locks/l/acquire?wait=30s", "").key("k");
    let held = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    let cut = cut.spawn();
    server.until_waiting("lock", "l", "acquire", 1).await;
    cut.abort();
    server.until_waiting("lock", "l", "acquire", 0).await;
    client.delete(&held).await.expect(204);
    client.post("/v1/locks/l/acquire", "").await.expect(201);
}

/// A job given back re-enters above the bound, and then no put is admitted until there is room.
#[tokio::test]
async fn a_job_given_back_may_exceed_the_bound_and_a_put_may_not() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "q", "first").await;
    let first = get(&client, "q").await.location();
    // What is under a lease is outside the bound; what is delayed is inside.
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    client.post("/v1/queues/q/jobs", "x").await.refused(429, "queue_full");
    client.post(&format!("{first}/nack?delay=0"), "").await.expect(204);
    let queue = state(&client, "q").await;
    assert_eq!((&queue["ready"], &queue["delayed"]), (&1.into(), &1.into()));
    let second = get(&client, "q").await;
    assert_eq!(second.text(), "first");
    client.post("/v1/queues/q/jobs", "x").await.refused(429, "queue_full");
    client.put("/v1/queues/q", r#"{"maxsize": 2}"#).await.expect(200);
    put(&client, "q", "x").await;
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(200);
    for _ in 0..1_001 {
        put(&client, "q", "infinite").await;
    }
}
