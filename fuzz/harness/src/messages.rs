//! Names of the message kinds, so that a check can say which of them the corpora reach. Decides nothing else.

use ragchew_core::wire::hbp::{ClientMessage, Local, Proxy, ServerMessage};

/// Every kind of client message; `true` where a server takes part in it, so that a running client's is accepted.
pub const CLIENT_KINDS: [(&str, bool); 18] = [
    ("RPTL", true),
    ("RPTK", true),
    ("RPTC", true),
    ("RPTCL", true),
    ("RPTO", true),
    ("RPTPING", true),
    ("DMRD", true),
    ("DMRA", true),
    ("DMRG", true),
    ("RPTG", true),
    ("RPTRSSI", false),
    ("RPTINTR", false),
    ("DMRC", false),
    ("DMRP", false),
    ("DMRB", false),
    ("trunking", false),
    ("PRIN", false),
    ("PRBL", false),
];

/// The kind of a client's message.
pub fn kind_of_client(message: &ClientMessage<'_>) -> &'static str {
    match message {
        ClientMessage::Login { .. } => "RPTL",
        ClientMessage::Answer { .. } => "RPTK",
        ClientMessage::Config { .. } => "RPTC",
        ClientMessage::Close { .. } => "RPTCL",
        ClientMessage::Options { .. } => "RPTO",
        ClientMessage::Ping { .. } => "RPTPING",
        ClientMessage::Frame(_) => "DMRD",
        ClientMessage::TalkerAlias(_) => "DMRA",
        ClientMessage::Gps(_) => "DMRG",
        ClientMessage::Position(_) => "RPTG",
        ClientMessage::Rssi(_) => "RPTRSSI",
        ClientMessage::Interrupt(_) => "RPTINTR",
        ClientMessage::Local(Local::Config(_)) => "DMRC",
        ClientMessage::Local(Local::Ping) => "DMRP",
        ClientMessage::Local(Local::Beacon) => "DMRB",
        ClientMessage::Trunking(_) => "trunking",
        ClientMessage::Proxy(Proxy::Announce { .. }) => "PRIN",
        ClientMessage::Proxy(Proxy::Blacklist { .. }) => "PRBL",
    }
}

/// The kind of a server's message.
pub fn kind_of_server(message: &ServerMessage<'_>) -> &'static str {
    match message {
        ServerMessage::Ack(_) => "RPTACK",
        ServerMessage::Nak(_) => "MSTNAK",
        ServerMessage::Pong(_) => "MSTPONG",
        ServerMessage::Close(_) => "MSTCL",
        ServerMessage::Beacon(_) => "RPTSBKN",
        ServerMessage::Frame(_) => "DMRD",
        ServerMessage::Trunking(_) => "trunking",
    }
}
