//! "Semaphores".

use awaitd_tests::{HangUp, Raw, Server, until};
use serde_json::{Value, json};

use super::token;

#[tokio::test]
async fn a_semaphore_is_configured_and_shows_itself() {
    let server = Server::start();
    let client = server.client();
    let put = |body: &str| client.put("/v1/semaphores/s", body);
    let made = put(r#"{"permits": 3}"#).await.expect(201);
    assert_eq!(made.location(), "/v1/semaphores/s");
    assert_eq!(made.json(), json!({"name": "s", "permits": 3, "bounded": true}));
    let exists = put(r#"{"permits": 9}"#).header("if-none-match", "*").await;
    let exists = exists.refused(412, "exists").json();
    assert_eq!(exists["configuration"], json!({"name": "s", "permits": 3, "bounded": true}));
    let changed = put(r#"{"permits": 4, "bounded": false}"#).await.expect(200).json();
    assert_eq!(changed, json!({"name": "s", "permits": 4, "bounded": false}));
    put("{}").await.refused(400, "invalid_parameter");

    let acquire = "/v1/semaphores/s/acquire?permits=3&owner=ann&lease=1h";
    let held = client.post(acquire, "").await.expect(201);
    assert_eq!(held.text().trim_end(), held.location(), "what a script reads");
    assert!(held.location().starts_with("/v1/semaphores/s/leases/"));
    let mut state = client.get("/v1/semaphores/s").await.expect(200).json();
    let left = state["holders"][0]["expires_in"].take().as_f64().expect("a number");
    assert!(left > 3_500.0 && left <= 3_600.0, "{left}");
    let holder = json!({
        "owner": "ann", "fence": held.number("awaitd-fence"), "expires_in": null, "permits": 3,
    });
    let shown = json!({
        "name": "s", "permits": 4, "bounded": false, "available": 1, "holders": [holder],
        "waiters": 0,
    });
    assert_eq!(state, shown);
    let bare = client.ask("HEAD", "/v1/semaphores/s").await.expect(200);
    assert_eq!((bare.header("content-type"), bare.body.len()), ("application/json", 0));
}

#[tokio::test]
async fn who_gets_no_permits_is_told_of_the_oldest_holder() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/semaphores/s", r#"{"permits": 2}"#).await.expect(201);
    for owner in ["ann", "ben"] {
        let path = format!("/v1/semaphores/s/acquire?owner={owner}&lease=1h");
        client.post(&path, "").await.expect(201);
    }
    let now = client.post("/v1/semaphores/s/acquire", "").await.refused(423, "locked");
    let later = client.post("/v1/semaphores/s/acquire?wait=10ms", "").await;
    for refused in [now, later.refused(408, "locked")] {
        assert_eq!(refused.header("awaitd-owner"), "ann");
        assert!(refused.seconds("awaitd-expires-in") > 3_500.0);
    }
    let over = client.post("/v1/semaphores/s/acquire?permits=3", "").await;
    let detail = over.refused(409, "over_bound").json()["detail"].to_string();
    assert!(detail.contains("2 permits"), "{detail}");
}

/// A permit belongs to its lease and not to a connection: one that is cut takes nothing with it, and the
/// next has it when the lease is over.
#[tokio::test]
async fn a_holder_that_dies_keeps_its_permits_until_its_lease_is_over() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/semaphores/s", r#"{"permits": 1}"#).await.expect(201);
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let acquire = "/v1/semaphores/s/acquire?lease=2s";
    raw.ask("POST", acquire, "").await.expect("the server reads");
    let held = raw.answer("POST", acquire).await.expect(201);
    raw.hang_up(HangUp::Rst).await;
    let lease = client.get(&held.location()).await.expect(200);
    assert!(lease.seconds("awaitd-expires-in") <= 2.0);
    let next = client.post("/v1/semaphores/s/acquire?wait=30s", "").await.expect(201);
    assert!(next.number("awaitd-fence") > held.number("awaitd-fence"));
    client.delete(&held.location()).await.refused(410, "lease_lost");
    client.patch(&held.location()).await.refused(410, "lease_lost");
    let expired = [("semaphore", "s")];
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_semaphore_expired_total", &expired), 1);
}

/// One who hangs up while waiting for many permits holds up nobody behind.
#[tokio::test]
async fn who_leaves_the_line_makes_way() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/semaphores/s", r#"{"permits": 3}"#).await.expect(201);
    client.post("/v1/semaphores/s/acquire?permits=2&lease=1h", "").await.expect(201);
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    raw.ask("POST", "/v1/semaphores/s/acquire?permits=3&wait=40s", "").await.expect("it reads");
    server.until_waiting("semaphore", "s", "acquire", 1).await;
    let few = client.post("/v1/semaphores/s/acquire?wait=40s", "").spawn();
    server.until_waiting("semaphore", "s", "acquire", 2).await;
    raw.hang_up(HangUp::Fin).await;
    few.await.expect("no panic").expect(201);
}

