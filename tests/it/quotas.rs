//! `--quotas`: what names may take together that begin alike.

use std::fs;
use std::path::Path;

use awaitd_tests::{Client, Data, End, Folder, Server, until};

/// The flag that names this file, with these quotas in it.
fn quotas<'a>(file: &'a Path, lines: &str) -> [&'a str; 2] {
    fs::write(file, lines).expect("a folder of our own");
    ["--quotas", file.to_str().expect("its path is text")]
}

async fn is_put(client: &Client, queue: &str) {
    client.post(&format!("/v1/queues/{queue}/jobs"), "x").await.expect(201);
}

async fn is_too_much(client: &Client, queue: &str) {
    let put = client.post(&format!("/v1/queues/{queue}/jobs?wait=30s"), "x").await;
    put.refused(429, "over_quota");
}

/// Waits for a change to be heard of.
async fn until_put(client: &Client, queue: &str) {
    let path = format!("/v1/queues/{queue}/jobs");
    until("it is put", async || client.post(&path, "x").await.status == 201).await;
}

/// Jobs of all its queues count together; who is refused is told what the bound is, and `/metrics` tells it.
#[tokio::test]
async fn a_namespace_has_its_quota() {
    let folder = Folder::new();
    let file = folder.path().join("quotas");
    let lines = "# ours\nteam-a-*  jobs=2 waits=1   # for now\n";
    let server = Server::with_args(&quotas(&file, lines));
    let client = server.client();
    is_put(&client, "team-a-mail").await;
    is_put(&client, "team-a-sms").await;
    let refused = client.post("/v1/queues/team-a-mail/jobs?wait=30s", "3").await;
    let text = refused.refused(429, "over_quota").text().to_owned();
    assert!(text.contains("team-a-") && text.contains("2 jobs"), "{text}");
    is_put(&client, "team-b-mail").await;

    let waits = client.get("/v1/events/team-a-go?wait=30s").spawn();
    server.until_waiting("event", "team-a-go", "wait", 1).await;
    client.get("/v1/events/team-a-stop?wait=30s").await.refused(503, "overloaded");
    let page = server.scrape().await;
    for (name, of, value) in [
        ("awaitd_namespace_taken", "jobs", 2),
        ("awaitd_namespace_taken", "waits", 1),
        ("awaitd_namespace_quota", "jobs", 2),
        ("awaitd_namespace_quota", "waits", 1),
        ("awaitd_namespace_refused_total", "jobs", 1),
        ("awaitd_namespace_refused_total", "waits", 1),
    ] {
        let labels = [("namespace", "team-a-*"), ("of", of)];
        assert!(page.has(name, &labels) && page.count(name, &labels) == value, "{name} of {of}");
    }
    client.put("/v1/events/team-a-go", "").await.expect(200);
    waits.await.expect("no panic").expect(200);
}

/// What came of a job takes of its namespace as well, and the value of an event and a schedule's job of the memory; what ends a lease
/// without one, or sets an event without one, goes on.
#[tokio::test]
async fn what_is_kept_has_its_bounds() {
    let folder = Folder::new();
    let file = folder.path().join("quotas");
    let flags = quotas(&file, "team-a-* bytes=1000\n");
    let server = Server::with_args(&[&flags[..], &["--max-memory", "10KiB"]].concat());
    let client = server.client();
    for (size, code) in [(1_000, "over_quota"), (20_000, "memory_full")] {
        let queue = if code == "over_quota" { "team-a-mail" } else { "mail" };
        is_put(&client, queue).await;
        let got = client.post(&format!("/v1/queues/{queue}/get"), "").await.expect(200);
        let done = format!("{}/done", got.location());
        client.post(&done, "x".repeat(size)).await.refused(429, code);
        client.post(&done, "").await.expect(204);
    }
    let schedule =
        |size| format!(r#"{{"cron": "@yearly", "queue": "q", "body": "{}"}}"#, "x".repeat(size));
    client.put("/v1/schedules/yearly", schedule(20_000)).await.refused(429, "memory_full");
    client.put("/v1/schedules/yearly", schedule(1)).await.expect(201);
    client.put("/v1/events/go", "x".repeat(20_000)).await.refused(429, "memory_full");
    client.put("/v1/events/go", "").await.expect(200);
}

/// The file is read again when it changes; one that means nothing, or is gone, changes nothing.
#[tokio::test]
async fn quotas_are_read_again() {
    let folder = Folder::new();
    let file = folder.path().join("quotas");
    let server = Server::with_args(&quotas(&file, "team-a-* jobs=1\n"));
    let client = server.client();
    is_put(&client, "team-a-mail").await;
    is_too_much(&client, "team-a-mail").await;
    quotas(&file, "team-a-* jobs=2\n");
    until_put(&client, "team-a-mail").await;
    quotas(&file, "team-a-* job=9\n");
    until("it is logged", async || server.log().contains("is none of jobs=N")).await;
    is_too_much(&client, "team-a-mail").await;
    fs::remove_file(&file).expect("it is there");
    until("it is logged", async || server.log().contains("No such file")).await;
    is_too_much(&client, "team-a-mail").await;
    quotas(&file, "team-b-* jobs=9\n");
    until_put(&client, "team-a-mail").await;
}

/// What is in the journal counts from the start on.
#[tokio::test]
async fn a_start_counts_what_is_there() {
    let folder = Folder::new();
    let file = folder.path().join("quotas");
    let flags = quotas(&file, "team-a-* jobs=2\n");
    let data = Data::new();
    let server = data.start(&flags);
    is_put(&server.client(), "team-a-mail").await;
    server.client().post("/v1/queues/team-a-mail/jobs?delay=1h", "2").await.expect(201);
    End::Kill.of(server).await;
    let server = data.start(&flags);
    let client = server.client();
    is_too_much(&client, "team-a-mail").await;
    client.delete("/v1/queues/team-a-mail").await.expect(204);
    is_put(&client, "team-a-sms").await;
}

/// A server does not start on quotas that mean nothing, and says which line it is.
#[test]
fn a_wrong_line_is_no_start() {
    let folder = Folder::new();
    let file = folder.path().join("quotas");
    let refused = Data::new().refused(&quotas(&file, "a-* jobs=1\n\na-* waits=1\n"));
    let said = format!("{refused:?}");
    assert!(said.contains("line 3") && said.contains("is there twice"), "{said}");
}
