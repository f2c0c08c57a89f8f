//! `openapi.yaml` is the contract: the router, the document that is served and every answer that any
//! test ever got are held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use awaitd_tests::Server;
use serde_json::Value;

use crate::tidy::read;

/// A call: its method and the template of its path.
type Operation = (String, String);

/// A status that the contract declares for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Declared {
    /// It is decided before anybody looks at what is asked, so that one sight of it is enough.
    anywhere: bool,
}

/// What the contract declares.
pub(crate) struct Contract {
    document: Value,
    operations: BTreeMap<Operation, BTreeMap<u16, Declared>>,
}

impl Contract {
    /// Of the repository's own file.
    pub(crate) fn read() -> Self {
        let document = serde_saphyr::from_str(&read("openapi.yaml")).expect("openapi.yaml is YAML");
        Self::new(document)
    }

    fn new(document: Value) -> Self {
        let mut operations = BTreeMap::new();
        let paths = document["paths"].as_object().expect("a contract has paths");
        for (template, methods) in paths {
            let methods = methods.as_object().expect("a path has methods");
            for (method, operation) in methods.iter().filter(|(name, _)| *name != "parameters") {
                let statuses = operation["responses"].as_object().expect("answers are declared");
                let declared = |(status, response): (&String, &Value)| {
                    let status = status.parse().expect("a status is a number");
                    let anywhere = resolve(&document, response)["x-seen-once"] == true;
                    (status, Declared { anywhere })
                };
                let key = (method.to_uppercase(), template.clone());
                operations.insert(key, statuses.iter().map(declared).collect());
            }
        }
        Self { document, operations }
    }

    /// All operations, in the order of their paths.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.operations.keys();
        pairs.map(|(method, template)| (method.as_str(), template.as_str()))
    }

    /// What whoever makes a call has to be allowed.
    pub(crate) fn needs(&self, method: &str, template: &str) -> Vec<String> {
        let needs = &self.document["paths"][template][method.to_lowercase()]["x-needs"];
        serde_json::from_value(needs.clone()).expect("an operation says what it needs")
    }

    /// Whether a call can be made under an `Idempotency-Key`.
    pub(crate) fn takes_a_key(&self, method: &str, template: &str) -> bool {
        let parameters = &self.document["paths"][template][method.to_lowercase()]["parameters"];
        let parameters = parameters.as_array().map(Vec::as_slice).unwrap_or_default();
        parameters.iter().any(|one| resolve(&self.document, one)["name"] == "Idempotency-Key")
    }

    /// The template that a path fits, and of several the one that names more of it.
    fn template(&self, path: &str) -> Option<&str> {
        let fits = |template: &str| {
            let given: Vec<_> = path.split('/').collect();
            let wanted: Vec<_> = template.split('/').collect();
            let pair = |(given, wanted): (&&str, &&str)| {
                given == wanted || (wanted.starts_with('{') && !given.is_empty())
            };
            given.len() == wanted.len() && given.iter().zip(&wanted).all(pair)
        };
        let named = |template: &&str| template.split('/').filter(|it| !it.starts_with('{')).count();
        let templates = self.operations().map(|(_, template)| template);
        templates.filter(|template| fits(template)).max_by_key(named)
    }
}

/// A node of the document, or what it refers to.
fn resolve<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(path) => {
            document.pointer(&path[1..]).unwrap_or_else(|| panic!("{path} leads nowhere"))
        }
        None => node,
    }
}

/// Holds what was seen against what is declared, both ways; each line of the answer is a
/// difference. `seen` has lines of `METHOD PATH STATUS`.
fn compare<'a>(seen: impl IntoIterator<Item = &'a str>, contract: &Contract) -> Vec<String> {
    let mut differences = BTreeSet::new();
    let mut found: BTreeMap<Operation, BTreeSet<u16>> = BTreeMap::new();
    for line in seen {
        let (method, path, status) = take_apart(line);
        let method = if method == "HEAD" { "GET" } else { method };
        let template = contract.template(path);
        let operation = template.map(|template| (method.to_owned(), template.to_owned()));
        // What is wrong before it is known what is asked.
        let early = [400, 401, 403, 413, 421, 431].contains(&status);
        let right = match operation.as_ref().map(|one| (one, contract.operations.get(one))) {
            Some((_, Some(declared))) => declared.contains_key(&status),
            Some((_, None)) => early || status == 405,
            None => early || status == 404 || path == "/echo",
        };
        if !right {
            differences.insert(format!("not declared: {line}"));
        }
        found.entry(operation.unwrap_or_default()).or_default().insert(status);
    }
    let everywhere: BTreeSet<u16> = found.values().flatten().copied().collect();
    for (operation, declared) in &contract.operations {
        let here = found.get(operation);
        for (status, Declared { anywhere }) in declared {
            let seen = here.is_some_and(|here| here.contains(status));
            let elsewhere = *anywhere && everywhere.contains(status);
            if !(seen || elsewhere) {
                let (method, template) = operation;
                differences.insert(format!("never seen: {method} {template} {status}"));
            }
        }
    }
    differences.into_iter().collect()
}

