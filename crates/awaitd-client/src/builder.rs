//! How a client comes to be.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::watch;

use crate::client::{Client, DEFAULT_URL, Shared, TLS_CA_VARIABLE, TLS_CLIENT_VARIABLE};
use crate::error::{Error, Result};
#[cfg(feature = "tls")]
use crate::tls;
use crate::token::Origin;

/// A server that does not answer is tried for so long.
const RETRY_FOR: Duration = Duration::from_secs(30);

/// A host that does not take a connection in this time is away.
const CONNECT: Duration = Duration::from_secs(5);

/// Finds peers that are gone without a word while a call waits: after so long without one, each so often, and
/// then so many times in vain.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_EACH: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMES: u32 = 3;

/// A client in the making.
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct Builder {
    url: String,
    retry_for: Duration,
    token: Option<Origin>,
    tls_ca: Option<PathBuf>,
    tls_client: Option<PathBuf>,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Self { url, retry_for: RETRY_FOR, token: None, tls_ca: None, tls_client: None }
    }

    /// How long a server is tried that does not answer, or that answers 503; 30 s if nothing is said. It
    /// counts from the first failure in a row. Zero asks once.
    pub fn retry_for(mut self, length: Duration) -> Self {
        self.retry_for = length;
        self
    }

    /// Shows this token (`awd_…`) with each request.
    pub fn token(mut self, token: impl AsRef<str>) -> Result<Self> {
        self.token = Some(Origin::given(token.as_ref())?);
        Ok(self)
    }

    /// Shows the token in this file. It is read at once, and once more whenever the server does not know what was in
    /// it: a token can be replaced while the program runs.
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.token = Some(Origin::File(file.into()));
        self
    }

    /// Shows the token that `AWAITD_TOKEN` has, or the file that `AWAITD_TOKEN_FILE` names; both are an error, and
    /// none is no token.
    pub fn token_of_env(mut self) -> Result<Self> {
        self.token = Origin::of_env()?;
        Ok(self)
    }

    /// Of a server that is asked by `https://`: nobody vouches for it but the certificates in this file, as PEM. If
    /// nothing is said, whom the system trusts.
    pub fn tls_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls_ca = Some(file.into());
        self
    }

    /// To a server that wants one, by `https://`: shows the certificate in this file, as PEM with its private key. It is
    /// read once.
    pub fn tls_client(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls_client = Some(file.into());
        self
    }

    /// Both, if `AWAITD_TLS_CA` and `AWAITD_TLS_CLIENT` name files.
    pub fn tls_of_env(mut self) -> Self {
        self.tls_ca = std::env::var_os(TLS_CA_VARIABLE).map(Into::into);
        self.tls_client = std::env::var_os(TLS_CLIENT_VARIABLE).map(Into::into);
        self
    }

    /// The client.
    pub fn build(self) -> Result<Client> {
        let Self { url, retry_for, token, tls_ca, tls_client } = self;
        let token = token.map(Origin::token).transpose()?;
        let wrong = |why: &dyn fmt::Display| {
            Error::Input(format!(
                "{url:?} is no address of a server, {why}: it looks like {DEFAULT_URL}"
            ))
        };
        let (base, socket) = match url.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => ("http://localhost", Some(path)),
            Some(_) => return Err(wrong(&"the path of its socket begins with a /")),
            None => (&*url, None),
        };
        let parsed = Url::parse(base).map_err(|error| wrong(&error))?;
        let mut http = reqwest::Client::builder();
        let encrypted = parsed.scheme() == "https";
        match parsed.scheme() {
            "http" if parsed.has_host() => {}
            "https" if parsed.has_host() && cfg!(feature = "tls") => {}
            "https" if parsed.has_host() => {
                return Err(wrong(&"and this client was built without its feature `tls`"));
            }
            _ => return Err(wrong(&"which begins with http://, https:// or unix:/")),
        }
        #[cfg(feature = "tls")]
        {
            // Or reqwest would look for what it trusts, though nobody needs it.
            let tls = if encrypted {
                tls::trusting(tls_ca.as_deref(), tls_client.as_deref())
            } else {
                tls::trusting_nobody()
            };
            http = http.tls_backend_preconfigured(tls.map_err(Error::Input)?);
        }
        #[cfg(not(feature = "tls"))]
        let _ = (encrypted, tls_ca, tls_client);
        if let Some(path) = socket {
            http = http.unix_socket(path);
        }
        let http = http
            // Whoever is in between must cut when this client does, and wait when it waits; proxies of
            // the environment are not made for that.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE_EACH)
            .tcp_keepalive_retries(KEEPALIVE_TIMES)
            .build()
            .map_err(|error| wrong(&error))?;
        let mut family = [0; 16];
        getrandom::fill(&mut family).map_err(|error| wrong(&error))?;
        let shared = Shared {
            http,
            base: base.trim_end_matches('/').to_owned(),
            family: u128::from_be_bytes(family),
            keys: AtomicU64::new(0),
            retry_for,
            token,
            background: watch::Sender::new(0),
        };
        Ok(Client { shared: Arc::new(shared) })
    }
}
