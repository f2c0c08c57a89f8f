//! The image: made by buildah, which needs no engine, and what is to be run in it is run.
//!
//! What the image begins with cannot be pulled everywhere. Instead there stand one whose cargo hands out a binary
//! that is there already, and one that has the C library; all else is as the Dockerfile says.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use awaitd_tests::{Folder, binary, leave_out, package};
use serde_json::{Value, json};

use crate::tidy::{read, root};

/// Runs what the image says as an engine would, with nothing to write to but its volume: the root of the image,
/// its user, the command, and what says how it is.
const CONTAINER: &str = r#"
    root=$1 user=$2 serve=$3 health=$4
    set -eu
    ip link set lo up
    mount --bind "$root" "$root"
    mount --bind "$root/data" "$root/data"
    mount -t proc proc "$root/proc"
    mount -o remount,bind,ro "$root"
    inside() { chroot --userspec="$user" --groups= "$root" "$@"; }
    code=0
    # One that begins all the same is stopped, with 124.
    timeout 20 chroot --userspec="$user" --groups= "$root" $serve || code=$?
    echo "without tokens: $code"
    AWAITD_TOKEN=$(inside awaitd token create --name first --allow '*:*:*')
    (exec chroot --userspec="$user" --groups= "$root" $serve) &
    server=$!
    for try in $(seq 300); do
        inside $health && break
        sleep 0.1
    done
    export AWAITD_TOKEN
    echo "put: $(inside awaitd put mails hello)"
    echo "got: $(inside awaitd get mails)"
    touch "$root/something" || echo "its root is not written to"
    kill -TERM "$server"
    code=0
    wait "$server" || code=$?
    echo "ended: $code"
"#;

/// How buildah makes an image, without an engine and of what is here.
const BUILD: [&str; 4] = ["build", "--pull-never", "--isolation=chroot", "--format=docker"];

/// buildah, with all that it keeps in a folder of the test's own.
struct Buildah<'a>(&'a Folder, &'a Path);

impl Buildah<'_> {
    fn run(&self, args: &[&str]) -> String {
        said(&format!("buildah {args:?}"), &self.output(args))
    }

    fn output(&self, args: &[&str]) -> Output {
        let Self(folder, program) = self;
        let mut command = Command::new(program);
        command.args(["--storage-driver", "vfs", "--root", &folder.inside("images")]);
        command.args(["--runroot", &folder.inside("running")]).args(args);
        command.env("TMPDIR", folder.path()).output().expect("it runs")
    }

    /// Whether it may make images here that run something on the way: a machine may be one's own and yet not allow
    /// that.
    fn may_build(&self, on: &str, with: &[&str]) -> bool {
        let trial = self.0.path().join("trial/Dockerfile");
        put(&trial, &format!("FROM {on}\nRUN true\n"));
        let folder = self.0.inside("trial");
        self.output(&[&BUILD[..], with, &[&folder]].concat()).status.success()
    }

    /// An image of this name that has what is in a folder.
    fn stand_in(&self, name: &str, of: &Path) {
        let container = self.run(&["from", "scratch"]);
        let container = container.trim();
        self.run(&["copy", container, of.to_str().expect("paths of tests are text"), "/"]);
        self.run(&["commit", "--rm", container, name]);
    }
}

fn said(what: &str, output: &Output) -> String {
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {complaints}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file with what is above it.
fn put(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder of ours");
    fs::write(file, text).expect("a folder of ours");
    fs::set_permissions(file, Permissions::from_mode(0o755)).expect("a file of ours");
}

/// What the image is built in: a cargo that compiles nothing. Programs and libraries are lent by this machine.
fn builder(at: &Path, strip: &Path) {
    let cargo = "#!/bin/sh\nset -e\ntest -f Cargo.toml -a -f crates/awaitd/Cargo.toml\n\
                 test \"$*\" = 'build --release --locked --package awaitd --features '\n\
                 mkdir -p target/release\ncp /made target/release/awaitd\n";
    put(&at.join("usr/local/bin/cargo"), cargo);
    fs::create_dir_all(at.join("usr/local/cargo/registry")).expect("a folder of ours");
    for lent in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(at.join("usr").join(lent)).expect("a folder of ours");
        symlink(format!("usr/{lent}"), at.join(lent)).expect("a folder of ours");
    }
    let mut stripped = Command::new(strip);
    let stripped = stripped.args(["--strip-all", "-o"]).arg(at.join("made")).arg(binary()).status();
    assert!(stripped.expect("strip runs").success());
}

