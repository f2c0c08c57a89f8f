//! "More for queues": jobs that die, that are dropped, and that are put anew.

use awaitd_tests::{Client, Heard, Server, until};
use serde_json::{Value, json};

use super::{get, put, state};

/// Gives the next job back as failed.
async fn fail(client: &Client, queue: &str, error: &str) -> Heard {
    let got = get(client, queue).await;
    client.post(&format!("{}/nack", got.location()), error).await.expect(204);
    got
}

/// How many jobs are ready, delayed and dead there.
async fn counts(client: &Client, queue: &str) -> [u64; 3] {
    let state = state(client, queue).await;
    ["ready", "delayed", "dead"].map(|name| state[name].as_u64().expect("a number"))
}

async fn configure(client: &Client, queue: &str, configuration: &Value) {
    client.put(&format!("/v1/queues/{queue}"), configuration.to_string()).await.expect(201);
}

/// The answer of a call that changes jobs.
async fn done(client: &Client, path: &str) -> Value {
    client.post(&format!("/v1/queues/{path}"), "").await.expect(200).json()
}

#[tokio::test]
async fn a_job_that_fails_too_often_dies_with_its_history() {
    let server = Server::start();
    let client = server.client();
    let backoff = json!({ "min": 0, "max": 0 });
    let told = json!({ "max_attempts": 2, "backoff": backoff, "dead_letter": "q:dead" });
    configure(&client, "q", &told).await;
    let place = client.post("/v1/queues/q/jobs?key=k", "x").header("job-a", "b").await.expect(201);
    let first = fail(&client, "q", "first").await;
    assert_eq!(first.number("awaitd-attempt"), 1);
    let error = format!("50 % of {}", "\u{e9}\n".repeat(500));
    let second = fail(&client, "q", &error).await;
    assert_eq!(second.number("awaitd-attempt"), 2);
    assert_eq!((counts(&client, "q").await, counts(&client, "q:dead").await), ([0; 3], [1, 0, 0]));
    client.get("/v1/queues/q/join").await.expect(200);
    client.get(&place.location()).await.refused(404, "not_found");

    let got = get(&client, "q:dead").await;
    assert_eq!((got.text(), got.number("awaitd-attempt")), ("x", 1));
    assert_eq!((got.header("job-a"), got.header("awaitd-key")), ("b", "k"));
    assert_eq!((got.header("awaitd-died-in"), got.header("awaitd-died-of")), ("q", "max_attempts"));
    assert_eq!(got.number("awaitd-died-attempts"), 2);
    assert!(got.header("awaitd-died-at") >= got.header("awaitd-enqueued-at"), "{}", got.shown());
    let told = got.header("awaitd-died-error");
    assert!(told.starts_with("50 %25 of %C3%A9%0A") && told.len() <= 1_000, "{told}");
}

#[tokio::test]
async fn a_job_that_waits_too_long_is_dropped_or_dies() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/q/jobs?ttl=1ms", "x").await.expect(201);
    let gone = async || state(&client, "q").await["unfinished"] == 0;
    until("it is dropped", gone).await;
    configure(&client, "p", &json!({ "ttl": "1ms", "dead_letter": "p:dead" })).await;
    put(&client, "p", "y").await;
    let died = async || client.get("/v1/queues/p:dead").await.status == 200;
    until("it is dead", died).await;
    let got = get(&client, "p:dead").await;
    assert_eq!((got.header("awaitd-died-of"), got.number("awaitd-died-attempts")), ("ttl", 0));
    assert!(got.find("awaitd-died-error").is_none());
}

#[tokio::test]
async fn dead_jobs_have_a_bound() {
    let server = Server::start();
    let client = server.client();
    configure(&client, "q", &json!({ "max_attempts": 1, "max_dead": 1 })).await;
    put(&client, "q", "x").await;
    fail(&client, "q", "").await;
    client.post("/v1/queues/q/jobs", "y").await.refused(429, "queue_full");
    let waits = client.post("/v1/queues/q/jobs?wait=30s", "z").spawn();
    server.until_waiting("queue", "q", "put", 1).await;
    assert_eq!(done(&client, "q/purge?state=dead").await, json!({ "dropped": 1 }));
    waits.await.expect("no panic").expect(201);
}

