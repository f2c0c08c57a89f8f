//! A request's body, read to its end: only then does hyper notice that its client hangs up.

use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::Method;
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use super::problem::Problem;
use super::room::Taken;
use crate::Config;
use crate::clock::real_sleep;

/// What a client may still send of a body that was refused, before it is cut off. A client that is
/// cut off while it sends never reads why.
const DRAINED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A body has so long to come, and a large answer to go…
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// … and a second more for so many of its bytes that have come or gone.
const BYTES_PER_SECOND: usize = 16 * 1024;

/// The whole body of a request with this head, if it is not too long, and the room that it takes. What
/// looks is told nothing by a body: that is passed over.
pub(super) async fn read_of(
    head: &Parts,
    body: Body,
    config: &Config,
    mut taken: Taken,
) -> Result<(Bytes, Taken), Problem> {
    if matches!(head.method, Method::GET | Method::HEAD) {
        pass_over(head, body, config).await?;
        return Ok((Bytes::new(), taken));
    }
    let room = Some(&mut taken);
    let whole = read(body, config.max_body, is_awaited(head), PATIENCE, room).await?;
    Ok((whole, taken))
}

/// Waits until the body of a request with this head is over, if it is not too long. It takes no room.
pub(super) async fn pass_over(head: &Parts, body: Body, config: &Config) -> Result<(), Problem> {
    read(body, config.max_body, is_awaited(head), PATIENCE, None).await.map(drop)
}

/// What a client has for so many bytes that have come or gone, over its patience.
pub(super) fn time_for(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND as f64)
}

/// Whether a client waits to be told before it sends the body.
pub(super) fn is_awaited(head: &Parts) -> bool {
    head.headers.contains_key(EXPECT)
}

