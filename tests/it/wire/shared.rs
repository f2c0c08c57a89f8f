//! "Locks": for many, and broken by an operator.

use awaitd_tests::{HangUp, Raw, Server};
use serde_json::json;

#[tokio::test]
async fn a_lock_that_is_shared_shows_all_its_holders() {
    let server = Server::start();
    let client = server.client();
    let share = |owner: &str| {
        client.post(&format!("/v1/locks/l/acquire?mode=shared&lease=1h&owner={owner}"), "")
    };
    let ann = share("ann").await.expect(201);
    let ben = share("ben").await.expect(201);
    let lock = client.get("/v1/locks/l").await.expect(200).json();
    assert_eq!((&lock["locked"], &lock["mode"]), (&json!(true), &json!("shared")));
    assert_eq!(
        (&lock["owner"], &lock["fence"]),
        (&json!("ann"), &ann.number("awaitd-fence").into())
    );
    let holders = lock["holders"].as_array().expect("a list");
    let shown: Vec<_> = holders.iter().map(|it| (&it["owner"], &it["fence"])).collect();
    let fences = [&ann, &ben].map(|heard| json!(heard.number("awaitd-fence")));
    assert_eq!(shown, [(&json!("ann"), &fences[0]), (&json!("ben"), &fences[1])]);
    assert_eq!(holders[0].get("permits"), None, "a lock has no permits");
    client.post("/v1/locks/l/acquire?mode=exclusive", "").await.refused(423, "locked");
    client.delete("/v1/locks/l").await.refused(409, "held");
    for heard in [ann, ben] {
        client.delete(&heard.location()).await.expect(204);
    }
    let alone = client.post("/v1/locks/l/acquire?mode=exclusive", "").await.expect(201);
    share("ann").await.refused(423, "locked");
    client.delete(&alone.location()).await.expect(204);
    for mode in ["", "Shared", "both"] {
        let path = format!("/v1/locks/l/acquire?mode={mode}");
        client.post(&path, "").await.refused(400, "invalid_parameter");
    }
}

/// One who waits to have it alone and hangs up lets those behind share it at once.
#[tokio::test]
async fn who_leaves_the_line_makes_way() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/locks/l/acquire?mode=shared&lease=1h", "").await.expect(201);
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    raw.ask("POST", "/v1/locks/l/acquire?wait=40s", "").await.expect("the server reads");
    server.until_waiting("lock", "l", "acquire", 1).await;
    let shares = client.post("/v1/locks/l/acquire?mode=shared&wait=40s", "").spawn();
    server.until_waiting("lock", "l", "acquire", 2).await;
    raw.hang_up(HangUp::Fin).await;
    shares.await.expect("no panic").expect(201);
}

/// A share belongs to its lease and not to a connection.
#[tokio::test]
async fn a_holder_that_dies_keeps_its_share_until_its_lease_is_over() {
    let server = Server::start();
    let client = server.client();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let acquire = "/v1/locks/l/acquire?mode=shared&lease=2s";
    raw.ask("POST", acquire, "").await.expect("the server reads");
    let held = raw.answer("POST", acquire).await.expect(201);
    raw.hang_up(HangUp::Rst).await;
    client.get(&held.location()).await.expect(200);
    client.post("/v1/locks/l/acquire?wait=30s", "").await.expect(201);
    client.get(&held.location()).await.refused(410, "lease_lost");
}

/// Whoever has a lock loses it to the next in line; a repeat tells of the same holders, and takes it
/// from nobody else.
#[tokio::test]
async fn a_lock_is_broken() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/locks/l/break", "").await.refused(404, "not_found");
    let held = client.post("/v1/locks/l/acquire?lease=1h&owner=ann", "").await.expect(201);
    let next = client.post("/v1/locks/l/acquire?wait=40s&lease=1h&owner=ben", "").spawn();
    server.until_waiting("lock", "l", "acquire", 1).await;
    let watch = client.get(&format!("{}?wait=40s", held.location())).spawn();
    let broken = client.post("/v1/locks/l/break", "").key("k").await.expect(200);
    let holders = broken.json()["holders"].clone();
    assert_eq!(holders.as_array().expect("a list").len(), 1);
    assert_eq!(holders[0]["owner"], "ann");
    assert_eq!(holders[0]["fence"], held.number("awaitd-fence"));
    assert!(holders[0]["expires_in"].as_f64().expect("a number") > 3_500.0);
    watch.await.expect("no panic").refused(410, "lease_lost");
    client.delete(&held.location()).await.refused(410, "lease_lost");
    let next = next.await.expect("no panic").expect(201);
    assert!(next.number("awaitd-fence") > held.number("awaitd-fence"));
    let again = client.post("/v1/locks/l/break", "").key("k").await.expect(200);
    assert_eq!(again.json()["holders"][0]["fence"], holders[0]["fence"]);
    client.get(&next.location()).await.expect(200);
    client.delete(&next.location()).await.expect(204);
    let nobody = client.post("/v1/locks/l/break", "").await.expect(200);
    assert_eq!(nobody.json(), json!({"holders": []}));
}