#[tokio::test]
async fn a_purge_drops_what_nobody_holds() {
    let server = Server::start();
    let client = server.client();
    configure(&client, "q", &json!({ "max_attempts": 1 })).await;
    put(&client, "q", "dead").await;
    fail(&client, "q", "").await;
    put(&client, "q", "done").await;
    let lease = get(&client, "q").await.location();
    client.post(&format!("{lease}/done"), "result").await.expect(204);
    put(&client, "q", "held").await;
    let lease = get(&client, "q").await.location();
    put(&client, "q", "ready").await;
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    client.post("/v1/queues/q/purge?state=leased", "").await.refused(409, "leased");
    client.post("/v1/queues/q/purge?state=all", "").await.refused(400, "invalid_parameter");
    client.post("/v1/queues/none/purge", "").await.refused(404, "not_found");
    let purge = client.post("/v1/queues/q/purge?state=delayed", "").key("once");
    assert_eq!(purge.await.expect(200).json(), json!({ "dropped": 1 }));
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    let again = client.post("/v1/queues/q/purge?state=delayed", "").key("once");
    assert_eq!(again.await.expect(200).json(), json!({ "dropped": 1 }));
    assert_eq!(counts(&client, "q").await, [1, 1, 1]);
    assert_eq!(done(&client, "q/purge").await, json!({ "dropped": 3 }));
    assert_eq!(done(&client, "q/purge?state=done").await, json!({ "dropped": 1 }));
    assert_eq!(state(&client, "q").await["unfinished"], 1);
    client.delete(&lease).await.expect(204);
    client.get("/v1/queues/q/join").await.expect(200);
}

#[tokio::test]
async fn dead_jobs_are_put_back_where_they_died() {
    let server = Server::start();
    let client = server.client();
    for queue in ["a", "b"] {
        configure(&client, queue, &json!({ "max_attempts": 1, "dead_letter": "dead" })).await;
        put(&client, queue, queue).await;
        fail(&client, queue, "no route").await;
    }
    configure(&client, "own", &json!({ "max_attempts": 1 })).await;
    put(&client, "own", "own").await;
    fail(&client, "own", "").await;
    assert_eq!(done(&client, "dead/redrive").await, json!({ "moved": 2, "left": 0 }));
    assert_eq!(done(&client, "own/redrive").await, json!({ "moved": 1, "left": 0 }));
    assert_eq!(done(&client, "own/redrive").await["moved"], 0);
    for queue in ["a", "b", "own"] {
        let got = get(&client, queue).await;
        assert_eq!((got.text(), got.number("awaitd-attempt")), (queue, 1));
        assert_eq!(got.header("awaitd-died-in"), queue);
    }
}

#[tokio::test]
async fn a_redrive_takes_what_is_asked_for() {
    let server = Server::start();
    let client = server.client();
    for body in ["1", "2", "3"] {
        put(&client, "q", body).await;
    }
    let held = get(&client, "q").await;
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    let id = held.number("awaitd-job");
    let redrive = |query: &str| client.post(&format!("/v1/queues/q/redrive?{query}"), "");
    redrive(&format!("id={id}")).await.refused(409, "leased");
    redrive("state=leased").await.refused(409, "leased");
    redrive("id=1000").await.refused(404, "not_found");
    client.post("/v1/queues/none/redrive", "").await.refused(404, "not_found");
    for wrong in ["state=done", "to=-", "limit=0", "rate=0", "rate=1s", "id=1&state=ready"] {
        redrive(wrong).await.refused(400, "invalid_parameter");
    }
    let moved = redrive("to=other&state=ready&limit=1").await.expect(200).json();
    assert_eq!(moved, json!({ "moved": 1, "left": 1 }));
    assert_eq!(get(&client, "other").await.text(), "2");
    configure(&client, "full", &json!({ "maxsize": 1 })).await;
    assert_eq!(redrive("to=full").await.expect(200).json(), json!({ "moved": 1, "left": 1 }));
    redrive("to=full").await.refused(429, "queue_full");
    // At one job in a thousand seconds the first is ready at once.
    put(&client, "q", "4").await;
    let slow = redrive("to=slow&rate=0.001").await.expect(200).json();
    assert_eq!(slow, json!({ "moved": 2, "left": 0 }));
    assert_eq!(counts(&client, "slow").await, [1, 1, 0]);
    assert_eq!(counts(&client, "q").await, [0, 0, 0]);
}

