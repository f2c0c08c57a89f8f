//! Ten clients wait for an event, and another sets it.

use awaitd_tests::{Server, bash};

use super::{script, work};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_wakes_all_with_curl() {
    let server = Server::start();
    let wait = r#"curl -fsS "$BASE/v1/events/migrated?wait=30s""#;
    let waiting: Vec<_> = (0..10).map(|_| script(&server, wait)).collect();
    server.until_waiting("event", "migrated", "wait", 10).await;
    let set_and_clear = "E=$BASE/v1/events/migrated
        curl -fsS -X PUT --data-binary 'schema 7' $E; curl -fsS -X DELETE $E";
    bash(&server.base(), set_and_clear).await.well();
    for one in waiting {
        assert_eq!(one.await.expect("no panic").well().out, "schema 7");
    }
    let others = r#"E=$BASE/v1/events/other
        if curl -fsS $E; then exit 1; fi
        if curl -fsS "$E?wait=10ms"; then exit 1; fi
        curl -fsS -X PUT $E; curl -fsS $E; curl -fsS "$E?wait=30s"
        curl -fsS -X DELETE $E
        if curl -fsS $E; then exit 1; fi"#;
    bash(&server.base(), others).await.well();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_wakes_all_with_reqwest() {
    let server = Server::start();
    let client = server.client();
    let wait = || server.client().get("/v1/events/migrated?wait=30s").spawn();
    let waiting: Vec<_> = (0..10).map(|_| wait()).collect();
    server.until_waiting("event", "migrated", "wait", 10).await;
    let set = client.put("/v1/events/migrated", "schema 7").await.expect(200);
    client.delete("/v1/events/migrated").await.expect(204);
    for one in waiting {
        let woken = one.await.expect("no panic").expect(200);
        assert_eq!(woken.text(), "schema 7");
        assert_eq!(woken.number("awaitd-generation"), set.number("awaitd-generation"));
    }
    client.get("/v1/events/migrated").await.refused(408, "not_set");
    client.put("/v1/events/migrated", "schema 8").await.expect(200);
    assert_eq!(client.get("/v1/events/migrated").await.expect(200).text(), "schema 8");
    let parked = client.get("/v1/events/migrated?wait=30s").await.expect(200);
    assert_eq!(parked.text(), "schema 8");
}

/// Who passes the last generation as `after` misses no set, though each is cleared at once and the
/// sets fall into and between the slices of the waiting.
#[tokio::test(flavor = "multi_thread")]
async fn polling_in_slices_misses_no_set() {
    let server = Server::start();
    let (heard, mut next) = tokio::sync::mpsc::channel(1);
    let setter = server.client();
    let set_twenty = tokio::spawn(async move {
        for round in 0..20 {
            work().await;
            setter.put("/v1/events/tick", format!("{round}")).await.expect(200);
            setter.delete("/v1/events/tick").await.expect(204);
            next.recv().await.expect("the poller listens");
        }
    });
    let client = server.client();
    let mut after = 0;
    for round in 0..20 {
        let set = loop {
            work().await;
            let slice = format!("/v1/events/tick?after={after}&wait=5ms");
            let answer = client.get(&slice).await;
            if answer.status != 408 {
                break answer.expect(200);
            }
            assert_eq!(answer.refused(408, "not_set").number("awaitd-generation"), after);
        };
        assert_eq!(set.text(), format!("{round}"));
        assert!(set.number("awaitd-generation") > after);
        after = set.number("awaitd-generation");
        heard.send(()).await.expect("the setter listens");
    }
    set_twenty.await.expect("the setter is content");
}
