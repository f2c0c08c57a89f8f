//! Memory of a get that waits, and of an idle connection.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Connection;
use super::load::{self, QUEUE, Requests};
use super::plan::Plan;
use super::progress;
use super::server::Server;
use super::table::Table;

/// The aims for a parked get with its connection, in bytes.
const AIMS: (usize, usize) = (20 * 1024, 12 * 1024);

pub(super) async fn measure(plan: &Plan, memory: &mut Table) -> io::Result<()> {
    let server = Server::start(&plan.binary, None).await?;
    load::configure(&server).await?;
    load::warm_up(&server, plan.slice).await?;
    let requests = Requests::new();
    let count = plan.parked;
    let before = server.resident()?;

    progress(&format!("parked: opening {count} connections"));
    let mut connections = load::open(&server, count).await?;
    let idle = server.resident()?;

    progress(&format!("parked: parking {count} gets"));
    for connection in &mut connections {
        connection.send(&requests.get_and_wait).await?;
    }
    all_wait(&server, count).await?;
    let parked = server.resident()?;

    let each = |resident: f64| json!((resident - before) / count as f64);
    memory.push(vec![json!("idle connection"), json!(count), each(idle), Value::Null, Value::Null]);
    memory.push(vec![
        json!("parked get with its connection"),
        json!(count),
        each(parked),
        json!(AIMS.0),
        json!(AIMS.1),
    ]);
    Ok(())
}

/// Returns when the queue says that all of them wait.
async fn all_wait(server: &Server, count: usize) -> io::Result<()> {
    let request = format!("GET /v1/queues/{QUEUE} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut connection = Connection::open(server).await?;
    let begun = Instant::now();
    loop {
        let state = connection.ask(request.as_bytes()).await?.expect(200)?.body;
        let state: Value = serde_json::from_slice(&state)?;
        let waiting = &state["waiters"]["get"];
        if *waiting == json!(count) {
            return Ok(());
        }
        // Well below the 50 s that they wait for.
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(io::Error::other(format!("{waiting} gets wait after 20 s, not {count}")));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
