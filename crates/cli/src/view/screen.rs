//! The live view on a terminal. Owns the layout; knows events only through the picture.

use super::View;
use crate::words;
use ragchew_core::id::ConferenceTg;
use ragchew_core::report::Destination;
use ragchew_core::time::Wall;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span as Words};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};
use std::collections::BTreeSet;

/// Draws the picture as it is at `now`.
pub fn draw(frame: &mut Frame<'_>, view: &View, now: Wall) {
    let [head, upper, lower, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(3), Constraint::Fill(2), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(headline(view), head);
    let [talkgroups, sessions] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(upper);
    draw_talkgroups(frame, view, now, talkgroups);
    draw_sessions(frame, view, sessions);
    let [heard, refused] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(lower);
    draw_heard(frame, view, heard);
    draw_refused(frame, view, refused);
    frame.render_widget(footline(view), foot);
}

fn headline(view: &View) -> Paragraph<'_> {
    let picture = &view.picture;
    let counts = format!(
        "  {} clients   {} talkgroups   {} on the air   {} calls",
        picture.session_count(),
        picture.conference_count(),
        picture.on_air_count(),
        picture.calls()
    );
    Paragraph::new(Line::from(vec![format!(" {} ", view.title).bold().reversed(), Words::raw(counts)]))
}

fn footline(view: &View) -> Paragraph<'_> {
    let mut parts = vec![Words::raw(" q  quit").dim()];
    let catching_up =
        (!view.picture.is_complete()).then_some("events were lost; what there is now is being told again");
    if let Some(notice) = view.notice.as_deref().or(catching_up) {
        parts.push(Words::styled(format!("   {notice}"), Style::new().fg(Color::Yellow)));
    }
    Paragraph::new(Line::from(parts))
}

/// Rows that a bordered table with a header shows at most: of a full server no more are made.
fn room(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(3))
}

fn titled(title: &str) -> Block<'_> {
    Block::bordered().title(format!(" {title} ")).border_style(Style::new().fg(Color::DarkGray))
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().fg(Color::DarkGray).add_modifier(Modifier::BOLD))
}

/// Members of a talkgroup that are written: more fit on no line.
const SHOWN_MEMBERS: usize = 64;

fn conference(destination: Destination) -> Option<ConferenceTg> {
    match destination {
        Destination::Conference(conference) => Some(conference),
        Destination::Echo | Destination::Nowhere(_) => None,
    }
}

/// Talkgroups, those with a speaker first, with who speaks to whom.
fn draw_talkgroups(frame: &mut Frame<'_>, view: &View, now: Wall, area: Rect) {
    let mut rows = Vec::new();
    for on_air in view.picture.on_air().take(room(area)) {
        let seconds = now.0.saturating_sub(on_air.since.0) / 1_000_000_000;
        let listeners = view.listeners(&on_air.call);
        let to = if listeners.is_empty() { "nobody else".to_owned() } else { listeners.join(" ") };
        rows.push(Row::new([
            Cell::from(View::destination(&on_air.call)).style(Style::new().fg(Color::Green).bold()),
            Cell::from(format!("▶ {}", view.name(on_air.call.source))).style(Style::new().fg(Color::Yellow).bold()),
            Cell::from(format!("{seconds} s")),
            Cell::from(format!("→ {to}")),
        ]));
    }
    let busy: BTreeSet<ConferenceTg> =
        view.picture.on_air().filter_map(|on_air| conference(on_air.call.destination)).collect();
    let idle = view.picture.conferences(None).filter(|(tg, _)| !busy.contains(tg));
    for (tg, _) in idle.take(room(area).saturating_sub(rows.len())) {
        let mut members: Vec<String> =
            view.picture.members(tg).take(SHOWN_MEMBERS).map(|(session, _)| session.callsign.to_string()).collect();
        members.dedup();
        rows.push(Row::new([
            Cell::from(format!("TG {tg}")),
            Cell::from("·").style(Style::new().fg(Color::DarkGray)),
            Cell::from(""),
            Cell::from(members.join(" ")).style(Style::new().fg(Color::DarkGray)),
        ]));
    }
    let widths = [Constraint::Length(18), Constraint::Length(14), Constraint::Length(5), Constraint::Fill(1)];
    let table = Table::new(rows, widths).header(header(["talkgroup", "speaking", "for", "to"]));
    frame.render_widget(table.block(titled("Talkgroups")), area);
}

fn draw_sessions(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let sessions = view.picture.sessions(None).take(room(area));
    let rows = sessions.map(|session| {
        Row::new([session.callsign.to_string(), session.who.client.to_string(), session.remote.to_string()])
    });
    let widths = [Constraint::Length(9), Constraint::Length(10), Constraint::Fill(1)];
    let table = Table::new(rows, widths).header(header(["callsign", "ID", "address"]));
    frame.render_widget(table.block(titled("Clients")), area);
}

