//! The thread that writes the log, and its life: open, write, open again after rotation, finish. The only part of the
//! server that waits for a terminal, a pipe or a disk on behalf of the log. Source: design §5, `reporting.md` 8.

use super::names::Names;
use super::{CAPACITY, Format, Level, LogItem, LogSender, Shared, render, render_line, wall};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// How often an idle writer looks whether it is to finish or to open its file again.
const IDLE: Duration = Duration::from_millis(200);

/// Where lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    #[default]
    Stdout,
    /// Appended to a file, which is made with mode 0640 if need be.
    File(PathBuf),
}

/// The writing thread.
#[derive(Debug)]
pub struct LogWriter {
    shared: Arc<Shared>,
    ended: Receiver<()>,
}

impl LogWriter {
    /// Opens the output and starts the thread.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not be started.
    pub fn start(output: &Output, format: Format, names: Names) -> io::Result<(Self, LogSender)> {
        let sink: Box<dyn Write + Send> = match output {
            Output::Stdout => Box::new(io::stdout()),
            Output::File(path) => Box::new(open(path)?),
        };
        let path = match output {
            Output::Stdout => None,
            Output::File(path) => Some(path.clone()),
        };
        Self::start_with(sink, path, format, names, CAPACITY)
    }

    fn start_with(
        sink: Box<dyn Write + Send>,
        path: Option<PathBuf>,
        format: Format,
        names: Names,
        capacity: usize,
    ) -> io::Result<(Self, LogSender)> {
        let (items, queue) = bounded(capacity);
        let (end, ended) = bounded::<()>(1);
        let shared = Arc::new(Shared::default());
        let mut scribe =
            Scribe { sink: BufWriter::new(sink), path, format, names, unwritten: 0, shared: Arc::clone(&shared) };
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            scribe.run(&queue);
            drop(end);
        })?;
        let sender = LogSender { items, shared: Arc::clone(&shared) };
        Ok((Self { shared, ended }, sender))
    }

    /// Writes what is still in the queue and ends the thread. Whether it managed to within `patience`.
    pub fn finish(self, patience: Duration) -> bool {
        self.shared.finish.store(true, Ordering::Release);
        // The thread drops its end of this channel when it is done.
        matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

struct Scribe {
    sink: BufWriter<Box<dyn Write + Send>>,
    path: Option<PathBuf>,
    format: Format,
    names: Names,
    /// Lines that the output did not take.
    unwritten: u64,
    shared: Arc<Shared>,
}

impl Scribe {
    fn run(&mut self, queue: &Receiver<LogItem>) {
        loop {
            let item = match queue.try_recv() {
                Ok(item) => Some(item),
                Err(_) => {
                    let _ = self.sink.flush();
                    if self.shared.finish.load(Ordering::Acquire) && queue.is_empty() {
                        return;
                    }
                    match queue.recv_timeout(IDLE) {
                        Ok(item) => Some(item),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            };
            if self.shared.reopen.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
            self.say_losses();
            if let Some(item) = item {
                self.take(item);
            }
        }
    }

    fn take(&mut self, item: LogItem) {
        match item {
            LogItem::Event(event) => {
                self.names.learn(&event);
                if let Some(line) = render(&event, &self.names, self.format) {
                    self.write(&line);
                }
                self.names.forget(&event);
            }
            LogItem::Line { at, level, text } => {
                let line = render_line(at, level, &text, self.format);
                self.write(&line);
            }
            LogItem::Listeners(listeners) => self.names.set_listeners(listeners),
            LogItem::Reopen => self.reopen(),
        }
    }

    fn say_losses(&mut self) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.own_line(&format!("{lost} log lines were lost: the log could not keep up"));
        }
    }

    fn own_line(&mut self, text: &str) {
        let line = render_line(wall(), Level::Warning, text, self.format);
        self.write(&line);
    }

    /// Writes a line; what the output refuses is counted and said once it takes lines again.
    fn write(&mut self, line: &str) {
        if self.unwritten > 0 {
            let said = format!("{} log lines could not be written", self.unwritten);
            let said = render_line(wall(), Level::Warning, &said, self.format);
            if writeln!(self.sink, "{said}").and_then(|()| self.sink.flush()).is_err() {
                self.unwritten += 1;
                return;
            }
            self.unwritten = 0;
        }
        if writeln!(self.sink, "{line}").is_err() {
            self.unwritten += 1;
        }
    }

    fn reopen(&mut self) {
        let Some(path) = self.path.clone() else { return };
        match open(&path) {
            Ok(file) => {
                let _ = self.sink.flush();
                self.sink = BufWriter::new(Box::new(file));
            }
            Err(error) => self.own_line(&format!("{} cannot be opened again: {error}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// An output that takes a line only when it is allowed to, and shows what it took.
    struct Gate {
        allowed: mpsc::Receiver<()>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv_timeout(PATIENCE).map_err(io::Error::other)?;
            self.taken.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ragchew-log-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_sender_never_waits_and_what_was_lost_is_said_when_there_is_room_again() {
        let (allow, allowed) = mpsc::channel();
        let (taken, seen) = mpsc::channel();
        let gate = Box::new(Gate { allowed, taken });
        let (writer, log) = LogWriter::start_with(gate, None, Format::Text, Names::default(), 4).unwrap();
        for n in 0..20 {
            log.line(Level::Info, format!("line {n}"));
        }
        let lost = log.shared.lost.load(Ordering::Relaxed);
        assert!(lost >= 20 - 4 - 2, "{lost}");
        for _ in 0..64 {
            allow.send(()).unwrap();
        }
        assert!(writer.finish(PATIENCE));
        let text: String = seen.try_iter().collect();
        assert!(text.contains("INFO line 0\n"), "{text}");
        assert!(text.contains("log lines were lost: the log could not keep up"), "{text}");
    }

    #[test]
    fn a_rotated_file_is_opened_again_and_nothing_is_lost_in_between() {
        let dir = scratch("rotate");
        let (path, rotated) = (dir.join("ragchew.log"), dir.join("ragchew.log.1"));
        let (writer, log) = LogWriter::start(&Output::File(path.clone()), Format::Text, Names::default()).unwrap();
        log.line(Level::Info, "before");
        fs::rename(&path, &rotated).unwrap();
        log.send(LogItem::Reopen);
        log.line(Level::Warning, "after");
        assert!(writer.finish(PATIENCE));
        assert!(fs::read_to_string(&rotated).unwrap().ends_with("INFO before\n"));
        assert!(fs::read_to_string(&path).unwrap().ends_with("WARNING after\n"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_flag_that_a_signal_sets_opens_the_file_again_too() {
        let dir = scratch("flag");
        let (path, rotated) = (dir.join("ragchew.log"), dir.join("ragchew.log.1"));
        let (writer, log) = LogWriter::start(&Output::File(path.clone()), Format::Text, Names::default()).unwrap();
        fs::rename(&path, &rotated).unwrap();
        log.reopen_flag().store(true, Ordering::Release);
        log.line(Level::Info, "after");
        assert!(writer.finish(PATIENCE));
        assert!(fs::read_to_string(&path).unwrap().ends_with("INFO after\n"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
        let output = Output::File("/nonexistent/ragchew.log".into());
        assert!(LogWriter::start(&output, Format::Text, Names::default()).is_err());
    }
}
