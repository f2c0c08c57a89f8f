//! The package for Debian: what is in it works together.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use awaitd_tests::{Folder, binary, package};

use crate::tidy::root;

fn run(program: impl AsRef<Path>, args: &[&str], folder: &Path) -> String {
    let program = program.as_ref();
    let mut command = Command::new(program);
    // The binary of a test is large; how well it is packed does not matter.
    command.args(args).current_dir(folder).env("DPKG_DEB_COMPRESSOR_TYPE", "gzip");
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {args:?}: {said}", program.display());
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn the_package_has_all_that_its_service_needs() {
    let Some(dpkg) = package("dpkg", "dpkg-deb") else { return };
    if package("binutils", "strip").is_none() {
        return;
    }
    let folder = Folder::new();
    let packed = folder.inside("packed");
    let ours = binary().to_str().expect("the tests lie where names are text");
    let made = run(root().join("deploy/deb/build.sh"), &[ours, &packed], folder.path());
    let made = made.trim();
    assert_eq!(Path::new(&made).extension().and_then(OsStr::to_str), Some("deb"), "{made}");

    let unpacked = folder.path().join("unpacked");
    let there = unpacked.to_str().expect("so is the folder");
    run(&dpkg, &["--raw-extract", made, there], folder.path());
    let inside = |path: &str| {
        let path = unpacked.join(path.trim_start_matches('/'));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    run("md5sum", &["--check", "--quiet", "DEBIAN/md5sums"], &unpacked);
    let version = run(unpacked.join("usr/bin/awaitd"), &["--version"], &unpacked);
    let version = version.trim().strip_prefix("awaitd ").expect("it says what it is");
    assert!(inside("DEBIAN/control").contains(&format!("\nVersion: {version}-1\n")), "{version}");

    // The service starts what the package brings, and its options stay as they were set.
    let unit = inside("usr/lib/systemd/system/awaitd.service");
    assert!(unit.contains("\nExecStart=/usr/bin/awaitd serve "), "{unit}");
    let options = inside("DEBIAN/conffiles");
    assert!(unit.contains(&format!("\nEnvironmentFile=-{options}")), "{options}");
    assert!(inside(options.trim()).contains("AWAITD_LISTEN"), "the file names no option");
    assert!(inside("usr/lib/systemd/system/awaitd.socket").contains("ListenStream="));
    assert!(inside("usr/share/bash-completion/completions/awaitd").contains("complete -F"));
    assert!(inside("usr/share/zsh/vendor-completions/_awaitd").starts_with("#compdef awaitd"));
    assert!(inside("usr/share/fish/vendor_completions.d/awaitd.fish").contains("complete -c"));
    let page = run("gzip", &["-dc", "usr/share/man/man1/awaitd.1.gz"], &unpacked);
    assert!(page.contains(".TH awaitd 1"), "{page}");
    for script in ["postinst", "prerm", "postrm"] {
        run("sh", &["-n", &format!("DEBIAN/{script}")], &unpacked);
    }
}
