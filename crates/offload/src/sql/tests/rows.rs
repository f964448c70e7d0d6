//! What events make of rows.

use super::super::schema;
use super::*;
use crate::event::{Health, QueueName};
use crate::limits::{SQL_BATCH, SQL_PRUNE, SQL_RECORDS, WINDOW};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::SubscriptionEnd;

#[test]
fn a_story_becomes_a_session_a_subscription_and_two_calls() {
    let mut bench = Bench::new(&begin(None, BOOT));
    bench.keep(story());
    assert_eq!(bench.safe(), [5]);
    let calls = bench.calls(RecordQuery::default());
    assert_eq!(calls.len(), 2);
    let expected = CallRecord {
        boot_id: BOOT.to_owned(),
        call: CallNo(1),
        system: "hotspots".to_owned(),
        client: ClientId(2_345_001),
        callsign: "M0TST".to_owned(),
        source: RadioId(2_345_678),
        talkgroup: ConferenceTg(235),
        slot: 2,
        kind: "group_voice".to_owned(),
        started_ms: EPOCH_MS + 30,
        ended_ms: Some(EPOCH_MS + 40),
        duration_ms: 3_000,
        frames: 50,
        lost: 2,
        end_reason: "terminator".to_owned(),
    };
    assert_eq!(calls[1], expected);
    assert_eq!((calls[0].ended_ms, calls[0].end_reason.as_str()), (None, ""));
    let sessions = bench.sessions(RecordQuery { talkgroup: Some(ConferenceTg(235)), ..RecordQuery::default() });
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].remote.as_str(), sessions[0].connected_ms), ("192.0.2.7:50000", EPOCH_MS + 10));
    assert!(bench.sessions(RecordQuery { talkgroup: Some(ConferenceTg(91)), ..RecordQuery::default() }).is_empty());
}

#[test]
fn events_that_are_given_again_change_nothing() {
    let folder = Folder::new("again");
    let mut bench = Bench::opened(&folder);
    bench.keep(story());
    let before = dump(bench.tables());
    drop(bench);
    let mut bench = Bench::file(&folder);
    bench.keep(story());
    assert_eq!(bench.safe(), [5]);
    assert_eq!(before, dump(bench.tables()));
    // Even if the number that is kept were forgotten, the keys hold.
    bench.tables().execute("DELETE FROM kv WHERE key GLOB 'safe_seq:*'", []).unwrap();
    drop(bench);
    let mut bench = Bench::file(&folder);
    bench.keep(story());
    assert_eq!(before, dump(bench.tables()));
}

#[test]
fn a_worker_that_dies_between_batches_leaves_what_a_quiet_one_leaves() {
    let folders = [Folder::new("killed"), Folder::new("quiet")];
    let mut quiet = Bench::opened(&folders[1]);
    quiet.keep(story());
    for dies_after in 1..5 {
        let mut bench = Bench::file(&folders[0]);
        bench.pass(0);
        bench.keep(story()[..dies_after].to_vec());
        bench.take(story()[dies_after..].to_vec());
        // Dropped without its end: what was not kept is gone with it.
        assert_eq!(bench.sql.held(), 5 - dies_after);
    }
    let mut bench = Bench::file(&folders[0]);
    bench.keep(story());
    assert_eq!(dump(bench.tables()), dump(quiet.tables()));
}

#[test]
fn a_batch_is_kept_after_250_ms_or_at_500_events_and_only_then_called_safe() {
    let mut bench = Bench::new(&begin(None, BOOT));
    bench.pass(0);
    bench.take(vec![told(1, connected(1))]);
    bench.pass(249);
    assert!(bench.said().is_empty());
    bench.pass(1);
    assert_eq!(bench.safe(), [1]);
    let many = |from: u64| (from..from + SQL_BATCH as u64 - 1).map(|seq| told(seq, connected(seq))).collect::<Vec<_>>();
    bench.take(many(2));
    assert!(bench.said().is_empty());
    bench.take(vec![told(SQL_BATCH as u64 + 1, connected(9))]);
    assert_eq!(bench.safe(), [SQL_BATCH as u64 + 1]);
}

