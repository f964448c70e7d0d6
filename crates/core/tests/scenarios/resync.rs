//! What there is, told once more: page by page, while clients come and go, to somebody who knew nothing or something wrong.
//! Source: design §5 (paged resync).

use crate::support::client::{rptc, rptk, rpto, usual_id, usual_path, with_id};
use crate::support::picture::Picture;
use crate::support::random::Random;
use crate::support::world::{PASSPHRASE, seed, usual_config};
use crate::support::{A, B, C, Name, World, call};
use ragchew_core::control::{ControlCommand, ControlOutcome, Cursor};
use ragchew_core::id::{ClientId, SessionNo, Slot};
use ragchew_core::limits::CONTROL_ROWS;
use ragchew_core::report::{ReportEvent, What};
use ragchew_core::{Core, Snapshot};

/// One page; its rows, and where the next one begins.
fn page(w: &mut World, command: ControlCommand) -> (Vec<ReportEvent>, Option<Cursor>) {
    let before = w.reported.len();
    let ControlOutcome::Told(next) = w.control(command) else { panic!("{command:?} was not obeyed") };
    let rows = w.reported[before..].to_vec();
    assert!(rows.len() <= CONTROL_ROWS, "{} rows", rows.len());
    let marks = |row: &ReportEvent| matches!(row.what, What::ResyncBegan { .. } | What::ResyncEnded { .. });
    assert!(rows.iter().all(|row| row.retold != marks(row)), "{rows:?}");
    (rows, next)
}

/// Everything about one session, in as many pages as it takes.
fn retold(w: &mut World, session: u64) -> Vec<ReportEvent> {
    let mut next = Some(Cursor { session: SessionNo(session), ..Cursor::default() });
    let mut all = Vec::new();
    while let Some(cursor) = next {
        let (rows, then) = page(w, ControlCommand::Retell(cursor));
        all.extend(rows);
        next = then;
    }
    all
}

#[test]
fn a_session_is_told_once_more_as_it_is_with_the_times_at_which_it_began() {
    let mut w = World::new();
    w.wait(5_000);
    w.login_with(A, "TS1=235;TS2=91,92;DIAL=400;JUNK");
    w.wait(1_000);
    w.call(A, call(93, 2, 0x11, 1));
    w.wait(1_000);
    let talk = w.key(A, w.time(), call(91, 1, 0x12, 20).beginning_with(0));
    w.run_until(talk.start() + 600);
    let lived: Vec<_> = w.reported.clone();
    let of = |wanted: fn(&What) -> bool| *lived.iter().rfind(|event| wanted(&event.what)).unwrap();
    let rows = retold(&mut w, 1);
    assert!(matches!(rows[0].what, What::Retold { who } if who.client.0 == usual_id(A)));
    let once_more = |event: ReportEvent| ReportEvent { retold: true, ..event };
    assert_eq!(rows[1], once_more(of(|what| matches!(what, What::Connected { .. }))));
    assert_eq!(rows[2], once_more(of(|what| matches!(what, What::Software { .. }))));
    assert_eq!(rows[3], once_more(of(|what| matches!(what, What::Described { .. }))));
    assert_eq!(rows[4].what, of(|what| matches!(what, What::Options { .. })).what);
    assert_eq!(rows[5], once_more(of(|what| matches!(what, What::CallStarted { .. }))));
    assert!(matches!(rows[5].what, What::CallStarted { late_entry: true, .. }));
    let (mut complete, mut anew) = (Picture::default(), Picture::default());
    complete.apply_all(&lived);
    anew.apply_all(&rows);
    assert_eq!(anew.sessions, complete.sessions);
    assert_eq!((anew.subscriptions(), anew.calls(), rows.len()), (6, 1, 12));
}

