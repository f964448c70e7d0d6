//! `reporting` and what `runtime` says of workers: which there are, where they run, how they are kept well, and the socket of
//! operators. Completes no default that lies in the state directory. Source: design §5, §6, `runtime.md` S0, S4-23 to S4-29.

use super::tree::{Position, Value};
use super::walker::{Item, Opened, Walker};
use super::{Supervision, Surroundings, keys};
use crate::limits::LONGEST_SOCKET_PATH;
use ragchew_core::time::Span;
use ragchew_offload::worker::{Placement, SqlSettings};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How a file is written that is none.
const IN_MEMORY: &str = ":memory:";
/// Compatibility views of the database, as the file names them.
const VIEWS: [&str; 5] = ["feed", "last_heard", "lstheard_log", "tg_count", "user_count"];

/// What tells the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// The database of calls and sessions; none: there is none.
    pub sql: Option<SqlPlan>,
}

/// The `sql` worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlPlan {
    /// Where the database is.
    pub file: Database,
    /// Days after which calls and sessions are forgotten; 0: never.
    pub keep_days: u32,
    /// Compatibility views that are wanted, each once.
    pub views: Vec<String>,
    /// Where the worker runs.
    pub placement: Placement,
    /// Bytes of memory that its process may have.
    pub memory: u64,
}

/// Where a database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Database {
    /// In [`Self::NAME`] of the state directory.
    #[default]
    InState,
    /// In memory: it ends with the server.
    InMemory,
    /// In this file.
    File(PathBuf),
}

impl Database {
    /// Its name in the state directory.
    pub const NAME: &'static str = "ragchew.db";
}

impl SqlPlan {
    /// What the worker is told, given the state directory.
    pub fn settings(&self, state: &Path) -> SqlSettings {
        let file = match &self.file {
            Database::InState => Some(state.join(Database::NAME)),
            Database::InMemory => None,
            Database::File(path) => Some(path.clone()),
        };
        SqlSettings { file, keep_days: self.keep_days, views: self.views.clone() }
    }
}

impl Default for SqlPlan {
    fn default() -> Self {
        Self {
            file: Database::default(),
            keep_days: 90,
            views: Vec::new(),
            placement: Placement::default(),
            memory: 128 << 20,
        }
    }
}

impl Default for Reporting {
    fn default() -> Self {
        Self { sql: Some(SqlPlan::default()) }
    }
}

/// The socket of operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Whether there is one.
    pub enabled: bool,
    /// Where; none: [`Self::NAME`] of the state directory.
    pub socket: Option<PathBuf>,
    /// Its file mode.
    pub mode: u32,
}

impl Control {
    /// Its name in the state directory.
    pub const NAME: &'static str = "control.sock";

    /// Where it is, given the state directory; none when there is none.
    pub fn path(&self, state: &Path) -> Option<PathBuf> {
        self.enabled.then(|| self.socket.clone().unwrap_or_else(|| state.join(Self::NAME)))
    }
}

impl Default for Control {
    fn default() -> Self {
        Self { enabled: true, socket: None, mode: 0o600 }
    }
}

/// Reads `reporting`, given the opened `runtime` for the placement that holds without another.
pub(super) fn reporting(
    w: &mut Walker,
    file: Option<&Opened<'_>>,
    runtime: Option<&Opened<'_>>,
    around: &Surroundings<'_>,
) -> Reporting {
    let general = runtime.and_then(|runtime| runtime.get("placement"));
    let general_placement = general.and_then(|item| w.choice(item, &Placement::WORDS));
    let reporting = w.open_at(file, "reporting", &keys::REPORTING);
    let sql = w.open_at(reporting.as_ref(), "sql", &keys::SQL);
    let mut plan = SqlPlan { placement: general_placement.unwrap_or_default(), ..SqlPlan::default() };
    let mut enabled = true;
    let mut own = None;
    if let Some(opened) = &sql {
        enabled = opened.get("enabled").and_then(|item| w.flag(item)).unwrap_or(enabled);
        own = opened.get("placement").and_then(|item| w.choice(item, &Placement::WORDS).map(|found| (item, found)));
        plan.placement = own.map_or(plan.placement, |(_, placement)| placement);
        sql_worker(w, opened, around, &mut plan);
    }
    let blocks = enabled && plan.placement == Placement::Single && plan.file != Database::InMemory;
    if let (true, Some(item)) = (blocks, own.map(|(item, _)| item).or(general)) {
        w.error(
            item,
            "the sql worker writes to a disk, and in `single` placement everything else would wait for it; set \
             reporting.sql.placement to process or thread, or reporting.sql.file to \":memory:\"",
        );
    }
    Reporting { sql: enabled.then_some(plan) }
}

