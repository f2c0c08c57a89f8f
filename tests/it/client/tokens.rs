//! What a client shows to be let in, and that nobody else sees it.

use std::fs;
use std::process::{Command, Output, Stdio};

use awaitd_client::{Client, Code, Error};
use awaitd_tests::{Folder, binary};

use super::peer::Reply::{self, Says};
use super::peer::{Heard, Peer};

const READY: Reply = Says(200, &[], "");
const UNKNOWN: Reply =
    Says(401, &[], r#"{"title": "Who asks?", "code": "unauthorized", "detail": "no token"}"#);
const FORBIDDEN: Reply =
    Says(403, &[], r#"{"title": "No", "code": "forbidden", "detail": "ci may not"}"#);

/// What each request showed, `-` if nothing.
fn shown(heard: Vec<Heard>) -> Vec<String> {
    heard.into_iter().map(|heard| heard.authorization.unwrap_or("-".into())).collect()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// With each request, whatever it is, and to nobody else.
#[tokio::test]
async fn a_token_is_shown_to_the_server_alone() {
    let done = Says(200, &[], "{\"status\":201,\"location\":\"/v1/queues/q/jobs/7\"}\n");
    let peer =
        Peer::start([READY, Says(201, &[("location", "/v1/queues/q/jobs/7")], ""), done]).await;
    let client = Client::with_token(&peer.url, "awd_secret").expect("an address");
    client.ready().await.expect("an answer");
    client.queue("q").put("x").await.expect("an answer");
    client.queue("q").put_many(["x"]).await.expect("an answer");
    // Whatever is in chunks, this peer takes for another request.
    let shown: Vec<_> = shown(peer.heard()).into_iter().take(3).collect();
    assert_eq!(shown, [(); 3].map(|()| bearer("awd_secret")));
    let builder = Client::builder(&peer.url).token("awd_secret").expect("a token");
    assert!(!format!("{client:?} {builder:?}").contains("secret"), "{client:?} {builder:?}");
}

/// A refusal is told as such, and asked no more often.
#[tokio::test]
async fn refusals_have_codes() {
    let peer = Peer::start([UNKNOWN, FORBIDDEN]).await;
    let client = Client::with_token(&peer.url, "awd_secret").expect("an address");
    for (code, status) in [(Code::Unauthorized, 401), (Code::Forbidden, 403)] {
        let error = client.ready().await.expect_err("it is refused");
        let problem = error.problem().expect("a refusal");
        assert_eq!((problem.code, problem.status), (code, status));
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    assert_eq!(peer.heard().len(), 2);
}

/// A token can be replaced while the program runs: the file is read again when what was in it is not known any more.
#[tokio::test]
async fn a_file_is_read_again_when_its_token_is_unknown() {
    let folder = Folder::new();
    let file = folder.path().join("token");
    fs::write(&file, "awd_old\n").expect("the folder is ours");
    let peer = Peer::start([READY, UNKNOWN, READY, UNKNOWN]).await;
    let client = Client::builder(&peer.url).token_file(&file).build().expect("a token");
    client.ready().await.expect("the old one is good");
    fs::write(&file, "awd_new\r\n").expect("the folder is ours");
    client.ready().await.expect("the new one is good");
    let error = client.ready().await.expect_err("there is no newer one");
    assert_eq!(error.code(), Some(Code::Unauthorized));
    let all = ["awd_old", "awd_old", "awd_new", "awd_new"].map(bearer);
    assert_eq!(shown(peer.heard()), all);

    fs::write(&file, "two\nlines").expect("the folder is ours");
    for file in [file, folder.path().join("none")] {
        let error = Client::builder(&peer.url).token_file(&file).build().expect_err("no token");
        let Error::Input(why) = &error else { panic!("{error:?}") };
        assert!(why.contains(&file.display().to_string()) && !why.contains("lines"), "{why}");
    }
}

async fn awaitd(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = tokio::process::Command::from(Command::new(binary()));
    command.args(args).env_remove("AWAITD_TOKEN").env_remove("AWAITD_TOKEN_FILE");
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    command.output().await.expect("the binary runs")
}

/// The commands take it from the environment, where no other user of the machine sees it.
#[tokio::test]
async fn commands_take_it_from_the_environment() {
    let folder = Folder::new();
    fs::write(folder.path().join("token"), "awd_filed\n").expect("the folder is ours");
    let file = folder.inside("token");
    let peer = Peer::start([READY, READY, READY, UNKNOWN, FORBIDDEN, FORBIDDEN]).await;
    let url = ("AWAITD_URL", peer.url.as_str());
    for (said, shows) in [
        (&[("AWAITD_TOKEN", "awd_said")][..], bearer("awd_said")),
        (&[("AWAITD_TOKEN_FILE", &file)], bearer("awd_filed")),
        (&[("AWAITD_TOKEN", ""), ("AWAITD_TOKEN_FILE", "")], "-".into()),
    ] {
        let ran = awaitd(&["health"], &[said, &[url]].concat()).await;
        assert!(ran.status.success(), "{ran:?}");
        assert_eq!(shown(peer.heard()).pop(), Some(shows), "{said:?}");
    }
    let secret = ("AWAITD_TOKEN", "awd_secret");
    let codes = [("health", 1), ("health", 1), ("check", 3)];
    for (command, code) in codes {
        let ran = awaitd(&[command], &[secret, url]).await;
        let said = String::from_utf8_lossy(&ran.stderr) + String::from_utf8_lossy(&ran.stdout);
        assert_eq!(ran.status.code(), Some(code), "{said}");
        assert!(said.contains("no token") || said.contains("ci may not"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let both = awaitd(&["health"], &[secret, ("AWAITD_TOKEN_FILE", &file), url]).await;
    let said = String::from_utf8_lossy(&both.stderr);
    assert_eq!((both.status.code(), said.contains("both set")), (Some(2), true), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(peer.heard().len(), 6);
}
