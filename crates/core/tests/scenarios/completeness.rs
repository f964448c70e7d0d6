//! That no scenario is forgotten. Reads the sources of the scenarios and the list of those that wait.

use ragchew_core::limits::limits;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

/// Sections 11.1, 11.2, 11.4, 11.7, the echo of 11.8, and of 11.9 what a core without links can do.
const WANTED: [RangeInclusive<u32>; 7] = [1..=40, 41..=70, 99..=138, 194..=203, 213..=215, 234..=237, 239..=240];
/// The last scenario of the specification.
const LAST: u32 = 240;

/// The numbers in the names of the tests.
#[allow(clippy::disallowed_methods)] // This test is about files; the core is not.
fn tested() -> BTreeSet<u32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut numbers = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn s_"));
        numbers.extend(names.map(|name| name[..3].parse::<u32>().unwrap()));
    }
    numbers
}

struct Deferred {
    partly: bool,
    reason: String,
}

fn deferred() -> BTreeMap<u32, Deferred> {
    let text = include_str!("../deferred.txt");
    let mut list = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (number, rest) = line.strip_prefix("S-").and_then(|rest| rest.split_once(' ')).expect(line);
        let rest = rest.trim();
        let entry = match rest.strip_prefix("partly:") {
            Some(reason) => Deferred { partly: true, reason: reason.trim().into() },
            None => Deferred { partly: false, reason: rest.into() },
        };
        assert!(list.insert(number.parse().expect(line), entry).is_none(), "listed twice: {line}");
    }
    list
}

#[test]
fn every_scenario_is_tested_or_deferred_with_a_reason() {
    let (tested, deferred) = (tested(), deferred());
    for number in WANTED.into_iter().flatten() {
        let listed = deferred.get(&number);
        match (tested.contains(&number), listed.map(|entry| entry.partly)) {
            (true, None | Some(true)) | (false, Some(false)) => {}
            (false, None) => panic!("S-{number:03} is neither tested nor deferred"),
            (true, Some(false)) => panic!("S-{number:03} is tested, yet listed as deferred"),
            (false, Some(true)) => panic!("S-{number:03} is listed as partly tested, yet there is no test"),
        }
    }
    for (number, entry) in &deferred {
        assert!((1..=LAST).contains(number), "there is no S-{number:03}");
        assert!(!entry.reason.is_empty(), "S-{number:03} is deferred without a reason");
    }
    for number in tested {
        assert!((1..=LAST).contains(&number), "there is no S-{number:03}");
    }
}

/// The names of all tests in the sources below `folder`.
#[allow(clippy::disallowed_methods)] // As above.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let after = text.split("#[test]").skip(1).filter_map(|rest| rest.trim_start().strip_prefix("fn "));
            names.extend(after.filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
}

#[test]
fn each_limit_of_the_core_has_a_test_that_goes_one_past_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    ["src", "tests"].iter().for_each(|folder| tests_below(&root.join(folder), &mut tests));
    let mut listed = BTreeSet::new();
    for line in include_str!("../limits.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let limit = words.next().expect(line);
        assert!(listed.insert(limit), "listed twice: {limit}");
        let names: Vec<_> = words.collect();
        assert!(!names.is_empty(), "{limit} has no test");
        names.iter().for_each(|name| assert!(tests.contains(*name), "{limit}: there is no test {name}"));
    }
    assert_eq!(listed, limits().iter().map(|limit| limit.name).collect());
}
