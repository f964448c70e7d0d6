//! Ragchew tells the world: everything that is slow or may block, away from the packet plane. Takes events and lines from
//! bounded channels and never makes a sender wait. Source: design §5.
#![forbid(unsafe_code)]

pub mod desk;
pub mod event;
pub mod hub;
pub mod limits;
pub mod log;
pub mod picture;
pub mod queue;
pub mod sql;
pub mod supervise;
pub mod worker;
