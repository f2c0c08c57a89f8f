//! Semaphores, shared locks, barriers, conditions, and the order of queues.

use awaitd_tests::{Client, End};
use serde_json::{Value, json};

use super::{Past, get};

/// The state of a thing, but for what grows less.
async fn shown(client: &Client, path: &str) -> Value {
    let mut state = client.get(path).await.expect(200).json();
    if state.get("expires_in").is_some() {
        state["expires_in"].take();
    }
    for holder in state["holders"].as_array_mut().into_iter().flatten() {
        holder["expires_in"].take();
    }
    state
}

#[tokio::test]
async fn a_semaphore_has_its_permits_and_its_holders() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        client.put("/v1/semaphores/s", r#"{"permits": 3, "bounded": false}"#).await.expect(201);
        client.put("/v1/semaphores/idle", r#"{"permits": 7}"#).await.expect(201);
        client.post("/v1/semaphores/s/release?permits=2", "").await.expect(200);
        let acquire = "/v1/semaphores/s/acquire?lease=1h&permits";
        let ann = client.post(&format!("{acquire}=3&owner=ann"), "").await.expect(201);
        let ben = client.post(&format!("{acquire}=2&owner=ben"), "").key("k").await.expect(201);
        let before = shown(&client, "/v1/semaphores/s").await;
        assert_eq!((&before["permits"], &before["available"]), (&json!(5), &json!(0)));

        let client = past.restart().await;
        assert_eq!(shown(&client, "/v1/semaphores/s").await, before, "{end:?}");
        assert_eq!(shown(&client, "/v1/semaphores/idle").await["permits"], 7);
        client.post("/v1/semaphores/s/acquire", "").await.refused(423, "locked");
        let again = client.post(&format!("{acquire}=2&owner=ben"), "").key("k").await.expect(201);
        assert_eq!(again.location(), ben.location());
        client.delete(&ann.location()).await.expect(204);
        let next = client.post(&format!("{acquire}=3"), "").await.expect(201);
        assert!(next.number("awaitd-fence") > ben.number("awaitd-fence"), "{end:?}");
        client.post("/v1/semaphores/idle/acquire?permits=8", "").await.refused(409, "over_bound");
    }
}

#[tokio::test]
async fn a_lock_that_is_shared_has_all_its_holders() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let share = "/v1/locks/l/acquire?mode=shared&lease=1h&owner";
        let ann = client.post(&format!("{share}=ann"), "").await.expect(201);
        let ben = client.post(&format!("{share}=ben"), "").await.expect(201);
        let before = shown(&client, "/v1/locks/l").await;

        let client = past.restart().await;
        assert_eq!(shown(&client, "/v1/locks/l").await, before, "{end:?}");
        client.post("/v1/locks/l/acquire", "").await.refused(423, "locked");
        let cid = client.post(&format!("{share}=cid"), "").await.expect(201);
        client.delete(&ann.location()).await.expect(204);
        // What was broken stays so.
        client.post("/v1/locks/l/break", "").key("k").await.expect(200);
        let client = past.restart().await;
        let again = client.post("/v1/locks/l/break", "").key("k").await.expect(200).json();
        let owners: Vec<_> =
            again["holders"].as_array().expect("a list").iter().map(|it| &it["owner"]).collect();
        assert_eq!(owners, ["ben", "cid"], "{end:?}");
        for lost in [ben, cid] {
            client.delete(&lost.location()).await.refused(410, "lease_lost");
        }
        client.post("/v1/locks/l/acquire", "").await.expect(201);
    }
}

#[tokio::test]
async fn a_barrier_has_its_parties_its_generation_and_is_broken_still() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        client.put("/v1/barriers/b", r#"{"parties": 1}"#).await.expect(201);
        client.put("/v1/barriers/broken", r#"{"parties": 2}"#).await.expect(201);
        let met = client.post("/v1/barriers/b/wait", "").key("k").await.expect(200);
        client.post("/v1/barriers/broken/abort", "").await.expect(200);
        let before = shown(&client, "/v1/barriers/b").await;
        assert_eq!(before["generation"], met.number("awaitd-generation"));

        let client = past.restart().await;
        assert_eq!(shown(&client, "/v1/barriers/b").await, before, "{end:?}");
        let again = client.post("/v1/barriers/b/wait", "").key("k").await.expect(200);
        assert_eq!(again.body, met.body, "told again, not met again");
        let next = client.post("/v1/barriers/b/wait", "").await.expect(200);
        assert!(next.number("awaitd-generation") > met.number("awaitd-generation"), "{end:?}");
        client.post("/v1/barriers/broken/wait", "").await.refused(409, "broken");
        client.post("/v1/barriers/broken/reset", "").await.expect(200);
        let client = past.restart().await;
        assert_eq!(shown(&client, "/v1/barriers/broken").await["broken"], false, "{end:?}");
    }
}

