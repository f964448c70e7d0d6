//! The command socket's place in the file system: its directory, its mode, what is found there from before, and its removal.
//! Owns the file; serves nobody. Source: design §5, R-245.

use crate::limits::SOCKET_PATH;
use mio::net::{UnixListener, UnixStream};
use std::fs::{self, DirBuilder, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of a directory that has to be made.
const DIRECTORY_MODE: u32 = 0o750;

/// A socket file; it is removed with this.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Device and number of the file, so that nobody else's is removed.
    file: (u64, u64),
}

impl Place {
    /// Binds a socket of this mode. The file appears in its place with its mode, and not before.
    ///
    /// # Errors
    /// In words, with what to do: another server listens there, another kind of file is there, or the system refuses.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<(Self, UnixListener), String> {
        let says = |what: &str, e: Error| format!("{}: {what}: {e}", path.display());
        let (Some(folder), Some(_)) = (path.parent(), path.file_name()) else {
            return Err(format!("{}: a command socket needs the path of a file", path.display()));
        };
        if path.as_os_str().len() > SOCKET_PATH {
            return Err(format!("{}: the path of a command socket has at most {SOCKET_PATH} bytes", path.display()));
        }
        if !folder.as_os_str().is_empty() {
            let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(folder);
            made.map_err(|e| says("its directory cannot be made", e))?;
        }
        make_way(path)?;
        let first = folder.join(format!(".{}.new", std::process::id()));
        remove(&first).map_err(|e| says("what an earlier start left cannot be removed", e))?;
        let listener = UnixListener::bind(&first).map_err(|e| says("the command socket cannot be made", e))?;
        let placed = fs::set_permissions(&first, Permissions::from_mode(mode & 0o777))
            .and_then(|()| fs::metadata(&first))
            .and_then(|there| fs::rename(&first, path).map(|()| (there.dev(), there.ino())));
        match placed {
            Ok(file) => Ok((Self { path: path.to_owned(), file }, listener)),
            Err(e) => {
                let _ = remove(&first);
                Err(says("the command socket cannot be put in its place", e))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.file);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Whether the place may be taken: nothing is there, or the socket of a server that has ended.
fn make_way(path: &Path) -> Result<(), String> {
    let there = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(format!("{}: {e}", path.display())),
        Ok(there) => there,
    };
    if !there.file_type().is_socket() {
        return Err(format!(
            "{}: there is a file that is no socket; name another path for the command socket",
            path.display()
        ));
    }
    // Without waiting: a server whose queue is full is alive, too.
    match UnixStream::connect(path) {
        Err(e) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            Err(format!("{}: a socket of somebody else is there; remove it or name another path", path.display()))
        }
        Ok(_) | Err(_) => Err(format!(
            "{}: another server listens there; stop it, or name another path for the command socket",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::tests::Folder;
    use std::os::unix::net::UnixListener as Plain;

    #[test]
    fn the_socket_and_its_directory_have_their_modes_and_it_goes_with_its_owner() {
        let folder = Folder::new();
        let path = folder.path().join("run").join("ctl.sock");
        let (place, _listener) = Place::bind(&path, 0o660).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o660);
        assert_eq!(mode(path.parent().unwrap()) & !DIRECTORY_MODE, 0);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        drop(place);
        assert!(!path.exists());
    }

    #[test]
    fn the_socket_of_a_dead_server_is_replaced_and_that_of_a_living_one_is_not() {
        let folder = Folder::new();
        let path = folder.path().join("ctl.sock");
        drop(Plain::bind(&path).unwrap());
        let (place, listener) = Place::bind(&path, 0o600).unwrap();
        let refused = Place::bind(&path, 0o600).unwrap_err();
        assert!(refused.contains("another server listens there"), "{refused}");
        assert!(path.exists());
        drop((place, listener));
        assert!(Place::bind(&path, 0o600).is_ok());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = Folder::new();
        let path = folder.path().join("ctl.sock");
        fs::write(&path, "precious").unwrap();
        assert!(Place::bind(&path, 0o600).unwrap_err().contains("no socket"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let long = folder.path().join("x".repeat(SOCKET_PATH));
        assert!(Place::bind(&long, 0o600).unwrap_err().contains("at most"));
    }

    #[test]
    fn the_socket_of_a_successor_is_not_removed() {
        let folder = Folder::new();
        let path = folder.path().join("ctl.sock");
        let (place, listener) = Place::bind(&path, 0o600).unwrap();
        drop(listener);
        let (_next, _listener) = Place::bind(&path, 0o600).unwrap();
        drop(place);
        assert!(path.exists());
    }
}