fn sql_worker(w: &mut Walker, opened: &Opened<'_>, around: &Surroundings<'_>, plan: &mut SqlPlan) {
    if let Some(text) = opened.get("file").and_then(|item| w.line(item, 1..=4_096)) {
        plan.file = match text {
            IN_MEMORY => Database::InMemory,
            path => Database::File(around.base.join(path)),
        };
    }
    if let Some(days) = opened.get("keep_days").and_then(|item| w.number32(item, 0..=36_500)) {
        plan.keep_days = days;
    }
    if let Some(item) = opened.get("views") {
        plan.views = views(w, item);
    }
    if let Some(megabytes) = opened.get("memory_mb").and_then(|item| w.number(item, 16..=65_536)) {
        plan.memory = megabytes << 20;
    }
}

fn views(w: &mut Walker, item: &Item<'_>) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    let words = VIEWS.map(|view| (view, view));
    for entry in w.list(item, VIEWS.len()).unwrap_or_default() {
        match w.choice(&entry, &words) {
            Some(view) if wanted.iter().any(|known| known == view) => {
                w.warning(&entry, format!("{view} stands in this list twice"));
            }
            Some(view) => wanted.push(view.to_owned()),
            None => {}
        }
    }
    wanted
}

/// Reads what `runtime` says of how workers are kept well.
pub(super) fn supervision(w: &mut Walker, runtime: &Opened<'_>) -> Supervision {
    let mut numbers = Supervision::default();
    millis(w, runtime, "join_timeout_ms", 10..=3_000, &mut numbers.join_timeout);
    if let Some(health) = w.open_at(Some(runtime), "health", &keys::HEALTH) {
        millis(w, &health, "interval_ms", 100..=3_600_000, &mut numbers.health_interval);
        millis(w, &health, "grace_ms", 0..=3_600_000, &mut numbers.grace);
        share(w, &health, "max_busy", &mut numbers.max_busy);
        share(w, &health, "max_memory", &mut numbers.max_memory);
        small(w, &health, "max_unhealthy", 1..=100, &mut numbers.max_unhealthy);
    }
    if let Some(restart) = w.open_at(Some(runtime), "restart", &keys::RESTART) {
        millis(w, &restart, "quick_ms", 0..=10_000, &mut numbers.quick_failure);
        millis(w, &restart, "delay_ms", 1..=3_600_000, &mut numbers.restart_delay);
        millis(w, &restart, "delay_cap_ms", 1..=86_400_000, &mut numbers.restart_delay_cap);
        small(w, &restart, "max_attempts", 0..=255, &mut numbers.max_restarts);
        let place = restart.get("delay_cap_ms").or_else(|| restart.get("delay_ms"));
        if let (true, Some(item)) = (numbers.restart_delay_cap < numbers.restart_delay, place) {
            let [delay, cap] = [numbers.restart_delay, numbers.restart_delay_cap].map(Span::as_millis);
            w.error(item, format!("delay_cap_ms ({cap}) is less than delay_ms ({delay})"));
        }
    }
    numbers
}

fn millis(w: &mut Walker, opened: &Opened<'_>, name: &str, range: RangeInclusive<u64>, into: &mut Span) {
    if let Some(millis) = opened.get(name).and_then(|item| w.number(item, range)) {
        *into = Span::millis(millis);
    }
}

fn share(w: &mut Walker, opened: &Opened<'_>, name: &str, into: &mut u16) {
    if let Some(share) = opened.get(name).and_then(|item| w.per_mille(item, 100..=1_000)) {
        *into = share;
    }
}

fn small(w: &mut Walker, opened: &Opened<'_>, name: &str, range: RangeInclusive<u64>, into: &mut u8) {
    let number = opened.get(name).and_then(|item| w.number(item, range));
    if let Some(number) = number.and_then(|number| u8::try_from(number).ok()) {
        *into = number;
    }
}

