//! Who may connect, and by which name: what `serve` is told about it, and when it refuses to start.

use std::fmt;
use std::path::PathBuf;

use awaitd_server::access::{Access, BookError};
use awaitd_server::http::guard::Hosts;
use clap::Args;
use clap::builder::BoolishValueParser;
use tracing::warn;

use crate::flags::Serve;
use crate::socket::At;

/// The file of tokens in a data directory.
pub(crate) const TOKENS: &str = "tokens";

/// What `serve` may be told about who may ask.
#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// Listen beyond loopback without tokens too: whoever can connect may do everything.
    #[arg(long, env = "AWAITD_ALLOW_ANONYMOUS", value_parser = BoolishValueParser::new())]
    allow_anonymous: bool,

    /// By which names the server may be asked, besides its addresses, `localhost` and the name in --listen:
    /// names with commas between them, or `*` for all. By any other a browser may have been led here.
    #[arg(long, env = "AWAITD_ALLOWED_HOSTS", value_name = "NAMES")]
    allowed_hosts: Option<Hosts>,

    /// The file of quotas: what names that begin alike may take together, a line each as in
    /// `team-a-* jobs=100000 bytes=1GiB waits=500 rate=200`. Read again when it changes.
    #[arg(long, env = "AWAITD_QUOTAS", value_name = "FILE")]
    pub(crate) quotas: Option<PathBuf>,
}

/// Others could connect there, and do everything.
#[derive(Debug)]
pub(crate) struct Open(String);

impl Guard {
    /// By which names a server may be asked that was told to listen at one place, and listens at the other.
    pub(crate) fn hosts(&self, listen: &str, at: &At) -> Hosts {
        let named = self.allowed_hosts.clone().unwrap_or_default();
        match at {
            At::Unix(_) => named.and_of("unix:"),
            // What systemd gave has nothing to do with a file that was named.
            At::Tcp { .. } if listen.starts_with("unix:") => named,
            At::Tcp { .. } => named.and_of(listen),
        }
    }

    /// Refuses to listen where others than this machine, or than the owner of a socket's file and its group,
    /// can connect, unless they need a token or the operator wants it so.
    pub(crate) fn check(&self, at: &At, access: &Access) -> Result<(), Open> {
        if !at.is_for_all() || access.is_closed() {
            return Ok(());
        }
        if !self.allow_anonymous {
            return Err(Open(at.to_string()));
        }
        warn!("whoever can connect to {at} may do everything, as --allow-anonymous says");
        Ok(())
    }
}

impl Serve {
    /// Who may do what. In memory alone there are tokens only if a file is named.
    pub(crate) fn access(&self) -> Result<Access, BookError> {
        match &self.tokens {
            Some(path) => Access::at(path),
            None if self.memory => Ok(Access::open()),
            None => Access::at(&self.data_dir.join(TOKENS)),
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "whoever can connect to {} could do everything: make a token first (`awaitd token create`), listen \
             on 127.0.0.1 or at a file for its group alone (SocketMode=0660), or say --allow-anonymous if only those can connect whom you trust",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Others can connect wherever it is not loopback, however that is written.
    #[test]
    fn loopback_is_where_only_this_machine_connects() {
        let guard = |allow_anonymous| Guard { allow_anonymous, allowed_hosts: None, quotas: None };
        for (address, inside) in [
            ("127.0.0.1:29248", true),
            ("127.9.8.7:29248", true),
            ("[::1]:29248", true),
            ("[::ffff:127.0.0.1]:29248", true),
            ("0.0.0.0:29248", false),
            ("[::]:29248", false),
            ("10.0.0.1:29248", false),
            ("[::ffff:10.0.0.1]:29248", false),
        ] {
            let at = At::Tcp { tls: false, address: address.parse().unwrap() };
            assert_eq!(guard(false).check(&at, &Access::open()).is_ok(), inside, "{address}");
            assert!(guard(true).check(&at, &Access::open()).is_ok(), "{address}");
        }
    }
}
