//! The process: how it starts, how it refuses to, and how it ends.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Instant;

use awaitd_tests::{Client, Folder, Raw, Server, binary, until};

/// A thousand requests that wait, of every kind; each on a connection of its own.
async fn thousand_waits(server: &Server) -> Vec<(&'static str, &'static str, Raw)> {
    let client = server.client();
    client.put("/v1/queues/full", r#"{"maxsize": 1}"#).await.expect(201);
    client.post("/v1/queues/full/jobs", "x").await.expect(201);
    let lease = client.post("/v1/locks/held/acquire?lease=1h", "").await.expect(201).location();
    // The path lives as long as the test; it is one.
    let watch: &'static str = Box::leak(format!("{lease}?wait=40s").into_boxed_str());
    let kinds = [
        ("POST", "/v1/queues/empty/get?wait=40s", 400),
        ("POST", "/v1/queues/full/jobs?wait=40s", 150),
        ("GET", "/v1/queues/full/join?wait=40s", 100),
        ("GET", "/v1/events/unset?wait=40s", 150),
        ("POST", "/v1/locks/held/acquire?wait=40s", 150),
        ("GET", watch, 50),
    ];
    let mut waits = Vec::new();
    for (method, path, count) in kinds {
        for _ in 0..count {
            let mut raw = Raw::connect(server.at()).await.expect("there is room for a thousand");
            raw.ask(method, path, "").await.expect("the server reads");
            waits.push((method, path, raw));
        }
    }
    server.until_waiting("queue", "empty", "get", 400).await;
    server.until_waiting("queue", "full", "put", 150).await;
    server.until_waiting("queue", "full", "join", 100).await;
    server.until_waiting("event", "unset", "wait", 150).await;
    server.until_waiting("lock", "held", "acquire", 150).await;
    waits
}

async fn ends_well(signal: &str) {
    let mut server = Server::start();
    let waits = thousand_waits(&server).await;
    // A request whose body is still on its way is in flight, and is finished.
    let mut in_flight = Raw::connect(server.at()).await.expect("the server listens");
    let head = "POST /v1/queues/late/jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n";
    let head = format!("{head}Content-Length: 5\r\n\r\n");
    in_flight.send(head.as_bytes()).await.expect("the server reads");
    in_flight.hear().await.expect("the server answers").expect(100);

    let start = Instant::now();
    server.signal(signal);
    for (method, path, mut raw) in waits {
        raw.answer(method, path).await.refused(503, "shutting_down");
    }
    in_flight.send(b"hello").await.expect("the server still reads");
    in_flight.answer("POST", "/v1/queues/late/jobs").await.expect(201);
    assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
    println!("a thousand waits and the process ended {:?} after SIG{signal}", start.elapsed());
}

#[tokio::test]
async fn sigterm_answers_a_thousand_waits_and_finishes_what_is_in_flight() {
    ends_well("TERM").await;
}

#[tokio::test]
async fn sigint_answers_a_thousand_waits_and_finishes_what_is_in_flight() {
    ends_well("INT").await;
}

#[tokio::test]
async fn idle_connections_do_not_keep_the_server_alive() {
    let mut server = Server::start();
    let mut idle = Raw::connect(server.at()).await.expect("the server listens");
    idle.ask("GET", "/healthz", "").await.expect("the server reads");
    idle.answer("GET", "/healthz").await.expect(200);
    let _silent = Raw::connect(server.at()).await.expect("the server listens");
    server.signal("TERM");
    assert_eq!(server.exit_code().await, Some(0), "{}", server.log());
    idle.ended().await;
}

#[tokio::test]
async fn the_start_up_line_says_where() {
    let server = Server::start();
    let log = server.log();
    assert!(log.contains(&server.at().to_string()), "where: {log}");
    assert!(log.contains("curl "), "a line to try: {log}");
}

#[tokio::test]
async fn every_flag_can_be_a_variable() {
    let folder = Folder::new();
    let [first, second] = ["first", "second"].map(|name| folder.inside(name));
    let mut variables = vec![("AWAITD_LISTEN", "127.0.0.1:0"), ("AWAITD_MAX_BODY", "3")];
    variables.push(("AWAITD_DATA_DIR", &first));
    let server = Server::run(&["serve"], &variables).expect("the variables are good");
    let client = server.client();
    client.post("/v1/queues/q/jobs", "abc").await.expect(201);
    client.post("/v1/queues/q/jobs", "abcd").await.refused(413, "too_large");
    // A flag wins; and `serve` is what awaitd does if nothing is said.
    let both = ["--listen", "127.0.0.1:0", "--max-body", "4", "--data-dir", &second];
    let server = Server::run(&both, &variables).expect("flags and variables are good");
    server.client().post("/v1/queues/q/jobs", "abcd").await.expect(201);
}

#[tokio::test]
async fn where_things_are_kept_is_said() {
    let folder = Folder::new();
    let data = folder.inside("data");
    let at_random = ["serve", "--listen", "127.0.0.1:0"];
    for (args, said) in [(&["--memory"][..], "memory"), (&["--data-dir", &data], data.as_str())] {
        let server = Server::run(&[&at_random, args].concat(), &[]).expect("the flags are good");
        // It may be said after the address, which is what this test waited for.
        until(&format!("{said} is said"), async || server.log().contains(said)).await;
        server.client().get("/readyz").await.expect(200);
        assert_eq!(folder.path().join("data").exists(), said == data);
    }
}

/// That there will be fewer connections is said to who asked for more, and to nobody else.
#[tokio::test]
async fn fewer_connections_than_asked_for_are_said() {
    let all = "10000000";
    for (args, said) in [(&[][..], false), (&["--max-connections", all], true)] {
        let args = [&["serve", "--memory", "--listen", "127.0.0.1:0"], args].concat();
        // Fewer than the default, and than what is asked for.
        let few = ["sh", "-c", r#"ulimit -n 400; exec "$0" "$@""#];
        let server = Server::under(&few, &args, &[]).expect("the flags are good");
        assert_eq!(server.log().contains("300 connections"), said, "{}", server.log());
    }
}

#[test]
fn a_port_in_use_is_said_clearly() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let at = taken.local_addr().expect("it is bound").to_string();
    let failed = Server::run(&["serve", "--listen", &at], &[]).expect_err("the port is taken");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.log.contains(&at) && failed.log.contains("in use"), "{failed:?}");
    assert!(!failed.log.contains("panicked"), "{failed:?}");
}