#[test]
fn of_a_session_that_is_gone_it_is_told_that_it_is_and_of_one_that_does_not_run_nothing() {
    let mut w = World::new();
    w.login(A);
    w.control(ControlCommand::Kick { client: ClientId(usual_id(A)), listener: None });
    let salt = w.challenge(usual_id(B), usual_path(B));
    w.answers(usual_path(B), &rptk(usual_id(B), &salt, PASSPHRASE));
    let rows = retold(&mut w, 1);
    assert_eq!(rows.iter().map(|row| row.what).collect::<Vec<_>>(), [What::Gone { session: SessionNo(1) }]);
    assert_eq!(retold(&mut w, 2), []);
    w.login(C);
    let (rows, next) = page(&mut w, ControlCommand::Resync(Cursor::default()));
    let named: Vec<_> = rows.iter().filter_map(|row| row.what.session()).map(|session| session.0).collect();
    assert!(next.is_none() && !named.is_empty() && named.iter().all(|&session| session == 3), "{named:?}");
    assert!(matches!(rows[0].what, What::ResyncBegan { epoch: 0 }));
    assert!(matches!(rows[rows.len() - 1].what, What::ResyncEnded { epoch: 0 }));
}

#[test]
fn the_65th_row_comes_with_the_next_page_and_none_is_passed_over_whatever_comes_or_goes_between_them() {
    let numbers = |from: u32, n: u32| (from..from + n).map(|tg| tg.to_string()).collect::<Vec<_>>().join(",");
    for change in ["", "TS1=500-510;TS2=200-230", "TS1=400-463;TS2=200-263"] {
        let mut w = World::new();
        w.login_with(A, &format!("TS1={};TS2={}", numbers(100, 50), numbers(200, 64)));
        let mut complete = Picture::default();
        complete.apply_all(&w.reported);
        let mut anew = Picture::default();
        let (rows, next) = page(&mut w, ControlCommand::Retell(Cursor { session: SessionNo(1), ..Cursor::default() }));
        assert_eq!(rows.len(), CONTROL_ROWS);
        let next = next.unwrap();
        assert_eq!(next.left, Some((Slot::Two, 5)), "5 rows of the session itself, and 59 talkgroups");
        anew.apply_all(&rows);
        w.forget();
        if !change.is_empty() {
            w.options(A, change);
        }
        complete.apply_all(&w.reported);
        anew.apply_all(&w.reported);
        let mut next = Some(next);
        while let Some(cursor) = next {
            let (rows, then) = page(&mut w, ControlCommand::Retell(cursor));
            anew.apply_all(&rows);
            next = then;
        }
        assert_eq!(anew.sessions, complete.sessions, "{change}");
    }
}

/// Two consumers: one heard everything from the beginning, the other something wrong and then a resync.
struct Crowd {
    w: World,
    random: Random,
    /// Who is logged in.
    here: Vec<Name>,
    next: u32,
    stream: u32,
    complete: Picture,
    anew: Picture,
}

impl Crowd {
    fn new(clients: u32) -> Self {
        let w = World::with(|config| config.listeners[0].max_clients = 60_000);
        let (complete, anew) = (Picture::default(), Picture::default());
        let mut crowd = Self { w, random: Random(0x5eed), here: Vec::new(), next: 0, stream: 0, complete, anew };
        (0..clients).for_each(|_| crowd.come());
        crowd.take(false);
        crowd
    }

    /// Both, or only the first, hear what was reported since.
    fn take(&mut self, both: bool) {
        self.complete.apply_all(&self.w.reported);
        if both {
            self.anew.apply_all(&self.w.reported);
        }
        self.w.forget();
    }

    fn come(&mut self) {
        self.next += 1;
        let name = char::from_u32(0x2_0000 + self.next).unwrap();
        let (id, path) = (usual_id(name), usual_path(name));
        let salt = self.w.challenge(id, path);
        self.w.send(path, &rptk(id, &salt, PASSPHRASE));
        if self.random.below(50) > 0 {
            self.w.send(path, &rptc(id, "G0ABC", '3'));
            self.here.push(name);
        }
        if self.random.below(2) == 0 {
            self.options(name);
        }
    }

    fn options(&mut self, name: Name) {
        let from = 100 + self.random.below(50);
        let text = format!("TS1={}-{};TS2={from}", from, from + self.random.below(9));
        self.w.send(usual_path(name), &rpto(usual_id(name), text));
    }

