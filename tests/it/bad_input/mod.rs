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
    things: Vec<Value>,
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
        client.put("/v1/semaphores/s", r#"{"permits": 2}"#).await.expect(201);
        client.post("/v1/semaphores/s/acquire?lease=1h", "").await.expect(201);
        client.put("/v1/barriers/b", r#"{"parties": 2}"#).await.expect(201);
        let leap_day = r#"{"cron": "0 0 29 2 *", "queue": "q", "body": "b"}"#;
        client.put("/v1/schedules/s", leap_day).await.expect(201);
        let before = Changeable::read(&server).await;
        Self { server, client, lease, lock_lease: lock.location(), before }
    }

    /// A path of the table of routes with its leases filled in.
    fn path(&self, path: &str) -> String {
        let token = self.lock_lease.rsplit('/').next().expect("a path has an end");
        let path = path.replace("{lease}", &self.lease).replace("{lock_lease}", &self.lock_lease);
        path.replace("{lock_token}", token)
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
        let mut things = Vec::new();
        for kind in ["queues", "events", "locks", "semaphores", "barriers", "schedules"] {
            let mut page = server.client().get(&format!("/v1/{kind}")).await.expect(200).json();
            for item in page["items"].as_array_mut().expect("a list") {
                let item = item.as_object_mut().expect("an object");
                item.remove("oldest_ready_age");
                item.remove("expires_in");
                let holders = item.get_mut("holders").and_then(Value::as_array_mut);
                for holder in holders.into_iter().flatten() {
                    holder["expires_in"].take();
                }
            }
            things.push(page);
        }
        // Requests and connections are counted, bad ones too, and things grow older by themselves.
        let moves = [
            "awaitd_http_",
            "awaitd_connections",
            "awaitd_journal_disk_free",
            "awaitd_queue_oldest_ready_age",
        ];
        let fixed = |name: &str| {
            name.starts_with("awaitd_") && !moves.iter().any(|moving| name.starts_with(moving))
        };
        Self { things, metrics: server.scrape().await.lines(fixed) }
    }
}
