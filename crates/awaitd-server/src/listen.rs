//! The door: who may connect, and how a dead peer is found.

use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use rustix::net::{RecvFlags, recv};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use crate::addresses::Addresses;
use crate::clock;
use crate::metrics::{Connected, Metrics};
use crate::shares::Share;
use crate::tls::{Named, Tls};

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

/// HTTP/2 among the protocols that TLS can carry.
pub(crate) const HTTP2: &[u8] = b"h2";

/// How a client says that it will speak HTTP/2.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Where connections come from. All are heard alike, but for what only TCP has.
#[derive(Debug)]
pub enum Listener {
    /// From wherever this address is reached.
    Tcp(TcpListener),
    /// The same, encrypted.
    Tls(TcpListener, Tls),
    /// From this machine, by whoever may write to the socket's file.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// Counts connections, turns away those that are too many, and sets up the others.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Connections at one time.
    pub(crate) max: usize,
    /// And how many of them from where.
    pub(crate) addresses: Addresses,
    /// Where they are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// How those over TCP are encrypted, if they are.
    pub(crate) tls: Option<Tls>,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = Connection;
    type Service = Named<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Connection, Named<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = self.admit(stream);
        let tls = self.tls.clone();
        Box::pin(async move {
            let (stream, place) = admitted?;
            let Some(tls) = tls else {
                return Ok((Connection::new(Stream::Tcp(stream), place), Named::nobody(service)));
            };
            let (stream, who) = tls.handshake(stream).await?;
            let connection = Connection::new(Stream::Tls(Box::new(stream)), place);
            Ok((connection, Named::new(service, who)))
        })
    }
}

impl<S> Accept<UnixStream, S> for Door {
    type Stream = Connection;
    type Service = Named<S>;
    type Future = Ready<io::Result<(Connection, Named<S>)>>;

    fn accept(&self, stream: UnixStream, service: S) -> Self::Future {
        ready(
            self.place(None).map(|place| {
                (Connection::new(Stream::Unix(stream), place), Named::nobody(service))
            }),
        )
    }
}

impl Door {
    fn admit(&self, stream: TcpStream) -> io::Result<(TcpStream, Place)> {
        let place = self.place(Some(stream.peer_addr()?.ip()))?;
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
        Ok((stream, place))
    }

    fn place(&self, from: Option<IpAddr>) -> io::Result<Place> {
        let full = || io::Error::other("as many connections as there may be");
        let here = match from.map(|from| self.addresses.come(from)) {
            None => None,
            Some(Some(here)) => Some(here),
            Some(None) => {
                self.metrics.refuse_connection();
                return Err(io::Error::other("as many connections from there as there may be"));
            }
        };
        let connected = self.metrics.connect(self.max).ok_or_else(full)?;
        Ok(Place { _connected: connected, _here: here })
    }
}

/// One of the connections that there may be, in all and from its address.
#[derive(Debug)]
pub(crate) struct Place {
    _connected: Connected,
    _here: Option<Share<IpAddr>>,
}

/// A connection that was admitted, and its place. Only hyper-util may read from it, see
/// [`Connection::begins_as_http1`].
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// Nothing was read yet.
    unread: bool,
    /// All was written, and whoever is still sending is heard out until then.
    lingering: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    /// Boxed: it is ten times as large as the others.
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// What streams have in common.
trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

impl Stream {
    fn io(&mut self) -> Pin<&mut dyn Io> {
        match self {
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
            Self::Unix(stream) => Pin::new(stream),
        }
    }
}

impl Connection {
    fn new(stream: Stream, place: Place) -> Self {
        Self { stream, unread: true, lingering: None, _place: place }
    }

    /// Looks at the first bytes and leaves them where they are: whether they are not those of HTTP/2.
    ///
    /// To tell the two apart hyper-util reads up to 24 bytes, and hands them to hyper as a first read
    /// of its own. Hyper then finds a head that is cut off, and doubles its buffer before it reads on:
    /// 16 KiB that a parked connection keeps, of which 8 have been written to. A first read that gives
    /// nothing says HTTP/1 to hyper-util as well, and leaves all of the head to hyper's first one.
    fn begins_as_http1(&self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut bytes = [0; HTTP2_PREFACE.len()];
        let read = match &self.stream {
            Stream::Tcp(stream) => {
                let mut first = ReadBuf::new(&mut bytes);
                ready!(stream.poll_peek(context, &mut first))?
            }
            // The handshake has settled it.
            Stream::Tls(stream) => {
                let protocol = stream.get_ref().1.alpn_protocol();
                return Poll::Ready(Ok(protocol != Some(HTTP2)));
            }
            Stream::Unix(stream) => ready!(peek(stream, context, &mut bytes))?,
        };
        Poll::Ready(Ok(!HTTP2_PREFACE.starts_with(&bytes[..read])))
    }

    /// Reads and forgets, until the peer has closed as well or has had its time. To close on a peer
    /// that is still sending would reset the connection, and the answer, a 413 or a 431, would be
    /// lost with it.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 4_096];
        loop {
            let mut bytes = ReadBuf::new(&mut bytes);
            match self.stream.io().poll_read(context, &mut bytes) {
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
        self.stream.io().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.io().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.io().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.io().poll_shutdown(context))?;
        self.linger(context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.io().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        // All three are.
        true
    }
}

/// What a socket has for us, which stays there.
fn peek(
    stream: &UnixStream,
    context: &mut Context<'_>,
    bytes: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let peeked = stream.try_io(Interest::READABLE, || {
            let (read, _) = recv(stream, &mut *bytes, RecvFlags::PEEK)?;
            Ok(read)
        });
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return Poll::Ready(peeked),
        }
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
        let addresses = Addresses::new(9);
        let door = Door { max: 2, addresses, metrics: Arc::clone(&metrics), tls: None };
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
        let socket = SockRef::from(&third.0);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        drop(second);
    }
}
