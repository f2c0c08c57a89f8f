//! "Queues": which job goes first.

use awaitd_tests::{Client, Server};

use super::{get, state};

async fn put(client: &Client, query: &str, body: &str) {
    client.post(&format!("/v1/queues/q/jobs{query}"), body).await.expect(201);
}

#[tokio::test]
async fn the_job_that_was_put_last_goes_first() {
    let server = Server::start();
    let client = server.client();
    let made = client.put("/v1/queues/q", r#"{"order": "lifo"}"#).await.expect(201).json();
    assert_eq!(made["order"], "lifo");
    for body in ["a", "b", "c"] {
        put(&client, "", body).await;
    }
    for body in ["c", "b", "a"] {
        assert_eq!(get(&client, "q").await.text(), body);
    }
    assert_eq!(state(&client, "q").await["order"], "lifo");
}

/// A priority is an integer or any key, and both are compared as bytes.
#[tokio::test]
async fn the_job_of_the_lowest_priority_goes_first() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"order": "priority"}"#).await.expect(201);
    // An integer is its eight bytes with the sign turned over: 5 is 8000000000000005.
    let puts = [
        ("?priority=9223372036854775807", "9"),
        ("?priority-key=80", "2"),
        ("?priority-key=8000000000000005", "5"),
        ("?priority=5", "6"),
        ("", "3"),
        ("?priority=-1", "1"),
        ("?priority=1", "4"),
        ("?priority-key=fF", "8"),
        ("?priority-key=8000000000000005aB", "7"),
        ("?priority=-9223372036854775808", "0"),
    ];
    for (query, body) in puts {
        put(&client, query, body).await;
    }
    for body in 0..10 {
        assert_eq!(get(&client, "q").await.text(), body.to_string());
    }
}

#[tokio::test]
async fn priorities_that_are_none_are_refused_and_named() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"order": "priority"}"#).await.expect(201);
    let longest = "ab".repeat(512);
    put(&client, &format!("?priority-key={longest}"), "x").await;
    let integers = ["", "x", "1.5", "--1", "+1", "-", "1e3", "9223372036854775808", "%D9%A1"];
    let keys =
        ["", "a", "abc", "xy", "0x12", "%20ab", "+1", "-1", "%C3%A9", &format!("{longest}ab")];
    let wrong = integers.map(|value| format!("priority={value}"));
    let wrong = wrong.into_iter().chain(keys.map(|value| format!("priority-key={value}")));
    for query in wrong.chain(["priority=1&priority-key=01".into()]) {
        let put = client.post(&format!("/v1/queues/q/jobs?{query}"), "x").await;
        let detail = put.refused(400, "invalid_parameter").json()["detail"].to_string();
        assert!(detail.contains("`priority"), "{query}: {detail}");
    }
    assert_eq!(state(&client, "q").await["ready"], 1);
    // Where the order is another one, it is refused rather than kept for later.
    client.put("/v1/queues/fifo", "{}").await.expect(201);
    for queue in ["fifo", "unknown"] {
        let put = client.post(&format!("/v1/queues/{queue}/jobs?priority=0"), "x").await;
        put.refused(409, "conflict");
    }
}

#[tokio::test]
async fn a_queue_that_holds_jobs_keeps_its_order() {
    let server = Server::start();
    let client = server.client();
    put(&client, "", "x").await;
    let lease = get(&client, "q").await.location();
    let lifo = || client.put("/v1/queues/q", r#"{"order": "lifo", "maxsize": 5}"#);
    lifo().await.refused(409, "conflict");
    assert_eq!(state(&client, "q").await["maxsize"], 1000, "nothing was changed");
    client.delete(&lease).await.expect(204);
    assert_eq!(lifo().await.expect(200).json()["order"], "lifo");
    let wrong = client.put("/v1/queues/q", r#"{"order": "random"}"#).await;
    let detail = wrong.refused(400, "invalid_parameter").json()["detail"].to_string();
    assert!(detail.contains("lifo") && detail.contains("priority"), "{detail}");
}
