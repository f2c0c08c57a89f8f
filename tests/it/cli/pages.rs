//! Help, completions, manual pages.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use awaitd_tests::{Folder, binary};

use crate::tidy::read;

fn said(args: &[&str]) -> String {
    let output = Command::new(binary()).args(args).output().expect("the binary runs");
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// The commands that `--help` names.
fn commands() -> BTreeSet<String> {
    let help = said(&["--help"]);
    let list = help.split("\nCommands:\n").nth(1).expect("there are commands");
    let list = list.split("\n\n").next().expect("the list ends");
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    let names: BTreeSet<_> = names.map(str::to_owned).filter(|name| name != "help").collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// One table of exit codes: the same for every command, and in the README. `check` has those that
/// monitoring systems want.
#[test]
fn exit_codes_are_told_once() {
    let help = said(&["--help"]);
    let table = help.split("Exit codes:\n").nth(1).expect("there is a table");
    for command in commands().into_iter().filter(|command| command != "check") {
        let help = said(&[&command, "--help"]);
        assert!(help.ends_with(table), "{command}: {help}");
    }
    let page = read("README.md");
    let rows = page.split("| exit code | meaning |\n|---|---|\n").nth(1).expect("a table");
    let shown: Vec<_> = rows.lines().take_while(|line| line.starts_with('|')).collect();
    let lines = table.lines().map(|line| line.trim().split_once(' ').expect("a code and words"));
    let told: Vec<_> =
        lines.map(|(code, meaning)| format!("| {code} | {} |", meaning.trim())).collect();
    assert_eq!(shown, told, "the README's exit codes and those of --help");
}

/// Each command is in the README.
#[test]
fn commands_are_in_the_readme() {
    let page = read("README.md");
    for command in commands() {
        assert!(page.contains(&format!("`awaitd {command}")), "{command}");
    }
}

/// Shells get scripts, of which bash's is one that bash can read.
#[tokio::test]
async fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = said(&["completions", shell]);
        assert!(script.contains("queues") && script.contains("lease-file"), "{shell}");
    }
    let complete = r#"source <("$0" completions bash); COMP_WORDS=(awaitd que) COMP_CWORD=1
        _awaitd awaitd que awaitd; echo "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["-c", complete]).arg(binary()).output();
    let output = output.expect("bash is installed");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "queues\n", "{output:?}");
}

/// There is a manual page for all, and one for each command.
#[test]
fn manual_pages_are_written() {
    let page = said(&["man"]);
    assert!(page.contains(".TH awaitd 1") && page.contains("awaitd\\-put(1)"), "{page}");
    let folder = Folder::new();
    assert_eq!(said(&["man", "--dir", folder.path().to_str().expect("ASCII")]), "");
    for command in commands() {
        let page = fs::read_to_string(folder.path().join(format!("awaitd-{command}.1")));
        assert!(page.expect("it is there").contains("Exit codes"), "{command}");
    }
    let nowhere = Command::new(binary()).args(["man", "--dir", "/nowhere"]).output();
    assert_eq!(nowhere.expect("the binary runs").status.code(), Some(74));
}
