//! Leases: who held something holds it still, with the token of old.

use awaitd_tests::End;

use super::{Past, get, put};

#[tokio::test]
async fn a_lease_goes_on_with_the_token_of_old() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        put(&client, "q", "x").await;
        let job = get(&client, "q", "k").await;
        let lock = client.post("/v1/locks/l/acquire?lease=1h", "").await.expect(201);
        let client = past.restart().await;
        for lease in [&job, &lock] {
            let heard = client.get(&lease.location()).await.expect(200);
            assert_eq!(heard.number("awaitd-fence"), lease.number("awaitd-fence"));
            // Nothing of it is lost, and nothing is added.
            let left = heard.seconds("awaitd-expires-in");
            let due = 3_600.0 - past.began.elapsed().as_secs_f64() - 0.1;
            assert!((due..=3_600.0).contains(&left), "{end:?}: {left} s, {due} s were due");
        }
        let renewed = client.patch(&format!("{}?lease=2h", job.location())).await.expect(200);
        assert!(renewed.seconds("awaitd-expires-in") > 3_600.0);
        client.delete(&job.location()).await.expect(204);
        client.delete(&lock.location()).await.expect(204);
        client.get("/v1/queues/q/join").await.expect(200);
        client.post("/v1/locks/l/acquire", "").await.expect(201);
    }
}

/// A lease that nobody renews ends after a restart as it would have without.
#[tokio::test]
async fn a_lease_ends_after_a_restart_too() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        put(&client, "q", "x").await;
        let first = client.post("/v1/queues/q/get?lease=500ms", "").key("k").await.expect(200);
        let lock = client.post("/v1/locks/l/acquire?lease=500ms", "").await.expect(201);
        let client = past.restart().await;
        let again = client.post("/v1/queues/q/get?wait=30s", "").await.expect(200);
        assert_eq!((again.text(), again.number("awaitd-attempt")), ("x", 2), "{end:?}");
        let next = client.post("/v1/locks/l/acquire?wait=30s", "").await.expect(201);
        for (lost, since) in [(&first, &again), (&lock, &next)] {
            client.delete(&lost.location()).await.refused(410, "lease_lost");
            assert!(since.number("awaitd-fence") > lost.number("awaitd-fence"), "{end:?}");
        }
    }
}

/// A retry after a cut connection is no error, whatever happened in between.
#[tokio::test]
async fn what_became_of_a_lease_is_known() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let client = past.client();
        for body in ["1", "2", "3"] {
            put(&client, "q", body).await;
        }
        let done = get(&client, "q", "done").await.location();
        let back = get(&client, "q", "back").await.location();
        let lost = client.post("/v1/queues/q/get?lease=100ms", "").key("lost").await;
        let lost = lost.expect(200).location();
        let released = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
        let deleted = client.post("/v1/locks/m/acquire", "").await.expect(201).location();
        client.delete(&done).await.expect(204);
        client.post(&format!("{back}/nack?delay=1h"), "no").await.expect(204);
        client.get(&format!("{lost}?wait=30s")).await.refused(410, "lease_lost");
        client.delete(&released).await.expect(204);
        client.delete("/v1/locks/m?force=true").await.expect(204);
        for _ in 0..2 {
            let client = past.restart().await;
            client.delete(&done).await.expect(204);
            client.post(&format!("{back}/nack?delay=1h"), "no").await.expect(204);
            client.delete(&released).await.expect(204);
            for gone in [&back, &lost] {
                client.delete(gone).await.refused(410, "lease_lost");
            }
            let heard = client.delete(&deleted).await.expect(410);
            assert!(["deleted", "lease_lost"].contains(&&heard.code()[..]), "{}", heard.shown());
            client.patch(&done).await.refused(410, "lease_lost");
        }
    }
}
