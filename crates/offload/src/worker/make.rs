//! Which role has which name. Owns that one table; the roles themselves stand in rooms of their own. Source: design §5.

use super::{Begin, Role};
use crate::sql::Sql;
use crate::supervise;
use ragchew_core::Now;

/// Makes the role that a worker is told to have.
pub fn make(begin: &Begin, now: Now) -> Box<dyn Role> {
    match begin.role {
        supervise::Role::Sql => Box::new(Sql::open(begin, now)),
    }
}
