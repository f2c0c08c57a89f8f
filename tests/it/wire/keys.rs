//! "Idempotency-Key: a repeat is the same request".

use awaitd_tests::Server;
use serde_json::json;

use super::{get, put, state};

#[tokio::test]
async fn a_repeated_put_is_the_same_job() {
    let server = Server::start();
    let client = server.client();
    let put = |path: &str, body: &str| client.post(path, body).key("k1");
    let first = put("/v1/queues/q/jobs?delay=1h&wait=0", "x").await.expect(201).location();
    let repeats = ["?delay=1h&wait=0", "?delay=1h", "?wait=1s&delay=1h"];
    for repeat in repeats {
        let path = format!("/v1/queues/q/jobs{repeat}");
        assert_eq!(put(&path, "x").await.expect(201).location(), first);
    }
    // A quoted key is the same as a bare one, and headers do not count.
    let quoted = client.post("/v1/queues/q/jobs?delay=1h", "x").key("\"k1\"");
    let quoted = quoted.header("content-type", "text/plain").await.expect(201);
    assert_eq!(quoted.location(), first);
    for (path, body) in [
        ("/v1/queues/q/jobs?delay=1h", "y"),
        ("/v1/queues/q/jobs?delay=2h", "x"),
        ("/v1/queues/q/jobs", "x"),
        ("/v1/queues/q/get?wait=1s", "x"),
    ] {
        put(path, body).await.refused(422, "idempotency_mismatch");
    }
    // A key belongs to the thing in the path.
    put("/v1/queues/other/jobs?delay=1h", "x").await.expect(201);
    assert_eq!(state(&client, "q").await["delayed"], 1);
}

#[tokio::test]
async fn a_repeated_get_is_the_same_lease() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "1").await;
    put(&client, "q", "2").await;
    let get_1 = || client.post("/v1/queues/q/get?lease=1h", "").key("k");
    let first = get_1().await.expect(200);
    let again = get_1().await.expect(200);
    for header in ["location", "awaitd-fence", "awaitd-job", "awaitd-attempt", "content-type"] {
        assert_eq!(first.header(header), again.header(header), "{header}");
    }
    assert_eq!(first.body, again.body);
    assert!(again.seconds("awaitd-expires-in") <= first.seconds("awaitd-expires-in"));
    client.delete(&first.location()).await.expect(204);
    get_1().await.refused(410, "lease_lost");
    assert_eq!(state(&client, "q").await["ready"], 1);
}

#[tokio::test]
async fn a_repeated_acquire_is_the_same_grant() {
    let server = Server::start();
    let client = server.client();
    let acquire = || client.post("/v1/locks/l/acquire?lease=1h", "").key("k");
    let first = acquire().await.expect(201);
    let again = acquire().await.expect(201);
    assert_eq!(first.location(), again.location());
    assert_eq!(first.number("awaitd-fence"), again.number("awaitd-fence"));
    client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
    client.delete(&first.location()).await.expect(204);
    acquire().await.refused(410, "lease_lost");
    assert_eq!(client.get("/v1/locks/l").await.expect(200).json()["locked"], false);
}

#[tokio::test]
async fn what_was_settled_by_a_keyed_get_is_not_settled_twice() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "1").await;
    put(&client, "q", "2").await;
    let first = get(&client, "q").await.location();
    let settle = format!("/v1/queues/q/get?settle={}", super::token(&first));
    let second = client.post(&settle, "").key("k").await.expect(200);
    let again = client.post(&settle, "").key("k").await.expect(200);
    assert_eq!((second.text(), again.text()), ("2", "2"));
    assert_eq!(second.location(), again.location());
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_jobs_total", &[("queue", "q"), ("event", "done")]), 1);
}

#[tokio::test]
async fn every_post_put_and_delete_takes_a_key() {
    let server = Server::start();
    let client = server.client();
    let set = || client.put("/v1/events/e", "v").key("set");
    let generation = set().await.expect(200).number("awaitd-generation");
    client.delete("/v1/events/e").key("clear").await.expect(204);
    client.put("/v1/events/e", "w").await.expect(200);
    // The repeat of a clear clears no set that came later, the repeat of a set sets nothing.
    client.delete("/v1/events/e").key("clear").await.expect(204);
    assert_eq!(set().await.expect(200).number("awaitd-generation"), generation);
    assert_eq!(client.get("/v1/events/e").await.expect(200).text(), "w");
    let make = || client.put("/v1/queues/q", "{}").key("make").header("if-none-match", "*");
    make().await.expect(201);
    make().await.expect(201);
    client.put("/v1/queues/q", "{}").header("if-none-match", "*").await.refused(412, "exists");
    client.delete("/v1/queues/q").key("unmake").await.expect(204);
    client.delete("/v1/queues/q").key("unmake").await.expect(204);
    client.delete("/v1/queues/q").await.refused(404, "not_found");
}

