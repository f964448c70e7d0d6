//! What the manual promises is what the program does.

use ragchew_core::refusal::Refusal;
use ragchew_core::wire::Malformed;
use std::collections::BTreeSet;

const OPERATING: &str = include_str!("../../../docs/operating.md");

/// Names in the first column of the tables headed by `reason`.
fn reasons() -> BTreeSet<&'static str> {
    let tables = OPERATING.split("| reason | meaning |").skip(1);
    let rows = tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    rows.filter_map(|row| row.split('`').nth(1)).collect()
}

#[test]
fn every_reason_of_a_refusal_stands_in_the_manual_and_no_other() {
    let refused = Refusal::ALL.iter().map(|why| why.name());
    let malformed = Malformed::ALL.iter().map(|why| why.name());
    assert_eq!(reasons(), refused.chain(malformed).collect());
}

#[test]
fn the_manual_explains_a_reason_in_the_words_of_the_program() {
    for why in Refusal::ALL {
        let row = format!("| `{}` | {} |", why.name(), why.text());
        assert!(OPERATING.contains(&row), "docs/operating.md lacks: {row}");
    }
}
