//! A worker whose hub is gone.

use super::*;
use crate::worker::{ToWorker, Writer, make, serve};
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
