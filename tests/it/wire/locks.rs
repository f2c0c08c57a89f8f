//! "Locks".

use awaitd_tests::Server;
use serde_json::json;

#[tokio::test]
async fn a_grant_and_a_refusal_say_all_about_the_lease() {
    let server = Server::start();
    let client = server.client();
    let acquire = "/v1/locks/l/acquire?lease=1h&owner=web-1%20%28pid%207%29";
    let granted = client.post(acquire, "").await.expect(201);
    assert!(granted.location().starts_with("/v1/locks/l/leases/"));
    assert!(granted.number("awaitd-fence") > 0);
    let left = granted.seconds("awaitd-expires-in");
    assert!(left <= 3_600.0 && left > 3_000.0);
    let at_once = client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
    let later = client.post("/v1/locks/l/acquire?wait=10ms", "").await.refused(408, "locked");
    for refused in [at_once, later] {
        assert_eq!(refused.header("awaitd-owner"), "web-1 (pid 7)");
        assert!(refused.seconds("awaitd-expires-in") <= left);
        assert!(refused.find("location").is_none());
    }
    client.delete(&granted.location()).await.expect(204);
    // Whoever says nothing about itself is not shown.
    client.post("/v1/locks/l/acquire", "").await.expect(201);
    let refused = client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
    assert!(refused.find("awaitd-owner").is_none());
}

#[tokio::test]
async fn the_state_of_a_lock_tells_its_holder() {
    let server = Server::start();
    let client = server.client();
    let granted = client.post("/v1/locks/l/acquire?owner=me", "").await.expect(201);
    let waits = client.post("/v1/locks/l/acquire?wait=30s", "").spawn();
    server.until_waiting("lock", "l", "acquire", 1).await;
    let held = client.get("/v1/locks/l").await.expect(200).json();
    assert_eq!((&held["name"], &held["locked"]), (&json!("l"), &json!(true)));
    assert_eq!((&held["owner"], &held["waiters"]), (&json!("me"), &json!(1)));
    assert_eq!(held["fence"], granted.number("awaitd-fence"));
    assert!(held["expires_in"].as_f64().is_some_and(|left| left > 0.0 && left <= 30.0), "{held}");
    client.delete(&granted.location()).await.expect(204);
    let next = waits.await.expect("no panic").expect(201);
    client.delete(&next.location()).await.expect(204);
    let free = client.get("/v1/locks/l").await.expect(200).json();
    assert_eq!((&free["locked"], &free["waiters"]), (&json!(false), &json!(0)));
    assert!(free["owner"].is_null() && free["expires_in"].is_null(), "{free}");
}

#[tokio::test]
async fn a_held_lock_is_deleted_only_by_force() {
    let server = Server::start();
    let client = server.client();
    let lease = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    let waits = client.post("/v1/locks/l/acquire?wait=30s", "").spawn();
    server.until_waiting("lock", "l", "acquire", 1).await;
    client.delete("/v1/locks/l").await.refused(409, "held");
    client.delete("/v1/locks/l?force=false").await.refused(409, "held");
    client.get(&lease).await.expect(200);
    client.delete("/v1/locks/l?force=true").await.expect(204);
    waits.await.expect("no panic").refused(410, "deleted");
    client.delete(&lease).await.refused(410, "deleted");
    client.get("/v1/locks/l").await.refused(404, "not_found");
    let lease = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    client.delete(&lease).await.expect(204);
    client.delete("/v1/locks/l").await.expect(204);
}

#[tokio::test]
async fn an_owner_is_text_that_fits_into_a_header() {
    let server = Server::start();
    let client = server.client();
    let longest = "o".repeat(255);
    client.post(&format!("/v1/locks/l/acquire?owner={longest}"), "").await.expect(201);
    let refused = client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
    assert_eq!(refused.header("awaitd-owner"), longest);
    for bad in ["a%0D%0ASet-Cookie:%20x", "%00", "%7F", &"o".repeat(256)] {
        let acquire = format!("/v1/locks/free/acquire?owner={bad}");
        client.post(&acquire, "").await.refused(400, "invalid_parameter");
    }
    client.get("/v1/locks/free").await.refused(404, "not_found");
}
