//! The README is true: its shell blocks run as they stand, its tables name what exists.

use std::collections::BTreeSet;
use std::process::Command;

use awaitd_tests::{Server, bash, binary};

use crate::tidy::{read, root};

/// A fenced block.
struct Block {
    /// What stands behind the fence: `sh`, `text`, `console`.
    language: String,
    text: String,
}

/// The fenced blocks of a page, in order.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Each shell block runs as it stands and by itself, in the order of the page, and prints what is
/// shown below it: the same lines, in an order of their own if several shells print them. `…` stands
/// for what differs from run to run.
#[tokio::test]
async fn the_shell_blocks_run_as_they_stand() {
    run_the_shell_blocks_of("README.md", 4).await;
}

/// Likewise those of the page on queues.
#[tokio::test]
async fn the_shell_blocks_on_queues_run_as_they_stand() {
    run_the_shell_blocks_of("docs/queues.md", 15).await;
}

/// Runs them, of which there are so many at least.
pub(crate) async fn run_the_shell_blocks_of(page: &str, least: usize) {
    let server = Server::start();
    let blocks = blocks(&read(page));
    let mut ran = 0;
    for (place, block) in blocks.iter().enumerate() {
        if block.language != "sh" {
            continue;
        }
        ran += 1;
        let folder = binary().parent().expect("a file lies in a folder").display();
        let script = format!("A=$BASE PATH={folder}:$PATH\n{}", block.text);
        let done = bash(&server.base(), &script).await;
        assert_eq!(done.exit, 0, "{}\n{done:?}", block.text);
        if let Some(shown) = blocks.get(place + 1).filter(|next| next.language == "text") {
            assert_same_lines(&shown.text, &done.out, &block.text);
        }
    }
    assert!(ran >= least, "only {ran} blocks were run");
}

fn assert_same_lines(shown: &str, printed: &str, script: &str) {
    let mut left: Vec<&str> = printed.lines().collect();
    for line in shown.lines() {
        let place = left.iter().position(|printed| fits(line, printed));
        let place =
            place.unwrap_or_else(|| panic!("{line:?} was not printed by\n{script}\n{printed}"));
        left.remove(place);
    }
    assert!(left.is_empty(), "{left:?} is not shown below\n{script}");
}

/// Whether a line is as shown, where `…` stands for anything.
fn fits(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(after, &rest[at..]))
        }),
    }
}

/// Two commands are all that it takes.
#[test]
fn two_commands_do_it_all() {
    let page = read("README.md");
    let console: Vec<_> =
        blocks(&page).into_iter().filter(|block| block.language == "console").collect();
    let commands: Vec<_> = console.iter().flat_map(|block| block.text.lines()).collect();
    assert_eq!(commands, ["$ cargo run --release", "$ cargo xtask test"]);
    assert!(root().join(".cargo/config.toml").exists(), "the alias xtask is there");
}

/// The table of options is that of `awaitd serve --help`.
#[test]
fn the_options_are_those_of_the_binary() {
    let help = Command::new(binary()).args(["serve", "--help"]).output().expect("the binary runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let words = help
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
    let offered: BTreeSet<_> = words
        .filter(|word| word.starts_with("--") && word.len() > 2 && *word != "--help")
        .collect();
    let page = read("README.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `--"));
    let shown: BTreeSet<_> = rows
        .filter_map(|row| row.split([' ', '`']).next())
        .map(|name| format!("--{name}"))
        .collect();
    let shown: BTreeSet<_> = shown.iter().map(String::as_str).collect();
    assert_eq!(shown, offered, "the README's options and those of the binary");
}

/// What is promised is shown by a test that exists.
#[test]
fn every_promise_names_a_test() {
    every_row_names_a_test("README.md", "What is promised", 10);
}

/// The last cell of each row of the table in this section names tests, all of which are there.
pub(crate) fn every_row_names_a_test(page: &str, section: &str, least: usize) {
    let text = read(page);
    let table = text.split(&format!("\n## {section}\n")).nth(1).expect("there is such a section");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    for row in &rows {
        let proof = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let tests: Vec<_> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test for {row}");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or((test, ""));
            assert!(root().join(file).exists(), "{file} is not there: {row}");
            // In Rust or in Python.
            let functions = [format!("fn {name}("), format!("def {name}(")];
            let named = name.is_empty() || functions.iter().any(|it| read(file).contains(it));
            assert!(named, "{file} has no test {name}: {row}");
        }
    }
    assert!(rows.len() >= least, "only {} rows in {section}", rows.len());
}
