//! What workers are called. Owns the roles and their words. Source: `runtime.md` S1-16, S4-09.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Keeps calls, sessions and subscriptions in a database.
    Sql,
}

impl Role {
    /// Every role, in the order in which they start.
    pub const ALL: [Self; 1] = [Self::Sql];

    /// As it is written in configuration, commands and health events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
        }
    }

    /// What is missing while no worker has this role, for people.
    pub const fn loss(self) -> &'static str {
        match self {
            Self::Sql => {
                "calls and sessions wait in memory for the database, the oldest states are lost first; voice goes on"
            }
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A worker: today one per role, so the role names it.
pub type WorkerName = Role;
