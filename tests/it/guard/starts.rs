//! Where a server listens without anybody having to say who they are.

use awaitd_tests::{Raw, Server};

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
