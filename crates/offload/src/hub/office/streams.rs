//! Answers that go on: who follows the log, and who watches events. Owns the last lines of the log and how far each watcher is
//! in what there was before; a reader that is too slow misses items, and is told how many by its connection.
//! Source: design §5, `runtime.md` S4-34.

use crate::desk::{Asker, ConnectionRef, Delivery, Desk, Done, LogLine, Response};
use crate::event::{Subject, Told, envelope};
use crate::hub::crew::Boot;
use crate::limits::MOST_LOG_LINES;
use crate::log::wall;
use crate::picture::{Picture, Place};
use ragchew_core::Mono;
use ragchew_core::report::What;
use std::cell::LazyCell;
use std::collections::VecDeque;

/// Everybody who wants more.
#[derive(Default)]
pub(super) struct Streams {
    tail: VecDeque<String>,
    followers: Vec<(ConnectionRef, u64)>,
    watchers: Vec<Watcher>,
    /// Number of the last event of the stream.
    last: u64,
    begun: u32,
}

struct Watcher {
    to: ConnectionRef,
    id: u64,
    /// Where it is in what there was before; none: it has heard everything.
    place: Option<Place>,
}

fn is_there(delivery: Delivery) -> bool {
    !matches!(delivery, Delivery::Gone)
}

impl Streams {
    pub(super) fn follow(&self) -> bool {
        !self.followers.is_empty()
    }

    pub(super) fn is_paging(&self) -> bool {
        self.watchers.iter().any(|watcher| watcher.place.is_some())
    }

    /// Shows the last lines of the log, and goes on if that is wanted.
    pub(super) fn show_log(&mut self, now: Mono, desk: &mut Desk, asker: Asker, lines: u32, follow: bool) {
        let skip = self.tail.len().saturating_sub(lines as usize);
        for line in self.tail.iter().skip(skip) {
            desk.item(now, asker.to, asker.id, || value_of(line));
        }
        if follow {
            self.followers.push((asker.to, asker.id));
        } else {
            let what = format!("{} lines", self.tail.len() - skip);
            let value = serde_json::to_value(Done { what }).unwrap_or_default();
            desk.answer(now, asker.to, &Response::Ok { id: asker.id, value });
        }
    }

    /// Tells everything that there is and then every event.
    pub(super) fn watch(&mut self, asker: Asker) {
        self.begun = self.begun.wrapping_add(1);
        self.watchers.push(Watcher { to: asker.to, id: asker.id, place: Some(Place::start(self.begun)) });
    }

    /// A line of the log.
    pub(super) fn line(&mut self, now: Mono, desk: Option<&mut Desk>, line: String) {
        if let (Some(desk), false) = (desk, self.followers.is_empty()) {
            self.followers.retain(|&(to, id)| is_there(desk.item(now, to, id, || value_of(&line))));
        }
        if self.tail.len() >= MOST_LOG_LINES as usize {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    /// An event of the stream.
    pub(super) fn event(&mut self, now: Mono, desk: &mut Desk, told: &Told, boot: &Boot) {
        self.last = told.seq;
        if self.watchers.is_empty() {
            return;
        }
        let value = LazyCell::new(|| envelope(told, &boot.id, boot.server_id));
        self.watchers.retain(|watcher| is_there(desk.item(now, watcher.to, watcher.id, || value.clone())));
    }

    /// Goes on with what there was before for those who have room for it.
    pub(super) fn page(&mut self, now: Mono, desk: &mut Desk, picture: &Picture, boot: &Boot) {
        let last = self.last;
        self.watchers.retain_mut(|watcher| {
            let Some(place) = watcher.place else { return true };
            if !desk.has_room(watcher.to) {
                return desk.is_open(watcher.to, watcher.id);
            }
            let page = picture.rows(wall(), place);
            watcher.place = page.next;
            page.events.into_iter().all(|(at, what)| {
                let retold = !matches!(what, What::ResyncBegan { .. } | What::ResyncEnded { .. });
                let told = Told { seq: last, at, retold, what: Subject::Core(what) };
                is_there(desk.item(now, watcher.to, watcher.id, || envelope(&told, &boot.id, boot.server_id)))
            })
        });
    }
}

fn value_of(line: &str) -> serde_json::Value {
    serde_json::to_value(LogLine { line: line.to_owned() }).unwrap_or_default()
}
