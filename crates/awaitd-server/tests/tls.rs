//! TLS on a socket: who is heard, and what a change of certificates costs, which is nothing.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::time::SystemTime;

use awaitd_server::access::{Access, Book, Entry};
use awaitd_server::tls::{Files, Tls};
use awaitd_server::{Clock, Config, Listener, Server};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for this name, and its key, as PEM.
fn signed(by: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

/// A folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("awaitd-tls-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, (certificate, key): &(String, String)) {
    fs::write(folder.join("key.pem"), key).unwrap();
    fs::write(folder.join("cert.pem"), certificate).unwrap();
}

fn files(folder: &Path) -> Files {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    Files { certificate, key, client_ca: None }
}

fn start(tls: Tls) -> SocketAddr {
    start_as(Config::default(), tls)
}

fn start_as(config: Config, tls: Tls) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(config, Clock::manual());
    let listener = Listener::Tls(listener, tls);
    tokio::spawn(async { server.serve(listener, std::future::pending()).await.unwrap() });
    address
}

/// What a client has that trusts this authority, and maybe is somebody.
fn client(trusted: &Authority, who: Option<&(String, String)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match who {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

async fn connect(
    to: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, TcpStream::connect(to).await?).await
}

/// The answer to a request on a connection of its own.
async fn ask(
    to: SocketAddr,
    config: &Arc<ClientConfig>,
    request: &[u8],
) -> std::io::Result<String> {
    let mut stream = connect(to, config).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A put and a get are the same over TLS, and whoever does not speak it is not left hanging.
#[tokio::test]
async fn jobs_go_over_tls() {
    let (authority, folder) = (authority(), folder("jobs"));
    write(&folder, &signed(&authority, "localhost"));
    let to = start(Tls::load(files(&folder)).unwrap());
    let client = client(&authority, None);

    let put = b"POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let answer = ask(to, &client, put).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let get = b"POST /v1/queues/q/get HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let answer = ask(to, &client, get).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");

    let mut plain = TcpStream::connect(to).await.unwrap();
    plain.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    // It may be a reset: what was sent was not all read.
    _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    fs::remove_dir_all(folder).unwrap();
}

/// With an authority for clients only those are heard whom it has signed.
#[tokio::test]
async fn a_client_needs_a_certificate() {
    let (authority, theirs, folder) = (authority(), self::authority(), folder("client"));
    write(&folder, &signed(&authority, "localhost"));
    fs::write(folder.join("ca.pem"), theirs.pem()).unwrap();
    let client_ca = Some(folder.join("ca.pem"));
    let to = start(Tls::load(Files { client_ca, ..files(&folder) }).unwrap());

    let known = client(&authority, Some(&signed(&theirs, "worker.example")));
    let answer = ask(to, &known, GET).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let strange = client(&authority, Some(&signed(&authority, "worker.example")));
    for config in [strange, client(&authority, None)] {
        assert!(ask(to, &config, GET).await.is_err());
    }
    fs::remove_dir_all(folder).unwrap();
}

/// A certificate that the file of tokens names allows what stands there, and one that it does not name nothing.
#[tokio::test]
async fn a_certificate_is_as_good_as_a_token() {
    let (authority, folder) = (authority(), folder("identity"));
    write(&folder, &signed(&authority, "localhost"));
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let tokens = folder.join("tokens");
    let allow = vec!["queue:mail:put".parse().unwrap()];
    Book::edit(&tokens, |book| {
        let now = SystemTime::UNIX_EPOCH;
        book.entries.push(Entry::of_certificate("mail", "worker.example", allow, now, None));
        Ok(())
    })
    .unwrap();
    let access = Arc::new(Access::at(&tokens).unwrap());
    let client_ca = Some(folder.join("ca.pem"));
    let tls = Tls::load(Files { client_ca, ..files(&folder) }).unwrap();
    let to = start_as(Config { access, ..Config::default() }, tls);

    for (name, queue, status) in [
        ("worker.example", "mail", 201),
        ("worker.example", "other", 403),
        ("else.example", "mail", 401),
    ] {
        let client = client(&authority, Some(&signed(&authority, name)));
        let put = format!(
            "POST /v1/queues/{queue}/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let answer = ask(to, &client, put.as_bytes()).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{name} {queue}: {answer}");
    }
    fs::remove_dir_all(folder).unwrap();
}

/// New certificates are used once they are there, and requests that come meanwhile are all answered; a pair
/// that does not fit changes nothing.
#[tokio::test]
async fn certificates_change_under_load() {
    let (old, new, folder) = (authority(), authority(), folder("reload"));
    write(&folder, &signed(&old, "localhost"));
    let tls = Tls::load(files(&folder)).unwrap();
    let to = start(tls.clone());
    let (trusts_old, trusts_new) = (client(&old, None), client(&new, None));
    let mut kept = connect(to, &trusts_old).await.unwrap();

    // The key of another.
    fs::write(folder.join("key.pem"), signed(&old, "localhost").1).unwrap();
    tls.reload();
    assert!(ask(to, &trusts_old, GET).await.unwrap().starts_with("HTTP/1.1 200"));

    write(&folder, &signed(&new, "localhost"));
    // Nobody says that they changed.
    while connect(to, &trusts_new).await.is_err() {
        let answer = ask(to, &trusts_old, GET).await;
        // It may have changed between the two.
        assert!(answer.is_ok() || connect(to, &trusts_new).await.is_ok(), "{answer:?}");
    }
    kept.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    kept.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    fs::remove_dir_all(folder).unwrap();
}
