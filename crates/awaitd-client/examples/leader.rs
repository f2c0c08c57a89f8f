//! One of many leads, as long as it holds the lock. The others wait, and one of them goes on when it
//! stops, dies, or loses its lease.
//!
//! `cargo run --package awaitd-client --example leader`, beside a server, as often as you like at once.

use std::process;
use std::time::Duration;

use awaitd_client::{Client, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client = Client::from_env()?;
    let me = format!("process {}", process::id());
    let lock = client.lock("example:leader");
    let guard = lock.acquire().lease(Duration::from_secs(5)).owner(&me).await?;
    println!("{me} leads; its fence is {}", guard.fence());
    tokio::select! {
        () = lead() => {
            guard.release().await?;
            println!("{me} is done");
        }
        // By the local clock, before anybody else can lead. What is under way was cancelled with `lead`.
        () = guard.lost() => println!("{me} leads no more"),
    }
    Ok(())
}

/// The work, in steps that are short beside the lease.
async fn lead() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
