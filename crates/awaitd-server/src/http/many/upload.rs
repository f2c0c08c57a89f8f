//! The lines of a request's body, as they arrive.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use tokio::task::yield_now;

use crate::http::body;

/// What is left of a body.
pub(super) struct Upload {
    body: Option<Body>,
    /// What has arrived, from where it has been told on, and up to where it has been searched.
    arrived: Vec<u8>,
    told: usize,
    searched: usize,
    /// Bytes of a line.
    most: usize,
    too_long: bool,
}

/// The body broke off before its end.
#[derive(Debug)]
pub(in crate::http) struct Cut;

impl Upload {
    /// The lines of a body, none of more than `most` bytes.
    pub(super) fn new(body: Body, most: usize) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        Self { body, arrived: Vec::new(), told: 0, searched: 0, most, too_long: false }
    }

    /// The next line that is not blank. Nothing once there are no more, or without `wait` if it has not
    /// arrived; what is on its way from this machine has.
    pub(super) async fn line(&mut self, wait: bool) -> Result<Option<&[u8]>, Cut> {
        loop {
            while let Some(line) = self.next_line() {
                if self.too_long {
                    return Ok(None);
                }
                if !self.arrived[line.clone()].trim_ascii().is_empty() {
                    return Ok(Some(&self.arrived[line]));
                }
            }
            match self.more(wait).await {
                Some(more) => self.take(&more?),
                None => return Ok(None),
            }
        }
    }

    /// A line was longer than it may be. It is not told, and nothing behind it is read.
    pub(super) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Nothing more will be told.
    pub(super) fn has_ended(&self) -> bool {
        self.too_long || self.body.is_none() && self.told == self.arrived.len()
    }

    /// Where the next line is that has arrived whole.
    fn next_line(&mut self) -> Option<std::ops::Range<usize>> {
        let rest = &self.arrived[self.searched..];
        let found = rest.iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        let (begin, end) = (self.told, found.unwrap_or(self.arrived.len()));
        self.searched = end;
        if end - begin > self.most {
            self.give_up();
            return Some(begin..begin);
        }
        // What has no end is a line if nothing follows.
        let whole = found.is_some() || self.body.is_none() && begin < end;
        if !whole {
            return None;
        }
        self.told = found.map_or(end, |end| end + 1);
        self.searched = self.told;
        Some(begin..end)
    }

    fn give_up(&mut self) {
        self.too_long = true;
        if let Some(body) = self.body.take() {
            body::refuse(body, false);
        }
    }

    fn take(&mut self, more: &Bytes) {
        self.arrived.drain(..self.told);
        self.searched -= self.told;
        self.told = 0;
        self.arrived.extend_from_slice(more);
    }

    /// What arrives next; nothing at the end.
    async fn more(&mut self, wait: bool) -> Option<Result<Bytes, Cut>> {
        let mut patient = true;
        loop {
            let body = self.body.as_mut()?;
            let polled = poll_fn(|context| match Pin::new(&mut *body).poll_frame(context) {
                Poll::Pending if !wait => Poll::Ready(None),
                polled => polled.map(Some),
            });
            match polled.await {
                // The connection is read by the task that this is part of: once it could, all is here
                // that has arrived.
                None if patient => {
                    patient = false;
                    yield_now().await;
                }
                None => return None,
                Some(None) => self.body = None,
                Some(Some(Err(_))) => return Some(Err(Cut)),
                Some(Some(Ok(frame))) => {
                    // Trailers say nothing here.
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
            }
            if self.body.is_none() {
                return (self.told < self.arrived.len()).then(|| Ok(Bytes::new()));
            }
        }
    }
}

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the body broke off before its end")
    }
}

impl std::error::Error for Cut {}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::Context;

    use http_body::Frame;

    use super::*;

    const MOST: usize = 8;

    /// A body that arrives in these pieces.
    struct Arrives(VecDeque<Bytes>);

    impl HttpBody for Arrives {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// What was told, and whether a line was too long.
    async fn told(text: &str, piece: usize) -> (Vec<String>, bool) {
        let pieces = text.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
        let mut upload = Upload::new(Body::new(Arrives(pieces)), MOST);
        let mut lines = Vec::new();
        while let Some(line) = upload.line(true).await.expect("it does not break off") {
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
        assert!(upload.has_ended());
        (lines, upload.is_too_long())
    }

    /// However a body is cut into pieces, its lines are the same: all that are not blank, up to one too long.
    #[test]
    fn any_body() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        crate::fuzz::texts(&["a", "{}", "\n", "\n", "\r\n", " ", "long"], |text| {
            let too_long = text.split('\n').position(|line| line.len() > MOST);
            let lines = text.split('\n').take(too_long.unwrap_or(usize::MAX));
            let lines = lines.filter(|line| !line.trim_ascii().is_empty()).map(str::to_owned);
            let expected = (lines.collect::<Vec<_>>(), too_long.is_some());
            for piece in [1, 3, usize::MAX] {
                assert_eq!(runtime.block_on(told(text, piece)), expected, "{text:?} by {piece}");
            }
        });
    }
}
