//! What several hold at one time: shared locks, and permits of a semaphore. And barriers.

use awaitd_tests::{Process, Server};
use serde_json::json;

use super::{LOST, NOT_OBTAINED, Witness, lock_script};

const HOLD: &[&str] = &["--", "sh", "-c", "echo in; exec sleep 1000"];

fn semaphore(server: &Server, flags: &[&str], command: &[&str]) -> Process {
    Process::awaitd(server, &[&["semaphore", "it"], flags, command].concat())
}

/// Who shares a lock holds it with others who do, and with nobody who does not.
#[tokio::test(flavor = "multi_thread")]
async fn shared_locks() {
    let server = Server::start();
    let readers = [(); 2].map(|()| lock_script(&server, &["--shared"], "echo in; exec sleep 1000"));
    for reader in &readers {
        reader.prints("in").await;
    }
    lock_script(&server, &["-n"], "true").end().await.with(NOT_OBTAINED);
    let writer = lock_script(&server, &[], "echo in; exec sleep 1000");
    server.until_waiting("lock", "it", "acquire", 1).await;
    for reader in readers {
        reader.signal("TERM");
        reader.end().await.with(143);
    }
    writer.prints("in").await;
    lock_script(&server, &["-n", "-s"], "true").end().await.with(NOT_OBTAINED);
    writer.signal("TERM");
    writer.end().await.with(143);
}

/// As many permits are held as there are, each in as many hands as it takes.
#[tokio::test(flavor = "multi_thread")]
async fn permits() {
    let server = Server::start();
    let body = json!({ "permits": 3 });
    server.client().put("/v1/semaphores/it", "").json(&body).await.expect(201);
    let two = semaphore(&server, &["-p", "2"], HOLD);
    two.prints("in").await;
    semaphore(&server, &["-n", "-p", "2"], &["--", "true"]).end().await.with(NOT_OBTAINED);
    let one = semaphore(&server, &["-n"], HOLD);
    one.prints("in").await;
    let script = r#"echo "$AWAITD_SEMAPHORE $AWAITD_FENCE $AWAITD_LEASE""#;
    let next = semaphore(&server, &["-p", "2"], &["--", "sh", "-c", script]);
    server.until_waiting("semaphore", "it", "acquire", 1).await;
    one.signal("TERM");
    one.end().await.with(143);
    assert_eq!(next.out(), "");
    two.signal("TERM");
    let out = next.end().await.with(0).out;
    assert!(out.starts_with("it ") && out.contains("/v1/semaphores/it/leases/"), "{out}");
    // More than there are is a mistake, not a wait.
    let many = semaphore(&server, &["-p", "4"], &["--", "echo", "never"]).end().await.with(1);
    assert_eq!(many.out, "");
}

/// Permits are lost as locks are.
#[tokio::test(flavor = "multi_thread")]
async fn lost_permits() {
    let server = Server::start();
    let body = json!({ "permits": 1 });
    server.client().put("/v1/semaphores/it", "").json(&body).await.expect(201);
    let witness = Witness::new();
    let command = witness.seen("trap '' TERM; while :; do sleep 1000; done");
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let mut holder = semaphore(&server, &["--lease", "2s", "--"], &command);
    holder.prints("in").await;
    server.signal("STOP");
    assert_eq!(holder.code().await, LOST);
    assert!(witness.is_alone());
    server.signal("CONT");
    semaphore(&server, &[], &["--", "true"]).end().await.with(0);
}

/// All parties of a barrier are let on at once, each with its place; who waits too long has left.
#[tokio::test(flavor = "multi_thread")]
async fn barriers() {
    let server = Server::start();
    let body = json!({ "parties": 3 });
    server.client().put("/v1/barriers/it", "").json(&body).await.expect(201);
    let late = Process::awaitd(&server, &["barrier", "it", "-w", "0.1"]);
    late.end().await.with(NOT_OBTAINED);
    let mut parties = Vec::new();
    for present in 1..=2 {
        parties.push(Process::awaitd(&server, &["barrier", "it"]));
        server.until_waiting("barrier", "it", "wait", present).await;
    }
    let leaver = Process::awaitd(&server, &["barrier", "it", "-n"]);
    // Three were there: whoever comes last need not wait.
    let last = leaver.end().await.with(0).out;
    assert_eq!(last, "2\n");
    for (index, party) in parties.into_iter().enumerate() {
        assert_eq!(party.end().await.with(0).out, format!("{index}\n"));
    }
    let waiter = Process::awaitd(&server, &["barrier", "it"]);
    server.until_waiting("barrier", "it", "wait", 1).await;
    waiter.signal("INT");
    waiter.end().await.with(130);
    server.until_waiting("barrier", "it", "wait", 0).await;
}
