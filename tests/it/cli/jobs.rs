//! `put`, `get`, `done`, `nack`, `renew`.

use std::fs;
use std::process::Stdio;

use awaitd_tests::{Folder, Server, bash, binary};
use serde_json::json;

use super::{LOST, NOT_YET, awaitd, awaitd_with, command, ended, json};

/// A script needs no `jq`: the job is a file, and so is its lease.
#[tokio::test]
async fn a_script_puts_gets_and_is_done() {
    let server = Server::start();
    let folder = Folder::new();
    let script = format!(
        r#"cd {}; export AWAITD_URL=$BASE; PATH=$PATH:{}
           printf 'one\0\377' >put
           awaitd put emails --file put
           awaitd get emails --lease-file lease >got
           cmp put got
           awaitd renew "$(cat lease)" --length 1h >/dev/null
           awaitd done "$(cat lease)"
           awaitd done "$(cat lease)" # a repeat is no error
           awaitd join emails"#,
        folder.path().display(),
        binary().parent().expect("a file lies in a folder").display(),
    );
    let ran = bash(&server.base(), &script).await.well();
    assert_eq!(ran.out.lines().next(), Some("1"), "the number of the job: {ran:?}");
    assert_eq!(ran.complaints, "", "whoever asks for a file is not told on stderr");
}

/// A body comes from where it is said to come from, byte for byte.
#[tokio::test]
async fn a_body_comes_from_anywhere() {
    let server = Server::start();
    let folder = Folder::new();
    fs::write(folder.path().join("body"), b"file\r\n").expect("the folder is ours");
    let file = folder.inside("body");
    awaitd(&server, &["put", "q", "argument"]).await.well();
    awaitd(&server, &["put", "q", "-f", &file, "-t", "text/css"]).await.well();
    awaitd_with(&server, &["put", "q"], b"stdin\n").await.well();
    awaitd_with(&server, &["put", "q", "--file", "-"], b"\xff").await.well();
    awaitd(&server, &["put", "q", ""]).await.well();
    for body in ["argument", "file\r\n", "stdin\n", "\u{fffd}", ""] {
        let got = awaitd(&server, &["get", "q"]).await.well();
        assert_eq!(got.out, body, "{got:?}");
        assert!(got.complaints.contains(" lease /v1/queues/q/leases/"), "{got:?}");
    }
    let twice = awaitd(&server, &["put", "q", "argument", "--file", &file]).await;
    assert_eq!(twice.exit, 2, "{twice:?}");
    let none = awaitd(&server, &["put", "q", "--file", &folder.inside("none")]).await;
    assert_eq!((none.exit, none.complaints.contains("none: No such file")), (74, true), "{none:?}");
}

/// In JSON all is told at once; a body that is no text is in base64.
#[tokio::test]
async fn a_job_is_told_in_json() {
    let server = Server::start();
    let put = json(&awaitd(&server, &["put", "q", "{}", "-t", "application/json", "--json"]).await);
    assert_eq!(put, json!({ "queue": "q", "job": 1 }));
    awaitd_with(&server, &["put", "q"], b"\xff\x00").await.well();
    let got = json(&awaitd(&server, &["get", "q", "--json", "--lease", "1h"]).await.well());
    assert_eq!(got["body"], "{}");
    assert_eq!(got["content_type"], "application/json");
    assert_eq!([&got["job"], &got["attempt"], &got["fence"]], [1, 1, 1]);
    let left = got["expires_in"].as_f64().expect("seconds");
    assert!(left > 3_590.0 && left <= 3_600.0, "{got}");
    let lease = got["lease"].as_str().expect("a path").to_owned();
    let done = json(&awaitd(&server, &["done", &lease, "--json"]).await.well());
    assert_eq!(done, json!({ "done": true }));
    let folder = Folder::new();
    let file = folder.inside("facts");
    let got = awaitd(&server, &["get", "q", "--ack", "--json", "--facts", &file]).await.well();
    assert_eq!(json(&got)["body_base64"], "/wA=");
    let facts = fs::read_to_string(file).expect("it was written");
    let facts: serde_json::Value = serde_json::from_str(&facts).expect("it is JSON");
    assert_eq!(
        (&facts["job"], &facts["body_base64"], &facts["lease"]),
        (&json!(2), &json!(null), &json!(null))
    );
    assert_eq!(awaitd(&server, &["join", "q", "-n"]).await.exit, 0, "it was done when delivered");
}