fn draw_heard(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.picture.heard().take(room(area)).map(|heard| {
        let (cause, loss) = (words::call_end(heard.cause), View::loss(heard));
        Row::new([
            clock(heard.ended),
            view.name(heard.call.source),
            View::destination(&heard.call),
            format!("{:.1} s", heard.duration.as_millis() as f64 / 1_000.0),
            words::per_mille(loss),
            cause.to_owned(),
        ])
    });
    let widths = [
        Constraint::Length(8),
        Constraint::Length(12),
        Constraint::Length(18),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Fill(1),
    ];
    let table = Table::new(rows, widths).header(header(["ended", "speaker", "to", "length", "loss", ""]));
    frame.render_widget(table.block(titled("Heard")), area);
}

fn draw_refused(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.refused.iter().map(|(sentence, (count, newest))| {
        Row::new([
            Cell::from(count.to_string()).style(Style::new().fg(Color::Red)),
            Cell::from(newest.clone()),
            Cell::from(*sentence).style(Style::new().fg(Color::DarkGray)),
        ])
    });
    let widths = [Constraint::Length(5), Constraint::Length(22), Constraint::Fill(1)];
    let table = Table::new(rows, widths).header(header(["times", "newest", "why"]));
    frame.render_widget(table.block(titled("Refused")), area);
}

