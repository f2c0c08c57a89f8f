//! Answers on their way out. What they hold is there until their clients have taken it, however slowly these
//! read, so that of all large ones there may only be so much.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use awaitd_primitives::Answer;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::Front;
use super::answer::{self, Form};
use super::problem::Problem;
use super::room::Taken;
use crate::desk::Told;

/// Smaller answers take no room: a connection has more beside them.
const SMALL: usize = 16 * 1024;

/// What was told, as an answer. If there is no room for it, it is as if its client had hung up.
pub(super) async fn answer(front: &Front, mut told: Told, form: Form) -> Result<Response, Problem> {
    let can_go_back = told.told.as_ref().is_ok_and(can_go_back);
    let no_room = || Problem::no_room_to_answer();
    // What is brought from a disk is here from then on; what is in memory is there anyway.
    let taken = match told.stored_bytes() {
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
    let taken = Arc::new(front.room.for_answer(bytes, taken).ok_or_else(no_room)?);
    Ok(response.map(|body| Body::new(Counted { body, taken })))
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

/// The body of an answer that takes room, until the connection has let go of the last of its bytes: hyper drops a
/// body as soon as it has all of it, and may have it for long.
struct Counted {
    body: Body,
    taken: Arc<Taken>,
}

/// Bytes, and the room that they take.
struct Piece(Bytes, #[expect(dead_code, reason = "it is held")] Arc<Taken>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let held = |bytes| Bytes::from_owner(Piece(bytes, Arc::clone(&self.taken)));
        polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::Config;
    use crate::http::room::Room;

    /// An answer takes its room until the last of its bytes is gone, however early its body is.
    #[tokio::test]
    async fn takes_room_until_its_bytes_are_gone() {
        let room = Room::new(&Config { max_body: 4, max_outgoing_bytes: 8, ..Config::default() });
        let taken = Arc::new(room.for_answer(8, None).expect("there is room"));
        let mut body = Counted { body: Body::from("abcdefgh"), taken };
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
}