/// Under a key a permit is had once, though two ask for it, and a release adds once.
#[tokio::test]
async fn a_repeat_is_the_same_request() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/semaphores/s", r#"{"permits": 2, "bounded": false}"#).await.expect(201);
    let acquire = || client.post("/v1/semaphores/s/acquire?lease=1h", "").key("k1");
    let first = acquire().await.expect(201);
    let again = acquire().await.expect(201);
    assert_eq!(again.location(), first.location());
    assert_eq!(again.header("awaitd-fence"), first.header("awaitd-fence"));
    let release = || client.post("/v1/semaphores/s/release?permits=5", "").key("k2");
    for _ in 0..2 {
        let state = release().await.expect(200).json();
        assert_eq!((&state["permits"], &state["available"]), (&json!(7), &json!(6)));
    }
    client.delete(&first.location()).await.expect(204);
    acquire().await.refused(410, "lease_lost");
    // A whole path is taken as a token is.
    let lease = client.post("/v1/semaphores/s/acquire", "").await.expect(201).location();
    let wrong = format!("/v1/semaphores/other/leases/{}", token(&lease));
    for asked in [client.get(&wrong), client.patch(&wrong), client.delete(&wrong)] {
        asked.await.refused(404, "not_found");
    }
    client.delete(&lease).await.expect(204);
}

/// What the metrics say of a semaphore is what there is.
#[tokio::test]
async fn a_semaphore_is_measured() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/semaphores/s", r#"{"permits": 5}"#).await.expect(201);
    let held = client.post("/v1/semaphores/s/acquire?permits=4", "").await.expect(201);
    let wait = client.post("/v1/semaphores/s/acquire?permits=2&wait=40s", "").spawn();
    server.until_waiting("semaphore", "s", "acquire", 1).await;
    let of = [("semaphore", "s")];
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_semaphore_permits", &of), 5);
    assert_eq!(scrape.count("awaitd_semaphore_available", &of), 1);
    assert_eq!(scrape.count("awaitd_semaphore_held_seconds_count", &of), 0);
    client.delete(&held.location()).await.expect(204);
    wait.await.expect("no panic").expect(201);
    let counted = async || {
        let scrape = server.scrape().await;
        scrape.count("awaitd_semaphore_wait_seconds_count", &of) == 2
            && scrape.count("awaitd_semaphore_held_seconds_count", &of) == 1
            && scrape.count("awaitd_semaphore_available", &of) == 3
    };
    until("both acquires and the release are counted", counted).await;
    client.delete("/v1/semaphores/s?force=true").await.expect(204);
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_semaphore_permits", &[]), 0, "there is none any more");
    let other = [("semaphore", "_other")];
    assert_eq!(scrape.count("awaitd_semaphore_wait_seconds_count", &other), 2);
}

/// However many have permits, a hundred of them are shown, the first ones.
#[tokio::test]
async fn a_hundred_holders_are_shown() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/semaphores/s", r#"{"permits": 1000}"#).await.expect(201);
    let mut fences = Vec::new();
    for _ in 0..105 {
        let held = client.post("/v1/semaphores/s/acquire", "").await.expect(201);
        fences.push(Value::from(held.number("awaitd-fence")));
    }
    let state = client.get("/v1/semaphores/s").await.expect(200).json();
    let holders = state["holders"].as_array().expect("a list");
    let shown: Vec<_> = holders.iter().map(|holder| holder["fence"].clone()).collect();
    assert_eq!(shown, fences[..100]);
    assert_eq!(state["available"], 895);
}
