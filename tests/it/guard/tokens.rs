//! Tokens: who shows none, or one that is worth nothing, is heard no further, and nobody else reads one.

use std::path::Path;
use std::time::SystemTime;
use std::{fs, io};

use awaitd_server::access::{Book, Entry, Secret};
use awaitd_tests::{Client, Data, Folder, Raw, Server, curl, record, until};

use super::path;
use crate::openapi::Contract;

/// A file of tokens.
pub(crate) struct Tokens {
    _folder: Folder,
    path: String,
}

impl Tokens {
    /// None yet.
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let path = folder.inside("tokens");
        Self { _folder: folder, path }
    }

    /// Where they are.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A new one, as `Authorization` shows it.
    pub(crate) fn add(&self, name: &str, allow: &[&str]) -> String {
        self.add_until(name, allow, None)
    }

    /// A new one that comes to its end.
    pub(crate) fn add_until(&self, name: &str, allow: &[&str], expires: Option<&str>) -> String {
        let secret = Secret::new();
        let allow = allow.iter().map(|text| text.parse().expect("a test knows what to allow"));
        let now = SystemTime::UNIX_EPOCH;
        let mut entry = Entry::of_token(name, &secret, allow.collect(), now, None);
        entry.expires = expires.map(|at| at.parse().expect("an instant"));
        self.edit(|book| book.entries.push(entry));
        format!("Bearer {}", secret.reveal())
    }

    fn edit(&self, change: impl FnOnce(&mut Book)) {
        let edited = Book::edit(Path::new(&self.path), |book| {
            change(book);
            Ok(())
        });
        edited.expect("the file can be written");
    }

    /// Takes one back.
    pub(crate) fn revoke(&self, name: &str) {
        self.edit(|book| book.entries.retain(|entry| entry.name != name));
    }

    /// A server that asks for them.
    pub(crate) fn server(&self, args: &[&str]) -> Server {
        Server::with_args(&[&["--tokens", &self.path], args].concat())
    }
}

/// The status of a read with this `Authorization`.
async fn status(client: &Client, shown: &str) -> u16 {
    client.get("/v1/queues/q").header("authorization", shown).await.status
}

