//! "Leases: one idea for jobs, locks and permits".

use awaitd_tests::Server;

use super::{get, put, state, token};

#[tokio::test]
async fn a_lease_is_done_once_and_a_repeat_is_no_error() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    let job = get(&client, "q").await.location();
    let lock = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    for lease in [&job, &lock] {
        client.get(lease).await.expect(200);
        client.delete(lease).await.expect(204);
        client.delete(lease).await.expect(204);
        client.get(lease).await.refused(410, "lease_lost");
        client.patch(&format!("{lease}?lease=1h")).await.refused(410, "lease_lost");
    }
    client.post(&format!("{job}/nack"), "").await.refused(410, "lease_lost");
    assert_eq!(state(&client, "q").await["unfinished"], 0);
    assert_eq!(client.get("/v1/locks/l").await.expect(200).json()["locked"], false);
}

#[tokio::test]
async fn a_job_done_by_settle_is_done_for_delete_too() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "1").await;
    put(&client, "q", "2").await;
    put(&client, "q", "3").await;
    let first = get(&client, "q").await.location();
    let settle = format!("/v1/queues/q/get?settle={}", token(&first));
    let second = client.post(&settle, "").await.expect(200);
    assert_eq!(second.text(), "2");
    client.delete(&first).await.expect(204);
    // The whole path is taken as well, and any queue's get may settle it.
    let settle = format!("/v1/queues/other/get?settle={}", second.location().replace('/', "%2F"));
    client.post(&settle, "").await.expect(204);
    client.delete(&second.location()).await.expect(204);
    assert_eq!(state(&client, "q").await["unfinished"], 1);
    // Done already is good enough to go on; a lost lease is not, and then nothing is got.
    let again = format!("/v1/queues/q/get?settle={}", token(&first));
    let third = client.post(&again, "").await.expect(200).location();
    client.post(&format!("{third}/nack?delay=0"), "").await.expect(204);
    let lost = format!("/v1/queues/q/get?settle={}", token(&third));
    client.post(&lost, "").await.refused(410, "lease_lost");
    assert_eq!(state(&client, "q").await["ready"], 1);
}

#[tokio::test]
async fn tokens_that_were_never_given_out_are_404() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    put(&client, "other", "y").await;
    let lease = get(&client, "q").await.location();
    let lock = client.post("/v1/locks/q/acquire", "").await.expect(201).location();
    let mut forged = token(&lease).to_owned().into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("tokens are ASCII");
    let longer = format!("{}A", token(&lease));
    let shorter = &token(&lease)[1..];
    let guesses = ["1", "x", "AAAAAAAA", "%00", &"A".repeat(43), &"A".repeat(5_000)];
    let mut wrong: Vec<_> = [&forged, &longer, shorter].into_iter().chain(guesses).collect();
    wrong.push(token(&lock));
    let mut paths: Vec<_> = wrong.iter().map(|it| format!("/v1/queues/q/leases/{it}")).collect();
    paths.push(format!("/v1/queues/other/leases/{}", token(&lease)));
    paths.push(format!("/v1/locks/q/leases/{}", token(&lease)));
    for path in paths {
        client.delete(&path).await.refused(404, "not_found");
        client.get(&path).await.refused(404, "not_found");
        client.patch(&path).await.refused(404, "not_found");
        client.post(&format!("{path}/nack"), "").await.refused(404, "not_found");
    }
    for wrong in [&forged, &longer, shorter, "1"] {
        let settle = format!("/v1/queues/other/get?settle={wrong}");
        client.post(&settle, "").await.refused(404, "not_found");
    }
    assert_eq!(state(&client, "other").await["ready"], 1);
    client.get(&lease).await.expect(200);
    client.get(&lock).await.expect(200);
}

#[tokio::test]
async fn a_lease_is_kept_and_never_shortened() {
    let server = Server::start();
    let client = server.client();
    let lease = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201).location();
    let left = |heard: awaitd_tests::Heard| heard.expect(200).seconds("awaitd-expires-in");
    let shorter = left(client.patch(&format!("{lease}?lease=1s")).await);
    assert!(shorter > 3_000.0, "never shortens: {shorter}");
    let longer = left(client.patch(&format!("{lease}?lease=2h")).await);
    assert!(longer > 3_601.0 && longer <= 7_200.0, "{longer}");
    let read = client.get(&lease).await.expect(200);
    assert!(read.number("awaitd-fence") > 0);
    assert!(left(read) > 3_601.0);
    let short = client.post("/v1/locks/m/acquire?lease=2m", "").await.expect(201).location();
    let again = left(client.patch(&short).await);
    assert!(again > 60.0 && again <= 120.0, "as long as it was granted for: {again}");
}

