//! What a token allows, and no more: every operation of the contract with every scope.

use awaitd_tests::{Client, Heard};

use super::tokens::Tokens;
use crate::openapi::Contract;

/// The kinds of a token's scopes, and what stands for each in a path.
const KINDS: [(&str, &str); 7] = [
    ("queue", "/v1/queues/"),
    ("event", "/v1/events/"),
    ("lock", "/v1/locks/"),
    ("semaphore", "/v1/semaphores/"),
    ("barrier", "/v1/barriers/"),
    ("schedule", "/v1/schedules/"),
    ("server", "/v1/backup"),
];

const VERBS: [&str; 4] = ["put", "get", "look", "manage"];

/// A path of this template: what has a name has the name `thing`.
fn path_of(template: &str) -> String {
    let names = KINDS
        .iter()
        .fold(template.to_owned(), |path, (kind, _)| path.replace(&format!("{{{kind}}}"), "thing"));
    let path = super::path(&names.replace("{job}", "1"));
    if template == "/v1/get" { format!("{path}?queues=thing") } else { path }
}

/// What an operation needs, as scopes: one of them will do; `None` if it needs no more than a token.
fn scopes(needs: &[String], template: &str) -> Option<Vec<String>> {
    let kind = KINDS.iter().find(|(_, begins)| template.starts_with(begins));
    match needs {
        // Its queues stand elsewhere.
        _ if template == "/v1/get" => Some(vec!["queue:thing:get".to_owned()]),
        [token] if token == "token" => None,
        [one] if one.starts_with("server:") => Some(vec![one.replace(':', ":*:")]),
        verbs => {
            let (kind, _) = kind.unwrap_or_else(|| panic!("{template} is of no kind"));
            Some(verbs.iter().map(|verb| format!("{kind}:thing:{verb}")).collect())
        }
    }
}

/// With each operation every scope alone: what is needed is enough, and nothing else is.
#[tokio::test]
async fn every_scope_allows_what_it_says_and_nothing_else() {
    let tokens = Tokens::new();
    let mut all = Vec::new();
    for (kind, _) in KINDS {
        let name = if kind == "server" { "*" } else { "thing" };
        all.extend(VERBS.map(|verb| format!("{kind}:{name}:{verb}")));
        if kind != "server" {
            all.extend([format!("{kind}:thin:*"), format!("{kind}:thing-*:*")]);
        }
    }
    let all: Vec<_> = all
        .into_iter()
        .map(|scope| {
            let token = tokens.add(&scope, &[&scope]);
            (scope, token)
        })
        .collect();
    let wide = tokens.add("wide", &["*:*:*"]);
    let server = tokens.server(&[]);
    let client = server.client();
    let contract = Contract::read();
    for (method, template) in contract.operations() {
        let path = path_of(template);
        let ask = |token: &str| client.ask(method, &path).header("authorization", token);
        let needs = contract.needs(method, template);
        if needs.is_empty() {
            let heard = client.ask(method, &path).await;
            assert_ne!(heard.status, 401, "{method} {path}");
            continue;
        }
        client.ask(method, &path).await.refused(401, "unauthorized");
        let enough = scopes(&needs, template);
        for (scope, token) in &all {
            let heard = ask(token).await;
            let Some(enough) = enough.as_ref().filter(|enough| !enough.contains(scope)) else {
                assert!(![401, 403].contains(&heard.status), "{method} {path} with {scope}");
                continue;
            };
            assert_eq!(heard.status, 403, "{method} {path} with {scope}: {}", heard.shown());
            let heard = heard.refused(403, "forbidden");
            let right = format!("one with {} would", enough.join(" or "));
            assert!(heard.text().contains(&right), "{method} {path}: {}", heard.shown());
        }
        let heard = ask(&wide).await;
        assert!(![401, 403].contains(&heard.status), "{method} {path}: {}", heard.shown());
    }
}

/// A client that shows a token.
struct Holder {
    client: Client,
    token: String,
}

impl Holder {
    async fn ask(&self, method: &str, path: &str, body: &str) -> Heard {
        self.client.ask(method, path).body(body).header("authorization", &self.token).await
    }
}

const LEAP_DAY: &str = r#"{"cron": "0 0 29 2 *", "queue": "two", "body": "day"}"#;