#[tokio::test]
async fn refusals_and_expired_waits_are_not_remembered() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "q", "x").await;
    let put_y = || client.post("/v1/queues/q/jobs?wait=10ms", "y").key("put");
    put_y().await.refused(429, "queue_full");
    get(&client, "q").await;
    put_y().await.expect(201);
    let get_y = || client.post("/v1/queues/other/get?wait=10ms", "").key("get");
    get_y().await.expect(204);
    put(&client, "other", "z").await;
    assert_eq!(get_y().await.expect(200).text(), "z");
    let acquire = || client.post("/v1/locks/l/acquire?wait=10ms", "").key("acquire");
    let held = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    acquire().await.refused(408, "locked");
    client.delete(&held).await.expect(204);
    acquire().await.expect(201);
}

#[tokio::test]
async fn of_two_open_requests_with_one_key_the_newer_has_the_place() {
    let server = Server::start();
    let client = server.client();
    let ask = |wait: u8| client.post(&format!("/v1/queues/q/get?wait={wait}s"), "").key("k");
    let older = ask(30).spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    let newer = ask(40).spawn();
    older.await.expect("no panic").refused(409, "superseded");
    server.until_waiting("queue", "q", "get", 1).await;
    put(&client, "q", "x").await;
    newer.await.expect("no panic").expect(200);
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_ascii_characters() {
    let server = Server::start();
    let client = server.client();
    let put = |key: &str| client.post("/v1/queues/q/jobs", "x").key(key);
    for good in ["k", "!~/%?#", &"k".repeat(255), "a\\b"] {
        put(good).await.expect(201);
    }
    for bad in ["", "\"\"", "a b", "\"k", &"k".repeat(256), "tab\there"] {
        let problem = put(bad).await.refused(400, "invalid_parameter");
        let detail = problem.json()["detail"].to_string().to_lowercase();
        assert!(detail.contains("idempotency-key"), "{bad}: {detail}");
    }
    let twice = put("a").key("b").await;
    twice.refused(400, "invalid_parameter");
}

#[tokio::test]
async fn at_most_once_and_a_key_exclude_each_other() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    let both = client.post("/v1/queues/q/get?ack=true", "").key("k");
    both.await.refused(400, "invalid_parameter");
    assert_eq!(state(&client, "q").await["ready"], 1);
}

#[tokio::test]
async fn what_waits_under_a_key_can_be_withdrawn() {
    let server = Server::start();
    let client = server.client();
    let waiters = "/v1/queues/q/waiters";
    let ask = || client.post("/v1/queues/q/get?wait=30s", "").key("a/b?c%20\"d");
    let open = ask().spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    let encoded = format!("{waiters}/a%2Fb%3Fc%2520%22d");
    let withdrawn = client.delete(&encoded).await.expect(200);
    assert_eq!(withdrawn.json(), json!({ "outcome": "withdrawn" }));
    open.await.expect("no panic").refused(410, "withdrawn");
    ask().await.refused(410, "withdrawn");
    put(&client, "q", "x").await;
    ask().await.refused(410, "withdrawn");
    assert_eq!(state(&client, "q").await["ready"], 1);
}

#[tokio::test]
async fn the_withdrawal_of_what_was_granted_says_where_it_is() {
    let server = Server::start();
    let client = server.client();
    let job = client.post("/v1/queues/q/jobs", "x").key("put").await.expect(201).location();
    let lease = client.post("/v1/queues/q/get", "").key("get").await.expect(200).location();
    let lock = client.post("/v1/locks/l/acquire", "").key("lock").await.expect(201).location();
    let granted = [
        ("/v1/queues/q/waiters/put", &job),
        ("/v1/queues/q/waiters/get", &lease),
        ("/v1/locks/l/waiters/lock", &lock),
    ];
    for _ in 0..2 {
        for (path, location) in granted {
            let heard = client.delete(path).await.expect(200);
            assert_eq!(heard.json()["outcome"], "granted");
            assert_eq!(&heard.location(), location);
        }
        // The second time these have ended, which changes nothing.
        client.delete(&lease).await.expect(204);
        client.delete(&lock).await.expect(204);
    }
}

#[tokio::test]
async fn the_withdrawal_of_the_unknown_is_404_and_holds_for_what_comes() {
    let server = Server::start();
    let client = server.client();
    for thing in ["/v1/queues/none", "/v1/events/none", "/v1/locks/none"] {
        client.delete(&format!("{thing}/waiters/k")).await.refused(404, "not_found");
    }
    let late = client.post("/v1/locks/none/acquire?wait=30s", "").key("k");
    late.await.refused(410, "withdrawn");
    let late = client.post("/v1/queues/none/jobs", "x").key("k");
    late.await.refused(410, "withdrawn");
    client.put("/v1/events/none", "x").key("k").await.refused(410, "withdrawn");
}
