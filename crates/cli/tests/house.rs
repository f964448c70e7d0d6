//! The house keeps its rules: which crate may import which, and what the core may never contain. Clippy sees types and
//! methods; this sees manifests and text, so that neither a new dependency nor a `use` slips past.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, too.

use std::collections::BTreeSet;
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

fn manifest(name: &str) -> String {
    fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap()
}

/// Names of the `[dependencies]` (not the dev-dependencies) of a crate.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = manifest(name);
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let name_of = |line: &str| line.split(['.', '=', ' ']).next().unwrap_or("").to_owned();
    lines.map(name_of).filter(|name| !name.is_empty() && !name.starts_with('#')).collect()
}

/// What else a manifest says of dependencies, where [`dependencies`] does not look.
fn other_dependencies(manifest: &str) -> Vec<&str> {
    let known = ["[dependencies]", "[dev-dependencies]"];
    let other = |line: &&str| {
        let table = line.starts_with('[') && line.contains("dependencies") && !known.contains(line);
        table || line.starts_with("dependencies.") || line.starts_with("build")
    };
    manifest.lines().map(str::trim).filter(other).collect()
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// Sources of a folder that are not only there for tests.
fn code(folder: &Path) -> Vec<(PathBuf, String)> {
    let all = sources(folder);
    let mut of_tests = BTreeSet::new();
    for (path, text) in &all {
        for rest in text.split("#[cfg(test)]\n").skip(1) {
            let line = rest.lines().next().unwrap_or("").trim_start();
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            if let Some(name) = line.strip_prefix("mod ").and_then(|line| line.strip_suffix(';')) {
                of_tests.insert(path.with_file_name(format!("{name}.rs")));
            }
        }
    }
    all.into_iter().filter(|(path, _)| !of_tests.contains(path)).collect()
}

/// Whether a line of the core names something that it may not: by its word, or by a path that hides the word.
fn is_impure(line: &str) -> bool {
    let line = line.trim_start();
    if line.starts_with("//") {
        return false;
    }
    let hidden = ["std", "core", "alloc"].iter().any(|root| {
        let whole = |rest: &str| {
            let module: &str = rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or("");
            let behind = &rest[module.len()..];
            let is_open = behind.starts_with(';') || behind.starts_with(" as ") || behind.starts_with("::*");
            rest.starts_with('{') || rest.starts_with('*') || (is_open && !HARMLESS.contains(&module))
        };
        let used =
            line.split(&format!("use {root}::")).nth(1).or_else(|| line.split(&format!("use ::{root}::")).nth(1));
        used.is_some_and(whole) || line.contains(&format!("use {root} as")) || line.contains(&format!("use {root};"))
    });
    hidden || FORBIDDEN.iter().any(|word| line.contains(word))
}

/// Words that no line of the core contains.
const FORBIDDEN: &[&str] = &[
    "std::time",
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
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "ToSocketAddrs",
    "SystemTime",
    "Instant",
    "core::time",
    "core::sync",
    "core::cell",
    "extern crate",
    "std::{",
    "include!",
];

/// Modules of the standard library that may be imported as a whole.
const HARMLESS: [&str; 5] = ["fmt", "mem", "array", "iter", "cmp"];

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
    // serde and postcard turn a snapshot into bytes in memory; postcard has its readers and writers switched off, and so
    // has smallvec.
    assert_eq!(
        dependencies("core"),
        ["blake2", "hmac", "postcard", "serde", "sha1", "sha2", "siphasher", "slotmap", "smallvec", "subtle"]
    );
}

/// Versions of a package in a lock file.
fn locked(lock: &str, package: &str) -> BTreeSet<String> {
    let version = |entry: &str| {
        let mut lines = entry.lines();
        let named = lines.next()? == format!("name = {package:?}");
        named.then(|| lines.next().and_then(|line| line.strip_prefix("version = ")).unwrap_or_default().to_owned())
    };
    lock.split("[[package]]\n").filter_map(version).collect()
}

#[test]
fn fuzzers_and_benches_lock_what_the_core_depends_on_directly_to_the_versions_of_the_server() {
    let lock = |folder: &str| fs::read_to_string(root().join(folder).join("Cargo.lock")).unwrap();
    let server = lock("");
    for package in dependencies("core") {
        let versions = locked(&server, &package);
        assert!(!versions.is_empty(), "{package} is locked");
        for folder in ["fuzz", "benches"] {
            assert_eq!(locked(&lock(folder), &package), versions, "{package} in {folder}/Cargo.lock");
        }
    }
}

#[test]
fn the_core_names_no_clock_socket_thread_file_environment_log_random_source_or_iterated_hash_map() {
    let mut findings = Vec::new();
    for (path, text) in code(&root().join("crates/core/src")) {
        let is_table = path.ends_with("table.rs") || path.ends_with("table/carried.rs");
        for (at, line) in without_tests(&text).lines().enumerate() {
            let is_map = line.contains("HashMap") && !is_table && !line.trim_start().starts_with("//");
            // A deserializer has to say that it forwards every type of serde; it computes with none of them.
            let is_forwarded = path.ends_with("carried/at_most.rs") && line.trim_start().starts_with("bool i8 i16 ");
            if (is_impure(line) && !is_forwarded) || is_map {
                findings.push(format!("{}:{}: {line}", path.display(), at + 1));
            }
        }
    }
    assert!(findings.is_empty(), "the core must stay pure:\n{}", findings.join("\n"));
}

#[test]
fn an_impure_import_is_found_in_every_form() {
    for line in [
        "use std::{env, fs};",
        "use std::{",
        "use std::net;",
        "use std::net::*;",
        "pub(crate) use std::time;",
        "use std::thread as t;",
        "use std as s;",
        "use ::std::{env};",
        "use core::{cell, time};",
        "use std::net::{IpAddr, UdpSocket};",
        "    let now = std::time::Instant::now();",
        "extern crate std as s;",
    ] {
        assert!(is_impure(line), "{line}");
    }
    for line in ["use std::fmt;", "use std::net::{IpAddr, SocketAddr};", "use core::mem;", "// std::{env} is not"] {
        assert!(!is_impure(line), "{line}");
    }
}

#[test]
fn code_behind_a_module_of_tests_elsewhere_is_seen() {
    let text = "mod a;\n#[cfg(test)]\nmod vectors;\nuse std::fs;\n#[cfg(test)]\nmod tests {\n    use std::env;\n}\n";
    assert!(without_tests(text).contains("std::fs") && !without_tests(text).contains("std::env"));
    let all = code(&root().join("crates/core/src"));
    assert!(all.iter().any(|(path, _)| path.ends_with("dmr/mod.rs")));
    assert!(!all.iter().any(|(path, _)| path.ends_with("dmr/vectors.rs")));
}

#[test]
fn every_table_of_dependencies_is_looked_at() {
    for other in [
        "[build-dependencies]",
        "[target.'cfg(unix)'.dependencies]",
        "[dependencies.mio]",
        "dependencies.mio = \"1\"",
        "build = \"build.rs\"",
    ] {
        assert_eq!(other_dependencies(&format!("[package]\n[dependencies]\n{other}\n[dev-dependencies]\n")), [other]);
    }
    for name in ["core", "transport", "offload", "cli"] {
        assert_eq!(other_dependencies(&manifest(name)), [""; 0], "{name}");
        assert!(!root().join("crates").join(name).join("build.rs").exists());
    }
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
