//! "Barriers".

use awaitd_tests::{HangUp, Raw, Server, until};
use serde_json::json;

#[tokio::test]
async fn a_barrier_is_configured_and_shows_itself() {
    let server = Server::start();
    let client = server.client();
    let put = |body: &str| client.put("/v1/barriers/b", body);
    let made = put(r#"{"parties": 3}"#).await.expect(201);
    assert_eq!(made.location(), "/v1/barriers/b");
    assert_eq!(made.json(), json!({"name": "b", "parties": 3}));
    let exists = put(r#"{"parties": 9}"#).header("if-none-match", "*").await;
    let exists = exists.refused(412, "exists").json();
    assert_eq!(exists["configuration"], json!({"name": "b", "parties": 3}));
    assert_eq!(put(r#"{"parties": 2}"#).await.expect(200).json()["parties"], 2);
    for wrong in ["", "{}", r#"{"parties": 0}"#, "[2]"] {
        put(wrong).await.refused(400, "invalid_parameter");
    }
    let state = client.get("/v1/barriers/b").await.expect(200).json();
    let shown = json!({"name": "b", "parties": 2, "waiting": 0, "broken": false, "generation": 0});
    assert_eq!(state, shown);
    assert!(client.ask("HEAD", "/v1/barriers/b").await.expect(200).body.is_empty());
}

/// All parties are answered at once, each with an index of its own, under one generation.
#[tokio::test]
async fn all_parties_meet() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/barriers/b", r#"{"parties": 20}"#).await.expect(201);
    let mut last = 0;
    for _ in 0..3 {
        let wait = || client.post("/v1/barriers/b/wait?wait=40s", "").spawn();
        let waits: Vec<_> = (0..20).map(|_| wait()).collect();
        let mut indices = Vec::new();
        let mut generations = Vec::new();
        for wait in waits {
            let met = wait.await.expect("no panic").expect(200);
            let document = met.json();
            indices.push(document["index"].as_u64().expect("a number"));
            assert_eq!(document["generation"], met.number("awaitd-generation"));
            generations.push(met.number("awaitd-generation"));
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..20).collect::<Vec<_>>());
        generations.dedup();
        assert!(generations.len() == 1 && generations[0] > last, "{generations:?} after {last}");
        last = generations[0];
    }
    let counted = async || {
        let met = server.scrape().await.count("awaitd_barrier_wait_seconds_count", &[]);
        met == 60
    };
    until("all who met are counted", counted).await;
}

/// Who hangs up has not come; who was cut at the very moment is told by a repeat that he was there.
#[tokio::test]
async fn who_hangs_up_has_not_come() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/barriers/b", r#"{"parties": 2}"#).await.expect(201);
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    raw.ask("POST", "/v1/barriers/b/wait?wait=40s", "").await.expect("the server reads");
    server.until_waiting("barrier", "b", "wait", 1).await;
    raw.hang_up(HangUp::Rst).await;
    server.until_waiting("barrier", "b", "wait", 0).await;
    client.post("/v1/barriers/b/wait", "").await.refused(408, "not_tripped");

    let keyed = |key| client.post("/v1/barriers/b/wait?wait=40s", "").key(key);
    let first = keyed("k1").spawn();
    server.until_waiting("barrier", "b", "wait", 1).await;
    let second = keyed("k2").await.expect(200);
    let first = first.await.expect("no panic").expect(200);
    assert_eq!(keyed("k1").await.expect(200).body, first.body);
    assert_eq!(keyed("k2").await.expect(200).body, second.body);
    assert_eq!((&first.json()["index"], &second.json()["index"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_broken_barrier_says_so_until_it_is_reset() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/barriers/b", r#"{"parties": 2}"#).await.expect(201);
    let wait = || client.post("/v1/barriers/b/wait?wait=40s", "");
    for how in ["reset", "abort"] {
        let waits = wait().spawn();
        server.until_waiting("barrier", "b", "wait", 1).await;
        let state = client.post(&format!("/v1/barriers/b/{how}"), "").await.expect(200).json();
        assert_eq!((&state["broken"], &state["waiting"]), (&json!(how == "abort"), &json!(0)));
        waits.await.expect("no panic").refused(409, "broken");
    }
    wait().await.refused(409, "broken");
    client.post("/v1/barriers/b/reset", "").await.expect(200);
    let waits = wait().spawn();
    server.until_waiting("barrier", "b", "wait", 1).await;
    client.delete("/v1/barriers/b").await.expect(204);
    waits.await.expect("no panic").refused(410, "deleted");
    wait().await.refused(404, "not_found");
}
