//! Which file is the configuration: the one that was named, else the first that exists, else the built-in default.
//! Reads none of them. Source: design §7.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// No file: the built-in default.
    BuiltIn,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.strip_prefix("./").unwrap_or(path).display().fmt(f),
            Self::BuiltIn => f.write_str("built-in default"),
        }
    }
}

impl Source {
    /// The directory that paths in the file are relative to.
    pub fn base(&self) -> &Path {
        match self {
            Self::File(path) => path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            Self::BuiltIn => Path::new("."),
        }
    }
}

/// The files that are looked for when none is named, in this order.
pub const PLACES: [&str; 2] = ["./ragchew.yaml", "/etc/ragchew/ragchew.yaml"];

/// The source: `named`, or the first of `places` that exists. A file that exists and cannot be looked at is taken too, so
/// that reading it says why instead of another file being used silently.
pub fn locate<'p>(named: Option<&Path>, places: impl IntoIterator<Item = &'p Path>) -> Source {
    if let Some(path) = named {
        return Source::File(path.to_owned());
    }
    let exists = |path: &&Path| !matches!(path.metadata(), Err(e) if e.kind() == ErrorKind::NotFound);
    places.into_iter().find(exists).map_or(Source::BuiltIn, |path| Source::File(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_counts_whether_it_exists_or_not_and_else_the_first_that_exists() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (missing, present) = (here.join("no-such.yaml"), here.join("Cargo.toml"));
        assert_eq!(locate(Some(&missing), [present.as_path()]), Source::File(missing.clone()));
        assert_eq!(locate(None, [missing.as_path(), &present]), Source::File(present.clone()));
        assert_eq!(locate(None, [missing.as_path()]), Source::BuiltIn);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        assert_eq!(Source::File("/etc/ragchew/ragchew.yaml".into()).base(), Path::new("/etc/ragchew"));
        assert_eq!(Source::File("ragchew.yaml".into()).base(), Path::new("."));
        assert_eq!(Source::File("./ragchew.yaml".into()).to_string(), "ragchew.yaml");
    }
}
