//! Takes into the binary what people write and others are sent: `openapi.yaml`, as the JSON that
//! `/v1/openapi.json` answers, and the files of the dashboard.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Endings of the dashboard's files, whose types `http/ui.rs` knows.
const ENDINGS: [&str; 4] = ["html", "js", "css", "svg"];

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    contract(&root, &out);
    dashboard(&root.join("ui"), &out);
}

fn contract(root: &Path, out: &Path) {
    // A link to the one at the top: what is packed of a crate is what lies in its folder.
    let source = root.join("openapi.yaml");
    println!("cargo::rerun-if-changed={}", source.display());
    let yaml = fs::read_to_string(&source).expect("openapi.yaml lies beside this crate");
    let document: serde_json::Value =
        serde_saphyr::from_str(&yaml).expect("openapi.yaml is well-formed YAML");
    let json = serde_json::to_vec(&document).expect("what was YAML can be JSON");
    fs::write(out.join("openapi.json"), json).expect("the build directory is writable");
}

/// A table of paths below `/ui/` and what is there.
fn dashboard(folder: &Path, out: &Path) {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, "", &mut files);
    files.sort();
    let mut table = String::from("&[\n");
    for (name, path) in files {
        writeln!(table, "({name:?}, include_bytes!({path:?}) as &[u8]),").expect("a text grows");
    }
    table.push_str("]\n");
    fs::write(out.join("ui.rs"), table).expect("the build directory is writable");
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("the dashboard lies beside this crate") {
        let path = entry.expect("its folders can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are ASCII");
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known)) {
            let path = path.into_os_string().into_string();
            files.push((name, path.expect("the tree lies where names are UTF-8")));
        }
    }
}
