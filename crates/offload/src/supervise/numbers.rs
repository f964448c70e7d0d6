//! The numbers of supervision, each of which the configuration may set. Owns their defaults. Source: design §5,
//! `runtime.md` S0-27, S4-23 to S4-27, S2-18.

use ragchew_core::time::Span;
use serde::{Deserialize, Serialize};

/// How workers are kept well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Between two health checks of a worker.
    pub health_interval: Span,
    /// Share of its time, in per mille, above which a worker is unhealthy.
    pub max_busy: u16,
    /// Share of its memory limit, in per mille, above which it is unhealthy.
    pub max_memory: u16,
    /// Failed checks in a row after which it is replaced.
    pub max_unhealthy: u8,
    /// After a start: so long no check counts.
    pub grace: Span,
    /// How long a worker may take to end once it was asked to; then it is killed and named.
    pub join_timeout: Span,
    /// A worker that dies sooner than this after its start is started again at once, the first time.
    pub quick_failure: Span,
    /// Before a restart; doubles with each further one.
    pub restart_delay: Span,
    /// The longest such delay.
    pub restart_delay_cap: Span,
    /// Restarts without a grace period of health between them, after which the breaker opens.
    pub max_restarts: u8,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            health_interval: Span::millis(5_000),
            max_busy: 980,
            max_memory: 950,
            max_unhealthy: 3,
            grace: Span::millis(30_000),
            join_timeout: Span::millis(1_000),
            quick_failure: Span::millis(10),
            restart_delay: Span::millis(500),
            restart_delay_cap: Span::millis(60_000),
            max_restarts: 10,
        }
    }
}
