//! Where the command socket is, and why it cannot be used. Owns the places that are tried and the sentences about them; speaks
//! to no server. Source: design §7, `runtime.md` S4-12.

use super::client::Client;
use super::failure::Failure;
use crate::args::Args;
use crate::config::{self, Control};
use crate::{source, state};
use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where to look for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// In this order.
    pub(super) paths: Vec<PathBuf>,
    /// Why the configuration was not asked, if it was not.
    pub(super) note: Option<String>,
}

impl Places {
    /// The socket that was named, else that of the configuration, else the one in the state directory.
    ///
    /// # Errors
    /// There is none: it is switched off, or no state directory is known.
    pub(crate) fn find(args: &Args, named: Option<&Path>) -> Result<Self, Failure> {
        if let Some(named) = named {
            return Ok(Self { paths: vec![named.to_owned()], note: None });
        }
        let source = source(args.config.as_deref());
        let (control, note) = match config::control(&source) {
            Ok(control) => (control, None),
            Err(why) => (Control::default(), Some(why)),
        };
        if !control.enabled {
            let why = format!("{source}: runtime.control.enabled is false, so the server has no command socket");
            return Err(Failure::no_server(why));
        }
        if let Some(socket) = control.socket {
            return Ok(Self { paths: vec![socket], note });
        }
        let mut paths: Vec<PathBuf> = state::directory(args.state.as_deref()).into_iter().collect();
        let service = PathBuf::from(state::SERVICE);
        // Whoever may command the service need not own its state.
        if args.state.is_none() && !paths.contains(&service) {
            paths.push(service);
        }
        Ok(Self { paths: paths.into_iter().map(|dir| dir.join(Control::NAME)).collect(), note })
    }

    /// A connection to the first server that is there; `patience` bounds each attempt.
    ///
    /// # Errors
    /// None is there, or it lets nobody in.
    pub(crate) fn connect(&self, patience: Duration) -> Result<Client, Failure> {
        let mut tried = Vec::new();
        for path in &self.paths {
            match Client::connect(path, patience) {
                Ok(client) => return Ok(client),
                Err(error) => tried.push((path, error)),
            }
        }
        let other = |(_, error): &&(&PathBuf, Error)| !is_absent(error);
        match tried.iter().find(other) {
            Some((path, error)) => Err(unusable(path, error)),
            None => Err(Failure::no_server(self.absent(&tried))),
        }
    }

    fn absent(&self, tried: &[(&PathBuf, Error)]) -> String {
        let tried = tried.iter().map(|(path, error)| {
            let what =
                if error.kind() == ErrorKind::ConnectionRefused { "its server has ended" } else { "is not there" };
            format!("{} ({what})", path.display())
        });
        let tried: Vec<_> = tried.chain(self.note.clone()).collect();
        format!(
            "no server runs here, or it uses another state directory; tried: {}. Name it with --socket PATH, --state DIR or \
             --config FILE",
            tried.join(", ")
        )
    }
}

/// Whether nobody is there, so that another place may be the right one.
fn is_absent(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory)
}

fn unusable(path: &Path, error: &Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Failure::no_server(format!("{shown}: permission denied; {}", who_may(path))),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::no_answer(format!(
            "{shown}: the server takes no connection; it is stuck, or too many wait already"
        )),
        _ => Failure::no_server(format!("{shown}: this is no command socket that can be used: {error}")),
    }
}

/// Who may use the socket, as far as we are let to see it.
fn who_may(path: &Path) -> String {
    let socket = fs::metadata(path).map(|there| ("the socket", there));
    let folder = || fs::metadata(path.parent().unwrap_or(Path::new("/"))).map(|there| ("its directory", there));
    let cure = "run this as that user or as root, or let a group in with runtime.control.mode \"0660\"";
    match socket.or_else(|_| folder()) {
        Ok((what, there)) => {
            let (uid, gid, mode) = (there.uid(), there.gid(), there.mode() & 0o777);
            format!("{what} belongs to user {uid} and group {gid} with mode {mode:04o}: {cure}")
        }
        Err(_) => "its directory lets nobody in but its owner: run this as that user or as root".to_owned(),
    }
}
