//! Where `serve` listens: an address, a file, or what systemd hands over.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use awaitd_server::Listener;
use awaitd_server::tls::{Files, Tls, TlsError};
use clap::Args;
use listenfd::ListenFd;
use rustix::fs::Mode;
use rustix::process::umask;

use crate::Failure;
use crate::flags::Serve;

/// What a socket's file may not be: of use to others than its owner and group.
const NOT_FOR_OTHERS: Mode = Mode::from_raw_mode(0o117);

/// What `serve` may be told about TLS.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are names of flags")]
pub(crate) struct Encryption {
    /// The server's certificate as PEM, with those between it and one that clients trust. Then only TLS is spoken.
    #[arg(long, env = "AWAITD_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key as PEM.
    #[arg(long, env = "AWAITD_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Who signs certificates of clients, as PEM. Whoever connects must have such a one.
    #[arg(long, env = "AWAITD_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

/// A socket that listens.
pub(crate) struct Socket {
    pub(crate) listener: Listener,
    pub(crate) at: At,
    /// What is removed at the end, if we made it.
    pub(crate) file: Option<SocketFile>,
}

/// How it is reached.
pub(crate) enum At {
    Tcp { tls: bool, address: SocketAddr },
    Unix(PathBuf),
}

/// A socket's file, removed when this is dropped.
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Which file it is: another server may have put its own there.
    number: u64,
}

impl Socket {
    /// What systemd hands over, else what the flags say.
    pub(crate) fn open(flags: &Serve) -> Result<Self, Failure> {
        let tls = flags.tls.load().map_err(Failure::Tls)?;
        let failed = |error| Failure::Listen(flags.listen.clone(), error);
        let mut handed = ListenFd::from_env();
        if handed.len() > 0 {
            let socket = match handed.take_tcp_listener(0) {
                Ok(Some(listener)) => Self::tcp(listener, tls),
                _ => handed
                    .take_unix_listener(0)
                    .and_then(|listener| listener.ok_or(io::ErrorKind::NotFound.into()))
                    .and_then(|listener| Self::unix(listener, tls.as_ref(), None)),
            };
            return socket.map_err(|error| Failure::Listen("what systemd gave".into(), error));
        }
        let Some(path) = flags.listen.strip_prefix("unix:") else {
            let listener = TcpListener::bind(&flags.listen).map_err(failed)?;
            return Self::tcp(listener, tls).map_err(failed);
        };
        let (listener, file) = bind(Path::new(path)).map_err(failed)?;
        Self::unix(listener, tls.as_ref(), Some(file)).map_err(failed)
    }

    fn tcp(listener: TcpListener, tls: Option<Tls>) -> io::Result<Self> {
        let at = At::Tcp { tls: tls.is_some(), address: listener.local_addr()? };
        let listener = match tls {
            Some(tls) => Listener::Tls(listener, tls),
            None => Listener::Tcp(listener),
        };
        Ok(Self { listener, at, file: None })
    }

    fn unix(
        listener: UnixListener,
        tls: Option<&Tls>,
        file: Option<SocketFile>,
    ) -> io::Result<Self> {
        if tls.is_some() {
            return Err(io::Error::other("TLS is for TCP: leave --tls-cert out"));
        }
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned);
        Ok(Self {
            listener: Listener::Unix(listener),
            at: At::Unix(path.unwrap_or_default()),
            file,
        })
    }
}

impl Encryption {
    fn load(&self) -> Result<Option<Tls>, TlsError> {
        let (Some(certificate), Some(key)) = (self.tls_cert.clone(), self.tls_key.clone()) else {
            return Ok(None);
        };
        Tls::load(Files { certificate, key, client_ca: self.tls_client_ca.clone() }).map(Some)
    }
}

/// Listens at a file, which is for its owner and group. One that a dead server left is removed; one on which
/// somebody answers is in use, and one that is no socket is somebody's.
fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    match fs::symlink_metadata(path) {
        Ok(about) if !about.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this is no socket"));
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // Not changed afterwards: for a moment it would be open to others. There is no second thread yet.
    let before = umask(NOT_FOR_OTHERS);
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    let number = fs::symlink_metadata(path)?.ino();
    Ok((listener, SocketFile { path: path.to_owned(), number }))
}

impl At {
    /// Whether others can connect than those at this machine, or than the owner of a socket's file and its group.
    /// One that we made is for these; what systemd gives has the mode that its unit says, by itself 0666, or
    /// no file at all.
    pub(crate) fn is_for_all(&self) -> bool {
        match self {
            Self::Tcp { address, .. } => !address.ip().to_canonical().is_loopback(),
            Self::Unix(path) => {
                let others = Mode::WOTH.as_raw_mode();
                !fs::metadata(path).is_ok_and(|about| about.mode() & others == 0)
            }
        }
    }

    /// What curl is told to reach it from this machine.
    pub(crate) fn for_curl(&self) -> String {
        match self {
            Self::Tcp { tls, address } => {
                let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let ip = if address.ip().is_unspecified() { local } else { address.ip() };
                url(*tls, SocketAddr::new(ip, address.port()))
            }
            Self::Unix(path) => format!("--unix-socket {} http://localhost", path.display()),
        }
    }

    /// Where a browser on this machine finds the dashboard: none opens a socket of a file.
    pub(crate) fn dashboard(&self) -> Option<String> {
        matches!(self, Self::Tcp { .. }).then(|| format!("{}/ui/", self.for_curl()))
    }
}

fn url(tls: bool, address: SocketAddr) -> String {
    format!("{}://{address}", if tls { "https" } else { "http" })
}

impl fmt::Display for At {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { tls, address } => out.write_str(&url(*tls, *address)),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|about| about.ino() == self.number) {
            // Left behind it harms nobody: the next start removes it.
            _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::fs::PermissionsExt;
    use std::process;

    use super::*;

    /// A socket that nobody answers on is taken over, one that is in use is not, and nor is any other file.
    #[test]
    fn a_stale_socket_is_taken_over() {
        let path = env::temp_dir().join(format!("awaitd-socket-{}", process::id()));
        let (listener, file) = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(bind(&path).err().unwrap().kind(), io::ErrorKind::AddrInUse);

        drop(listener);
        let (_listener, second) = bind(&path).unwrap();
        // The first one's end is not that of the second's file, unless the number was given again.
        let same = second.number == file.number;
        drop(file);
        assert!(same || path.exists());
        drop(second);
        assert!(!path.exists());

        fs::write(&path, "mine").unwrap();
        assert_eq!(bind(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_file(&path).unwrap();
    }
}
