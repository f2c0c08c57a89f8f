//! `event set`, `event clear`, `event wait`.

use awaitd_tests::Server;
use serde_json::json;

use super::{NOT_YET, awaitd, awaitd_with, command, ended, json};

/// All who wait are told of a set that is cleared at once, with its value.
#[tokio::test]
async fn a_set_is_told_to_all() {
    let server = Server::start();
    let waits =
        [(); 3].map(|()| command(&server, &["event", "wait", "doors"]).spawn().expect("it runs"));
    server.until_waiting("event", "doors", "wait", 3).await;
    let set = awaitd(&server, &["event", "set", "doors", "come in"]).await.well();
    let generation = set.out.trim().to_owned();
    awaitd(&server, &["event", "clear", "doors"]).await.well();
    for wait in waits {
        let told = ended(wait).await.well();
        assert_eq!(
            (&*told.out, told.complaints.trim()),
            ("come in", &*format!("generation {generation}"))
        );
    }
    assert_eq!(awaitd(&server, &["event", "wait", "doors", "-n"]).await.exit, NOT_YET);
    let after = ["event", "wait", "doors", "-n", "--after", "0", "--json"];
    let told = json(&awaitd(&server, &after).await.well());
    assert_eq!(
        (&told["value"], told["generation"].to_string()),
        (&json!("come in"), generation.clone())
    );
    let after = ["event", "wait", "doors", "-n", "--after", &generation];
    assert_eq!(awaitd(&server, &after).await.exit, NOT_YET);
}

/// A value comes from where it is said to come from; an event that is set once is a future.
#[tokio::test]
async fn values_come_from_anywhere() {
    let server = Server::start();
    let set = ["event", "set", "e", "--once", "-f", "-", "-t", "image/x", "--json"];
    let generation = json(&awaitd_with(&server, &set, b"\xff").await.well())["generation"].clone();
    let told = json(&awaitd(&server, &["event", "wait", "e", "--json"]).await.well());
    let all =
        json!({ "generation": generation, "content_type": "image/x", "value_base64": "/w==" });
    assert_eq!(told, all);
    let again = awaitd(&server, &["event", "set", "e", "other", "--once"]).await;
    assert_eq!((again.exit, again.out.as_str()), (1, ""), "{again:?}");
    awaitd(&server, &["event", "set", "e"]).await.well();
    assert_eq!(awaitd(&server, &["event", "wait", "e"]).await.well().out, "", "without a value");
    let cleared = awaitd(&server, &["event", "clear", "e", "--json"]).await.well();
    assert_eq!(json(&cleared), json!({ "done": true }));
}
