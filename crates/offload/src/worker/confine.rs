//! What a worker process gives up before it begins: memory beyond its limit, new privileges, files that are not its own. Owns
//! nothing; runs once, on the worker's side, before the role is made. Source: design §5, `runtime.md` S4-05, S4-29.

use super::Begin;
use crate::limits::WORKER_FILES;
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Gives up what the role of `begin` does not need. What the system does not offer is left as it is: an old kernel is no
/// reason to keep no records.
pub fn confine(begin: &Begin) {
    let to = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    let _ = setrlimit(Resource::Data, to(begin.memory));
    let _ = setrlimit(Resource::Nofile, to(WORKER_FILES));
    let _ = setrlimit(Resource::Core, to(0));
    let _ = rustix::thread::set_no_new_privs(true);
    let _ = without_privileges();
    let Some(file) = begin.sql.file.as_deref() else { return drop(only_files_of(&[])) };
    let homes = homes(file);
    let known: Vec<_> = homes.iter().filter_map(|home| identity(home).map(|id| (home.clone(), id))).collect();
    // Of a directory that is not there yet nothing can be said: then everything stays open.
    if known.len() == homes.len() {
        let _ = only_files_of(&homes);
        let _ = CONFINED.set(known);
    }
}

/// The directories to which this process is confined, as they were then.
static CONFINED: OnceLock<Vec<(PathBuf, (u64, u64))>> = OnceLock::new();

/// Whether a directory of ours is another one now: what this process may open is not in it. A fresh process may.
pub(crate) fn is_outdated() -> bool {
    let confined = CONFINED.get().into_iter().flatten();
    confined.into_iter().any(|(home, was)| identity(home).is_some_and(|is| is != *was))
}

fn identity(home: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(home).ok().map(|home| (home.dev(), home.ino()))
}

/// Where the database is named and, behind a link, where it lies.
fn homes(file: &Path) -> Vec<PathBuf> {
    let lies = std::fs::canonicalize(file).ok().or_else(|| {
        let to = std::fs::read_link(file).ok()?;
        Some(file.parent()?.join(to))
    });
    let named = file.parent().map(Path::to_owned);
    let mut homes: Vec<PathBuf> =
        named.into_iter().chain(lies.as_deref().and_then(Path::parent).map(Path::to_owned)).collect();
    homes.dedup();
    homes
}

/// Gives up the privileges of root, or those that a service manager gave to the server: all but those by which root opens
/// files of others, since the database may lie among them.
fn without_privileges() -> rustix::io::Result<()> {
    let kept = CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
    let CapabilitySets { effective, permitted, .. } = capabilities(None)?;
    let sets = CapabilitySets {
        effective: effective & kept,
        permitted: permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets)
}

/// From here on this process opens files in `homes` and reads what tells about the system, nothing else.
fn only_files_of(homes: &[PathBuf]) -> Result<(), Box<dyn std::error::Error>> {
    let abi = ABI::V3;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .create()?;
    for readable in ["/proc", "/sys", "/dev/urandom"] {
        if let Ok(file) = PathFd::new(readable) {
            rules = rules.add_rule(PathBeneath::new(file, AccessFs::from_read(abi)))?;
        }
    }
    for home in homes {
        rules = rules.add_rule(PathBeneath::new(PathFd::new(home)?, AccessFs::from_all(abi)))?;
    }
    Ok(rules.restrict_self().map(drop)?)
}
