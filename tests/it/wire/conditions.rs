//! "Conditions".

use awaitd_tests::{Client, HangUp, Heard, Raw, Server};
use serde_json::json;

use super::token;

async fn acquire(client: &Client) -> Heard {
    client.post("/v1/locks/l/acquire?lease=1h&wait=40s", "").await.expect(201)
}

/// A wait of a condition by whoever holds the lock by this lease.
fn wait(held: &Heard) -> String {
    format!("/v1/locks/l/conditions/c/wait?wait=40s&held={}", token(&held.location()))
}

fn notify(held: &Heard, how: &str) -> String {
    format!("/v1/locks/l/conditions/c/notify?held={}{how}", token(&held.location()))
}

/// A wait lets the lock go, and comes back with a lease of its own.
#[tokio::test]
async fn a_wait_comes_back_with_the_lock() {
    let server = Server::start();
    let client = server.client();
    let held = acquire(&client).await;
    let waits = client.post(&format!("{}&lease=2h&owner=ann", wait(&held)), "").spawn();
    server.until_waiting("lock", "l", "wait", 1).await;
    let condition = client.get("/v1/locks/l/conditions/c").await.expect(200).json();
    assert_eq!(condition, json!({"name": "c", "lock": "l", "waiters": 1}));
    let lock = client.get("/v1/locks/l").await.expect(200).json();
    assert_eq!((&lock["locked"], &lock["mode"]), (&json!(false), &json!(null)));
    assert_eq!(lock["conditions"], json!({"c": 1}));

    let other = acquire(&client).await;
    assert_eq!(client.post(&notify(&other, ""), "").await.expect(200).json(), json!({"woken": 1}));
    server.until_waiting("lock", "l", "acquire", 1).await;
    client.delete(&other.location()).await.expect(204);
    let woken = waits.await.expect("no panic").expect(201);
    assert_eq!(woken.header("awaitd-notified"), "true");
    assert_eq!(woken.text().trim_end(), woken.location(), "what a script reads");
    assert!(woken.number("awaitd-fence") > other.number("awaitd-fence"));
    assert!(woken.seconds("awaitd-expires-in") > 3_700.0);
    let lock = client.get("/v1/locks/l").await.expect(200).json();
    assert_eq!((&lock["owner"], &lock["mode"]), (&json!("ann"), &json!("exclusive")));
    assert!(client.ask("HEAD", "/v1/locks/l/conditions/c").await.expect(200).body.is_empty());
    client.delete(&held.location()).await.expect(204);
    client.post(&notify(&held, ""), "").await.refused(410, "lease_lost");
}

/// A wait that is over has the lock again, and says that nobody notified it.
#[tokio::test]
async fn a_wait_that_is_over_has_the_lock_again() {
    let server = Server::start();
    let client = server.client();
    let held = acquire(&client).await;
    let path = wait(&held).replace("wait=40s", "wait=10ms");
    let woken = client.post(&path, "").await.expect(201);
    assert_eq!(woken.header("awaitd-notified"), "false");
    client.get(&woken.location()).await.expect(200);
    // The first lease was let go.
    client.post(&path, "").await.refused(410, "lease_lost");
}

/// Who cannot have the lock again within `--max-wait` holds nothing, and is told so.
#[tokio::test]
async fn who_cannot_have_the_lock_again_is_told_so() {
    let server = Server::with_args(&["--max-wait", "300ms"]);
    let client = server.client();
    let acquire = || client.post("/v1/locks/l/acquire?lease=1h&owner=ben", "");
    let held = acquire().await.expect(201);
    let waits = client.post(&wait(&held), "").spawn();
    server.until_waiting("lock", "l", "wait", 1).await;
    acquire().await.expect(201);
    let refused = waits.await.expect("no panic").refused(408, "locked");
    assert_eq!(refused.header("awaitd-owner"), "ben");
}

