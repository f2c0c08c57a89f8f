//! awaitd behind nginx, haproxy and Caddy, each with its example of `deploy/`: waits last, hang-ups arrive,
//! streams flow, and a restart is an error that passes. Over TLS and HTTP/2, as in the example, and without,
//! since what is sent there can be cut anywhere.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use awaitd_tests::{Curled, Folder, Heard, Process, Raw, Server, curl, tool, until};
use serde_json::Value;

use crate::cli::reach::certify;
use crate::tidy::read;

/// By which name clients ask.
const NAME: &str = "awaitd.example.com";

/// A running proxy.
struct Proxy {
    ports: Ports,
    /// Who vouches for its certificate.
    ca: String,
    _process: Process,
}

/// Where it listens, with its certificate and without.
struct Ports {
    tls: SocketAddr,
    plain: SocketAddr,
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it has an address")
}

/// The example with these places changed, each of which it has.
fn example(path: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(read(path), |text, (from, to)| {
        assert!(text.contains(from), "{path} has no {from:?} any more");
        text.replace(from, to)
    })
}

impl Proxy {
    async fn start(ports: Ports, folder: &Folder, command: Command) -> Self {
        let process = Process::start(command);
        until("the proxy listens", async || {
            Raw::connect(ports.plain).await.is_ok() && Raw::connect(ports.tls).await.is_ok()
        })
        .await;
        Self { ports, ca: folder.inside("ca.pem"), _process: process }
    }

    async fn nginx(program: &Path, folder: &Folder, behind: &str) -> Self {
        let ports = Ports::of_a_certificate(folder);
        let listen = format!("listen {}; listen {} ssl", ports.plain, ports.tls);
        let example = example(
            "deploy/nginx/awaitd.conf",
            &[
                ("127.0.0.1:29248", behind),
                ("listen 443 ssl", &listen),
                ("/etc/nginx/awaitd.pem", &folder.inside("cert.pem")),
                ("/etc/nginx/awaitd.key", &folder.inside("key.pem")),
            ],
        );
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let path = |kind: &str| format!("{kind}_temp_path {};\n", folder.inside(kind));
        let paths = kinds.map(path).concat();
        let whole = format!(
            "daemon off; master_process off; pid {};\nevents {{}}\n\
             http {{ access_log off;\n{paths}{example}}}\n",
            folder.inside("pid")
        );
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-c", &written(folder, "nginx.conf", &whole)]);
        Self::start(ports, folder, command).await
    }

    async fn haproxy(program: &Path, folder: &Folder, behind: &str) -> Self {
        let ports = Ports::of_a_certificate(folder);
        let bind = format!("bind {}\n    bind {} ssl", ports.plain, ports.tls);
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| read(folder.inside(name)));
        let example = example(
            "deploy/haproxy/haproxy.cfg",
            &[
                ("127.0.0.1:29248", behind),
                ("bind :443 ssl", &bind),
                ("/etc/haproxy/awaitd.pem", &written(folder, "both.pem", &(cert + &key))),
                // Fewer, since the shells of tests allow fewer files.
                ("maxconn 20000", "maxconn 200"),
            ],
        );
        let mut command = Command::new(program);
        command.args(["-db", "-f", &written(folder, "haproxy.cfg", &example)]);
        Self::start(ports, folder, command).await
    }

    async fn caddy(program: &Path, folder: &Folder, behind: &str) -> Self {
        let ports = Ports::of_a_certificate(folder);
        // Nobody on the network vouches for it here.
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.inside(name));
        let tls = format!("tls {cert} {key}");
        let sites = [("http", ports.plain, ""), ("https", ports.tls, &tls)];
        let sites = sites.map(|(scheme, at, tls)| {
            let site = format!("{scheme}://{NAME}:{} {{\n\tbind 127.0.0.1\n\t{tls}\n", at.port());
            let changes = [("127.0.0.1:29248", behind), ("awaitd.example.com {\n", &site)];
            example("deploy/caddy/Caddyfile", &changes)
        });
        let whole =
            format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{}", sites.concat());
        let mut command = Command::new(program);
        command.args(["run", "--config", &written(folder, "Caddyfile", &whole)]);
        command.env("HOME", folder.path());
        Self::start(ports, folder, command).await
    }

    async fn connect(&self) -> Raw {
        Raw::connect(self.ports.plain).await.expect("the proxy listens")
    }

    /// Sends a request by the public name.
    async fn send(&self, method: &str, path: &str, body: &str) -> Raw {
        let mut raw = self.connect().await;
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}", self.host());
        let message = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
        raw.send(message.as_bytes()).await.expect("the proxy reads");
        raw
    }

    fn host(&self) -> String {
        format!("{NAME}:{}", self.ports.plain.port())
    }

    /// How curl posts over TLS, by the public name.
    fn curls(&self, path: &str, body: &str) -> Vec<String> {
        let (at, port) = (self.ports.tls, self.ports.tls.port());
        let resolve = format!("{NAME}:{port}:{}", at.ip());
        let url = format!("https://{NAME}:{port}{path}");
        let args = ["--http2", "--cacert", &self.ca, "--resolve", &resolve, "-d", body, &url];
        args.map(str::to_owned).to_vec()
    }

    async fn curl(&self, path: &str, body: &str, more: &[&str]) -> Curled {
        let args = self.curls(path, body);
        let args: Vec<_> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        curl(&args, b"").await
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Heard {
        let mut raw = self.send(method, path, body).await;
        raw.hear().await.expect("an answer")
    }
}