#[test]
fn numbers_that_are_missing_are_a_row_that_says_how_many_and_where() {
    let mut bench = Bench::new(&begin(None, BOOT));
    let lost = Health::EventsLost { queue: QueueName::Reactor, count: 4 };
    let lost = Told { what: Subject::Health(lost), ..told(10, connected(1)) };
    bench.keep(vec![told(1, connected(1)), told(5, connected(2)), lost]);
    let mut statement = bench.tables().prepare("SELECT from_seq, count, at, queue FROM event_drop").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let rows: Vec<(i64, i64, i64, Option<String>)> = rows.map(Result::unwrap).collect();
    let at = |seq: i64| i64::try_from(EPOCH_MS).unwrap() + seq * 10;
    assert_eq!(rows, [(2, 3, at(5), None), (6, 4, at(10), Some("reactor".to_owned()))]);
}

#[test]
fn an_end_without_its_start_makes_the_row() {
    let mut bench = Bench::new(&begin(None, BOOT));
    bench.keep(vec![told(1, ended(call(7, 1, 5, 91), 100)), told(2, disconnected(3))]);
    let calls = bench.calls(RecordQuery::default());
    assert_eq!(
        (calls[0].call, calls[0].started_ms, calls[0].ended_ms),
        (CallNo(7), EPOCH_MS - 90, Some(EPOCH_MS + 10))
    );
    let sessions = bench.sessions(RecordQuery::default());
    assert_eq!((sessions[0].session, sessions[0].end_reason.as_str()), (3, "closed"));
}

#[test]
fn calls_that_went_nowhere_say_so() {
    let mut bench = Bench::new(&begin(None, BOOT));
    let mut echo = call(1, 1, 5, 9990);
    echo.destination = Destination::Echo;
    let mut nowhere = call(2, 1, 5, 77);
    nowhere.destination = Destination::Nowhere(Refusal::NotRouted);
    bench.keep(vec![told(1, started(echo)), told(2, started(nowhere))]);
    let kinds: Vec<_> = bench.calls(RecordQuery::default()).into_iter().map(|c| (c.kind, c.talkgroup.0)).collect();
    assert_eq!(kinds, [("refused".to_owned(), 77), ("echo".to_owned(), 9990)]);
    assert_eq!(bench.number("SELECT count(*) FROM call WHERE refusal = 'not_routed'"), 1);
}

#[test]
fn a_subscription_goes_pauses_and_comes_back() {
    let mut bench = Bench::new(&begin(None, BOOT));
    let end = |cause| What::Unsubscribed {
        who: who(1),
        slot: Slot::Two,
        rf_tg: RfTg(235),
        conference: ConferenceTg(235),
        cause,
    };
    let count = |bench: &Bench| {
        (
            bench.number("SELECT count(*) FROM subscription"),
            bench.number("SELECT count(*) FROM subscription WHERE paused"),
        )
    };
    bench.keep(vec![told(1, subscribed(1, 235)), told(2, end(SubscriptionEnd::Suspended))]);
    assert_eq!(count(&bench), (1, 1));
    bench.keep(vec![told(3, subscribed(1, 235))]);
    assert_eq!(count(&bench), (1, 0));
    bench.keep(vec![told(4, end(SubscriptionEnd::Expired))]);
    assert_eq!(count(&bench), (0, 0));
    bench.keep(vec![told(5, subscribed(1, 235)), told(6, disconnected(1))]);
    assert_eq!(count(&bench), (0, 0));
}

/// Two sessions with a call each; then a resync that tells only of the first, and of a third that is new.
fn resync(from: u64) -> Vec<Told> {
    vec![
        told(from, What::ResyncBegan { epoch: 4 }),
        retold(from + 1, What::Retold { who: who(1) }),
        retold(from + 2, connected(1)),
        retold(from + 3, subscribed(1, 91)),
        retold(from + 4, started(call(1, 1, 11, 235))),
        told(from + 5, connected(3)),
        told(from + 6, What::ResyncEnded { epoch: 4 }),
    ]
}

fn before_resync() -> Vec<Told> {
    vec![
        told(1, connected(1)),
        told(2, connected(2)),
        told(3, subscribed(1, 235)),
        told(4, subscribed(2, 235)),
        told(5, started(call(1, 1, 11, 235))),
        told(6, started(call(2, 2, 12, 235))),
    ]
}

fn open_ones(bench: &mut Bench) -> (Vec<u64>, Vec<u64>, i64) {
    let sessions = bench.sessions(RecordQuery::default());
    let calls = bench.calls(RecordQuery::default());
    let sessions = sessions.iter().filter(|s| s.ended_ms.is_none()).map(|s| s.session).collect();
    let calls = calls.iter().filter(|c| c.ended_ms.is_none()).map(|c| c.call.0).collect();
    (sessions, calls, bench.number("SELECT coalesce(sum(rf_tg), 0) FROM subscription"))
}

