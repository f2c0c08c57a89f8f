//! What every operation of the contract refuses alike, asked of each of them: no operation is
//! forgotten, since the list is `openapi.yaml`'s.

use awaitd_tests::{Asked, Client, Raw, Server, record};

use crate::openapi::Contract;

/// One thing of each kind, each used once under the key `used`; a job, the lock and a permit are held.
struct Stage {
    client: Client,
    job: String,
    lock: String,
    permit: String,
}

const PERMITS: &str = r#"{"permits": 1}"#;
const PARTIES: &str = r#"{"parties": 2}"#;
const TIMES: &str = r#"{"cron": "0 0 29 2 *", "queue": "leap", "body": "day"}"#;

/// All of them, as they stand in paths.
const THINGS: [&str; 6] =
    ["queues/q", "events/e", "locks/l", "semaphores/s", "barriers/b", "schedules/t"];

impl Stage {
    async fn set(server: &Server) -> Self {
        let client = server.client();
        client.post("/v1/queues/q/jobs", "job").key("used").await.expect(201);
        let job = client.post("/v1/queues/q/get?lease=1h", "").await.expect(200).location();
        client.put("/v1/events/e", "value").key("used").await.expect(200);
        let acquire = client.post("/v1/locks/l/acquire?lease=1h", "").key("used");
        let lock = acquire.await.expect(201).location();
        client.put("/v1/semaphores/s", r#"{"permits": 1.0}"#).key("used").await.expect(201);
        let acquire = client.post("/v1/semaphores/s/acquire?lease=1h", "");
        let permit = acquire.await.expect(201).location();
        client.put("/v1/barriers/b", r#"{"parties": 2.0}"#).key("used").await.expect(201);
        client.put("/v1/schedules/t", format!("{TIMES} ")).key("used").await.expect(201);
        client.post("/v1/queues/any/jobs", "job").await.expect(201);
        client.post("/v1/get?queues=any&lease=1h", "").key("used").await.expect(200);
        Self { client, job, lock, permit }
    }

    /// An operation on what is there.
    fn ask(&self, method: &str, template: &str, parameters: &str) -> Asked {
        let path = template
            .replace("/v1/queues/{queue}/leases/{token}", &self.job)
            .replace("/v1/locks/{lock}/leases/{token}", &self.lock)
            .replace("/v1/semaphores/{semaphore}/leases/{token}", &self.permit)
            .replace("{queue}", "q")
            .replace("{job}", "1")
            .replace("{event}", "e")
            .replace("{lock}", "l")
            .replace("{condition}", "c")
            .replace("{semaphore}", "s")
            .replace("{barrier}", "b")
            .replace("{schedule}", "t")
            .replace("{key}", "another");
        assert!(!path.contains('{'), "{path} is no path");
        // What an operation cannot do without.
        let needed = match template {
            "/v1/get" => "queues=q".to_owned(),
            _ if template.contains("/{condition}/") => {
                format!("held={}", self.lock.replace('/', "%2F"))
            }
            _ => String::new(),
        };
        let query = [needed.as_str(), parameters].join("&");
        let asked = self.client.ask(method, &format!("{path}?{query}"));
        match (method, template) {
            ("PUT", "/v1/semaphores/{semaphore}") => asked.body(PERMITS),
            ("PUT", "/v1/barriers/{barrier}") => asked.body(PARTIES),
            ("PUT", "/v1/schedules/{schedule}") => asked.body(TIMES),
            ("PUT" | "POST", _) => asked.body("{}"),
            _ => asked,
        }
    }
}

/// A misspelt parameter is no parameter left out: it is refused and named.
#[tokio::test]
async fn refuse_parameters_that_they_do_not_know() {
    let server = Server::start();
    let stage = Stage::set(&server).await;
    for (method, template) in Contract::read().operations() {
        let heard = stage.ask(method, template, "surprise=1").await;
        let heard = heard.refused(400, "invalid_parameter");
        assert!(heard.text().contains("surprise"), "{method} {template}: {}", heard.shown());
    }
}

/// A name that is none is refused wherever one can stand.
#[tokio::test]
async fn refuse_names_that_are_none() {
    let server = Server::start();
    let client = server.client();
    for (method, template) in Contract::read().operations() {
        let kinds = ["queue", "event", "lock", "condition", "semaphore", "barrier", "schedule"];
        let path = kinds.iter().fold(template.to_owned(), |path, kind| {
            path.replace(&format!("{{{kind}}}"), "-no-name")
        });
        if path != template {
            let path = path.replace("{token}", "token").replace("{key}", "key");
            client.ask(method, &path).await.refused(400, "invalid_name");
        }
    }
}

/// A key belongs to one request: under it, nothing else is done.
#[tokio::test]
async fn refuse_a_key_of_another_request() {
    let server = Server::start();
    let stage = Stage::set(&server).await;
    let contract = Contract::read();
    for (method, template) in contract.operations() {
        if contract.takes_a_key(method, template) {
            let heard = stage.ask(method, template, "").key("used").await;
            heard.refused(422, "idempotency_mismatch");
        }
    }
}

/// What was taken back is not done, whatever it was.
#[tokio::test]
async fn refuse_a_key_that_was_withdrawn() {
    let server = Server::start();
    let stage = Stage::set(&server).await;
    // Whatever belongs to no thing belongs to the server.
    let owners = THINGS.map(|thing| format!("/v1/{thing}")).into_iter().chain(["/v1".to_owned()]);
    for owner in owners {
        let withdrawal = stage.client.delete(&format!("{owner}/waiters/withdrawn"));
        withdrawal.await.refused(404, "not_found");
    }
    let contract = Contract::read();
    for (method, template) in contract.operations() {
        if contract.takes_a_key(method, template) {
            let heard = stage.ask(method, template, "").key("withdrawn").await;
            heard.refused(410, "withdrawn");
        }
    }
}

/// A key that cannot be remembered is refused before anything is done under it.
#[tokio::test]
async fn refuse_a_key_that_there_is_no_room_for() {
    let server = Server::with_args(&["--max-keys", "7"]);
    let stage = Stage::set(&server).await;
    let contract = Contract::read();
    for (method, template) in contract.operations() {
        if contract.takes_a_key(method, template) {
            let held = ["/v1/locks/{lock}", "/v1/semaphores/{semaphore}"];
            let force =
                if method == "DELETE" && held.contains(&template) { "force=true" } else { "" };
            let heard = stage.ask(method, template, force).key("new").await;
            heard.refused(503, "overloaded");
        }
    }
    let queue = stage.client.get("/v1/queues/q").await.expect(200).json();
    assert_eq!(queue["unfinished"], 1, "something was done: {queue}");
    assert_eq!(queue["leased"], 1, "something was done: {queue}");
    let lock = stage.client.get("/v1/locks/l").await.expect(200).json();
    assert_eq!(lock["locked"], true, "something was done: {lock}");
    let semaphore = stage.client.get("/v1/semaphores/s").await.expect(200).json();
    assert_eq!(semaphore["available"], 0, "something was done: {semaphore}");
}

/// Who would have to wait where no more may is told at once.
#[tokio::test]
async fn refuse_to_wait_where_no_more_may() {
    let server = Server::with_args(&["--max-waits", "1"]);
    let stage = Stage::set(&server).await;
    stage.client.put("/v1/queues/full", r#"{"maxsize": 1}"#).await.expect(201);
    stage.client.post("/v1/queues/full/jobs", "job").await.expect(201);
    let parked = stage.client.post("/v1/queues/parked/get?wait=40s", "").spawn();
    server.until_waiting("queue", "parked", "get", 1).await;
    let held = stage.lock.replace('/', "%2F");
    let waits = [
        ("POST", "/v1/queues/full/jobs".to_owned()),
        ("POST", "/v1/queues/q/get".to_owned()),
        ("GET", "/v1/queues/q/join".to_owned()),
        ("GET", "/v1/queues/q/jobs/1/result".to_owned()),
        ("GET", "/v1/events/unset".to_owned()),
        ("POST", "/v1/locks/l/acquire".to_owned()),
        ("GET", stage.job.clone()),
        ("GET", stage.lock.clone()),
        ("GET", stage.permit.clone()),
        ("POST", "/v1/semaphores/s/acquire".to_owned()),
        ("POST", "/v1/barriers/b/wait".to_owned()),
        ("POST", format!("/v1/locks/l/conditions/c/wait?held={held}")),
    ];
    for (method, path) in waits {
        let sign = if path.contains('?') { '&' } else { '?' };
        let heard = stage.client.ask(method, &format!("{path}{sign}wait=40s")).await;
        heard.refused(503, "overloaded");
    }
    // Who may not wait for a condition has not let go of the lock.
    stage.client.get(&stage.lock).await.expect(200);
    stage.client.post("/v1/queues/parked/jobs", "job").await.expect(201);
    parked.await.expect("the wait was answered").expect(200);
}

/// Where only `PUT` creates, all else on what is not there is 404, and makes nothing.
#[tokio::test]
async fn refuse_what_is_not_there_without_auto_create() {
    let server = Server::with_args(&["--no-auto-create"]);
    let client = server.client();
    let calls = [
        ("POST", "/v1/queues/unknown/jobs"),
        ("POST", "/v1/queues/unknown/get"),
        ("GET", "/v1/queues/unknown/join"),
        ("GET", "/v1/queues/unknown"),
        ("DELETE", "/v1/queues/unknown"),
        ("POST", "/v1/queues/unknown/shutdown"),
        ("GET", "/v1/events/unknown"),
    ];
    for (method, path) in calls {
        client.ask(method, path).await.refused(404, "not_found");
    }
    let list = client.get("/v1/queues").await.expect(200).json();
    assert_eq!(list["items"], serde_json::json!([]));
    client.delete("/v1/events/unknown").await.expect(204);
}

/// A head that is too large is refused, whatever is asked; far too large, without a body.
#[tokio::test]
async fn refuse_a_head_that_is_too_large() {
    let server = Server::start();
    for (fillers, body) in [(100, true), (1_000, false)] {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        let headers = "X-Filler: 0\r\n".repeat(fillers);
        let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        raw.send(head.as_bytes()).await.expect("the server reads it all");
        let answer = raw.hear().await.expect("the server answers");
        record("GET", "/healthz", answer.status);
        assert_eq!((answer.status, !answer.body.is_empty()), (431, body), "{fillers} headers");
    }
}

/// Of two open requests with one key the newer has the place; the older is told so, whatever it
/// waits for.
#[tokio::test]
async fn supersede_an_older_request_with_their_key() {
    let server = Server::start();
    let stage = Stage::set(&server).await;
    let client = &stage.client;
    client.put("/v1/queues/full", r#"{"maxsize": 1}"#).await.expect(201);
    client.post("/v1/queues/full/jobs", "job").await.expect(201);
    let waits = [
        ("queue", "full", "put", "/v1/queues/full/jobs"),
        ("queue", "q", "get", "/v1/queues/q/get"),
        ("lock", "l", "acquire", "/v1/locks/l/acquire"),
        ("semaphore", "s", "acquire", "/v1/semaphores/s/acquire"),
        ("barrier", "b", "wait", "/v1/barriers/b/wait"),
    ];
    for (kind, name, op, path) in waits {
        let ask = || client.post(&format!("{path}?wait=40s"), "").key("key");
        let older = ask().spawn();
        server.until_waiting(kind, name, op, 1).await;
        let newer = ask().spawn();
        older.await.expect("the wait was answered").refused(409, "superseded");
        server.until_waiting(kind, name, op, 1).await;
        newer.abort();
    }
}

/// A lease is kept in the same way, whatever it holds.
#[tokio::test]
async fn keep_a_lease_of_any_kind() {
    let server = Server::start();
    let stage = Stage::set(&server).await;
    for lease in [&stage.job, &stage.lock, &stage.permit] {
        let kept = stage.client.patch(&format!("{lease}?lease=2h")).await.expect(200);
        assert!(kept.seconds("awaitd-expires-in") > 3_600.0, "{}", kept.shown());
        let held = stage.client.get(lease).await.expect(200);
        assert_eq!(held.number("awaitd-fence"), kept.number("awaitd-fence"));
    }
}

/// What was done under a key cannot be taken back, whatever it was.
#[tokio::test]
async fn tell_what_a_key_was_granted() {
    let server = Server::start();
    let stage = Stage::set(&server).await;
    for (thing, has_a_place) in THINGS.into_iter().zip([true, false, true, false, false]) {
        let told = stage.client.delete(&format!("/v1/{thing}/waiters/used")).await.expect(200);
        assert_eq!(told.json()["outcome"], "granted", "{thing}");
        assert_eq!(told.find("location").is_some(), has_a_place, "{thing}: {}", told.shown());
    }
}

/// A backup is of what is on a disk: of what is in memory alone there is none.
#[tokio::test]
async fn hand_out_a_backup_of_what_is_on_a_disk() {
    let server = Server::start();
    let backup = server.client().get("/v1/backup").await.expect(200);
    assert_eq!(backup.header("content-type"), "application/octet-stream");
    assert!(backup.body.starts_with(b"awaitd backup\n"), "{}", backup.shown());
    let server = Server::with_args(&["--memory"]);
    let heard = server.client().get("/v1/backup").await.refused(404, "not_found");
    assert!(heard.text().contains("in memory"), "{}", heard.shown());
}

/// A server that is going says so to whoever asks whether it serves, though it finishes their request.
#[tokio::test]
async fn are_not_ready_while_the_server_is_going() {
    let server = Server::start();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let head = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    raw.send(head).await.expect("the server reads");
    // From here on the request is in flight.
    raw.hear().await.expect("the server wants the body").expect(100);
    let waits = server.client().post("/v1/queues/q/get?wait=40s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    server.signal("TERM");
    waits.await.expect("the wait was answered").refused(503, "shutting_down");
    raw.send(b" ").await.expect("the server reads");
    raw.answer("GET", "/readyz").await.refused(503, "shutting_down");
}
