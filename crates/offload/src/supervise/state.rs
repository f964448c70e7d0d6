//! The states of a worker. Owns their names; the table of what leads from one to the other stands in `table`.
//! Source: design §5, `runtime.md` S1-19.

use serde::{Deserialize, Serialize};

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Known, not started.
    Registered,
    /// Started, has not said yet that it is ready.
    Starting,
    /// Ready and well.
    Running,
    /// A health check failed.
    Unhealthy,
    /// Asked to end.
    Stopping,
    /// Ended because it was asked to.
    Stopped,
    /// Ended by itself or by a kill; will be started again.
    Failed,
    /// Ended too often: only an operator starts it again.
    Broken,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Registered,
        Self::Starting,
        Self::Running,
        Self::Unhealthy,
        Self::Stopping,
        Self::Stopped,
        Self::Failed,
        Self::Broken,
    ];

    /// Whether an incarnation lives: it was to be started, and nobody has heard of its end.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Unhealthy | Self::Stopping)
    }

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Unhealthy => "unhealthy",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Broken => "broken",
        }
    }
}

/// How an incarnation of a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With this exit code.
    Exit(i32),
    /// By this signal that somebody else sent.
    Signal(i32),
    /// It did not end in time and was killed.
    Killed,
    /// It panicked (thread and single placement).
    Panic,
    /// It could not be started: the system's error number.
    NoStart(i32),
    /// It said something that no worker of this version says.
    Garbage,
}