/// Reads `runtime.control`.
pub(super) fn control(w: &mut Walker, runtime: &Opened<'_>, around: &Surroundings<'_>) -> Control {
    let mut control = Control::default();
    let Some(opened) = w.open_at(Some(runtime), "control", &keys::CONTROL) else { return control };
    control.enabled = opened.get("enabled").and_then(|item| w.flag(item)).unwrap_or(control.enabled);
    if let Some(item) = opened.get("socket") {
        control.socket = w.line(item, 1..=4_096).map(|path| around.base.join(path));
        let bytes = control.socket.as_ref().map_or(0, |path| path.as_os_str().as_bytes().len());
        if bytes > LONGEST_SOCKET_PATH {
            w.error(
                item,
                format!("this path has {bytes} bytes; the system takes sockets of at most {LONGEST_SOCKET_PATH}"),
            );
        }
    }
    if let Some(item) = opened.get("mode") {
        if let Some(mode) = w.mode(item) {
            control.mode = mode;
            if mode & 0o006 != 0 {
                w.warning(item, "every user of this machine may command the server");
            }
        }
    }
    control
}

/// Notes when two of the server's files are one.
pub(super) fn apart(w: &mut Walker, file: &Opened<'_>, base: &Path) {
    let mut taken: Vec<(PathBuf, String)> = Vec::new();
    for path in [["reporting", "sql", "file"], ["runtime", "log", "file"], ["runtime", "control", "socket"]] {
        let Some((at, text)) = text_at(file, path).filter(|(_, text)| *text != IN_MEMORY) else { continue };
        let (place, key) = (base.join(text), path.join("."));
        match taken.iter().find(|(other, _)| *other == place) {
            Some((_, other)) => w.findings.error(at, &key, format!("this is the file of {other} already")),
            None => taken.push((place, key)),
        }
    }
}

