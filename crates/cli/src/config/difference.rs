//! What a configuration would change, in the words of the file: one line for each key whose meaning differs. Passphrases are
//! compared and never shown. Decides nothing. Source: design §6 (reload), §7 (`ctl reload --dry-run`).

use ragchew_core::config::{ClientOverride, Config, Defaults, Listener, Policy, Server};
use ragchew_core::id::RfTg;
use ragchew_core::time::Span;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;

/// Lines of clients that one listener may have; what is left is counted.
const MOST_CLIENTS: usize = 20;

/// What the addresses of listeners are, by number of their socket.
pub type Addresses = BTreeMap<ragchew_core::net::SocketId, SocketAddr>;

/// What differs between the configuration in force and another one, each with its addresses.
pub fn changes(from: (&Config, &Addresses), to: (&Config, &Addresses)) -> Vec<String> {
    let mut lines = Lines::default();
    lines.server(&from.0.server, &to.0.server);
    for old in &from.0.listeners {
        match to.0.listeners.iter().find(|new| new.name == old.name) {
            Some(new) => lines.listener((old, from.1), (new, to.1)),
            None => lines.add(format!("listener {}: removed; its clients are told and closed", old.name)),
        }
    }
    for new in to.0.listeners.iter().filter(|new| from.0.listeners.iter().all(|old| old.name != new.name)) {
        lines.add(format!("listener {}: new, on {}", new.name, addresses(new, to.1)));
    }
    lines.policy(&from.0.policy, &to.0.policy);
    lines.0
}

fn addresses(listener: &Listener, known: &Addresses) -> String {
    let shown: Vec<_> = listener.sockets.iter().filter_map(|id| known.get(id)).map(SocketAddr::to_string).collect();
    if shown.is_empty() { "no address".to_owned() } else { shown.join(", ") }
}

fn talkgroups(list: &[RfTg]) -> String {
    let shown: Vec<_> = list.iter().map(RfTg::to_string).collect();
    format!("[{}]", shown.join(", "))
}

fn seconds(span: Span) -> String {
    format!("{} s", span.as_millis() / 1_000)
}

fn minutes(span: Span) -> String {
    format!("{} min", span.as_millis() / 60_000)
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, line: String) {
        self.0.push(line);
    }

    /// A line when two values differ.
    fn value<T: PartialEq>(&mut self, key: &str, from: &T, to: &T, show: impl Fn(&T) -> String) {
        if from != to {
            self.add(format!("{key}: {} becomes {}", show(from), show(to)));
        }
    }

    fn server(&mut self, from: &Server, to: &Server) {
        self.value("server.name", &from.name, &to.name, |name| format!("{name:?}"));
        self.value("server.id", &from.id, &to.id, |id| id.map_or_else(|| "none".to_owned(), |id| id.to_string()));
    }

    fn listener(&mut self, (old, known): (&Listener, &Addresses), (new, will): (&Listener, &Addresses)) {
        let key = |key: &str| format!("listener {}: {key}", old.name);
        self.value(&key("bind"), &addresses(old, known), &addresses(new, will), String::clone);
        self.value(&key("max_clients"), &old.max_clients, &new.max_clients, u32::to_string);
        if old.passphrase != new.passphrase {
            self.add(key("passphrase changes; clients that run keep running"));
        }
        let lists = |listener: &Listener| format!("{:?}", listener.acl);
        if lists(old) != lists(new) {
            self.add(key("acl changes; clients that it no longer admits are closed"));
        }
        self.defaults(&key("defaults"), &old.defaults, &new.defaults);
        self.clients(&old.name, &old.clients, &new.clients);
    }

    fn defaults(&mut self, key: &str, old: &Defaults, new: &Defaults) {
        let key = |name: &str| format!("{key}.{name}");
        let number = |dial: &Option<ragchew_core::id::ConferenceTg>| dial.map_or(0, |dial| dial.0).to_string();
        let [old_ts1, old_ts2] = &old.statics;
        let [new_ts1, new_ts2] = &new.statics;
        self.value(&key("ts1"), old_ts1, new_ts1, |list| talkgroups(list));
        self.value(&key("ts2"), old_ts2, new_ts2, |list| talkgroups(list));
        self.value(&key("dial"), &old.dial, &new.dial, number);
        self.value(&key("single"), &old.single, &new.single, bool::to_string);
        self.value(&key("ua_timer_min"), &old.ua_timer, &new.ua_timer, |timer| minutes(timer.0));
        self.value(&key("hang_time_s"), &old.hang_time, &new.hang_time, |time| seconds(*time));
        self.value(&key("language"), &old.language, &new.language, |language| language.name().to_owned());
        self.value(&key("ident"), &old.ident, &new.ident, bool::to_string);
        self.value(&key("ident_tg"), &old.ident_tg, &new.ident_tg, |tg| format!("{:?}", tg.map(|tg| tg.0)));
    }

    fn clients(&mut self, listener: &str, old: &[ClientOverride], new: &[ClientOverride]) {
        let find = |list: &[ClientOverride], one: &ClientOverride| {
            list.iter().find(|client| client.client == one.client).cloned()
        };
        let mut lines = Vec::new();
        for one in old {
            let line = match find(new, one) {
                None => "has no settings of its own any more",
                Some(other) if passphrase(one) != passphrase(&other) => "settings and passphrase change",
                Some(other) if format!("{one:?}") != format!("{other:?}") => "settings change",
                Some(_) => continue,
            };
            lines.push(format!("listener {listener}: client {}: {line}", one.client));
        }
        for one in new.iter().filter(|one| find(old, one).is_none()) {
            lines.push(format!("listener {listener}: client {}: has settings of its own now", one.client));
        }
        let left = lines.len().saturating_sub(MOST_CLIENTS);
        lines.truncate(MOST_CLIENTS);
        self.0.append(&mut lines);
        if left > 0 {
            self.add(format!("listener {listener}: {left} further clients change"));
        }
    }

    fn policy(&mut self, old: &Policy, new: &Policy) {
        fn word<T: Debug>(value: &T) -> String {
            format!("{value:?}")
        }
        self.value("policy.first_call", &old.first_call, &new.first_call, word);
        self.value("policy.busy_join", &old.busy_join, &new.busy_join, word);
        self.value("policy.tg4000_unlinks", &old.tg4000_unlinks, &new.tg4000_unlinks, word);
        let suspends = [old.single_suspends_statics, new.single_suspends_statics];
        self.value("policy.single_suspends_statics", &suspends[0], &suspends[1], word);
        self.value("policy.late_entry_options", &old.late_entry_options, &new.late_entry_options, word);
        self.value("policy.mapped_alias", &old.mapped_alias, &new.mapped_alias, word);
        self.value("policy.self_other_slot", &old.self_other_slot, &new.self_other_slot, word);
    }
}

