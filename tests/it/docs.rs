//! What the pages for operators say is complete: every flag, metric and limit, and tests that show what is said.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use awaitd_tests::binary;
use serde_json::Value;

use crate::readme::{every_row_names_a_test, run_the_shell_blocks_of};
use crate::tidy::read;

/// The rows of the table in this section: what stands in each cell.
fn rows(page: &str, section: &str) -> Vec<Vec<String>> {
    let page = read(page);
    let text = page.split(&format!("\n## {section}\n")).nth(1).expect("there is such a section");
    let text = text.split("\n## ").next().unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let plain = |cell: &str| cell.replace('`', "").trim().to_owned();
    lines.map(|line| line.trim_matches('|').split(" | ").map(plain).collect()).collect()
}

fn names(page: &str, section: &str) -> BTreeSet<String> {
    rows(page, section).into_iter().filter_map(|row| row.into_iter().next()).collect()
}

/// Each flag is told with the default that holds.
#[test]
fn every_flag_is_told_with_its_default() {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWAITD_") {
            command.env_remove(name);
        }
    }
    let shown = command.args(["config", "show", "--json"]).output().expect("the binary runs");
    let shown: Vec<Value> = serde_json::from_slice(&shown.stdout).expect("it is JSON");
    let default = |setting: &Value| match setting["value"].as_str() {
        None => "-".to_owned(),
        Some("false") => "off".to_owned(),
        Some(text) => text.replace('`', ""),
    };
    let flag = |setting: &Value| format!("--{}", setting["name"].as_str().expect("a name"));
    let wanted: BTreeMap<_, _> = shown.iter().map(|it| (flag(it), default(it))).collect();
    assert!(wanted.len() > 10, "{wanted:?}");
    let told = rows("docs/operations.md", "Flags").into_iter();
    let told: BTreeMap<_, _> = told.map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(told, wanted, "the flags of docs/operations.md and those of the binary");
}

/// Of each metric it is said what to do about it.
#[test]
fn every_metric_is_explained() {
    let metrics = names("docs/api.md", "The server itself");
    let metrics: BTreeSet<_> =
        metrics.into_iter().filter(|name| name.starts_with("awaitd_")).collect();
    assert!(metrics.len() > 30, "{metrics:?}");
    let told = names("docs/operations.md", "Metrics");
    assert_eq!(told, metrics, "the metrics of docs/operations.md and of docs/api.md");
}

/// Each bound of the core is told with its value.
#[test]
fn every_limit_is_told_with_its_value() {
    let limits = read("crates/awaitd-primitives/src/limits.rs");
    let limits = limits.lines().filter_map(|line| line.strip_prefix("pub const "));
    let limits: BTreeMap<_, _> = limits
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            Some((name.to_owned(), value(rest.split_once('=')?.1.trim_end_matches(';'))))
        })
        .collect();
    assert!(limits.len() > 40, "{limits:?}");
    let told = rows("docs/operations.md", "Limits").into_iter();
    let told = told.filter(|row| row[0].starts_with(|first: char| first.is_ascii_uppercase()));
    let told: BTreeMap<_, _> = told.map(|row| (row[0].clone(), said(&row[1]))).collect();
    assert_eq!(told, limits, "the limits of docs/operations.md and of limits.rs");
}

/// What an expression of limits.rs comes to, a time in milliseconds.
fn value(text: &str) -> u64 {
    let units = [("millis(", 1), ("secs(", 1_000), ("mins(", 60_000), ("hours(", 3_600_000)];
    let text = text.trim();
    let time = units.into_iter().find_map(|(name, millis)| {
        let rest = text.strip_prefix("Duration::from_")?.strip_prefix(name)?;
        Some((rest.trim_end_matches(')'), millis))
    });
    let (product, unit) = time.unwrap_or((text, 1));
    let factor = |text: &str| -> u64 {
        text.trim().replace('_', "").parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
    };
    product.split('*').map(factor).product::<u64>() * unit
}

/// The same as people write it: `256 KiB`, `5m`, `1,000`.
fn said(text: &str) -> u64 {
    let units = [
        (" KiB", 1 << 10),
        (" MiB", 1 << 20),
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    let unit = units.into_iter().find_map(|(name, size)| Some((text.strip_suffix(name)?, size)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let number: u64 =
        number.replace(',', "").parse().unwrap_or_else(|_| panic!("{text:?} is no number"));
    number * unit
}

/// What is said to be defended against is shown by a test that exists.
#[test]
fn every_threat_names_a_test() {
    every_row_names_a_test("docs/security.md", "What may happen, and what is done about it", 20);
}

/// What an operator may copy from the page works.
#[tokio::test]
async fn the_shell_blocks_on_operating_run_as_they_stand() {
    run_the_shell_blocks_of("docs/operations.md", 1).await;
}
