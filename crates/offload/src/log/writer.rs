//! The thread that writes the log, and its life: open, write, open again after rotation, finish. The only part of the
//! server that waits for a terminal, a pipe or a disk on behalf of the log. Source: design §5, `reporting.md` 8.

use super::names::Names;
use super::{Format, Level, LogItem, LogSender, Shared, render, render_line, wall};
use crate::limits::{LOG_BUFFER, LOG_CAPACITY, LOG_IDLE};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

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
    items: Sender<LogItem>,
    ended: Receiver<()>,
}

/// How the log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether everything was worked off in time.
    pub in_time: bool,
    /// Lines that the output did not take and that it does not tell of.
    pub unwritten: u64,
    /// Items that found no room in the queue and that the output does not tell of.
    pub lost: u64,
}

impl Ending {
    /// What whoever started the server ought to know, one line each; nothing after an end in order.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.in_time {
            complaints.push("the log was late; its last lines may be missing".to_owned());
        }
        if self.unwritten > 0 {
            complaints.push(format!("{} log lines could not be written", self.unwritten));
        }
        if self.lost > 0 {
            complaints.push(format!("{} log lines were lost: the log could not keep up", self.lost));
        }
        complaints
    }
}

/// Where bytes go.
type Sink = Box<dyn Write + Send>;

impl LogWriter {
    /// Opens the output and starts the thread. The first line that the output refuses is told on standard error. Each line
    /// goes to `tail` too, as long as there is room there.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not be started.
    pub fn start(
        output: &Output,
        format: Format,
        names: Names,
        tail: Option<Sender<String>>,
    ) -> io::Result<(Self, LogSender)> {
        let (sink, path): (Sink, _) = match output {
            // Past the buffer of the standard library, so that what could not be written is known.
            Output::Stdout => (Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?)), None),
            Output::File(path) => (Box::new(open(path)?), Some(path.clone())),
        };
        Self::start_with(sink, (Box::new(io::stderr()), tail), path, format, names, LOG_CAPACITY)
    }

    fn start_with(
        sink: Sink,
        (complaints, tail): (Sink, Option<Sender<String>>),
        path: Option<PathBuf>,
        format: Format,
        names: Names,
        capacity: usize,
    ) -> io::Result<(Self, LogSender)> {
        let (items, queue) = bounded(capacity);
        let (end, ended) = bounded::<()>(1);
        let shared = Arc::new(Shared::default());
        let tail = tail.map(|to| Tail { to, missed: 0 });
        let lines = Lines { sink, waiting: Vec::new(), unwritten: 0, complaints: Some(complaints), tail, format };
        let mut scribe = Scribe { lines, path, names, shared: Arc::clone(&shared) };
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            scribe.run(&queue);
            drop(end);
        })?;
        let sender = LogSender { items, shared: Arc::clone(&shared) };
        Ok((Self { shared, ended, items: sender.items.clone() }, sender))
    }

    /// Writes what is still in the queue and ends the thread, or leaves it behind after `patience`.
    pub fn finish(self, patience: Duration) -> Ending {
        self.shared.finish.store(true, Ordering::Release);
        // A queue without room for it has a writer that is awake.
        let _ = self.items.try_send(LogItem::Look);
        // The thread drops its end of this channel when it is done.
        let in_time = matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected));
        let [unwritten, lost] = [&self.shared.unwritten, &self.shared.lost].map(|count| count.load(Ordering::Acquire));
        Ending { in_time, unwritten, lost }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// For those who follow the log; never waited for.
struct Tail {
    to: Sender<String>,
    /// Lines that found no room there and that it was not told of.
    missed: u64,
}

impl Tail {
    /// Passes a line on; who follows too slowly misses lines, is told how many, and the output has them.
    fn pass(&mut self, line: &str, format: Format) {
        if self.missed > 0 {
            let text = format!("{} log lines are not shown here: whoever shows them could not keep up", self.missed);
            if self.to.try_send(render_line(wall(), Level::Warning, &text, format)).is_ok() {
                self.missed = 0;
            }
        }
        if self.missed > 0 || matches!(self.to.try_send(line.to_owned()), Err(TrySendError::Full(_))) {
            self.missed += 1;
        }
    }
}

