//! The house keeps its rules: which crate may import which, and what the core may never contain. Clippy sees types and
//! methods; this sees manifests and text, so that neither a new dependency nor a `use` slips past.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, too.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// Names of the `[dependencies]` (not the dev-dependencies) of a crate.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let name_of = |line: &str| line.split(['.', '=', ' ']).next().unwrap_or("").to_owned();
    lines.map(name_of).filter(|name| !name.is_empty() && !name.starts_with('#')).collect()
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn imports_go_one_way() {
    let ours = |name: &str| -> Vec<String> {
        dependencies(name).into_iter().filter(|dependency| dependency.starts_with("ragchew")).collect()
    };
    assert_eq!(ours("core"), [""; 0]);
    assert_eq!(ours("transport"), ["ragchew-core"]);
    assert_eq!(ours("offload"), ["ragchew-core"]);
    assert_eq!(ours("cli"), ["ragchew-core", "ragchew-transport", "ragchew-offload"]);
}

#[test]
fn the_core_depends_on_nothing_that_could_do_io() {
    // serde and postcard turn a snapshot into bytes in memory; postcard has its readers and writers switched off.
    assert_eq!(
        dependencies("core"),
        ["blake2", "hmac", "postcard", "serde", "sha1", "sha2", "siphasher", "slotmap", "subtle"]
    );
}

#[test]
fn the_core_names_no_clock_socket_thread_file_environment_log_random_source_or_iterated_hash_map() {
    let forbidden = [
        "std::time",
        "std::net::Udp",
        "std::net::Tcp",
        "std::net::ToSocketAddrs",
        "std::fs",
        "std::io",
        "std::env",
        "std::thread",
        "std::process",
        "std::sync",
        "std::cell",
        "std::os",
        "tracing",
        "log::",
        "println!",
        "eprintln!",
        "rand::",
        "getrandom",
        "RandomState",
        "HashSet",
        "unsafe ",
        "static mut",
        "thread_local",
        "f32",
        "f64",
    ];
    let mut findings = Vec::new();
    for (path, text) in sources(&root().join("crates/core/src")) {
        let code = without_tests(&text);
        let is_table = path.ends_with("table.rs") || path.ends_with("table/carried.rs");
        for (at, line) in code.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            let named = forbidden.iter().any(|word| line.contains(word));
            if named || (line.contains("HashMap") && !is_table) {
                findings.push(format!("{}:{}: {line}", path.display(), at + 1));
            }
        }
    }
    assert!(findings.is_empty(), "the core must stay pure:\n{}", findings.join("\n"));
}

#[test]
fn the_one_hash_map_of_the_core_is_never_iterated() {
    let table = fs::read_to_string(root().join("crates/core/src/table.rs")).unwrap();
    for method in [".iter", ".keys(", ".values", ".drain", ".retain", ".into_iter", ".extract_if", "for ("] {
        let code = without_tests(&table);
        assert!(!code.contains(&format!("map{method}")), "table.rs iterates its map: {method}");
    }
    // A snapshot has to hold every entry. It walks through the map in one place, and sorts before anything sees an order;
    // the other way, a map is only poured into another one.
    let carried = fs::read_to_string(root().join("crates/core/src/table/carried.rs")).unwrap();
    let code = without_tests(&carried);
    assert_eq!(code.matches("map.iter()").count(), 1);
    assert!(code.contains("= self.map.iter().collect();\n        pairs.sort_unstable_by(|a, b| a.0.cmp(b.0));"));
    for method in [".keys(", ".values", ".drain", ".retain", ".into_iter", ".extract_if", "for ("] {
        assert!(!code.contains(method), "table/carried.rs iterates its map: {method}");
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere_but_in_the_room_of_batched_socket_calls() {
    for (name, file) in [("core", "lib.rs"), ("offload", "lib.rs"), ("cli", "main.rs")] {
        let text = fs::read_to_string(root().join("crates").join(name).join("src").join(file)).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
    }
    let transport = root().join("crates/transport/src");
    assert!(fs::read_to_string(transport.join("lib.rs")).unwrap().contains("#![deny(unsafe_code)]"));
    for (path, text) in sources(&transport) {
        let in_room = path.strip_prefix(&transport).unwrap().starts_with("sys");
        let allows = text.contains("allow(unsafe_code)") || text.contains("unsafe {");
        assert!(in_room || !allows, "{} has unsafe code outside sys/", path.display());
    }
}

#[test]
fn no_file_of_the_house_holds_two_rooms() {
    for name in ["core", "transport", "offload", "cli"] {
        for (path, text) in sources(&root().join("crates").join(name).join("src")) {
            let lines = without_tests(&text).lines().count();
            assert!(lines <= 600, "{} has {lines} lines without its tests", path.display());
        }
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for name in ["core", "transport", "offload", "cli"] {
        for (path, text) in sources(&root().join("crates").join(name).join("src")) {
            assert!(text.starts_with("//!"), "{} has no header", path.display());
        }
    }
}
