//! Instructions and last-level misses per delivered packet, counted by callgrind in `counted`, and the gate on them. Simulated
//! caches are fixed, those of a small computer: 32 KiB and 1 MiB. Owns `instructions.json`.

use crate::key::Key;
use crate::table::Table;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// How far instructions may be from the committed ones.
const TOLERANCE: f64 = 0.03;
/// The same of misses, which depend on where the system puts the stack, too.
const MISSES_TOLERANCE: f64 = 0.10;
/// Other sessions, few and many.
const OTHERS: [u32; 2] = [10, 10_000];
/// How far instructions and misses with many other sessions may be from those with few.
const EQUAL: (f64, f64) = (0.05, 0.25);
const CACHES: [&str; 3] = ["--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64"];

/// What one scenario costs per delivered packet.
#[derive(Clone, Copy, Debug)]
struct Cost {
    instructions: f64,
    /// Last-level misses when every frame finds cold caches: the cache lines that it needs.
    cold_misses: f64,
    /// The same when nothing else ran in between.
    warm_misses: f64,
}

type Costs = BTreeMap<String, Cost>;

/// What may become of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// All counts are where they were.
    Passed,
    /// Some are not.
    Failed,
    /// The committed counts are of another key.
    OtherKey,
}

fn committed_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

/// Counts everything once, and compares few with many sessions.
fn count(table: &mut Table) -> Result<Costs, String> {
    let mut all = Costs::new();
    for others in OTHERS {
        for (name, cost) in run(others)? {
            all.insert(format!("{name}, {others} others"), cost);
        }
    }
    for (name, cost) in &all {
        table.note(&format!("instructions per packet: {name}"), cost.instructions, "");
        table.note("  last-level misses, cold caches", cost.cold_misses, "");
        table.note("  last-level misses, warm caches", cost.warm_misses, "");
    }
    let few = |name: &str| all.get(&name.replace(&format!("{} others", OTHERS[1]), &format!("{} others", OTHERS[0])));
    let pairs: Vec<_> = all.iter().filter(|(n, _)| n.ends_with(&format!(" {} others", OTHERS[1]))).collect();
    let worst = |part: fn(&Cost) -> f64| {
        let change = |(name, many): &(&String, &Cost)| few(name).map(|few| (part(many) / part(few) - 1.0).abs());
        pairs.iter().filter_map(change).fold(0.0, f64::max)
    };
    let [few_name, many_name] = OTHERS;
    let title = |what: &str| format!("{what}: worst change from {few_name} to {many_name} others");
    table.at_most(&title("instructions"), worst(|c| c.instructions), EQUAL.0, "of 1");
    table.at_most(&title("cold misses"), worst(|c| c.cold_misses), EQUAL.1, "of 1");
    Ok(all)
}

fn run(others: u32) -> Result<Vec<(String, Cost)>, String> {
    let program = env::current_exe().map_err(|e| e.to_string())?.with_file_name("counted");
    let out = env::temp_dir().join(format!("ragchew-callgrind-{}-{others}", std::process::id()));
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--instr-atstart=no",
            "--collect-atstart=no",
            "--combine-dumps=yes",
            "--cache-sim=yes",
        ])
        .args(CACHES)
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg(others.to_string())
        // The environment lies on the stack and would move everything on it.
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let text = fs::read_to_string(&out).unwrap_or_default();
    let _ = fs::remove_file(&out);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let marks = totals(&text);
    let mut costs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((name, delivered)) = line.split_once(' ') else { continue };
        let (Some(name), Ok(delivered)) = (name.strip_suffix(".warm"), delivered.parse::<f64>()) else { continue };
        let part = |kind: &str| marks.get(&format!("{name}.{kind}")).copied().ok_or("callgrind wrote no totals");
        let (warm, cold) = (part("warm")?, part("cold")?);
        let cost =
            Cost { instructions: warm.0 / delivered, cold_misses: cold.1 / delivered, warm_misses: warm.1 / delivered };
        costs.push((words(name), cost));
    }
    Ok(costs)
}

/// `mapped10` as "fan-out 10, mapped".
fn words(name: &str) -> String {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    format!("fan-out {digits}, {}", if name.starts_with("mapped") { "mapped" } else { "unmapped" })
}

/// Instructions and last-level misses of each mark in callgrind's file.
fn totals(text: &str) -> BTreeMap<String, (f64, f64)> {
    let (mut found, mut mark, mut events) = (BTreeMap::new(), String::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("desc: Trigger: Client Request: ") {
            mark = name.to_owned();
        } else if let Some(names) = line.strip_prefix("events: ") {
            events = names.split(' ').collect();
        } else if let Some(numbers) = line.strip_prefix("totals: ") {
            let pairs = events.iter().zip(numbers.split(' ').filter_map(|n| n.parse::<f64>().ok()));
            let sum = |wanted: &[&str]| pairs.clone().filter(|(e, _)| wanted.contains(e)).map(|(_, n)| n).sum::<f64>();
            found.insert(std::mem::take(&mut mark), (sum(&["Ir"]), sum(&["ILmr", "DLmr", "DLmw"])));
        }
    }
    found
}

