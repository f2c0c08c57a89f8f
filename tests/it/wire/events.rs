//! "Events".

use awaitd_tests::Server;

#[tokio::test]
async fn an_event_stays_set_until_it_is_cleared() {
    let server = Server::start();
    let client = server.client();
    let set = client.put("/v1/events/e", "1").header("content-type", "text/plain");
    let first = set.await.expect(200).number("awaitd-generation");
    assert!(first > 0);
    for _ in 0..2 {
        let heard = client.get("/v1/events/e").await.expect(200);
        assert_eq!((heard.text(), heard.number("awaitd-generation")), ("1", first));
        assert_eq!(heard.header("content-type"), "text/plain");
    }
    // Every PUT is a set, with a new generation and a new value.
    let second = client.put("/v1/events/e", "").await.expect(200).number("awaitd-generation");
    assert!(second > first);
    assert_eq!(client.get("/v1/events/e").await.expect(200).text(), "");
    client.delete("/v1/events/e").await.expect(204);
    client.delete("/v1/events/e").await.expect(204);
    let unset = client.get("/v1/events/e").await.refused(408, "not_set");
    assert_eq!(unset.number("awaitd-generation"), second);
    client.get("/v1/events/e?wait=10ms").await.refused(408, "not_set");
}

#[tokio::test]
async fn after_answers_with_a_set_that_was_cleared_since() {
    let server = Server::start();
    let client = server.client();
    let first = client.put("/v1/events/e", "1").await.expect(200).number("awaitd-generation");
    let second = client.put("/v1/events/e", "2").await.expect(200).number("awaitd-generation");
    client.delete("/v1/events/e").await.expect(204);
    for seen in [0, first] {
        let heard = client.get(&format!("/v1/events/e?after={seen}")).await.expect(200);
        assert_eq!((heard.text(), heard.number("awaitd-generation")), ("2", second));
    }
    client.get(&format!("/v1/events/e?after={second}")).await.refused(408, "not_set");
    // An event that is set is no news to one who has seen that set.
    let third = client.put("/v1/events/e", "3").await.expect(200).number("awaitd-generation");
    let slice = format!("/v1/events/e?after={third}&wait=10ms");
    client.get(&slice).await.refused(408, "not_set");
    let waits = client.get(&format!("/v1/events/e?after={third}&wait=30s")).spawn();
    server.until_waiting("event", "e", "wait", 1).await;
    client.put("/v1/events/e", "4").await.expect(200);
    assert_eq!(waits.await.expect("no panic").expect(200).text(), "4");
}

#[tokio::test]
async fn if_none_match_makes_it_a_future() {
    let server = Server::start();
    let client = server.client();
    let set = |value: &str| client.put("/v1/events/e", value).header("if-none-match", "*");
    let first = set("1").await.expect(200).number("awaitd-generation");
    let refused = set("2").await.refused(412, "already_set");
    assert_eq!(refused.number("awaitd-generation"), first);
    assert_eq!(client.get("/v1/events/e").await.expect(200).text(), "1");
    client.delete("/v1/events/e").await.expect(204);
    assert!(set("3").await.expect(200).number("awaitd-generation") > first);
}