fn passphrase(client: &ClientOverride) -> Option<&[u8]> {
    client.passphrase.as_ref().map(|passphrase| passphrase.expose())
}

#[cfg(test)]
mod tests {
    use super::super::{Numbers, Surroundings, read};
    use super::*;
    use ragchew_core::config::Passphrase;
    use std::path::Path;

    fn changed(from: &str, to: &str) -> Vec<String> {
        let mut numbers = Numbers::default();
        let around = Surroundings {
            base: Path::new("/"),
            env: &|_| None,
            generated: &|| Ok(Passphrase::new(b"generated".as_slice())),
        };
        let mut plan = |text: &str| read(text, &around, &mut numbers).unwrap();
        let (from, to) = (plan(from), plan(to));
        let known = |plan: &super::super::Plan| plan.sockets.iter().map(|s| (s.id, s.address)).collect::<Addresses>();
        changes((&from.config, &known(&from)), (&to.config, &known(&to)))
    }

    const ONE: &str = "listeners:\n- { name: a, bind: '127.0.0.1:6000', passphrase: secret-one }\n";

    #[test]
    fn the_same_file_changes_nothing() {
        assert_eq!(changed(ONE, ONE), [""; 0]);
        assert_eq!(changed("", ""), [""; 0]);
    }

    #[test]
    fn each_key_that_differs_has_a_line_and_no_passphrase_is_shown() {
        let to = "server: { name: Other, id: 2341 }\npolicy: { first_call: activate_only }\nlisteners:\n- { name: a, bind: \
                  '127.0.0.1:6001', passphrase: secret-two, max_clients: 7, acl: { ts1: 'DENY:5' }, defaults: { ts2: [91], \
                  hang_time_s: 9 }, clients: { 2345001: { passphrase: own-secret } } }\n- { name: b, bind: '127.0.0.1:6002', \
                  passphrase: p }\n";
        let lines = changed(ONE, to);
        assert_eq!(
            lines,
            [
                "server.name: \"Ragchew\" becomes \"Other\"",
                "server.id: none becomes 2341",
                "listener a: bind: 127.0.0.1:6000 becomes 127.0.0.1:6001",
                "listener a: max_clients: 10000 becomes 7",
                "listener a: passphrase changes; clients that run keep running",
                "listener a: acl changes; clients that it no longer admits are closed",
                "listener a: defaults.ts2: [] becomes [91]",
                "listener a: defaults.hang_time_s: 5 s becomes 9 s",
                "listener a: client 2345001: has settings of its own now",
                "listener b: new, on 127.0.0.1:6002",
                "policy.first_call: Pass becomes ActivateOnly",
            ]
        );
        let back = changed(to, ONE).join("\n");
        assert!(back.contains("listener b: removed") && back.contains("client 2345001: has no settings of its own"));
        assert!(!lines.join("").contains("secret") && !back.contains("secret"));
    }

    #[test]
    fn another_passphrase_of_a_client_is_told_without_it() {
        let with = |secret| ONE.replace(" }\n", &format!(", clients: {{ 2345001: {{ passphrase: {secret} }} }} }}\n"));
        let lines = changed(&with("one-one"), &with("two-two"));
        assert_eq!(lines, ["listener a: client 2345001: settings and passphrase change"]);
    }
}