/// The whole body, unless it has more than `limit` bytes; nothing of it if nothing is `taken` for it.
/// `expects`: its client waits to be told before it sends.
async fn read(
    body: Body,
    limit: usize,
    expects: bool,
    patience: Duration,
    mut taken: Option<&mut Taken>,
) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > limit {
        refuse(body, expects);
        return Err(Problem::too_large(limit));
    }
    // Not taken before it comes: whoever only says that it will would keep others out.
    if taken.as_ref().is_some_and(|taken| !taken.fits(told)) {
        refuse(body, expects);
        return Err(Problem::no_room());
    }
    let mut body = body;
    let mut came = 0;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut late = pin!(real_sleep(patience));
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut late => return Err(Problem::slow_body(patience, BYTES_PER_SECOND)),
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Problem::cut_body())?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if !body.is_end_stream() {
            let until = late.deadline() + time_for(data.len());
            late.as_mut().reset(until);
        }
        came += data.len();
        if came > limit {
            refuse(body, false);
            return Err(Problem::too_large(limit));
        }
        let Some(taken) = &mut taken else { continue };
        if !taken.take(data.len()) {
            refuse(body, false);
            return Err(Problem::no_room());
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            // Small bodies come in one piece, and stay where they are.
            if all.is_empty() {
                // Grown step by step, it would end twice as large as it has to be.
                all.reserve(came.max(told));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Lets the rest of a body run out while its client is told.
pub(super) fn refuse(body: Body, expects: bool) {
    // Nothing is sent before it is asked for, and dropping the body asks for nothing.
    if expects || body.is_end_stream() {
        return;
    }
    tokio::spawn(drain(body, PATIENCE));
}

/// Reads and forgets a body, up to its end or to so much of it. Nobody keeps a connection by a rest that never comes.
async fn drain(body: Body, patience: Duration) {
    let mut late = pin!(real_sleep(patience));
    let mut body = pin!(body);
    let mut left = DRAINED_BYTES_MAX;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = &mut late => return,
        };
        let Some(Ok(frame)) = frame else { return };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::room::Room;
    use http_body_util::channel::Channel;

    fn room() -> Taken {
        Room::new(&Config::default()).for_new()
    }

    async fn sent(pieces: &[&'static str], limit: usize) -> Result<Bytes, Problem> {
        let (mut sender, channel) = Channel::<Bytes>::new(8);
        for piece in pieces {
            sender.send_data(Bytes::from(*piece)).await.expect("room");
        }
        drop(sender);
        read(Body::new(channel), limit, false, PATIENCE, Some(&mut room())).await
    }

    /// A body is the same in however many pieces it comes.
    #[tokio::test]
    async fn joins_pieces() {
        let table: [(&[&'static str], &str); 5] = [
            (&[], ""),
            (&["abc"], "abc"),
            (&["abc", "def"], "abcdef"),
            (&["", "abc", "", "d", "ef"], "abcdef"),
            (&["abcdef", "abcdef"], "abcdefabcdef"),
        ];
        for (pieces, whole) in table {
            assert_eq!(sent(pieces, 12).await.expect("fits"), whole);
        }
    }

    /// A body at the limit is taken, one above is not, whether it says its length or not.
    #[tokio::test]
    async fn has_a_limit() {
        assert!(sent(&["abc", "def"], 6).await.is_ok());
        assert!(sent(&["abc", "defg"], 6).await.is_err());
        assert!(read(Body::from("abcdef"), 6, false, PATIENCE, Some(&mut room())).await.is_ok());
        assert!(read(Body::from("abcdefg"), 6, false, PATIENCE, Some(&mut room())).await.is_err());
        assert!(read(Body::from("abcdefg"), 6, true, PATIENCE, Some(&mut room())).await.is_err());
    }

    /// What is passed over takes no room, and has the same limit.
    #[tokio::test]
    async fn passed_over_it_takes_no_room() {
        let mut config = Config { max_body: 6, max_incoming_bytes: 6, ..Config::default() };
        config.limits.waiting_bytes_max = 0;
        let room = Room::new(&config);
        let mut others = room.for_new();
        assert!(others.take(6));
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let request = axum::http::Request::builder().method(&method).body(());
            let (head, ()) = request.expect("a request").into_parts();
            let sent = async |body: &'static str| {
                let read = read_of(&head, Body::from(body), &config, room.for_new()).await;
                read.map(|(body, _)| body).map_err(|problem| problem.detail().to_owned())
            };
            if method == Method::POST {
                sent("abcdef").await.expect_err("it has no room");
            } else {
                assert_eq!(sent("abcdef").await, Ok(Bytes::new()));
            }
            sent("abcdefg").await.expect_err("it is too long");
        }
    }

    /// A body that never comes to its end is refused, however long its client stays.
    #[tokio::test]
    async fn must_come() {
        let (mut sender, channel) = Channel::<Bytes>::new(8);
        sender.send_data(Bytes::from("abc")).await.expect("room");
        let patience = Duration::from_millis(10);
        let problem = read(Body::new(channel), 6, false, patience, Some(&mut room()))
            .await
            .expect_err("it is late");
        assert!(problem.detail().contains("too slowly"), "{}", problem.detail());
        drop(sender);
    }

    /// The rest of a body that was refused is waited for no longer than another one, however slowly it comes.
    #[tokio::test]
    async fn what_is_refused_must_come() {
        let (mut sender, channel) = Channel::<Bytes>::new(1);
        tokio::spawn(drain(Body::new(channel), Duration::from_millis(10)));
        let until_cut = async {
            while sender.send_data(Bytes::from("a")).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), until_cut)
            .await
            .expect("it is read no further");
    }

    /// A body that breaks off is refused.
    #[tokio::test]
    async fn must_be_whole() {
        let (mut sender, channel) = Channel::<Bytes, std::io::Error>::new(8);
        sender.send_data(Bytes::from("abc")).await.expect("room");
        sender.abort(std::io::Error::other("cut"));
        assert!(read(Body::new(channel), 6, false, PATIENCE, Some(&mut room())).await.is_err());
    }
}
