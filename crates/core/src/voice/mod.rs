//! Voice: streams that the server itself makes, one deadline per frame. Never sleeps. Source: `behaviour.md` 7.

pub(crate) mod echo;
