//! Datagram formats.
pub mod hbp;
