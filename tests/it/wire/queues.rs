//! "Queues".

use awaitd_tests::Server;
use serde_json::{Value, json};

use super::{get, put, state};

#[tokio::test]
async fn put_configures_and_replaces() {
    let server = Server::start();
    let client = server.client();
    let configure = |body: Value| client.ask("PUT", "/v1/queues/q").json(&body);
    configure(json!({ "maxsize": 3, "lease": "5s", "order": "fifo" })).await.expect(201);
    let queue = state(&client, "q").await;
    assert_eq!(
        (&queue["name"], &queue["maxsize"], &queue["order"]),
        (&json!("q"), &json!(3), &json!("fifo"))
    );
    let lease = queue["lease"].clone();
    configure(json!({ "maxsize": 4 })).await.expect(200);
    let queue = state(&client, "q").await;
    assert_eq!(queue["maxsize"], 4);
    assert_ne!(queue["lease"], lease, "what is left out has its default");
    // What a queue says of its lease can be said to it.
    configure(json!({ "lease": lease })).await.expect(200);
    assert_eq!(state(&client, "q").await["lease"], lease);
    assert_eq!(state(&client, "q").await["maxsize"], 1_000);
    // An empty body is no JSON object, an empty object is one.
    configure(json!({})).await.expect(200);
}

#[tokio::test]
async fn if_none_match_only_creates() {
    let server = Server::start();
    let client = server.client();
    let create = |maxsize: u8| {
        let body = json!({ "maxsize": maxsize });
        client.ask("PUT", "/v1/queues/q").header("if-none-match", "*").json(&body)
    };
    create(3).await.expect(201);
    let exists = create(4).await.refused(412, "exists");
    assert_eq!(exists.json()["configuration"]["maxsize"], 3);
    assert_eq!(exists.json()["configuration"]["order"], "fifo");
    assert_eq!(state(&client, "q").await["maxsize"], 3);
    let other = client.put("/v1/queues/q", "{}").header("if-none-match", "\"etag\"");
    other.await.refused(400, "invalid_parameter");
}

#[tokio::test]
async fn the_state_of_a_queue_counts_what_is_in_it() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 3}"#).await.expect(201);
    let empty = state(&client, "q").await;
    assert!(empty["oldest_ready_age"].is_null(), "{empty}");
    for body in ["leased", "done", "ready"] {
        put(&client, "q", body).await;
    }
    get(&client, "q").await;
    let done = get(&client, "q").await.location();
    client.delete(&done).await.expect(204);
    client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
    put(&client, "q", "ready too").await;
    let put = client.post("/v1/queues/q/jobs?wait=30s", "waits").spawn();
    let join = client.get("/v1/queues/q/join?wait=30s").spawn();
    server.until_waiting("queue", "q", "put", 1).await;
    server.until_waiting("queue", "q", "join", 1).await;
    let queue = state(&client, "q").await;
    let counts = json!({ "ready": 2, "delayed": 1, "leased": 1, "dead": 0, "unfinished": 4 });
    for (name, count) in counts.as_object().expect("an object") {
        assert_eq!(&queue[name], count, "{name} in {queue}");
    }
    assert_eq!(queue["waiters"], json!({ "put": 1, "get": 0, "join": 1 }));
    assert!(queue["oldest_ready_age"].as_f64().is_some_and(|age| age >= 0.0), "{queue}");
    client.delete("/v1/queues/q").await.expect(204);
    put.await.expect("no panic").refused(410, "deleted");
    join.await.expect("no panic").refused(410, "deleted");
}