#[test]
fn a_resync_closes_what_it_does_not_tell_of() {
    let folder = Folder::new("resync");
    let mut bench = Bench::opened(&folder);
    bench.keep(before_resync());
    // The worker is another one from the middle of the resync on.
    bench.keep(resync(7)[..3].to_vec());
    drop(bench);
    let mut bench = Bench::file(&folder);
    bench.keep(resync(7)[2..].to_vec());
    assert_eq!(open_ones(&mut bench), (vec![3, 1], vec![1], 91));
    let calls = bench.calls(RecordQuery::default());
    assert_eq!((calls[0].end_reason.as_str(), calls[0].ended_ms), ("lost", Some(EPOCH_MS + 130)));
    // A late word of what was taken for lost takes that back.
    bench.keep(vec![retold(14, connected(2)), told(15, ended(call(2, 2, 12, 235), 1_000))]);
    assert_eq!(open_ones(&mut bench).0, [3, 2, 1]);
    assert_eq!(bench.calls(RecordQuery::default())[0].end_reason, "terminator");
    bench.keep(vec![told(16, What::Gone { session: SessionNo(2) })]);
    assert_eq!(open_ones(&mut bench).0, [3, 1]);
}

#[test]
fn a_resync_with_a_gap_in_it_closes_nothing() {
    let mut bench = Bench::new(&begin(None, BOOT));
    bench.keep(before_resync());
    let mut gap = resync(7);
    gap.remove(1);
    bench.keep(gap);
    assert_eq!(open_ones(&mut bench).0, [3, 2, 1]);
    assert_eq!(open_ones(&mut bench).1, [2, 1]);
}

#[test]
fn a_new_boot_closes_what_former_ones_left_open() {
    let folder = Folder::new("boots");
    let mut bench = Bench::opened(&folder);
    bench.keep(story());
    drop(bench);
    let mut bench = Bench::new(&begin(Some(&folder.file()), "00000000000000b2"));
    bench.keep(vec![told(1, connected(1)), told(2, started(call(1, 1, 7, 91)))]);
    let calls: Vec<_> = bench.calls(RecordQuery::default()).into_iter().map(|c| (c.boot_id, c.end_reason)).collect();
    let row = |boot: &str, reason: &str| (boot.to_owned(), reason.to_owned());
    assert_eq!(calls, [row("00000000000000b2", ""), row(BOOT, "lost"), row(BOOT, "terminator")]);
    assert_eq!(bench.number("SELECT count(*) FROM subscription"), 0);
    let sessions: Vec<_> = bench.sessions(RecordQuery::default()).into_iter().map(|s| s.end_reason).collect();
    assert_eq!(sessions, ["", "lost"]);
    // Places go on where the boot before ended.
    assert_eq!(bench.number("SELECT max(start_no) FROM call"), 7);
    assert_eq!(bench.number("SELECT count(*) FROM kv WHERE key GLOB 'safe_seq:*'"), 1);
}

#[test]
fn a_second_server_on_the_same_database_is_found_out() {
    let folder = Folder::new("two");
    let mut first = Bench::opened(&folder);
    let mut second = Bench::new(&begin(Some(&folder.file()), "00000000000000b2"));
    second.keep(vec![told(1, connected(1))]);
    first.take(vec![told(1, connected(1))]);
    first.pass(250);
    assert_eq!(first.troubles(), [(Trouble::Locked, true)]);
    assert_eq!(second.number("SELECT count(*) FROM client_session"), 1);
}

