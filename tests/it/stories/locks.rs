//! Three clients add one to a number that lies outside; and a holder that dies.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use awaitd_tests::{Client, Folder, Ran, Server, bash};

use super::{script, work};

#[tokio::test(flavor = "multi_thread")]
async fn a_number_under_a_lock_with_curl() {
    let server = Server::start();
    let folder = Folder::new();
    fs::write(folder.path().join("number"), "0").expect("the folder is ours");
    let add_one = format!(
        r#"cd {}
           lease=$(curl -fsS -X POST "$BASE/v1/locks/counter/acquire?wait=30s")
           n=$(cat number); sleep 0.0$((RANDOM % 5)); echo $((n + 1)) > number
           curl -fsS -X DELETE "$BASE$lease""#,
        folder.path().display()
    );
    let clients = [(); 3].map(|()| script(&server, &add_one));
    for client in clients {
        client.await.expect("no panic").well();
    }
    let number = fs::read_to_string(folder.path().join("number")).expect("it is still there");
    assert_eq!(number.trim(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_under_a_lock_with_reqwest() {
    let server = Server::start();
    let folder = Folder::new();
    let number = Arc::new(folder.path().join("number"));
    fs::write(&*number, "0").expect("the folder is ours");
    let add_one = |client: Client, number: Arc<PathBuf>| async move {
        let lock = client.post("/v1/locks/counter/acquire?wait=30s", "").await.expect(201);
        let before: u32 = fs::read_to_string(&*number).unwrap().trim().parse().unwrap();
        work().await;
        fs::write(&*number, format!("{}", before + 1)).unwrap();
        client.delete(&lock.location()).await.expect(204);
        lock.number("awaitd-fence")
    };
    let clients = [(); 3].map(|()| tokio::spawn(add_one(server.client(), Arc::clone(&number))));
    let mut fences = BTreeSet::new();
    for client in clients {
        fences.insert(client.await.expect("a client is content"));
    }
    assert_eq!(fences.len(), 3, "each grant has a fence of its own");
    assert_eq!(fs::read_to_string(&*number).unwrap().trim(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_holder_loses_the_lock_with_curl() {
    let server = Server::start();
    let acquire = r#"curl -fsS -D - -X POST "$BASE/v1/locks/deploy/acquire?lease=1s&owner=one""#;
    let dead = bash(&server.base(), acquire).await.well();
    let next = r#"L=$BASE/v1/locks/deploy/acquire
        if curl -fsS -X POST "$L"; then exit 1; fi
        curl -fsS -D - -X POST "$L?wait=30s""#;
    let next = script(&server, next).await.expect("no panic").well();
    let release = format!(r#"curl -fsS -X DELETE "$BASE{}""#, field(&dead.out, "location"));
    let late = bash(&server.base(), &release).await;
    assert_eq!(late.exit, 22, "the lease was lost: {late:?}");
    assert!(late.complaints.contains("410"), "{late:?}");
    let fence = |ran: &Ran| field(&ran.out, "awaitd-fence").parse::<u64>().expect("an integer");
    assert!(fence(&next) > fence(&dead), "{next:?} after {dead:?}");
}

/// A header in what `curl -D -` printed.
fn field(printed: &str, name: &str) -> String {
    let mut fields = printed.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.unwrap_or_else(|| panic!("no {name} in {printed}")).1.trim().to_owned()
}

/// The next in line has the lock at the very moment when the lease of the dead holder ends: at no
/// time is it free, so nobody who comes later and does not wait can snatch it.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_holder_loses_the_lock_with_reqwest() {
    let server = Server::start();
    let client = server.client();
    let dead = client.post("/v1/locks/deploy/acquire?lease=1s&owner=one", "").await.expect(201);
    let refused = client.post("/v1/locks/deploy/acquire", "").await.refused(423, "locked");
    assert_eq!(refused.header("awaitd-owner"), "one");
    assert!(refused.seconds("awaitd-expires-in") <= 1.0);
    let mut next = client.post("/v1/locks/deploy/acquire?wait=30s&owner=two", "").spawn();
    server.until_waiting("lock", "deploy", "acquire", 1).await;
    let next = loop {
        tokio::select! {
            biased;
            next = &mut next => break next.expect("no panic").expect(201),
            // Snatching is what a script without patience would try.
            snatch = client.post("/v1/locks/deploy/acquire", "") => snatch.refused(423, "locked"),
        };
    };
    client.delete(&dead.location()).await.refused(410, "lease_lost");
    assert!(next.number("awaitd-fence") > dead.number("awaitd-fence"));
    let lock = client.get("/v1/locks/deploy").await.expect(200).json();
    assert_eq!(lock["owner"], "two");
    assert_eq!(lock["fence"], next.number("awaitd-fence"));
    client.delete(&next.location()).await.expect(204);
}
