//! Broken, unknown and repeated parameters, and wrong methods, on every route.

use super::Furnished;

/// A parameter with a good value, and what kind of values it takes.
type Parameter = (&'static str, &'static str, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Duration,
    Flag,
    Integer,
    Text,
    Only408,
}

impl Kind {
    fn broken(self) -> &'static [&'static str] {
        match self {
            Self::Duration => &[
                "",
                "x",
                "s",
                "-1s",
                "1w",
                "1ss",
                "1s1",
                "ms",
                "+5",
                "1,5",
                ".",
                "1.",
                "NaN",
                "inf",
                "1e9",
                "0x1",
                "%00",
                "1s%00",
                "%D9%A1s",
                "1%20s",
                "99999999999999999999h",
                "null",
            ],
            Self::Flag => &["", "1", "0", "yes", "TRUE", "True", "tru", "null", "true%20", "%00"],
            Self::Integer => &[
                "",
                "x",
                "-1",
                "1.5",
                "1e3",
                "0x1",
                "+1",
                "%201",
                "1%00",
                "%D9%A1",
                "NaN",
                "99999999999999999999999",
                "18446744073709551616",
            ],
            Self::Text => &["%00", "%0a", "a%0d%0ab", "%7f"],
            Self::Only408 => &["", "200", "409", "true", "408.0", "%34%30%39"],
        }
    }
}

const WAIT: Parameter = ("wait", "1ms", Kind::Duration);
const LEASE: Parameter = ("lease", "1s", Kind::Duration);
const DELAY: Parameter = ("delay", "1s", Kind::Duration);
const AFTER: Parameter = ("after", "9007199254740991", Kind::Integer);

/// Every route of the contract with its parameters. `{lease}` and `{lock_lease}` are live ones.
const ROUTES: [(&str, &str, &[Parameter]); 27] = [
    ("PUT", "/v1/queues/q", &[]),
    ("GET", "/v1/queues/q", &[]),
    ("DELETE", "/v1/queues/q", &[]),
    ("GET", "/v1/queues", &[("limit", "10", Kind::Integer)]),
    ("POST", "/v1/queues/q/jobs", &[WAIT, DELAY]),
    (
        "POST",
        "/v1/queues/q/get",
        &[WAIT, LEASE, ("empty", "408", Kind::Only408), ("ack", "true", Kind::Flag)],
    ),
    ("GET", "/v1/queues/q/join", &[WAIT, AFTER]),
    ("POST", "/v1/queues/q/shutdown", &[("immediate", "true", Kind::Flag)]),
    ("DELETE", "/v1/queues/q/waiters/k", &[]),
    ("DELETE", "{lease}", &[]),
    ("PATCH", "{lease}", &[LEASE]),
    ("GET", "{lease}", &[WAIT]),
    ("POST", "{lease}/nack", &[DELAY, ("defer", "true", Kind::Flag)]),
    ("PUT", "/v1/events/e", &[]),
    ("DELETE", "/v1/events/e", &[]),
    ("GET", "/v1/events/e", &[WAIT, AFTER]),
    ("DELETE", "/v1/events/e/waiters/k", &[]),
    ("POST", "/v1/locks/l/acquire", &[WAIT, LEASE, ("owner", "me", Kind::Text)]),
    ("GET", "/v1/locks/l", &[]),
    ("DELETE", "/v1/locks/l", &[("force", "true", Kind::Flag)]),
    ("DELETE", "/v1/locks/l/waiters/k", &[]),
    ("GET", "{lock_lease}", &[WAIT]),
    ("PATCH", "{lock_lease}", &[LEASE]),
    ("GET", "/metrics", &[]),
    ("GET", "/healthz", &[]),
    ("GET", "/readyz", &[]),
    ("GET", "/v1/openapi.json", &[]),
];

/// Refused, and the detail names the parameter.
async fn refused(furnished: &Furnished, method: &str, path: &str, query: &str, name: &str) {
    let asked = format!("{}?{query}", furnished.path(path));
    let body = if method == "PUT" { "{}" } else { "" };
    let heard = furnished.client.ask(method, &asked).body(body).await;
    assert_eq!(heard.status, 400, "{method} {asked}: {}", heard.shown());
    let heard = heard.refused(400, "invalid_parameter");
    let detail = heard.json()["detail"].to_string();
    assert!(detail.contains(name), "{method} {asked}: {detail}");
}

#[tokio::test]
async fn broken_values_are_refused() {
    let furnished = Furnished::new().await;
    for (method, path, parameters) in ROUTES {
        for (name, _, kind) in parameters {
            for value in kind.broken() {
                refused(&furnished, method, path, &format!("{name}={value}"), name).await;
            }
            refused(&furnished, method, path, name, name).await;
        }
    }
    furnished.is_as_before().await;
}

#[tokio::test]
async fn what_is_not_utf_8_is_refused() {
    let furnished = Furnished::new().await;
    for query in ["owner=%ff", "%ff=1", "owner=%c0%ae", "owner=%ed%a0%80"] {
        let path = format!("/v1/locks/l/acquire?{query}");
        furnished.client.post(&path, "").await.refused(400, "invalid_parameter");
    }
    furnished.is_as_before().await;
}

#[tokio::test]
async fn repeated_parameters_are_refused() {
    let furnished = Furnished::new().await;
    for (method, path, parameters) in ROUTES {
        for (name, good, _) in parameters {
            let twice = format!("{name}={good}&{name}={good}");
            refused(&furnished, method, path, &twice, name).await;
        }
    }
    furnished.is_as_before().await;
}

#[tokio::test]
async fn unknown_parameters_are_refused() {
    let furnished = Furnished::new().await;
    for (method, path, _) in ROUTES {
        for name in ["nonsense", "Wait", "waits", "priorities", "unique", "Mode"] {
            refused(&furnished, method, path, &format!("{name}=1"), name).await;
        }
        // What belongs to another route is unknown here.
        if path != "/v1/locks/l/acquire" {
            refused(&furnished, method, path, "owner=me", "owner").await;
        }
    }
    furnished.is_as_before().await;
}

#[tokio::test]
async fn wrong_methods_are_refused_on_every_route() {
    let furnished = Furnished::new().await;
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE", "get"];
    for (_, path, _) in ROUTES {
        let right = |method: &str| ROUTES.iter().any(|(m, p, _)| *m == method && *p == path);
        // A job's and a lock's leases have the same methods, of which the table names two.
        if path == "{lock_lease}" {
            continue;
        }
        let path_now = furnished.path(path);
        for method in methods.into_iter().filter(|method| !right(method)) {
            let heard = furnished.client.ask(method, &path_now).await;
            let heard = heard.refused(405, "method_not_allowed");
            let allow = heard.header("allow");
            assert!(!allow.split(", ").any(|allowed| allowed == method), "{method} {path}");
        }
    }
    furnished.is_as_before().await;
}

/// Headers that say something other than what the contract knows are refused too, not guessed at.
#[tokio::test]
async fn broken_headers_are_refused() {
    let furnished = Furnished::new().await;
    for value in ["", "x", "\"tag\"", "*, *", "W/\"tag\""] {
        for path in ["/v1/queues/q", "/v1/events/e"] {
            let asked = furnished.client.put(path, "{}").header("if-none-match", value);
            let heard = asked.await.refused(400, "invalid_parameter");
            let detail = heard.json()["detail"].to_string().to_lowercase();
            assert!(detail.contains("if-none-match"), "{value}: {detail}");
        }
    }
    furnished.is_as_before().await;
}
