//! Where a server listens without anybody having to say who they are.

use awaitd_tests::{Raw, Server};

use super::tokens::Tokens;

/// Beyond loopback only if that is what the operator says.
#[tokio::test]
async fn beyond_loopback_nobody_is_let_in_by_accident() {
    for (listen, beyond) in [("127.0.0.1:0", false), ("localhost:0", false), ("0.0.0.0:0", true)] {
        let args = ["serve", "--memory", "--listen", listen];
        let said = [&args[..], &["--allow-anonymous"]].concat();
        let variable = ("AWAITD_ALLOW_ANONYMOUS", "1");
        let refused = Server::run(&args, &[("AWAITD_ALLOW_ANONYMOUS", "0")]);
        for started in [Server::run(&args, &[]), refused] {
            match started {
                Ok(server) => {
                    assert!(!beyond, "{listen}");
                    assert!(!server.log().contains("may do everything"), "{}", server.log());
                }
                Err(failed) => {
                    assert!(beyond, "{listen}: {failed:?}");
                    assert_eq!(failed.code, Some(1), "{failed:?}");
                    assert_eq!(failed.log.lines().count(), 1, "{failed:?}");
                    assert!(failed.log.contains("--allow-anonymous"), "{failed:?}");
                }
            }
        }
        for (args, variables) in [(&said[..], &[][..]), (&args, &[variable])] {
            let server = Server::run(args, variables).expect("it was allowed");
            assert_eq!(server.log().contains("may do everything"), beyond, "{}", server.log());
            // What may be asked by anybody may not be asked by any page.
            let mut raw = Raw::connect(server.at()).await.expect("the server listens");
            let head = "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n";
            raw.send(head.as_bytes()).await.expect("the server reads");
            raw.answer("GET", "/healthz").await.refused(421, "misdirected");
        }
    }
}

/// Whoever can connect there and shows a token may do what that allows, and nobody else anything.
#[tokio::test]
async fn beyond_loopback_tokens_are_asked_for() {
    let tokens = Tokens::new();
    let args = ["serve", "--memory", "--listen", "0.0.0.0:0", "--tokens", tokens.path()];
    let failed = Server::run(&args, &[]).expect_err("no tokens are there");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.log.contains("awaitd token create"), "{failed:?}");
    let token = tokens.add("worker", &["queue:q:put"]);
    let server = Server::run(&args, &[]).expect("a token is there");
    assert!(!server.log().contains("may do everything"), "{}", server.log());
    let client = server.client();
    client.post("/v1/queues/q/jobs", "job").await.refused(401, "unauthorized");
    let shown = client.post("/v1/queues/q/jobs", "job").header("authorization", &token);
    shown.await.expect(201);
}
