//! Reports are asked for, made in order for each customer, and waited for; one that cannot be made is found among the
//! dead.
//!
//! `cargo run --package awaitd-client --example reports`, beside a server.

use std::time::Duration;

use awaitd_client::{Backoff, Client, Code, Job, JobFilter, JobStage, NewJob, QueueConfig, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::from_env()?;
    let reports = client.queue("example:reports");
    match reports.delete().await {
        Err(error) if error.code() != Some(Code::NotFound) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let backoff = Backoff { min: Some(Duration::ZERO), ..Backoff::default() };
    let config =
        QueueConfig { max_attempts: Some(2), backoff: Some(backoff), ..QueueConfig::default() };
    reports.configure(&config).await?;

    // One for each customer and month, however often it is asked for.
    let wanted = ["ann july", "bob july", "ann august", "ann july", "bob never"];
    let jobs = wanted.map(|wanted| {
        let (customer, _) = wanted.split_once(' ').expect("a customer and a month");
        NewJob::new(wanted).key(customer).unique(wanted)
    });
    let mut placed = Vec::new();
    for put in reports.put_many(jobs).await? {
        placed.push(put?);
    }
    assert!(placed[3].existed && placed[3].id == placed[0].id);

    let queue = reports.clone();
    tokio::spawn(async move {
        while let Ok(job) = queue.get().await {
            if let Err(error) = make(job).await {
                println!("{error}");
            }
        }
    });

    for (wanted, job) in wanted.iter().zip(placed) {
        match reports.result(job.id).await {
            Ok(report) => {
                println!("{wanted}: {}", String::from_utf8_lossy(&report.body.unwrap_or_default()));
            }
            Err(error) if error.code() == Some(Code::Failed) => println!("{wanted}: none"),
            Err(error) => return Err(error),
        }
    }
    let mut dead = reports.jobs(&JobFilter { state: Some(JobStage::Dead), ..JobFilter::default() });
    while let Some(job) = dead.next().await? {
        println!("job {} is dead: {}", job.job, job.error.unwrap_or_default());
    }
    Ok(())
}

async fn make(job: Job) -> Result<()> {
    let wanted = String::from_utf8_lossy(job.body()).into_owned();
    job.progress("begun").await?;
    if wanted.ends_with("never") {
        return job.nack().error("there is no such month").await;
    }
    job.done_with(format!("the report of {wanted}")).content_type("text/plain").await
}
