//! "Rules that hold everywhere".

use awaitd_tests::{Server, curl};
use serde_json::json;

use super::{get, put};

#[tokio::test]
async fn a_body_comes_back_byte_for_byte_with_its_type() {
    let server = Server::start();
    let client = server.client();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..1024 * 1024).map(|_| fastrand::u8(..)).collect();
    let bodies: [(&[u8], Option<&str>); 6] = [
        (b"", None),
        (b"", Some("text/plain")),
        (&all_bytes, None),
        (&all_bytes, Some("image/png")),
        (&large, Some("application/x-thing; version=\"2\"; charset=UTF-8")),
        ("grüße\r\n\r\n0\r\n\r\n".as_bytes(), Some("text/plain; charset=utf-8")),
    ];
    for (body, content_type) in bodies {
        let mut job = client.post("/v1/queues/bytes/jobs", body);
        let mut event = client.put("/v1/events/bytes", body);
        if let Some(content_type) = content_type {
            job = job.header("content-type", content_type);
            event = event.header("content-type", content_type);
        }
        job.await.expect(201);
        event.await.expect(200);
        for heard in [get(&client, "bytes").await, client.get("/v1/events/bytes").await] {
            assert!(heard.body == body, "{} bytes of {content_type:?}", body.len());
            let expected = content_type.unwrap_or("application/octet-stream");
            assert_eq!(heard.header("content-type"), expected);
        }
    }
}

#[tokio::test]
async fn a_body_comes_back_byte_for_byte_through_curl() {
    let server = Server::start();
    let jobs = format!("{}/v1/queues/bytes/jobs", server.base());
    let body: Vec<u8> = (0..70_000).map(|_| fastrand::u8(..)).collect();
    let binary = ["--data-binary", "@-", "-H", "Content-Type: application/zip", &jobs];
    curl(&binary, &body).await.heard.expect(201);
    let got = curl(&["-X", "POST", &jobs.replace("/jobs", "/get")], b"").await.heard.expect(200);
    assert!(got.body == body, "70,000 bytes");
    assert_eq!(got.header("content-type"), "application/zip");
}

#[tokio::test]
async fn names_have_1_to_128_characters() {
    let server = Server::start();
    let client = server.client();
    let longest = format!("a{}", "_:.-9Z".repeat(22))[..128].to_owned();
    for good in ["a", "0", "A.b_c:d-e", &longest] {
        client.post(&format!("/v1/queues/{good}/jobs"), "x").await.expect(201);
        client.put(&format!("/v1/events/{good}"), "x").await.expect(200);
        client.post(&format!("/v1/locks/{good}/acquire"), "").await.expect(201);
    }
    for bad in [".a", "-a", "_a", ":a", "a%20b", "a%2Fb", "ä", &format!("{longest}x")] {
        let problem = client.post(&format!("/v1/queues/{bad}/jobs"), "x").await;
        problem.refused(400, "invalid_name");
        client.get(&format!("/v1/events/{bad}")).await.refused(400, "invalid_name");
        client.get(&format!("/v1/locks/{bad}")).await.refused(400, "invalid_name");
    }
}

#[tokio::test]
async fn durations_are_written_in_several_ways() {
    let server = Server::start();
    let client = server.client();
    let written = [
        ("250ms", 0.25),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5_400.0),
        ("2.5", 2.5),
        ("86400", 86_400.0),
        ("100ms", 0.1),
    ];
    for (text, seconds) in written {
        let path = format!("/v1/locks/{}/acquire?lease={text}", text.replace('.', "-"));
        let left = client.post(&path, "").await.expect(201).seconds("awaitd-expires-in");
        assert!(left <= seconds && left > seconds - 60.0, "{text} gave {left}");
    }
    for bad in ["", "x", "1x", "-1", "1e3", "NaN", "inf", "s", "5 s", "1.5.5", "0x10", "99ms"] {
        let path = format!("/v1/locks/free/acquire?lease={}", bad.replace(' ', "%20"));
        let problem = client.post(&path, "").await.refused(400, "invalid_parameter");
        assert!(problem.json()["detail"].as_str().is_some_and(|text| text.contains("lease")));
    }
}

#[tokio::test]
async fn durations_in_json_are_strings_or_numbers() {
    let server = Server::start();
    let client = server.client();
    for (lease, seconds) in [(json!("1h30m"), 5_400.0), (json!(2.5), 2.5), (json!(7), 7.0)] {
        client.ask("PUT", "/v1/queues/q").json(&json!({ "lease": lease })).await;
        put(&client, "q", "x").await;
        let left = get(&client, "q").await.seconds("awaitd-expires-in");
        assert!(left <= seconds && left > seconds - 60.0, "{lease} gave {left}");
    }
}

