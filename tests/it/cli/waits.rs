//! How commands wait, how long, and how they end before that.

use std::process::Stdio;
use std::time::Duration;

use awaitd_tests::{End, Server, until};
use tokio::process::{Child, Command};

use super::{NOT_YET, awaitd, command, ended, json};
use crate::client::restarts::Lasting;

/// What does not wait, or not for long, says that it is not yet so.
#[tokio::test]
async fn what_is_not_yet_has_an_exit_code() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/full", r#"{"maxsize": 1}"#).await.expect(201);
    client.post("/v1/queues/full/jobs", "x").await.expect(201);
    let calls = [
        (&["put", "full", "y"][..], "queue_full"),
        (&["get", "empty"], "empty"),
        (&["get", "empty", "--ack"], "empty"),
        (&["join", "full"], "not_drained"),
        (&["event", "wait", "unset"], "not_set"),
    ];
    for (call, code) in calls {
        for wait in [&["-n"][..], &["-w", "50ms"], &["--wait", "0"]] {
            let args = [call, wait, &["--json"]].concat();
            let ran = awaitd(&server, &args).await;
            assert_eq!(ran.exit, NOT_YET, "{args:?}: {ran:?}");
            assert_eq!(json(&ran)["error"]["code"], code, "{args:?}");
            assert!(ran.complaints.starts_with("awaitd: "), "{ran:?}");
        }
    }
    assert_eq!(awaitd(&server, &["get", "q", "-n", "-w", "1s"]).await.exit, 2);
}

/// If nothing is said, a command waits as long as it takes.
#[tokio::test]
async fn commands_wait() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    client.post("/v1/queues/q/jobs", "first").await.expect(201);
    let start = |args: &[&str]| command(&server, args).spawn().expect("the binary runs");
    let (put, join) = (start(&["put", "q", "second"]), start(&["join", "q"]));
    let (get, wait) = (start(&["get", "other"]), start(&["event", "wait", "e"]));
    server.until_waiting("queue", "q", "put", 1).await;
    server.until_waiting("queue", "q", "join", 1).await;
    server.until_waiting("queue", "other", "get", 1).await;
    server.until_waiting("event", "e", "wait", 1).await;
    client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
    ended(put).await.well();
    client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
    ended(join).await.well();
    client.post("/v1/queues/other/jobs", "job").await.expect(201);
    assert_eq!(ended(get).await.well().out, "job");
    client.put("/v1/events/e", "value").await.expect(200);
    assert_eq!(ended(wait).await.well().out, "value");
}

/// A restart of the server is a pause.
#[tokio::test]
async fn waits_go_on_over_a_restart() {
    let lasting = Lasting::new();
    let server = lasting.start();
    let get = command(&server, &["get", "q"]).spawn().expect("the binary runs");
    server.until_waiting("queue", "q", "get", 1).await;
    End::Kill.of(server).await;
    let server = lasting.start();
    awaitd(&server, &["put", "q", "x"]).await.well();
    assert_eq!(ended(get).await.well().out, "x");
}

/// A signal ends a wait, and nobody is left standing in a line.
#[tokio::test]
async fn a_signal_ends_a_wait() {
    let server = Server::start();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let get = command(&server, &["get", "q"]).spawn().expect("the binary runs");
        server.until_waiting("queue", "q", "get", 1).await;
        signal(&get, name).await;
        assert_eq!(ended(get).await.exit, code);
        server.until_waiting("queue", "q", "get", 0).await;
    }
    // Also what reads, and what cannot write any further.
    let mut put = command(&server, &["put", "q"]);
    let put = put.stdin(Stdio::piped()).spawn().expect("the binary runs");
    let large = vec![b'x'; 1 << 20];
    server.client().post("/v1/queues/large/jobs", large).await.expect(201);
    let get = command(&server, &["get", "large", "--lease", "1h"]).spawn();
    let get = get.expect("the binary runs");
    server.scrape().await;
    until("it is leased", async || {
        let state = server.client().get("/v1/queues/large").await.expect(200).json();
        state["leased"] == 1
    })
    .await;
    for child in [put, get] {
        until("it hears signals", async || hears(&child, "INT").await).await;
        let ended = until_ended(child).await;
        assert_eq!(ended, Some(130));
    }
    let again = awaitd(&server, &["get", "large", "-w", "30s", "--ack"]).await.well();
    assert_eq!(again.out.len(), 1 << 20, "it went back");
}

/// A server that is not there, or says no for good, is told apart from one that says "not yet".
#[tokio::test]
async fn what_fails_has_an_exit_code() {
    let server = Server::start();
    let calls = [
        (&["put", "no/name", "x"][..], 1, "is no name"),
        (&["put", "q", "x", "--retry", "0", "--url", "http://127.0.0.1:9"], 69, "127.0.0.1:9"),
        (&["health", "--url", "http://127.0.0.1:9"], 69, "awaitd serve"),
        (&["put", "q", "x", "--url", "nowhere"], 2, "nowhere"),
        (&["get"], 2, "QUEUE"),
        (&["get", "q", "--wait", "soon"], 2, "soon"),
    ];
    for (args, code, said) in calls {
        let ran = awaitd(&server, args).await;
        assert_eq!((ran.exit, ran.out.as_str()), (code, ""), "{args:?}: {ran:?}");
        assert!(ran.complaints.contains(said), "{args:?}: {ran:?}");
    }
    server.client().put("/v1/queues/q", "").await.expect(201);
    server.client().post("/v1/queues/q/shutdown", "").await.expect(200);
    let closed = awaitd(&server, &["get", "q", "--json"]).await;
    assert_eq!((closed.exit, &json(&closed)["error"]["code"]), (1, &"queue_shut_down".into()));
}

async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it has not ended").to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status().await.expect("kill runs");
    assert!(sent.success());
}

/// Whether it waits for signals by now, rather than being ended by the first one: then it is sent.
async fn hears(child: &Child, name: &str) -> bool {
    let pid = child.id().expect("it has not ended");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Of SIGINT, which is 2, and SIGTERM, 15.
    let both = caught.is_some_and(|mask| mask & (1 << 1) != 0 && mask & (1 << 14) != 0);
    if both {
        signal(child, name).await;
    }
    both
}

async fn until_ended(mut child: Child) -> Option<i32> {
    // Its output is not read: that is what this is about.
    let ended = tokio::time::timeout(Duration::from_secs(50), child.wait()).await;
    ended.expect("it ends").expect("a child can be awaited").code()
}