/// Time of day, UTC.
fn clock(at: Wall) -> String {
    let seconds = at.0 / 1_000_000_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::id::{CallNo, ClientId, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
    use ragchew_core::report::{CallEnd, CallTag, SessionTag, SubscriptionSource, Text, What};
    use ragchew_core::time::Span;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use std::fmt::Write;

    const NAMES: [(&str, &str); 8] = [
        ("Q1ANA", "Ana"),
        ("Q2BEN", "Ben"),
        ("Q3CLEO", "Cleo"),
        ("Q4DAN", "Dan"),
        ("Q5EVA", "Eva"),
        ("Q6FINN", "Finn"),
        ("Q7GITA", "Gita"),
        ("Q8HUGO", "Hugo"),
    ];
    const NOON: Wall = Wall(12 * 3_600_000_000_000);

    fn who(n: u64) -> SessionTag {
        SessionTag { session: SessionNo(n), listener: ListenerId(0), client: ClientId(2_349_000 + n as u32) }
    }

    /// A call with this number of person `n`.
    fn tag(call: u64, n: u64, destination: Destination) -> CallTag {
        let (source, rf_tg) = (RadioId(2_349_000 + n as u32), RfTg(91));
        let call = CallNo(call);
        CallTag { call, from: who(n), stream: StreamId(1), source, slot: Slot::Two, rf_tg, destination }
    }

    /// So long before noon.
    fn ago(span: Span) -> Wall {
        Wall(NOON.0 - span.0)
    }

    fn log_in(view: &mut View) {
        for (n, (callsign, name)) in (1..).zip(NAMES) {
            let who = who(n);
            view.names.insert(RadioId(who.client.0), name.into());
            let remote = ([127, 0, 0, 1], 40_000 + 77 * n as u16).into();
            let (callsign, colour_code, slots) = (Text::new(callsign.as_bytes()), 1, b'3');
            view.apply(NOON, false, &What::Connected { who, remote, callsign, rx_hz: 0, tx_hz: 0, colour_code, slots });
        }
        for (tg, members) in [(91, &[1, 2, 3, 8][..]), (235, &[1, 4, 5, 6]), (2350, &[3, 5, 7, 8]), (3100, &[2, 6])] {
            for &n in members {
                let (slot, source) = (Slot::Two, SubscriptionSource::Static);
                let (rf_tg, conference) = (RfTg(tg), ConferenceTg(tg));
                view.apply(NOON, false, &What::Subscribed { who: who(n), slot, rf_tg, conference, source });
            }
        }
    }

    fn picture() -> View {
        let mut view = View { title: "Ragchew demo on 127.0.0.1:62031".into(), ..View::default() };
        log_in(&mut view);
        let to = |tg| Destination::Conference(ConferenceTg(tg));
        for (n, destination, seconds, [frames, lost], cause) in [
            (5, Destination::Echo, 30, [969, 31], CallEnd::Timeout),
            (3, to(91), 21, [100, 0], CallEnd::Terminator),
            (6, to(3100), 14, [100, 0], CallEnd::Terminator),
            (1, to(235), 9, [996, 4], CallEnd::Terminator),
            (4, to(235), 3, [100, 0], CallEnd::Terminator),
        ] {
            let duration = if destination == Destination::Echo { 2_900 } else { 4_300 + 700 * n };
            let (call, duration) = (tag(n, n, destination), Span::millis(duration));
            let ended = What::CallEnded { call, cause, duration, frames, lost, reordered: 0 };
            view.apply(ago(Span::secs(seconds)), false, &ended);
        }
        for (call, n, tg, seconds) in [(22, 2, 91, 4), (23, 7, 2350, 1)] {
            let call = tag(call, n, to(tg));
            view.apply(ago(Span::secs(seconds)), false, &What::CallStarted { call, late_entry: false });
        }
        let why = ragchew_core::refusal::Refusal::NoChallenge.text();
        view.refused.insert(why, (6, "2349013 at 127.0.0.1".into()));
        let why = ragchew_core::refusal::Refusal::UnitCall.text();
        view.refused.insert(why, (1, "Dan to 2349001".into()));
        view
    }

    fn drawn(width: u16, height: u16, view: &View) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view, NOON)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn text(buffer: &Buffer) -> String {
        let rows = buffer.content.chunks(usize::from(buffer.area.width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
    }

    /// The screen as a picture for the README.
    fn svg(buffer: &Buffer) -> String {
        const COLUMN: usize = 9;
        const ROW: usize = 19;
        let (width, height) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" font-family=\"monospace\" font-size=\"15\">\n\
             <rect width=\"{w}\" height=\"{h}\" rx=\"8\" fill=\"#16191d\"/>\n",
            w = width * COLUMN + 16,
            h = height * ROW + 16
        );
        for (y, row) in buffer.content.chunks(width).enumerate() {
            let mut x = 0;
            while x < width {
                let style = row[x].style();
                let run = row[x..].iter().take_while(|cell| cell.style() == style).count();
                let words: String = row[x..x + run].iter().map(|cell| cell.symbol()).collect();
                let reversed = row[x].modifier.contains(Modifier::REVERSED);
                let ink = match row[x].fg {
                    _ if reversed => "#16191d",
                    Color::Green => "#7ccf6b",
                    Color::Yellow => "#f0c75e",
                    Color::Red => "#e8705f",
                    Color::DarkGray => "#77808c",
                    _ if row[x].modifier.contains(Modifier::DIM) => "#77808c",
                    _ => "#d6dbe1",
                };
                let (left, top) = (8 + x * COLUMN, 8 + y * ROW);
                if reversed {
                    let w = run * COLUMN;
                    let _ = writeln!(
                        svg,
                        "<rect x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{ROW}\" fill=\"#d6dbe1\"/>"
                    );
                }
                if !words.trim().is_empty() {
                    let bold = if row[x].modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
                    let words = words.replace('&', "&amp;").replace('<', "&lt;");
                    let _ = writeln!(
                        svg,
                        "<text x=\"{left}\" y=\"{}\" fill=\"{ink}\"{bold} xml:space=\"preserve\" textLength=\"{}\">{words}</text>",
                        top + 14,
                        run * COLUMN
                    );
                }
                x += run;
            }
        }
        svg + "</svg>\n"
    }

    #[test]
    fn the_screen_shows_who_speaks_to_whom_what_was_heard_and_what_was_refused() {
        let shown = text(&drawn(120, 26, &picture()));
        for words in [
            "8 clients   4 talkgroups   2 on the air   23 calls",
            "▶ Ben",
            "→ Q1ANA Q3CLEO Q8HUGO",
            "TG 235 ",
            "Q4DAN",
            "went silent",
            "2349013 at 127.0.0.1",
        ] {
            assert!(shown.contains(words), "{words:?} is not in\n{shown}");
        }
        let (busy, idle) = (shown.find("▶ Gita"), shown.find("TG 235   "));
        assert!(busy < idle, "talkgroups on the air come first\n{shown}");
    }

    #[test]
    fn what_is_not_as_usual_stands_at_the_foot() {
        let mut view = picture();
        assert!(!text(&drawn(120, 26, &view)).contains("told again"));
        view.picture.lost();
        assert!(
            text(&drawn(120, 26, &view)).contains("q  quit   events were lost; what there is now is being told again")
        );
        view.notice = Some("the server has gone; trying again".into());
        assert!(text(&drawn(120, 26, &view)).contains("q  quit   the server has gone; trying again"));
    }

    #[test]
    fn a_terminal_of_any_size_is_drawn_without_a_panic() {
        for (width, height) in [(1, 1), (10, 3), (40, 10), (300, 100)] {
            drawn(width, height, &picture());
            drawn(width, height, &View::default());
        }
    }

    #[test]
    fn the_picture_of_the_readme_is_the_screen() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/demo.svg");
        let picture = svg(&drawn(120, 26, &picture()));
        if std::env::var_os("RAGCHEW_BLESS").is_some() {
            std::fs::write(&path, &picture).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == picture, "run it with RAGCHEW_BLESS=1");
    }
}
