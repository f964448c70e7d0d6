//! Every key of `ragchew.yaml`: what it expects and what holds without it. The reader and `docs/configuration.md` are both
//! held against this table. Owns no meaning. Source: design §6, `behaviour.md` 0.5 and 8.6.

/// A key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// Whether the section is wrong without it.
    pub required: bool,
    /// What its value must be; completes "expected …".
    pub expects: &'static str,
    /// What holds without it, as the manual says it.
    pub default: &'static str,
}

/// The keys that may stand together in one mapping.
#[derive(Debug)]
pub struct Section {
    /// Where it stands, `[]` for any item of a list and `ID` for any client ID; empty for the file itself.
    pub path: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

const fn key(name: &'static str, expects: &'static str, default: &'static str) -> Key {
    Key { name, required: false, expects, default }
}

const fn required(name: &'static str, expects: &'static str) -> Key {
    Key { name, required: true, expects, default: "required" }
}

const FLAG: &str = "true or false";
const STATICS: &str = "a list of at most 64 talkgroups and ranges such as [235, 2350-2359]";
const DIAL: &str = "a talkgroup from 10 to 999999, 9990, or 0 for none";
const UA_TIMER: &str = "whole minutes from 0 to 35791394, 0 for ever";
const HANG_TIME: &str = "whole seconds from 0 to 3600";
const LANGUAGE: &str = "the name of a language such as en_GB";
const PASSPHRASE: &str = "a text, { file: PATH } or { env: NAME }";
const TG_ACL: &str = "an access list of numbers from 1 to 16776415 such as \"DENY:1000-1999,4000\"";
const BUFFER: &str = "bytes from 65536 to 268435456";

const PLACEMENT: &str = "process, thread or single";
const SHARE: &str = "a share from 0.1 to 1 such as 0.98, with at most three decimals";

/// The file.
pub static FILE: Section = Section {
    path: "",
    keys: &[
        key("server", "a mapping", "see its keys"),
        key("listeners", "a list of at least one listener", "one listener `hotspots`"),
        key("policy", "a mapping", "see its keys"),
        key("reporting", "a mapping", "see its keys"),
        key("runtime", "a mapping", "see its keys"),
    ],
};

/// `server`.
pub static SERVER: Section = Section {
    path: "server",
    keys: &[key("id", "a server ID of 4 to 7 digits", "none"), key("name", "a text of 1 to 64 characters", "Ragchew")],
};

/// `listeners[]`.
pub static LISTENER: Section = Section {
    path: "listeners[]",
    keys: &[
        required("name", "a name of 1 to 32 letters, digits, `-`, `_` or `.`"),
        required("bind", "ADDRESS:PORT such as \"0.0.0.0:62031\" or \"[::]:62031\", or a list of at most 16 of them"),
        required("passphrase", PASSPHRASE),
        key("max_clients", "a whole number from 1 to 65536", "10000"),
        key("acl", "a mapping", "see its keys"),
        key("defaults", "a mapping", "see its keys"),
        key("clients", "a mapping of client IDs", "none"),
    ],
};

/// `listeners[].passphrase`, when it is a mapping.
pub static SECRET: Section = Section {
    path: "listeners[].passphrase",
    keys: &[
        key("file", "the path of a file that holds the passphrase", "none"),
        key("env", "the name of an environment variable that holds the passphrase", "none"),
    ],
};

/// `listeners[].acl`.
pub static ACL: Section = Section {
    path: "listeners[].acl",
    keys: &[
        key("enabled", FLAG, "true"),
        key("register", "an access list of client IDs such as \"PERMIT:2340000-2359999\"", "PERMIT:ALL"),
        key("subscriber", TG_ACL, "DENY:1"),
        key("ts1", TG_ACL, "PERMIT:ALL"),
        key("ts2", TG_ACL, "PERMIT:ALL"),
    ],
};

/// `listeners[].defaults`.
pub static DEFAULTS: Section = Section {
    path: "listeners[].defaults",
    keys: &[
        key("ts1", STATICS, "[]"),
        key("ts2", STATICS, "[]"),
        key("dial", DIAL, "0"),
        key("single", FLAG, "false"),
        key("ua_timer_min", UA_TIMER, "10"),
        key("hang_time_s", HANG_TIME, "5"),
        key("language", LANGUAGE, "en_GB"),
        key("ident", FLAG, "false"),
        key("ident_tg", "a talkgroup from 1 to 16777215", "all call"),
    ],
};

/// `listeners[].clients.ID`.
pub static CLIENT: Section = Section {
    path: "listeners[].clients.ID",
    keys: &[
        key("passphrase", PASSPHRASE, "the listener's"),
        key("ts1", STATICS, "the listener's"),
        key("ts2", STATICS, "the listener's"),
        key("dial", DIAL, "the listener's"),
        key("single", FLAG, "the listener's"),
        key("ua_timer_min", UA_TIMER, "the listener's"),
        key("hang_time_s", HANG_TIME, "the listener's"),
        key("language", LANGUAGE, "the listener's"),
        key("ident", FLAG, "the listener's"),
        key("map", "a list of at most 64 talkgroup maps", "[]"),
    ],
};

/// `listeners[].clients.ID.map[]`.
pub static MAP: Section = Section {
    path: "listeners[].clients.ID.map[]",
    keys: &[
        required("slot", "1 or 2"),
        required("rf_tg", "a talkgroup from 1 to 16776415 that is no control number (9, 4000, 5000, 9990-9999)"),
        required("conference_tg", "a conference from 10 to 16776415 that is no control number (4000, 5000, 9990-9999)"),
    ],
};

/// `policy`.
pub static POLICY: Section = Section {
    path: "policy",
    keys: &[
        key("first_call", "pass or activate_only", "pass"),
        key("busy_join", "silent or contend", "silent"),
        key("tg4000_unlinks", FLAG, "true"),
        key("single_suspends_statics", FLAG, "true"),
        key("late_entry_options", "standard or legacy", "standard"),
        key("mapped_alias", "keep or drop", "keep"),
        key("self_other_slot", FLAG, "false"),
    ],
};

/// `reporting`.
pub static REPORTING: Section = Section { path: "reporting", keys: &[key("sql", "a mapping", "see its keys")] };

/// `reporting.sql`.
pub static SQL: Section = Section {
    path: "reporting.sql",
    keys: &[
        key("enabled", FLAG, "true"),
        key("file", "the path of a file, or \":memory:\"", "ragchew.db in the state directory"),
        key("keep_days", "whole days from 0 to 36500, 0 for ever", "90"),
        key("views", "a list of feed, last_heard, lstheard_log, tg_count and user_count", "[]"),
        key("placement", PLACEMENT, "that of runtime"),
        key("memory_mb", "whole megabytes from 16 to 65536", "128"),
    ],
};

/// `runtime`.
pub static RUNTIME: Section = Section {
    path: "runtime",
    keys: &[
        key("receive_buffer", BUFFER, "chosen by the server"),
        key("send_buffer", BUFFER, "chosen by the server"),
        key("placement", PLACEMENT, "process"),
        key("health", "a mapping", "see its keys"),
        key("restart", "a mapping", "see its keys"),
        key("join_timeout_ms", "whole milliseconds from 10 to 3000", "1000"),
        key("control", "a mapping", "see its keys"),
        key("log", "a mapping", "see its keys"),
    ],
};

/// `runtime.health`.
pub static HEALTH: Section = Section {
    path: "runtime.health",
    keys: &[
        key("interval_ms", "whole milliseconds from 100 to 3600000", "5000"),
        key("max_busy", SHARE, "0.98"),
        key("max_memory", SHARE, "0.95"),
        key("max_unhealthy", "a whole number from 1 to 100", "3"),
        key("grace_ms", "whole milliseconds from 0 to 3600000", "30000"),
    ],
};

/// `runtime.restart`.
pub static RESTART: Section = Section {
    path: "runtime.restart",
    keys: &[
        key("quick_ms", "whole milliseconds from 0 to 10000", "10"),
        key("delay_ms", "whole milliseconds from 1 to 3600000", "500"),
        key("delay_cap_ms", "whole milliseconds from 1 to 86400000, not less than delay_ms", "60000"),
        key("max_attempts", "a whole number from 0 to 255", "10"),
    ],
};

/// `runtime.control`.
pub static CONTROL: Section = Section {
    path: "runtime.control",
    keys: &[
        key("enabled", FLAG, "true"),
        key("socket", "the path of a socket", "control.sock in the state directory"),
        key("mode", "a file mode such as \"0600\" or \"0660\", read and write alone", "\"0600\""),
    ],
};

/// `runtime.log`.
pub static LOG: Section = Section {
    path: "runtime.log",
    keys: &[
        key("format", "text, compat or json", "text"),
        key("file", "the path of a file to append to", "standard output"),
    ],
};

/// Every section, in the order of the manual.
pub static ALL: [&Section; 16] = [
    &FILE, &SERVER, &LISTENER, &SECRET, &ACL, &DEFAULTS, &CLIENT, &MAP, &POLICY, &REPORTING, &SQL, &RUNTIME, &HEALTH,
    &RESTART, &CONTROL, &LOG,
];

impl Section {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The full path of one of its keys, `listeners[].acl.ts1`.
    pub fn path_of(&self, key: &Key) -> String {
        if self.path.is_empty() { key.name.to_owned() } else { format!("{}.{}", self.path, key.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Rows of the manual's tables: `| `key` | expects | default | meaning |`.
    fn manual() -> Vec<[String; 4]> {
        include_str!("../../../../docs/configuration.md")
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| {
                let mut cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
                std::array::from_fn(|_| cells.next().unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn the_manual_and_the_reader_know_the_same_keys() {
        let ours: BTreeSet<_> = ALL.iter().flat_map(|s| s.keys.iter().map(|key| s.path_of(key))).collect();
        let theirs: BTreeSet<_> = manual().into_iter().map(|[key, ..]| key.trim_matches('`').to_owned()).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn the_manual_says_of_every_key_what_it_expects_its_default_and_its_meaning() {
        let rows = manual();
        for section in ALL {
            for key in section.keys {
                let path = section.path_of(key);
                let row = rows.iter().find(|row| row[0].trim_matches('`') == path).expect(&path);
                assert_eq!((row[1].as_str(), row[2].as_str()), (key.expects, key.default), "{path}");
                assert!(row[3].len() > 10, "{path} has no meaning in the manual");
            }
        }
    }
}