/// Writes down what was counted as what is expected from now on.
pub fn accept(table: &mut Table) -> Result<(), String> {
    let costs = count(table)?;
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    let rows: Map<String, Value> = costs
        .iter()
        .map(|(name, cost)| {
            let row = json!({ "instructions": rounded(cost.instructions), "cold_misses": rounded(cost.cold_misses) });
            (name.clone(), row)
        })
        .collect();
    let note = "Per delivered packet of a warm call: instructions, and last-level misses when every frame finds cold caches \
                (1 MiB). The counts are those of this key; with another one they are compared and nothing fails. Tolerance \
                3 % for instructions, 10 % for misses. When a change is meant: benches/run --accept, and commit this file with the reason.";
    let all = json!({ "note": note, "key": Key::here().to_json(), "per_packet": rows });
    fs::write(committed_file(), format!("{all:#}\n")).map_err(|e| e.to_string())
}

/// Counts and compares with what is committed.
pub fn gate(table: &mut Table) -> Result<Gate, String> {
    let costs = count(table)?;
    let text = fs::read_to_string(committed_file()).map_err(|e| format!("{}: {e}", committed_file().display()))?;
    let committed: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    judge(&costs, &committed, &Key::here())
}

/// Compares `costs` of `key` with what is committed, and says what moved.
fn judge(costs: &Costs, committed: &Value, key: &Key) -> Result<Gate, String> {
    let expected = committed["per_packet"].as_object().map_or(0, |counts| counts.len());
    if costs.len() != expected || costs.is_empty() {
        return Err(format!(
            "{} scenarios were counted and {expected} are committed: benches/run --accept",
            costs.len()
        ));
    }
    let mut moved = 0;
    for (name, cost) in costs {
        let was = &committed["per_packet"][name];
        let parts =
            [("instructions", cost.instructions, TOLERANCE), ("cold_misses", cost.cold_misses, MISSES_TOLERANCE)];
        for (what, now, tolerance) in parts {
            let change = was[what].as_f64().map_or(f64::INFINITY, |was| now / was - 1.0);
            if change.abs() > tolerance {
                moved += 1;
                eprintln!("{name}: {what} {now:.2} instead of {} ({:+.1} %)", was[what], change * 100.0);
            }
        }
    }
    let differences = key.differences(&committed["key"]);
    if !differences.is_empty() {
        eprintln!("{}: compared, not judged", differences.join("; "));
        return Ok(Gate::OtherKey);
    }
    if moved == 0 {
        return Ok(Gate::Passed);
    }
    let (instructions, misses) = (TOLERANCE * 100.0, MISSES_TOLERANCE * 100.0);
    eprintln!("{moved} counts are not within {instructions} % (misses: {misses} %) of benches/instructions.json.");
    eprintln!("If that is meant: benches/run --accept, and commit the file with the reason.");
    Ok(Gate::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_taken_by_mark_and_by_name_of_the_event() {
        let text = "desc: Trigger: Client Request: a.warm\nevents: Ir Dr ILmr DLmr DLmw\ntotals: 100 7 1 2 3\n\
                    desc: Trigger: Client Request: b.cold\nevents: Ir Dr ILmr DLmr DLmw\ntotals: 50 7 0 0 1\n";
        let found = totals(text);
        assert_eq!(found["a.warm"], (100.0, 6.0));
        assert_eq!(found["b.cold"], (50.0, 1.0));
    }

    #[test]
    fn counts_that_moved_fail_under_their_own_key_and_are_only_told_under_another_one() {
        let key = crate::key::tests::key;
        let costs =
            |instructions| Costs::from([("a".to_owned(), Cost { instructions, cold_misses: 10.0, warm_misses: 0.0 })]);
        let committed = json!({
            "key": key("glibc 2.36").to_json(),
            "per_packet": { "a": { "instructions": 100.0, "cold_misses": 10.0 } },
        });
        let judged = |instructions, libc| judge(&costs(instructions), &committed, &key(libc));
        assert_eq!(judged(102.0, "glibc 2.36"), Ok(Gate::Passed));
        assert_eq!(judged(104.0, "glibc 2.36"), Ok(Gate::Failed));
        assert_eq!(judged(104.0, "glibc 2.41"), Ok(Gate::OtherKey));
        assert_eq!(judged(100.0, "glibc 2.41"), Ok(Gate::OtherKey));
        assert!(judge(&Costs::new(), &committed, &key("glibc 2.36")).is_err());
    }
}