/// A line of what was seen; the path may hold anything, blanks too.
fn take_apart(line: &str) -> (&str, &str, u16) {
    let parts = line.split_once(' ').and_then(|(method, rest)| {
        let (path, status) = rest.rsplit_once(' ')?;
        Some((method, path, status.parse().ok()?))
    });
    parts.unwrap_or_else(|| panic!("{line:?} is not METHOD PATH STATUS"))
}

/// The lines of all files in a folder.
fn lines(folder: &Path) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("what was seen lies in a folder") {
        let path = entry.expect("a folder can be read").path();
        let bytes = fs::read(&path).expect("a file can be read");
        lines.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
    }
    lines
}

/// What can be asked is what is declared, and nothing else.
#[test]
fn the_router_is_the_contract() {
    let routes: BTreeSet<_> = awaitd_server::http::routes().into_iter().collect();
    let declared = Contract::read();
    let needs = |(method, template)| (method, template, declared.needs(method, template));
    let declared: BTreeSet<_> = declared.operations().map(needs).collect();
    assert_eq!(routes, declared);
}

/// What the server hands out is this very contract.
#[tokio::test]
async fn the_server_hands_out_the_contract() {
    let server = Server::start();
    let answer = server.client().get("/v1/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json(), Contract::read().document);
}

/// Every reference leads somewhere, and everything that is defined is used.
#[test]
fn the_contract_is_whole() {
    let contract = Contract::read();
    let text = contract.document.to_string();
    let components = contract.document["components"].as_object().expect("there are components");
    // What names a scheme is no reference.
    for (kind, members) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
        for name in members.as_object().expect("components have names").keys() {
            let used = format!("\"#/components/{kind}/{name}\"");
            assert!(text.contains(&used), "nobody uses {used}");
        }
    }
    for used in text.split("\"$ref\":\"#").skip(1) {
        let path = used.split('"').next().expect("a reference ends");
        assert!(contract.document.pointer(path).is_some(), "{path} leads nowhere");
    }
}

/// The comparison finds what it is there for.
#[test]
fn the_comparison_is_sharp() {
    let document = serde_json::json!({
        "paths": {"/a/{b}": {"parameters": [], "get": {"responses": {
            "200": {}, "404": {}, "431": {"$ref": "#/early"},
        }}}},
        "early": {"x-seen-once": true},
    });
    let contract = Contract::new(document);
    let all = ["GET /a/x 200", "HEAD /a/y 404", "PUT /a/x 405", "GET /z 404", "GET /z 431"];
    assert_eq!(compare(all, &contract), Vec::<String>::new());
    let table = [
        (vec!["GET /a/x 500"], "not declared: GET /a/x 500"),
        (vec!["PUT /a/x 404"], "not declared: PUT /a/x 404"),
        (vec!["GET /a/x/ 200"], "not declared: GET /a/x/ 200"),
        (vec!["GET /a/ 200"], "not declared: GET /a/ 200"),
        (all[1..].to_vec(), "never seen: GET /a/{b} 200"),
        (all[..4].to_vec(), "never seen: GET /a/{b} 431"),
        (vec![], "never seen: GET /a/{b} 404"),
    ];
    for (seen, difference) in table {
        let found = compare(seen.iter().copied(), &contract);
        assert!(found.contains(&difference.to_owned()), "{seen:?}: {found:?}");
    }
}

/// Every status that any test saw is declared, and every declared one was seen. Run after all other
/// tests, with the folder in `AWAITD_TEST_SEEN` that they wrote into.
#[test]
#[ignore = "looks at what all other tests saw: `cargo xtask test` runs it last"]
fn all_that_was_seen_is_declared() {
    let folder = env::var_os("AWAITD_TEST_SEEN").expect("AWAITD_TEST_SEEN names a folder");
    let lines = lines(Path::new(&folder));
    let differences = compare(lines.iter().map(String::as_str), &Contract::read());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