/// Who waited for a condition had let the lock go. A repeat under its key takes it again, since a
/// notification may have been missed.
#[tokio::test]
async fn who_waited_for_a_condition_takes_the_lock_again() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let held = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201).location();
        let held = held.replace('/', "%2F");
        let path = format!("/v1/locks/l/conditions/c/wait?wait=40s&held={held}");
        let waits = client.post(&path, "").key("k").spawn();
        let server = past.server.as_ref().expect("one is running");
        server.until_waiting("lock", "l", "wait", 1).await;
        // A read waits for what it tells: from here on it is certain that the lock was let go.
        assert_eq!(client.get("/v1/locks/l").await.expect(200).json()["locked"], false);
        waits.abort();
        let client = past.restart().await;
        assert_eq!(client.get("/v1/locks/l").await.expect(200).json()["locked"], false, "{end:?}");
        let woken = client.post(&path, "").key("k").await.expect(201);
        assert_eq!(woken.header("awaitd-notified"), "false");
        client.get(&woken.location()).await.expect(200);
        client.post(&path, "").await.refused(410, "lease_lost");
    }
}

/// Jobs come in the same order as without a restart: those that wait, that were given back, and that
/// are due later.
#[tokio::test]
async fn a_queue_has_its_order_and_its_jobs_their_priorities() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let put = async |client: &Client, queue: &str, query: &str, body: &str| {
            let path = format!("/v1/queues/{queue}/jobs{query}");
            client.post(&path, body).await.expect(201);
        };
        client.put("/v1/queues/todo", r#"{"order": "priority"}"#).await.expect(201);
        client.put("/v1/queues/stack", r#"{"order": "lifo"}"#).await.expect(201);
        put(&client, "todo", "?priority=5", "held").await;
        let held = get(&client, "todo", "k").await;
        for (query, body) in [
            ("?priority=3", "third"),
            ("?priority-key=ff", "last"),
            ("?priority=-3", "first"),
            ("", "second"),
            ("?priority=5", "fifth"),
        ] {
            put(&client, "todo", query, body).await;
        }
        for body in ["a", "b", "c"] {
            put(&client, "stack", "", body).await;
        }

        let client = past.restart().await;
        put(&client, "todo", "?priority=5", "sixth").await;
        client.post(&format!("{}/nack?delay=0", held.location()), "").await.expect(204);
        let client = past.restart().await;
        for body in ["first", "second", "third", "held", "fifth", "sixth", "last"] {
            assert_eq!(get(&client, "todo", body).await.text(), body, "{end:?}");
        }
        for body in ["c", "b", "a"] {
            assert_eq!(get(&client, "stack", body).await.text(), body, "{end:?}");
        }
        let other = client.put("/v1/queues/todo", r#"{"order": "fifo"}"#).await;
        other.refused(409, "conflict");
    }
}

/// All of it also if the journal was compacted meanwhile: what lives was written anew.
#[tokio::test]
async fn what_was_written_anew_is_the_same() {
    for end in End::ALL {
        let mut past = Past::new(end);
        past.data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
        let client = past.restart().await;
        client.put("/v1/semaphores/s", r#"{"permits": 3}"#).await.expect(201);
        let acquire = "/v1/semaphores/s/acquire?lease=1h&permits=2&owner=ann";
        let permits = client.post(acquire, "").await.expect(201).location();
        let share = "/v1/locks/l/acquire?mode=shared&lease=1h&owner=ann";
        let share = client.post(share, "").await.expect(201).location();
        client.put("/v1/barriers/b", r#"{"parties": 1}"#).await.expect(201);
        client.post("/v1/barriers/b/wait", "").await.expect(200);
        client.post("/v1/barriers/b/abort", "").await.expect(200);
        client.put("/v1/queues/todo", r#"{"order": "priority"}"#).await.expect(201);
        for priority in [3, 1, 2] {
            let path = format!("/v1/queues/todo/jobs?priority={priority}");
            client.post(&path, priority.to_string()).await.expect(201);
        }
        let paths = ["/v1/semaphores/s", "/v1/locks/l", "/v1/barriers/b"];
        let mut before = Vec::new();
        for path in paths {
            before.push(shown(&client, path).await);
        }
        // Enough that the first segments go.
        let filler = "x".repeat(8 * 1024);
        for _ in 0..200 {
            client.post("/v1/queues/filler/jobs", filler.clone()).await.expect(201);
            client.post("/v1/queues/filler/get?ack=true", "").await.expect(200);
        }
        let server = past.server.as_ref().expect("one is running");
        let copied = server.scrape().await.count("awaitd_journal_copied_bytes_total", &[]);
        assert!(copied > 0, "something was written anew");
        let client = past.restart().await;
        for (path, before) in paths.into_iter().zip(before) {
            assert_eq!(shown(&client, path).await, before, "{end:?}");
        }
        for lease in [permits, share] {
            client.get(&lease).await.expect(200);
        }
        for priority in ["1", "2", "3"] {
            assert_eq!(get(&client, "todo", priority).await.text(), priority, "{end:?}");
        }
    }
}
