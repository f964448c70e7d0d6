//! What the reader finds in whole files, and where.

use super::*;
use ragchew_core::config::{Language, TgMap, UaTimer};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RfTg, Slot};
use ragchew_core::time::Span;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

const MINIMAL: &str = "listeners:\n  - name: a\n    bind: 127.0.0.1:62031\n    passphrase: hush-hush\n";

fn env(name: &str) -> Option<String> {
    (name == "PASS").then(|| "from-env".to_owned())
}

fn around(base: &Path) -> Surroundings<'_> {
    Surroundings { base, env: &env, generated: &|| Ok(Passphrase::new(*b"generated")) }
}

fn try_read(text: &str) -> Result<Plan, Vec<Finding>> {
    read(text, &around(Path::new(".")), &mut Numbers::default())
}

pub(super) fn good(text: &str) -> Plan {
    try_read(text).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// Each finding as its line, without the file.
pub(super) fn said(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| Line { file: "f", finding, colour: false }.to_string()).collect()
}

pub(super) fn errors(text: &str) -> Vec<String> {
    said(&try_read(text).err().unwrap_or_default())
}

/// A listener with further lines of its own.
fn with(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("{MINIMAL}{indented}")
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("ragchew-config-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn no_file_is_a_complete_server_with_a_generated_passphrase() {
    let plan = good("");
    assert!(plan.built_in);
    let [listener] = plan.config.listeners.as_slice() else { panic!() };
    assert_eq!(
        (&*listener.name, listener.passphrase.expose(), listener.max_clients),
        ("hotspots", &b"generated"[..], 10_000)
    );
    let sockets: Vec<_> = plan.sockets.iter().map(|s| (s.address.to_string(), s.optional)).collect();
    assert_eq!(sockets, [("0.0.0.0:62031".to_owned(), false), ("[::]:62031".to_owned(), true)]);
    assert_eq!(listener.sockets, [plan.sockets[0].id, plan.sockets[1].id]);
    assert_eq!(&*plan.config.server.name, "Ragchew");
}

#[test]
fn a_file_without_listeners_keeps_the_built_in_one() {
    let plan = good("server: { id: 2341, name: Here }\n");
    assert!(plan.built_in);
    assert_eq!((plan.config.server.id, &*plan.config.server.name), (Some(ServerId(2341)), "Here"));
}

#[test]
fn everything_that_the_file_says_reaches_the_configuration() {
    let plan = good(
        "
server: { id: 2341 }
listeners:
  - name: main
    bind: ['127.0.0.1:62031', '[::1]:62031']
    passphrase: '0123'
    max_clients: 5
    acl: { enabled: false, register: 'PERMIT:234-235', subscriber: 'DENY:7', ts1: 'DENY:ALL', ts2: '' }
    defaults: { ts1: [91], ts2: [235, 2350-2352], dial: 4400, single: true, ua_timer_min: 0, hang_time_s: 0,
                language: de_DE, ident: true, ident_tg: 9 }
    clients:
      2345002: { single: false }
      2345001: { passphrase: { env: PASS }, ts2: [], dial: 0, map: [{ slot: 2, rf_tg: 8, conference_tg: 2350 }] }
policy: { first_call: activate_only, busy_join: contend, tg4000_unlinks: false, single_suspends_statics: false,
          late_entry_options: legacy, mapped_alias: drop, self_other_slot: true }
runtime: { receive_buffer: 65536, send_buffer: 131072, log: { format: compat, file: ragchew.log } }
",
    );
    assert!(plan.warnings.is_empty() && !plan.built_in);
    let listener = &plan.config.listeners[0];
    assert_eq!((listener.max_clients, listener.passphrase.expose()), (5, &b"0123"[..]));
    let acl = &listener.acl;
    assert!(!acl.enabled && acl.register.admits(235) && !acl.register.admits(236) && !acl.subscriber.admits(7));
    assert!(!acl.talkgroups[0].admits(91) && acl.talkgroups[1].admits(91));
    let d = &listener.defaults;
    assert_eq!(d.statics, [vec![RfTg(91)], [235, 2350, 2351, 2352].map(RfTg).to_vec()]);
    assert_eq!((d.dial, d.single, d.ident, d.ident_tg), (Some(ConferenceTg(4400)), true, true, Some(RfTg(9))));
    assert_eq!((d.ua_timer, d.hang_time), (UaTimer::from_minutes(0), Span(0)));
    assert_eq!(d.language.name(), "de_DE");
    let one = listener.client(ClientId(2_345_001)).unwrap();
    assert_eq!((one.statics.clone(), one.dial, one.single), ([None, Some(vec![])], Some(None), None));
    assert_eq!(one.map, [TgMap { slot: Slot::Two, rf_tg: RfTg(8), conference: ConferenceTg(2350) }]);
    assert_eq!(listener.passphrase_of(ClientId(2_345_001)).expose(), b"from-env");
    assert_eq!(listener.client(ClientId(2_345_002)).unwrap().single, Some(false));
    let p = &plan.config.policy;
    assert_eq!((p.first_call, p.busy_join), (FirstCall::ActivateOnly, BusyJoin::Contend));
    assert_eq!((p.late_entry_options, p.mapped_alias), (0x20, MappedAlias::Drop));
    assert!(!p.tg4000_unlinks && !p.single_suspends_statics && p.self_other_slot);
    let r = &plan.runtime;
    assert_eq!((r.receive_buffer, r.send_buffer), (Some(65_536), Some(131_072)));
    assert_eq!((r.log_format, r.log_file.as_deref()), (Format::Compat, Some(Path::new("./ragchew.log"))));
}

#[test]
fn what_a_file_leaves_out_is_as_the_core_has_it() {
    let plan = good(MINIMAL);
    let (ours, cores) = (&plan.config.listeners[0].defaults, Defaults::default());
    assert_eq!(format!("{ours:?}"), format!("{cores:?}"));
    assert_eq!(format!("{:?}", plan.config.policy), format!("{:?}", Policy::default()));
    assert_eq!(format!("{:?}", plan.config.listeners[0].acl), format!("{:?}", ListenerAcl::default()));
    assert_eq!(Language::default().name(), "en_GB");
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file_each_with_its_place() {
    let text = "
servers: {}
listeners:
  - name: a
    bind: 127.0.0.1:62031
    passphrase: hush-hush
    max_clents: 5
    acl: { ts1: 'ALLOW:1' }
    defaults:
      ts2: [235, 9990, x]
      single: yes
  - name: a
    bind: ['127.0.0.1:62031', 'localhost']
policy: { first_call: maybe }
";
    assert_eq!(
        errors(text),
        [
            "f:2:1: servers: unknown key; did you mean server?",
            "f:7:5: listeners[0].max_clents: unknown key; did you mean max_clients?",
            "f:8:17: listeners[0].acl.ts1: an ACL begins with PERMIT: or DENY:, not \"ALLOW\"",
            "f:10:18: listeners[0].defaults.ts2[1]: 9990 may not be static: 0-9, 9990-9999 and numbers above 16777214 may not",
            "f:10:24: listeners[0].defaults.ts2[2]: expected a talkgroup or a range such as 2350-2359, found \"x\"",
            "f:11:15: listeners[0].defaults.single: expected true or false, found yes",
            "f:12:5: listeners[1].passphrase: missing; expected a text, { file: PATH } or { env: NAME }",
            "f:12:11: listeners[1].name: the listener in line 4 has this name already",
            "f:13:12: listeners[1].bind[0]: 127.0.0.1:62031 is already taken by 127.0.0.1:62031 in line 5",
            "f:13:31: listeners[1].bind[1]: expected ADDRESS:PORT such as \"0.0.0.0:62031\" or \"[::]:62031\", or a list of \
             at most 16 of them, found the text \"localhost\"",
            "f:14:23: policy.first_call: expected pass or activate_only, found maybe",
        ]
    );
}

#[test]
fn what_later_sections_will_be_is_unknown_today() {
    assert!(errors("links: []\n")[0].starts_with("f:1:1: links: unknown key; known here: server, listeners"));
}

#[test]
fn a_name_with_characters_that_people_cannot_see_is_refused_and_not_repeated() {
    let hidden = errors("listeners:\n  - name: \"a\u{202e}b\"\n    bind: 127.0.0.1:62031\n    passphrase: hush-hush\n");
    assert!(hidden.len() == 1 && hidden[0].contains("listeners[0].name: expected"), "{hidden:?}");
    assert!(!hidden[0].contains('\u{202e}'), "{hidden:?}");
}

#[test]
fn what_is_no_yaml_is_one_error_with_its_place() {
    let found = errors("listeners:\n  - name: [a\n    bind: x\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("f:3:"), "{found:?}");
    assert_eq!(
        errors("- a\n"),
        ["f:1:1: expected a mapping with the keys server, listeners, policy, reporting, runtime, found a list"]
    );
}

#[test]
fn a_key_that_stands_twice_is_an_error_at_the_second() {
    let found = errors(&with("max_clients: 5\nmax_clients: 6"));
    assert_eq!(found, ["f:6:5: listeners[0].max_clients: this key stands here twice"]);
}

#[test]
fn numbers_outside_their_range_and_in_other_forms_are_refused() {
    for value in ["0", "65537", "'5'", "05", "5.0", "-1", "0x10", "~", "[5]", "99999999999999999999"] {
        let found = errors(&with(&format!("max_clients: {value}")));
        assert_eq!(found.len(), 1, "{value}");
        let wanted = "f:5:18: listeners[0].max_clients: expected a whole number from 1 to 65536, found ";
        assert!(found[0].starts_with(wanted), "{found:?}");
    }
    assert!(errors("server: { id: 123 }\n")[0].contains("a server ID of 4 to 7 digits, found 123"));
    assert!(errors(&with("defaults: { ua_timer_min: 35791395 }"))[0].contains("found 35791395"));
}

#[test]
fn statics_are_limited_ordered_and_never_control_numbers() {
    let statics = |list: &str| errors(&with(&format!("defaults: {{ ts1: {list} }}")));
    assert!(statics("[100-164]")[0].contains("100-164 names more than 64 talkgroups"));
    assert!(statics("[100-160, 200-205]")[0].contains("67 talkgroups; at most 64"));
    assert!(statics("[9985-9991]")[0].contains("9990 may not be static"));
    assert!(statics("[7]")[0].contains("7 may not be static"));
    assert!(statics("[16777215]")[0].contains("may not be static"));
    assert!(statics("[20-10]")[0].contains("expected a talkgroup or a range"));
    assert!(statics("235")[0].contains("expected a list of at most 64 talkgroups"));
    let plan = good(&with("defaults: { ts1: [100-163] }"));
    assert_eq!(plan.config.listeners[0].defaults.statics[0].len(), 64);
    assert!(said(&good(&with("defaults: { ts1: [235, 235] }")).warnings)[0].contains("235 stands in this list twice"));
}

#[test]
fn a_default_reflector_is_a_number_that_may_be_dialled() {
    for wrong in ["9", "4000", "5000", "9991", "1000000"] {
        let found = errors(&with(&format!("defaults: {{ dial: {wrong} }}")));
        assert!(found[0].ends_with(&format!("found {wrong}")), "{found:?}");
    }
    assert_eq!(good(&with("defaults: { dial: 9990 }")).config.listeners[0].defaults.dial, Some(ConferenceTg(9990)));
}

#[test]
fn clients_have_ids_in_range_and_stand_once() {
    let found = errors(&with("clients:\n  0: {}\n  4294967295: {}\n  x: {}\n  2345001: {}\n  2345001: {}"));
    assert_eq!(
        found,
        [
            "f:6:7: listeners[0].clients.0: expected a client ID from 1 to 4294967294",
            "f:7:7: listeners[0].clients.4294967295: expected a client ID from 1 to 4294967294",
            "f:8:7: listeners[0].clients.x: expected a client ID from 1 to 4294967294",
            "f:10:7: listeners[0].clients.2345001: this client stands already in line 9",
        ]
    );
}

#[test]
fn maps_have_numbers_in_range_and_map_a_talkgroup_once() {
    let maps = |list: &str| errors(&with(&format!("clients: {{ 2345001: {{ map: [{list}] }} }}")));
    assert!(maps("{ slot: 3, rf_tg: 8, conference_tg: 91 }")[0].contains("slot: expected 1 or 2, found 3"));
    assert!(maps("{ slot: 1, rf_tg: 0, conference_tg: 91 }")[0].contains("rf_tg: expected a talkgroup"));
    assert!(maps("{ slot: 1, rf_tg: 9, conference_tg: 91 }")[0].contains("rf_tg: expected a talkgroup"));
    assert!(maps("{ slot: 1, rf_tg: 8, conference_tg: 9990 }")[0].contains("conference_tg: expected a conference"));
    assert!(maps("{ slot: 1, rf_tg: 8, conference_tg: 16776416 }")[0].contains("conference_tg: expected"));
    assert!(maps("{ slot: 1, rf_tg: 8 }")[0].contains("conference_tg: missing"));
    let twice = maps("{ slot: 1, rf_tg: 8, conference_tg: 91 }, { slot: 1, rf_tg: 8, conference_tg: 92 }");
    assert!(twice[0].contains("map[1]: talkgroup 8 on slot 1 is already mapped in line 5"), "{twice:?}");
    assert!(maps("{ slot: 1, rf_tg: 8, conference_tg: 91 }, { slot: 2, rf_tg: 8, conference_tg: 91 }").is_empty());
}

#[test]
fn addresses_that_take_each_others_port_are_refused_and_the_two_families_are_apart() {
    let bind = |list: &str| errors(&MINIMAL.replace("127.0.0.1:62031", list));
    assert!(bind("['0.0.0.0:1', '127.0.0.1:1']")[0].contains("127.0.0.1:1 is already taken by 0.0.0.0:1 in line 3"));
    assert!(bind("['[::1]:1', '[::]:1']")[0].contains("already taken"));
    assert!(bind("['0.0.0.0:1', '[::]:1', '127.0.0.1:2', '127.0.0.2:2']").is_empty());
    assert!(bind("[]")[0].contains("expected ADDRESS:PORT"));
    assert!(bind("'[::ffff:127.0.0.1]:1'")[0].contains("write it as IPv4"));
    assert!(bind("'224.0.0.1:1'")[0].contains("not an address"));
    assert!(bind("'1.2.3.4'")[0].contains("expected ADDRESS:PORT"));
}

#[test]
fn warnings_do_not_stop_anything() {
    let text = with("defaults: { language: xx_XX }").replace("hush-hush", "passw0rd");
    let plan = good(&text);
    let lines = said(&plan.warnings);
    assert!(
        lines[0].starts_with("f:4:17: warning: listeners[0].passphrase: this passphrase stands in sample"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("f:5:27: warning: listeners[0].defaults.language: no language"), "{lines:?}");
    assert_eq!(plan.config.listeners[0].defaults.language.name(), "en_GB");
    assert!(said(&good(&MINIMAL.replace("hush-hush", "''")).warnings)[0].contains("any client may log in"));
}

#[test]
fn a_passphrase_file_is_one_line_and_ought_to_be_private() {
    let dir = scratch("secret");
    let text = MINIMAL.replace("hush-hush", "{ file: secret }");
    let read_it = || read(&text, &around(&dir), &mut Numbers::default());
    assert!(said(&read_it().unwrap_err())[0].starts_with("f:4:17: listeners[0].passphrase: the passphrase file "));
    fs::write(dir.join("secret"), "tell nobody\r\n").unwrap();
    fs::set_permissions(dir.join("secret"), Permissions::from_mode(0o644)).unwrap();
    let plan = read_it().unwrap();
    assert_eq!(plan.config.listeners[0].passphrase.expose(), b"tell nobody");
    assert!(said(&plan.warnings)[0].contains("readable by everyone; chmod 600"));
    fs::set_permissions(dir.join("secret"), Permissions::from_mode(0o600)).unwrap();
    assert!(read_it().unwrap().warnings.is_empty());
    fs::write(dir.join("secret"), "two\nlines\n").unwrap();
    assert!(said(&read_it().unwrap_err())[0].contains("expected one line"));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_passphrase_in_a_file_that_everyone_can_read_is_warned_of() {
    let dir = scratch("mode");
    let path = dir.join("ragchew.yaml");
    fs::write(&path, MINIMAL).unwrap();
    let warnings = |mode| {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let source = Source::File(path.clone());
        said(&load(&source, &around(source.base()), &mut Numbers::default()).unwrap().warnings)
    };
    assert!(warnings(0o644)[0].contains("f:4:17: warning: a passphrase stands here"));
    assert!(warnings(0o640).is_empty());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn no_message_and_no_debug_output_shows_a_passphrase() {
    let secret = "TopSecret77";
    for form in [
        "{ TopSecret77 }",
        "{ fiel: TopSecret77 }",
        "{ TopSecret77: x, file: y }",
        "{ file: [TopSecret77] }",
        "[TopSecret77]",
        "[[TopSecret77]]",
        "{ env: x, TopSecret77: x }",
    ] {
        let found = errors(&MINIMAL.replace("hush-hush", form));
        assert_eq!(found.len(), 1, "{form}");
        assert!(found[0].ends_with("expected a text, { file: PATH } or { env: NAME }"), "{found:?}");
    }
    let broken = MINIMAL.replace("hush-hush", "TopSecret77")
        + "    max_clients: 0\n    clients: { 1: { passphrase: [TopSecret77] } }\n";
    assert!(!errors(&broken).concat().contains(secret));
    for syntax in ["\"TopSecret77", "'TopSecret77", "&TopSecret77 x", "*TopSecret77", "!TopSecret77 x", "{TopSecret77"]
    {
        let found = errors(&MINIMAL.replace("hush-hush", syntax)).concat();
        assert!(!found.is_empty() && !found.contains(secret), "{found}");
    }
    let plan = good(&MINIMAL.replace("hush-hush", secret));
    assert!(!format!("{plan:?}").contains(secret));
}

#[test]
fn a_file_of_nothing_but_errors_is_not_read_to_its_end() {
    let more = |text: &str| {
        let found = errors(text);
        assert_eq!(found.len(), 1_001);
        found.last().unwrap().split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap()
    };
    assert!(more(&"server: {}\n".repeat(50_000)) < 10);
    assert!(more(&with(&("clients:\n".to_owned() + &"  x: {}\n".repeat(50_000)))) < 10);
}

#[test]
fn twenty_thousand_clients_fit_into_a_file_and_what_is_larger_than_4_mib_is_refused() {
    let client =
        |n: u32| format!("  {}: {{ passphrase: a-passphrase-of-its-own, ts2: [235, 2350-2359] }}\n", 2_340_000 + n);
    let text = with(&("clients:\n".to_owned() + &(0..20_000).map(client).collect::<String>()));
    assert_eq!(good(&text).config.listeners[0].clients.len(), 20_000);
    assert!(errors(&format!("#{}", "x".repeat(4 << 20)))[0].contains("larger than 4 MiB"));
}

#[test]
fn a_passphrase_in_the_wrong_place_is_not_shown() {
    let misplaced = [
        with("clients: { 2345001: s3cret-client }"),
        with("clients: s3cret-client"),
        with("clients: { 2345001:s3cret-client }"),
        with("clients: { s3cret }"),
        with("clients: { 2345001: { map: [s3cret-client] } }"),
        with("clients: { 2345001: { map: s3cret-client } }"),
        with("acl: s3cret-acl"),
        MINIMAL.replace("passphrase: hush-hush", "defaults: s3cret"),
        "listeners: s3cret\n".to_owned(),
        "listeners: [s3cret]\n".to_owned(),
        "listeners: [{ name: a, bind: '127.0.0.1:1', passphrase:s3cret-flow }]\n".to_owned(),
        "listeners: [{ name: a, bind: '127.0.0.1:1', passphrase=s3cret-flow }]\n".to_owned(),
        "listeners: [{ name: a, bind: '127.0.0.1:1', passphrase: hush,s3cret }]\n".to_owned(),
        "listeners: [{ name: a, bind: '127.0.0.1:1', passphrase s3cret-flow }]\n".to_owned(),
        MINIMAL.replace("hush-hush", "{ env: s3cret }"),
        MINIMAL.replace("hush-hush", "{ file: s3cret }"),
    ];
    for text in misplaced {
        let found = errors(&text).concat();
        assert!(!found.is_empty() && !found.contains("s3cret"), "{text}{found}");
    }
}

#[test]
fn a_missing_space_behind_a_key_is_named() {
    let found = errors("listeners: [{ name: a, bind: '127.0.0.1:1', passphrase:hush }]\n");
    let wanted = "f:1:45: listeners[0].passphrase: unknown key; a colon and a space belong between a key and its value";
    assert!(found.iter().any(|line| line == wanted), "{found:?}");
}

#[test]
fn listeners_and_addresses_keep_their_numbers_over_a_reload_and_a_refused_one_takes_none() {
    let file = |names: &[(&str, u16)]| {
        let one = |(name, port): &(&str, u16)| {
            format!("- {{ name: {name}, bind: '127.0.0.1:{port}', passphrase: hush-hush }}\n")
        };
        format!("listeners:\n{}", names.iter().map(one).collect::<String>())
    };
    let mut numbers = Numbers::default();
    let mut ids = |text: &str| {
        let plan = read(text, &around(Path::new(".")), &mut numbers).map_err(drop)?;
        Ok(plan.config.listeners.iter().map(|l| (l.id, l.sockets[0].0)).collect::<Vec<_>>())
    };
    assert_eq!(ids(&file(&[("a", 1), ("b", 2)])), Ok(vec![(ListenerId(0), 0), (ListenerId(1), 1)]));
    assert_eq!(ids(&(file(&[("x", 7), ("y", 8)]) + "polcy: {}\n")), Err(()));
    assert_eq!(ids(&file(&[("c", 3), ("b", 1)])), Ok(vec![(ListenerId(2), 2), (ListenerId(1), 0)]));
    assert_eq!(ids(&file(&[("a", 2)])), Ok(vec![(ListenerId(0), 1)]));
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_error() {
    let source = Source::File("/nonexistent/ragchew.yaml".into());
    let found = load(&source, &around(source.base()), &mut Numbers::default()).unwrap_err();
    assert!(said(&found)[0].starts_with("f: the file cannot be read: "), "{found:?}");
    let dir = scratch("bytes");
    let path = dir.join("ragchew.yaml");
    fs::write(&path, b"server: {}\n# \xff\n").unwrap();
    let source = Source::File(path);
    let found = load(&source, &around(source.base()), &mut Numbers::default()).unwrap_err();
    assert_eq!(said(&found), ["f:2:1: this line is not UTF-8"]);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_passphrase_that_cannot_be_generated_stops_the_start() {
    let generated = || Err("no place".to_owned());
    let around = Surroundings { base: Path::new("."), env: &env, generated: &generated };
    assert_eq!(said(&read("", &around, &mut Numbers::default()).unwrap_err()), ["f: no place"]);
}

#[test]
fn the_example_of_the_manual_is_accepted_without_a_warning() {
    let plan = good(include_str!("../../../../docs/ragchew.example.yaml"));
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert_eq!(plan.config.listeners[0].clients.len(), 2);
}

#[test]
fn damaged_files_are_refused_or_read_and_never_break_the_reader() {
    let example = include_str!("../../../../docs/ragchew.example.yaml");
    let lines: Vec<&str> = example.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let text = lines.join("\n");
    let mut outcomes = [0; 2];
    let mut count = |damaged: &str| outcomes[usize::from(try_read(damaged).is_ok())] += 1;
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).step_by(5).collect();
    for &at in &places {
        let (before, rest) = text.split_at(at);
        let after: String = rest.chars().skip(1).collect();
        count(before);
        for wedge in ["", ":", " ", "\n", "\t", "\"", "[", "}", "-", "&", "*", "|", "%", "\u{0}", "\u{feff}", "9", "ü"]
        {
            count(&format!("{before}{wedge}{after}"));
        }
    }
    assert!(outcomes.iter().all(|&n| n > 300), "{outcomes:?}");
}

#[test]
fn writing_down_the_defaults_of_the_manual_changes_nothing() {
    let value = |key: &keys::Key| match key.default {
        "none" | "all call" | "chosen by the server" | "standard output" | "required" | "see its keys" => None,
        default if default.contains("in the state directory") || default == "that of runtime" => None,
        default => Some(format!("{}: {}, ", key.name, default)),
    };
    let all = |section: &keys::Section| section.keys.iter().filter_map(value).collect::<String>();
    let listener = format!(
        "{}acl: {{ {} }}\ndefaults: {{ {} }}\n",
        all(&keys::LISTENER).replace(", ", "\n"),
        all(&keys::ACL),
        all(&keys::DEFAULTS)
    );
    let text = format!(
        "{}server: {{ {} }}\npolicy: {{ {} }}\nreporting: {{ sql: {{ {} }} }}\n\
         runtime: {{ {} log: {{ {} }}, health: {{ {} }}, restart: {{ {} }}, control: {{ {} }} }}\n",
        with(&listener),
        all(&keys::SERVER),
        all(&keys::POLICY),
        all(&keys::SQL),
        all(&keys::RUNTIME),
        all(&keys::LOG),
        all(&keys::HEALTH),
        all(&keys::RESTART),
        all(&keys::CONTROL)
    );
    for line in ["max_clients: 10000", "first_call: pass", "keep_days: 90", "max_busy: 0.98", "mode: \"0600\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (short, long) = (good(MINIMAL), good(&text));
    assert_eq!(format!("{:?}", short.config), format!("{:?}", long.config));
    assert_eq!(short.runtime, long.runtime);
}
