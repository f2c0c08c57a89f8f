//! Answers on their way out. What they hold is there until their clients have taken it, however slowly these
//! read, so that of all large ones there may only be so much, each for so long.

use std::mem::take;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use awaitd_primitives::Answer;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::AbortHandle;

use super::answer::{self, Form};
use super::delivery::PIECE_BYTES_MAX;
use super::problem::Problem;
use super::room::Taken;
use super::{Front, body};
use crate::clock::real_sleep;
use crate::desk::Told;
use crate::locked;

/// Smaller answers take no room: a connection has more beside them.
const SMALL: usize = PIECE_BYTES_MAX;

/// What was told, as an answer. If there is no room for it, it is as if its client had hung up.
pub(super) async fn answer(front: &Front, mut told: Told, form: Form) -> Result<Response, Problem> {
    let can_go_back = told.told.as_ref().is_ok_and(can_go_back);
    let no_room = || Problem::no_room_to_answer();
    // Before they are brought from a disk, and written out: that takes its time, also if there is no room.
    let bodies = if form.bodies { told.body_bytes() } else { 0 };
    let taken = match bodies {
        bytes if can_go_back && bytes > SMALL => {
            Some(front.room.for_answer(bytes, None).ok_or_else(no_room)?)
        }
        _ => None,
    };
    let told = told.with_bodies(&front.app.desk).await;
    let response = answer::answer(told, form, &front.tokens, &front.app.clock);
    let bytes = response.body().size_hint().lower();
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    if !can_go_back || bytes <= SMALL {
        return Ok(response);
    }
    let taken = front.room.for_answer(bytes, taken).ok_or_else(no_room)?;
    Ok(response.map(|body| Body::new(Counted::new(body, taken, body::PATIENCE))))
}

/// Whether nothing is done that would stay done: it shows something, or it hands out what goes back.
fn can_go_back(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Got(_)
            | Answer::GotMany(_)
            | Answer::Job(_)
            | Answer::Jobs { .. }
            | Answer::Result(_)
            | Answer::Happened { .. }
            | Answer::State(_)
            | Answer::List { .. }
    )
}

/// The body of an answer that takes room, in small pieces, until the connection has let go of the last of them:
/// hyper drops a body as soon as it has all of it, and may have it for long.
struct Counted(Arc<Mutex<Left>>);

/// What is left of it. It has as long as the body of a request has.
struct Left {
    /// What the connection has not asked for; nothing if that was let go of.
    body: Option<Body>,
    /// Of its last frame.
    rest: Bytes,
    taken: Option<Taken>,
    /// The time that pieces have brought since it was last asked for.
    earned: Duration,
    late: Option<AbortHandle>,
}

