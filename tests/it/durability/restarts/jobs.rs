//! Jobs and their queues.

use std::time::Duration;

use awaitd_tests::{Client, End};
use serde_json::{Value, json};

use super::{Past, get, number, put, state};

/// Where jobs are, and how many.
async fn places(client: &Client, queue: &str) -> [Value; 4] {
    let state = state(client, queue).await;
    ["ready", "delayed", "leased", "unfinished"].map(|place| state[place].clone())
}

#[tokio::test]
async fn jobs_are_where_they_were_and_as_they_were_put() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        put(&client, "q", "held").await;
        let typed = client.post("/v1/queues/q/jobs", [0, 255, 10]).header("content-type", "a/b");
        let typed = number(&typed.await.expect(201));
        put(&client, "q", "").await;
        client.post("/v1/queues/q/jobs?delay=1h", "delayed").await.expect(201);
        let held = get(&client, "q", "held").await;
        let before = places(&client, "q").await;
        assert_eq!(before, [2, 1, 1, 4].map(Value::from));

        let client = past.restart().await;
        assert_eq!(places(&client, "q").await, before, "{end:?}");
        client.delete(&held.location()).await.expect(204);
        let heard = client.post("/v1/queues/q/get", "").await.expect(200);
        assert_eq!((heard.number("awaitd-job"), &heard.body[..]), (typed, &[0, 255, 10][..]));
        assert_eq!(heard.header("content-type"), "a/b");
        assert_eq!(heard.number("awaitd-attempt"), 1);
        let heard = client.post("/v1/queues/q/get", "").await.expect(200);
        assert_eq!((heard.text(), heard.header("content-type")), ("", "application/octet-stream"));
        client.post("/v1/queues/q/get", "").await.expect(204);
    }
}

/// Each is larger than the last body that one might think of as large, and than a small segment.
#[tokio::test]
async fn bodies_of_every_size_come_back_byte_for_byte() {
    for end in End::ALL {
        let mut past = Past::new(end);
        past.data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
        let client = past.restart().await;
        let mut rng = fastrand::Rng::with_seed(7);
        let sizes = [0, 1, 511, 512, 4_095, 4_097, 65_535, 65_536, 65_537, 1_048_576];
        let bodies = sizes.map(|size| {
            let mut body = vec![0; size];
            rng.fill(&mut body);
            body
        });
        for body in &bodies {
            client.post("/v1/queues/q/jobs", &body[..]).await.expect(201);
        }
        let client = past.restart().await;
        for body in bodies {
            let heard = client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
            assert!(heard.body == body, "{end:?}: {} bytes came back wrong", body.len());
        }
    }
}

#[tokio::test]
async fn a_delayed_job_is_not_early() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let delay = Duration::from_secs(2);
        past.client().post("/v1/queues/q/jobs?delay=2s", "late").await.expect(201);
        let client = past.restart().await;
        client.post("/v1/queues/q/get?wait=30s&empty=408", "").await.expect(200);
        assert!(past.began.elapsed() >= delay, "{end:?}: {:?}", past.began.elapsed());
    }
}

#[tokio::test]
async fn order_and_attempts_are_kept() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        for body in ["1", "2", "3"] {
            put(&client, "q", body).await;
        }
        let first = get(&client, "q", "1").await;
        let second = get(&client, "q", "2").await;
        for lease in [&second, &first] {
            client.post(&format!("{}/nack?delay=0", lease.location()), "no").await.expect(204);
        }
        let client = past.restart().await;
        for (body, attempt) in [("1", 2), ("2", 2), ("3", 1)] {
            let heard = client.post("/v1/queues/q/get", "").await.expect(200);
            assert_eq!((heard.text(), heard.number("awaitd-attempt")), (body, attempt), "{end:?}");
        }
    }
}

/// A plain get does not wait for its own lease. It is there after a kill, or the job is.
#[tokio::test]
async fn a_plain_get_holds_or_its_job_is_ready_again() {
    for end in End::ALL {
        let mut past = Past::new(end);
        put(&past.client(), "q", "x").await;
        let first = past.client().post("/v1/queues/q/get?lease=1h", "").await.expect(200);
        let client = past.restart().await;
        let again = client.post("/v1/queues/q/get", "").await;
        if again.status == 204 {
            client.delete(&first.location()).await.expect(204);
        } else {
            assert_eq!(end, End::Kill, "a server that ends by itself loses nothing");
            assert_eq!(again.clone().expect(200).text(), "x");
            assert!(again.number("awaitd-fence") > first.number("awaitd-fence"));
            assert_eq!(again.number("awaitd-attempt"), 1);
            client.delete(&first.location()).await.refused(410, "lease_lost");
            client.patch(&first.location()).await.refused(410, "lease_lost");
            client.delete(&again.location()).await.expect(204);
        }
        client.get("/v1/queues/q/join").await.expect(200);
    }
}

