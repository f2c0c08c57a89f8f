//! `config show`, and variables that nobody reads.

use std::process::{Command, Output};

use awaitd_tests::{Folder, Server, binary};
use serde_json::Value;

use super::awaitd;
use crate::tidy::read;

/// `awaitd` with these arguments in this environment, and no other variable of ours.
fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWAITD_") {
            command.env_remove(name);
        }
    }
    command.args(args).envs(variables.iter().copied());
    command.output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("it is text")
}

/// Every setting is shown with what holds and who said it: a flag before the environment before the default.
#[test]
fn every_setting_is_shown_with_its_source() {
    let variables = [("AWAITD_MAX_WAIT", "2m"), ("AWAITD_MAX_BODY", "3"), ("AWAITD_MEMORY", "yes")];
    let args = ["config", "show", "--max-body", "4", "--no-auto-create"];
    let table = said(&run(&args, &variables));
    let shown = |name: &str| {
        let line = table.lines().find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("no {name}: {table}"));
        line.split("  ").filter(|part| !part.is_empty()).map(str::trim).collect::<Vec<_>>()
    };
    assert_eq!(shown("max-wait"), ["max-wait", "2m", "environment, AWAITD_MAX_WAIT"]);
    assert_eq!(shown("max-body"), ["max-body", "4", "flag"]);
    assert_eq!(shown("no-auto-create"), ["no-auto-create", "true", "flag"]);
    assert_eq!(shown("memory"), ["memory", "true", "environment, AWAITD_MEMORY"]);
    assert_eq!(shown("listen"), ["listen", "127.0.0.1:29248", "default"]);
    let connections = shown("max-connections");
    assert!(connections[1].ends_with("the open files that the system allows if that is less"));
    assert_eq!(connections[2], "default");
    let budget = shown("memory-budget");
    assert!(budget[1].starts_with("a quarter of the machine's memory"), "{budget:?}");

    let document = said(&run(&[&args[..], &["--json"]].concat(), &variables));
    let document: Vec<Value> = serde_json::from_str(&document).expect("it is JSON");
    let wait = document.iter().find(|setting| setting["name"] == "max-wait").expect("it is there");
    let whole = serde_json::json!({
        "name": "max-wait", "value": "2m", "source": "environment", "variable": "AWAITD_MAX_WAIT"
    });
    assert_eq!(*wait, whole);
    // All that the help of `serve` offers, which the README's table is held against.
    let page = read("README.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `--"));
    let offered: Vec<_> = rows.filter_map(|row| row.split([' ', '`']).next()).collect();
    assert!(offered.len() > 10, "{offered:?}");
    for name in offered {
        assert!(document.iter().any(|setting| setting["name"] == name), "{name}");
    }
}

/// What `serve` would refuse is refused here, too.
#[test]
fn what_serve_would_refuse_is_refused() {
    for (args, variables) in [
        (&["--max-body", "1GiB"][..], &[][..]),
        (&["--unheard-of"], &[]),
        (&[], &[("AWAITD_MAX_WAIT", "soon")]),
        (&[], &[("AWAITD_LISTN", "0.0.0.0:1")]),
    ] {
        let ran = run(&[&["config", "show"], args].concat(), variables);
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{args:?} {variables:?}");
    }
}

/// A variable that is misspelt is a setting that does not hold: the server does not start without it.
#[test]
fn a_misspelt_variable_is_an_error() {
    let folder = Folder::new();
    let data = folder.inside("data");
    let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let failed = Server::run(&args, &[("AWAITD_MAX_MEMROY", "1GiB")]);
    let failed = failed.map(|_| ()).expect_err("it is misspelt");
    assert_eq!(failed.code, Some(2), "{failed:?}");
    let meant = "AWAITD_MAX_MEMROY is none that awaitd knows; is AWAITD_MAX_MEMORY meant?";
    assert!(failed.log.contains(meant), "{}", failed.log);
    assert!(!folder.path().join("data").exists(), "it began");
}

/// A server that is started where other things of ours run is not held up by their variables.
#[tokio::test]
async fn what_our_own_commands_set_is_known() {
    let server = Server::start();
    let client = server.client();
    let configured = r#"{"max_attempts": 1, "dead_letter": "dead"}"#;
    client.put("/v1/queues/q", configured).await.expect(201);
    let put = client.post("/v1/queues/q/jobs?key=k", "x").header("Job-Tenant", "t");
    put.await.expect(201);
    let lease = client.post("/v1/queues/q/get", "").await.expect(200).location();
    client.post(&format!("{lease}/nack"), "").await.expect(204);
    client.put("/v1/semaphores/s", r#"{"permits": 1}"#).await.expect(201);
    let show = ["--", binary().to_str().expect("UTF-8"), "config", "show"];
    for args in [&["lock", "l"][..], &["semaphore", "s"]] {
        awaitd(&server, &[args, &show].concat()).await.well();
    }
    client.post("/v1/queues/dead/shutdown", "").await.expect(200);
    let worked = awaitd(&server, &[&["worker", "dead"], &show[..]].concat()).await.well();
    assert!(worked.out.contains("max-wait"), "{worked:?}");
    let dead = client.get("/v1/queues/dead").await.expect(200).json();
    assert_eq!(
        (&dead["unfinished"], &dead["dead"]),
        (&0.into(), &0.into()),
        "it failed: {worked:?}"
    );
}
