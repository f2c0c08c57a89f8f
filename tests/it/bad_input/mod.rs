//! What no well-behaved client sends: each of it is refused with a problem that helps, never with
//! a 5xx, and changes nothing.

mod bodies;
mod framing;
mod names;
mod parameters;

use awaitd_tests::{Client, Server};
use serde_json::Value;

/// A server with something of each kind, so that bad input has something to damage.
struct Furnished {
    server: Server,
    client: Client,
    /// The lease of a job of the queue `q`.
    lease: String,
    /// The lease of the lock `l`.
    lock_lease: String,
    before: Changeable,
}

/// All that requests can change.
#[derive(Debug, PartialEq)]
struct Changeable {
    queues: Value,
    metrics: Vec<String>,
}

impl Furnished {
    async fn new() -> Self {
        let server = Server::start();
        let client = server.client();
        client.put("/v1/queues/q", r#"{"maxsize": 3}"#).await.expect(201);
        for body in ["leased", "ready"] {
            client.post("/v1/queues/q/jobs", body).await.expect(201);
        }
        let lease = client.post("/v1/queues/q/get?lease=1h", "").await.expect(200).location();
        client.put("/v1/events/e", "set").await.expect(200);
        let lock = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201);
        let before = Changeable::read(&server).await;
        Self { server, client, lease, lock_lease: lock.location(), before }
    }

    /// A path of the table of routes with its leases filled in.
    fn path(&self, path: &str) -> String {
        path.replace("{lease}", &self.lease).replace("{lock_lease}", &self.lock_lease)
    }

    /// The end of each test: all is as it was.
    async fn is_as_before(&self) {
        let after = Changeable::read(&self.server).await;
        assert_eq!(after, self.before);
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

impl Changeable {
    async fn read(server: &Server) -> Self {
        let mut queues = server.client().get("/v1/queues").await.expect(200).json();
        for queue in queues["items"].as_array_mut().expect("a list") {
            queue["oldest_ready_age"].take();
        }
        // Requests and connections are counted, bad ones too, and things grow older by themselves.
        let moves = ["awaitd_http_", "awaitd_connections", "awaitd_queue_oldest_ready_age"];
        let fixed = |name: &str| {
            name.starts_with("awaitd_") && !moves.iter().any(|moving| name.starts_with(moving))
        };
        Self { queues, metrics: server.scrape().await.lines(fixed) }
    }
}