#[test]
fn pages_follow_each_other_without_a_gap_and_end() {
    let mut bench = Bench::new(&begin(None, BOOT));
    let radios = |n: u64| 100 + u32::try_from(n % 7).unwrap();
    bench.keep((1..=40).map(|n| told(n, started(call(n, 1 + n % 2, radios(n), 90 + radios(n) % 2)))).collect());
    let queries = [
        RecordQuery::default(),
        RecordQuery { client: Some(ClientId(2_345_001)), ..RecordQuery::default() },
        RecordQuery { talkgroup: Some(ConferenceTg(91)), client: Some(ClientId(2_345_002)), ..RecordQuery::default() },
        RecordQuery { source: Some(RadioId(103)), ..RecordQuery::default() },
        RecordQuery { last_heard: true, ..RecordQuery::default() },
        RecordQuery { last_heard: true, client: Some(ClientId(2_345_001)), ..RecordQuery::default() },
        RecordQuery { last_heard: true, source: Some(RadioId(103)), ..RecordQuery::default() },
    ];
    for query in queries {
        let all = bench.calls(query.clone());
        let mut expected: Vec<u64> = (1..=40).rev().collect();
        let mut met = std::collections::BTreeSet::new();
        expected.retain(|&n| {
            query.client.is_none_or(|client| client == who(1 + n % 2).client)
                && query.talkgroup.is_none_or(|tg| tg.0 == 90 + radios(n) % 2)
                && query.source.is_none_or(|source| source.0 == radios(n))
                && (!query.last_heard || met.insert(radios(n)))
        });
        assert_eq!(all.iter().map(|c| c.call.0).collect::<Vec<_>>(), expected, "{query:?}");
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let query = RecordQuery { limit: 3, after, ..query.clone() };
            let Answer::Calls(page) = bench.sql.answer(bench.now, &Ask::Calls(query)).unwrap() else { panic!() };
            assert!(page.rows.len() <= 3);
            paged.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(paged, all, "{query:?}");
    }
    let query = RecordQuery { source: Some(RadioId(1)), ..RecordQuery::default() };
    assert!(bench.sql.answer(bench.now, &Ask::Sessions(query)).is_err());
}

#[test]
fn an_answer_is_no_longer_than_the_limit_says() {
    let mut bench = Bench::new(&begin(None, BOOT));
    bench.keep((1..=1_200).map(|n| told(n, started(call(n, 1, 5, 91)))).collect());
    assert_eq!(bench.calls(RecordQuery { limit: u32::MAX, ..RecordQuery::default() }).len(), SQL_RECORDS);
    assert_eq!(bench.calls(RecordQuery { last_heard: true, ..RecordQuery::default() }).len(), 1);
}

#[test]
fn more_events_than_the_hub_may_give_are_bounded_and_counted_as_missing() {
    let folder = Folder::new("bound");
    let mut bench = Bench::new(&begin(Some(&folder.0.join("none/ragchew.db")), BOOT));
    bench.pass(0);
    bench.take((1..=WINDOW as u64 + 10).map(|n| told(n, connected(n))).collect());
    assert_eq!(bench.sql.held(), WINDOW);
    std::fs::create_dir(folder.0.join("none")).unwrap();
    bench.pass(60_000);
    assert_eq!(bench.safe(), [WINDOW as u64 + 10]);
    assert_eq!(bench.number("SELECT count FROM event_drop"), 10);
    let Answer::Counters(counters) = bench.sql.answer(bench.now, &Ask::Counters).unwrap() else { panic!() };
    assert!(counters.contains(&("dropped".to_owned(), 10)), "{counters:?}");
}

#[test]
fn what_is_older_than_the_days_to_keep_is_forgotten_a_little_at_a_time() {
    let mut begin = begin(None, BOOT);
    begin.sql.keep_days = 2;
    let mut bench = Bench::new(&begin);
    let day = 86_400 * 1_000;
    let many = 2 * SQL_PRUNE as u64 + 10;
    let mut events: Vec<_> = (1..=many).map(|n| told(n, ended(call(n, 1, 5, 91), 10))).collect();
    events.push(told(many + 1, disconnected(1)));
    events.push(told(many + 5, connected(2)));
    let young = events.len() as u64 + 4;
    let mut last = told(young, ended(call(young, 2, 6, 91), 10));
    last.at = Wall((EPOCH_MS + 3 * day) * 1_000_000);
    bench.keep(events);
    assert_eq!(bench.number("SELECT count(*) FROM heard"), 1);
    bench.keep(vec![last]);
    bench.pass(100);
    assert_eq!(bench.number("SELECT count(*) FROM call"), i64::try_from(many).unwrap() + 1);
    bench.pass(3_600_000);
    let left = |bench: &Bench| bench.number("SELECT count(*) FROM call");
    assert_eq!(left(&bench), 1);
    assert_eq!(bench.number("SELECT src_id FROM heard"), 6);
    // The open session stays, however old; the ended one and the word of the gap are gone.
    assert_eq!(bench.number("SELECT session_no FROM client_session"), 2);
    assert_eq!(bench.number("SELECT count(*) FROM event_drop"), 0);
}

