//! How large bodies and numbers may be.

use awaitd_tests::Server;

use super::{get, put, state};

#[tokio::test]
async fn the_largest_body_is_1_mib_unless_told_otherwise() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/q/jobs", vec![7; 1024 * 1024]).await.expect(201);
    client.put("/v1/events/e", vec![7; 1024 * 1024]).await.expect(200);
    let bounded = Server::with_args(&["--max-body", "10"]);
    let small = bounded.client();
    small.post("/v1/queues/q/jobs", "0123456789").await.expect(201);
    small.post("/v1/queues/q/jobs", "0123456789a").await.refused(413, "too_large");
    small.put("/v1/events/e", "0123456789a").await.refused(413, "too_large");
    assert_eq!(state(&small, "q").await["ready"], 1);
    small.get("/v1/events/e").await.refused(408, "not_set");
}

#[tokio::test]
async fn every_number_is_refused_above_its_maximum() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/locks/l/acquire?lease=24h", "").await.expect(201);
    put(&client, "q", "x").await;
    let lease = get(&client, "q").await.location();
    let too_much = [
        ("POST", "/v1/locks/free/acquire?lease=24h1s".to_owned(), "lease"),
        ("POST", "/v1/queues/q/get?lease=86401".to_owned(), "lease"),
        ("PATCH", format!("{lease}?lease=25h"), "lease"),
        ("POST", "/v1/queues/q/jobs?delay=876001h".to_owned(), "delay"),
        ("POST", format!("{lease}/nack?delay=876001h"), "delay"),
        ("GET", "/v1/queues?limit=1001".to_owned(), "limit"),
        ("GET", "/v1/queues?limit=0".to_owned(), "limit"),
        ("GET", "/v1/events/e?after=18446744073709551616".to_owned(), "after"),
        ("POST", "/v1/queues/q/get?wait=999999999999999999999999999999".to_owned(), "wait"),
    ];
    for (method, path, parameter) in too_much {
        let problem = client.ask(method, &path).await.refused(400, "invalid_parameter");
        let detail = problem.json()["detail"].to_string();
        assert!(detail.contains(parameter), "{method} {path}: {detail}");
    }
    for json in [r#"{"maxsize": 1000000001}"#, r#"{"maxsize": -1}"#, r#"{"maxsize": 1.5}"#] {
        let problem = client.put("/v1/queues/q", json).await.refused(400, "invalid_parameter");
        assert!(problem.json()["detail"].to_string().contains("maxsize"));
    }
    client.get(&lease).await.expect(200);
}
