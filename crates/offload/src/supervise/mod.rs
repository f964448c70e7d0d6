//! Supervision: which workers there are, in which state each is, and what has to be done about it. Pure: time and what
//! happened come in, actions go out; starts no process and asks no clock. Source: design §5, `runtime.md` S1, S2-17, S4.

mod name;
mod numbers;
mod state;

pub use name::{Role, WorkerName};
pub use numbers::Numbers;
pub use state::{Ending, State};
