//! The order and rhythm of one stream: loss, repeats, reordering and gaps. Knows sequence numbers and times, nothing else.
//! Source: `wire.md` 1.7 (sequence number).

use super::entry::{count, json_millis, millis};
use ragchew_core::time::Wall;
use serde_json::{Map, Value, json};

/// What was seen of a stream so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    pub(super) frames: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    last: Option<(u8, Wall)>,
    /// Gaps between frames that follow each other.
    gaps: u64,
    sum: u64,
    max: u64,
    /// Differences between one such gap and the next.
    steps: u64,
    swing: u64,
    before: Option<u64>,
}

impl Flow {
    /// Takes a frame; whether it continues the stream, rather than repeating or coming late.
    pub(super) fn take(&mut self, seq: u8, at: Wall) -> bool {
        self.frames += 1;
        let Some((last, last_at)) = self.last else {
            self.last = Some((seq, at));
            return true;
        };
        match seq.wrapping_sub(last) {
            0 => self.duplicates += 1,
            1 => self.gap(at.0.saturating_sub(last_at.0)),
            ahead @ 2..=127 => {
                self.lost += u64::from(ahead) - 1;
                self.before = None;
            }
            _ => {
                self.reordered += 1;
                self.lost = self.lost.saturating_sub(1);
            }
        }
        let on = matches!(seq.wrapping_sub(last), 1..=127);
        if on {
            self.last = Some((seq, at));
        }
        on
    }

    /// Another stream goes on in the same call: its numbers are its own.
    pub(super) fn new_stream(&mut self) {
        self.last = None;
        self.before = None;
    }

    fn gap(&mut self, gap: u64) {
        self.gaps += 1;
        self.sum = self.sum.saturating_add(gap);
        self.max = self.max.max(gap);
        if let Some(before) = self.before.replace(gap) {
            self.steps += 1;
            self.swing = self.swing.saturating_add(gap.abs_diff(before));
        }
    }

    /// `2 lost, 1 repeated`, or `none lost`.
    pub(super) fn order(&self) -> String {
        let mut words = vec![if self.lost == 0 { "none lost".to_owned() } else { format!("{} lost", self.lost) }];
        words.extend((self.duplicates > 0).then(|| format!("{} repeated", self.duplicates)));
        words.extend((self.reordered > 0).then(|| format!("{} out of order", self.reordered)));
        words.join(", ")
    }

    /// What is wrong with the order, for a flag.
    pub(super) fn fault(&self) -> Option<String> {
        (self.lost > 0).then(|| format!("{} lost of {}", count(self.lost, "frame"), self.lost + self.frames))
    }

    /// The rhythm in words, if at least two frames followed each other.
    pub(super) fn rhythm(&self) -> Option<String> {
        let mean = self.sum.checked_div(self.gaps)?;
        let jitter = self.swing.checked_div(self.steps).unwrap_or(0);
        Some(format!("gaps {} mean, {} longest, jitter {}", millis(mean), millis(self.max), millis(jitter)))
    }

    pub(super) fn fields(&self, fields: &mut Map<String, Value>) {
        fields.insert("frames".into(), self.frames.into());
        fields.insert("lost".into(), self.lost.into());
        fields.insert("duplicates".into(), self.duplicates.into());
        fields.insert("reordered".into(), self.reordered.into());
        if let Some(mean) = self.sum.checked_div(self.gaps) {
            let jitter = self.swing.checked_div(self.steps).unwrap_or(0);
            let timing = json!({
                "gap_mean_ms": json_millis(mean), "gap_max_ms": json_millis(self.max), "jitter_ms": json_millis(jitter),
            });
            fields.insert("timing".into(), timing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(seqs: &[u8]) -> Flow {
        let mut flow = Flow::default();
        for (at, seq) in seqs.iter().enumerate() {
            flow.take(*seq, Wall(at as u64 * 60_000_000));
        }
        flow
    }

    #[test]
    fn loss_repeats_and_reordering_are_told_apart_across_the_wrap() {
        let counts = |seqs: &[u8]| {
            let flow = flow(seqs);
            (flow.frames, flow.lost, flow.duplicates, flow.reordered)
        };
        assert_eq!(counts(&[254, 255, 0, 1]), (4, 0, 0, 0));
        assert_eq!(counts(&[254, 1, 2]), (3, 2, 0, 0));
        assert_eq!(counts(&[5, 5, 6]), (3, 0, 1, 0));
        assert_eq!(counts(&[5, 7, 6, 8]), (4, 0, 0, 1));
    }

    #[test]
    fn gaps_are_measured_only_between_neighbours() {
        assert_eq!(flow(&[1, 2, 3]).rhythm().unwrap(), "gaps 60.0 ms mean, 60.0 ms longest, jitter 0.0 ms");
        assert_eq!(flow(&[1, 3, 5]).rhythm(), None);
        assert_eq!(flow(&[1, 3]).fault().unwrap(), "1 frame lost of 3");
    }
}