/// A copy of some bytes, so that whoever keeps it does not keep them all; and the room that they take.
struct Piece(Vec<u8>, #[expect(dead_code, reason = "it is held")] Arc<Mutex<Left>>);

impl Counted {
    /// To be called on a runtime. A connection asks for nothing as long as its client takes nothing, so that a
    /// task lets go of what is late.
    fn new(body: Body, taken: Taken, patience: Duration) -> Self {
        let (rest, earned) = (Bytes::new(), Duration::ZERO);
        let left = Left { body: Some(body), rest, taken: Some(taken), earned, late: None };
        let left = Arc::new(Mutex::new(left));
        let late = tokio::spawn(let_go_of(Arc::downgrade(&left), patience));
        locked(&left).late = Some(late.abort_handle());
        Self(left)
    }
}

/// Lets go of an answer that is not taken in time, and of its room. What the connection has of it by then is
/// no more than it may have of a small one.
async fn let_go_of(left: Weak<Mutex<Left>>, patience: Duration) {
    let mut late = pin!(real_sleep(patience));
    loop {
        late.as_mut().await;
        let Some(left) = left.upgrade() else { return };
        let mut left = locked(&left);
        if left.earned.is_zero() {
            left.forget();
            left.taken = None;
            return;
        }
        let until = late.deadline() + take(&mut left.earned);
        late.as_mut().reset(until);
    }
}

impl Left {
    fn forget(&mut self) {
        self.body = None;
        self.rest = Bytes::new();
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.late.take().inspect(AbortHandle::abort);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        locked(&self.0).forget();
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut left = locked(&self.0);
        if left.rest.is_empty() {
            let Some(body) = &mut left.body else {
                let late = "the answer was not taken in time";
                return Poll::Ready(Some(Err(axum::Error::new(late))));
            };
            let frame = ready!(Pin::new(body).poll_frame(context)?);
            let Some(frame) = frame else { return Poll::Ready(None) };
            match frame.into_data() {
                Ok(data) => left.rest = data,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
        let length = left.rest.len().min(PIECE_BYTES_MAX);
        let piece = Piece(left.rest.split_to(length).to_vec(), Arc::clone(&self.0));
        left.earned += body::time_for(length);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        let left = locked(&self.0);
        left.rest.is_empty() && left.body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        // Asked for before there is a piece.
        locked(&self.0).body.as_ref().map_or_else(SizeHint::new, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::Request;
    use http_body_util::{BodyExt, Empty};
    use hyper::client::conn::http2;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use hyper_util::service::TowerToHyperService;
    use tokio::io::duplex;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::Config;
    use crate::http::room::Room;

    const AGES: Duration = Duration::from_hours(1);

    fn room_for(bytes: usize) -> Room {
        Room::new(&Config { max_body: 4, max_outgoing_bytes: bytes, ..Config::default() })
    }

    /// Goes on once there is room for so much.
    async fn until_room(room: &Room, bytes: usize) {
        let there_is = async {
            while room.for_answer(bytes, None).is_none() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_mins(1), there_is).await.expect("it is let go of");
    }

    /// An answer takes its room until the last of its bytes is gone, however early its body is.
    #[tokio::test]
    async fn takes_room_until_its_bytes_are_gone() {
        let room = room_for(8);
        let taken = room.for_answer(8, None).expect("there is room");
        let mut body = Counted::new(Body::from("abcdefgh"), taken, AGES);
        let frame = body.frame().await.expect("a frame").expect("it does not fail");
        assert!(body.is_end_stream() && body.frame().await.is_none());
        drop(body);
        let mut piece = frame.into_data().expect("data");
        assert_eq!(piece.split_to(7), "abcdefg");
        assert!(room.for_answer(1, None).is_none());
        assert_eq!(piece, "h");
        drop(piece);
        assert!(room.for_answer(8, None).is_some());
    }

    /// A body is the same in pieces, of which none has more than a connection may keep of it.
    #[tokio::test]
    async fn goes_out_in_pieces() {
        let whole: Vec<u8> = (0..=250).cycle().take(PIECE_BYTES_MAX * 2 + 1).collect();
        let taken = room_for(8).for_answer(8, None).expect("there is room");
        let mut body = Counted::new(Body::from(whole.clone()), taken, AGES);
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        let mut pieces = Vec::new();
        while !body.is_end_stream() {
            let frame = body.frame().await.expect("a frame").expect("it does not fail");
            pieces.push(frame.into_data().expect("data"));
        }
        let lengths: Vec<_> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [PIECE_BYTES_MAX, PIECE_BYTES_MAX, 1]);
        assert_eq!(pieces.concat(), whole);
    }

    /// Whoever takes the pieces in time has more time for the next ones.
    #[tokio::test]
    async fn pieces_bring_time() {
        let room = room_for(8);
        let taken = room.for_answer(8, None).expect("there is room");
        let patience = Duration::from_millis(1);
        let mut body = Counted::new(Body::from(vec![0; PIECE_BYTES_MAX * 60]), taken, patience);
        for _ in 0..59 {
            body.frame().await.expect("a frame").expect("it is in time");
        }
        sleep(patience * 20).await;
        assert!(room.for_answer(1, None).is_none());
        body.frame().await.expect("a frame").expect("it is in time");
    }

    /// A client of HTTP/2 that opens no window, or not far enough, holds no room for ever, however many answers it
    /// has asked for. Should it go on, it hears that it does not get the rest.
    #[tokio::test]
    async fn nobody_holds_room_by_a_closed_window() {
        const STREAMS: usize = 50;
        const EACH: usize = 4 * PIECE_BYTES_MAX;
        for window in [0, 16 * 1024] {
            let room = Arc::new(room_for(STREAMS * EACH));
            let rooms = Arc::clone(&room);
            let answer = move || {
                let taken = rooms.for_answer(EACH, None).expect("there is room");
                let patience = Duration::from_millis(20);
                let body = Counted::new(Body::from(vec![0; EACH]), taken, patience);
                async { Response::new(Body::new(body)) }
            };
            let service = TowerToHyperService::new(Router::new().fallback(answer));
            let (client, pipe) = duplex(4096);
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                // Its error is a client that went away.
                let _ = builder.serve_connection(TokioIo::new(pipe), service).await;
            });
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.initial_stream_window_size(window).initial_connection_window_size(1 << 30);
            let opened = builder.handshake(TokioIo::new(client)).await;
            let (mut sender, connection) = opened.expect("open");
            tokio::spawn(connection);
            let mut answers = Vec::new();
            for _ in 0..STREAMS {
                let request = Request::get("http://test/").body(Empty::<Bytes>::new());
                let answer = sender.send_request(request.expect("a request")).await;
                answers.push(answer.expect("a head").into_body());
            }
            until_room(&room, STREAMS * EACH).await;
            if window > 0 {
                answers.pop().expect("some").collect().await.expect_err("it is cut");
            }
        }
    }
}
