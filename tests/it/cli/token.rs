//! `token create`, `token list`, `token revoke`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use awaitd_tests::{Data, Folder, binary, until};
use serde_json::{Value, json};

/// `awaitd token` with these arguments, for this file.
fn token(file: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("token").args(args).arg("--tokens").arg(file);
    command.output().expect("the binary runs")
}

#[track_caller]
fn well(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

fn list(file: &Path) -> Vec<Value> {
    let lines = well(token(file, &["list", "--json"]));
    lines.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// A token is told once, and only a hash of it is kept, where nobody else can read.
#[test]
fn a_token_is_told_once() {
    let folder = Folder::new();
    let file = folder.path().join("tokens");
    let mails = ["--name", "ci", "--allow", "queue:emails-*:put,get", "--allow", "server:*:look"];
    let created = token(&file, &[&["create"], &mails[..], &["--expires", "90d"]].concat());
    let complaints = String::from_utf8_lossy(&created.stderr).into_owned();
    let secret = well(created);
    assert!(secret.starts_with("awd_") && secret.ends_with('\n'), "{secret:?}");
    let secret = secret.trim();
    let kept = fs::read_to_string(&file).expect("it is there");
    let table = well(token(&file, &["list"]));
    let listed = well(token(&file, &["list", "--json"]));
    for text in [&complaints, &kept, &table, &listed] {
        assert!(!text.contains(&secret[4..]), "{text}");
    }
    let hash = serde_json::from_str::<Value>(&kept).expect("a line of JSON")["hash"].clone();
    let hash = hash.as_str().expect("a hash").to_owned();
    assert!(!table.contains(&hash) && !listed.contains(&hash), "{table}{listed}");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let entry = list(&file).pop().expect("it is listed");
    assert_eq!(
        (&entry["name"], &entry["allow"], &entry["expired"], &entry["certificate"]),
        (
            &json!("ci"),
            &json!(["queue:emails-*:put,get", "server:*:look"]),
            &json!(false),
            &Value::Null
        )
    );
    let id = entry["id"].as_str().expect("an id");
    assert!(hash.starts_with(id) && complaints.contains(id), "{entry} {complaints}");
    let moments = [&entry["created"], &entry["expires"]].map(|it| it.as_str().expect("a time"));
    assert!(moments[0] < moments[1] && table.contains(moments[1]), "{entry} {table}");

    let again = token(&file, &["create", "--name", "ci", "--allow", "*:*:*"]);
    assert_eq!((again.status.code(), &*again.stdout), (Some(1), &b""[..]), "{again:?}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), kept, "it was changed");
}

/// Who connects with a certificate of a name needs no token, and none is made.
#[test]
fn a_certificate_is_let_in_by_its_name() {
    let folder = Folder::new();
    let file = folder.path().join("tokens");
    let args = ["create", "--name", "ci", "--allow", "*:*:*", "--certificate", "ci.example"];
    assert_eq!(well(token(&file, &args)), "");
    let entry = list(&file).pop().expect("it is listed");
    let whose = (&entry["certificate"], &entry["id"], &entry["expires"]);
    assert_eq!(whose, (&json!("ci.example"), &Value::Null, &Value::Null));
    assert!(well(token(&file, &["list"])).contains("certificate ci.example"));
}

/// By its name or its id; who is not there, is not revoked.
#[test]
fn tokens_are_revoked() {
    let folder = Folder::new();
    let file = folder.path().join("tokens");
    let none = token(&file, &["revoke", "one"]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(!file.exists(), "a file without tokens lets nobody in");
    for name in ["one", "two", "three"] {
        well(token(&file, &["create", "--name", name, "--allow", "lock:*:get"]));
    }
    let id = list(&file)[1]["id"].as_str().expect("an id").to_owned();
    well(token(&file, &["revoke", "one"]));
    well(token(&file, &["revoke", &id]));
    let left = list(&file);
    assert_eq!((left.len(), &left[0]["name"]), (1, &json!("three")));
    assert_eq!(token(&file, &["revoke", "one"]).status.code(), Some(1));
    let last = token(&file, &["revoke", "three"]);
    assert!(String::from_utf8_lossy(&last.stderr).contains("nobody gets in"), "{last:?}");
    assert_eq!((list(&file), file.exists()), (vec![], true));
}

/// Two who edit at one time do not undo each other's work.
#[test]
fn edits_at_one_time_are_all_done() {
    let folder = Folder::new();
    let file = folder.path().join("tokens");
    let names: Vec<_> = (0..16).map(|number| format!("t{number}")).collect();
    thread::scope(|scope| {
        for name in &names {
            let file = &file;
            scope.spawn(move || {
                well(token(file, &["create", "--name", name, "--allow", "*:*:look"]));
            });
        }
    });
    let mut made: Vec<_> = list(&file)
        .iter()
        .map(|entry| entry["name"].as_str().expect("a name").to_owned())
        .collect();
    made.sort_by_key(|name| name[1..].parse::<u32>().expect("a number"));
    assert_eq!(made, names);
}

/// What is said wrongly makes no token, and what is wrong in the file is left to its owner.
#[test]
fn what_is_wrong_is_refused() {
    let folder = Folder::new();
    let file = folder.path().join("tokens");
    let good = ["create", "--name", "ci", "--allow", "*:*:*"];
    for args in [
        &["create", "--name", "ci"][..],
        &["create", "--allow", "*:*:*"],
        &["create", "--name", "c i", "--allow", "*:*:*"],
        &["create", "--name", "ci", "--allow", "queue:q:eat"],
        &[&good[..], &["--expires", "0s"]].concat(),
        &[&good[..], &["--expires", "soon"]].concat(),
    ] {
        let output = token(&file, args);
        assert_eq!((output.status.code(), file.exists()), (Some(2), false), "{args:?} {output:?}");
    }
    fs::write(&file, "nonsense\n").expect("the folder is ours");
    let damaged = token(&file, &good);
    assert_eq!(damaged.status.code(), Some(65), "{damaged:?}");
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("line 1"), "{damaged:?}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "nonsense\n");
    let nowhere = token(&folder.path().join("none/tokens"), &good);
    assert_eq!(nowhere.status.code(), Some(74), "{nowhere:?}");
}

/// Tokens can be made before the server is first started, and a running one hears of each.
#[tokio::test]
async fn a_server_hears_of_tokens() {
    let data = Data::new();
    let dir = data.dir().to_str().expect("ASCII");
    let token = |args: &[&str]| {
        let args = [&["token"], args, &["--data-dir", dir]].concat();
        well(Command::new(binary()).args(args).output().expect("the binary runs"))
    };
    token(&["create", "--name", "one", "--allow", "*:*:*"]);
    let server = data.start(&[]);
    let log = server.log();
    assert!(log.contains("read the tokens") && log.contains("\"tokens\":1"), "{log}");
    token(&["create", "--name", "two", "--allow", "*:*:*"]);
    until("it knows of two", async || server.log().contains("\"tokens\":2")).await;
    token(&["revoke", "one"]);
    token(&["revoke", "two"]);
    until("it knows of none", async || server.log().contains("\"tokens\":0")).await;
}
