//! Tests of `ctl` against a server that is a socket and a script.

mod answers;
mod conversations;
mod tables;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

/// A directory of this test alone.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ragchew-ctl-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that is this script for each connection, one after the other; it gives back what each was asked.
fn server<F>(path: &Path, connections: usize, script: F) -> JoinHandle<Vec<String>>
where
    F: Fn(usize, &str, &mut UnixStream) -> bool + Send + 'static,
{
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let mut heard = Vec::new();
        for at in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let goes_on = script(at, &line, &mut stream);
                heard.push(line);
                if !goes_on {
                    break;
                }
            }
        }
        heard
    })
}

/// Sends lines; whoever does not read them any more is no matter.
fn say(stream: &mut UnixStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}
