//! "More for queues": what a put says of its job, and how jobs are looked at.

use std::time::{Duration, SystemTime};

use awaitd_tests::{Client, Server};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{get, put, state};

/// The job at its place.
async fn look(client: &Client, place: &str) -> Value {
    client.get(place).await.expect(200).json()
}

/// The numbers of jobs in a page.
fn numbers(page: &Value) -> Vec<u64> {
    let items = page["items"].as_array().expect("a list").iter();
    items.map(|job| job["job"].as_u64().expect("a number")).collect()
}

/// An instant so far from now.
fn ahead(length: Duration) -> String {
    Timestamp::try_from(SystemTime::now() + length).expect("in our era").to_string()
}

#[tokio::test]
async fn a_queue_shows_its_policy_as_it_was_told() {
    let server = Server::start();
    let client = server.client();
    let told = json!({
        "maxsize": 10, "order": "lifo", "lease": 5, "max_attempts": 3,
        "backoff": {"min": 0.5, "max": 60, "factor": 1.5, "jitter": 0},
        "dead_letter": "q:dead", "ttl": 3600, "full": "drop_oldest", "max_bytes": 1000,
        "max_leased": 4, "max_dead": 5, "rate": {"per_second": 2.5, "burst": 3},
        "concurrency": 2, "key_concurrency": 2, "fair": true, "retain": 60,
    });
    let configure = |body: &Value| client.ask("PUT", "/v1/queues/q").json(body);
    let answered = configure(&told).await.expect(201).json();
    let shown = state(&client, "q").await;
    for (name, value) in told.as_object().expect("an object") {
        assert_eq!((&answered[name], &shown[name]), (value, value), "{name}");
    }
    // What was shown can be told again, and what is left out has its default.
    configure(&told).await.expect(200);
    configure(&json!({})).await.expect(200);
    let default = state(&client, "q").await;
    let backoff = json!({"min": 1, "max": 600, "factor": 2, "jitter": 0.1});
    assert_eq!((&default["backoff"], &default["max_attempts"]), (&backoff, &json!(25)));
    for nothing in ["dead_letter", "ttl", "max_bytes", "rate", "concurrency"] {
        assert!(default[nothing].is_null(), "{nothing} in {default}");
    }
    configure(&json!({ "dead_letter": "q" })).await.refused(409, "conflict");
    assert_eq!(state(&client, "q").await, default);
}

#[tokio::test]
async fn what_was_said_of_a_job_comes_with_it() {
    let server = Server::start();
    let client = server.client();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let put = client.post("/v1/queues/q/jobs?key=tenant+7&max_attempts=3&lease=5s&ttl=1h", "x");
    let put = put.header("job-color", "r\u{e9}d").header("Job-Color", "blue");
    let place = put.header("traceparent", trace).header("x-other", "y").await.expect(201);
    let job = look(&client, &place.location()).await;
    let headers = json!({ "job-color": "r\u{e9}d, blue", "traceparent": trace });
    assert_eq!((&job["headers"], &job["key"]), (&headers, &json!("tenant 7")));
    assert_eq!((&job["max_attempts"], &job["lease_length"]), (&json!(3), &json!(5)));
    assert!(job["expires_at"].as_str().expect("it has a ttl") > ahead(Duration::ZERO).as_str());
    let got = get(&client, "q").await;
    assert_eq!(got.header("job-color"), "r\u{e9}d, blue");
    assert_eq!((got.header("traceparent"), got.header("awaitd-key")), (trace, "tenant%207"));
    assert!(got.find("x-other").is_none() && got.find("awaitd-died-in").is_none());
    assert!(got.seconds("awaitd-expires-in") <= 5.0, "{}", got.shown());
}

#[tokio::test]
async fn jobs_of_one_key_go_one_at_a_time() {
    let server = Server::start();
    let client = server.client();
    for (key, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        client.post(&format!("/v1/queues/q/jobs?key={key}"), body).await.expect(201);
    }
    let first = get(&client, "q").await;
    assert_eq!((first.text(), get(&client, "q").await.text()), ("a1", "b1"));
    client.post("/v1/queues/q/get", "").await.expect(204);
    client.delete(&first.location()).await.expect(204);
    assert_eq!(get(&client, "q").await.text(), "a2");
}

