//! The groups that workers stand in. Owns their tree: a group is stopped when everything below it is down. Source: design §5,
//! `runtime.md` S1-01, S1-18.

use serde::{Deserialize, Serialize};

/// A group of workers. Groups nest; siblings have nothing to do with each other and stop at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Everything.
    Root,
    /// What tells the world of calls and sessions.
    Reporting,
    /// What operators ask through.
    Control,
    /// What brings tables up to date.
    Tables,
}

impl Group {
    /// Every group, parents before their children.
    pub const ALL: [Self; 4] = [Self::Root, Self::Reporting, Self::Control, Self::Tables];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Reporting => "reporting",
            Self::Control => "control",
            Self::Tables => "tables",
        }
    }

    /// The group that it stands in.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Root => None,
            Self::Reporting | Self::Control | Self::Tables => Some(Self::Root),
        }
    }

    /// Whether it stands in `other`, however deep.
    pub fn is_below(self, other: Self) -> bool {
        std::iter::successors(self.parent(), |group| group.parent()).any(|above| above == other)
    }
}
