//! Bodies that are not the JSON asked for, and bodies that never end.

use awaitd_tests::{HangUp, Raw, until};

use super::Furnished;

#[tokio::test]
async fn what_is_not_the_json_asked_for_is_refused() {
    let furnished = Furnished::new().await;
    let deep = "[".repeat(100_000);
    let deep_field = format!(r#"{{"maxsize": {}"#, "[".repeat(10_000));
    let texts = [
        "{",
        "}",
        "[]",
        "null",
        "3",
        "\"maxsize\"",
        "true",
        "{}{}",
        "{} x",
        "{'maxsize': 3}",
        "{maxsize: 3}",
        r#"{"maxsize": 3,}"#,
        r#"{"maxsize" 3}"#,
        "maxsize=3",
        "\u{feff}",
        "\0",
        "{\"maxsize\": 3\0}",
        "NaN",
        "// {}",
        &deep,
        &deep_field,
        r#"{"maxsize": 03}"#,
    ];
    for text in texts {
        let heard = furnished.client.put("/v1/queues/q", text).await.expect(400);
        // What would be right is shown, whatever was wrong.
        let detail = heard.json()["detail"].to_string();
        assert!(detail.contains("maxsize"), "{text:.40}: {detail}");
    }
    for bytes in [&b"\xff\xfe{\x00}\x00"[..], b"{\"maxsize\xff\": 3}", b"\x80"] {
        furnished.client.put("/v1/queues/q", bytes).await.expect(400);
    }
    furnished.is_as_before().await;
}

#[tokio::test]
async fn bad_fields_are_refused_by_their_name() {
    let furnished = Furnished::new().await;
    let fields = [
        (r#"{"maxsize": 3, "maxsize": 4}"#, "maxsize"),
        (r#"{"maxsize": "3"}"#, "maxsize"),
        (r#"{"maxsize": null}"#, "maxsize"),
        (r#"{"maxsize": -1}"#, "maxsize"),
        (r#"{"maxsize": 1.5}"#, "maxsize"),
        (r#"{"maxsize": true}"#, "maxsize"),
        (r#"{"maxsize": [3]}"#, "maxsize"),
        (r#"{"maxsize": 99999999999999999999999}"#, "maxsize"),
        (r#"{"lease": "soon"}"#, "lease"),
        (r#"{"lease": 0}"#, "lease"),
        (r#"{"lease": 0.05}"#, "lease"),
        (r#"{"lease": "25h"}"#, "lease"),
        (r#"{"lease": 1e300}"#, "lease"),
        (r#"{"lease": -5}"#, "lease"),
        (r#"{"lease": true}"#, "lease"),
        (r#"{"lease": {}}"#, "lease"),
        (r#"{"lease": "5s", "lease": "5s"}"#, "lease"),
        (r#"{"order": "random"}"#, "order"),
        (r#"{"order": "FIFO"}"#, "order"),
        (r#"{"order": 1}"#, "order"),
        (r#"{"name": "other"}"#, "name"),
        (r#"{"nonsense": 1}"#, "nonsense"),
        (r#"{"Maxsize": 1}"#, "Maxsize"),
        (r#"{"max_attempts": 0}"#, "max_attempts"),
        (r#"{"backoff": {"min": "1h", "max": "1m"}}"#, "backoff.min"),
        (r#"{"backoff": {"jitter": 2}}"#, "backoff.jitter"),
        (r#"{"backoff": {"base": 2}}"#, "backoff.base"),
        (r#"{"backoff": {"min": 1, "min": 1}}"#, "min"),
        (r#"{"dead_letter": "a/b"}"#, "dead_letter"),
        (r#"{"ttl": 0}"#, "ttl"),
        (r#"{"full": "drop"}"#, "full"),
        (r#"{"max_bytes": 0}"#, "max_bytes"),
        (r#"{"max_leased": 100001}"#, "max_leased"),
        (r#"{"max_dead": 0}"#, "max_dead"),
        (r#"{"rate": 3}"#, "rate"),
        (r#"{"rate": {"burst": 3}}"#, "rate.per_second"),
        (r#"{"concurrency": 0}"#, "concurrency"),
        (r#"{"key_concurrency": 1.5}"#, "key_concurrency"),
        (r#"{"fair": 1}"#, "fair"),
        (r#"{"retain": "8d"}"#, "retain"),
        (r#"{"paused": true}"#, "paused"),
        (r#"{"": 1}"#, ""),
    ];
    for (text, field) in fields {
        let heard = furnished.client.put("/v1/queues/q", text).await;
        let heard = heard.refused(400, "invalid_parameter");
        let detail = heard.json()["detail"].to_string();
        assert!(detail.contains(field), "{text}: {detail}");
    }
    furnished.is_as_before().await;
}

/// A body that breaks off was never sent: nothing is put, set or configured.
#[tokio::test]
async fn truncated_bodies_change_nothing() {
    let furnished = Furnished::new().await;
    let calls = [
        ("POST", "/v1/queues/q/jobs"),
        ("POST", "/v1/queues/new/jobs"),
        ("PUT", "/v1/queues/q"),
        ("PUT", "/v1/queues/new"),
        ("PUT", "/v1/events/e"),
    ];
    let bodies = ["Content-Length: 10\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n5\r\n{}"];
    for (method, path) in calls {
        for body in bodies {
            for how in [HangUp::Fin, HangUp::Rst, HangUp::Half] {
                let at = furnished.server.at();
                let mut raw = Raw::connect(at).await.expect("the server listens");
                let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{body}");
                raw.send(head.as_bytes()).await.expect("the server reads");
                if let Some(heard) = raw.hang_up(how).await {
                    assert!((400..500).contains(&heard.status), "{}", heard.shown());
                }
            }
        }
    }
    furnished.is_as_before().await;
}

/// A client that sends its body drop by drop or not at all stops nobody else.
#[tokio::test]
async fn slow_bodies_stop_nobody() {
    let furnished = Furnished::new().await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut raw = Raw::connect(furnished.server.at()).await.expect("the server listens");
        let head =
            "POST /v1/queues/slow/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576";
        raw.send(format!("{head}\r\n\r\nx").as_bytes()).await.expect("the server reads");
        slow.push(raw);
    }
    let served = async || furnished.client.get("/v1/queues/q").await.status == 200;
    until("others are served", served).await;
    drop(slow);
    furnished.is_as_before().await;
}
