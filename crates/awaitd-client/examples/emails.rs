//! Two producers, three workers and a queue that holds three: producers wait while it is full, workers
//! while it is empty, and all is over when every mail is sent.
//!
//! `cargo run --package awaitd-client --example emails`, beside a server.

use std::time::Duration;

use awaitd_client::{Client, Code, QueueConfig, Result};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::from_env()?;
    let emails = client.queue("example:emails");
    match emails.delete().await {
        Err(error) if error.code() != Some(Code::NotFound) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    emails.configure(&QueueConfig { maxsize: Some(3), ..QueueConfig::default() }).await?;

    let mut workers = JoinSet::new();
    for worker in 1..=3 {
        let emails = emails.clone();
        workers.spawn(async move {
            loop {
                let job = match emails.get().await {
                    Ok(job) => job,
                    Err(error) if error.code() == Some(Code::QueueShutDown) => return Ok(()),
                    Err(error) => return Err(error),
                };
                // Whoever fails here drops the job, and somebody else gets it.
                println!("worker {worker} sends {}", String::from_utf8_lossy(job.body()));
                tokio::time::sleep(Duration::from_millis(20)).await;
                job.done().await?;
            }
        });
    }

    let mut producers = JoinSet::new();
    for name in ["ann", "bob"] {
        let emails = emails.clone();
        producers.spawn(async move {
            for number in 1..=5 {
                emails.put(format!("mail {number} from {name}")).await?;
            }
            Ok(())
        });
    }
    producers.join_all().await.into_iter().collect::<Result<()>>()?;
    emails.join().await?;
    println!("all are sent");
    emails.shutdown().await?;
    workers.join_all().await.into_iter().collect()
}