/// The token of a shared lease, of another lock or of nothing is no leave to wait or to notify.
#[tokio::test]
async fn only_who_holds_it_alone_may() {
    let server = Server::start();
    let client = server.client();
    let shared = client.post("/v1/locks/l/acquire?mode=shared", "").await.expect(201);
    let other = client.post("/v1/locks/other/acquire", "").await.expect(201);
    for held in [&shared, &other] {
        client.post(&wait(held), "").await.refused(409, "not_exclusive");
        client.post(&notify(held, ""), "").await.refused(409, "not_exclusive");
        client.get(&held.location()).await.expect(200);
    }
    for verb in ["wait", "notify"] {
        let path = format!("/v1/locks/l/conditions/c/{verb}");
        let detail = client.post(&path, "").await.refused(400, "invalid_parameter").json();
        assert!(detail["detail"].to_string().contains("held"), "{detail}");
        let forged = format!("{path}?held={}", "A".repeat(43));
        client.post(&forged, "").await.refused(404, "not_found");
    }
    client.get("/v1/locks/unknown/conditions/c").await.refused(404, "not_found");
}

/// One who is notified and has hung up by then, or hangs up while the lock is held, wakes another.
#[tokio::test]
async fn a_notification_is_not_lost_with_who_got_it() {
    let server = Server::start();
    let client = server.client();
    let held = acquire(&client).await;
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    raw.ask("POST", &wait(&held), "").await.expect("the server reads");
    server.until_waiting("lock", "l", "wait", 1).await;
    let held = acquire(&client).await;
    let second = client.post(&wait(&held), "").spawn();
    server.until_waiting("lock", "l", "wait", 2).await;
    let held = acquire(&client).await;
    client.post(&notify(&held, ""), "").await.expect(200);
    server.until_waiting("lock", "l", "acquire", 1).await;
    raw.hang_up(HangUp::Rst).await;
    server.until_waiting("lock", "l", "wait", 0).await;
    client.delete(&held.location()).await.expect(204);
    let woken = second.await.expect("no panic").expect(201);
    assert_eq!(woken.header("awaitd-notified"), "true");
}

/// Under a key a notification is one, and a wait that was cut is repeated without its lease.
#[tokio::test]
async fn a_repeat_is_the_same_request() {
    let server = Server::start();
    let client = server.client();
    let held = acquire(&client).await;
    let mut waits = Vec::new();
    for number in 0..3 {
        let holder = if number == 0 { held.clone() } else { acquire(&client).await };
        waits.push(client.post(&wait(&holder), "").key(&format!("w{number}")).spawn());
        server.until_waiting("lock", "l", "wait", number + 1).await;
    }
    let holder = acquire(&client).await;
    for _ in 0..2 {
        let notified = client.post(&notify(&holder, "&n=1"), "").key("n").await.expect(200);
        assert_eq!(notified.json(), json!({"woken": 1}));
    }
    server.until_waiting("lock", "l", "wait", 2).await;
    let all = client.post(&notify(&holder, "&n=all"), "").await.expect(200);
    assert_eq!(all.json(), json!({"woken": 2}));
    client.delete(&holder.location()).await.expect(204);
    let mut waits = waits.into_iter();
    let first = waits.next().expect("three").await.expect("no panic").expect(201);
    let again = client.post(&wait(&held), "").key("w0").await.expect(201);
    for header in ["location", "awaitd-fence", "awaitd-notified"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    client.delete(&first.location()).await.expect(204);
    for wait in waits {
        let woken = wait.await.expect("no panic").expect(201);
        client.delete(&woken.location()).await.expect(204);
    }
}

/// A wait that is cut after the lock was let go is repeated under its key, and only takes the lock again:
/// it may have missed a notification.
#[tokio::test]
async fn a_wait_that_was_cut_takes_the_lock_again() {
    let server = Server::start();
    let client = server.client();
    let held = acquire(&client).await;
    let cut = client.post(&wait(&held), "").key("k").spawn();
    server.until_waiting("lock", "l", "wait", 1).await;
    cut.abort();
    server.until_waiting("lock", "l", "wait", 0).await;
    let again = client.post(&wait(&held), "").key("k").await.expect(201);
    assert_eq!(again.header("awaitd-notified"), "false");
    client.get(&again.location()).await.expect(200);
}
