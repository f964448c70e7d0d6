//! Access: listeners and the clients on them.

pub mod acl;
