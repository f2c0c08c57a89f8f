//! What was there before is there after: told once for a server that was asked to end, and once for
//! one that was shot.

mod jobs;
mod keys;
mod leases;
mod permits;
mod things;
mod work;

use std::time::Instant;

use awaitd_tests::{Client, Data, End, Heard, Server};
use serde_json::Value;

/// A server with a past.
struct Past {
    data: Data,
    end: End,
    server: Option<Server>,
    /// When the first server was asked first, or earlier.
    began: Instant,
}

impl Past {
    /// None yet.
    fn new(end: End) -> Self {
        let began = Instant::now();
        let data = Data::new();
        let server = Some(data.start(&[]));
        Self { data, end, server, began }
    }

    /// Asks the server of now.
    fn client(&self) -> Client {
        self.server.as_ref().expect("one is running").client()
    }

    /// Ends it, and starts the next.
    async fn restart(&mut self) -> Client {
        self.end.of(self.server.take().expect("one is running")).await;
        self.server = Some(self.data.start(&[]));
        self.client()
    }
}

/// Puts a job; its number.
async fn put(client: &Client, queue: &str, body: &str) -> u64 {
    number(&client.post(&format!("/v1/queues/{queue}/jobs"), body).await.expect(201))
}

/// The number of the job that was put.
fn number(heard: &Heard) -> u64 {
    let location = heard.location();
    let number = location.rsplit('/').next().expect("a path has a last part");
    number.parse().expect("a job has a number")
}

/// Gets a job under a lease that survives: the key says so.
async fn get(client: &Client, queue: &str, key: &str) -> Heard {
    let path = format!("/v1/queues/{queue}/get?lease=1h");
    client.post(&path, "").key(key).await.expect(200)
}

async fn state(client: &Client, queue: &str) -> Value {
    client.get(&format!("/v1/queues/{queue}")).await.expect(200).json()
}