#[tokio::test]
async fn an_instant_says_not_before() {
    let server = Server::start();
    let client = server.client();
    let at =
        |at: &str| client.post(&format!("/v1/queues/q/jobs?at={}", at.replace('+', "%2B")), "x");
    let tomorrow = ahead(Duration::from_hours(24));
    let late = at(&tomorrow).await.expect(201).location();
    let job = look(&client, &late).await;
    assert_eq!(job["state"], "delayed");
    // To the millisecond, give or take what the two clocks are apart.
    let ready: Timestamp = job["ready_at"].as_str().expect("delayed").parse().expect("an instant");
    let asked: Timestamp = tomorrow.parse().expect("an instant");
    assert!(ready.duration_since(asked).unsigned_abs() < Duration::from_secs(1), "{job}");
    let now = at("2001-02-03T04:05:06+01:00").await.expect(201).location();
    assert_eq!(look(&client, &now).await["state"], "ready");
    for wrong in ["2001-02-03", "soon", "", "2001-02-03T04:05:06 01:00", "9001-01-01T00:00:00Z"] {
        at(wrong).await.refused(400, "invalid_parameter");
    }
    let both = client.post("/v1/queues/q/jobs?delay=1s&at=2001-02-03T04:05:06Z", "x");
    both.await.refused(400, "invalid_parameter");
}

#[tokio::test]
async fn a_unique_value_is_put_once_while_it_lives() {
    let server = Server::start();
    let client = server.client();
    let put = |body: &str| client.post("/v1/queues/q/jobs?unique=order-7", body);
    let first = put("first").key("once").await.expect(201);
    let again = put("second").await.expect(200);
    assert_eq!((again.location(), again.text()), (first.location(), first.text()));
    let json = put("third").header("accept", "application/json").await.expect(200).json();
    assert_eq!(json["location"], first.location());
    assert_eq!(put("first").key("once").await.expect(201).location(), first.location());
    let lease = get(&client, "q").await.location();
    put("while it is worked on").await.expect(200);
    client.delete(&lease).await.expect(204);
    assert_ne!(put("anew").await.expect(201).location(), first.location());
    client.post("/v1/queues/other/jobs?unique=order-7", "x").await.expect(201);
}

#[tokio::test]
async fn a_job_is_shown_in_every_state() {
    let server = Server::start();
    let client = server.client();
    let configuration = r#"{"order": "priority", "max_attempts": 1}"#;
    client.put("/v1/queues/q", configuration).await.expect(201);
    let put = |query: &str| client.post(&format!("/v1/queues/q/jobs?{query}"), vec![0xff, 0]);
    let dead = put("").await.expect(201).location();
    let lease = get(&client, "q").await.location();
    client.post(&format!("{lease}/nack"), "no route").await.expect(204);
    let done = put("").await.expect(201).location();
    let lease = get(&client, "q").await.location();
    let finish = client.post(&format!("{lease}/done"), "42").header("content-type", "text/plain");
    finish.await.expect(204);
    let leased = put("").await.expect(201).location();
    let fence = get(&client, "q").await.number("awaitd-fence");
    let ready = put("priority=-1&unique=u").await.expect(201).location();
    let delayed = put("delay=1h").await.expect(201).location();

    let job = look(&client, &ready).await;
    assert_eq!((&job["state"], &job["attempts"]), (&json!("ready"), &json!(0)));
    assert_eq!((&job["body_base64"], &job["bytes"]), (&json!("/wA="), &json!(2)));
    assert_eq!((&job["unique"], &job["priority_key"]), (&json!("u"), &json!("7fffffffffffffff")));
    assert_eq!(ready, format!("/v1/queues/q/jobs/{}", job["job"]));
    for absent in ["body", "error", "key", "died", "leased", "result", "progress", "headers"] {
        assert!(job.get(absent).is_none(), "{absent} in {job}");
    }
    let job = look(&client, &delayed).await;
    assert!(job["state"] == "delayed" && job["ready_at"].as_str() > job["enqueued_at"].as_str());
    let job = look(&client, &leased).await;
    assert_eq!((&job["state"], &job["leased"]["fence"]), (&json!("leased"), &json!(fence)));
    assert!(job["leased"]["expires_in"].as_f64().is_some_and(|left| left <= 30.0), "{job}");
    assert!(!job.to_string().contains("/leases/"), "whoever looks does not hold: {job}");
    let job = look(&client, &dead).await;
    let died = &job["died"];
    assert_eq!((&job["state"], &job["error"]), (&json!("dead"), &json!("no route")));
    assert_eq!((&died["queue"], &died["reason"]), (&json!("q"), &json!("max_attempts")));
    assert_eq!((&died["attempts"], &died["error"]), (&json!(1), &json!("no route")));
    let job = look(&client, &done).await;
    let result = json!({ "content_type": "text/plain", "body": "42" });
    assert_eq!((&job["state"], &job["result"]), (&json!("done"), &result));
    client.get("/v1/queues/q/jobs/1000").await.refused(404, "not_found");
    client.get("/v1/queues/other/jobs/1").await.refused(404, "not_found");
    assert_eq!(state(&client, "q").await["dead"], 1);
}

