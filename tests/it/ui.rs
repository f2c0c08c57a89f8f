//! The dashboard's files, as browsers ask for them.

use std::fs;

use awaitd_tests::{Heard, Raw, Server, until};

use crate::tidy::root;

/// The answer to a browser with such headers besides.
async fn get(server: &Server, path: &str, headers: &str) -> Heard {
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    raw.send(head.as_bytes()).await.expect("the server reads");
    raw.hear().await.expect("the server answers")
}

/// Each file as it is in the tree, with its type and the rules for browsers; kept by nobody, so that after an
/// update pages and scripts fit each other.
#[tokio::test]
async fn has_each_file_of_the_dashboard() {
    let server = Server::start();
    let folder = root().join("crates/awaitd-server/ui");
    for (path, file, kind) in [
        ("/ui/", "index.html", "text/html; charset=utf-8"),
        ("/ui/index.html", "index.html", "text/html; charset=utf-8"),
        ("/ui/main.js", "main.js", "text/javascript; charset=utf-8"),
        ("/ui/pages/queue.js", "pages/queue.js", "text/javascript; charset=utf-8"),
        ("/ui/style.css?v=1", "style.css", "text/css; charset=utf-8"),
        ("/ui/favicon.svg", "favicon.svg", "image/svg+xml"),
    ] {
        let heard = get(&server, path, "").await.expect(200);
        assert_eq!(heard.body, fs::read(folder.join(file)).unwrap(), "{path}");
        assert_eq!(heard.header("content-type"), kind, "{path}");
        heard.keeps_the_rules(path);
        let policy = heard.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert_eq!(heard.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(heard.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(heard.header("cross-origin-opener-policy"), "same-origin", "{path}");
    }
}

/// Whoever reads pages is led there, and nobody anywhere else.
#[tokio::test]
async fn leads_browsers_to_the_dashboard() {
    let server = Server::start();
    let heard = get(&server, "/ui", "").await;
    assert_eq!((heard.status, heard.header("location")), (308, "ui/"), "{}", heard.shown());
    let heard = get(&server, "/", "Accept: text/html,application/xhtml+xml;q=0.9\r\n").await;
    assert_eq!((heard.status, heard.header("location")), (303, "ui/"), "{}", heard.shown());
    for (path, headers) in [
        ("/", ""),
        ("/", "Accept: */*\r\n"),
        ("/ui/none.js", "Accept: text/html\r\n"),
        ("/ui/../../build.rs", ""),
        ("/ui/%2e%2e/build.rs", ""),
        ("/ui//main.js", ""),
    ] {
        let heard = get(&server, path, headers).await;
        assert_eq!(heard.status, 404, "{path}: {}", heard.shown());
    }
}

/// Whoever starts the server is told where to look.
#[tokio::test]
async fn is_named_in_the_log() {
    let server = Server::start();
    let line = format!("dashboard: {}/ui/\"", server.base());
    until("it is told", async || server.log().contains(&line)).await;
}
