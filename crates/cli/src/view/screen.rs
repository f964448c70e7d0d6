//! The live view on a terminal. Owns the layout; knows events only through the picture.

use super::View;
use ragchew_core::id::ConferenceTg;
use ragchew_core::report::{CallEnd, Destination};
use ragchew_core::time::Wall;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span as Words};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};

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
    frame.render_widget(Paragraph::new(" q  quit").dim(), foot);
}

fn headline(view: &View) -> Paragraph<'_> {
    let counts = format!(
        "  {} clients   {} talkgroups   {} on the air   {} calls",
        view.sessions.len(),
        view.talkgroups.len(),
        view.on_air.len(),
        view.calls
    );
    Paragraph::new(Line::from(vec![format!(" {} ", view.title).bold().reversed(), Words::raw(counts)]))
}

fn titled(title: &str) -> Block<'_> {
    Block::bordered().title(format!(" {title} ")).border_style(Style::new().fg(Color::DarkGray))
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().fg(Color::DarkGray).add_modifier(Modifier::BOLD))
}

/// Talkgroups, those with a speaker first, with who speaks to whom.
fn draw_talkgroups(frame: &mut Frame<'_>, view: &View, now: Wall, area: Rect) {
    let mut rows = Vec::new();
    for on_air in view.on_air.values() {
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
    let busy = |tg: ConferenceTg| view.on_air.values().any(|c| c.call.destination == Destination::Conference(tg));
    for (tg, talkgroup) in view.talkgroups.iter().filter(|(tg, _)| !busy(**tg)) {
        let mut members: Vec<String> = talkgroup.members.iter().map(|&(session, _)| view.callsign(session)).collect();
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
    let rows = view
        .sessions
        .values()
        .map(|session| Row::new([session.callsign.clone(), session.client.to_string(), session.remote.clone()]));
    let widths = [Constraint::Length(9), Constraint::Length(10), Constraint::Fill(1)];
    let table = Table::new(rows, widths).header(header(["callsign", "ID", "address"]));
    frame.render_widget(table.block(titled("Clients")), area);
}

fn draw_heard(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.heard.iter().map(|heard| {
        let cause = match heard.cause {
            CallEnd::Terminator => "",
            CallEnd::Timeout => "went silent",
            CallEnd::Replaced => "keyed again",
            CallEnd::TooLong => "too long",
            CallEnd::SessionEnded => "logged out",
        };
        Row::new([
            clock(heard.ended),
            view.name(heard.call.source),
            View::destination(&heard.call),
            format!("{:.1} s", heard.duration.as_millis() as f64 / 1_000.0),
            format!("{}.{} %", heard.loss / 10, heard.loss % 10),
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
    use super::super::{Heard, OnAir, Session, Talkgroup};
    use super::*;
    use ragchew_core::id::{CallNo, ClientId, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
    use ragchew_core::report::{CallTag, SessionTag};
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

    fn tag(n: u64, destination: Destination) -> CallTag {
        let client = ClientId(2_349_000 + n as u32);
        let from = SessionTag { session: SessionNo(n), listener: ListenerId(0), client };
        let (source, rf_tg) = (RadioId(client.0), RfTg(91));
        CallTag { call: CallNo(n), from, stream: StreamId(1), source, slot: Slot::Two, rf_tg, destination }
    }

    fn picture() -> View {
        let mut view =
            View { title: "Ragchew demo on 127.0.0.1:62031".into(), calls: 23, now: NOON, ..View::default() };
        for (n, (callsign, name)) in (1..).zip(NAMES) {
            let client = ClientId(2_349_000 + n);
            let remote = format!("127.0.0.1:{}", 40_000 + 77 * n);
            view.names.insert(RadioId(client.0), name.into());
            view.sessions.insert(SessionNo(n.into()), Session { client, callsign: callsign.into(), remote });
        }
        for (tg, members) in [(91, &[1, 2, 3, 8][..]), (235, &[1, 4, 5, 6]), (2350, &[3, 5, 7, 8]), (3100, &[2, 6])] {
            let members = members.iter().map(|&n| (SessionNo(n), Slot::Two)).collect();
            view.talkgroups.insert(ConferenceTg(tg), Talkgroup { members });
        }
        for (n, tg, seconds) in [(2, 91, 4), (7, 2350, 1)] {
            let call = tag(n, Destination::Conference(ConferenceTg(tg)));
            let since = Wall(NOON.0 - Span::secs(seconds).0);
            view.on_air.insert(CallNo(n), OnAir { call, since });
        }
        for (n, tg, seconds, loss) in [(4, 235, 3, 0), (1, 235, 9, 4), (6, 3100, 14, 0), (3, 91, 21, 0)] {
            let (ended, duration) = (Wall(NOON.0 - Span::secs(seconds).0), Span::millis(4_300 + 700 * n));
            let call = tag(n, Destination::Conference(ConferenceTg(tg)));
            view.heard.push_back(Heard { call, ended, duration, cause: CallEnd::Terminator, loss });
        }
        let ended = Wall(NOON.0 - Span::secs(30).0);
        let (call, duration) = (tag(5, Destination::Echo), Span::millis(2_900));
        view.heard.push_back(Heard { call, ended, duration, cause: CallEnd::Timeout, loss: 31 });
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
