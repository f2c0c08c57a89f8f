//! Two hundred hostile names for queues, events and locks.

use awaitd_tests::{Heard, Raw};
use fastrand::Rng;

use super::Furnished;

/// Names that are one segment of a path, but no names.
fn segments() -> Vec<String> {
    let fixed = [
        ".",
        "..",
        "...",
        ".hidden",
        "%2e",
        "%2e%2e",
        "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
        "%00",
        "a%00b",
        "a%00",
        "%0d%0aSet-Cookie:%20x",
        "a%0a",
        "%7f",
        "a%20b",
        "%20",
        "+",
        "a+b",
        "*",
        "~",
        "a~",
        "@",
        "a@b",
        "!",
        "$",
        "&",
        "'",
        "(",
        ")",
        ",",
        ";",
        "=",
        "a=b",
        "a;b=c",
        "%2f",
        "a%2fb",
        "%5c",
        "a%5c..%5cb",
        "%25",
        "%2525",
        "%2561%2500",
        "-",
        "_",
        ":",
        "-a",
        "_a",
        ":a",
        "%c3%a9",
        "e%cc%81",
        "%e2%80%ae",
        "a%e2%80%8bb",
        "%ef%bb%bfa",
        "%f0%9f%a6%80",
        "%ff",
        "%c0%ae%c0%ae",
        "%ed%a0%80",
        "%d9%85%d8%b1",
        "%",
        "%z",
        "a%zz",
        "%2",
        "a%",
        "%3Cscript%3E",
        "%22",
        "%27%20OR%201=1--",
        "%24%7Bjndi:x%7D",
        "%7B%7Bx%7D%7D",
        "%7c",
        "%60id%60",
        "a%3fb",
        "a%23b",
        "%5B%5D",
        "a%09b",
        "%c2%a0",
        "%e3%80%80",
        "%ef%bc%81",
    ];
    let long = [129, 130, 255, 256, 1_000, 4_096, 8_000].map(|length| "a".repeat(length));
    let leading = (0x21..0x7f_u8).filter(|byte| !byte.is_ascii_alphanumeric());
    let leading = leading.map(|byte| format!("%{byte:02x}name"));
    fixed.into_iter().map(str::to_owned).chain(long).chain(leading).collect()
}

/// One more, at random: some characters, at least one of which may stand in no name.
fn random(rng: &mut Rng) -> String {
    let mut name: Vec<u8> = (0..rng.usize(0..20)).map(|_| rng.alphanumeric() as u8).collect();
    let bad = loop {
        let byte = rng.u8(..);
        if !(byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)) {
            break byte;
        }
    };
    name.insert(rng.usize(0..=name.len()), bad);
    name.iter().flat_map(|byte| [String::from("%"), format!("{byte:02x}")]).collect()
}

#[tokio::test]
async fn two_hundred_hostile_names_are_refused() {
    let furnished = Furnished::new().await;
    let mut rng = Rng::new();
    println!("seed {}", rng.get_seed());
    let mut names = segments();
    while names.len() < 200 {
        names.push(random(&mut rng));
    }
    for name in &names {
        let calls = [
            ("POST", format!("/v1/queues/{name}/jobs")),
            ("POST", format!("/v1/queues/{name}/get")),
            ("PUT", format!("/v1/queues/{name}")),
            ("PUT", format!("/v1/events/{name}")),
            ("POST", format!("/v1/locks/{name}/acquire")),
            ("DELETE", format!("/v1/locks/{name}/leases/x")),
            ("DELETE", format!("/v1/events/{name}/waiters/x")),
            ("PUT", format!("/v1/semaphores/{name}")),
            ("PUT", format!("/v1/schedules/{name}")),
            ("POST", format!("/v1/barriers/{name}/wait")),
            ("GET", format!("/v1/locks/l/conditions/{name}")),
        ];
        // A client library would tidy such paths up.
        let mut raw = Raw::connect(furnished.server.at()).await.expect("the server listens");
        for (method, path) in calls {
            raw.ask(method, &path, "{}").await.expect("the server reads");
            let heard = raw.answer(method, &path).await.refused(400, "invalid_name");
            let detail = heard.json()["detail"].to_string();
            assert!(detail.contains("128"), "{method} {path}: what would be right: {detail}");
        }
    }
    furnished.is_as_before().await;
}

/// What a head that HTTP itself does not allow is answered with, if it is at all.
fn is_refused(heard: Option<&Heard>, what: &str) {
    if let Some(heard) = heard {
        let status = heard.status;
        assert!((400..500).contains(&status), "{what}: {}", heard.shown());
    }
}

#[tokio::test]
async fn paths_that_are_no_paths_are_refused() {
    let furnished = Furnished::new().await;
    let megabyte = "a".repeat(1024 * 1024);
    let paths = [
        "/v1/queues//jobs",
        "/v1/queues/x/",
        "/v1/queues/x/jobs/",
        "/v1//queues/x",
        "//v1/queues/x",
        "/v1/queues/../queues/x",
        "/v1/queues/a/b/jobs",
        "/V1/queues/x",
        "/v1/Queues/x",
        "v1",
        "/v1/queues/ä",
        "/v1/queues/\u{202e}",
        "/v1/queues/a b",
        "/v1/queues/\0",
        "*",
        "",
        "http://[::1/v1/queues/x",
        "\\v1\\queues\\x",
        &megabyte,
        "/v1/queues/x/unknown",
        "/v1/unknown",
        "/",
        "/v1",
        "/../etc/passwd",
        "?",
    ];
    for path in paths {
        for method in ["POST", "PUT"] {
            let mut raw = Raw::connect(furnished.server.at()).await.expect("the server listens");
            // The server may have hung up before it has heard the whole megabyte.
            let _ = raw.ask(method, path, "{}").await;
            let heard = raw.hear().await;
            is_refused(heard.as_ref(), &format!("{method} {}", &path[..path.len().min(40)]));
        }
    }
    furnished.is_as_before().await;
}