#[test]
fn an_older_schema_is_migrated_with_what_is_in_it() {
    let folder = Folder::new("migrate");
    let mut bench = Bench::opened(&folder);
    bench.keep(story());
    drop(bench);
    let old = Connection::open(folder.file()).unwrap();
    let back = "DROP TABLE heard; DROP TRIGGER call_is_heard; DROP TRIGGER call_is_forgotten;
                DELETE FROM schema_migrations WHERE id > 1";
    old.execute_batch(back).unwrap();
    drop(old);
    let mut bench = Bench::opened(&folder);
    assert_eq!(bench.number("SELECT count(*) FROM schema_migrations WHERE applied_at > 0"), 2);
    let heard = bench.calls(RecordQuery { last_heard: true, ..RecordQuery::default() });
    assert_eq!(heard.iter().map(|call| call.source.0).collect::<Vec<_>>(), [2_345_679, 2_345_678]);
    // A newer one is not touched.
    bench.tables().execute("INSERT INTO schema_migrations VALUES (99, 0)", []).unwrap();
    drop(bench);
    let mut bench = Bench::file(&folder);
    bench.pass(0);
    assert_eq!(bench.troubles(), [(Trouble::Unwritable, true)]);
    assert!(schema::MIGRATIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn views_have_the_columns_that_scripts_expect_and_go_when_nobody_wants_them() {
    let folder = Folder::new("views");
    let mut begin = begin(Some(&folder.file()), BOOT);
    let names = ["feed", "last_heard", "lstheard_log", "tg_count", "user_count"];
    begin.sql.views = names.map(str::to_owned).to_vec();
    begin.sql.views.push("unheard_of".to_owned());
    let mut bench = Bench::new(&begin);
    bench.keep(story());
    let columns = |bench: &Bench, view: &str| {
        bench.tables().prepare(&format!("SELECT * FROM {view}")).unwrap().column_names().join(" ")
    };
    assert_eq!(columns(&bench, "feed"), "id type event trx system streamid peerid subid slot dstid duration");
    assert_eq!(columns(&bench, "last_heard"), "date_time qso_time qso_type system tg_num dmr_id");
    assert_eq!(columns(&bench, "lstheard_log"), "id date_time qso_time qso_type system tg_num dmr_id");
    assert_eq!(columns(&bench, "tg_count"), "date tg_num qso_count qso_time");
    assert_eq!(columns(&bench, "user_count"), "date tg_num dmr_id qso_time");
    let mut statement = bench.tables().prepare("SELECT * FROM feed ORDER BY id").unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let text = |n| row.get::<_, String>(n).unwrap();
        let number = |n| row.get::<_, i64>(n).unwrap();
        let numbers = [0, 5, 6, 7, 8, 9].map(number);
        Ok((numbers, [1, 2, 3, 4].map(text).join(","), row.get::<_, f64>(10).unwrap()))
    };
    let rows: Vec<_> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
    let start = "GROUP VOICE,START,RX,hotspots".to_owned();
    let end = "GROUP VOICE,END,RX,hotspots".to_owned();
    let expected = [
        ([3, 0x1001, 2_345_001, 2_345_678, 2, 235], start.clone(), 0.0),
        ([4, 0x1001, 2_345_001, 2_345_678, 2, 235], end, 3.0),
        ([5, 0x1002, 2_345_001, 2_345_679, 2, 91], start, 0.0),
    ];
    assert_eq!(rows, expected);
    drop(statement);
    assert_eq!(bench.number("SELECT dmr_id FROM last_heard"), 2_345_678);
    assert_eq!(bench.number("SELECT count(*) FROM lstheard_log"), 1);
    // A long call of this moment counts for today.
    let mut today = told(6, ended(call(9, 1, 2_345_678, 235), 6_000));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    today.at = Wall(u64::try_from(now.as_nanos()).unwrap() + 10_000_000_000);
    bench.keep(vec![today]);
    assert_eq!(bench.number("SELECT qso_count FROM tg_count WHERE tg_num = 235"), 1);
    assert_eq!(bench.number("SELECT dmr_id FROM user_count WHERE tg_num = 235"), 2_345_678);
    drop(bench);
    begin.sql.views = vec!["feed".to_owned()];
    let mut bench = Bench::new(&begin);
    bench.pass(0);
    assert_eq!(bench.number("SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), 1);
    drop(bench);
    begin.sql.views.clear();
    let mut bench = Bench::new(&begin);
    bench.pass(0);
    assert_eq!(bench.number("SELECT count(*) FROM sqlite_schema WHERE type = 'view' OR name GLOB 'feed_*'"), 0);
}