/// Lines on their way to the output.
struct Lines {
    sink: Sink,
    /// Complete lines that the output has not taken yet; the first may have lost its beginning to it.
    waiting: Vec<u8>,
    /// Lines that the output did not take and has not been told of.
    unwritten: u64,
    /// Where the first failure is told.
    complaints: Option<Sink>,
    tail: Option<Tail>,
    format: Format,
}

impl Lines {
    /// Adds a line; what the output refuses is counted and said once it takes lines again.
    fn write(&mut self, line: &str) {
        if let Some(tail) = &mut self.tail {
            tail.pass(line, self.format);
        }
        if self.unwritten > 0 {
            if !self.own_line(&format!("{} log lines could not be written", self.unwritten)) {
                self.unwritten += 1;
                return;
            }
            self.unwritten = 0;
        }
        if !self.waiting.is_empty() && self.waiting.len() + line.len() >= LOG_BUFFER && !self.flush() {
            self.unwritten += 1;
            return;
        }
        self.add(line);
    }

    /// Writes a line of the log about itself at once. Whether the output took it.
    fn own_line(&mut self, text: &str) -> bool {
        if !self.flush() {
            return false;
        }
        self.add(&render_line(wall(), Level::Warning, text, self.format));
        let length = self.waiting.len();
        if self.flush() {
            return true;
        }
        // Once its beginning is out, the rest has to follow.
        let begun = self.waiting.len() < length;
        if !begun {
            self.waiting.clear();
        }
        begun
    }

    fn add(&mut self, line: &str) {
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.push(b'\n');
    }

    /// Writes what waits. Whether all of it is out.
    fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.sink.write(&self.waiting) {
                Ok(0) => return self.complain(&io::Error::from(ErrorKind::WriteZero)),
                Ok(written) => drop(self.waiting.drain(..written.min(self.waiting.len()))),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.complain(&error),
            }
        }
        match self.sink.flush() {
            Ok(()) => true,
            Err(error) => self.complain(&error),
        }
    }

    /// Says on standard error, once, that the output fails. Always false.
    fn complain(&mut self, error: &io::Error) -> bool {
        if let Some(mut complaints) = self.complaints.take() {
            let _ = complaints.write_all(format!("ragchew: the log cannot be written: {error}\n").as_bytes());
        }
        false
    }

    /// Lines that are not in the output.
    fn missing(&self) -> u64 {
        self.unwritten + self.waiting.iter().filter(|&&byte| byte == b'\n').count() as u64
    }
}

struct Scribe {
    lines: Lines,
    path: Option<PathBuf>,
    names: Names,
    shared: Arc<Shared>,
}

