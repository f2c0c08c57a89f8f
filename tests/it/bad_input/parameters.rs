//! Broken, unknown and repeated parameters, and wrong methods, on every route.

use super::Furnished;

/// A parameter with a good value, and what kind of values it takes.
type Parameter = (&'static str, &'static str, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Duration,
    Flag,
    Integer,
    Cursor,
    Text,
    Only408,
    Mode,
    Number,
    HowMany,
    Token,
    Instant,
    JobKey,
    State,
    Rate,
    Name,
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
            Self::Cursor => &["0", "x", "-1", "1.5", "+1", "%201", "1%00", "18446744073709551616"],
            Self::Text => &["%00", "%0a", "a%0d%0ab", "%7f"],
            Self::Only408 => &["", "200", "409", "true", "408.0", "%34%30%39"],
            Self::Mode => &["", "Shared", "share", "write", "1", "shared%00", "exclusive,shared"],
            Self::Number => {
                &["", "0", "x", "-1", "1.5", "1e3", "+1", "1000000001", "%D9%A1", "all"]
            }
            Self::HowMany => &["", "All", "-1", "1.5", "+1", "1000000001", "all%00", "%D9%A1"],
            Self::Instant => &[
                "",
                "now",
                "1s",
                "2026-12-01",
                "2026-12-01T09:00:00",
                "2026-12-01T09:00:00+01:00",
                "2026-13-01T09:00:00Z",
                "9001-01-01T00:00:00Z",
                "%00",
            ],
            Self::JobKey => &["", "%00", "a%0a", "%7f", "%C2%80"],
            Self::State => &["", "Ready", "all", "ready,dead", "ready%00", "waiting", "1"],
            Self::Rate => &["", "0", "-1", "+1", "1s", "1e3", "inf", "0.0001", "1000001", "%00"],
            Self::Name => &["", "-", "a%2fb", "a%20b", "%00", "%C3%A9"],
            // These are 404.
            Self::Token => &[],
        }
    }
}

const WAIT: Parameter = ("wait", "1ms", Kind::Duration);
const LEASE: Parameter = ("lease", "1s", Kind::Duration);
const DELAY: Parameter = ("delay", "1s", Kind::Duration);
const AFTER: Parameter = ("after", "9007199254740991", Kind::Integer);

const STATE: Parameter = ("state", "ready", Kind::State);
const JOB_KEY: Parameter = ("key", "k", Kind::JobKey);
const LIMIT: Parameter = ("limit", "10", Kind::Integer);
const OWNER: Parameter = ("owner", "me", Kind::Text);
const PERMITS: Parameter = ("permits", "1", Kind::Number);
const HELD: Parameter = ("held", "{lock_token}", Kind::Token);

