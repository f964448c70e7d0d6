//! The `sql` role: calls, sessions and subscriptions in an SQLite database that tools may read while it is written. Owns the
//! schema and its migrations, batches, retention and the compatibility views; keeps nothing of secrets, because events hold
//! none. Source: design §5, `reporting.md` 2.2.
