//! A disk that stalls: nobody is told what is not durable, no lease ends whose renewal has arrived,
//! no grant is delivered that is over, and what is new is refused before long.

use std::fs;
use std::time::Duration;

use awaitd_tests::{Client, Data, End, Raw, Server, Stall, Stalling, until};

/// However long a stall lasts, what is new is taken in.
const PATIENT: &[&str] = &["--max-lag", "1h"];

/// A directory on a disk that can stall.
fn stalling() -> Option<(Data, Stalling)> {
    let data = Data::new();
    fs::create_dir(data.dir()).expect("a folder can be made");
    let stalling = Stalling::new(data.dir(), &data.folder.path().join("image"))?;
    Some((data, stalling))
}

/// Goes on when the loop has judged so many puts to a queue, told or not: metrics wait for no disk.
async fn until_judged(server: &Server, queue: &str, ready: u64) {
    let labels = [("queue", queue), ("state", "ready")];
    let what = format!("{ready} jobs are ready in {queue}");
    until(&what, async || server.scrape().await.count("awaitd_queue_depth", &labels) == ready)
        .await;
}

/// Somebody who has the lock `held`.
async fn hold(client: &Client, length: &str) -> String {
    let path = format!("/v1/locks/held/acquire?lease={length}");
    client.post(&path, "").await.expect(201).location()
}

/// Sleeps: while the disk stalls there is nothing to await but time.
async fn later(stall: Stall<'_>, time: Duration) {
    tokio::time::sleep(time).await;
    drop(stall);
}

#[tokio::test]
async fn nobody_is_told_what_is_not_durable() {
    let Some((data, stalling)) = stalling() else { return };
    let server = data.start(PATIENT);
    let client = server.client();
    let held = hold(&client, "1h").await;
    for body in ["1", "2", "3"] {
        client.post("/v1/queues/q/jobs", body).await.expect(201);
    }
    let stall = stalling.stall();
    // Many, so that not all share the append that stalls first.
    let first = tokio::spawn(client.post("/v1/queues/new/jobs", "withheld").attempt());
    until_judged(&server, "new", 1).await;
    let withheld = [
        first,
        tokio::spawn(client.post("/v1/queues/new/jobs", "withheld").key("k").attempt()),
        tokio::spawn(client.post("/v1/locks/free/acquire", "").attempt()),
        tokio::spawn(client.put("/v1/events/e", "withheld").attempt()),
        tokio::spawn(client.delete(&held).attempt()),
    ];
    until_judged(&server, "new", 2).await;
    // A refusal and a read would report what is not durable; so would the job of a withheld put, and
    // all gets that promise more than a plain one.
    let refused = [
        tokio::spawn(client.post("/v1/locks/free/acquire", "").attempt()),
        tokio::spawn(client.get("/v1/queues/new").attempt()),
        tokio::spawn(client.get("/v1/events/e").attempt()),
        tokio::spawn(client.post("/v1/queues/new/get", "").attempt()),
        tokio::spawn(client.post("/v1/queues/q/get", "").key("k").attempt()),
        tokio::spawn(client.post("/v1/queues/q/get?ack=true", "").attempt()),
    ];
    until_judged(&server, "q", 1).await;
    // A plain get waits for its job alone, which is durable. So it passes all the others.
    let plain = client.post("/v1/queues/q/get?lease=1h", "").await.expect(200);
    assert_eq!(plain.text(), "3");
    for asked in withheld.iter().chain(&refused) {
        assert!(!asked.is_finished(), "somebody was told what is not durable");
    }
    server.signal("KILL");
    drop(stall);
    for asked in withheld.into_iter().chain(refused) {
        let heard = asked.await.expect("no panic");
        assert!(heard.is_none(), "{heard:?}");
    }
    End::Kill.of(server).await;
    let server = data.start(&[]);
    let client = server.client();
    for body in ["1", "2", "3"] {
        let again = client.post("/v1/queues/q/get", "").await.expect(200);
        assert_eq!((again.text(), again.number("awaitd-attempt")), (body, 1));
        assert!(again.number("awaitd-fence") > plain.number("awaitd-fence"));
    }
    client.delete(&plain.location()).await.refused(410, "lease_lost");
    client.delete(&held).await.expect(204);
}

