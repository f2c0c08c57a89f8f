//! What is deployed: the image, the compose file, what Prometheus scrapes and what Grafana shows
//! name things that exist.

mod deb;
mod helm;
mod image;
mod service;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use awaitd_tests::{Folder, tool};
use serde_json::Value;

use crate::tidy::{read, root};

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}

/// The metrics that docs/api.md promises.
pub(crate) fn promised() -> BTreeSet<String> {
    let page = read("docs/api.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `awaitd_"));
    let names: BTreeSet<_> =
        rows.filter_map(|row| row.split('`').next()).map(|rest| format!("awaitd_{rest}")).collect();
    assert!(names.len() > 10, "docs/api.md promises only {names:?}: is it read rightly?");
    names
}

/// The metrics of awaitd's in a query of Prometheus's, as docs/api.md calls them.
fn asked_for(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("awaitd_"));
    names
        .map(|name| {
            let parts = ["_bucket", "_sum", "_count"].iter();
            parts.copied().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
        })
        .collect()
}

/// The dashboard.
fn board() -> Value {
    let text = read("deploy/grafana/dashboards/awaitd.json");
    serde_json::from_str(&text).expect("the dashboard is JSON")
}

/// All that the dashboard asks Prometheus.
fn queries(board: &Value) -> Vec<&str> {
    let panels = board["panels"].as_array().expect("a dashboard has panels");
    let targets = panels.iter().filter(|panel| panel["type"] != "row").flat_map(|panel| {
        let targets = panel["targets"].as_array().expect("a panel has targets");
        assert!(!targets.is_empty(), "{} shows nothing", panel["title"]);
        targets
    });
    targets.map(|target| target["expr"].as_str().expect("a target has a query")).collect()
}

/// The dashboard draws what the server counts.
#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let shown: BTreeSet<_> = queries(&board()).into_iter().flat_map(asked_for).collect();
    let promised = promised();
    let unknown: Vec<_> = shown.difference(&promised).collect();
    assert!(unknown.is_empty(), "the dashboard shows what nobody counts: {unknown:?}");
}

/// Prometheus understands what the dashboard asks.
#[test]
fn promtool_takes_the_queries_of_the_dashboard() {
    let Some(promtool) = tool("promtool") else { return };
    let board = board();
    let rules = queries(&board).into_iter().enumerate().map(|(number, query)| {
        let query = query.replace("$__rate_interval", "1m");
        serde_json::json!({"record": format!("query_{number}"), "expr": query})
    });
    let rules = rules.collect::<Vec<_>>();
    let folder = Folder::new();
    // JSON is YAML.
    let file = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(folder.inside("rules.yml"), file.to_string()).expect("a folder of ours");
    let output =
        Command::new(promtool).args(["check", "rules"]).arg(folder.inside("rules.yml")).output();
    let output = output.expect("promtool runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
}

/// The alerts: name and rule.
fn alerts() -> Vec<(String, Value)> {
    let rules = yaml("deploy/prometheus/rules.yml");
    let groups = rules["groups"].as_array().expect("there are groups");
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("of rules"));
    let named = |rule: &Value| rule["alert"].as_str().expect("each is an alert").to_owned();
    rules.map(|rule| (named(rule), rule.clone())).collect()
}

/// Whoever is woken by an alert is told what it means and what to do, and it can fire at all: what it
/// looks at is counted.
#[test]
fn each_alert_looks_at_what_is_counted_and_says_what_to_do() {
    let (promised, page) = (promised(), read("docs/observability.md"));
    let alerts = alerts();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for (name, rule) in &alerts {
        let query = rule["expr"].as_str().expect("an alert has a query");
        let unknown: Vec<_> = asked_for(query).difference(&promised).cloned().collect();
        assert!(unknown.is_empty(), "{name} looks at what nobody counts: {unknown:?}");
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity:?}");
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap_or_default();
            assert!(text.len() > 20, "{name} says no more than {text:?}");
        }
        assert!(page.contains(&format!("\n### {name}\n")), "the page does not explain {name}");
        let row = format!("| [{name}](#{}) | ", name.to_lowercase());
        let row = page.lines().find(|line| line.starts_with(&row));
        assert!(row.is_some_and(|row| row.ends_with(&format!(" | {severity} |"))), "{row:?}");
    }
    let sections = page.lines().filter(|line| line.starts_with("### Awaitd")).count();
    assert_eq!(sections, alerts.len(), "the page explains an alert that is not there");
}

/// Each alert is seen to fire, and to be silent.
#[test]
fn each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let cases = yaml("deploy/prometheus/rules_test.yml");
    let cases = cases["tests"].as_array().expect("there are cases");
    for (name, _) in alerts() {
        let of_it = cases.iter().filter_map(|case| {
            let case = &case["promql_expr_test"][0];
            let about = format!("alertname=\"{name}\", alertstate=\"firing\"");
            case["expr"].as_str().is_some_and(|query| query.contains(&about)).then_some(case)
        });
        let fires = |case: &Value| !case["exp_samples"].as_array().expect("samples").is_empty();
        let (firing, silent): (Vec<_>, Vec<_>) = of_it.partition(|case| fires(case));
        assert!(!firing.is_empty() && !silent.is_empty(), "{name}: {firing:?} {silent:?}");
    }
}