/// What names a second thing needs something there as well.
#[tokio::test]
async fn a_call_that_touches_two_things_is_allowed_at_both() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let one = ["queue:one:*", "schedule:one:*", "queue:mine-*:*"];
    let cases = [
        ("POST", "/v1/get?queues=one,two", "", "queue:two:get"),
        ("POST", "/v1/queues/one/redrive?to=two", "", "queue:two:put"),
        ("PUT", "/v1/queues/one", r#"{"dead_letter": "two"}"#, "queue:two:manage"),
        ("PUT", "/v1/schedules/one", LEAP_DAY, "queue:two:put"),
        ("POST", "/v1/queues/one/get?settle={lease}", "", "queue:two:get"),
        ("POST", "/v1/queues/one/get?settle={lock}", "", "lock:l:get"),
    ];
    let narrow = tokens.add("narrow", &one);
    let both = cases.map(|(method, path, _, other)| {
        tokens.add(&format!("{method} {path}"), &[&one[..], &[other]].concat())
    });
    let server = tokens.server(&[]);
    let holder = |token: &str| Holder { client: server.client(), token: token.to_owned() };
    let (wide, narrow) = (holder(&wide), holder(&narrow));
    wide.ask("POST", "/v1/queues/one/jobs", "job").await.expect(201);
    for ((method, path, body, other), both) in cases.into_iter().zip(both) {
        wide.ask("POST", "/v1/queues/two/jobs", "job").await.expect(201);
        let get = "/v1/queues/two/get?lease=1h&wait=10s";
        let lease = wide.ask("POST", get, "").await.expect(200).location();
        let lock = wide.ask("POST", "/v1/locks/l/acquire?lease=1h", "").await.expect(201);
        let lock = lock.location();
        let path = path.replace("{lease}", &lease).replace("{lock}", &lock);
        let heard = narrow.ask(method, &path, body).await.refused(403, "forbidden");
        assert!(heard.text().contains(other), "{path}: {}", heard.shown());
        // Nothing was done.
        wide.ask("GET", &lease, "").await.expect(200);
        wide.ask("GET", &lock, "").await.expect(200);
        let heard = holder(&both).ask(method, &path, body).await;
        assert!(![401, 403].contains(&heard.status), "{path}: {}", heard.shown());
        if path.contains(&lease) {
            // It was settled, and not given back.
            wide.ask("GET", &lease, "").await.refused(410, "lease_lost");
        }
        wide.ask("DELETE", &lock, "").await;
    }
}

/// A key of `/v1/get` is its token's own: nobody else takes back, or learns, what was asked under it.
#[tokio::test]
async fn keys_of_the_server_are_of_one_token() {
    let tokens = Tokens::new();
    let worker = tokens.add("worker", &["queue:one:*"]);
    let other = tokens.add("other", &["event:e:look"]);
    let server = tokens.server(&[]);
    let holder = |token: &str| Holder { client: server.client(), token: token.to_owned() };
    let (worker, other) = (holder(&worker), holder(&other));
    other.ask("DELETE", "/v1/waiters/w-1", "").await.refused(404, "not_found");
    worker.ask("POST", "/v1/queues/one/jobs", "<b>").await.expect(201);
    let get = server.client().post("/v1/get?queues=one&lease=1h", "").key("w-1");
    let lease = get.header("authorization", &worker.token).await.expect(200).location();
    let told = other.ask("DELETE", "/v1/waiters/w-1", "").await.expect(200);
    assert_eq!(told.text(), "{\"outcome\":\"withdrawn\"}", "of what it never asked");
    let told = worker.ask("DELETE", "/v1/waiters/w-1", "").await.expect(200);
    assert_eq!(told.location(), lease);

    // What a worker says is no page of the server's.
    let done = server.client().post(&format!("{lease}/done"), "<script>1</script>");
    let done = done.header("content-type", "text/html").header("authorization", &worker.token);
    done.await.expect(204);
    let result = worker.ask("GET", "/v1/queues/one/jobs/1/result", "").await.expect(200);
    assert_eq!(result.header("x-content-type-options"), "nosniff");
    assert_eq!(result.header("content-security-policy"), "sandbox; default-src 'none'");
}

/// The token of a lease alone says of what it is only to who may settle it wherever it is.
#[tokio::test]
async fn a_lease_of_elsewhere_is_settled_by_its_path() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let narrow = tokens.add("narrow", &["queue:one:get", "queue:two:get"]);
    let server = tokens.server(&[]);
    let holder = |token: &str| Holder { client: server.client(), token: token.to_owned() };
    let (wide, narrow) = (holder(&wide), holder(&narrow));
    let lease_of = async |queue: &str| {
        wide.ask("POST", &format!("/v1/queues/{queue}/jobs"), "job").await.expect(201);
        let get = format!("/v1/queues/{queue}/get?lease=1h");
        wide.ask("POST", &get, "").await.expect(200).location()
    };
    let bare = |lease: &str| lease.rsplit('/').next().expect("a path has an end").to_owned();
    let settle = |lease: &str| format!("/v1/queues/one/get?settle={lease}");
    let own = lease_of("one").await;
    narrow.ask("POST", &settle(&bare(&own)), "").await.expect(204);
    let other = lease_of("two").await;
    let heard = narrow.ask("POST", &settle(&bare(&other)), "").await.refused(403, "forbidden");
    assert!(heard.text().contains("by its path"), "{}", heard.shown());
    narrow.ask("POST", &settle(&other), "").await.expect(204);
    let third = lease_of("two").await;
    wide.ask("POST", &settle(&bare(&third)), "").await.expect(204);
}
