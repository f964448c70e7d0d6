//! HBP.
pub mod dmrd;
