//! The state directory: where it is, and the passphrase that is generated into it once. Never replaces a passphrase that
//! is there. Source: design §6.

use crate::file;
use crate::limits::LONGEST_PASSPHRASE;
use ragchew_core::config::Passphrase;
use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a service keeps its state.
const SERVICE: &str = "/var/lib/ragchew";
/// File of the generated passphrase, in the state directory.
const FILE: &str = "passphrase";
/// Characters of a generated passphrase: 79 bits.
const LENGTH: usize = 16;
/// Without characters that are mistaken for each other when read aloud or typed from a screen: i, l, o, 0, 1.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// The state directory: `named`, else what systemd gives, else `/var/lib/ragchew` if it is ours or we are root, else the
/// user's own. None without a home. Makes nothing.
pub(super) fn directory(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    if let Some(given) = env::var_os("STATE_DIRECTORY").filter(|dirs| !dirs.is_empty()) {
        // systemd joins several with colons; ours has one.
        return env::split_paths(&given).next();
    }
    let uid = fs::metadata("/proc/self").map(|us| us.uid()).ok();
    let ours = |dir: fs::Metadata| Some(dir.uid()) == uid && dir.mode() & 0o200 != 0;
    if uid == Some(0) || fs::metadata(SERVICE).is_ok_and(ours) {
        return Some(PathBuf::from(SERVICE));
    }
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state"))).map(|base| base.join("ragchew"))
}

/// Makes the state directory if it is not there, for us and our group alone.
///
/// # Errors
/// Those of making it; something else has its name.
pub(super) fn make(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o750).create(dir) {
        Ok(()) => Ok(()),
        Err(_) if dir.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The passphrase of the built-in listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generated {
    /// What clients must know.
    pub(super) passphrase: Passphrase,
    /// Whether it is still the one that was made up, which is shown at every start.
    pub(super) untouched: bool,
    /// Where it is kept.
    pub(super) path: PathBuf,
    /// Whether others could read or replace it, one line each.
    pub(super) warnings: Vec<String>,
}

/// The passphrase in `dir`; made up and kept there, readable by us alone, if there is none.
///
/// # Errors
/// One line that says what could not be done.
pub(super) fn passphrase(dir: &Path) -> Result<Generated, String> {
    let path = dir.join(FILE);
    let failed = |error: io::Error| format!("no passphrase can be kept in {}: {error}", dir.display());
    let unusable = |error: io::Error| format!("the passphrase file {} cannot be used: {error}", path.display());
    let (mode, kept) = match read(&path) {
        Ok(kept) => kept,
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            return Err(unusable(io::Error::new(ErrorKind::NotFound, "it is a link to a file that is not there")));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(dir).map_err(failed)?;
            keep(dir, &path, &make_up().map_err(failed)?).map_err(failed)?;
            read(&path).map_err(unusable)?
        }
        Err(error) => return Err(unusable(error)),
    };
    let warnings = warnings(dir, &path, mode);
    let untouched = kept.len() == LENGTH && kept.iter().all(|b| ALPHABET.contains(b));
    Ok(Generated { passphrase: Passphrase::new(kept), untouched, path, warnings })
}

fn warnings(dir: &Path, path: &Path, mode: u32) -> Vec<String> {
    let mut warnings = Vec::new();
    if mode & 0o004 != 0 {
        warnings.push(format!("the passphrase file {} is readable by everyone; chmod 600 it", path.display()));
    }
    if fs::metadata(dir).is_ok_and(|dir| dir.mode() & 0o002 != 0) {
        warnings.push(format!("everyone may replace the passphrase in {}; chmod 750 it", dir.display()));
    }
    warnings
}

/// The mode of a passphrase file and its line.
fn read(path: &Path) -> io::Result<(u32, Vec<u8>)> {
    let (about, bytes) = file::read(path, LONGEST_PASSPHRASE)?;
    let line = bytes.trim_ascii();
    if line.is_empty() || line.contains(&b'\n') {
        return Err(io::Error::new(ErrorKind::InvalidData, "it must hold one line; remove it to have a new one made"));
    }
    Ok((about.mode(), line.to_vec()))
}

/// Puts a complete file in its place at once; one that another process put there first stays.
fn keep(dir: &Path, path: &Path, passphrase: &[u8]) -> io::Result<()> {
    keep_by(|new, path| fs::hard_link(new, path), dir, path, passphrase)
}

fn keep_by(
    link: impl Fn(&Path, &Path) -> io::Result<()>,
    dir: &Path,
    path: &Path,
    passphrase: &[u8],
) -> io::Result<()> {
    // A number of our own would not do: in containers everybody has the same.
    let new = dir.join(format!(".{FILE}.{}", String::from_utf8_lossy(&make_up()?)));
    let linked = write(&new, passphrase).and_then(|()| link(&new, path));
    let _ = fs::remove_file(&new);
    match linked {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links, such as that of a memory card.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            match write(path, passphrase) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        }
        Err(error) => Err(error),
    }
}

