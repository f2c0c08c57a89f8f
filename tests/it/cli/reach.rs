//! Servers that are not asked by plain HTTP: over TLS, and at the file of a socket.

use std::fs;
use std::process::Stdio;

use awaitd_tests::{Folder, Process, Ran, attentive, binary};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::process::Command;

use super::ended;

fn serve(args: &[&str]) -> Process {
    let mut command = attentive(binary());
    command.args(["serve", "--memory", "--log-format", "json"]).args(args);
    Process::start(command)
}

/// A command for the server at this URL, which it tries for a while.
async fn ask(url: &str, args: &[&str]) -> Ran {
    ask_for("20s", url, args).await
}

async fn ask_for(long: &str, url: &str, args: &[&str]) -> Ran {
    let mut command = Command::from(attentive(binary()));
    command.args(args).args(["--retry", long, "--url", url]).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(command.spawn().expect("the binary runs")).await
}

/// Commands ask at a socket as they ask over a network.
#[tokio::test]
async fn a_socket_is_asked_by_its_path() {
    let folder = Folder::new();
    let url = format!("unix:{}", folder.inside("awaitd.sock"));
    let _server = serve(&["--listen", &url]);
    let put = ask(&url, &["put", "mail", "hello"]).await;
    assert_eq!(put.exit, 0, "{put:?}");
    let got = ask(&url, &["get", "mail"]).await;
    assert_eq!((got.exit, &*got.out), (0, "hello"), "{got:?}");
}

/// Puts `cert.pem` and `key.pem` of a server of this name into a folder, and with `ca.pem` who vouches for it.
pub(crate) fn certify(folder: &Folder, name: &str) {
    let file = |name: &str| folder.inside(name);
    let mut authority = CertificateParams::new(Vec::new()).expect("no name is no bad name");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("there is randomness");
    let vouches = authority.self_signed(&key).expect("it signs");
    fs::write(file("ca.pem"), vouches.pem()).expect("there is room");
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("there is randomness");
    let mut named = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
    // Else it is called as the authority is, and OpenSSL takes it for its own.
    named.distinguished_name.push(DnType::CommonName, name);
    let signed = named.signed_by(&key, &issuer).expect("it signs");
    fs::write(file("cert.pem"), signed.pem()).expect("there is room");
    fs::write(file("key.pem"), key.serialize_pem()).expect("there is room");
}

/// Over TLS a server is who the given authority says it is, and nobody else.
#[tokio::test]
async fn a_server_proves_who_it_is() {
    let folder = Folder::new();
    let file = |name: &str| folder.inside(name);
    certify(&folder, "localhost");
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let server = serve(&["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key]);
    server.complains("listening on https://").await;
    let log = server.complaints();
    let port = log.split("https://127.0.0.1:").nth(1).and_then(|rest| rest.split('"').next());
    let url = format!("https://localhost:{}", port.expect("it says where it listens"));

    let ca = file("ca.pem");
    let put = ask(&url, &["put", "mail", "hello", "--tls-ca", &ca]).await;
    assert_eq!(put.exit, 0, "{put:?}");
    let known = ask(&url, &["health", "--tls-ca", &ca]).await;
    assert_eq!(known.exit, 0, "{known:?}");
    let unknown = ask_for("0s", &url, &["health"]).await;
    assert_eq!(unknown.exit, 69, "nobody whom the system trusts vouches for it: {unknown:?}");
    assert!(unknown.complaints.contains("--tls-ca"), "it is running there: {unknown:?}");
    let plain = ask_for("0s", &url.replace("https", "http"), &["health"]).await;
    assert_eq!(plain.exit, 69, "{plain:?}");
    assert!(plain.complaints.contains("is it at https://?"), "{plain:?}");
    let wrong = ask(&url, &["health", "--tls-ca", &file("none.pem")]).await;
    assert!(wrong.exit != 0 && wrong.complaints.contains("none.pem"), "{wrong:?}");
}

/// A server that lets in who has a certificate is asked by whoever shows one, as whom that names.
#[tokio::test]
async fn who_asks_proves_it_where_a_server_wants_that() {
    let folder = Folder::new();
    let file = |name: &str| folder.inside(name);
    certify(&folder, "localhost");
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    // Who vouches for the server vouches for this client, too.
    let both = [&cert, &key].map(|file| fs::read_to_string(file).expect("it is there"));
    fs::write(file("client.pem"), both.concat()).expect("there is room");
    let tokens = file("tokens");
    let only = ["token", "create", "-n", "c", "-a", "queue:mail:put", "--certificate", "localhost"];
    let made = Command::new(binary()).args(only).args(["--tokens", &tokens]).status();
    assert!(made.await.expect("the binary runs").success());
    let secured = ["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
    let wants = ["--tls-client-ca", &ca, "--tokens", &tokens];
    let server = serve(&[&secured[..], &wants].concat());
    server.complains("listening on https://").await;
    let log = server.complaints();
    let port = log.split("https://127.0.0.1:").nth(1).and_then(|rest| rest.split('"').next());
    let url = format!("https://localhost:{}", port.expect("it says where it listens"));

    let shown = ["--tls-ca", &ca, "--tls-client", &file("client.pem")];
    let put = ask(&url, &[&["put", "mail", "hello"][..], &shown].concat()).await;
    assert_eq!(put.exit, 0, "{put:?}");
    let other = ask(&url, &[&["put", "other", "hello"][..], &shown].concat()).await;
    assert_eq!(other.exit, 1, "that is all that he may: {other:?}");
    let nobody = ask_for("0s", &url, &["health", "--tls-ca", &ca]).await;
    assert_eq!(nobody.exit, 69, "{nobody:?}");
    assert!(nobody.complaints.contains("--tls-client"), "{nobody:?}");
    let keyless = ask(&url, &["health", "--tls-ca", &ca, "--tls-client", &cert]).await;
    assert_eq!(keyless.exit, 2, "{keyless:?}");
}
