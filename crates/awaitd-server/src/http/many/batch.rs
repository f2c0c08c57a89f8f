//! Jobs that are put as they arrive, a line each: asked for in chunks, and answered a line each while
//! more arrive. However long the upload is, only a chunk of it is in memory.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{Answer, Ask, Command, Name};
use axum::body::Body;
use axum::http::request::Parts;
use bytes::Bytes;

use super::pieces::{Made, Next, Piece, Pieces};
use super::upload::{Broken, Upload};
use super::{MOST, got::LINES, line, without_key};
use crate::access::Who;
use crate::desk::Told;
use crate::http::Front;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::routes::Answering;
use crate::http::service::typed;

/// A line has so long to come, and a second more for each 16 KiB of it: as a connection has between two requests.
const PATIENCE: Duration = Duration::from_mins(1);

/// A chunk has no more bytes than this and one line.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// `put()`, for many.
pub(in crate::http) fn put(front: Arc<Front>, head: Parts, body: Body) -> Answering {
    Box::pin(async move {
        let queue = {
            let empty = Bytes::new();
            let call = Call::new(&front.app, &front.tokens, &head, &empty);
            without_key(&call, "a batch")?;
            let queue = call.name()?;
            call.finish()?;
            queue
        };
        let who = head.extensions.get::<Who>().cloned().expect("who was let in is known");
        let taken = front.room.for_new();
        let upload = Upload::new(body, front.app.config.max_body, PATIENCE, taken);
        // The first chunk before the answer's head, since a client may wait to be asked for it; and
        // mostly there is no other.
        let (first, rest) = Batch { front, who, queue, upload }.next().await;
        let first = first.map_err(|_| Problem::cut_body())?;
        let body = match rest {
            None => Body::from(first),
            Some(rest) => Body::new(Pieces::new(first, rest.run())),
        };
        Ok(typed(LINES, body))
    })
}

/// What is left of a batch.
struct Batch {
    front: Arc<Front>,
    /// With a token that may be revoked while he uploads.
    who: Who,
    queue: Name,
    upload: Upload,
}

impl Batch {
    fn run(self) -> Next {
        Box::pin(async move {
            let (piece, rest) = self.next().await;
            (piece, rest.map(|rest| Made(rest.run())))
        })
    }

    /// The next chunk, answered; and what is left then.
    async fn next(mut self) -> (Piece, Option<Self>) {
        let mut chunk = Chunk::new();
        let Self { front, who, queue, upload } = &mut self;
        while !chunk.is_full() {
            match upload.line(chunk.lines.is_empty()).await {
                Ok(Some(line)) => chunk.take(line, queue, &front.app.clock),
                Ok(None) => break,
                Err(cut) => return (Err(cut), None),
            }
        }
        chunk.lines.extend(upload.broken().map(|broken| {
            Err(match broken {
                Broken::TooLong => Problem::line_too_long(front.app.config.max_body),
                Broken::TooLate => Problem::late_line(PATIENCE),
                Broken::NoRoom => Problem::no_room(),
            })
        }));
        if front.still(who).is_err() {
            // The rest is not heard.
            let refused = chunk.lines.iter().map(|_| front.still(who)).collect();
            return (Ok(tell(refused, Vec::new())), None);
        }
        // With nothing to answer there is nothing new, either.
        if front.app.is_overloaded() && !chunk.lines.is_empty() {
            upload.stop();
            let refused = chunk.lines.iter().map(|_| Err(Problem::overloaded())).collect();
            return (Ok(tell(refused, Vec::new())), None);
        }
        let told = front.app.desk.ask_all(chunk.asks).await;
        upload.dealt_with();
        let piece = tell(chunk.lines, told);
        let ended = upload.has_ended();
        (Ok(piece), (!ended).then_some(self))
    }
}

/// Lines that are answered together.
struct Chunk {
    /// What is wrong with each, if anything.
    lines: Vec<Result<(), Problem>>,
    /// What the others ask.
    asks: Vec<Ask>,
    bytes: usize,
}

impl Chunk {
    /// With room for as many as most batches have.
    fn new() -> Self {
        const USUAL: usize = 100;
        Self { lines: Vec::with_capacity(USUAL), asks: Vec::with_capacity(USUAL), bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= MOST || self.bytes >= CHUNK_BYTES_MAX
    }

    fn take(&mut self, line: &[u8], queue: &Name, clock: &crate::Clock) {
        self.bytes += line.len();
        let parsed: Result<Command, Problem> = line::put(line, queue, clock);
        self.lines.push(parsed.map(|command| self.asks.push(Ask { command, key: None })));
    }
}

/// A line for each.
fn tell(lines: Vec<Result<(), Problem>>, told: Vec<Told>) -> Bytes {
    const LINE: usize = 64;
    let mut text = Vec::with_capacity(lines.len() * LINE);
    let mut told = told.into_iter();
    for line in lines {
        match line.map(|()| told.next()) {
            Err(problem) => problem.write(&mut text),
            Ok(None) => unreachable!("all who ask are told"),
            Ok(Some(Told { told, now, .. })) => match told {
                Err(refusal) => Problem::refused(refusal, now).write(&mut text),
                Ok(Answer::Placed { queue, job }) => located(&mut text, "201", &queue, job.0),
                Ok(Answer::Present { queue, job }) => located(&mut text, "200", &queue, job.0),
                Ok(other) => unreachable!("a put is not answered with {other:?}"),
            },
        }
        text.push(b'\n');
    }
    Bytes::from(text)
}

/// By hand: to format it takes four times as long, and there may be a million.
fn located(text: &mut Vec<u8>, status: &str, queue: &Name, job: u64) {
    let queue = queue.as_str();
    for piece in [r#"{"status":"#, status, r#","location":"/v1/queues/"#, queue, "/jobs/"] {
        text.extend_from_slice(piece.as_bytes());
    }
    serde_json::to_writer(&mut *text, &job).expect("a number is JSON");
    text.extend_from_slice(br#""}"#);
}
