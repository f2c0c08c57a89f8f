//! The chart, rendered by Helm's own engine, and what KEDA looks at.

use std::process::Command;

use awaitd_tests::{Server, binary, tool};
use serde_json::{Value, json};

use super::yaml;
use crate::tidy::{read, root};

/// The objects that the chart makes of values, by file, which Kubernetes takes; or why it makes none.
fn render(values: &Value) -> Option<Result<Value, String>> {
    // What the script needs lies beside this program.
    let python = tool("kubernetes-validate")?.with_file_name("python");
    let script = root().join("deploy/helm/render.py");
    let output = Command::new(python).arg(script).arg(values.to_string()).output();
    let output = output.expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let made = serde_json::from_slice(&output.stdout);
    Some(if output.status.success() { Ok(made.expect("it is JSON")) } else { Err(said) })
}

/// Whatever is said, the objects are such as Kubernetes takes, and the pod may do little.
#[test]
fn kubernetes_takes_what_the_chart_makes() {
    let least = json!({"image": {"repository": "some.where/awaitd"}, "allowAnonymous": true});
    let collector = json!([{"to": [{"podSelector": {"matchLabels": {"app": "collector"}}}]}]);
    let most = json!({
        "image": {"repository": "some.where/awaitd", "tag": "1", "pullSecrets": [{"name": "s"}]},
        "tokens": {"existingSecret": "tokens"},
        "tls": {"existingSecret": "tls"},
        "allowedHosts": ["queues.some.where"],
        "options": {"max-memory": "60%", "max-names": 100_000, "no-auto-create": true},
        "traces": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
        "networkPolicy": {"egress": collector},
        "persistence": {"size": "1Gi", "storageClass": "local"},
        "serviceMonitor": {"enabled": true, "tokenSecret": {"name": "look", "key": "token"}},
        "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": true},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "disk", "operator": "Exists"}],
        "podAnnotations": {"some": "thing"},
        "priorityClassName": "high",
        "nameOverride": "queues",
    });
    let Some(small) = render(&least) else { return };
    let small = small.unwrap_or_else(|said| panic!("{said}"));
    let large = render(&most).expect("it was there").unwrap_or_else(|said| panic!("{said}"));
    for objects in [&small, &large] {
        let pod = &objects["statefulset.yaml"]["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["fsGroup"], 65532, "the image runs as 65532");
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
        assert_eq!(container["ports"][0]["containerPort"], 29248);
        assert_eq!(container["startupProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    }
    let egress = |objects: &Value| objects["networkpolicy.yaml"]["spec"]["egress"].clone();
    assert_eq!((egress(&small), egress(&large)), (json!([]), collector));
    // A variable that the server does not know is an error to it.
    let help = Command::new(binary()).args(["serve", "--help"]).output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let pod = &small["statefulset.yaml"]["spec"]["template"]["spec"];
    for variable in pod["containers"][0]["env"].as_array().expect("there are variables") {
        let name = variable["name"].as_str().expect("a variable has a name");
        assert!(help.contains(&format!("[env: {name}=")), "{name} is no option");
    }
    assert!(small["servicemonitor.yaml"].is_null() && small["dashboard.yaml"].is_null());
    let container = &large["statefulset.yaml"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "some.where/awaitd:1");
    assert_eq!(container["livenessProbe"]["httpGet"]["scheme"], "HTTPS");
    let variables = container["env"].as_array().expect("there are variables");
    let told = |name: &str, value: &str| variables.contains(&json!({"name": name, "value": value}));
    assert!(told("AWAITD_MAX_MEMORY", "60%") && told("AWAITD_NO_AUTO_CREATE", "true"));
    assert!(told("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), "{variables:?}");
    assert!(told("AWAITD_TOKENS", "/etc/awaitd/tokens/tokens"), "{variables:?}");
    assert!(!told("AWAITD_ALLOW_ANONYMOUS", "true"), "{variables:?}");
    let service = "demo-queues.default.svc,demo-queues.default.svc.cluster.local,queues.some.where";
    let hosts = format!("demo-queues,demo-queues.default,{service}");
    assert!(told("AWAITD_ALLOWED_HOSTS", &hosts), "{variables:?}");
    let scraped = &large["servicemonitor.yaml"]["spec"]["endpoints"][0];
    assert_eq!(
        scraped["relabelings"],
        json!([{"targetLabel": "job", "replacement": "awaitd"}]),
        "the alerts know no other job, whatever the release is called"
    );
    assert_eq!(
        large["prometheusrule.yaml"]["spec"],
        yaml("deploy/prometheus/rules.yml"),
        "the chart has other alerts than Prometheus"
    );
    let board = large["dashboard.yaml"]["data"]["awaitd.json"].as_str().expect("a dashboard");
    assert_eq!(board, read("deploy/grafana/dashboards/awaitd.json").trim_end());
}

/// Nobody opens a server to all by leaving something out, and no slip of the pen is overlooked.
#[test]
fn the_chart_refuses_what_is_not_said_or_not_known() {
    let image = json!({"repository": "some.where/awaitd"});
    for (values, expected) in [
        (json!({"image": image}), "say tokens.existingSecret, or allowAnonymous=true"),
        (json!({"allowAnonymous": true}), "say where you pushed the image"),
        (json!({"image": image, "alowAnonymous": true}), "'alowAnonymous' not allowed"),
        (json!({"image": image, "traces": {"otel_endpoint": "x"}}), "otel_endpoint"),
        (json!({"image": image, "options": {"listen": "0.0.0.0:1"}}), "listen"),
    ] {
        let Some(made) = render(&values) else { return };
        let said = made.expect_err("that is too little, or too much");
        assert!(said.contains(expected), "{said}");
    }
}

/// What KEDA asks for is there, and is a number.
#[tokio::test]
async fn keda_finds_the_number_that_it_asks_for() {
    let files = read("deploy/keda/scaledobject.yaml");
    let scaled = files.split("\n---\n").next().expect("a file has a beginning");
    let scaled: Value = serde_saphyr::from_str(scaled).expect("it is YAML");
    let asked = &scaled["spec"]["triggers"][0]["metadata"];
    let url = asked["url"].as_str().expect("KEDA is told where to ask");
    let path = url.strip_prefix("http://awaitd.default.svc:29248").expect("it asks the server");

    let server = Server::start();
    server.client().post(&format!("{path}/jobs"), "x").await.expect(201);
    let heard = server.client().get(path).await.expect(200).json();
    let place = asked["valueLocation"].as_str().expect("KEDA is told what to look at");
    assert_eq!(heard[place], 1, "{heard}");
}