#[tokio::test]
async fn no_lease_ends_whose_renewal_has_arrived() {
    let Some((data, stalling)) = stalling() else { return };
    let server = data.start(PATIENT);
    let client = server.client();
    let held = hold(&client, "1s").await;
    let stall = stalling.stall();
    let put = client.post("/v1/queues/q/jobs", "x").spawn();
    until_judged(&server, "q", 1).await;
    let renewed = client.patch(&format!("{held}?lease=1h")).spawn();
    let other = client.post("/v1/locks/held/acquire?wait=30s", "").spawn();
    server.until_waiting("lock", "held", "acquire", 1).await;
    later(stall, Duration::from_millis(1_500)).await;
    put.await.expect("no panic").expect(201);
    renewed.await.expect("no panic").expect(200);
    client.get(&held).await.expect(200);
    assert!(!other.is_finished(), "the lock was taken from its holder");
    client.delete(&held).await.expect(204);
    other.await.expect("no panic").expect(201);
}

#[tokio::test]
async fn no_grant_is_delivered_that_is_over() {
    let Some((data, stalling)) = stalling() else { return };
    let server = data.start(PATIENT);
    let client = server.client();
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
    let stall = stalling.stall();
    let put = client.post("/v1/queues/first/jobs", "x").spawn();
    until_judged(&server, "first", 1).await;
    let job = client.post("/v1/queues/q/get?lease=300ms", "").key("k").spawn();
    let lock = client.post("/v1/locks/l/acquire?lease=300ms", "").spawn();
    until_judged(&server, "q", 0).await;
    later(stall, Duration::from_secs(1)).await;
    put.await.expect("no panic").expect(201);
    for asked in [job, lock] {
        let heard = asked.await.expect("no panic");
        // It may have been granted once more, for all of its time.
        if matches!(heard.status, 200 | 201) {
            assert!(heard.seconds("awaitd-expires-in") > 0.0, "{}", heard.shown());
            client.delete(&heard.location()).await.expect(204);
        } else {
            assert!(matches!(heard.status, 204 | 423), "{}", heard.shown());
        }
    }
    client.post("/v1/locks/l/acquire", "").await.expect(201);
    let heard = client.post("/v1/queues/q/get", "").await;
    if heard.status == 200 {
        assert_eq!(heard.number("awaitd-attempt"), 1, "nobody had tried it");
    }
}

