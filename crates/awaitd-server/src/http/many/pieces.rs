//! An answer that is made piece by piece, each when there is room for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::upload::Cut;

/// A piece, or why there will be none.
pub(in crate::http) type Piece = Result<Bytes, Cut>;

/// The next piece, and what comes behind it.
pub(in crate::http) type Next = Pin<Box<dyn Future<Output = (Piece, Option<Made>)> + Send>>;

/// What comes behind a piece.
pub(in crate::http) struct Made(pub(in crate::http) Next);

/// What is left of an answer.
pub(in crate::http) struct Pieces {
    first: Option<Bytes>,
    rest: Option<Next>,
}

impl Pieces {
    /// This piece, and those that come behind it.
    pub(in crate::http) fn new(first: Bytes, rest: Next) -> Self {
        Self { first: Some(first), rest: Some(rest) }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(next) = &mut self.rest else { return Poll::Ready(None) };
        let (piece, rest) = ready!(next.as_mut().poll(context));
        self.rest = rest.map(|Made(next)| next);
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }
}