/// Why a token is not taken is said, in the form that RFC 6750 wants, and always before anything else.
#[tokio::test]
async fn who_is_not_known_is_told_so() {
    let tokens = Tokens::new();
    let good = tokens.add("good", &["*:*:*"]);
    let expired = tokens.add_until("expired", &["*:*:*"], Some("2001-01-01T00:00:00Z"));
    let server = tokens.server(&[]);
    let client = server.client();
    let nobodys = format!("Bearer {}", Secret::new().reveal());
    for (shown, named, says) in [
        (None, false, "wants a token"),
        (Some(""), true, "no token"),
        (Some("Bearer"), true, "no token"),
        (Some("Bearer awd_0123"), true, "no token"),
        (Some("Basic YTpi"), true, "no token"),
        (Some(&good[..good.len() - 1]), true, "no token"),
        (Some(&*nobodys), true, "not known"),
        (Some(&*expired), true, "expired"),
    ] {
        let asked = client.get("/v1/queues/q");
        let asked = if let Some(it) = shown { asked.header("authorization", it) } else { asked };
        let heard = asked.await.refused(401, "unauthorized");
        let error = if named { r#", error="invalid_token""# } else { "" };
        let challenge = format!(r#"Bearer realm="awaitd"{error}"#);
        assert_eq!(heard.header("www-authenticate"), challenge, "{shown:?}");
        assert!(heard.text().contains(says), "{shown:?}: {}", heard.shown());
    }
    assert_eq!(status(&client, &good).await, 404);
    assert_eq!(status(&client, &good.replace("Bearer", "bearer")).await, 404);
    // What there is, and what not, is nobody's business.
    for (method, path) in [("GET", "/v1/nothing"), ("PATCH", "/v1/queues"), ("PUT", "/metrics")] {
        client.ask(method, path).await.refused(401, "unauthorized");
    }
    for path in ["/healthz", "/readyz"] {
        client.get(path).await.expect(200);
        client.ask("DELETE", path).await.refused(405, "method_not_allowed");
    }
}

/// HTTP/2 is no way around, and who waits to be asked for a body is not asked.
#[tokio::test]
async fn nothing_is_read_of_whom_nobody_knows() {
    let tokens = Tokens::new();
    let good = tokens.add("good", &["queue:q:put"]);
    let server = tokens.server(&[]);
    let url = format!("{}/v1/queues/q/jobs", server.base());
    let (http2, shown) = ("--http2-prior-knowledge", format!("Authorization: {good}"));
    let told = curl(&[http2, "-d", "job", &url], b"").await;
    told.heard.refused(401, "unauthorized");
    curl(&[http2, "-H", &shown, "-d", "job", &url], b"").await.heard.expect(201);
    for (lines, status) in [(String::new(), 401), (format!("{shown}\r\n"), 100)] {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        let head = "POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n";
        let head = format!("{head}Expect: 100-continue\r\n{lines}\r\n");
        raw.send(head.as_bytes()).await.expect("the server reads");
        raw.hear().await.expect("an answer").expect(status);
    }
    record("POST", "/v1/queues/q/jobs", 401);
    // Nor is it chosen among tokens, over HTTP/2 either.
    let other = "Authorization: Bearer other";
    for both in [[&*shown, other], [other, &shown]] {
        for version in [http2, "--http1.1"] {
            let args = [version, "-H", both[0], "-H", both[1], "-d", "job", &url];
            curl(&args, b"").await.heard.refused(400, "invalid_parameter");
        }
    }
}

/// A token is good from the moment it is made until it is revoked, while the server runs.
#[tokio::test]
async fn tokens_come_and_go_while_the_server_runs() {
    let tokens = Tokens::new();
    let server = tokens.server(&[]);
    let client = server.client();
    client.get("/v1/queues/q").await.refused(404, "not_found");
    let first = tokens.add("first", &["queue:q:look"]);
    until("the first token closes the door", async || status(&client, "").await == 401).await;
    assert_eq!(status(&client, &first).await, 404);
    let second = tokens.add("second", &["queue:q:look"]);
    until("the second is known", async || status(&client, &second).await == 404).await;
    tokens.revoke("first");
    until("the first is revoked", async || status(&client, &first).await == 401).await;
    assert_eq!(status(&client, &second).await, 404);
    tokens.edit(|book| book.entries.clear());
    until("the last is revoked", async || status(&client, &second).await == 401).await;
}

/// No log, no metric and no byte on the disk tells a token, whatever becomes of a request with it.
#[tokio::test]
async fn nobody_else_reads_a_token() {
    let tokens = Tokens::new();
    let shown = [
        tokens.add("all", &["*:*:*"]),
        tokens.add("little", &["queue:other:put"]),
        format!("Bearer {}", Secret::new().reveal()),
    ];
    let data = Data::new();
    let mut server = data.start(&["--log", "trace", "--tokens", tokens.path()]);
    let client = server.client();
    let contract = Contract::read();
    for shown in &shown {
        for (method, template) in contract.operations() {
            let asked =
                client.ask(method, &path(template)).key("key").header("authorization", shown);
            asked.await;
        }
        let url = format!("{}/v1/queues/q/jobs", server.base());
        let header = format!("Authorization: {shown}");
        curl(&["--http2-prior-knowledge", "-H", &header, "-d", "job", &url], b"").await;
    }
    let metrics = client.get("/metrics").header("authorization", &shown[0]).await.expect(200);
    server.signal("TERM");
    assert_eq!(server.exit_code().await, Some(0));
    let mut told = vec![
        ("the log".to_owned(), server.log().into_bytes()),
        ("the metrics".to_owned(), metrics.body),
        ("a dump".to_owned(), data.tool(&["journal", "dump"]).log.into_bytes()),
        ("the tokens' file".to_owned(), fs::read(tokens.path()).expect("it is there")),
    ];
    let files: io::Result<Vec<_>> = fs::read_dir(data.dir()).expect("it is there").collect();
    for file in files.expect("a folder can be read") {
        let bytes = fs::read(file.path()).expect("it can be read");
        told.push((file.path().display().to_string(), bytes));
    }
    for (what, bytes) in told {
        assert!(!bytes.is_empty(), "{what} is empty");
        for shown in &shown {
            let secret = shown.strip_prefix("Bearer awd_").expect("it begins so").as_bytes();
            let part = &secret[..16];
            assert!(!bytes.windows(16).any(|bytes| bytes == part), "{what} tells a token");
        }
    }
}

/// SIGHUP has files read that look the same, and says again what is wrong with one that is no good.
#[tokio::test]
async fn on_sighup_they_are_read_again() {
    let (tokens, folder) = (Tokens::new(), Folder::new());
    let token = tokens.add("one", &["queue:q:look"]);
    let quotas = folder.inside("quotas");
    fs::write(&quotas, "team-* jobs=1\n").expect("the folder is ours");
    let server = tokens.server(&["--quotas", &quotas]);
    let times = |line: &str| server.log().matches(line).count();
    let told_again = async |line: &str| {
        let before = times(line);
        until(line, async || {
            server.signal("HUP");
            times(line) > before
        })
        .await;
    };
    told_again("read the tokens").await;
    told_again("read the quotas").await;
    fs::write(&quotas, "team-* jobs=many\n").expect("the folder is ours");
    fs::write(tokens.path(), "none\n").expect("the folder is ours");
    for line in ["the quotas cannot be read", "the tokens cannot be read"] {
        told_again(line).await;
        told_again(line).await;
    }
    assert_ne!(status(&server.client(), &token).await, 401, "those known before hold on");
}