/// What the image is made on: what the binary is linked to, and where processes are seen.
fn base(at: &Path) {
    fs::create_dir_all(at.join("proc")).expect("a folder of ours");
    let libraries = Command::new("ldd").arg(binary()).output().expect("ldd runs");
    for word in said("ldd", &libraries).split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = at.join(word.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().expect("it lies in a folder")).expect("a folder of ours");
        fs::copy(word, copy).expect("it is there, and readable");
    }
}

/// Whatever the Dockerfile says holds in what comes of it: who runs, what is kept, how it is asked how it is; and
/// that is enough for it to serve.
#[test]
fn what_the_dockerfile_makes_serves() {
    let mut allowed = Command::new("unshare");
    let allowed = allowed.args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "true"]);
    let allowed = allowed.output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return leave_out("only root may have file systems and networks of its own");
    }
    let (Some(buildah), Some(strip)) =
        (package("buildah", "buildah"), package("binutils", "strip"))
    else {
        return;
    };
    if package("iproute2", "ip").is_none() {
        return;
    }
    let folder = Folder::new();
    let buildah = Buildah(&folder, &buildah);
    let dockerfile = read("Dockerfile");
    let begins = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    let begins: Vec<_> = begins.filter_map(|line| line.split(' ').next()).collect();
    let [builds, runs] = begins[..] else { panic!("{begins:?}") };
    builder(&folder.path().join("builds"), &strip);
    base(&folder.path().join("runs"));
    buildah.stand_in(&format!("docker.io/library/{builds}"), &folder.path().join("builds"));
    buildah.stand_in(runs, &folder.path().join("runs"));

    let lent = ["/usr/bin", "/usr/lib", "/usr/lib64"].into_iter();
    let lent = lent.filter(|place| Path::new(place).is_dir());
    let lent: Vec<_> = lent.map(|place| format!("--volume={place}:{place}:ro")).collect();
    let lent: Vec<_> = lent.iter().map(String::as_str).collect();
    if !buildah.may_build(builds, &lent) {
        return leave_out("buildah may run nothing here");
    }
    let about = ["--build-arg=VERSION=1.2.3", "--tag=awaitd"];
    let from = root().to_str().expect("the tree lies where names are text").to_owned();
    buildah.run(&[&BUILD[..], &about, &lent, &[&from]].concat());

    let image = buildah.run(&["inspect", "--type=image", "awaitd"]);
    let image: Value = serde_json::from_str(&image).expect("it is JSON");
    let image = &image["Docker"]["config"];
    assert_eq!(image["User"], "65532:65532");
    assert_eq!(image["StopSignal"], "SIGTERM");
    assert_eq!(image["Volumes"], json!({"/data": {}}));
    assert_eq!(image["ExposedPorts"], json!({"29248/tcp": {}}));
    assert_eq!(image["Labels"]["org.opencontainers.image.version"], "1.2.3");
    let words = |value: &Value| {
        let words = value.as_array().expect("there are words").iter();
        words.map(|word| word.as_str().expect("a word").to_owned()).collect::<Vec<_>>()
    };
    let serve = [words(&image["Entrypoint"]), words(&image["Cmd"])].concat().join(" ");
    let health = words(&image["Healthcheck"]["Test"]);
    assert_eq!((&*serve, &*health[0]), ("awaitd serve", "CMD"));

    let container = buildah.run(&["from", "--pull-never", "awaitd"]);
    let there = buildah.run(&["mount", container.trim()]);
    let mut command = Command::new("unshare");
    // With it all ends that it has begun.
    command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation=private"]);
    command.args(["sh", "-c", CONTAINER, "sh"]);
    command.args([there.trim(), "65532:65532", &serve, &health[1..].join(" ")]).env_clear();
    let variables = words(&image["Env"]);
    command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
    let output = command.output().expect("a shell runs");
    let heard = said("the container", &output);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(complaints.contains("awaitd token create"), "it opens to all: {complaints}");
    let lines: Vec<_> = heard.lines().collect();
    let expected = [
        "without tokens: 1",
        "http://127.0.0.1:29248 is ready",
        "put: 1",
        "got: hello",
        "its root is not written to",
        "ended: 0",
    ];
    assert_eq!(lines, expected, "{complaints}");
}
