//! Who is heard at all, before anybody looks at what is asked. Whoever sits at a machine on which awaitd
//! listens opens pages of others in a browser, and these can ask the server too.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};

use super::problem::Problem;

/// By which names the server may be asked, besides its addresses and `localhost`. A page of any other
/// name might be one whose owner lets that name point here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// By any: what connects is trusted.
    All,
    /// By these, without ports.
    Named(Vec<String>),
}

/// Why these are no names.
#[derive(Debug, PartialEq, Eq)]
pub struct NoHosts;

impl Default for Hosts {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl FromStr for Hosts {
    type Err = NoHosts;

    /// Names with commas between them, or `*`.
    fn from_str(text: &str) -> Result<Self, NoHosts> {
        if text == "*" {
            return Ok(Self::All);
        }
        let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let name = |name: &str| !name.is_empty() && name.bytes().all(part);
        let names: Vec<_> = text.split(',').map(|name| bare(name.trim()).to_owned()).collect();
        if names.iter().all(|one| name(one)) { Ok(Self::Named(names)) } else { Err(NoHosts) }
    }
}

impl fmt::Display for NoHosts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("names without ports and with commas between them are possible, or * for all")
    }
}

impl std::error::Error for NoHosts {}

impl Hosts {
    /// And by that of a place to listen at, `name:port`. On a socket in a folder nobody comes from a
    /// browser, and what stands there as a name says nothing.
    #[must_use]
    pub fn and_of(mut self, listen: &str) -> Self {
        if listen.starts_with("unix:") {
            return Self::All;
        }
        let name = bare(listen.rsplit_once(':').map_or(listen, |(name, _)| name));
        if let Self::Named(names) = &mut self
            && !name.is_empty()
            && !is_address(name)
        {
            names.push(name.to_owned());
        }
        self
    }

    /// Whether a request for this host, which may have a port, is one for this server.
    fn allow(&self, host: &str) -> bool {
        let Self::Named(names) = self else {
            return true;
        };
        let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let with_port = host.rsplit_once(':').filter(|(_, port)| digits(port));
        let name = bare(with_port.map_or(host, |(name, _)| name));
        let local =
            name.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case("localhost"));
        // Nobody can let an address point elsewhere.
        is_address(name) || local || names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Refuses what is meant for another server, and what a page of another site wants changed here.
pub(super) fn check(head: &Parts, hosts: &Hosts) -> Result<(), Problem> {
    // In an absolute target, and in HTTP/2.
    let target = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    // More than one of them only HTTP/2 and HTTP/1.0 let through: each has to be ours.
    let headers = || head.headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    for host in target.into_iter().chain(headers()) {
        let text = str::from_utf8(host).ok();
        if !text.is_some_and(|host| hosts.allow(host)) {
            return Err(Problem::misdirected(&String::from_utf8_lossy(host)));
        }
    }
    if is_cross_site(head, target.or_else(|| headers().next())) {
        return Err(Problem::cross_site());
    }
    Ok(())
}

/// Go's `CrossOriginProtection`, and tower-http's `csrf`, which is a layer: its answers would pass by
/// what counts ours. A browser says from where a request comes, and lets no page say otherwise.
fn is_cross_site(head: &Parts, host: Option<&[u8]>) -> bool {
    // None of these takes anything away, whatever it waits for.
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method) {
        return false;
    }
    let given =
        |name| head.headers.get(name).map(HeaderValue::as_bytes).filter(|it| !it.is_empty());
    match (given("sec-fetch-site"), given(ORIGIN.as_str())) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => false,
        (Some(_), _) => true,
        (None, Some(origin)) => {
            let schemes = [&b"http://"[..], b"https://"];
            let site = schemes.into_iter().find_map(|scheme| origin.strip_prefix(scheme));
            site.is_none() || site != host
        }
    }
}

/// A name without the dot that may end it.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner
        .map_or_else(|| name.parse::<Ipv4Addr>().is_ok(), |inner| inner.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use axum::http::Version;

    use super::*;

    /// Addresses and `localhost` always, other names only if the operator gave them, whole.
    #[test]
    fn names_that_may_point_elsewhere_are_refused() {
        let hosts: Hosts = "awaitd.example.com, Queue.".parse().unwrap();
        let right = [
            "localhost",
            "LocalHost:29248",
            "localhost.:80",
            "a.localhost",
            "127.0.0.1",
            "127.9.8.7:1",
            "[::1]",
            "[::1]:29248",
            "192.168.1.7:29248",
            "[2001:db8::1]",
            "awaitd.example.com",
            "AWAITD.example.com.:443",
            "queue:80",
            "queue:",
        ];
        let wrong = [
            "",
            ":80",
            "evil.example",
            "evil.example:29248",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil-localhost",
            "x@localhost",
            "evil.example/localhost:1/",
            "awaitd.example.com.evil.example",
            "notawaitd.example.com",
            "sub.awaitd.example.com",
            "::1",
            "[::1",
            "[evil.example]",
            "127.1",
            "2130706433",
            "localhost:80:80",
            "localhost:x",
            "*",
        ];
        for host in right {
            assert!(hosts.allow(host), "{host}");
        }
        for host in wrong {
            assert!(!hosts.allow(host), "{host}");
            assert!(Hosts::All.allow(host), "{host}");
        }
        assert!(!Hosts::default().allow("queue"));
        assert!(Hosts::default().and_of("Queue:29248").allow("queue:80"));
        for nothing_new in ["127.0.0.1:29248", "[::]:29248", ":29248"] {
            assert_eq!(Hosts::default().and_of(nothing_new), Hosts::default());
        }
        assert_eq!(Hosts::default().and_of("unix:/run/awaitd.sock"), Hosts::All);
        assert_eq!(Hosts::All.and_of("queue:29248"), Hosts::All);
    }

    /// Of several hosts that a request names each has to be ours, whichever a proxy in between went by.
    #[test]
    fn no_host_hides_behind_another() {
        let asked = |target: &str, names: &[&str]| {
            let mut request = axum::http::Request::get(target).version(Version::HTTP_2);
            for name in names {
                request = request.header(HOST, *name);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            check(&head, &Hosts::default()).is_ok()
        };
        assert!(asked("/", &["localhost"]) && asked("http://localhost/", &["127.0.0.1"]));
        assert!(!asked("/", &["localhost", "evil.example"]));
        assert!(!asked("/", &["evil.example", "localhost"]));
        assert!(!asked("http://localhost/", &["evil.example"]));
        assert!(!asked("http://evil.example/", &["localhost"]));
    }

    /// What is no list of names is refused at the start, not taken for one that fits nothing.
    #[test]
    fn a_list_has_names() {
        assert_eq!("*".parse(), Ok(Hosts::All));
        for text in ["", ",", "a,", "a:80", "http://a", "*.example.com", "a,*", "a b", "é"] {
            assert_eq!(text.parse::<Hosts>(), Err(NoHosts), "{text:?}");
        }
    }
}
