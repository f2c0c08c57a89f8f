//! `put`: a job, or a line of JSON for each of many.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use awaitd_client::{BatchAnswers, BatchJobs, Client, Placed};
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::spawn_blocking;

use super::options::JobOptions;
use super::{Body, Done, Failure, Server, Waiting, read, told};
use crate::exit::Exit;
use crate::values::Length;

/// So many lines are read ahead of those that are sent.
const AHEAD: usize = 256;

/// Put a job into a queue, and print its number. Waits while the queue is full.
///
/// With `--batch` each line of the input is a job, as JSON: `{"body": "hello", "key": "ann", "delay": "5m"}`. For each of
/// them a line comes out, in the same order and while more are read: `{"job": 17}`, or what was wrong with it. A full
/// queue is not waited for. It ends with 0 if all were taken, with 75 if some were not and may be later, else with 1.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// The queue. It springs into being when it is first used.
    queue: String,

    /// The job [default: what comes from stdin].
    #[arg(conflicts_with = "file")]
    body: Option<String>,

    #[command(flatten)]
    rest: Body,

    #[command(flatten)]
    waiting: Waiting,

    /// Nobody gets it before so long.
    #[arg(short, long, value_name = "DURATION")]
    delay: Option<Length>,

    /// Nobody gets it before this moment, for instance 2026-12-01T09:00:00+01:00.
    #[arg(long, value_name = "MOMENT", conflicts_with = "delay")]
    at: Option<String>,

    #[command(flatten)]
    options: JobOptions,

    /// Put a job for each line of the input, which is JSON.
    #[arg(
        long,
        conflicts_with_all = ["body", "content_type", "delay", "at", "JobOptions", "Waiting"]
    )]
    batch: bool,

    #[command(flatten)]
    pub(super) server: Server,
}

impl Put {
    pub(super) async fn send(self, client: Client) -> Done {
        if self.batch {
            let file = self.rest.file.unwrap_or_else(|| PathBuf::from("-"));
            return batch(&client, &self.queue, file).await;
        }
        let body = match self.rest.read(self.body.as_ref()).await? {
            Some(body) => body,
            None => read(Path::new("-")).await?,
        };
        let mut put = client.queue(&self.queue).put(self.options.job(body, self.rest.content_type));
        if let Some(limit) = self.waiting.limit() {
            put = put.within(limit);
        }
        if let Some(Length(delay)) = self.delay {
            put = put.delay(delay);
        }
        if let Some(moment) = self.at {
            put = put.at(moment);
        }
        let placed = put.await?;
        let mut document = document(placed);
        document["queue"] = json!(self.queue);
        told::either(self.server.json, &document, placed.id).await?;
        if placed.existed && !self.server.json {
            eprintln!("awaitd: it was there already");
        }
        Ok(Exit::Done)
    }
}

fn document(Placed { id, existed, .. }: Placed) -> Value {
    if existed { json!({ "job": id, "existed": true }) } else { json!({ "job": id }) }
}

/// Puts what stands in a file, and tells of each line what became of it.
async fn batch(client: &Client, queue: &str, file: PathBuf) -> Done {
    let (jobs, answers) = client.queue(queue).batch();
    let (lines, read) = mpsc::channel(AHEAD);
    let path = file.clone();
    let reading = async move {
        let reading = spawn_blocking(move || read_lines(&path, &lines));
        let read = reading.await.expect("to read does not panic");
        read.map_err(|error| Failure::File(file, error))
    };
    let sending = async {
        send_lines(jobs, read).await;
        Ok(())
    };
    let ((), (), exit) = tokio::try_join!(reading, sending, tell_answers(answers))?;
    Ok(exit)
}

/// Until the end, or until nobody takes them any more.
fn read_lines(file: &Path, lines: &Sender<Vec<u8>>) -> io::Result<()> {
    let mut input: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file)?))
    };
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if !line.trim_ascii().is_empty() && lines.blocking_send(line.trim_ascii().to_vec()).is_err()
        {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// What cannot be sent any more has no answer, which is told where answers are read.
async fn send_lines(jobs: BatchJobs, mut lines: Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if jobs.send_line(line).await.is_err() {
            return;
        }
    }
}

async fn tell_answers(mut answers: BatchAnswers) -> Done {
    let mut exit = Exit::Done;
    while let Some(answer) = answers.next().await? {
        match answer {
            Ok(placed) => told::json(&document(placed)).await?,
            Err(refused) => {
                if exit == Exit::Done || !refused.is_not_yet() {
                    exit = if refused.is_not_yet() { Exit::NotYet } else { Exit::Failed };
                }
                told::json(&Failure::from(refused).document()).await?;
            }
        }
    }
    Ok(exit)
}
