//! `ragchew top`: the live view of a running server. Owns the way from the events of its command socket to the picture.
//! Source: design §7.

use crate::args::Args;
use crate::ctl::args::TopArgs;
use crate::ctl::failure::Ended;
use crate::ctl::place::Places;
use crate::ctl::{Unshown, settle, stream};
use std::io::{self, IsTerminal};

/// Shows the server until somebody presses q.
pub(crate) fn run(args: &Args, top: &TopArgs) -> Ended {
    settle(
        "top",
        Places::find(args, top.way.socket.as_deref()).map_err(Unshown::Answer).and_then(|places| {
            if !top.plain && io::stdout().is_terminal() {
                live::show(places, top.way.within)
            } else {
                stream::watch(&mut io::stdout().lock(), places, top.way.within, false, true)
            }
        }),
    )
}

#[cfg(not(feature = "tui"))]
mod live {
    //! In place of the live view, where the program was built without it.

    use super::{Ended, Places, Unshown, stream};
    use std::io::{self, Write};

    pub(super) fn show(places: Places, within: Option<u64>) -> Result<Ended, Unshown> {
        let _ = writeln!(io::stderr(), "{}", crate::NO_LIVE_VIEW);
        stream::watch(&mut io::stdout().lock(), places, within, false, true)
    }
}

#[cfg(feature = "tui")]
mod live {
    //! From events to the live view.

    use super::{Ended, Places, Unshown};
    use crate::ctl::feed::{Fed, Feed};
    use crate::view::{View, live};
    use ragchew_offload::event::Subject;
    use ragchew_offload::picture::Picture;
    use std::ops::ControlFlow;
    use std::time::Instant;

    pub(super) fn show(places: Places, within: Option<u64>) -> Result<Ended, Unshown> {
        let mut feed = Feed::open(places, within).map_err(Unshown::Answer)?;
        let mut view = View { title: format!("Ragchew at {}", feed.place()), ..View::default() };
        let mut failed = None;
        live::show(&mut view, &mut |view, pause| {
            while Instant::now() < pause {
                match feed.next(Some(pause)) {
                    Ok(Some(fed)) => take(view, fed),
                    Ok(None) => {}
                    Err(failure) => {
                        failed = Some(failure);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(Ended::Done), |failure| Err(Unshown::Answer(failure)))
    }

    fn take(view: &mut View, fed: Fed) {
        match fed {
            Fed::Told(told, _) => {
                view.notice = None;
                if let Subject::Core(what) = told.what {
                    view.apply(told.at, told.retold, &what);
                }
            }
            Fed::Began => {
                view.picture = Picture::default();
                view.refused.clear();
            }
            Fed::Lost => view.picture.lost(),
            Fed::Gone(why) => view.notice = Some(format!("looking for the server again: {why}")),
            Fed::Named(..) | Fed::Unknown(_) => {}
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use ragchew_core::id::SessionNo;
        use ragchew_core::report::What;
        use ragchew_core::time::Wall;
        use ragchew_offload::event::Told;

        fn told(seq: u64, what: What) -> Fed {
            Fed::Told(Box::new(Told { seq, at: Wall(1), retold: false, what: Subject::Core(what) }), ().into())
        }

        #[test]
        fn a_server_that_goes_is_noticed_until_it_tells_something_again() {
            let mut view = View::default();
            take(&mut view, Fed::Lost);
            take(&mut view, Fed::Gone("it has gone".into()));
            assert_eq!(view.notice.as_deref(), Some("looking for the server again: it has gone"));
            assert!(!view.picture.is_complete());
            take(&mut view, told(7, What::Gone { session: SessionNo(1) }));
            assert_eq!(view.notice, None);
            take(&mut view, told(8, What::ResyncBegan { epoch: 3 }));
            take(&mut view, told(8, What::ResyncEnded { epoch: 3 }));
            assert!(view.picture.is_complete());
        }

        #[test]
        fn another_start_of_the_server_begins_with_nothing() {
            let mut view = View::default();
            view.refused.insert("why", (1, "who".into()));
            view.picture.lost();
            take(&mut view, Fed::Began);
            assert!(view.refused.is_empty() && view.picture.is_complete());
        }
    }
}
