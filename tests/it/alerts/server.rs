//! The alerts about a server itself: each fires where its cause is, and none where all is well.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use awaitd_tests::{Client, Data, End, Failed, Mounted, Raw, Server, Stalling, tool};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Prometheus, about, work};

/// A directory on a file system of this size, which has all of it left.
fn of_size(size: &str) -> Option<(Data, Mounted)> {
    let mut data = Data::new();
    // Segments as people have them: what is said beforehand is reckoned with those.
    data.variables.clear();
    fs::create_dir(data.dir()).expect("a folder can be made");
    let mounted = Mounted::new(data.dir(), size)?;
    Some((data, mounted))
}

/// A directory on a disk that can stall.
fn stalling() -> Option<(Data, Stalling)> {
    let data = Data::new();
    fs::create_dir(data.dir()).expect("a folder can be made");
    let stalling = Stalling::new(data.dir(), &data.folder.path().join("image"))?;
    Some((data, stalling))
}

/// Again and again, whatever it is answered; with bodies of so many bytes.
fn insist(client: &Client, paths: &'static [&str], bytes: usize) -> JoinHandle<()> {
    let client = client.clone();
    tokio::spawn(async move {
        loop {
            for path in paths {
                client.post(path, vec![b'x'; bytes]).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    })
}

/// A server that listens there.
fn at_place(at: &str) -> Result<Server, Failed> {
    Server::run(&["serve", "--memory", "--listen", at], &[])
}

/// A server where nobody else is led to by chance, so that another one can begin at its place.
fn somewhere() -> (Server, String) {
    loop {
        let at = format!("127.0.0.1:{}", fastrand::u16(20_000..30_000));
        if let Ok(server) = at_place(&at) {
            return (server, at);
        }
    }
}

/// More connections than there may be, again and again.
fn crowd(server: &Server) -> JoinHandle<()> {
    let at = server.at();
    tokio::spawn(async move {
        loop {
            let mut open = Vec::new();
            for _ in 0..8 {
                open.push(Raw::connect(at).await);
            }
            sleep(Duration::from_millis(200)).await;
        }
    })
}

#[tokio::test]
async fn alerts_about_servers_fire_where_something_is_wrong_and_nowhere_else() {
    let Some(program) = tool("prometheus") else { return };
    // Large enough that nothing about its disk is amiss, and as quick as memory.
    let Some((large, _roomy)) = of_size("2g") else { return };
    let Some((small, _narrow)) = of_size("96m") else { return };
    let Some((slow, disk)) = stalling() else { return };
    let quotas = large.folder.inside("quotas");
    fs::write(&quotas, "full-* jobs=1\n").expect("a folder of ours");
    let (well, narrow, stalled) = (large.start(&[]), small.start(&[]), slow.start(&[]));
    let over = Server::with_args(&["--memory", "--quotas", &quotas]);
    let crowded = Server::with_args(&["--memory", "--max-connections", "4"]);
    let (mut again, at) = somewhere();
    let all = [&well, &narrow, &stalled, &over, &crowded, &again];
    let prometheus = Prometheus::watching(&program, &all).await;
    prometheus.until_up(all.len()).await;

    let working = work(&well.client());
    narrow.client().put("/v1/queues/full", r#"{"maxsize": 0}"#).await.expect(201);
    let busy = [
        insist(&narrow.client(), &["/v1/queues/full/jobs"], 1_000_000),
        insist(&over.client(), &["/v1/queues/full-q/jobs", "/v1/locks/l/acquire?lease=100ms"], 0),
        insist(&stalled.client(), &["/v1/queues/q/jobs"], 1),
        crowd(&crowded),
    ];
    for times in 1..=3 {
        End::Kill.of(again).await;
        again = at_place(&at).expect("it is free");
        prometheus.until_begun_anew(&again, times).await;
    }
    // It is behind as long as the disk stalls, and how long that took is known when it is over.
    let hung = disk.stall();
    prometheus.until_fires("AwaitdBehind", &stalled).await;
    drop(hung);

    let expected = [
        ("AwaitdRestarting", &again),
        ("AwaitdDiskLow", &narrow),
        ("AwaitdDiskFull", &narrow),
        ("AwaitdServerErrors", &narrow),
        ("AwaitdFsyncSlow", &stalled),
        ("AwaitdNamespaceOverQuota", &over),
        ("AwaitdLockExpiries", &over),
        ("AwaitdConnectionsRefused", &crowded),
    ];
    for (name, server) in expected {
        prometheus.until_fires(name, server).await;
    }
    let well_at = well.at().to_string();
    let firing = prometheus.firing().await;
    let there = firing.iter().filter(|alert| alert["labels"]["instance"] == well_at);
    let there: BTreeSet<_> = there.map(about).collect();
    assert!(there.is_empty(), "nothing is wrong there: {there:?}");
    for task in busy.iter().chain(&working) {
        assert!(!task.is_finished(), "there was something to do all the time");
        task.abort();
    }
}