impl Scribe {
    fn run(&mut self, queue: &Receiver<LogItem>) {
        loop {
            let item = match queue.try_recv() {
                Ok(item) => Some(item),
                Err(_) => {
                    self.settle();
                    if self.shared.finish.load(Ordering::Acquire) && queue.is_empty() {
                        return;
                    }
                    match queue.recv_timeout(Duration::from_nanos(LOG_IDLE.0)) {
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

    /// Brings the output up to date, and notes what it does not take.
    fn settle(&mut self) {
        self.say_losses();
        self.lines.flush();
        self.shared.unwritten.store(self.lines.missing(), Ordering::Release);
    }

    fn take(&mut self, item: LogItem) {
        match item {
            LogItem::Event(event) => {
                self.names.learn(&event);
                if let Some(line) = render(&event, &self.names, self.lines.format) {
                    self.lines.write(&line);
                }
                self.names.forget(&event);
            }
            LogItem::Line { at, level, text } => {
                let line = render_line(at, level, &text, self.lines.format);
                self.lines.write(&line);
            }
            LogItem::Listeners(listeners) => self.names.set_listeners(listeners),
            LogItem::Reopen => self.reopen(),
            LogItem::Look => {}
        }
    }

    fn say_losses(&mut self) {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost > 0 && self.lines.own_line(&format!("{lost} log lines were lost: the log could not keep up")) {
            self.shared.lost.fetch_sub(lost, Ordering::Relaxed);
        }
    }

    fn reopen(&mut self) {
        let Some(path) = self.path.clone() else { return };
        match open(&path) {
            Ok(file) => {
                self.lines.flush();
                self.lines.sink = Box::new(file);
            }
            Err(error) => {
                let line = format!("{} cannot be opened again: {error}", path.display());
                self.lines.write(&render_line(wall(), Level::Warning, &line, self.lines.format));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::{Mutex, mpsc};

    const PATIENCE: Duration = Duration::from_secs(30);

    const IN_ORDER: Ending = Ending { in_time: true, unwritten: 0, lost: 0 };

    /// An output with room for some bytes, until it gets more.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);

    impl Disk {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().1.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (room, taken) = &mut *self.0.lock().unwrap();
            let fits = bytes.len().min(*room);
            if fits == 0 {
                return Err(io::Error::from_raw_os_error(28));
            }
            *room -= fits;
            taken.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(disk: &Disk, errors: &Disk) -> Lines {
        let complaints: Option<Sink> = Some(Box::new(errors.clone()));
        Lines {
            sink: Box::new(disk.clone()),
            waiting: Vec::new(),
            unwritten: 0,
            complaints,
            tail: None,
            format: Format::Text,
        }
    }

    fn endless() -> Disk {
        let disk = Disk::default();
        disk.0.lock().unwrap().0 = usize::MAX;
        disk
    }

    #[test]
    fn an_output_that_takes_nothing_is_told_once_at_once_and_counted_at_the_end() {
        let errors = endless();
        let (sink, complaints) = (Box::new(Disk::default()), Box::new(errors.clone()));
        let (writer, log) =
            LogWriter::start_with(sink, (complaints, None), None, Format::Text, Names::default(), 64).unwrap();
        (0..3).for_each(|n| log.line(Level::Info, format!("line {n}")));
        let ending = writer.finish(PATIENCE);
        assert_eq!(ending, Ending { unwritten: 3, ..IN_ORDER });
        assert_eq!(ending.complaints(), ["3 log lines could not be written"]);
        let told = errors.text();
        assert!(told.starts_with("ragchew: the log cannot be written: ") && told.lines().count() == 1, "{told}");
    }

    #[test]
    fn lines_around_a_full_disk_stay_lines_and_the_gap_between_them_is_said() {
        let (disk, errors) = (Disk::default(), endless());
        let mut lines = lines(&disk, &errors);
        let line = |n: usize| format!("{n:>5} {}", "x".repeat(94));
        for room in [0, 150, 7_777, 101, 0, 9_999, usize::MAX] {
            disk.0.lock().unwrap().0 = room;
            (0..200).for_each(|n| lines.write(&line(n)));
        }
        assert!(lines.flush());
        assert_eq!((lines.missing(), errors.text().lines().count()), (0, 1));
        let text = disk.text();
        let (own, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains("could not be written"));
        assert!(others.iter().all(|line| line.len() == 100 && line.ends_with("xxx")));
        let said = own.iter().map(|line| line.split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap());
        assert_eq!(others.len() + said.sum::<usize>(), 7 * 200);
    }

    #[test]
    fn who_follows_too_slowly_is_told_how_many_lines_he_missed_and_gets_the_next_ones() {
        let (to, follower) = bounded(3);
        let mut lines = Lines { tail: Some(Tail { to, missed: 0 }), ..lines(&endless(), &endless()) };
        (0..10).for_each(|n| lines.write(&format!("line {n}")));
        assert_eq!(follower.try_iter().collect::<Vec<_>>(), ["line 0", "line 1", "line 2"]);
        lines.write("line 10");
        let got: Vec<_> = follower.try_iter().collect();
        assert!(got.len() == 2 && got[0].contains("WARNING 7 log lines are not shown here"), "{got:?}");
        assert_eq!(got[1], "line 10");
        drop(follower);
        (0..3).for_each(|n| lines.write(&format!("line {n}")));
        assert_eq!(lines.tail.unwrap().missed, 0, "nobody is there to miss them");
    }

    #[test]
    fn what_was_lost_just_before_the_end_is_said() {
        let disk = endless();
        let (_items, queue) = bounded(1);
        let shared = Arc::new(Shared::default());
        shared.lost.store(7, Ordering::Relaxed);
        shared.finish.store(true, Ordering::Release);
        let lines = lines(&disk, &endless());
        Scribe { lines, path: None, names: Names::default(), shared: Arc::clone(&shared) }.run(&queue);
        assert!(disk.text().contains("7 log lines were lost"), "{}", disk.text());
        assert_eq!(shared.lost.load(Ordering::Relaxed), 0);
    }

    /// An output that says when it is given something, takes it only when it is allowed to, and shows what it took.
    struct Gate {
        entered: mpsc::Sender<()>,
        allowed: mpsc::Receiver<()>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.entered.send(()).map_err(io::Error::other)?;
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
        let (entered, stands) = mpsc::channel();
        let (allow, allowed) = mpsc::channel();
        let (taken, seen) = mpsc::channel();
        let gate = Box::new(Gate { entered, allowed, taken });
        let (writer, log) =
            LogWriter::start_with(gate, (Box::new(io::sink()), None), None, Format::Text, Names::default(), 4).unwrap();
        log.line(Level::Info, "line 0");
        stands.recv_timeout(PATIENCE).unwrap();
        for n in 1..20 {
            log.line(Level::Info, format!("line {n}"));
        }
        assert_eq!(log.shared.lost.load(Ordering::Relaxed), 19 - 4);
        for _ in 0..64 {
            allow.send(()).unwrap();
        }
        assert_eq!(writer.finish(PATIENCE), IN_ORDER);
        let text: String = seen.try_iter().collect();
        assert!(text.contains("INFO line 0\n"), "{text}");
        assert!(text.contains("15 log lines were lost: the log could not keep up"), "{text}");
    }

    #[test]
    fn a_rotated_file_is_opened_again_and_nothing_is_lost_in_between() {
        let dir = scratch("rotate");
        let (path, rotated) = (dir.join("ragchew.log"), dir.join("ragchew.log.1"));
        let (writer, log) =
            LogWriter::start(&Output::File(path.clone()), Format::Text, Names::default(), None).unwrap();
        log.line(Level::Info, "before");
        fs::rename(&path, &rotated).unwrap();
        log.send(LogItem::Reopen);
        log.line(Level::Warning, "after");
        assert_eq!(writer.finish(PATIENCE), IN_ORDER);
        assert!(fs::read_to_string(&rotated).unwrap().ends_with("INFO before\n"));
        assert!(fs::read_to_string(&path).unwrap().ends_with("WARNING after\n"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_flag_that_a_signal_sets_opens_the_file_again_too() {
        let dir = scratch("flag");
        let (path, rotated) = (dir.join("ragchew.log"), dir.join("ragchew.log.1"));
        let (writer, log) =
            LogWriter::start(&Output::File(path.clone()), Format::Text, Names::default(), None).unwrap();
        fs::rename(&path, &rotated).unwrap();
        log.reopen_flag().store(true, Ordering::Release);
        log.line(Level::Info, "after");
        assert_eq!(writer.finish(PATIENCE), IN_ORDER);
        assert!(fs::read_to_string(&path).unwrap().ends_with("INFO after\n"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
        let output = Output::File("/nonexistent/ragchew.log".into());
        assert!(LogWriter::start(&output, Format::Text, Names::default(), None).is_err());
    }
}