/// What is new is refused at once, also if its body has not come; what is held is kept and given back, and
/// how the server is can be seen.
#[tokio::test]
async fn what_is_new_is_refused_before_long() {
    let Some((data, stalling)) = stalling() else { return };
    let server = data.start(&["--max-lag", "100ms"]);
    let client = server.client();
    client.put("/v1/queues/q", "{}").await.expect(201);
    client.post("/v1/queues/q/jobs", "held").await.expect(201);
    let job = client.post("/v1/queues/q/get?lease=1h", "").key("k").await.expect(200).location();
    for body in ["settled", "got"] {
        client.post("/v1/queues/other/jobs", body).await.expect(201);
    }
    let other = client.post("/v1/queues/other/get?lease=1h", "").await.expect(200).location();
    let held = hold(&client, "1h").await;
    let stall = stalling.stall();
    let put = client.post("/v1/queues/q/jobs", "x").spawn();
    until("the server is behind", async || {
        server.scrape().await.sum("awaitd_lag_seconds", &[]) > 0.1
    })
    .await;
    for (method, path) in [
        ("POST", "/v1/queues/q/jobs"),
        ("POST", "/v1/queues/q/jobs/batch"),
        ("POST", "/v1/queues/q/get?wait=30s"),
        ("GET", "/v1/queues/q"),
        ("PUT", "/v1/events/e"),
        ("POST", "/v1/locks/l/acquire"),
    ] {
        let mut raw = Raw::connect(server.at()).await.expect("it listens");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
        raw.send(request.as_bytes()).await.expect("it reads");
        raw.answer(method, path).await.refused(503, "overloaded");
    }
    // Only what settles something is more than a get.
    for path in ["/v1/queues/q/get?settle=none", &format!("/v1/queues/q/jobs?settle={job}")] {
        client.post(path, "").await.refused(503, "overloaded");
    }
    client.get("/readyz").await.refused(503, "overloaded");
    client.get("/healthz").await.expect(200);
    let mut watch = Raw::connect(server.at()).await.expect("it listens");
    watch.ask("GET", "/v1/watch?prefix=q", "").await.expect("it reads");
    watch.read_until("\"name\":\"q\"").await;
    let kept = [
        client.post(&format!("/v1/queues/other/get?settle={other}"), "").spawn(),
        client.patch(&held).spawn(),
        client.post("/v1/queues/q/settle", format!(r#"{{"done": ["{job}"]}}"#)).spawn(),
        client.post("/v1/queues/q/pause", "").spawn(),
    ];
    drop(stall);
    put.await.expect("no panic").expect(201);
    for kept in kept {
        kept.await.expect("no panic").expect(200);
    }
    client.delete(&job).await.expect(204);
    until("it takes in what is new", async || {
        client.post("/v1/queues/q/jobs", "y").await.status == 201
    })
    .await;
    client.get("/readyz").await.expect(200);
}

/// A batch that began before is refused with the next line, and is over then.
#[tokio::test]
async fn a_batch_ends_where_the_server_is_behind() {
    let Some((data, stalling)) = stalling() else { return };
    let server = data.start(&["--max-lag", "100ms"]);
    let path = "/v1/queues/q/jobs/batch";
    let mut batch = Raw::connect(server.at()).await.expect("it listens");
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked");
    let line = "e\r\n{\"body\": \"x\"}\n\r\n";
    batch.send(format!("{head}\r\n\r\n{line}").as_bytes()).await.expect("it reads");
    batch.read_until("201").await;
    let stall = stalling.stall();
    let put = server.client().post("/v1/queues/q/jobs", "x").spawn();
    until("the server is behind", async || {
        server.scrape().await.sum("awaitd_lag_seconds", &[]) > 0.1
    })
    .await;
    batch.send(line.as_bytes()).await.expect("it reads");
    let ended = batch.answer("POST", path).await.expect(200);
    let lines: Vec<_> = ended.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("\"overloaded\""), "{}", lines[1]);
    drop(stall);
    put.await.expect("no panic").expect(201);
}

/// With as much unwritten as there may be nothing more is judged; what was judged is shown all the same.
#[tokio::test]
async fn who_looks_waits_for_no_disk() {
    let Some((data, stalling)) = stalling() else { return };
    let server = data.start(PATIENT);
    let client = server.client();
    let stall = stalling.stall();
    let first = client.post("/v1/queues/q/jobs", "x").spawn();
    until_judged(&server, "q", 1).await;
    let body = "x".repeat(1 << 20);
    let puts: Vec<_> =
        (0..20).map(|_| client.post("/v1/queues/q/jobs", body.clone()).spawn()).collect();
    // 8 MiB are unwritten then, of which a record takes a little.
    until_judged(&server, "q", 9).await;
    for _ in 0..3 {
        let labels = [("queue", "q"), ("state", "ready")];
        assert_eq!(server.scrape().await.count("awaitd_queue_depth", &labels), 9);
    }
    drop(stall);
    for put in puts.into_iter().chain([first]) {
        put.await.expect("no panic").expect(201);
    }
}
