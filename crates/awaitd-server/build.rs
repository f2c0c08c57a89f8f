//! Turns `openapi.yaml`, which people write, into the JSON that `/v1/openapi.json` answers.

use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    // A link to the one at the top: what is packed of a crate is what lies in its folder.
    let source = Path::new(&root).join("openapi.yaml");
    println!("cargo::rerun-if-changed={}", source.display());
    let yaml = fs::read_to_string(&source).expect("openapi.yaml lies beside this crate");
    let document: serde_json::Value =
        serde_saphyr::from_str(&yaml).expect("openapi.yaml is well-formed YAML");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let json = serde_json::to_vec(&document).expect("what was YAML can be JSON");
    fs::write(Path::new(&out).join("openapi.json"), json).expect("the build directory is writable");
}
