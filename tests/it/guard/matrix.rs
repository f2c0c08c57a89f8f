//! Where a server listens, whether there are tokens, whether it speaks TLS, whether its operator allows all: each of
//! these with each. Whether it starts, and whom it hears then.

use std::process::{Command, Stdio};

use awaitd_tests::{Ended, Folder, Process, attentive, binary, until};

use crate::cli::reach::certify;

/// What a client has besides a token.
enum Shows {
    Nothing,
    Trust,
    Certificate,
}

/// What stands beside the servers.
struct Around {
    folder: Folder,
    token: String,
}

impl Around {
    fn new() -> Self {
        let folder = Folder::new();
        certify(&folder, "localhost");
        // Who vouches for the server vouches for this client, too.
        let both = ["cert.pem", "key.pem"].map(|name| {
            std::fs::read_to_string(folder.path().join(name)).expect("it has just been written")
        });
        std::fs::write(folder.path().join("client.pem"), both.concat()).expect("there is room");
        let mut create = Command::new(binary());
        create.args(["token", "create", "-n", "t", "-a", "*:*:*", "--tokens"]);
        let made = create.arg(folder.inside("tokens")).output().expect("the binary runs");
        let token = String::from_utf8(made.stdout).expect("a token is text").trim().to_owned();
        assert!(token.starts_with("awd_"), "{token}");
        Self { folder, token }
    }

    /// A server there hears who has a token, and others only if it is open; by TLS, if it speaks that, and with a
    /// certificate, if it wants one.
    async fn is_heard(&self, at: &str, shows: &Shows, open: bool, args: &[&str]) {
        let file = |name: &str| self.folder.inside(name);
        let (ca, client) = (file("ca.pem"), file("client.pem"));
        let trust = ["--tls-ca", &*ca];
        let files = match shows {
            Shows::Nothing => &[][..],
            Shows::Trust => &trust,
            Shows::Certificate => &["--tls-ca", &*ca, "--tls-client", &client],
        };
        // The name that is in the certificate.
        let url = at.replace("127.0.0.1", "localhost").replace("0.0.0.0", "localhost");
        let token = Some(&*self.token);
        assert_eq!(self.put(&url, files, None).await, i32::from(!open), "{args:?}: no token");
        assert_eq!(self.put(&url, files, token).await, 0, "{args:?}: a token");
        if !matches!(shows, Shows::Nothing) {
            let plain = url.replace("https", "http");
            assert_eq!(self.put(&plain, &[], token).await, 69, "{args:?}: no TLS");
        }
        if matches!(shows, Shows::Certificate) {
            assert_eq!(self.put(&url, &trust, token).await, 69, "{args:?}: no certificate");
        }
    }

    /// What a client comes to that puts a job, with such files and variables.
    async fn put(&self, url: &str, shows: &[&str], token: Option<&str>) -> i32 {
        let mut command = attentive(binary());
        command.args(["put", "q", "job", "--retry", "0s", "--url", url]).args(shows);
        command.env_remove("AWAITD_TOKEN").stdin(Stdio::null());
        if let Some(token) = token {
            command.env("AWAITD_TOKEN", token);
        }
        Process::start(command).end().await.code
    }
}

/// Where a server listens that was started so; or how it ended, which is at once.
async fn started(args: &[&str]) -> Result<(Process, String), Ended> {
    let mut command = attentive(binary());
    command.args(["serve", "--memory"]).args(args);
    let process = Process::start(command);
    let mut told = String::new();
    until("it listens, or ends", async || {
        told = process.complaints();
        // What is said after it, so that all of it is there.
        told.contains("try: curl") || told.starts_with("awaitd: ")
    })
    .await;
    let Some((_, at)) = told.split_once("listening on ") else { return Err(process.end().await) };
    let at = at.split('"').next().expect("a text has a first part").to_owned();
    Ok((process, at))
}

#[tokio::test]
async fn each_place_with_tokens_or_without_with_tls_or_without() {
    let around = Around::new();
    let file = |name: &str| around.folder.inside(name);
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let (tokens, socket) = (file("tokens"), format!("unix:{}", file("s.sock")));
    let encrypted = ["--tls-cert", &*cert, "--tls-key", &key];
    let certified = [&encrypted[..], &["--tls-client-ca", &ca]].concat();
    let mut seen = [0, 0];
    for (place, beyond) in [("127.0.0.1:0", false), ("0.0.0.0:0", true), (&*socket, false)] {
        for tls in [&[][..], &encrypted, &certified] {
            for known in [&[][..], &["--tokens", &tokens]] {
                for all in [&[][..], &["--allow-anonymous"]] {
                    let args = [&["--listen", place][..], tls, known, all].concat();
                    let (unix, open) = (place == socket, known.is_empty());
                    // TLS hides what is said, not who may say it: it is no reason to start.
                    let starts = (!beyond || !open || !all.is_empty()) && (!unix || tls.is_empty());
                    let process = started(&args).await;
                    seen[usize::from(starts)] += 1;
                    let (process, at) = match process {
                        Ok(process) if starts => process,
                        Err(ended) if !starts => {
                            assert_eq!(ended.code, 1, "{args:?}: {ended:?}");
                            continue;
                        }
                        other => panic!("{args:?}: {other:?}"),
                    };
                    let warned = process.complaints().contains("may do everything");
                    assert_eq!(warned, beyond && open, "{args:?}");
                    let shows = if tls.is_empty() { Shows::Nothing } else { Shows::Trust };
                    let shows = if tls == certified { Shows::Certificate } else { shows };
                    around.is_heard(&at, &shows, open, &args).await;
                }
            }
        }
    }
    assert_eq!(seen, [11, 25], "some are refused, some are not");
}
