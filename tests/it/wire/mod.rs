//! Every promise of the HTTP contract that a single client can see, a test a promise. That each
//! answer is `no-store`, each error problem+json and each "ask again" has `Retry-After` is held
//! against every answer in every test by the client itself.

mod barriers;
mod batches;
mod conditions;
mod creation;
mod dead;
mod events;
mod jobs;
mod keys;
mod leases;
mod limits;
mod lists;
mod locks;
mod many;
mod orders;
mod places;
mod protocol;
mod queues;
mod rules;
mod schedules;
mod semaphores;
mod shared;
mod shutdown;
mod sizes;

use awaitd_tests::{Client, Heard};

/// Puts a job and says where it is.
async fn put(client: &Client, queue: &str, body: &str) -> String {
    client.post(&format!("/v1/queues/{queue}/jobs"), body).await.expect(201).location()
}

/// Gets a job that is there.
async fn get(client: &Client, queue: &str) -> Heard {
    client.post(&format!("/v1/queues/{queue}/get"), "").await.expect(200)
}

/// The state of a queue.
async fn state(client: &Client, queue: &str) -> serde_json::Value {
    client.get(&format!("/v1/queues/{queue}")).await.expect(200).json()
}

/// The token at the end of a lease's path.
fn token(lease: &str) -> &str {
    lease.rsplit('/').next().expect("a path has an end")
}