/// Every route of the contract with its parameters. `{lease}` and `{lock_lease}` are live ones.
const ROUTES: [(&str, &str, &[Parameter]); 64] = [
    ("PUT", "/v1/queues/q", &[]),
    ("GET", "/v1/queues/q", &[]),
    ("DELETE", "/v1/queues/q", &[]),
    ("GET", "/v1/queues", &[LIMIT]),
    (
        "POST",
        "/v1/queues/q/jobs",
        &[
            WAIT,
            DELAY,
            ("at", "2026-12-01T09:00:00Z", Kind::Instant),
            JOB_KEY,
            ("unique", "u", Kind::JobKey),
            ("ttl", "1h", Kind::Duration),
            ("max_attempts", "3", Kind::Number),
            LEASE,
        ],
    ),
    (
        "GET",
        "/v1/queues/q/jobs",
        &[STATE, JOB_KEY, ("cursor", "1", Kind::Cursor), LIMIT, ("body", "true", Kind::Flag)],
    ),
    ("GET", "/v1/queues/q/jobs/2", &[]),
    ("DELETE", "/v1/queues/q/jobs/2", &[("force", "true", Kind::Flag)]),
    ("GET", "/v1/queues/q/jobs/2/result", &[WAIT]),
    ("POST", "/v1/queues/q/pause", &[]),
    ("POST", "/v1/queues/q/resume", &[]),
    ("POST", "/v1/queues/q/purge", &[STATE]),
    (
        "POST",
        "/v1/queues/q/redrive",
        &[
            STATE,
            ("to", "other", Kind::Name),
            ("id", "2", Kind::Integer),
            LIMIT,
            ("rate", "1", Kind::Rate),
        ],
    ),
    ("POST", "{lease}/done", &[]),
    ("PUT", "{lease}/progress", &[]),
    (
        "POST",
        "/v1/queues/q/get",
        &[WAIT, LEASE, ("empty", "408", Kind::Only408), ("ack", "true", Kind::Flag)],
    ),
    ("GET", "/v1/queues/q/join", &[WAIT, AFTER]),
    ("POST", "/v1/queues/q/shutdown", &[("immediate", "true", Kind::Flag)]),
    ("DELETE", "/v1/queues/q/waiters/k", &[]),
    ("DELETE", "/v1/waiters/k", &[]),
    ("DELETE", "{lease}", &[]),
    ("PATCH", "{lease}", &[LEASE]),
    ("GET", "{lease}", &[WAIT]),
    ("POST", "{lease}/nack", &[DELAY, ("defer", "true", Kind::Flag), ("dead", "true", Kind::Flag)]),
    ("PUT", "/v1/events/e", &[]),
    ("DELETE", "/v1/events/e", &[]),
    ("GET", "/v1/events/e", &[WAIT, AFTER]),
    ("DELETE", "/v1/events/e/waiters/k", &[]),
    ("GET", "/v1/events", &[LIMIT]),
    ("POST", "/v1/locks/l/acquire", &[WAIT, LEASE, OWNER, ("mode", "shared", Kind::Mode)]),
    ("POST", "/v1/locks/l/break", &[]),
    ("GET", "/v1/locks", &[LIMIT]),
    ("GET", "/v1/locks/l/conditions/c", &[]),
    ("POST", "/v1/locks/l/conditions/c/wait", &[HELD, WAIT, LEASE, OWNER]),
    ("POST", "/v1/locks/l/conditions/c/notify", &[HELD, ("n", "2", Kind::HowMany)]),
    ("GET", "/v1/semaphores", &[LIMIT]),
    ("PUT", "/v1/semaphores/s", &[]),
    ("GET", "/v1/semaphores/s", &[]),
    ("DELETE", "/v1/semaphores/s", &[("force", "true", Kind::Flag)]),
    ("POST", "/v1/semaphores/s/acquire", &[PERMITS, WAIT, LEASE, OWNER]),
    ("POST", "/v1/semaphores/s/release", &[PERMITS]),
    ("DELETE", "/v1/semaphores/s/waiters/k", &[]),
    ("GET", "/v1/barriers", &[LIMIT]),
    ("PUT", "/v1/barriers/b", &[]),
    ("GET", "/v1/barriers/b", &[]),
    ("DELETE", "/v1/barriers/b", &[]),
    ("POST", "/v1/barriers/b/wait", &[WAIT]),
    ("POST", "/v1/barriers/b/reset", &[]),
    ("POST", "/v1/barriers/b/abort", &[]),
    ("DELETE", "/v1/barriers/b/waiters/k", &[]),
    ("GET", "/v1/schedules", &[LIMIT]),
    ("PUT", "/v1/schedules/s", &[]),
    ("GET", "/v1/schedules/s", &[]),
    ("DELETE", "/v1/schedules/s", &[]),
    ("DELETE", "/v1/schedules/s/waiters/k", &[]),
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
    // What a call cannot do without, unless it is this that is asked about.
    let query = if path.contains("/conditions/c/") && name != "held" {
        format!("{query}&held={{lock_token}}")
    } else {
        query.to_owned()
    };
    let asked = furnished.path(&format!("{path}?{query}"));
    let body = match (method, path) {
        ("PUT", "/v1/semaphores/s") => r#"{"permits": 9}"#,
        ("PUT", "/v1/barriers/b") => r#"{"parties": 9}"#,
        ("PUT", "/v1/schedules/s") => r#"{"cron": "@daily", "queue": "q", "body": "b"}"#,
        ("PUT", _) => "{}",
        _ => "",
    };
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
            // What is no token was never given out, even if it is empty; and so begins a list.
            if !matches!(kind, Kind::Token | Kind::Cursor) {
                refused(&furnished, method, path, name, name).await;
            }
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
        for name in ["nonsense", "Wait", "waits", "priorities", "uniques", "Mode"] {
            refused(&furnished, method, path, &format!("{name}=1"), name).await;
        }
        // What belongs to another route is unknown here.
        if !path.ends_with("/acquire") && !path.ends_with("/c/wait") {
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
    let put = || furnished.client.post("/v1/queues/q/jobs", "x");
    let many = (0..33).fold(put(), |put, number| put.header(&format!("job-{number}"), "x"));
    for asked in [many, put().header("tracestate", &"x".repeat(9_000))] {
        let detail = asked.await.refused(400, "invalid_parameter").json()["detail"].to_string();
        assert!(detail.contains("Job-*"), "{detail}");
    }
    furnished.is_as_before().await;
}
