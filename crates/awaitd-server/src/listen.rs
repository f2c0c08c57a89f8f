//! The door: who may connect, and how a dead peer is found.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::clock;
use crate::metrics::{Connected, Metrics};

/// A connection on which nothing was said for so long is asked whether it is still there.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// How long it has to say so before it is asked again.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How often it is asked before it counts as dead. Its wait is withdrawn then, so that no job is
/// handed to nobody.
const PROBES: u32 = 3;

/// What was sent and not taken for so long ends the connection too: as long as the probes take.
const UNTAKEN_MAX: Duration = Duration::from_secs(30);

/// Whoever is still sending when all was said is heard out for so long.
const LINGER: Duration = Duration::from_millis(500);

/// How a client says that it will speak HTTP/2.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Counts connections, turns away those that are too many, and sets up the others.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Connections at one time.
    pub(crate) max: usize,
    /// Where they are counted.
    pub(crate) metrics: Arc<Metrics>,
}

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Connection;
    type Service = S;
    type Future = Ready<io::Result<(Connection, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.admit(stream).map(|connection| (connection, service)))
    }
}

impl Door {
    fn admit(&self, stream: TcpStream) -> io::Result<Connection> {
        let Some(connected) = self.metrics.connect(self.max) else {
            return Err(io::Error::other("as many connections as there may be"));
        };
        let keepalive = TcpKeepalive::new()
            .with_time(PROBE_AFTER)
            .with_interval(PROBE_EVERY)
            .with_retries(PROBES);
        // Answers are small and written whole: holding them back for more would only delay them.
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNTAKEN_MAX))?;
        Ok(Connection { stream, unread: true, lingering: None, _connected: connected })
    }
}

/// A connection that was admitted, and its place. Only hyper-util may read from it, see
/// [`Connection::begins_as_http1`].
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Nothing was read yet.
    unread: bool,
    /// All was written, and whoever is still sending is heard out until then.
    lingering: Option<Pin<Box<Sleep>>>,
    _connected: Connected,
}

impl Connection {
    /// Looks at the first bytes and leaves them where they are: whether they are not those of HTTP/2.
    ///
    /// To tell the two apart hyper-util reads up to 24 bytes, and hands them to hyper as a first read
    /// of its own. Hyper then finds a head that is cut off, and doubles its buffer before it reads on:
    /// 16 KiB that a parked connection keeps, of which 8 have been written to. A first read that gives
    /// nothing says HTTP/1 to hyper-util as well, and leaves all of the head to hyper's first one.
    fn begins_as_http1(&self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut first = [0; HTTP2_PREFACE.len()];
        let mut first = ReadBuf::new(&mut first);
        ready!(self.stream.poll_peek(context, &mut first))?;
        Poll::Ready(Ok(!HTTP2_PREFACE.starts_with(first.filled())))
    }

    /// Reads and forgets, until the peer has closed as well or has had its time. To close on a peer
    /// that is still sending would reset the connection, and the answer, a 413 or a 431, would be
    /// lost with it.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 4_096];
        loop {
            let mut bytes = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(context, &mut bytes) {
                Poll::Ready(Ok(())) if !bytes.filled().is_empty() => {}
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        let until = self.lingering.get_or_insert_with(|| Box::pin(clock::real_sleep(LINGER)));
        until.as_mut().poll(context)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread {
            let nothing = ready!(self.begins_as_http1(context))?;
            self.unread = false;
            if nothing {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        self.linger(context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use awaitd_primitives::{Census, Time};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Config;

    /// The last place is given once, and is free again when its connection is gone.
    #[tokio::test]
    async fn connections_beyond_the_last_place_are_turned_away() {
        let metrics = Arc::new(Metrics::new(&Config::default(), SystemTime::UNIX_EPOCH));
        let door = Door { max: 2, metrics: Arc::clone(&metrics) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        let mut streams = Vec::new();
        for _ in 0..4 {
            clients.push(TcpStream::connect(address).await.unwrap());
            streams.push(listener.accept().await.unwrap().0);
        }
        let mut admit = || door.admit(streams.pop().unwrap());

        let first = admit().unwrap();
        let second = admit().unwrap();
        assert!(admit().is_err());
        drop(first);
        let third = admit().unwrap();

        let page = metrics.render(&Census::default(), Time::ZERO);
        assert!(page.contains("\nawaitd_connections 2\n"), "{page}");
        assert!(page.contains("\nawaitd_connections_refused_total 1\n"), "{page}");
        let socket = SockRef::from(&third.stream);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        drop(second);
    }
}