impl Ports {
    /// Free ones, for a proxy with the certificate that is in this folder from now on.
    fn of_a_certificate(folder: &Folder) -> Self {
        certify(folder, NAME);
        Self { tls: free(), plain: free() }
    }
}

fn written(folder: &Folder, name: &str, text: &str) -> String {
    let path = folder.inside(name);
    fs::write(&path, text).expect("a folder of ours");
    path
}

/// awaitd at one address, with one folder, as often as it is started.
fn awaitd(listen: &str, folder: &Folder) -> Server {
    let data = folder.inside("data");
    let args = ["serve", "--listen", listen, "--data-dir", &data, "--allowed-hosts", NAME];
    Server::run(&args, &[]).expect("it starts")
}

/// What a proxy has to let through.
async fn is_served(proxy: &Proxy, server: &Server) {
    proxy.ask("POST", "/v1/queues/q/jobs", "job").await.expect(201);
    let lease = proxy.ask("POST", "/v1/queues/q/get", "").await.expect(200).location();
    proxy.ask("DELETE", &lease, "").await.expect(204);

    // A wait is answered by what comes later …
    let mut waiting = proxy.send("POST", "/v1/queues/q/get?wait=40s&ack=true", "").await;
    server.until_waiting("queue", "q", "get", 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    proxy.ask("POST", "/v1/queues/q/jobs", "later").await.expect(201);
    assert_eq!(waiting.hear().await.expect("an answer").expect(200).text(), "later");

    // … and who hangs up has got nothing.
    let gone = proxy.send("POST", "/v1/queues/q/get?wait=40s&ack=true", "").await;
    server.until_waiting("queue", "q", "get", 1).await;
    drop(gone);
    server.until_waiting("queue", "q", "get", 0).await;
    proxy.ask("POST", "/v1/queues/q/jobs", "kept").await.expect(201);
    let got = proxy.ask("POST", "/v1/queues/q/get?ack=true", "").await.expect(200);
    assert_eq!(got.text(), "kept");

    // What is streamed arrives while there is more to come.
    let mut watching = proxy.send("GET", "/v1/watch", "").await;
    watching.read_until("event: state").await;

    let large = "x".repeat(1 << 20);
    proxy.ask("POST", "/v1/queues/q/jobs", &large).await.expect(201);
    let got = proxy.ask("POST", "/v1/queues/q/get?ack=true", "").await.expect(200);
    assert_eq!(got.body.len(), large.len());

    // A page of the proxy's own name is no other site; one of another is.
    for (origin, status) in [(proxy.host(), 201), ("evil.example".to_owned(), 403)] {
        let mut raw = proxy.connect().await;
        let head =
            format!("Host: {}\r\nOrigin: http://{origin}\r\nContent-Length: 0", proxy.host());
        let message = format!("POST /v1/queues/other/jobs HTTP/1.1\r\n{head}\r\n\r\n");
        raw.send(message.as_bytes()).await.expect("the proxy reads");
        raw.hear().await.expect("an answer").expect(status);
    }
}

/// The same over TLS and HTTP/2.
async fn is_served_over_tls(proxy: &Proxy, server: &Server) {
    let get = "/v1/queues/tls/get?wait=40s&ack=true";
    let waits = async || proxy.curl(get, "", &[]).await;
    let puts = async || {
        server.until_waiting("queue", "tls", "get", 1).await;
        proxy.curl("/v1/queues/tls/jobs", "later", &[]).await
    };
    let (got, put) = tokio::join!(waits(), puts());
    assert_eq!((&*put.version, &*got.version), ("2", "2"));
    put.heard.expect(201);
    assert_eq!(got.heard.expect(200).text(), "later");

    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--noproxy", "*"]).args(proxy.curls(get, ""));
    let gone = Process::start(command);
    server.until_waiting("queue", "tls", "get", 1).await;
    drop(gone);
    server.until_waiting("queue", "tls", "get", 0).await;
    proxy.curl("/v1/queues/tls/jobs", "kept", &[]).await.heard.expect(201);
    assert_eq!(proxy.curl(get, "", &[]).await.heard.expect(200).text(), "kept");

    let own = format!("{NAME}:{}", proxy.ports.tls.port());
    for (origin, status) in [(&*own, 201), ("evil.example", 403)] {
        let origin = format!("Origin: https://{origin}");
        let heard = proxy.curl("/v1/queues/other/jobs", "", &["-H", &origin]).await.heard;
        heard.expect(status);
    }
}

/// All lines of a batch are answered, however it is sent.
async fn takes_batches(proxy: &Proxy) {
    let line = format!("{{\"body\":\"{}\"}}\n", "x".repeat(1_000));
    let (path, host) = ("/v1/queues/batch/jobs/batch", proxy.host());
    let begin = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n");
    for lines in [60, 300, 1_500] {
        let batch = line.repeat(lines);
        let head = format!("{begin}Content-Length: {}\r\n\r\n", batch.len());
        let whole = vec![head.into_bytes(), batch.clone().into_bytes()];
        let head = format!("{begin}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        let chunk =
            |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        let chunks = batch.as_bytes().chunks(16_000).map(chunk);
        let chunks = [vec![head], chunks.collect(), vec![b"0\r\n\r\n".to_vec()]].concat();
        for pieces in [whole, chunks] {
            let mut raw = proxy.connect().await;
            for piece in pieces {
                raw.send(&piece).await.expect("the proxy reads");
            }
            all_is_answered(raw.hear().await.expect("an answer"), lines);
        }
    }
}

fn all_is_answered(heard: Heard, lines: usize) {
    let told = heard.expect(200);
    let told = told.text().lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    // Not all of them have room, which is an answer as well.
    let statuses: Vec<_> = told.map(|told| told["status"].as_u64()).collect();
    assert!(statuses.iter().all(|status| [Some(201), Some(429)].contains(status)), "{statuses:?}");
    assert_eq!(statuses.len(), lines);
}

/// Each line is answered before the next is sent.
async fn answers_line_by_line(proxy: &Proxy) {
    let mut raw = proxy.connect().await;
    let head = format!("Host: {}\r\nTransfer-Encoding: chunked", proxy.host());
    let message = format!("POST /v1/queues/streamed/jobs/batch HTTP/1.1\r\n{head}\r\n\r\n");
    raw.send(message.as_bytes()).await.expect("the proxy reads");
    let line = b"d\r\n{\"body\":\"x\"}\n\r\n";
    raw.send(line).await.expect("the proxy reads");
    let told = raw.read_until("\"}\n").await;
    let number = told.split("/streamed/jobs/").nth(1).and_then(|rest| rest.split('"').next());
    let first: u64 = number.expect("a place").parse().expect("a job has a number");
    for number in first + 1..first + 3 {
        raw.send(line).await.expect("the proxy reads");
        raw.read_until(&format!("/streamed/jobs/{number}\"")).await;
    }
    raw.send(b"0\r\n\r\n").await.expect("the proxy reads");
    raw.hear().await.expect("an end").expect(200);
}

/// Without awaitd behind it a proxy says so, and it is found again when it is back.
async fn outlives(proxy: &Proxy, server: Server, listen: &str, folder: &Folder) {
    proxy.ask("POST", "/v1/queues/kept/jobs", "kept").await.expect(201);
    drop(server);
    let heard = proxy.ask("POST", "/v1/queues/kept/get", "").await;
    assert!([502, 503].contains(&heard.status), "{}", heard.shown());
    let _server = awaitd(listen, folder);
    until("awaitd is found again", async || proxy.ask("GET", "/readyz", "").await.status == 200)
        .await;
    let got = proxy.ask("POST", "/v1/queues/kept/get?ack=true", "").await.expect(200);
    assert_eq!(got.text(), "kept");
}

#[tokio::test]
async fn it_works_behind_nginx() {
    let Some(program) = tool("nginx") else { return };
    let (folder, listen) = (Folder::new(), free().to_string());
    let server = awaitd(&listen, &folder);
    let proxy = Proxy::nginx(&program, &folder, &listen).await;
    is_served(&proxy, &server).await;
    is_served_over_tls(&proxy, &server).await;
    takes_batches(&proxy).await;
    outlives(&proxy, server, &listen, &folder).await;
}

#[tokio::test]
async fn it_works_behind_haproxy() {
    let Some(program) = tool("haproxy") else { return };
    let (folder, listen) = (Folder::new(), free().to_string());
    let server = awaitd(&listen, &folder);
    let proxy = Proxy::haproxy(&program, &folder, &listen).await;
    is_served(&proxy, &server).await;
    is_served_over_tls(&proxy, &server).await;
    takes_batches(&proxy).await;
    answers_line_by_line(&proxy).await;
    outlives(&proxy, server, &listen, &folder).await;
}

#[tokio::test]
async fn it_works_behind_caddy() {
    let Some(program) = tool("caddy") else { return };
    let (folder, listen) = (Folder::new(), free().to_string());
    let server = awaitd(&listen, &folder);
    let proxy = Proxy::caddy(&program, &folder, &listen).await;
    is_served(&proxy, &server).await;
    is_served_over_tls(&proxy, &server).await;
    takes_batches(&proxy).await;
    outlives(&proxy, server, &listen, &folder).await;
}