#[tokio::test]
async fn jobs_are_listed_in_pages() {
    let server = Server::start();
    let client = server.client();
    let mut all = Vec::new();
    for number in 0..7 {
        let query = if number % 2 == 0 { "key=even" } else { "delay=1h&key=odd" };
        let path = format!("/v1/queues/q/jobs?{query}");
        let place = client.post(&path, format!("job {number}")).await.expect(201).location();
        all.push(look(&client, &place).await["job"].as_u64().expect("a number"));
    }
    let list = async |query: &str| {
        client.get(&format!("/v1/queues/q/jobs?{query}")).await.expect(200).json()
    };
    let page = list("").await;
    assert_eq!((numbers(&page), &page["cursor"]), (all.clone(), &Value::Null));
    assert!(page["items"][0].get("body").is_none() && page["items"][0]["bytes"] == 5, "{page}");
    assert_eq!(list("body=true").await["items"][6]["body"], "job 6");
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("limit=3&cursor={cursor}")).await;
        found.extend(numbers(&page));
        let Some(next) = page["cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(found, all);
    let odd: Vec<_> = all.iter().copied().skip(1).step_by(2).collect();
    assert_eq!(numbers(&list("state=delayed").await), odd);
    assert_eq!(numbers(&list("key=odd&limit=2").await), odd[..2]);
    assert_eq!(numbers(&list(&format!("key=odd&cursor={}", odd[0])).await), odd[1..]);
    assert_eq!(numbers(&list("key=odd&state=ready").await), [0; 0]);
    assert_eq!(numbers(&list("state=dead").await), [0; 0]);
    client.get("/v1/queues/none/jobs").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_result_is_waited_for() {
    let server = Server::start();
    let client = server.client();
    let place = put(&client, "q", "6 * 7").await;
    let result = format!("{place}/result");
    client.get(&result).await.refused(408, "not_done");
    client.get(&format!("{result}?wait=10ms")).await.refused(408, "not_done");
    let lease = get(&client, "q").await.location();
    let waits = client.get(&format!("{result}?wait=30s")).spawn();
    // Nothing shows who waits for a result, but that it is not answered before it is there.
    let done = client.post(&format!("{lease}/done"), "42").header("content-type", "text/plain");
    done.await.expect(204);
    let heard = waits.await.expect("no panic").expect(200);
    assert_eq!((heard.text(), heard.header("content-type")), ("42", "text/plain"));
    assert_eq!(client.get(&result).await.expect(200).text(), "42");
    client.post(&format!("{lease}/done"), "again").await.expect(204);
    assert_eq!(client.get(&result).await.expect(200).text(), "42");
    client.delete(&lease).await.expect(204);

    client.get("/v1/queues/q/jobs/1000/result").await.refused(404, "not_found");
    let place = put(&client, "q", "x").await;
    client.delete(&place).await.expect(204);
    client.get(&format!("{place}/result")).await.refused(404, "not_found");
    client.put("/v1/queues/q", r#"{"max_attempts": 1}"#).await.expect(200);
    let place = put(&client, "q", "x").await;
    let lease = get(&client, "q").await.location();
    client.post(&format!("{lease}/nack"), "").await.expect(204);
    client.get(&format!("{place}/result?wait=30s")).await.refused(410, "failed");
    let large = vec![b'x'; 256 * 1024 + 1];
    put(&client, "q", "x").await;
    let lease = get(&client, "q").await.location();
    client.post(&format!("{lease}/done"), large.clone()).await.refused(413, "too_large");
    client.post(&format!("{lease}/done"), &large[1..]).await.expect(204);
    client.post("/v1/queues/q/leases/unknown/done", "x").await.refused(404, "not_found");
}

#[tokio::test]
async fn progress_is_shown_with_the_job() {
    let server = Server::start();
    let client = server.client();
    let place = put(&client, "q", "x").await;
    let lease = get(&client, "q").await.location();
    let path = format!("{lease}/progress");
    client.put(&path, "10 %").await.expect(204);
    client.put(&path, "20 %").header("content-type", "text/plain").await.expect(204);
    let shown = json!({ "content_type": "text/plain", "body": "20 %" });
    assert_eq!(look(&client, &place).await["progress"], shown);
    client.put(&path, vec![b'x'; 16 * 1024 + 1]).await.refused(413, "too_large");
    client.put(&path, vec![b'x'; 16 * 1024]).await.expect(204);
    client.delete(&lease).await.expect(204);
    client.put(&path, "late").await.refused(410, "lease_lost");
    client.put("/v1/queues/q/leases/unknown/progress", "x").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_paused_queue_hands_out_nothing() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "x").await;
    let held = get(&client, "q").await.location();
    for _ in 0..2 {
        client.post("/v1/queues/q/pause", "").await.expect(200);
    }
    put(&client, "q", "y").await;
    client.post("/v1/queues/q/get", "").await.expect(204);
    let waits = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    client.put("/v1/queues/q", "{}").await.expect(200);
    assert_eq!(state(&client, "q").await["paused"], true, "a PUT changes nothing of it");
    client.delete(&held).await.expect(204);
    for _ in 0..2 {
        client.post("/v1/queues/q/resume", "").await.expect(200);
    }
    assert_eq!(waits.await.expect("no panic").expect(200).text(), "y");
    assert_eq!(state(&client, "q").await["paused"], false);
    client.post("/v1/queues/none/pause", "").await.refused(404, "not_found");
    client.post("/v1/queues/none/resume", "").await.refused(404, "not_found");
}

/// A job is too large for a queue by itself, or finds no room in it.
#[tokio::test]
async fn bytes_have_a_bound() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"max_bytes": 10}"#).await.expect(201);
    client.post("/v1/queues/q/jobs?wait=30s", "x".repeat(11)).await.refused(413, "too_large");
    put(&client, "q", "123456").await;
    client.post("/v1/queues/q/jobs", "12345").await.refused(429, "queue_full");
    put(&client, "q", "1234").await;
    client.put("/v1/queues/q", r#"{"max_bytes": 10, "full": "drop_oldest"}"#).await.expect(200);
    put(&client, "q", "123").await;
    assert_eq!((get(&client, "q").await.text(), get(&client, "q").await.text()), ("1234", "123"));
}

/// What a queue hands out in a time, and at one time, has a bound.
#[tokio::test]
async fn gets_have_a_bound() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"concurrency": 1}"#).await.expect(201);
    put(&client, "q", "x").await;
    put(&client, "q", "y").await;
    let lease = get(&client, "q").await.location();
    client.post("/v1/queues/q/get", "").await.expect(204);
    client.delete(&lease).await.expect(204);
    get(&client, "q").await;
    let slow = r#"{"rate": {"per_second": 0.001, "burst": 2}}"#;
    client.put("/v1/queues/slow", slow).await.expect(201);
    for _ in 0..3 {
        put(&client, "slow", "x").await;
    }
    get(&client, "slow").await;
    get(&client, "slow").await;
    client.post("/v1/queues/slow/get", "").await.expect(204);
    assert_eq!(state(&client, "slow").await["ready"], 1);
}
