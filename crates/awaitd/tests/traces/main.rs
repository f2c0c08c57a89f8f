//! What a collector is told of requests, by a binary with the feature `otlp`.

mod collector;

use std::net::TcpListener;
use std::process::Command;

use awaitd_tests::{Client, Folder, Server};

use collector::Collector;

const BINARY: &str = env!("CARGO_BIN_EXE_awaitd");
const MEMORY: [&str; 4] = ["serve", "--memory", "--listen", "127.0.0.1:0"];
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Two places in two traces, as a producer and a worker say where they are.
const PRODUCER: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
const WORKER: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

fn serve(args: &[&str], variables: &[(&str, &str)]) -> Server {
    let server = Server::of(BINARY, &[&MEMORY[..], args].concat(), variables);
    server.unwrap_or_else(|failed| panic!("no server: {failed:?}"))
}

fn sampled(place: &str) -> String {
    format!("00-{place}-01")
}

/// Ends it, so that all is sent.
async fn end(server: &mut Server) {
    server.signal("TERM");
    assert_eq!(server.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_job_is_followed_from_its_producer_to_its_worker() {
    let collector = Collector::start();
    let mut server = serve(&[], &[(ENDPOINT, &collector.endpoint)]);
    let client = server.client();
    let put = || client.post("/v1/queues/emails/jobs", "x");
    put()
        .header("traceparent", &sampled(PRODUCER))
        .header("x-request-id", "mine")
        .await
        .expect(201);
    put().await.expect(201);
    put().header("traceparent", &sampled(WORKER)).await.expect(201);
    let get = |query: &str| client.post(&format!("/v1/queues/emails/get?{query}"), "");
    get("ack=true").header("traceparent", &sampled(WORKER)).await.expect(200);
    get("ack=true&max=9").await.expect(200);
    end(&mut server).await;

    let puts = collector.spans("POST /v1/queues/{queue}/jobs");
    assert_eq!((puts.len(), puts[0].parent(), puts[0].kind), (3, PRODUCER.to_owned(), 2));
    let attributes = [
        "http.request.method=POST",
        "http.response.header.x-request-id=mine",
        "http.response.status_code=201",
        "http.route=/v1/queues/{queue}/jobs",
        "network.protocol.version=1.1",
        "url.path=/v1/queues/emails/jobs",
    ];
    assert_eq!(puts[0].attributes(), attributes);
    assert!(puts[1].parent().ends_with('-'), "it begins a trace: {}", puts[1].parent());

    let gets = collector.spans("POST /v1/queues/{queue}/get");
    let link =
        |place: &str, job: u64| (place.to_owned(), vec![format!("messaging.message.id={job}")]);
    assert_eq!((gets.len(), gets[0].parent()), (2, WORKER.to_owned()));
    assert_eq!(gets[0].links(), [link(PRODUCER, 1)]);
    assert_eq!(gets[1].links(), [link(WORKER, 3)], "the second job has none");
    let sent = collector.resources();
    for name in ["service.name=awaitd", concat!("service.version=", env!("CARGO_PKG_VERSION"))] {
        assert!(sent.iter().all(|sent| sent.by().contains(&name.to_owned())), "{name}");
    }
}

#[tokio::test]
async fn a_span_tells_how_a_request_ended() {
    let collector = Collector::start();
    let variables = [(ENDPOINT, &*collector.endpoint), ("OTEL_SERVICE_NAME", "queues-of-the-shop")];
    let mut server = serve(&[], &variables);
    let client = server.client();
    client.get("/v1/locks/none").await.expect(404);
    client.get("/nowhere/secret").await.expect(404);
    let gone = client.post("/v1/queues/q/get?wait=1h", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    gone.abort();
    server.until_waiting("queue", "q", "get", 0).await;
    let told = client.post("/v1/queues/q/get?wait=1h", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    end(&mut server).await;
    told.await.expect("no panic").expect(503);

    let refused = collector.spans("GET /v1/locks/{lock}");
    assert_eq!((refused.len(), refused[0].status()), (1, 0), "the caller's mistake");
    let nowhere = collector.spans("GET");
    assert!(nowhere[0].attributes().contains(&"http.response.status_code=404".to_owned()));
    assert!(!nowhere[0].attributes().iter().any(|one| one.contains("secret")));
    let gets = collector.spans("POST /v1/queues/{queue}/get");
    assert_eq!(gets.len(), 2);
    let attributes = gets[0].attributes();
    let answered = attributes.iter().any(|one| one.starts_with("http.response."));
    assert!(!answered, "its caller has gone: {attributes:?}");
    let attributes = gets[1].attributes();
    assert_eq!(gets[1].status(), 2, "our own fault");
    assert!(attributes.contains(&"error.type=503".to_owned()), "{attributes:?}");
    let name = "service.name=queues-of-the-shop".to_owned();
    assert!(collector.resources().iter().all(|sent| sent.by().contains(&name)));
}

/// Whoever began a trace says whether it is kept; of those that begin here, the operator does.
#[tokio::test]
async fn who_began_it_says_whether_a_trace_is_kept() {
    let collector = Collector::start();
    let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let mut server = serve(&[], &[(ENDPOINT, &collector.endpoint), sampler]);
    let put = |queue: &str| server.client().post(&format!("/v1/queues/{queue}/jobs"), "x");
    put("kept").header("traceparent", &sampled(PRODUCER)).await.expect(201);
    put("passed").header("traceparent", &format!("00-{PRODUCER}-00")).await.expect(201);
    put("begun").await.expect(201);
    put("garbled").header("traceparent", "00-nonsense-01").await.expect(201);
    let doubled = put("doubled").header("traceparent", &sampled(PRODUCER));
    doubled.header("traceparent", &sampled(WORKER)).await.expect(201);
    end(&mut server).await;
    let puts = collector.spans("POST /v1/queues/{queue}/jobs");
    let path = "url.path=/v1/queues/kept/jobs".to_owned();
    assert!(puts.len() == 1 && puts[0].attributes().contains(&path), "{puts:?}");
}

/// Traces go to others than those who may do what tokens, keys and leases allow.
#[tokio::test]
async fn no_secret_is_in_a_trace() {
    let folder = Folder::new();
    let tokens = folder.inside("tokens");
    let mut create = Command::new(BINARY);
    create.args(["token", "create", "--name", "all", "--allow", "*:*:*", "--tokens", &tokens]);
    let created = create.output().expect("it runs");
    let token = String::from_utf8_lossy(&created.stdout).trim().to_owned();
    assert!(token.starts_with("awd_"), "{created:?}");
    let collector = Collector::start();
    let mut server = serve(&["--tokens", &tokens], &[(ENDPOINT, &collector.endpoint)]);
    let client = server.client();
    let bearer = format!("Bearer {token}");
    let ask = |method: &str, path: &str| {
        client.ask(method, path).header("authorization", &bearer).body("planted-body")
    };
    ask("POST", "/v1/queues/q/jobs")
        .header("job-a", "planted-header")
        .key("planted-key")
        .await
        .expect(201);
    let withdrawn = ask("DELETE", "/v1/queues/q/waiters/planted-key").await;
    let got = client.post("/v1/queues/q/get", "").header("authorization", &bearer).await;
    let lease = got.expect(200).header("location").to_owned();
    ask("PUT", &format!("{lease}/progress")).await.expect(204);
    client.post(&format!("{lease}/done"), "").header("authorization", &bearer).await.expect(204);
    ask("POST", "/v1/locks/l/acquire?owner=planted-owner").body("").await.expect(201);
    client
        .get("/v1/queues?planted-query")
        .header("authorization", "Bearer awd_planted")
        .await
        .expect(401);
    end(&mut server).await;

    let all = collector.bodies().concat();
    let has = |text: &str| all.windows(text.len()).any(|piece| piece == text.as_bytes());
    assert!(has("/v1/queues/q/leases/{token}/done") && has("/v1/queues/q/waiters/{key}"));
    let lease = lease.rsplit('/').next().expect("a path has a last segment");
    let digits = token.trim_start_matches("awd_");
    for secret in ["planted", "awd_", digits, lease] {
        assert!(!has(secret), "{secret} was sent; {withdrawn:?}");
    }
}

async fn answers(client: &Client, times: usize) {
    for _ in 0..times {
        client.get("/v1/queues").await.expect(200);
    }
}

/// Nobody waits for a collector that takes connections and never answers: neither requests, of which there
/// are more than the queue of spans holds, nor the end, though a batch may be under way for an hour.
#[tokio::test]
async fn a_collector_that_hangs_holds_nothing_up() {
    let hangs = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let endpoint = format!("http://{}", hangs.local_addr().expect("it is bound"));
    let mut server = serve(
        &[],
        &[
            (ENDPOINT, &endpoint),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
        ],
    );
    answers(&server.client(), 100).await;
    end(&mut server).await;
    let log = server.log();
    assert!(log.contains("the last traces did not reach their collector"), "{log}");
}

/// A collector that is not there is told of once, not with each batch.
#[tokio::test]
async fn a_collector_that_is_not_there_is_a_line_in_the_log() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let endpoint = format!("http://{}", gone.local_addr().expect("it is bound"));
    drop(gone);
    let variables = [
        (ENDPOINT, &*endpoint),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ];
    let mut server = serve(&[], &variables);
    let begun = server.log();
    answers(&server.client(), 50).await;
    let told = async || server.log().contains("traces do not reach their collector");
    awaitd_tests::until("it is told", told).await;
    answers(&server.client(), 50).await;
    end(&mut server).await;
    let log = server.log();
    let said = log.strip_prefix(&begun).expect("a log only grows");
    assert!(said.lines().count() <= 4, "that, and that it ends: {said}");
}

/// What the environment says to all programs is no reason for this one not to serve.
#[tokio::test]
async fn without_a_collector_nothing_is_traced() {
    let endpoint = (ENDPOINT, "http://127.0.0.1:4318");
    for (variables, told) in [
        (vec![], None),
        (vec![endpoint, ("OTEL_SDK_DISABLED", "true")], None),
        (vec![endpoint, ("OTEL_TRACES_EXPORTER", "none")], None),
        (vec![(ENDPOINT, "")], None),
        (vec![(ENDPOINT, "no address")], Some("nothing is traced: ")),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], Some("http/protobuf is spoken")),
    ] {
        let server = serve(&[], &variables);
        answers(&server.client(), 1).await;
        let log = server.log();
        assert!(!log.contains("requests are traced"), "{variables:?}: {log}");
        assert_eq!(log.contains("traced"), told.is_some(), "{variables:?}: {log}");
        assert!(told.is_none_or(|told| log.contains(told)), "{variables:?}: {log}");
    }
}
