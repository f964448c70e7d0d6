//! Tables for people: columns that stand below each other, cut to the width of a terminal. Owns their form; knows nothing of
//! what stands in them. Source: design §7.

use crate::words::harmless;
use std::io::{self, Write};

/// How tables look here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Columns of the terminal; none: nothing is cut.
    pub(crate) width: Option<usize>,
    /// Colours are wanted.
    pub(crate) colour: bool,
    /// Now, in milliseconds since 1970.
    pub(crate) now_ms: u64,
}

impl Look {
    /// `text` in a colour, if colours are wanted.
    pub(crate) fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// `text` cut to the width.
    fn cut(&self, text: &str) -> String {
        match self.width {
            Some(width) if text.chars().count() > width => {
                text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
            }
            _ => text.to_owned(),
        }
    }
}

/// A row, and the colour in which it stands out, if it does.
#[derive(Clone, Debug)]
struct Row {
    cells: Vec<String>,
    colour: Option<&'static str>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Names of the columns; behind a `>`, those that stand to the right.
    header: &'static [&'static str],
    rows: Vec<Row>,
}

impl Table {
    /// With these columns; a name begins with `>` where cells stand to the right.
    pub(crate) fn new(header: &'static [&'static str]) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// One more row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.coloured(None, cells);
    }

    /// One more row in a colour.
    pub(crate) fn coloured<const N: usize>(&mut self, colour: Option<&'static str>, cells: [String; N]) {
        let cells = cells.iter().map(|cell| harmless(cell)).collect();
        self.rows.push(Row { cells, colour });
    }

    /// Writes it; the sentence `empty` where there is no row.
    pub(crate) fn write(&self, out: &mut dyn Write, look: &Look, empty: &str) -> io::Result<()> {
        let names: Vec<&str> = self.header.iter().map(|name| name.trim_start_matches('>')).collect();
        let widths: Vec<usize> = names.iter().enumerate().map(|(at, name)| self.width(at, name)).collect();
        let header = self.line(names.iter().copied(), &widths);
        writeln!(out, "{}", look.paint("2", &look.cut(&header)))?;
        for row in &self.rows {
            let line = look.cut(&self.line(row.cells.iter().map(String::as_str), &widths));
            match row.colour {
                Some(colour) => writeln!(out, "{}", look.paint(colour, &line))?,
                None => writeln!(out, "{line}")?,
            }
        }
        if self.rows.is_empty() { writeln!(out, "{empty}") } else { Ok(()) }
    }

    fn width(&self, at: usize, name: &str) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(name.chars().count())
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>, widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, &width), name) in cells.zip(widths).zip(self.header) {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, behind) = if name.starts_with('>') { (pad.as_str(), "") } else { ("", pad.as_str()) };
            line = line + before + cell + behind + "  ";
        }
        line.trim_end().to_owned()
    }
}

/// Lines of `name  value`, aligned.
pub(crate) fn pairs(out: &mut dyn Write, look: &Look, pairs: &[(&str, String)]) -> io::Result<()> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in pairs {
        let name = format!("{name:<width$}");
        writeln!(out, "{}  {}", look.paint("2", &name), harmless(value))?;
    }
    Ok(())
}

/// A line that must not be passed over.
pub(crate) fn warn(out: &mut dyn Write, look: &Look, text: &str) -> io::Result<()> {
    writeln!(out, "{}", look.paint("31", &format!("! {}", harmless(text))))
}
