//! The numbers of the one stream that the hub passes on. What was lost on the way to the hub leaves the same gap here, and
//! what the server says of itself has its place among what the core reports. Owns the numbers; loses nothing itself.
//! Source: R-227, design §5.

use crate::event::{Health, Subject, Told};
use ragchew_core::report::Numbered;
use ragchew_core::time::Wall;

/// The stream of one boot.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The number given out last.
    last: u64,
    /// The number of the reactor that came last.
    heard: u64,
}

impl Stream {
    /// Gives an event of the core its number; and how many before it were lost.
    pub(crate) fn core(&mut self, numbered: &Numbered) -> (Told, u64) {
        let lost = numbered.seq.saturating_sub(self.heard).saturating_sub(1);
        self.heard = self.heard.max(numbered.seq);
        self.last += lost + 1;
        let event = &numbered.event;
        (Told { seq: self.last, at: event.at, retold: event.retold, what: Subject::Core(event.what) }, lost)
    }

    /// Gives something that the server says of itself its number.
    pub(crate) fn own(&mut self, at: Wall, health: Health) -> Told {
        self.put(at, false, Subject::Health(health))
    }

    /// Gives an event that the hub tells once more its number.
    pub(crate) fn again(&mut self, at: Wall, what: ragchew_core::report::What) -> Told {
        let marks = matches!(
            what,
            ragchew_core::report::What::ResyncBegan { .. } | ragchew_core::report::What::ResyncEnded { .. }
        );
        self.put(at, !marks, Subject::Core(what))
    }

    fn put(&mut self, at: Wall, retold: bool, what: Subject) -> Told {
        self.last += 1;
        Told { seq: self.last, at, retold, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::report::{ReportEvent, What};

    fn numbered(seq: u64) -> Numbered {
        Numbered { seq, event: ReportEvent { at: Wall(7), retold: false, what: What::Reloaded { kept: 0, closed: 0 } } }
    }

    #[test]
    fn what_was_lost_before_the_hub_leaves_the_same_gap_behind_it() {
        let mut stream = Stream::default();
        let told = |(told, lost): (Told, u64)| (told.seq, lost);
        assert_eq!(told(stream.core(&numbered(1))), (1, 0));
        assert_eq!(stream.own(Wall(7), Health::ServerStopping).seq, 2);
        assert_eq!(told(stream.core(&numbered(2))), (3, 0));
        assert_eq!(told(stream.core(&numbered(6))), (7, 3));
    }

    #[test]
    fn the_marks_of_a_resync_are_new_and_what_stands_between_them_is_not() {
        let mut stream = Stream::default();
        assert!(!stream.again(Wall(1), What::ResyncBegan { epoch: 1 }).retold);
        assert!(stream.again(Wall(1), What::Reloaded { kept: 0, closed: 0 }).retold);
    }
}