#[tokio::test]
async fn queues_are_listed_in_pages() {
    let server = Server::start();
    let client = server.client();
    let nothing = client.get("/v1/queues").await.expect(200).json();
    assert_eq!(nothing["items"], json!([]));
    assert!(nothing["cursor"].is_null());
    for name in ["b", "a:2", "a:1", "a:3", "c", "a"] {
        client.put(&format!("/v1/queues/{name}"), "{}").await.expect(201);
    }
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("a list").iter();
        items.map(|queue| queue["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = client.get("/v1/queues").await.expect(200).json();
    assert_eq!(names(&all), ["a", "a:1", "a:2", "a:3", "b", "c"]);
    assert_eq!(all["items"][0], state(&client, "a").await, "an item is what its GET says");
    let family = client.get("/v1/queues?prefix=a:").await.expect(200).json();
    assert_eq!(names(&family), ["a:1", "a:2", "a:3"]);
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/queues?limit=2{cursor}")).await.expect(200).json();
        assert!(names(&page).len() <= 2);
        found.extend(names(&page));
        let Some(next) = page["cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, names(&all));
    let page = client.get("/v1/queues?prefix=a:&limit=2").await.expect(200).json();
    let next = page["cursor"].as_str().expect("there is one more");
    let rest = format!("/v1/queues?prefix=a:&limit=2&cursor={next}");
    assert_eq!(names(&client.get(&rest).await.expect(200).json()), ["a:3"]);
}

#[tokio::test]
async fn deleting_a_queue_answers_all_who_have_to_do_with_it() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    let lease = get(&client, "q").await.location();
    let waits = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    client.delete("/v1/queues/q").await.expect(204);
    waits.await.expect("no panic").refused(410, "deleted");
    client.delete(&lease).await.refused(410, "deleted");
    client.get(&lease).await.refused(410, "deleted");
    client.patch(&lease).await.refused(410, "deleted");
    client.post(&format!("{lease}/nack"), "").await.refused(410, "deleted");
    client.get("/v1/queues/q").await.refused(404, "not_found");
    client.delete("/v1/queues/q").await.refused(404, "not_found");
    // A new queue of that name knows nothing of the old one's leases.
    put(&client, "q", "y").await;
    client.delete(&lease).await.refused(410, "deleted");
    assert_eq!(get(&client, "q").await.text(), "y");
}

#[tokio::test]
async fn a_get_says_all_about_its_job() {
    let server = Server::start();
    let client = server.client();
    let place = put(&client, "q", "x").await;
    let id = place.strip_prefix("/v1/queues/q/jobs/").expect("a job's place").to_owned();
    let got = client.post("/v1/queues/q/get?lease=5s", "").await.expect(200);
    assert_eq!(got.header("awaitd-job"), id);
    assert_eq!(got.number("awaitd-attempt"), 1);
    assert!(got.number("awaitd-fence") > 0);
    assert!(got.seconds("awaitd-waited") >= 0.0);
    assert!(got.seconds("awaitd-expires-in") <= 5.0);
    assert!(got.location().starts_with("/v1/queues/q/leases/"));
    let at = got.header("awaitd-enqueued-at").as_bytes();
    let shape: String =
        at.iter().map(|byte| if byte.is_ascii_digit() { '0' } else { *byte as char }).collect();
    assert!(shape.starts_with("0000-00-00T00:00:00"), "RFC 3339: {}", got.shown());
    assert!(shape.ends_with('Z') || shape.ends_with("00:00"), "RFC 3339: {}", got.shown());
}

/// How long a job was ready says nothing of when it was put, and the other way round.
#[tokio::test]
async fn a_get_says_since_when_its_job_is_ready() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let first = get(&client, "q").await;
    client.post(&format!("{}/nack?delay=0", first.location()), "").await.expect(204);
    let again = get(&client, "q").await;
    assert!(first.seconds("awaitd-waited") >= 0.5, "{}", first.shown());
    assert!(again.seconds("awaitd-waited") < first.seconds("awaitd-waited"), "{}", again.shown());
    assert_eq!(again.header("awaitd-enqueued-at"), first.header("awaitd-enqueued-at"));
}

#[tokio::test]
async fn an_empty_get_is_no_error_unless_wished() {
    let server = Server::start();
    let client = server.client();
    let nothing = client.post("/v1/queues/q/get", "").await.expect(204);
    assert!(nothing.body.is_empty() && nothing.find("location").is_none());
    client.post("/v1/queues/q/get?wait=10ms", "").await.expect(204);
    client.post("/v1/queues/q/get?empty=408", "").await.refused(408, "empty");
    client.post("/v1/queues/q/get?wait=10ms&empty=408", "").await.refused(408, "empty");
}

#[tokio::test]
async fn at_most_once_is_done_when_delivered() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    let got = client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
    assert_eq!(got.text(), "x");
    assert!(got.find("location").is_none() && got.find("awaitd-expires-in").is_none());
    client.get("/v1/queues/q/join?wait=30s").await.expect(200);
    assert_eq!(state(&client, "q").await["unfinished"], 0);
    let waits = client.post("/v1/queues/q/get?ack=true&wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    put(&client, "q", "y").await;
    assert_eq!(waits.await.expect("no panic").expect(200).text(), "y");
    client.get("/v1/queues/q/join?wait=30s").await.expect(200);
}

#[tokio::test]
async fn a_delayed_job_is_not_handed_out_before_its_time() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/q/jobs?delay=1h", "late").await.expect(201);
    client.post("/v1/queues/q/get", "").await.expect(204);
    let waits = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    client.post("/v1/queues/q/jobs?delay=200ms", "soon").await.expect(201);
    let got = waits.await.expect("no panic").expect(200);
    assert_eq!((got.text(), got.number("awaitd-attempt")), ("soon", 1));
    assert_eq!(state(&client, "q").await["delayed"], 1);
}

