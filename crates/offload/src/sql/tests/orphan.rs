//! A worker whose hub is gone.

use super::*;
use crate::worker::{ToWorker, Writer, make, serve};
use ragchew_core::report::SessionEnd;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

#[test]
fn what_a_worker_was_told_is_kept_although_its_hub_hears_nothing_any_more() {
    let folder = Folder::new("orphan");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    // From the first word on, all that the worker says fails.
    ours.shutdown(Shutdown::Read).unwrap();
    let worker = std::thread::spawn(move || serve(theirs, make, |_| {}));
    let mut writer = Writer::default();
    writer.push(&ToWorker::Begin(begin(Some(&folder.file()), BOOT)));
    for first in [1, 1_001, 2_001] {
        writer.push(&ToWorker::Told((first..first + 1_000).map(|seq| told(seq, connected(seq))).collect()));
        writer.write(&mut ours).unwrap();
    }
    drop(ours);
    assert_ne!(worker.join().unwrap(), 0, "its hub did not ask it to end");
    let kept: u32 = Connection::open(folder.file())
        .unwrap()
        .query_row("SELECT count(*) FROM client_session", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 3_000);
}

#[test]
fn a_worker_that_was_left_behind_undoes_nothing_of_what_its_successor_kept() {
    let folder = Folder::new("beside");
    let (mut former, mut successor) = (Bench::opened(&folder), Bench::opened(&folder));
    let gone =
        What::Disconnected { who: who(1), remote: "192.0.2.7:50000".parse().unwrap(), cause: SessionEnd::Closed };
    let story = vec![told(1, connected(1)), told(2, gone), told(3, connected(2))];
    successor.take(story.clone());
    successor.pass(300);
    assert_eq!(successor.safe(), [3]);
    // What it was told before somebody else was told the same comes late.
    former.take(story[..1].to_vec());
    former.pass(300);
    assert_eq!(former.safe(), [3], "all of it is safe already");
    assert_eq!(former.number(&format!("SELECT value FROM kv WHERE key = 'safe_seq:{BOOT}'")), 3);
    assert_eq!(former.number("SELECT count(*) FROM client_session WHERE ended_at IS NOT NULL"), 1);
}