/// A job is given back with its reason, at its time, and the attempt counts unless it shall not.
#[tokio::test]
async fn a_job_is_given_back() {
    let server = Server::start();
    awaitd(&server, &["put", "q", "x"]).await.well();
    let get = async || {
        let got = json(&awaitd(&server, &["get", "q", "--json", "-n"]).await.well());
        (got["attempt"].clone(), got["lease"].as_str().expect("a path").to_owned())
    };
    let (attempt, lease) = get().await;
    assert_eq!(attempt, 1);
    awaitd(&server, &["nack", &lease, "--delay", "0", "--error", "too hot"]).await.well();
    let (attempt, lease) = get().await;
    assert_eq!(attempt, 2);
    awaitd(&server, &["nack", &lease, "--delay", "0", "--defer"]).await.well();
    let (attempt, lease) = get().await;
    assert_eq!(attempt, 2);
    let both = awaitd(&server, &["nack", &lease, "--dead", "-d", "1h"]).await;
    assert_eq!(both.exit, 2, "{both:?}");
    awaitd(&server, &["nack", &lease, "-d", "1h"]).await.well();
    assert_eq!(awaitd(&server, &["get", "q", "-n"]).await.exit, NOT_YET);
    for lost in [["done", &lease], ["renew", &lease]] {
        let lost = awaitd(&server, &lost).await;
        assert_eq!((lost.exit, lost.out.as_str()), (LOST, ""), "{lost:?}");
    }
    // The lease of what was deleted is lost too.
    awaitd(&server, &["put", "q", "y"]).await.well();
    let (_, lease) = get().await;
    server.client().delete("/v1/queues/q").await.expect(204);
    assert_eq!(awaitd(&server, &["done", &lease]).await.exit, LOST);
    let none = awaitd(&server, &["done", "/v1/queues/q"]).await;
    assert_eq!((none.exit, none.complaints.contains("is no lease")), (2, true), "{none:?}");
}

/// A job that could not be written anywhere goes back as if it had never been got.
#[tokio::test]
async fn a_job_that_nobody_could_read_goes_back() {
    let server = Server::start();
    awaitd(&server, &["put", "q", "x"]).await.well();
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut get = command(&server, &["get", "q", "--lease", "1h"]);
    let lost = ended(get.stdout(Stdio::from(full)).spawn().expect("the binary runs")).await;
    assert_eq!((lost.exit, lost.complaints.contains("failed to write")), (74, true), "{lost:?}");
    let file = "/nowhere/lease";
    let lost = awaitd(&server, &["get", "q", "--lease", "1h", "--lease-file", file]).await;
    assert_eq!((lost.exit, lost.out.as_str()), (74, ""), "{lost:?}");
    assert!(lost.complaints.contains(file), "{lost:?}");
    let got = json(&awaitd(&server, &["get", "q", "-n", "--json"]).await.well());
    assert_eq!(got["attempt"], 1);
}

/// A delay holds a job back, and `--ack` leaves nothing to be done.
#[tokio::test]
async fn jobs_are_delayed_and_taken() {
    let server = Server::start();
    awaitd(&server, &["put", "q", "later", "--delay", "1h"]).await.well();
    awaitd(&server, &["put", "q", "now"]).await.well();
    let taken = awaitd(&server, &["get", "q", "--ack"]).await.well();
    assert_eq!((taken.out.as_str(), taken.complaints.contains("lease")), ("now", false));
    assert_eq!(awaitd(&server, &["get", "q", "--ack", "-n"]).await.exit, NOT_YET);
    let state = server.client().get("/v1/queues/q").await.expect(200).json();
    assert_eq!([&state["delayed"], &state["unfinished"]], [1, 1]);
    server.client().put("/v1/queues/ranked", r#"{"order": "priority"}"#).await.expect(201);
    awaitd(&server, &["put", "ranked", "second"]).await.well();
    awaitd(&server, &["put", "ranked", "first", "--priority", "-3"]).await.well();
    assert_eq!(awaitd(&server, &["get", "ranked", "--ack"]).await.well().out, "first");
    let unranked = awaitd(&server, &["put", "q", "x", "--priority", "-3"]).await;
    assert_eq!(unranked.exit, 1, "{unranked:?}");
}