    /// Somebody comes, goes, changes something, or begins or ends a call.
    fn happen(&mut self) {
        let at = self.random.below(self.here.len() as u64) as usize;
        let name = self.here[at];
        match self.random.below(6) {
            0 => self.come(),
            1 => {
                self.here.swap_remove(at);
                let outcome = self.w.control(ControlCommand::Kick { client: ClientId(usual_id(name)), listener: None });
                assert_eq!(outcome, ControlOutcome::Kicked(1));
            }
            2 => self.options(name),
            3 => drop(self.w.send(usual_path(name), &with_id("RPTPING", usual_id(name)))),
            _ => {
                self.stream += 1;
                let (tg, slot) = (91 + self.random.below(3) as u32, 1 + self.random.below(2) as u8);
                let mut frames = call(tg, slot, self.stream, 1).frames(usual_id(name));
                if self.random.below(2) == 0 {
                    frames.truncate(3);
                }
                frames.iter().for_each(|frame| drop(self.w.send(usual_path(name), frame)));
            }
        }
    }

    /// A whole resync, with `between` before every further page; how many pages it took.
    fn resync(&mut self, mut between: impl FnMut(&mut Self)) -> u32 {
        let (mut cursor, mut pages) = (Cursor { epoch: 7, ..Cursor::default() }, 0);
        loop {
            pages += 1;
            let before = self.w.reported.len();
            let ControlOutcome::Told(next) = self.w.control(ControlCommand::Resync(cursor)) else { panic!() };
            let rows = self.w.reported.len() - before;
            assert!(rows <= CONTROL_ROWS, "{rows} rows");
            self.take(true);
            let Some(next) = next else { return pages };
            cursor = next;
            between(self);
            self.take(true);
        }
    }

    /// Both know the same, and what the core counts.
    fn assert_same(&self) {
        let sizes = self.w.core.table_sizes();
        assert_eq!(self.anew.sessions.len(), self.w.core.running_sessions());
        assert_eq!((self.anew.subscriptions(), self.anew.calls()), (sizes.subscriptions, sizes.live_calls));
        assert!(self.anew.sessions == self.complete.sessions, "the pictures differ");
    }
}

#[test]
fn a_resync_of_10000_sessions_while_they_come_and_go_ends_with_what_there_is() {
    let mut crowd = Crowd::new(10_000);
    (0..200).for_each(|_| crowd.happen());
    crowd.take(false);
    // It believes in sessions that never were, and in some that are gone.
    crowd.anew = crowd.complete.clone();
    let ghosts =
        crowd.anew.sessions.range(..SessionNo(50)).map(|(n, known)| (SessionNo(n.0 + 1_000_000), known.clone()));
    let ghosts: Vec<_> = ghosts.collect();
    crowd.anew.sessions.extend(ghosts);
    crowd.anew.sessions.retain(|n, _| n.0 % 3 > 0);
    let pages = crowd.resync(|crowd| crowd.happen());
    assert!(pages > 10_000 * 4 / CONTROL_ROWS as u32, "{pages} pages");
    crowd.assert_same();
    assert!(crowd.anew.calls() > 10 && crowd.anew.resyncs == 1);
}

#[test]
fn a_resync_goes_on_through_a_snapshot() {
    let mut crowd = Crowd::new(300);
    (0..100).for_each(|_| crowd.happen());
    crowd.take(false);
    let mut times = 0;
    crowd.resync(|crowd| {
        crowd.happen();
        times += 1;
        let bytes = crowd.w.core.snapshot();
        let snapshot = Snapshot::from_bytes(bytes.as_bytes()).unwrap();
        crowd.w.core = Core::restore(&snapshot, seed(), Some(&usual_config())).unwrap();
        assert_eq!(crowd.w.core.snapshot(), bytes);
    });
    assert!(times > 20);
    crowd.assert_same();
}

#[test]
fn the_switch_of_the_last_calls_goes_along_in_a_snapshot() {
    let mut w = World::new();
    w.control(ControlCommand::LastCalls(true));
    let snapshot = w.core.snapshot();
    w.core = Core::restore(&snapshot, seed(), Some(&usual_config())).unwrap();
    assert_eq!(w.answers(usual_path(A), &with_id("RPTL", usual_id(A))), [] as [Vec<u8>; 0]);
}
