//! Many jobs put over one request: lines go one way while answers come the other way.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use reqwest::Method;
use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::call::Call;
use crate::client::{Client, SILENCE};
use crate::error::{Error, Result};
use crate::new_job::NewJob;
use crate::put::Placed;
use crate::queue::Queue;
use crate::settle::said;

/// So many lines may wait to be sent: enough for a connection to be busy.
const AHEAD: usize = 256;

/// The jobs of a batch on their way. Dropped, it says that these were all.
#[derive(Debug)]
pub struct BatchJobs {
    lines: Sender<Bytes>,
    open: Arc<AtomicUsize>,
}

/// What became of them, in their order.
#[derive(Debug)]
pub struct BatchAnswers {
    client: Client,
    body: Source,
    /// What was read and is no whole line yet.
    read: BytesMut,
    lines: VecDeque<Bytes>,
    /// Jobs that were sent, and have no answer.
    open: Arc<AtomicUsize>,
}

/// The answer's body, once there is one.
#[derive(Debug)]
enum Source {
    Asked(oneshot::Receiver<Result<reqwest::Response>>),
    Told(reqwest::Response),
    Ended,
}

/// Lines as the body of a request.
struct Lines(Receiver<Bytes>);

impl Queue {
    /// Puts many jobs over one request, each of which is taken or refused by itself. A full queue refuses: nothing waits.
    /// If the connection is cut, nobody knows what became of those without an answer; those with a
    /// [`unique`](NewJob::unique) value can be put again. The request begins now, on the runtime that this is called on.
    ///
    /// ```no_run
    /// use awaitd_client::NewJob;
    ///
    /// # async fn fill(mails: &awaitd_client::Queue) -> awaitd_client::Result<()> {
    /// let (jobs, mut answers) = mails.batch();
    /// let sending = async move {
    ///     for number in 0..100_000 {
    ///         jobs.send(NewJob::new(format!("mail {number}"))).await?;
    ///     }
    ///     Ok(())
    /// };
    /// let reading = async move {
    ///     while let Some(answer) = answers.next().await? {
    ///         if let Err(refused) = answer {
    ///             println!("{refused}");
    ///         }
    ///     }
    ///     Ok(())
    /// };
    /// tokio::try_join!(sending, reading).map(drop)
    /// # }
    /// ```
    pub fn batch(&self) -> (BatchJobs, BatchAnswers) {
        let (lines, body) = mpsc::channel(AHEAD);
        let open = Arc::new(AtomicUsize::new(0));
        let call = Call::new(Method::POST, format!("{}/jobs/batch", self.path));
        let body = Source::Asked(self.client.stream(call, reqwest::Body::wrap(Lines(body))));
        let (client, read) = (self.client.clone(), BytesMut::new());
        let answers =
            BatchAnswers { client, body, read, lines: VecDeque::new(), open: Arc::clone(&open) };
        (BatchJobs { lines, open }, answers)
    }

    /// The same for jobs that are all there: says of each of them what became of it.
    ///
    /// ```no_run
    /// # async fn fill(mails: &awaitd_client::Queue) -> awaitd_client::Result<()> {
    /// for answer in mails.put_many(["one", "two", "three"]).await? {
    ///     println!("job {}", answer?.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn put_many(
        &self,
        jobs: impl IntoIterator<Item = impl Into<NewJob>>,
    ) -> Result<Vec<Result<Placed>>> {
        let (batch, mut answers) = self.batch();
        let sending = async move {
            for job in jobs {
                // What came of it, the answers tell.
                if batch.send(job.into()).await.is_err() {
                    return;
                }
            }
        };
        let reading = async move {
            let mut told = Vec::new();
            while let Some(answer) = answers.next().await? {
                told.push(answer);
            }
            Ok(told)
        };
        tokio::join!(sending, reading).1
    }
}

impl BatchJobs {
    /// Sends a job, as soon as there is room on the way.
    pub async fn send(&self, job: NewJob) -> Result<()> {
        self.send_line(Value::Object(job.document()).to_string()).await
    }

    /// The same for a job that was written down as the contract has it in a batch: one line of JSON, which is not blank.
    pub async fn send_line(&self, line: impl Into<Bytes>) -> Result<()> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let gone = || Error::Odd("the answer ended before all jobs were sent".to_owned());
        self.lines.send(line.into()).await.map_err(|_| gone())
    }
}

impl BatchAnswers {
    /// What became of the next one, and why it was refused if it was; `None` after the last. An error says that nobody
    /// knows what became of those which have no answer yet.
    pub async fn next(&mut self) -> Result<Option<Result<Placed>>> {
        let Some(line) = self.next_line().await? else { return Ok(None) };
        let told: Value = serde_json::from_slice(&line)
            .map_err(|error| Error::Odd(format!("a batch has a broken line: {error}")))?;
        if let Err(refused) = said(&told) {
            return Ok(Some(Err(refused)));
        }
        let placed =
            told["location"].as_str().and_then(|path| Placed::at(path, told["status"] == 200));
        let placed = placed.ok_or_else(|| Error::Odd(format!("a put without a Location: {told}")));
        placed.map(|placed| Some(Ok(placed)))
    }

    async fn next_line(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                self.open.fetch_sub(1, Ordering::Relaxed);
                return Ok(Some(line));
            }
            let Some(chunk) = self.chunk().await? else {
                let all = self.open.load(Ordering::Relaxed) == 0;
                let cut = || Error::Odd("the answer ended before each job had one".to_owned());
                return if all { Ok(None) } else { Err(cut()) };
            };
            self.read.extend_from_slice(&chunk);
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1).freeze();
                self.lines.push_back(line);
            }
        }
    }

    /// What comes next. Whoever still sends may take his time.
    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            match timeout(SILENCE, self.body.chunk(&self.client)).await {
                Ok(chunk) => return chunk,
                Err(_) if self.open.load(Ordering::Relaxed) == 0 => {}
                Err(late) => return Err(self.client.silent(late)),
            }
        }
    }
}

impl Source {
    async fn chunk(&mut self, client: &Client) -> Result<Option<Bytes>> {
        if let Self::Asked(response) = self {
            let gone = || Error::Odd("the runtime ended".to_owned());
            let told = response.await.map_err(|_| gone()).flatten();
            // What was refused has no more to say.
            *self = Self::Ended;
            *self = Self::Told(told?);
        }
        let Self::Told(response) = self else { return Ok(None) };
        let chunk = response.chunk().await.map_err(|cut| client.unreachable(cut))?;
        if chunk.is_none() {
            *self = Self::Ended;
        }
        Ok(chunk)
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut lines = Vec::new();
        self.0.poll_recv_many(context, &mut lines, AHEAD).map(|count| {
            let mut frame = BytesMut::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
            for line in lines {
                frame.extend_from_slice(&line);
                frame.extend_from_slice(b"\n");
            }
            (count > 0).then(|| Ok(Frame::data(frame.freeze())))
        })
    }
}
