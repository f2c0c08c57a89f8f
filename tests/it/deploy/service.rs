//! The service of systemd: systemd itself reads it, and says how little it may do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use awaitd_tests::{Folder, Server, binary, package, until};

use crate::tidy::{read, root};

/// What systemd-analyze says of units, which it has to like.
fn analyze(args: &[&str], units: &[PathBuf]) -> Option<String> {
    let systemd = package("systemd", "systemd-analyze")?;
    let output = Command::new(systemd).args(args).args(units).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "systemd-analyze {args:?}: {said}");
    Some(said)
}

/// The units, with the program where it is on this machine.
fn units(folder: &Path) -> Vec<PathBuf> {
    let there = binary().to_str().expect("the tests lie where names are text");
    let copy = |name: &str| {
        let unit = read(format!("deploy/systemd/{name}")).replace("/usr/bin/awaitd", there);
        let path = folder.join(name);
        fs::write(&path, unit).expect("the folder is ours");
        path
    };
    ["awaitd.service", "awaitd.socket"].map(copy).to_vec()
}

/// Every line of the units means something to systemd.
#[test]
fn systemd_takes_the_units() {
    let folder = Folder::new();
    // What is wrong with other units of this machine is not ours.
    let args = ["verify", "--man=no", "--recursive-errors=no"];
    let Some(said) = analyze(&args, &units(folder.path())) else { return };
    let ours: Vec<_> = said.lines().filter(|line| line.contains("awaitd.s")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

/// 10 is a service that may do all, 0 one that may do nothing; untouched ones have more than 9.
#[test]
fn the_service_may_do_little() {
    let unit = root().join("deploy/systemd/awaitd.service");
    let args = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let Some(said) = analyze(&args, &[unit]) else { return };
    let overall = said.lines().find(|line| line.contains("Overall exposure"));
    println!("{}", overall.expect("systemd-analyze says what it thinks"));
}

/// The variables of the file of options are options, and the socket is where the server listens.
#[test]
fn the_files_name_what_the_server_knows() {
    let help = Command::new(binary()).args(["serve", "--help"]).output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let options = read("deploy/systemd/awaitd.default");
    let set = options.lines().filter_map(|line| line.strip_prefix("#AWAITD_"));
    let names: Vec<_> = set.filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(!names.is_empty(), "the file names no option");
    for name in names {
        assert!(help.contains(&format!("[env: AWAITD_{name}=")), "AWAITD_{name} is no option");
    }
    let socket = read("deploy/systemd/awaitd.socket");
    let (_, rest) = socket.split_once("\nListenStream=").expect("the socket listens");
    let address = rest.lines().next().expect("it says where");
    assert!(help.contains(&format!("[default: {address}]")), "the server listens elsewhere");
    let unit = read("deploy/systemd/awaitd.service");
    assert!(unit.contains("\nEnvironmentFile=-/etc/default/awaitd\n"), "nobody reads the options");
}

/// What systemd runs is in the package, or on every machine.
#[test]
fn the_service_runs_what_is_there() {
    let unit = read("deploy/systemd/awaitd.service");
    let runs = unit.lines().filter_map(|line| line.strip_prefix("Exec")?.split_once('='));
    let runs: Vec<_> = runs.filter_map(|(_, command)| command.split(' ').next()).collect();
    assert_eq!(
        runs,
        ["/usr/bin/awaitd", "/bin/sh"],
        "the package depends on nothing that has others"
    );
}

/// A reload has files read again, and ends nobody.
#[tokio::test]
async fn a_reload_reads_files_again() {
    let folder = Folder::new();
    let quotas = folder.inside("quotas");
    fs::write(&quotas, "team-* jobs=1\n").expect("the folder is ours");
    let server = Server::with_args(&["--quotas", &quotas]);
    let unit = read("deploy/systemd/awaitd.service");
    let (_, reload) = unit.split_once("\nExecReload=").expect("the unit knows how to reload");
    let reload = reload.lines().next().expect("it says how");
    let pid = server.pid().to_string();
    until("the server has read them", async || {
        // The quotes mean the same to a shell.
        let ran = Command::new("sh").args(["-c", reload]).env("MAINPID", &pid).status();
        assert!(ran.expect("there is a shell").success(), "{reload}");
        server.log().contains("read the quotas")
    })
    .await;
    server.client().get("/readyz").await.expect(200);
}
