//! What a worker process gives up before it begins: memory beyond its limit, new privileges, files that are not its own. Owns
//! nothing; runs once, on the worker's side, before the role is made. Source: design §5, `runtime.md` S4-05, S4-29.

use super::Begin;
use crate::limits::WORKER_FILES;
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use std::path::Path;

/// Gives up what the role of `begin` does not need. What the system does not offer is left as it is: an old kernel is no
/// reason to keep no records.
pub fn confine(begin: &Begin) {
    let to = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    let _ = setrlimit(Resource::Data, to(begin.memory));
    let _ = setrlimit(Resource::Nofile, to(WORKER_FILES));
    let _ = setrlimit(Resource::Core, to(0));
    let _ = rustix::thread::set_no_new_privs(true);
    let _ = without_privileges();
    let home = begin.sql.file.as_deref().and_then(Path::parent);
    let _ = only_files_of(home);
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

/// From here on this process opens files in `home` and reads what tells about the system, nothing else.
fn only_files_of(home: Option<&Path>) -> Result<(), landlock::RulesetError> {
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
    if let Some(file) = home.and_then(|home| PathFd::new(home).ok()) {
        rules = rules.add_rule(PathBeneath::new(file, AccessFs::from_all(abi)))?;
    }
    rules.restrict_self().map(drop)
}
