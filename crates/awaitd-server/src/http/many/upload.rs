//! The lines of a request's body, as they arrive.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use memchr::memchr;
use tokio::task::yield_now;
use tokio::time::Sleep;

use crate::clock::real_sleep;
use crate::http::body;
use crate::http::room::Taken;

/// What is left of a body.
pub(super) struct Upload {
    body: Option<Body>,
    /// What has arrived, from where it has been told on, and up to where it has been searched.
    arrived: Vec<u8>,
    told: usize,
    searched: usize,
    /// Bytes of a line.
    most: usize,
    /// How long a line may take.
    patience: Duration,
    /// When the line that is awaited is late.
    late: Option<Pin<Box<Sleep>>>,
    taken: Taken,
    broken: Option<Broken>,
}

/// Why nothing more is read, though there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A line is longer than it may be.
    TooLong,
    /// The next line does not come.
    TooLate,
    /// There is no room for more.
    NoRoom,
}

/// The body broke off before its end.
#[derive(Debug)]
pub(in crate::http) struct Cut;

impl Upload {
    /// The lines of a body, none of more than `most` bytes, nor later than `patience` after the one before.
    pub(super) fn new(body: Body, most: usize, patience: Duration, taken: Taken) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        let (arrived, late, broken) = (Vec::new(), None, None);
        Self { body, arrived, told: 0, searched: 0, most, patience, late, taken, broken }
    }

    /// The next line that is not blank. Nothing once there are no more, or without `wait` if it has not
    /// arrived; what is on its way from this machine has.
    pub(super) async fn line(&mut self, wait: bool) -> Result<Option<&[u8]>, Cut> {
        loop {
            while let Some(line) = self.next_line() {
                self.late = None;
                if !self.arrived[line.clone()].trim_ascii().is_empty() {
                    return Ok(Some(&self.arrived[line]));
                }
                // Nobody deals with it: it would hold its room as long as nothing else comes.
                self.taken.give_back(self.told - line.start);
            }
            if self.broken.is_some() {
                return Ok(None);
            }
            match self.more(wait).await {
                Some(more) => self.take(&more?),
                None => return Ok(None),
            }
        }
    }

    /// Why nothing more is read. What was not told by then never is.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.broken
    }

    /// What was told has been dealt with.
    pub(super) fn dealt_with(&mut self) {
        self.taken.keep(self.arrived.len() - self.told);
    }

    /// Nothing more will be told.
    pub(super) fn has_ended(&self) -> bool {
        self.broken.is_some() || self.body.is_none() && self.told == self.arrived.len()
    }

    /// Where the next line is that has arrived whole.
    fn next_line(&mut self) -> Option<std::ops::Range<usize>> {
        let rest = &self.arrived[self.searched..];
        let found = memchr(b'\n', rest).map(|at| self.searched + at);
        let (begin, end) = (self.told, found.unwrap_or(self.arrived.len()));
        self.searched = end;
        if end - begin > self.most {
            self.give_up(Broken::TooLong);
        }
        if self.broken.is_some() {
            return None;
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

    fn give_up(&mut self, broken: Broken) {
        self.broken = Some(broken);
        self.stop();
    }

    /// Lets the rest run out unread.
    pub(super) fn stop(&mut self) {
        if let Some(body) = self.body.take() {
            body::refuse(body, false);
        }
    }

    fn take(&mut self, more: &Bytes) {
        if !self.taken.take(more.len()) {
            self.give_up(Broken::NoRoom);
            return;
        }
        if let Some(late) = &mut self.late {
            let until = late.deadline() + body::time_for(more.len());
            late.as_mut().reset(until);
        }
        self.arrived.drain(..self.told);
        self.searched -= self.told;
        self.told = 0;
        self.arrived.extend_from_slice(more);
    }

    /// What arrives next; nothing at the end, or if it does not come in time.
    async fn more(&mut self, wait: bool) -> Option<Result<Bytes, Cut>> {
        let mut patient = true;
        loop {
            let Self { body, late, patience, .. } = self;
            let body = body.as_mut()?;
            let polled = poll_fn(|context| match Pin::new(&mut *body).poll_frame(context) {
                Poll::Pending if !wait => Poll::Ready(None),
                Poll::Pending => {
                    let late = late.get_or_insert_with(|| Box::pin(real_sleep(*patience)));
                    late.as_mut().poll(context).map(|()| None)
                }
                polled @ Poll::Ready(_) => polled.map(Some),
            });
            match polled.await {
                None if wait => {
                    // Nothing is on its way that would have to run out.
                    (self.body, self.broken) = (None, Some(Broken::TooLate));
                    return None;
                }
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
    use http_body_util::channel::Channel;

    use super::*;
    use crate::Config;
    use crate::http::room::Room;

    const MOST: usize = 8;

    fn upload<B>(body: B) -> Upload
    where
        B: HttpBody<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let room = Room::new(&Config { max_body: MOST, ..Config::default() });
        Upload::new(Body::new(body), MOST, Duration::from_millis(20), room.for_new())
    }

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
        let mut upload = upload(Arrives(pieces));
        let mut lines = Vec::new();
        while let Some(line) = upload.line(true).await.expect("it does not break off") {
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
        assert!(upload.has_ended());
        (lines, upload.broken() == Some(Broken::TooLong))
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

    /// A line that does not come ends an upload, however much else has come of it; what came before is told.
    #[tokio::test]
    async fn a_line_must_come() {
        for begun in ["a\nb", "a\n\n", "a\n"] {
            let (mut sender, channel) = Channel::new(8);
            sender.send_data(Bytes::from(begun)).await.expect("room");
            let mut upload = upload(channel);
            assert_eq!(upload.line(true).await.expect("it came"), Some(&b"a"[..]));
            assert_eq!(upload.line(true).await.expect("it is not cut"), None);
            assert_eq!(upload.broken(), Some(Broken::TooLate));
            assert!(upload.has_ended());
            drop(sender);
        }
    }

    /// An upload has as much room as what it told leaves it, and ends where that is not enough.
    #[tokio::test]
    async fn a_line_must_have_room() {
        let mut config = Config { max_body: MOST, max_incoming_bytes: MOST, ..Config::default() };
        config.limits.waiting_bytes_max = 0;
        let room = Room::new(&config);
        let mut other = room.for_new();
        assert!(other.take(4));
        let pieces = ["a\nb\n", "c\nd\n", "e"].map(Bytes::from).into();
        let body = Body::new(Arrives(pieces));
        let mut upload = Upload::new(body, MOST, Duration::MAX, room.for_new());
        for expected in [b"a", b"b"] {
            assert_eq!(upload.line(true).await.expect("it came"), Some(&expected[..]));
        }
        upload.dealt_with();
        for expected in [b"c", b"d"] {
            assert_eq!(upload.line(true).await.expect("it came"), Some(&expected[..]));
        }
        assert_eq!(upload.line(true).await.expect("it is not cut"), None);
        assert_eq!(upload.broken(), Some(Broken::NoRoom));
        drop(upload);
        assert!(other.take(4) && !other.take(1));
    }

    /// What is blank takes no room once it is passed over, however much of it comes before a line.
    #[tokio::test]
    async fn blank_lines_hold_no_room() {
        let mut config = Config { max_body: MOST, max_incoming_bytes: MOST, ..Config::default() };
        config.limits.waiting_bytes_max = 0;
        let room = Room::new(&config);
        let blank = std::iter::repeat_n(Bytes::from("\n \r\n"), 1_000);
        let body = Body::new(Arrives(blank.chain([Bytes::from("a\nb")]).collect()));
        let mut upload = Upload::new(body, MOST, Duration::MAX, room.for_new());
        for expected in [b"a", b"b"] {
            assert_eq!(upload.line(true).await.expect("it came"), Some(&expected[..]));
        }
        assert_eq!(upload.broken(), None);
        let mut other = room.for_new();
        assert!(other.take(5) && !other.take(1), "the lines are here, and nothing else");
    }
}
