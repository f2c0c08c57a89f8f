//! "What was done is remembered across restarts."

use awaitd_tests::{Client, End, Heard};

use super::{Past, get, put, state};

#[tokio::test]
async fn a_repeat_gets_what_was_got() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let put_x = |client: &Client| client.post("/v1/queues/q/jobs?delay=0", "x").key("put");
        let acquire = |client: &Client| client.post("/v1/locks/l/acquire?lease=1h", "").key("a");
        let set = |client: &Client| client.put("/v1/events/e", "v").key("set");
        let job = put_x(&client).await.expect(201);
        let lease = get(&client, "q", "get").await;
        put(&client, "r", "y").await;
        let any = |client: &Client| client.post("/v1/get?queues=q,r&lease=1h", "").key("get");
        let of_any = any(&client).await.expect(200);
        client.delete("/v1/waiters/late").await.refused(404, "not_found");
        let lock = acquire(&client).await.expect(201);
        let generation = set(&client).await.expect(200).number("awaitd-generation");
        client.put("/v1/events/e", "w").await.expect(200);

        let client = past.restart().await;
        let same = |one: &Heard, other: &Heard| {
            assert_eq!(one.location(), other.location(), "{end:?}");
            assert_eq!(one.find("awaitd-fence"), other.find("awaitd-fence"));
            assert_eq!(one.body, other.body);
        };
        same(&put_x(&client).await.expect(201), &job);
        same(&get(&client, "q", "get").await, &lease);
        same(&any(&client).await.expect(200), &of_any);
        let late = client.post("/v1/get?queues=q,r&wait=30s", "").key("late");
        late.await.refused(410, "withdrawn");
        let listed = client.get("/v1/queues").await.expect(200).json();
        let names: Vec<_> = listed["items"].as_array().iter().flat_map(|it| it.iter()).collect();
        let names: Vec<_> = names.iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, ["q", "r"]);
        same(&acquire(&client).await.expect(201), &lock);
        let again = set(&client).await.expect(200);
        assert_eq!(again.number("awaitd-generation"), generation);
        assert_eq!(client.get("/v1/events/e").await.expect(200).text(), "w");
        assert_eq!(state(&client, "q").await["unfinished"], 1);

        // Another request under a used key is refused, and one whose lease has ended is told so.
        let other = client.post("/v1/queues/q/jobs?delay=0", "y").key("put");
        other.await.refused(422, "idempotency_mismatch");
        client.delete(&lease.location()).await.expect(204);
        client.delete(&lock.location()).await.expect(204);
        let client = past.restart().await;
        let ended = client.post("/v1/queues/q/get?lease=1h", "").key("get");
        ended.await.refused(410, "lease_lost");
        acquire(&client).await.refused(410, "lease_lost");
        same(&put_x(&client).await.expect(201), &job);
        assert_eq!(state(&client, "q").await["unfinished"], 0);
    }
}

#[tokio::test]
async fn what_was_made_and_deleted_under_a_key_is_not_made_and_deleted_again() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let make = |client: &Client| {
            client.put("/v1/queues/q", "{}").key("make").header("if-none-match", "*")
        };
        let unmake = |client: &Client| client.delete("/v1/queues/other").key("unmake");
        make(&client).await.expect(201);
        put(&client, "other", "x").await;
        unmake(&client).await.expect(204);
        put(&client, "other", "y").await;
        let client = past.restart().await;
        make(&client).await.expect(201);
        unmake(&client).await.expect(204);
        assert_eq!(state(&client, "other").await["ready"], 1, "{end:?}");
    }
}

/// What a get with `settle=` did under its key, it did once.
#[tokio::test]
async fn what_was_settled_by_a_keyed_get_is_settled_once() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        for body in ["1", "2", "3"] {
            put(&client, "q", body).await;
        }
        let first = get(&client, "q", "1").await.location();
        let path = format!("/v1/queues/q/get?lease=1h&settle={first}");
        let settle = |client: &Client| client.post(&path, "").key("2");
        let second = settle(&client).await.expect(200);
        let client = past.restart().await;
        let again = settle(&client).await.expect(200);
        assert_eq!((again.text(), again.location()), ("2", second.location()), "{end:?}");
        let state = state(&client, "q").await;
        assert_eq!((&state["ready"], &state["leased"]), (&1.into(), &1.into()));
        client.delete(&first).await.expect(204);
    }
}

/// A refusal is not remembered, and a place in line is not kept across a restart.
#[tokio::test]
async fn what_was_not_done_is_as_good_as_new() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let get_x = |client: &Client| client.post("/v1/queues/q/get?wait=10ms", "").key("k");
        let held = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201).location();
        let acquire = |client: &Client| client.post("/v1/locks/l/acquire?wait=1ms", "").key("k");
        get_x(&client).await.expect(204);
        acquire(&client).await.refused(408, "locked");
        let client = past.restart().await;
        put(&client, "q", "x").await;
        assert_eq!(get_x(&client).await.expect(200).text(), "x", "{end:?}");
        client.delete(&held).await.expect(204);
        acquire(&client).await.expect(201);
    }
}
