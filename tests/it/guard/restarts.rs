//! A server with tokens, over TLS, that ends and comes back while its own clients work: each with a token that
//! allows what it does and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use awaitd_client::{Client, Error};
use awaitd_tests::{End, Folder, Process, attentive, binary, until};
use tokio::task::JoinSet;

use super::tokens::Tokens;
use crate::cli::reach::certify;

/// How long a server that is away is waited for.
const RETRY: &str = "45s";

/// How each life ends: as an operator ends it, or shot.
const ENDS: [End; 5] = [End::Term, End::Kill, End::Term, End::Kill, End::Term];

/// Things that are done between two ends.
const BETWEEN: u64 = 20;

/// One place, certificate and file of tokens, and servers there one after the other.
struct Place {
    folder: Folder,
    tokens: Tokens,
    port: u16,
}

impl Place {
    fn new() -> Self {
        // Held by nobody else, since nobody else asks for it by its number.
        let free = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let port = free.local_addr().expect("it is bound").port();
        let folder = Folder::new();
        certify(&folder, "localhost");
        Self { folder, tokens: Tokens::new(), port }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn start(&self) -> Process {
        let file = |name: &str| self.folder.inside(name);
        let mut command = attentive(binary());
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--data-dir", &file("data"), "--tokens", self.tokens.path()]);
        command.args(["--tls-cert", &file("cert.pem"), "--tls-key", &file("key.pem")]);
        Process::start(command)
    }

    /// A client that may do this.
    fn client(&self, name: &str, allow: &str) -> Client {
        let token = self.token(name, allow);
        let client = Client::builder(self.url()).tls_ca(self.folder.inside("ca.pem"));
        let client = client.retry_for(Duration::from_secs(45)).token(token).expect("a token");
        client.build().expect("an address")
    }

    fn token(&self, name: &str, allow: &str) -> String {
        let shown = self.tokens.add(name, &[allow]);
        shown.strip_prefix("Bearer ").expect("it begins so").to_owned()
    }

    /// A command whose user may do what the token allows.
    fn command(&self, token: &str, args: &[&str]) -> Process {
        let mut command = attentive(binary());
        command.args(args).envs([
            ("AWAITD_URL", &*self.url()),
            ("AWAITD_TLS_CA", &*self.folder.inside("ca.pem")),
            ("AWAITD_RETRY", RETRY),
            ("AWAITD_TOKEN", token),
        ]);
        Process::start(command)
    }
}

/// What was told, by those who work.
#[derive(Default)]
struct Told {
    /// Jobs that were put: their number by what is in them.
    put: Mutex<BTreeMap<String, u64>>,
    /// Jobs of which a worker was told that it has done them: their number and what was in them.
    done: Mutex<Vec<(u64, String)>>,
    /// How much was done in all.
    steps: AtomicU64,
    /// No more is to be put.
    enough: AtomicBool,
}

/// Puts one job after the other until it is enough.
async fn produce(told: Arc<Told>, client: Client, name: &'static str) {
    for number in 0.. {
        if told.enough.load(Ordering::Relaxed) {
            return;
        }
        let body = format!("{name}-{number}");
        let job = client.queue("work").put(body.clone()).await.expect("it is put in the end");
        told.put.lock().expect("nobody panics with it").insert(body, job.id);
        told.steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Does jobs as long as there are any.
async fn work(told: Arc<Told>, client: Client) {
    let queue = client.queue("work");
    loop {
        let job = match queue.get().within(Duration::from_secs(1)).await {
            Ok(job) => job,
            Err(error) if error.is_not_yet() => {
                if told.enough.load(Ordering::Relaxed) {
                    return;
                }
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
        let (id, body) = (job.facts().id, job.text().expect("it is text").to_owned());
        match job.done().await {
            Ok(()) => told.done.lock().expect("nobody panics with it").push((id, body)),
            // Another one has it then.
            Err(error @ Error::Refused(_)) if error.is_lost() => {}
            Err(error) => panic!("{error:?}"),
        }
        told.steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Nothing is lost, and nothing is put or done twice, by the client and by the commands.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_while_it_comes_and_goes() {
    let place = Place::new();
    let told = Arc::new(Told::default());
    let (put, get) = (place.client("put", "queue:work:put"), place.client("get", "queue:work:get"));
    let putter = place.token("shell-put", "queue:shell:put");
    let worker = place.token("shell-get", "queue:shell:get");
    let looker = place.client("looker", "*:*:look");
    let mut server = place.start();
    let mut crew = JoinSet::new();
    for name in ["a", "b"] {
        crew.spawn(produce(Arc::clone(&told), put.clone(), name));
        crew.spawn(work(Arc::clone(&told), get.clone()));
    }
    let ran = place.folder.inside("ran");
    let script = r#"echo "$AWAITD_JOB $(cat)" >> "$0""#;
    let args = ["worker", "shell", "--jobs", "2", "--", "sh", "-c", script, &ran];
    let shell = place.command(&worker, &args);
    let (mut ends, mut upto, mut numbers) = (ENDS.iter(), BETWEEN, BTreeMap::new());
    loop {
        if let Some(ended) = crew.try_join_next() {
            panic!("somebody went home early: {ended:?}");
        }
        let body = format!("s-{}", numbers.len());
        let ended = place.command(&putter, &["put", "shell", &body]).end().await.with(0);
        numbers.insert(body, ended.out.trim().to_owned());
        if told.steps.load(Ordering::Relaxed) < upto {
            continue;
        }
        let Some(end) = ends.next() else { break };
        // Those who go on work while it ends, and while it is away.
        let putting = place.command(&putter, &["put", "shell", &format!("s-{}", numbers.len())]);
        let (name, code) = if *end == End::Term { ("TERM", 0) } else { ("KILL", 137) };
        server.signal(name);
        assert_eq!(server.end().await.code, code);
        server = place.start();
        let ended = putting.end().await.with(0);
        numbers.insert(format!("s-{}", numbers.len()), ended.out.trim().to_owned());
        upto = told.steps.load(Ordering::Relaxed) + BETWEEN;
    }
    told.enough.store(true, Ordering::Relaxed);
    while let Some(ended) = crew.join_next().await {
        ended.expect("nobody panics");
    }
    for queue in ["work", "shell"] {
        until("all is done", async || {
            looker.queue(queue).state().await.expect("it is there").unfinished == 0
        })
        .await;
    }
    shell.signal("TERM");
    shell.end().await.with(0);

    let put = told.put.lock().expect("nobody panics with it");
    let mut done = told.done.lock().expect("nobody panics with it").clone();
    done.sort_unstable();
    let mut wanted: Vec<_> = put.iter().map(|(body, id)| (*id, body.clone())).collect();
    wanted.sort_unstable();
    assert_eq!(done, wanted, "each that was put is done, once");
    // A command may run again for a job whose end was not heard of, but never for another one.
    let ran = fs::read_to_string(ran).expect("something ran");
    let ran: BTreeSet<_> = ran.lines().map(str::to_owned).collect();
    let wanted = numbers.iter().map(|(body, number)| format!("{number} {body}")).collect();
    assert_eq!(ran, wanted);
}