/// Done is done, also of what was got at most once or done by the get after it.
#[tokio::test]
async fn what_is_done_does_not_come_back() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        for body in ["1", "2", "3", "4"] {
            put(&client, "q", body).await;
        }
        let first = get(&client, "q", "1").await;
        client.delete(&first.location()).await.expect(204);
        let taken = client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
        assert_eq!(taken.text(), "2");
        let third = client.post("/v1/queues/q/get?lease=1h", "").await.expect(200).location();
        let settle = format!("/v1/queues/q/get?lease=1h&settle={third}");
        let fourth = client.post(&settle, "").await.expect(200);
        assert_eq!(fourth.text(), "4");
        let client = past.restart().await;
        client.post("/v1/queues/q/get", "").await.expect(204);
        assert_eq!(places(&client, "q").await, [0, 0, 1, 1].map(Value::from), "{end:?}");
        client.delete(&fourth.location()).await.expect(204);
        client.get("/v1/queues/q/join").await.expect(200);
    }
}

#[tokio::test]
async fn queues_keep_their_configuration() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let configuration = json!({ "maxsize": 2, "lease": "7m" }).to_string();
        client.put("/v1/queues/configured", &configuration[..]).await.expect(201);
        put(&client, "unconfigured", "x").await;
        client.put("/v1/queues/deleted", &configuration[..]).await.expect(201);
        client.delete("/v1/queues/deleted").await.expect(204);
        put(&client, "configured", "x").await;
        put(&client, "configured", "y").await;
        let before = client.get("/v1/queues").await.expect(200).json();
        let configuration = |list: &Value, at: usize| {
            ["name", "maxsize", "order", "lease"].map(|field| list["items"][at][field].clone())
        };
        let client = past.restart().await;
        let after = client.get("/v1/queues").await.expect(200).json();
        assert_eq!(after["items"].as_array().map(Vec::len), Some(2), "{end:?}: {after}");
        for at in [0, 1] {
            assert_eq!(configuration(&after, at), configuration(&before, at), "{end:?}");
        }
        client.post("/v1/queues/configured/jobs", "z").await.refused(429, "queue_full");
        let ours = client.put("/v1/queues/configured", "{}").header("if-none-match", "*");
        ours.await.refused(412, "exists");
        client.get("/v1/queues/deleted").await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_queue_that_was_shut_down_stays_so() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        let mut leases = Vec::new();
        for (queue, knob) in [("slow", ""), ("fast", "?immediate=true")] {
            put(&client, queue, "held").await;
            put(&client, queue, "ready").await;
            leases.push(get(&client, queue, "held").await.location());
            client.post(&format!("/v1/queues/{queue}/shutdown{knob}"), "").await.expect(200);
        }
        let client = past.restart().await;
        for queue in ["slow", "fast"] {
            assert_eq!(state(&client, queue).await["shut_down"], true, "{end:?}");
            let path = format!("/v1/queues/{queue}/jobs");
            client.post(&path, "x").await.refused(410, "queue_shut_down");
        }
        // What is given back is handed out again, or dropped after `immediate`.
        for lease in &leases {
            client.post(&format!("{lease}/nack?delay=0"), "").await.expect(204);
        }
        for body in ["held", "ready"] {
            let heard = client.post("/v1/queues/slow/get?ack=true", "").await.expect(200);
            assert_eq!(heard.text(), body);
        }
        for queue in ["slow", "fast"] {
            let path = format!("/v1/queues/{queue}/get");
            client.post(&path, "").await.refused(410, "queue_shut_down");
            client.get(&format!("/v1/queues/{queue}/join")).await.expect(200);
        }
    }
}

#[tokio::test]
async fn no_moment_of_emptiness_is_missed() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        put(&client, "q", "x").await;
        client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
        let drained = client.get("/v1/queues/q/join?wait=30s").await.expect(200);
        let generation = drained.number("awaitd-generation");
        let join = |after: u64| format!("/v1/queues/q/join?after={after}");
        let client = past.restart().await;
        // It was drained before the restart, and not again since.
        let known = client.get(&join(generation - 1)).await.expect(200);
        assert_eq!(known.number("awaitd-generation"), generation, "{end:?}");
        let waits = client.get(&join(generation)).await.refused(408, "not_drained");
        assert_eq!(waits.number("awaitd-generation"), generation);
        put(&client, "q", "y").await;
        client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
        let again = client.get(&format!("{}&wait=30s", join(generation))).await.expect(200);
        assert!(again.number("awaitd-generation") > generation, "{end:?}");
    }
}