/// More than the server moves at one time, and not one of them twice.
#[tokio::test]
async fn a_redrive_of_many_is_done_once() {
    let server = Server::start();
    let client = server.client();
    let unbound = json!({ "maxsize": 0 });
    configure(&client, "q", &unbound).await;
    configure(&client, "to", &unbound).await;
    for chunk in 0..25 {
        let puts: Vec<_> = (0..100)
            .map(|number| client.post("/v1/queues/q/jobs", format!("{chunk} {number}")).spawn())
            .collect();
        for put in puts {
            put.await.expect("no panic").expect(201);
        }
    }
    let redrive = || client.post("/v1/queues/q/redrive?to=to&limit=2100", "").key("once");
    for _ in 0..2 {
        let moved = redrive().await.expect(200).json();
        assert_eq!(moved, json!({ "moved": 2_100, "left": 400 }));
        assert_eq!(counts(&client, "to").await, [2_100, 0, 0]);
    }
    let rest = done(&client, "q/redrive?to=to&rate=1000000").await;
    assert_eq!(rest, json!({ "moved": 400, "left": 0 }));
    configure(&client, "slow", &unbound).await;
    let slow = done(&client, "to/redrive?to=slow&rate=0.001").await;
    assert_eq!(slow, json!({ "moved": 2_500, "left": 0 }));
    assert_eq!(counts(&client, "slow").await, [1, 2_499, 0]);
    let last = client.get("/v1/queues/slow/jobs?state=delayed&limit=1000").await.expect(200).json();
    assert_eq!(last["items"].as_array().map(Vec::len), Some(1_000));
}

/// What its worker gives up is dead at once, alone and among many; it cannot be tried again as well.
#[tokio::test]
async fn a_job_that_is_given_up_is_dead() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    put(&client, "q", "y").await;
    let (first, second) = (get(&client, "q").await.location(), get(&client, "q").await.location());
    for both in ["delay=1s", "delay=0", "defer=true"] {
        let refused = client.post(&format!("{first}/nack?dead=true&{both}"), "").await;
        refused.refused(400, "invalid_parameter");
    }
    for both in [json!({ "delay": 0 }), json!({ "defer": true })] {
        let mut item = both;
        (item["lease"], item["dead"]) = (json!(first), json!(true));
        let settle = client.post("/v1/queues/q/settle", json!({ "nack": [item] }).to_string());
        settle.await.refused(400, "invalid_parameter");
    }
    assert_eq!(counts(&client, "q").await, [0, 0, 0]);
    for _ in 0..2 {
        let nack = client.post(&format!("{first}/nack?dead=true&defer=false"), "no such user");
        nack.await.expect(204);
    }
    let nack = json!({ "nack": [{ "lease": second, "dead": true }] }).to_string();
    let heard = client.post("/v1/queues/q/settle", nack).await.expect(200).json();
    assert_eq!(heard["nack"], json!([{ "status": 204 }]));
    assert_eq!(counts(&client, "q").await, [0, 0, 2]);
    let job = client.get("/v1/queues/q/jobs/1").await.expect(200).json();
    assert_eq!((&job["state"], &job["error"]), (&json!("dead"), &json!("no such user")));
    assert_eq!(job["died"]["reason"], "nack");
}