#[test]
fn an_address_that_is_none_is_said_clearly() {
    for address in ["nowhere", "127.0.0.1", "127.0.0.1:70000", "192.0.2.1:0"] {
        let failed = Server::run(&["serve", "--listen", address], &[]).expect_err("it is none");
        assert_eq!(failed.code, Some(1), "{failed:?}");
        assert!(failed.log.contains(address), "{failed:?}");
    }
}

#[test]
fn bad_flags_are_said_clearly() {
    let bad: [&[&str]; 5] = [
        &["serve", "--no-such-flag"],
        &["serve", "--max-wait", "soon"],
        &["serve", "--max-body", "plenty"],
        &["serve", "--max-body", "1GiB"],
        &["no-such-command"],
    ];
    for args in bad {
        let failed = Server::run(args, &[]).expect_err("these are bad");
        assert_eq!(failed.code, Some(2), "{args:?}: {failed:?}");
        let named = args.iter().any(|arg| arg.len() > 5 && failed.log.contains(arg));
        assert!(named, "{args:?}: {failed:?}");
    }
    let failed = Server::run(&["serve"], &[("AWAITD_MAX_WAIT", "soon")]).expect_err("it is bad");
    assert_eq!(failed.code, Some(2), "{failed:?}");
}

#[tokio::test]
async fn healthz_and_readyz_answer() {
    let server = Server::start();
    let client = server.client();
    client.get("/healthz").await.expect(200);
    client.get("/readyz").await.expect(200);
    let contract = client.get("/v1/openapi.json").await.expect(200).json();
    assert!(contract["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    assert!(contract["paths"]["/v1/queues/{q}"].is_object() || contract["paths"].is_object());
}

/// Whoever read the log may be gone; the server ends well all the same.
#[tokio::test]
async fn a_log_that_nobody_reads_keeps_nobody_from_ending_it() {
    let free = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let at = free.local_addr().expect("it has an address");
    drop(free);
    let mut command = Command::new(binary());
    command.args(["serve", "--memory", "--listen", &at.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stderr.take());
    until("the server listens", async || Raw::connect(at).await.is_ok()).await;
    // It can be connected to before it hears signals, but is not answered.
    Client::new(&format!("http://{at}")).get("/healthz").await.expect(200);
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let mut ended = None;
    until("the server has ended", async || {
        ended = child.try_wait().expect("it is ours");
        ended.is_some()
    })
    .await;
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}
