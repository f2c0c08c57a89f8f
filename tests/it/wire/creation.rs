//! How things come to be, and what outlives them.

use awaitd_tests::Server;

use super::{get, put, state};

#[tokio::test]
async fn things_spring_into_being_at_their_first_use() {
    let server = Server::start();
    let client = server.client();
    for path in ["/v1/queues/x", "/v1/locks/x"] {
        client.get(path).await.refused(404, "not_found");
        client.delete(path).await.refused(404, "not_found");
    }
    client.delete("/v1/events/x").await.expect(204);
    let unset = client.get("/v1/events/x").await.refused(408, "not_set");
    assert_eq!(unset.number("awaitd-generation"), 0);
    assert_eq!(client.get("/v1/queues/x/join").await.expect(200).number("awaitd-generation"), 0);
    client.post("/v1/queues/x/get", "").await.expect(204);
    client.post("/v1/queues/x/shutdown", "").await.refused(404, "not_found");
    client.get("/v1/queues/x").await.refused(404, "not_found");
    put(&client, "x", "job").await;
    assert_eq!(state(&client, "x").await["maxsize"], 1_000);
    client.post("/v1/locks/x/acquire", "").await.expect(201);
    client.get("/v1/locks/x").await.expect(200);
}

#[tokio::test]
async fn without_auto_create_only_put_creates() {
    let server = Server::with_args(&["--no-auto-create"]);
    let client = server.client();
    client.post("/v1/queues/q/jobs", "x").await.refused(404, "not_found");
    client.post("/v1/queues/q/jobs?wait=10s", "x").await.refused(404, "not_found");
    client.post("/v1/queues/q/get?wait=10s", "").await.refused(404, "not_found");
    client.get("/v1/events/e?wait=10s").await.refused(404, "not_found");
    client.put("/v1/queues/q", "{}").await.expect(201);
    put(&client, "q", "x").await;
    client.put("/v1/events/e", "").await.expect(200);
    client.get("/v1/events/e").await.expect(200);
}

#[tokio::test]
async fn numbers_never_fall_though_things_are_made_again() {
    let server = Server::start();
    let client = server.client();
    let (mut job, mut fence, mut generation) = (0, 0, 0);
    for _ in 0..3 {
        put(&client, "q", "x").await;
        let got = get(&client, "q").await;
        assert!(got.number("awaitd-job") > job);
        assert!(got.number("awaitd-fence") > fence);
        job = got.number("awaitd-job");
        let lock = client.post("/v1/locks/l/acquire", "").await.expect(201);
        assert!(lock.number("awaitd-fence") > got.number("awaitd-fence"));
        fence = lock.number("awaitd-fence");
        let set = client.put("/v1/events/e", "").await.expect(200).number("awaitd-generation");
        assert!(set > generation);
        generation = set;
        client.delete("/v1/queues/q").await.expect(204);
        client.delete("/v1/locks/l?force=true").await.expect(204);
        client.delete("/v1/events/e").await.expect(204);
    }
}