/// The containers find each other, and what they mount is there.
#[test]
fn the_compose_file_fits_together() {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().expect("there are services");
    for (name, service) in services {
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or_default();
            // A file of ours, or a volume by its name.
            let there = root().join("deploy").join(source).exists();
            let there =
                if source.starts_with('.') { there } else { !compose["volumes"][source].is_null() };
            assert!(there, "{name} mounts {source}, which is not there");
        }
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} is published to the world: {port}");
        }
        let waits = service["depends_on"].as_object().into_iter().flatten();
        for (other, until) in waits {
            let healthy = &services[other]["healthcheck"];
            // The image of awaitd says so itself.
            assert!(other == "awaitd" || !healthy.is_null(), "nobody knows how {other} is");
            assert_eq!(until["condition"], "service_healthy", "{name} does not wait for {other}");
        }
        assert_eq!(service["read_only"], true, "{name} may change its image");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name} may do too much");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
    }
    // That is why nothing is published beyond loopback.
    assert_eq!(services["awaitd"]["environment"]["AWAITD_ALLOW_ANONYMOUS"], "true");

    let port = "29248";
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let scraped = &prometheus["scrape_configs"][0]["static_configs"][0];
    let mounts = texts(&services["prometheus"]["volumes"]);
    assert!(mounts.contains(&"./prometheus:/etc/prometheus:ro"), "its rules lie beside it");
    assert_eq!(texts(&prometheus["rule_files"]), ["rules.yml"]);
    assert_eq!(texts(&scraped["targets"]), [format!("awaitd:{port}")]);
    let published = texts(&services["awaitd"]["ports"]);
    assert_eq!(published, [format!("127.0.0.1:{port}:{port}")]);
    assert!(read("Dockerfile").contains(&format!("\nEXPOSE {port}\n")));

    // What is to survive lies where the server keeps it, and the image lets it write there.
    let kept = texts(&services["awaitd"]["volumes"]);
    let folder = kept[0].split(':').nth(1).expect("a volume is mounted somewhere");
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("\nENV AWAITD_DATA_DIR={folder}\n")), "{folder}");
    assert!(dockerfile.contains(&format!("\nRUN mkdir -p /kept{folder}\n")), "{folder}");
    let copied = format!("\nCOPY --from=build --chown=65532:65532 /kept{folder} {folder}\n");
    assert!(dockerfile.contains(&copied), "{folder} is not for whom the image runs as");
    assert!(dockerfile.contains("\nUSER 65532:65532\n"), "the image runs as somebody else");

    let sources = yaml("deploy/grafana/provisioning/datasources/prometheus.yml");
    let source = &sources["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    let chosen = &board()["templating"]["list"][0];
    assert_eq!(
        (&chosen["type"], &chosen["current"]["value"]),
        (&"datasource".into(), &source["uid"])
    );
    let boards = yaml("deploy/grafana/provisioning/dashboards/awaitd.yml");
    let folder = boards["providers"][0]["options"]["path"].as_str().expect("a path");
    let mounts = texts(&services["grafana"]["volumes"]);
    assert!(mounts.contains(&&*format!("./grafana/dashboards:{folder}:ro")), "{mounts:?}");
}

/// The image is built from files that are there and that are let into its context.
#[test]
fn the_image_is_built_from_what_is_there() {
    let dockerfile = read("Dockerfile");
    let let_in = read(".dockerignore");
    let let_in: Vec<_> = let_in.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut sources = 0;
    let steps = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    for copy in steps.filter(|copy| !copy.starts_with("--from=")) {
        let words: Vec<_> = copy.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            sources += 1;
            assert!(root().join(source).exists(), "Dockerfile copies {source}, which is not there");
            assert!(let_in.contains(source), ".dockerignore keeps {source} out");
        }
    }
    assert!(sources > 0, "the Dockerfile copies nothing");
    for member in ["crates", "tests", "xtask"] {
        assert!(let_in.contains(&member), "cargo cannot read the workspace without {member}");
    }
    assert!(dockerfile.contains("--package awaitd "), "the Dockerfile builds another package");
    assert!(Path::new(&root()).join("crates/awaitd/src/main.rs").exists());
    for line in ["STOPSIGNAL SIGTERM", "ENTRYPOINT [\"awaitd\"]", "CMD [\"serve\"]"] {
        assert!(dockerfile.contains(&format!("\n{line}\n")), "{line}");
    }
    let (_, health) = dockerfile.split_once("\nHEALTHCHECK ").expect("the image has a health");
    let health = health.lines().next().unwrap_or_default();
    assert!(health.ends_with(" CMD [\"awaitd\", \"health\"]"), "nobody else is in the image");
}

/// Whoever knows Dockerfiles, compose files and workflows well finds nothing to mend.
#[test]
fn hadolint_compose_and_zizmor_take_the_files() {
    let checks: [(_, &[_]); 3] = [
        ("zizmor", &["--offline", "--quiet", "--format=github", ".github/workflows"]),
        ("hadolint", &["Dockerfile"]),
        ("docker-compose", &["--file", "deploy/compose.yaml", "config", "--quiet"]),
    ];
    for (program, args) in checks {
        let Some(program) = tool(program) else { continue };
        let output = Command::new(&program).args(args).current_dir(root()).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.is_empty(), "{}: {said}", program.display());
    }
}

/// Prometheus takes its configuration and the rules, and these fire when they should.
#[test]
fn promtool_takes_the_configuration_and_the_rules() {
    let Some(promtool) = tool("promtool") else { return };
    for (what, file) in [
        (["check", "config"], "prometheus.yml"),
        (["check", "rules"], "rules.yml"),
        (["test", "rules"], "rules_test.yml"),
    ] {
        let file = root().join("deploy/prometheus").join(file);
        let output = Command::new(&promtool).args(what).arg(file).output();
        let output = output.expect("promtool runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what:?}: {said}{complaints}");
    }
}
