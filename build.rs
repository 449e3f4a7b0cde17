//! Makes the folder that the binary embeds, so that the crate compiles before the agents' console is built.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    fs::create_dir_all(Path::new(&root).join("agents-ui/dist"))?;
    let mut directives = String::from("cargo:rerun-if-changed=build.rs\ncargo:rerun-if-changed=migrations\n");
    // A development build reads the folder at run time; only a release build holds its content.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        directives.push_str("cargo:rerun-if-changed=agents-ui/dist\n");
    }
    io::Write::write_all(&mut io::stdout(), directives.as_bytes())
}
