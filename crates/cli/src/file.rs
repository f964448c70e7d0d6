//! Files that are read whole: configurations and passphrases. Never waits: what is no regular file, such as a pipe that
//! nobody writes to, is refused instead of opened. Source: design §6.

use crate::limits::LONGEST_PASSPHRASE;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The first `most` bytes of the regular file at `path`, and one more if there are more; and what the system knows of it.
///
/// # Errors
/// It cannot be opened or read, or is no regular file.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<(Metadata, Vec<u8>)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((about, bytes))
}

/// The one line of a passphrase file, without its end; none if the file holds anything else.
pub(crate) fn one_line(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let fits = (1..=LONGEST_PASSPHRASE).contains(&(line.len() as u64));
    (fits && !line.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0))).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn a_pipe_that_nobody_writes_to_is_refused_at_once() {
        let pipe = std::env::temp_dir().join(format!("ragchew-pipe-{}", std::process::id()));
        let _ = std::fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (tell, told) = channel();
        let path = pipe.clone();
        std::thread::spawn(move || tell.send(read(&path, 10).map(drop)));
        let answer = told.recv_timeout(Duration::from_secs(10));
        std::fs::remove_file(pipe).unwrap();
        assert!(answer.unwrap().unwrap_err().to_string().contains("not a regular file"));
    }

    #[test]
    fn directories_and_devices_are_refused_and_of_a_file_no_more_than_wanted_is_read() {
        for path in ["/", "/dev/zero"] {
            assert!(read(Path::new(path), 10).unwrap_err().to_string().contains("not a regular file"));
        }
        let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(read(&this, 10).unwrap().1.len(), 11);
    }
}
