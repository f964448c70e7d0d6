//! Supervision: which workers there are, in which state each is, and what has to be done about it. Pure: time and what
//! happened come in, actions go out; starts no process and asks no clock. Source: design §5, `runtime.md` S1, S2-17, S4.

mod entry;
mod group;
mod name;
mod numbers;
mod state;
mod supervisor;
pub mod table;
#[cfg(test)]
mod tests;
mod words;

pub use group::Group;
pub use name::{Role, WorkerName};
pub use numbers::Numbers;
pub use state::{Ending, State};
pub use supervisor::Supervisor;
pub use table::{Cause, Refused};
pub use words::{Action, Input, RestartPolicy, Status};