#[tokio::test]
async fn a_holder_that_waits_at_its_lease_learns_of_its_end() {
    let server = Server::start();
    let client = server.client();
    let lease = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    client.get(&format!("{lease}?wait=10ms")).await.expect(200);
    let ends: [(&str, &str); 3] =
        [("DELETE", "lease_lost"), ("force", "deleted"), ("time", "lease_lost")];
    for (how, code) in ends {
        let lock = format!("/v1/locks/watched-{how}");
        let acquire =
            format!("{lock}/acquire?lease={}", if how == "time" { "500ms" } else { "1h" });
        let lease = client.post(&acquire, "").await.expect(201).location();
        let watch = client.get(&format!("{lease}?wait=30s")).spawn();
        match how {
            "DELETE" => client.delete(&lease).await.expect(204),
            "force" => client.delete(&format!("{lock}?force=true")).await.expect(204),
            _ => client.get("/healthz").await.expect(200),
        };
        watch.await.expect("no panic").refused(410, code);
    }
}

#[tokio::test]
async fn a_lease_that_ends_gives_the_job_back_with_an_attempt_more() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"backoff": {"min": "0s"}}"#).await.expect(201);
    put(&client, "q", "first").await;
    put(&client, "q", "second").await;
    let dead = client.post("/v1/queues/q/get?lease=100ms", "").await.expect(200);
    assert_eq!(dead.number("awaitd-attempt"), 1);
    client.get(&format!("{}?wait=30s", dead.location())).await.refused(410, "lease_lost");
    // It has kept its place before the second.
    let again = client.post("/v1/queues/q/get?lease=1h", "").await.expect(200);
    assert_eq!((again.text(), again.number("awaitd-attempt")), ("first", 2));
    assert_eq!(again.header("awaitd-job"), dead.header("awaitd-job"));
    assert!(again.number("awaitd-fence") > dead.number("awaitd-fence"));
    client.delete(&dead.location()).await.refused(410, "lease_lost");
    client.post(&format!("{}/nack", dead.location()), "").await.refused(410, "lease_lost");
    client.get(&again.location()).await.expect(200);
}

#[tokio::test]
async fn a_job_that_is_given_back_at_once_keeps_its_place() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "first").await;
    put(&client, "q", "second").await;
    for (attempt, how) in [(1, "?delay=0"), (2, "?defer=true"), (2, "?defer=false&delay=0s")] {
        let got = get(&client, "q").await;
        assert_eq!((got.text(), got.number("awaitd-attempt")), ("first", attempt), "{how}");
        let nack = format!("{}/nack{how}", got.location());
        client.post(&nack, "it did not work").await.expect(204);
        client.post(&nack, "it did not work").await.expect(204);
        client.delete(&got.location()).await.refused(410, "lease_lost");
    }
    let got = get(&client, "q").await;
    assert_eq!(got.number("awaitd-attempt"), 3);
    client.post(&format!("{}/nack?delay=1h", got.location()), "").await.expect(204);
    let queue = state(&client, "q").await;
    assert_eq!((&queue["delayed"], &queue["ready"]), (&1.into(), &1.into()));
    assert_eq!(get(&client, "q").await.text(), "second");
    client.post("/v1/queues/q/get", "").await.expect(204);
}

/// A job that comes back after a delay gets the place of the moment when it is due.
#[tokio::test]
async fn a_job_with_a_delay_gets_the_place_of_its_due_moment() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "first").await;
    put(&client, "q", "second").await;
    let first = get(&client, "q").await;
    client.post(&format!("{}/nack?delay=300ms", first.location()), "").await.expect(204);
    assert_eq!(get(&client, "q").await.text(), "second");
    let due = client.post("/v1/queues/q/get?wait=30s", "").await.expect(200);
    assert_eq!((due.text(), due.number("awaitd-attempt")), ("first", 2));
}

#[tokio::test]
async fn the_leases_of_locks_cannot_be_given_back() {
    let server = Server::start();
    let client = server.client();
    let lease = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    client.post(&format!("{lease}/nack"), "").await.refused(404, "not_found");
    client.get(&lease).await.expect(200);
    // So is what a later version brings.
    client.post(&format!("{lease}/done"), "").await.refused(404, "not_found");
}
