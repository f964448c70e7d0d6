//! The scenarios of `behaviour.md` 11, each a test named by its number and a sentence: given, when, then, with those who
//! must hear and those who must not. What waits for later work stands in `tests/deferred.txt`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // This is test code throughout.

mod activation;
mod completeness;
mod contention;
mod control;
mod echo;
mod forged;
mod found;
mod guards;
mod lists;
mod login;
mod past_limits;
mod paths;
mod reload;
mod resync;
mod rewriting;
mod robustness;
mod sessions;
mod snapshots;
mod streams;
#[path = "../support/mod.rs"]
mod support;
