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