/// A wait above `--max-wait` is cut to it: these answers come, instead of a test that hangs.
#[tokio::test]
async fn a_long_wait_is_cut_to_the_longest_allowed() {
    let server = Server::with_args(&["--max-wait", "50ms"]);
    let client = server.client();
    client.post("/v1/queues/q/get?wait=24h", "").await.expect(204);
    client.get("/v1/events/e?wait=24h").await.refused(408, "not_set");
    client.post("/v1/locks/l/acquire", "").await.expect(201);
    client.post("/v1/locks/l/acquire?wait=24h", "").await.refused(408, "locked");
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(200);
    put(&client, "q", "x").await;
    client.post("/v1/queues/q/jobs?wait=24h", "y").await.refused(429, "queue_full");
    client.get("/v1/queues/q/join?wait=24h").await.refused(408, "not_drained");
}

/// `curl -f` fails whenever the caller did not get what it asked for.
#[tokio::test]
async fn curl_f_fails_unless_it_got_what_it_asked_for() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/full", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "full", "x").await;
    let held = client.post("/v1/locks/held/acquire", "").await.expect(201).location();
    let lost = client.post("/v1/locks/lost/acquire", "").await.expect(201).location();
    client.delete("/v1/locks/lost?force=true").await.expect(204);
    let cases = [
        ("POST", "/v1/queues/empty/get", 0),
        ("POST", "/v1/queues/empty/get?empty=408", 22),
        ("POST", "/v1/queues/full/jobs", 22),
        ("GET", "/v1/queues/full/join", 22),
        ("GET", "/v1/queues/nobody-put/join", 0),
        ("GET", "/v1/queues/nobody-made", 22),
        ("GET", "/v1/events/unset", 22),
        ("PUT", "/v1/events/set", 0),
        ("GET", "/v1/events/set", 0),
        ("POST", "/v1/locks/held/acquire", 22),
        ("POST", "/v1/locks/held/acquire?wait=10ms", 22),
        ("DELETE", lost.as_str(), 22),
        ("DELETE", held.as_str(), 0),
        ("POST", "/v1/locks/held/acquire", 0),
    ];
    for (method, path, exit) in cases {
        let url = server.base() + path;
        let asked = curl(&["-f", "-X", method, &url], b"").await;
        assert_eq!(asked.exit, exit, "{method} {path}: {}", asked.heard.shown());
    }
}

#[tokio::test]
async fn a_201_says_its_location_in_its_body_too() {
    let server = Server::start();
    let client = server.client();
    for (round, path) in ["/v1/queues/q/jobs", "/v1/locks/l/acquire"].into_iter().enumerate() {
        let plain = client.post(path, "").await.expect(201);
        assert!(plain.header("content-type").starts_with("text/plain"), "{}", plain.shown());
        assert_eq!(plain.text().lines().collect::<Vec<_>>(), [plain.location()]);
        let path = path.replace("/l/", "/other/");
        for (name, accept) in ["application/json", "application/json;q=0.9, */*"].iter().enumerate()
        {
            let path = path.replace("other", &format!("other-{round}-{name}"));
            let asked = client.post(&path, "").header("accept", accept);
            let heard = asked.await.expect(201);
            assert!(heard.header("content-type").starts_with("application/json"));
            assert_eq!(heard.json(), json!({ "location": heard.location() }));
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start();
    let client = server.client();
    let cases = [
        ("PATCH", "/v1/queues/q", vec!["DELETE", "GET", "PUT"]),
        ("PUT", "/v1/queues/q/jobs", vec!["GET", "POST"]),
        ("GET", "/v1/queues/q/get", vec!["POST"]),
        ("POST", "/v1/queues/q/join", vec!["GET"]),
        ("POST", "/v1/queues", vec!["GET"]),
        ("POST", "/v1/events/e", vec!["DELETE", "GET", "PUT"]),
        ("GET", "/v1/locks/l/acquire", vec!["POST"]),
        ("PUT", "/v1/locks/l", vec!["DELETE", "GET"]),
        ("POST", "/metrics", vec!["GET"]),
    ];
    for (method, path, allowed) in cases {
        let heard = client.ask(method, path).await.refused(405, "method_not_allowed");
        let allow = heard.header("allow").split(',').map(str::trim);
        let mut allow: Vec<_> = allow.filter(|method| *method != "HEAD").collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{method} {path}");
    }
}