/// The text at a key of a mapping in a mapping of the file.
fn text_at<'n>(file: &Opened<'n>, [first, rest @ ..]: [&str; 3]) -> Option<(Position, &'n str)> {
    let mut node = file.get(first)?.node;
    for name in rest {
        let Value::Map(entries) = &node.value else { return None };
        node = entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)?;
    }
    match &node.value {
        Value::Scalar { text, .. } => Some((node.at, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{errors, good, said};
    use super::*;
    use crate::config::Runtime;

    /// A configuration with these keys under `reporting.sql`.
    fn sql(keys: &str) -> String {
        format!("reporting: {{ sql: {{ {keys} }} }}\n")
    }

    fn sql_plan(text: &str) -> SqlPlan {
        good(text).runtime.reporting.sql.unwrap()
    }

    #[test]
    fn without_a_word_there_is_a_database_and_a_socket_in_the_state_directory_and_the_numbers_of_the_supervisor() {
        let runtime = good("").runtime;
        assert_eq!(runtime, Runtime::default());
        let plan = runtime.reporting.sql.unwrap();
        assert_eq!((plan.placement, plan.memory, plan.keep_days), (Placement::Process, 134_217_728, 90));
        let state = Path::new("/var/lib/ragchew");
        assert_eq!(plan.settings(state).file.as_deref(), Some(Path::new("/var/lib/ragchew/ragchew.db")));
        assert_eq!(runtime.control.path(state).as_deref(), Some(Path::new("/var/lib/ragchew/control.sock")));
        assert_eq!(runtime.control.mode, 0o600);
        assert_eq!(runtime.supervision, Supervision::default());
    }

    #[test]
    fn everything_that_the_file_says_of_workers_reaches_the_plan() {
        let runtime = good(
            "
reporting: { sql: { file: db/r.db, keep_days: 0, views: [tg_count, feed], placement: thread, memory_mb: 16 } }
runtime:
  placement: single
  health: { interval_ms: 100, max_busy: 0.5, max_memory: 1, max_unhealthy: 100, grace_ms: 0 }
  restart: { quick_ms: 0, delay_ms: 7, delay_cap_ms: 7, max_attempts: 255 }
  join_timeout_ms: 3000
  control: { enabled: true, socket: c.sock, mode: '0660' }
",
        )
        .runtime;
        let plan = SqlPlan {
            file: Database::File("./db/r.db".into()),
            keep_days: 0,
            views: vec!["tg_count".to_owned(), "feed".to_owned()],
            placement: Placement::Thread,
            memory: 16 << 20,
        };
        assert_eq!(runtime.reporting.sql, Some(plan));
        let numbers = Supervision {
            health_interval: Span::millis(100),
            max_busy: 500,
            max_memory: 1_000,
            max_unhealthy: 100,
            grace: Span(0),
            join_timeout: Span::millis(3_000),
            quick_failure: Span(0),
            restart_delay: Span::millis(7),
            restart_delay_cap: Span::millis(7),
            max_restarts: 255,
        };
        assert_eq!(runtime.supervision, numbers);
        assert_eq!(runtime.control, Control { enabled: true, socket: Some("./c.sock".into()), mode: 0o660 });
    }

    #[test]
    fn what_is_switched_off_is_not_there() {
        let runtime = good(&format!("{}runtime: {{ control: {{ enabled: false }} }}\n", sql("enabled: false"))).runtime;
        assert_eq!((runtime.reporting.sql, runtime.control.path(Path::new("/s"))), (None, None));
    }

    #[test]
    fn a_database_in_memory_has_no_file_and_other_paths_are_relative_to_the_configuration() {
        let state = Path::new("/s");
        assert_eq!(sql_plan(&sql("file: ':memory:'")).settings(state).file, None);
        let absolute = sql_plan(&sql("file: /srv/r.db")).settings(state).file;
        assert_eq!(absolute.as_deref(), Some(Path::new("/srv/r.db")));
    }

    #[test]
    fn a_worker_runs_where_its_own_key_says_and_else_where_runtime_says() {
        let at = |own: &str, general: &str| sql_plan(&format!("{}runtime: {{ {general} }}\n", sql(own))).placement;
        assert_eq!(at("", ""), Placement::Process);
        assert_eq!(at("", "placement: thread"), Placement::Thread);
        assert_eq!(at("placement: process", "placement: thread"), Placement::Process);
        assert_eq!(at("file: ':memory:'", "placement: single"), Placement::Single);
    }

    #[test]
    fn a_database_on_a_disk_is_not_placed_where_it_would_hold_up_the_others() {
        let said = "the sql worker writes to a disk, and in `single` placement everything else would wait for it; set \
                    reporting.sql.placement to process or thread, or reporting.sql.file to \":memory:\"";
        let own = errors(&sql("placement: single"));
        assert_eq!(own, [format!("f:1:32: reporting.sql.placement: {said}")]);
        let general = errors("runtime: { placement: single }\n");
        assert_eq!(general, [format!("f:1:23: runtime.placement: {said}")]);
        assert!(errors(&format!("{}runtime: {{ placement: single }}\n", sql("enabled: false"))).is_empty());
        assert!(errors(&format!("{}runtime: {{ placement: single }}\n", sql("placement: thread"))).is_empty());
    }

    #[test]
    fn every_wrong_value_is_named_with_what_was_expected() {
        let wrong = [
            ("reporting: { sql: { file: '' } }", "reporting.sql.file: expected the path of a file, or \":memory:\""),
            (
                "reporting: { sql: { keep_days: 36501 } }",
                "reporting.sql.keep_days: expected whole days from 0 to 36500",
            ),
            (
                "reporting: { sql: { views: [feed, fed] } }",
                "reporting.sql.views[1]: expected a list of feed, last_heard",
            ),
            ("reporting: { sql: { views: feed } }", "reporting.sql.views: expected a list of feed"),
            ("reporting: { sql: { placement: fibre } }", "reporting.sql.placement: expected process, thread or single"),
            ("reporting: { sql: { memory_mb: 15 } }", "reporting.sql.memory_mb: expected whole megabytes from 16"),
            ("reporting: { sql: { enabled: no } }", "reporting.sql.enabled: expected true or false, found no"),
            ("reporting: { sql: { keepdays: 1 } }", "reporting.sql.keepdays: unknown key; did you mean keep_days?"),
            ("reporting: { web: {} }", "reporting.web: unknown key; known here: sql"),
            ("reporting: yes", "reporting: expected a mapping with the keys sql, found a text"),
            ("runtime: { placement: 1 }", "runtime.placement: expected process, thread or single, found 1"),
            ("runtime: { health: { max_busy: 98 } }", "runtime.health.max_busy: expected a share from 0.1 to 1"),
            ("runtime: { health: { max_busy: 1.001 } }", "runtime.health.max_busy: expected a share from 0.1 to 1"),
            ("runtime: { health: { max_memory: 0.099 } }", "runtime.health.max_memory: expected a share from 0.1 to 1"),
            ("runtime: { health: { max_memory: '0.9' } }", "runtime.health.max_memory: expected a share from 0.1 to 1"),
            ("runtime: { health: { max_memory: 0.9500 } }", "with at most three decimals, found 0.9500"),
            ("runtime: { health: { interval_ms: 99 } }", "runtime.health.interval_ms: expected whole milliseconds"),
            (
                "runtime: { health: { max_unhealthy: 0 } }",
                "runtime.health.max_unhealthy: expected a whole number from 1",
            ),
            ("runtime: { health: { grace_ms: 3600001 } }", "runtime.health.grace_ms: expected whole milliseconds"),
            ("runtime: { restart: { quick_ms: 10001 } }", "runtime.restart.quick_ms: expected whole milliseconds"),
            ("runtime: { restart: { delay_ms: 0 } }", "runtime.restart.delay_ms: expected whole milliseconds from 1"),
            ("runtime: { restart: { max_attempts: 256 } }", "runtime.restart.max_attempts: expected a whole number"),
            (
                "runtime: { join_timeout_ms: 3001 }",
                "runtime.join_timeout_ms: expected whole milliseconds from 10 to 3000",
            ),
            ("runtime: { control: { socket: [] } }", "runtime.control.socket: expected the path of a socket"),
        ];
        for (text, wanted) in wrong {
            let found = errors(&format!("{text}\n"));
            assert!(found.len() == 1 && found[0].contains(wanted), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_delay_is_no_longer_than_its_cap() {
        let of = |keys: &str| errors(&format!("runtime: {{ restart: {{ {keys} }} }}\n"));
        let both = of("delay_ms: 9, delay_cap_ms: 8");
        assert_eq!(both, ["f:1:50: runtime.restart.delay_cap_ms: delay_cap_ms (8) is less than delay_ms (9)"]);
        assert!(of("delay_ms: 60001")[0].contains("runtime.restart.delay_ms: delay_cap_ms (60000) is less"));
        assert!(of("delay_cap_ms: 499")[0].contains("delay_cap_ms (499) is less than delay_ms (500)"));
        assert!(of("delay_ms: 60000").is_empty());
    }

    #[test]
    fn the_mode_of_the_socket_is_octal_lets_its_owner_in_and_warns_of_everybody() {
        let of = |mode: &str| format!("runtime: {{ control: {{ mode: {mode} }} }}\n");
        for wrong in ["'600'", "'0700'", "'0400'", "'00600'", "'0o600'", "'0680'", "384", "rw", "'0060'", "~", "'+600'"]
        {
            let found = errors(&of(wrong));
            assert!(found.len() == 1 && found[0].contains("mode: expected a file mode such as"), "{wrong}: {found:?}");
        }
        for (text, mode) in [("'0600'", 0o600), ("0660", 0o660), ("\"0640\"", 0o640)] {
            let plan = good(&of(text));
            assert!(plan.warnings.is_empty() && plan.runtime.control.mode == mode, "{text}");
        }
        let warned = said(&good(&of("'0666'")).warnings);
        let wanted = "f:1:29: warning: runtime.control.mode: every user of this machine may command the server";
        assert_eq!(warned, [wanted]);
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused_at_its_exact_length() {
        // "./" stands before it.
        let of = |length: usize| format!("runtime: {{ control: {{ socket: {} }} }}\n", "s".repeat(length - 2));
        assert!(errors(&of(107)).is_empty());
        let found = errors(&of(108));
        let wanted = "runtime.control.socket: this path has 108 bytes; the system takes sockets of at most 107";
        assert!(found[0].ends_with(wanted), "{found:?}");
    }

    #[test]
    fn a_view_is_wanted_once() {
        let plan = good(&sql("views: [feed, last_heard, feed]"));
        assert_eq!(plan.runtime.reporting.sql.unwrap().views, ["feed", "last_heard"]);
        let wanted = "f:1:47: warning: reporting.sql.views[2]: feed stands in this list twice";
        assert_eq!(said(&plan.warnings), [wanted]);
    }

    #[test]
    fn no_two_files_of_the_server_are_one() {
        let text = format!("{}runtime: {{ log: {{ file: ./a }}, control: {{ socket: b }} }}\n", sql("file: a"));
        assert_eq!(errors(&text), ["f:2:25: runtime.log.file: this is the file of reporting.sql.file already"]);
        let text = "runtime: { log: { file: a }, control: { socket: a } }\n";
        assert_eq!(errors(text), ["f:1:49: runtime.control.socket: this is the file of runtime.log.file already"]);
        assert!(errors(&format!("{}runtime: {{ log: {{ file: a }} }}\n", sql("file: b"))).is_empty());
    }
}