#[tokio::test]
async fn join_is_answered_when_every_job_is_done() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    let not_yet = client.get("/v1/queues/q/join?wait=10ms").await.refused(408, "not_drained");
    assert_eq!(not_yet.number("awaitd-unfinished"), 1);
    let before = not_yet.number("awaitd-generation");
    let join = client.get("/v1/queues/q/join?wait=30s").spawn();
    server.until_waiting("queue", "q", "join", 1).await;
    let lease = get(&client, "q").await.location();
    assert_eq!(client.get("/v1/queues/q/join").await.number("awaitd-unfinished"), 1);
    client.delete(&lease).await.expect(204);
    // Full again at once, which does not take the moment of emptiness back.
    put(&client, "q", "y").await;
    let drained = join.await.expect("no panic").expect(200).number("awaitd-generation");
    assert!(drained > before);
    client.get("/v1/queues/q/join").await.refused(408, "not_drained");
    let after = format!("/v1/queues/q/join?after={before}");
    assert_eq!(client.get(&after).await.expect(200).number("awaitd-generation"), drained);
    let after = format!("/v1/queues/q/join?after={drained}");
    client.get(&after).await.refused(408, "not_drained");
}

/// A job that waits is taken back; one that somebody works on only by force, and that is told.
#[tokio::test]
async fn a_job_is_cancelled() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 2}"#).await.expect(201);
    let held = client.post("/v1/queues/q/jobs", "held").await.expect(201).location();
    let lease = get(&client, "q").await.location();
    let ready = client.post("/v1/queues/q/jobs", "ready").await.expect(201).location();
    let late = client.post("/v1/queues/q/jobs?delay=1h", "late").await.expect(201).location();
    let put = client.post("/v1/queues/q/jobs?wait=30s", "waits").spawn();
    server.until_waiting("queue", "q", "put", 1).await;
    client.delete(&held).await.refused(409, "leased");
    client.delete(&late).key("once").await.expect(204);
    client.delete(&late).key("once").await.expect(204);
    client.delete(&late).await.refused(404, "not_found");
    let waits = put.await.expect("there was room").expect(201).location();
    for job in [&ready, &waits] {
        client.delete(job).await.expect(204);
    }
    let join = client.get("/v1/queues/q/join?wait=30s").spawn();
    server.until_waiting("queue", "q", "join", 1).await;
    client.delete(&format!("{held}?force=true")).await.expect(204);
    join.await.expect("nothing is left").expect(200);
    client.delete(&lease).await.refused(410, "lease_lost");
    for job in ["0", "-1", "1x", "99999999999999999999999", "%31"] {
        client.delete(&format!("/v1/queues/q/jobs/{job}")).await.refused(404, "not_found");
    }
    let metrics = client.get("/metrics").await.expect(200);
    let cancelled = r#"awaitd_jobs_total{queue="q",event="cancelled"} 4"#;
    assert!(metrics.text().contains(cancelled), "{}", metrics.text());
}
