//! Pages of other sites: they may send a form or a `fetch` here, and change nothing.

use awaitd_tests::Server;

use super::{path, put};
use crate::openapi::Contract;

/// A browser says where a request comes from; who is none says nothing and passes.
#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = Server::start();
    let own = server.base();
    let host = own.strip_prefix("http://").expect("a URL begins so");
    let fetched = |site: &str| format!("Sec-Fetch-Site: {site}\r\n");
    let from = |origin: &str| format!("Origin: {origin}\r\n");
    let allowed = [
        String::new(),
        fetched("same-origin"),
        fetched("none"),
        fetched("same-origin") + &from("https://evil.example"),
        from(&own),
        from(&format!("https://{host}")),
        from(""),
    ];
    let refused = [
        fetched("cross-site"),
        fetched("same-site"),
        fetched("Same-Origin"),
        fetched("cross-site") + &from(&own),
        from("http://evil.example"),
        from("http://127.0.0.1"),
        from("http://localhost"),
        from("null"),
        from(host),
        from(&format!("{own}.evil.example")),
        from(&format!("{own}/")),
        from(&format!("file://{host}")),
        from(&format!("http://x@{host}")),
    ];
    for lines in &allowed {
        put(&server, &format!("Host: {host}\r\n{lines}")).await.expect(201);
    }
    for lines in &refused {
        let heard = put(&server, &format!("Host: {host}\r\n{lines}")).await;
        heard.refused(403, "cross_site");
    }
    let queue = server.client().get("/v1/queues/q").await.expect(200).json();
    assert_eq!(queue["ready"], allowed.len());
}

/// Whatever may change something is refused to such pages, and nothing that only looks.
#[tokio::test]
async fn all_that_changes_something_is_refused_to_them() {
    let server = Server::start();
    let contract = Contract::read();
    for (method, template) in contract.operations() {
        let asked =
            server.client().ask(method, &path(template)).header("sec-fetch-site", "cross-site");
        let heard = asked.await;
        if method == "GET" {
            assert_ne!(heard.status, 403, "GET {template}: {}", heard.shown());
        } else {
            heard.refused(403, "cross_site");
        }
    }
}
