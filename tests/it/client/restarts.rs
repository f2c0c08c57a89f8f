//! A restart of the server is a pause: calls go on, and nothing is done twice.

use std::net::TcpListener;
use std::time::Duration;

use awaitd_client::{Client, Error};
use awaitd_tests::{Data, End, Server, until};

/// A server that comes back at the same address.
pub(crate) struct Lasting {
    data: Data,
    listen: String,
}

impl Lasting {
    pub(crate) fn new() -> Self {
        // Held by nobody else, since nobody else asks for it by its number.
        let free = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let listen = free.local_addr().expect("it is bound").to_string();
        Self { data: Data::new(), listen }
    }

    pub(crate) fn start(&self) -> Server {
        let dir = self.data.dir().display().to_string();
        let args = ["serve", "--listen", &self.listen, "--data-dir", &dir];
        Server::run(&args, &[]).unwrap_or_else(|failed| panic!("no server: {failed:?}"))
    }

    fn client(&self) -> Client {
        Client::new(format!("http://{}", self.listen)).expect("an address")
    }
}

/// Waits of each kind, begun before a restart, are answered after it.
#[tokio::test]
async fn waits_go_on_over_a_restart() {
    for end in End::ALL {
        let lasting = Lasting::new();
        let server = lasting.start();
        let client = lasting.client();
        let held = client.lock("l").acquire().lease(Duration::from_hours(1)).await.expect("free");
        client.queue("joined").put("x").await.expect("there is room");
        let get = tokio::spawn(client.queue("q").get().into_future());
        let wait = tokio::spawn(client.event("e").wait().into_future());
        let acquire = tokio::spawn(client.lock("l").acquire().into_future());
        let join = tokio::spawn(client.queue("joined").join().into_future());
        server.until_waiting("queue", "q", "get", 1).await;
        server.until_waiting("event", "e", "wait", 1).await;
        server.until_waiting("lock", "l", "acquire", 1).await;
        server.until_waiting("queue", "joined", "join", 1).await;
        end.of(server).await;
        let _server = lasting.start();
        client.queue("q").put("x").await.expect("there is room");
        let job = get.await.expect("no panic").expect("a job came");
        job.done().await.expect("it is ours");
        // Set and cleared while nobody may have been there: the wait began before.
        client.event("e").set().await.expect("set");
        client.event("e").clear().await.expect("cleared");
        wait.await.expect("no panic").expect("it was set");
        held.release().await.expect("it was held all the time");
        acquire.await.expect("no panic").expect("its turn came").release().await.expect("held");
        let job = client.queue("joined").try_get().await.expect("it is there");
        job.done().await.expect("it is ours");
        join.await.expect("no panic").expect("all was done");
    }
}

/// Puts that are repeated while the server is shot again and again are put once each.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_puts_are_put_once() {
    const PUTS: usize = 400;
    let lasting = Lasting::new();
    let mut server = lasting.start();
    let client = lasting.client();
    let queue = client.queue("q");
    let putting = tokio::spawn({
        let queue = queue.clone();
        async move {
            for number in 0..PUTS {
                queue.put(number.to_string()).await.expect("it is put in the end");
            }
        }
    });
    for _ in 0..3 {
        let before = queue.state().await.map_or(0, |state| state.ready);
        let more = async || queue.state().await.is_ok_and(|state| state.ready > before + 5);
        until("some are put", more).await;
        if putting.is_finished() {
            break;
        }
        End::Kill.of(server).await;
        server = lasting.start();
    }
    putting.await.expect("all are put");
    for number in 0..PUTS {
        let job = queue.take().await.expect("it is there");
        assert_eq!(job.text(), Ok(&*number.to_string()), "in order, each once");
    }
    assert!(queue.try_get().await.expect_err("no more than that").is_not_yet());
}

/// A lease that is held over a restart is renewed after it.
#[tokio::test]
async fn leases_live_through_a_restart() {
    let lasting = Lasting::new();
    let server = lasting.start();
    let lease = Duration::from_secs(5);
    let lock = lasting.client().lock("l").acquire().lease(lease).await.expect("it is free");
    let first = lock.lease().deadline();
    End::Kill.of(server).await;
    let _server = lasting.start();
    until("it is renewed", async || lock.lease().deadline() > first + lease / 2).await;
    lock.release().await.expect("it was held all the time");
}

/// A server that is not there is told after a while, with what happened.
#[tokio::test]
async fn a_server_that_is_away_is_told() {
    let lasting = Lasting::new();
    let url = format!("http://{}", lasting.listen);
    let client = Client::builder(&url).retry_for(Duration::from_millis(100)).build();
    let error = client.expect("an address").queue("q").put("x").await.expect_err("nobody is there");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("refused"), "{text}");
}