/// A new file with a passphrase, on the disk; none at all if that fails half-way.
fn write(path: &Path, passphrase: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(&[passphrase, b"\n"].concat()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Random letters.
fn make_up() -> io::Result<Vec<u8>> {
    let mut source = File::open("/dev/urandom")?;
    let mut made = Vec::with_capacity(LENGTH);
    while made.len() < LENGTH {
        let mut bytes = [0; 2 * LENGTH];
        source.read_exact(&mut bytes)?;
        made.extend(letters(&bytes).take(LENGTH - made.len()));
    }
    Ok(made)
}

/// Letters from random bytes, each as likely as the other: bytes beyond the last whole alphabet are left out.
fn letters(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let whole = 256 / ALPHABET.len() * ALPHABET.len();
    bytes
        .iter()
        .map(|&byte| usize::from(byte))
        .filter(move |&byte| byte < whole)
        .filter_map(|byte| ALPHABET.get(byte % ALPHABET.len()).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch(name: &str) -> PathBuf {
        let dir = env::temp_dir().join(format!("ragchew-state-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn a_passphrase_is_generated_once_and_readable_by_its_owner_alone() {
        let dir = scratch("once").join("deeper");
        let first = passphrase(&dir).unwrap();
        assert!(first.untouched);
        assert_eq!(first.passphrase.expose().len(), 16);
        assert_eq!(fs::metadata(&first.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(passphrase(&dir).unwrap(), first);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert_ne!(passphrase(&scratch("other")).unwrap().passphrase, first.passphrase);
        fs::remove_dir_all(dir.parent().unwrap()).unwrap();
        fs::remove_dir_all(scratch("other")).ok();
    }

    #[test]
    fn a_passphrase_that_the_operator_put_there_stays_and_is_not_shown() {
        let dir = scratch("own");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(FILE), "My own one!\n").unwrap();
        let kept = passphrase(&dir).unwrap();
        assert_eq!((kept.passphrase.expose(), kept.untouched), (&b"My own one!"[..], false));
        keep(&dir, &kept.path, b"another").unwrap();
        assert_eq!(passphrase(&dir).unwrap(), kept);
        fs::write(dir.join(FILE), "\n").unwrap();
        assert!(passphrase(&dir).unwrap_err().contains("one line"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_passphrase_that_others_may_read_or_replace_is_warned_of() {
        let dir = scratch("open");
        let told = || passphrase(&dir).unwrap().warnings;
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(told(), [""; 0]);
        mode(&dir.join(FILE), 0o644);
        assert!(told()[0].contains("passphrase is readable by everyone; chmod 600 it"));
        mode(&dir.join(FILE), 0o600);
        mode(&dir, 0o777);
        assert!(told()[0].starts_with("everyone may replace the passphrase in "));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named() {
        let dir = scratch("link");
        fs::create_dir_all(&dir).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.join(FILE)).unwrap();
        let path = dir.join(FILE).display().to_string();
        let wanted = format!("the passphrase file {path} cannot be used: it is a link to a file that is not there");
        assert_eq!(passphrase(&dir).unwrap_err(), wanted);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_a_process_with_our_number_left_behind_stops_no_start() {
        let dir = scratch("leftover");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!(".{FILE}.{}", std::process::id())), "half").unwrap();
        assert!(passphrase(&dir).unwrap().untouched);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_system_without_hard_links_keeps_a_passphrase_too() {
        let dir = scratch("links");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join(FILE);
        let refuse = |_: &Path, _: &Path| Err(io::Error::from_raw_os_error(libc::EPERM));
        for text in ["first", "second"] {
            keep_by(refuse, &dir, &path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "first\n");
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn every_letter_is_as_likely_as_the_other() {
        let all: Vec<u8> = (0..=255).collect();
        let mut counts = [0; 256];
        letters(&all).for_each(|letter| counts[usize::from(letter)] += 1);
        assert!(ALPHABET.iter().all(|&letter| counts[usize::from(letter)] == 8));
        assert_eq!(counts.iter().sum::<i32>(), 31 * 8);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_one_clear_line() {
        let error = passphrase(Path::new("/proc/no-such-place")).unwrap_err();
        assert!(error.starts_with("no passphrase can be kept in /proc/no-such-place: "), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn a_named_directory_counts_before_all_others() {
        assert_eq!(directory(Some(Path::new("here"))), Some(PathBuf::from("here")));
    }
}
