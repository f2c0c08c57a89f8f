//! `check`: what monitoring systems are told.

use std::process::Stdio;

use awaitd_tests::{Ran, Server, binary};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::{awaitd, ended};

/// Codes of monitoring plugins.
const OK: i32 = 0;
const WARNING: i32 = 1;
const CRITICAL: i32 = 2;
const UNKNOWN: i32 = 3;

/// A plugin says one line; the words before the `|` are for people.
#[track_caller]
fn words(ran: &Ran, exit: i32) -> &str {
    assert_eq!((ran.exit, ran.out.lines().count(), &*ran.complaints), (exit, 1, ""), "{ran:?}");
    let status = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(exit).expect("0 to 3")];
    let words = ran.out.trim_end().split(" |").next().expect("a split has a first part");
    words.strip_prefix(&format!("AWAITD {status} - ")).unwrap_or_else(|| panic!("{ran:?}"))
}

/// The numbers behind the `|`: each label with what stands behind its `=`.
#[track_caller]
fn data(ran: &Ran) -> Vec<(String, String)> {
    let data = ran.out.trim_end().split_once(" | ").unwrap_or_else(|| panic!("no data: {ran:?}")).1;
    let data = data.strip_prefix('\'').expect("a label is quoted");
    let pair = |datum: &str| {
        let (label, value) = datum.split_once("'=").expect("a label and a value");
        (label.to_owned(), value.to_owned())
    };
    data.split(" '").map(pair).collect()
}

/// A server that is there is fine, and how long it took to say so is known.
#[tokio::test]
async fn a_server_is_fine_until_it_is_away() {
    let mut server = Server::start();
    let fine = awaitd(&server, &["check"]).await;
    assert_eq!(words(&fine, OK), format!("{} is ready", server.base()));
    let [(label, value)] = &data(&fine)[..] else { panic!("{fine:?}") };
    assert!(label == "time" && value.ends_with("s;;;0"), "{fine:?}");
    server.signal("TERM");
    server.exit_code().await;
    let away = awaitd(&server, &["check"]).await;
    assert!(words(&away, CRITICAL).contains(&server.base()), "{away:?}");
}

/// A server that hangs is as bad as none, and holds nobody up.
#[tokio::test]
async fn a_server_that_says_nothing_is_critical() {
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("there are ports");
    let url = format!("http://{}", mute.local_addr().expect("it is bound"));
    let mut command = Command::new(binary());
    command.args(["check", "--timeout", "200ms", "--url", &url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let hung = ended(command.spawn().expect("the binary runs")).await;
    assert_eq!(words(&hung, CRITICAL), format!("no answer from {url} within 0.2s"));
}

/// A server that takes in nothing new is no good, whoever may still get from it.
#[tokio::test]
async fn a_server_without_room_is_critical() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there are ports");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answers = tokio::spawn(async move {
        let (mut asked, _) = listener.accept().await.expect("it is asked");
        assert!(asked.read(&mut [0; 1_024]).await.expect("a request") > 0);
        let body = r#"{"code": "disk_full", "title": "The disk is full", "detail": "no room"}"#;
        let head = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n";
        asked.write_all(format!("{head}{body}").as_bytes()).await.expect("it reads");
    });
    let mut command = Command::new(binary());
    command.args(["check", "--url", &url]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let full = ended(command.spawn().expect("the binary runs")).await;
    assert_eq!(words(&full, CRITICAL), "no room (disk_full)");
    answers.await.expect("it was asked");
}

/// What is above the first threshold is a warning, and what is above the second is critical; what is at
/// it is fine.
#[tokio::test]
async fn queues_are_held_against_thresholds() {
    let server = Server::start();
    let client = server.client();
    for _ in 0..3 {
        client.post("/v1/queues/mails/jobs", "x").await.expect(201);
    }
    client.put("/v1/queues/once", r#"{"max_attempts": 1}"#).await.expect(201);
    client.post("/v1/queues/once/jobs", "x").await.expect(201);
    let lease = client.post("/v1/queues/once/get", "").await.expect(200).location();
    client.post(&format!("{lease}/nack"), "").await.expect(204);
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--max-ready", "3"], OK, "mails: 3 ready,"),
        (&["--max-ready", "2"], WARNING, "mails: 3 ready (more than 2),"),
        (&["--max-ready", "2,3"], WARNING, "mails: 3 ready (more than 2),"),
        (&["--max-ready", "1,2"], CRITICAL, "mails: 3 ready (more than 2),"),
        (&["--max-age", "1h"], OK, "mails: 3 ready, the oldest for "),
        (&["--max-age", "0s,0s"], CRITICAL, " (more than 0ms), 0 dead"),
        (
            &["-q", "once", "--max-dead", "0"],
            WARNING,
            "; once: 0 ready, the oldest for 0ms, 1 dead (more than 0)",
        ),
        (
            &["-q", "none", "--max-ready", "0", "--max-dead", "9"],
            WARNING,
            "; none: 0 ready, the oldest for 0ms, 0 dead (it is not there)",
        ),
    ];
    for (args, exit, said) in cases {
        let ran = awaitd(&server, &[&["check", "-q", "mails"], args].concat()).await;
        let words = words(&ran, exit);
        assert!(words.contains(said), "{said:?} of {args:?}: {words}");
    }
    let args = ["check", "-q", "mails", "--max-ready", "1,5", "--max-age", "5m,15m"];
    let shown = data(&awaitd(&server, &args).await);
    let labels: Vec<_> = shown.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["time", "mails ready", "mails age", "mails dead"]);
    assert_eq!((&*shown[1].1, &*shown[3].1), ("3;1;5;0", "0;;;0"));
    let age = shown[2].1.strip_suffix("s;300;900;0").expect("seconds and thresholds");
    assert!(age.parse::<f64>().is_ok_and(|age| age > 0.0), "{shown:?}");
}

/// 2 would say that the server is down: what is said wrongly is 3, and not on stdout.
#[tokio::test]
async fn what_is_said_wrongly_is_unknown() {
    let server = Server::start();
    for args in [
        &["--max-ready", "5"][..],
        &["-q", "q", "--max-ready", "5,4"],
        &["-q", "q", "--max-age", "soon"],
        &["--critical"],
    ] {
        let ran = awaitd(&server, &[&["check"], args].concat()).await;
        assert_eq!((ran.exit, &*ran.out), (UNKNOWN, ""), "{args:?}: {ran:?}");
        assert!(ran.complaints.contains("error: "), "{ran:?}");
    }
    for args in [&["--url", "ftp://x"][..], &["-q", "-no-name"]] {
        let ran = awaitd(&server, &[&["check"], args].concat()).await;
        assert_eq!(ran.exit, UNKNOWN, "{args:?}: {ran:?}");
    }
    let help = awaitd(&server, &["check", "--help"]).await.well();
    assert!(help.out.contains("3    UNKNOWN") && !help.out.contains("75 "), "{}", help.out);
}
