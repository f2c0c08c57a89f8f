//! Locks, events, and the numbers of everything.

use awaitd_tests::{Client, End};
use serde_json::Value;

use super::{Past, get, put};

#[tokio::test]
async fn a_lock_has_its_holder_and_its_fences_grow() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let acquire = "/v1/locks/l/acquire?lease=1h&owner=ann";
        let held = client.post(acquire, "").await.expect(201);
        let lock = async |client: &Client| {
            let lock = client.get("/v1/locks/l").await.expect(200).json();
            ["name", "locked", "owner", "fence"].map(|field| lock[field].clone())
        };
        let before = lock(&client).await;
        let client = past.restart().await;
        assert_eq!(lock(&client).await, before, "{end:?}");
        let taken = client.post("/v1/locks/l/acquire?owner=bob", "").await.refused(423, "locked");
        assert_eq!(taken.header("awaitd-owner"), "ann");
        client.delete(&held.location()).await.expect(204);
        let next = client.post("/v1/locks/l/acquire?owner=bob", "").await.expect(201);
        assert!(next.number("awaitd-fence") > held.number("awaitd-fence"), "{end:?}");
    }
}

#[tokio::test]
async fn an_event_has_its_value_and_its_generation() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let typed = client.put("/v1/events/set", "value").header("content-type", "a/b");
        let set = typed.await.expect(200).number("awaitd-generation");
        let cleared = client.put("/v1/events/cleared", "old").await.expect(200);
        let cleared = cleared.number("awaitd-generation");
        client.delete("/v1/events/cleared").await.expect(204);

        let client = past.restart().await;
        let heard = client.get("/v1/events/set").await.expect(200);
        assert_eq!((heard.text(), heard.header("content-type")), ("value", "a/b"), "{end:?}");
        assert_eq!(heard.number("awaitd-generation"), set);
        let future = client.put("/v1/events/set", "x").header("if-none-match", "*");
        let future = future.await.refused(412, "already_set");
        assert_eq!(future.number("awaitd-generation"), set);
        let heard = client.get("/v1/events/cleared").await.refused(408, "not_set");
        assert_eq!(heard.number("awaitd-generation"), cleared);
        // A clear keeps the value for whoever asks for what came `after`.
        let after = format!("/v1/events/cleared?after={}", cleared - 1);
        assert_eq!(client.get(&after).await.expect(200).text(), "old");
        let next = client.put("/v1/events/cleared", "new").await.expect(200);
        assert!(next.number("awaitd-generation") > cleared, "{end:?}");
    }
}

/// Job ids, fences and generations, also of what was deleted and is made again, and also if the last
/// ones were of things that are gone.
#[tokio::test]
async fn numbers_only_grow() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let mut last = [0; 4];
        for round in 0..4 {
            let client = past.client();
            let job = put(&client, "q", "x").await;
            // A plain get, whose lease a kill may take: its fence was told all the same.
            let lease = client.post("/v1/queues/q/get", "").await.expect(200);
            client.delete("/v1/queues/q").await.expect(204);
            let lock = client.post("/v1/locks/l/acquire", "").await.expect(201);
            client.delete(&lock.location()).await.expect(204);
            client.delete("/v1/locks/l").await.expect(204);
            let set = client.put("/v1/events/e", "").await.expect(200).number("awaitd-generation");
            client.delete("/v1/events/e").await.expect(204);
            let fences = [&lease, &lock].map(|heard| heard.number("awaitd-fence"));
            let told = [job, fences[0], fences[1], set];
            assert!(fences[0] < fences[1] && last[2] < fences[0], "{end:?}: {last:?} {told:?}");
            for (before, after) in last.iter().zip(&told) {
                assert!(before < after, "{end:?}, {round}: {last:?}, {told:?}");
            }
            last = told;
            // The last of all is a plain get.
            put(&client, "q", "y").await;
            let plain = client.post("/v1/queues/q/get", "").await.expect(200);
            last[2] = plain.number("awaitd-fence");
            past.restart().await;
        }
    }
}

/// To start again is no change: nothing is counted, moved or given twice.
#[tokio::test]
async fn many_restarts_change_nothing() {
    for end in End::ALL {
        let mut past = Past::new(end);
        // Small, so that what is there is moved from segment to segment.
        past.data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
        let client = past.restart().await;
        for number in 0..40 {
            put(&client, &format!("q{}", number % 4), &"x".repeat(number * 100)).await;
        }
        let job = get(&client, "q1", "k").await.location();
        client.post("/v1/queues/q2/jobs?delay=1h", "late").await.expect(201);
        client.post("/v1/queues/q3/shutdown", "").await.expect(200);
        let lock = client.post("/v1/locks/l/acquire?lease=1h&owner=ann", "").await;
        let lock = lock.expect(201).location();
        client.put("/v1/events/e", "value").await.expect(200);
        let before = shown(&client).await;
        for round in 0..8 {
            let client = past.restart().await;
            assert_eq!(shown(&client).await, before, "{end:?}, restart {round}");
            client.patch(&job).await.expect(200);
            client.patch(&lock).await.expect(200);
        }
    }
}

/// All that there is to be seen and does not change with time.
async fn shown(client: &Client) -> Vec<Value> {
    let mut queues = client.get("/v1/queues").await.expect(200).json();
    for queue in queues["items"].as_array_mut().expect("a list") {
        queue["oldest_ready_age"].take();
    }
    let mut lock = client.get("/v1/locks/l").await.expect(200).json();
    lock["expires_in"].take();
    lock["holders"][0]["expires_in"].take();
    let event = client.get("/v1/events/e").await.expect(200);
    vec![queues, lock, event.number("awaitd-generation").into(), event.text().into()]
}
