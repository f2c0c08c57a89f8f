//! TLS: certificates from files, which are read again when they change, and who a client is by its own.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Request;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;
use tracing::{error, info};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::listen::HTTP2;
use crate::stamp::{Looks, Stamp, stamp};

/// Whoever connects has so long to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the files are looked at. A change counts when two looks saw the same: a certificate and its
/// key are two files, which nobody writes at one moment.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where certificates are, as PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's certificate, and those between it and one that clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs certificates of clients, which must have one then.
    pub client_ca: Option<PathBuf>,
}

/// What TLS needs, which may change while connections go on with what they have.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: Files,
    config: RwLock<Arc<ServerConfig>>,
}

/// A file that cannot be used, and why.
#[derive(Debug)]
pub struct TlsError(String);

/// Who a client is by its certificate: the first name of a host, URI or mail address in it, else its
/// common name. An extension of each of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified(pub Arc<str>);

impl Tls {
    /// Reads the files.
    pub fn load(files: Files) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(files.load()?));
        Ok(Self(Arc::new(Shared { files, config })))
    }

    /// Reads the files again. If they cannot be used, what was read before holds, and the log says why.
    pub fn reload(&self) {
        match self.0.files.load() {
            Ok(config) => {
                *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                info!("read the certificates again");
            }
            Err(error) => {
                error!(%error, "failed to read the certificates again: the old ones hold");
            }
        }
    }

    /// Reads the files again whenever they change, and on SIGHUP.
    pub(crate) async fn keep_fresh(self) {
        let mut looks = Looks::every(LOOK_EVERY);
        let mut loaded = self.stamps().await;
        let mut seen = loaded.clone();
        loop {
            let told = looks.next().await;
            let now = self.stamps().await;
            if told || now == seen && now != loaded {
                loaded.clone_from(&now);
                let tls = self.clone();
                // It cannot panic, and if it did: the next change is another try.
                _ = spawn_blocking(move || tls.reload()).await;
            }
            seen = now;
        }
    }

    /// Agrees on keys, and says who the client is, if it had to say so.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Certified>)> {
        let config = Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner));
        let shaken = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await;
        let stream = shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let certificates = stream.get_ref().1.peer_certificates();
        let who = certificates.and_then(<[_]>::first).and_then(|it| name(it));
        Ok((stream, who))
    }

    /// What changes when a file does; nothing for a file that is not there.
    async fn stamps(&self) -> Vec<Option<Stamp>> {
        let files = self.0.files.clone();
        let look = move || files.all().map(|path| stamp(path).ok().flatten()).collect();
        spawn_blocking(look).await.unwrap_or_default()
    }
}

impl Files {
    fn all(&self) -> impl Iterator<Item = &Path> {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    fn load(&self) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| TlsError::new(&self.key, "has no private key", error))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has suites for TLS 1.2 and 1.3");
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let wrong = "signs no certificates";
                let mut roots = RootCertStore::empty();
                for certificate in certificates(file)? {
                    roots.add(certificate).map_err(|error| TlsError::new(file, wrong, error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let verifier = verifier.map_err(|error| TlsError::new(file, wrong, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            TlsError::new(&self.key, "does not fit its certificate, or neither is good", error)
        })?;
        // The strongest that both know, whatever the client would like best.
        config.ignore_client_order = true;
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// All certificates of a file, which has one at least.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = "has no certificate";
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|error| TlsError::new(file, wrong, error))?;
    if all.is_empty() { Err(TlsError::new(file, wrong, "as PEM")) } else { Ok(all) }
}

/// Who a certificate says it is of. No name that would not fit into a line.
fn name(certificate: &CertificateDer<'_>) -> Option<Certified> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let mut names = names.into_iter().flat_map(|names| &names.value.general_names);
    let alternative = names.find_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
            Some(*name)
        }
        _ => None,
    });
    let mut common = certificate.subject().iter_common_name();
    let name = alternative.or_else(|| common.next()?.as_str().ok())?;
    let fits = !name.is_empty() && !name.contains(char::is_control);
    fits.then(|| Certified(name.into()))
}

/// A service whose requests say who asks, if that is known.
#[derive(Clone, Debug)]
pub(crate) struct Named<S> {
    inner: S,
    who: Option<Certified>,
}

impl<S> Named<S> {
    pub(crate) fn new(inner: S, who: Option<Certified>) -> Self {
        Self { inner, who }
    }

    pub(crate) fn nobody(inner: S) -> Self {
        Self::new(inner, None)
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Named<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(who) = &self.who {
            request.extensions_mut().insert(who.clone());
        }
        self.inner.call(request)
    }
}

impl TlsError {
    fn new(file: &Path, wrong: &str, error: impl fmt::Display) -> Self {
        Self(format!("{} {wrong}: {error}", file.display()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}
