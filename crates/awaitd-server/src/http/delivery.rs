//! The body of an answer that grants something, and the guard that says whether it was delivered.
//!
//! Delivered means: the last byte was handed to the connection for sending. When that is can be
//! seen by a body in three ways, which are hyper's and tested below:
//!
//! - HTTP/1 writes a piece to its buffer as soon as it was polled, and polls only while the buffer
//!   has room. The last piece, once polled, has been handed over. hyper counts the bytes that
//!   `Content-Length` promised, and does not poll again after the last one.
//! - HTTP/2 keeps a piece that was polled until the client's window has room, and drops it if the
//!   client goes away meanwhile. Only when hyper polls again has the last piece been handed over; so
//!   the body does not say before that it is at its end.
//! - A body without bytes is not polled at all. hyper asks whether it is at its end, once, right
//!   before it writes the head, which is the whole answer then. Nobody else asks.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::Version;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Small enough that a client which reads slowly has not been handed all of a large body at once.
pub(super) const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The bytes that are left to be sent, and what is to be called once they are. Dropped before, it
/// is not called.
pub(super) struct Delivered<F> {
    left: Bytes,
    taken: Cell<Option<F>>,
    /// Only another poll, past the last piece, says that this was handed over.
    ends_by_poll: bool,
}

impl<F: FnOnce() + Unpin> Delivered<F> {
    /// A body for a connection of this version.
    pub(super) fn new(bytes: Bytes, version: Version, taken: F) -> Self {
        Self {
            ends_by_poll: version == Version::HTTP_2 && !bytes.is_empty(),
            left: bytes,
            taken: Cell::new(Some(taken)),
        }
    }

    fn taken(&self) {
        if let Some(taken) = self.taken.take() {
            taken();
        }
    }
}

impl<F: FnOnce() + Unpin> Body for Delivered<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            self.taken();
            return Poll::Ready(None);
        }
        let length = self.left.len().min(PIECE_BYTES_MAX);
        let piece = self.left.split_to(length);
        if self.left.is_empty() && !self.ends_by_poll {
            self.taken();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let at_end = self.left.is_empty() && !self.ends_by_poll;
        if at_end {
            self.taken();
        }
        at_end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::http::{Request, Response};
    use http_body_util::{BodyExt, Empty};
    use hyper::client::conn::{http1, http2};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use hyper_util::service::TowerToHyperService;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;

    /// What the guard saw: taken, or dropped without. Resolves once it is decided.
    type Fate = oneshot::Receiver<bool>;

    /// Tells whether it was called, at the latest when it is dropped.
    struct Witness(Option<oneshot::Sender<bool>>, bool);

    impl Witness {
        fn taken(mut self) {
            self.1 = true;
        }
    }

    impl Drop for Witness {
        fn drop(&mut self) {
            let sender = self.0.take().expect("is sent once");
            sender.send(self.1).expect("the test listens");
        }
    }

    /// A server that answers one request with a body of `length` bytes, on a connection whose pipe
    /// holds `room` bytes.
    fn serve(length: usize, room: usize) -> (DuplexStream, Fate, JoinHandle<()>) {
        let (decided, fate) = oneshot::channel();
        let witness = Arc::new(std::sync::Mutex::new(Some(Witness(Some(decided), false))));
        let answer = move |request: Request<axum::body::Body>| {
            let witness = witness.lock().expect("no panic").take().expect("one request");
            let bytes = Bytes::from(vec![b'x'; length]);
            let body = Delivered::new(bytes, request.version(), move || witness.taken());
            async move { Response::new(axum::body::Body::new(body)) }
        };
        let router = Router::new().fallback(answer);
        let (client, pipe) = duplex(room);
        let served = tokio::spawn(async move {
            let service = TowerToHyperService::new(router);
            let builder = auto::Builder::new(TokioExecutor::new());
            // Its error is a client that went away, which is what some tests are about.
            let _ = builder.serve_connection(TokioIo::new(pipe), service).await;
        });
        (client, fate, served)
    }

    fn request() -> Request<Empty<Bytes>> {
        Request::post("http://test/").body(Empty::new()).expect("a request")
    }

    async fn ask_http1(client: DuplexStream) -> Bytes {
        let (mut sender, connection) = http1::handshake(TokioIo::new(client)).await.expect("open");
        tokio::spawn(connection);
        let response = sender.send_request(request()).await.expect("an answer");
        response.into_body().collect().await.expect("a body").to_bytes()
    }

    /// A connection whose windows have room for `window` bytes.
    async fn open_http2(client: DuplexStream, window: u32) -> http2::SendRequest<Empty<Bytes>> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window);
        let opened = builder.handshake(TokioIo::new(client)).await;
        let (sender, connection) = opened.expect("open");
        tokio::spawn(connection);
        sender
    }

    /// An answer that was read to its end was delivered, with bytes or without.
    #[tokio::test]
    async fn what_was_read_was_delivered() {
        for length in [0, 1, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 1024 * 1024] {
            let (client, fate, _) = serve(length, 4096);
            assert_eq!(ask_http1(client).await.len(), length);
            assert!(fate.await.expect("decided"), "HTTP/1, {length} bytes");

            let (client, fate, _) = serve(length, 4096);
            let mut sender = open_http2(client, 65_535).await;
            let response = sender.send_request(request()).await.expect("an answer");
            let body = response.into_body().collect().await.expect("a body");
            assert_eq!(body.to_bytes().len(), length);
            assert!(fate.await.expect("decided"), "HTTP/2, {length} bytes");
        }
    }

    /// HTTP/1: a client that reads nothing of a large answer and goes was not handed its last byte.
    #[tokio::test]
    async fn http1_what_did_not_fit_was_not_delivered() {
        let (mut client, mut fate, served) = serve(8 * 1024 * 1024, 4096);
        client.write_all(b"POST / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("room");
        client.read_exact(&mut [0; 64]).await.expect("the beginning of an answer");
        assert!(fate.try_recv().is_err(), "undecided while the client may still read");
        drop(client);
        served.await.expect("ended");
        assert!(!fate.await.expect("decided"));
    }

    /// HTTP/2: what the client's window had no room for was not delivered, though hyper polled it.
    #[tokio::test]
    async fn http2_what_did_not_fit_was_not_delivered() {
        let (client, mut fate, _) = serve(2 * PIECE_BYTES_MAX, 64 * 1024);
        let window = u32::try_from(PIECE_BYTES_MAX).expect("small");
        let mut sender = open_http2(client, window).await;
        let mut response = sender.send_request(request()).await.expect("an answer");
        let first = response.body_mut().frame().await.expect("a frame").expect("a piece");
        assert_eq!(first.into_data().expect("data").len(), PIECE_BYTES_MAX);
        assert!(fate.try_recv().is_err(), "undecided while the client may still read");
        drop(response);
        assert!(!fate.await.expect("decided"));
    }

    /// An answer that never came to its connection was not delivered.
    #[test]
    fn what_was_dropped_was_not_delivered() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let mut taken = false;
            drop(Delivered::new(Bytes::new(), version, || taken = true));
            drop(Delivered::new(Bytes::from("x"), version, || taken = true));
            assert!(!taken);
        }
    }
}
