//! What is printed: names, figures, targets, as a table or as JSON.

use serde_json::{Value, json};

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    None,
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    value: f64,
    target: Target,
    unit: &'static str,
}

impl Row {
    fn met(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::AtLeast(bound) => Some(self.value >= bound),
            Target::AtMost(bound) => Some(self.value <= bound),
        }
    }
}

/// The figures of a run. Each is told as soon as it is known.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    json: bool,
}

fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 1_000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

impl Table {
    pub fn new(json: bool) -> Self {
        Self { rows: Vec::new(), json }
    }

    /// A figure without a target.
    pub fn note(&mut self, name: &str, value: f64, unit: &'static str) {
        self.add(name, value, Target::None, unit);
    }

    /// A figure with a lower bound.
    pub fn at_least(&mut self, name: &str, value: f64, bound: f64, unit: &'static str) {
        self.add(name, value, Target::AtLeast(bound), unit);
    }

    /// A figure with an upper bound.
    pub fn at_most(&mut self, name: &str, value: f64, bound: f64, unit: &'static str) {
        self.add(name, value, Target::AtMost(bound), unit);
    }

    fn add(&mut self, name: &str, value: f64, target: Target, unit: &'static str) {
        let row = Row { name: name.to_owned(), value, target, unit };
        if !self.json {
            let target = match target {
                Target::None => String::new(),
                Target::AtLeast(bound) => format!(">= {}", figure(bound)),
                Target::AtMost(bound) => format!("<= {}", figure(bound)),
            };
            let verdict = row.met().map_or("", |met| if met { "ok" } else { "MISSED" });
            println!("{name:<58} {:>10} {unit:<10} {target:<10} {verdict}", figure(value));
        }
        self.rows.push(row);
    }

    /// Whether every target was met. Prints the JSON, if that is wanted.
    pub fn finish(&self) -> bool {
        if self.json {
            let row = |row: &Row| {
                let (at_least, at_most) = match row.target {
                    Target::None => (Value::Null, Value::Null),
                    Target::AtLeast(bound) => (json!(bound), Value::Null),
                    Target::AtMost(bound) => (Value::Null, json!(bound)),
                };
                json!({ "name": row.name.trim(), "value": row.value, "unit": row.unit, "at_least": at_least,
                    "at_most": at_most, "met": row.met() })
            };
            println!("{:#}", Value::Array(self.rows.iter().map(row).collect()));
        }
        self.rows.iter().all(|row| row.met() != Some(false))
    }
}
