//! What a client sends to a server. Owns the order in which opcodes are tried and the byte table of the small messages;
//! knows no session. Source: `wire.md` 0, 1.1, 1.9, 4.

use core::ops::Range;

use super::config::{self, ConfigView, LocalConfigView};
use super::dmrd::{self, DmrdView};
use super::login::HASH_LENGTH;
use super::rare::{self, GpsView, Interrupt, PositionView, Rssi, TalkerAliasView};
use crate::id::ClientId;
use crate::wire::{MAX_DATAGRAM, MIN_DATAGRAM, Malformed, Writer, array_at, part};

/// RPTL: opcode, id4.
pub const LOGIN: &[u8; 4] = b"RPTL";
/// RPTK: opcode, id4, [`HASH`].
pub const ANSWER: &[u8; 4] = b"RPTK";
/// RPTCL: opcode, id4. To be tried before RPTC (`wire.md` 6, trap 8).
pub const CLOSE: &[u8; 5] = b"RPTCL";
/// RPTO: opcode, id4, [`OPTIONS_TEXT`] to the end.
pub const OPTIONS: &[u8; 4] = b"RPTO";
/// RPTPING: opcode, id4.
pub const PING: &[u8; 7] = b"RPTPING";
/// DMRP, 4 octets: ping between MMDVMHost and DMRGateway.
pub const LOCAL_PING: &[u8; 4] = b"DMRP";
/// DMRB, 4 octets: beacon between MMDVMHost and DMRGateway.
pub const LOCAL_BEACON: &[u8; 4] = b"DMRB";
/// DTC…: control messages of the trunking dialect.
pub const TRUNKING_CONTROL: &[u8; 3] = b"DTC";
/// DMRT: the other message of the trunking dialect.
pub const TRUNKING: &[u8; 4] = b"DMRT";
/// PRIN: opcode, text `host:port` from [`PROXY_ADDRESS`] to the end.
pub const PROXY_ANNOUNCE: &[u8; 4] = b"PRIN";
/// PRBL: opcode, id4, text from [`PROXY_UNTIL`] to the end.
pub const PROXY_BLACKLIST: &[u8; 4] = b"PRBL";
/// The client's ID after an opcode of four octets.
pub const CLIENT: Range<usize> = 4..8;
/// The hash in RPTK.
pub const HASH: Range<usize> = 8..40;
/// Where the text of RPTO begins.
pub const OPTIONS_TEXT: usize = 8;
/// Where the text of PRIN begins.
pub const PROXY_ADDRESS: usize = 4;
/// Where the text of PRBL begins.
pub const PROXY_UNTIL: usize = 8;

/// A message from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// RPTL: asks for a challenge.
    Login {
        /// The client's ID.
        client: ClientId,
    },
    /// RPTK: answers it.
    Answer {
        /// The client's ID.
        client: ClientId,
        /// [`super::login_hash`] of salt and passphrase.
        hash: &'a [u8; HASH_LENGTH],
    },
    /// RPTC: describes the client.
    Config {
        /// The client's ID.
        client: ClientId,
        /// The description.
        config: ConfigView<'a>,
    },
    /// RPTCL: ends the session.
    Close {
        /// The client's ID.
        client: ClientId,
    },
    /// RPTO: options.
    Options {
        /// The client's ID.
        client: ClientId,
        /// The text without trailing NULs, at most 504 octets.
        text: &'a [u8],
    },
    /// RPTPING: keepalive.
    Ping {
        /// The client's ID.
        client: ClientId,
    },
    /// DMRD: a burst.
    Frame(DmrdView<'a>),
    /// DMRA: a block of a talker alias.
    TalkerAlias(TalkerAliasView<'a>),
    /// DMRG: a position from the GPS LC.
    Gps(GpsView<'a>),
    /// RPTG: position of a mobile station.
    Position(PositionView<'a>),
    /// RPTRSSI: signal report, ignored.
    Rssi(Rssi<'a>),
    /// RPTINTR: wish to stop the incoming call.
    Interrupt(Interrupt),
    /// Message of the link between MMDVMHost and DMRGateway, ignored.
    Local(Local<'a>),
    /// Message of the trunking dialect, the whole datagram: not supported, ignored.
    Trunking(&'a [u8]),
    /// Message of the FreeDMR proxy, ignored.
    Proxy(Proxy<'a>),
}

/// What MMDVMHost sends to a DMRGateway on the same machine. A server sees it when a gateway is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local<'a> {
    /// DMRC.
    Config(LocalConfigView<'a>),
    /// DMRP.
    Ping,
    /// DMRB.
    Beacon,
}

/// What a FreeDMR proxy and its servers tell each other (`wire.md` 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy<'a> {
    /// PRIN, proxy to server: a new client.
    Announce {
        /// `host:port`, unsigned.
        address: &'a [u8],
    },
    /// PRBL, server to proxy.
    Blacklist {
        /// Whose host.
        client: ClientId,
        /// Until when: decimal Unix time, perhaps with a fraction.
        until: &'a [u8],
    },
}

/// The id4 at `at` if the datagram is `length` octets.
pub(super) fn client_in(bytes: &[u8], at: usize, length: usize, wrong: Malformed) -> Result<ClientId, Malformed> {
    array_at(bytes, at).filter(|_| bytes.len() == length).map(|id| ClientId::from_bytes(*id)).ok_or(wrong)
}

impl<'a> ClientMessage<'a> {
    /// Reads one datagram.
    ///
    /// # Errors
    /// What [`Malformed`] says; the local DMRP and DMRB are the only messages under [`MIN_DATAGRAM`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes == LOCAL_PING {
            return Ok(Self::Local(Local::Ping));
        }
        if bytes == LOCAL_BEACON {
            return Ok(Self::Local(Local::Beacon));
        }
        if bytes.len() < MIN_DATAGRAM {
            return Err(Malformed::TooShort);
        }
        if bytes.len() > MAX_DATAGRAM {
            return Err(Malformed::TooLong);
        }
        let opcode = array_at::<4>(bytes, 0).ok_or(Malformed::TooShort)?;
        match opcode {
            dmrd::OPCODE => DmrdView::parse(bytes).map(Self::Frame),
            b"RPTP" | b"RPTC" | b"RPTO" | LOGIN | ANSWER => Self::parse_session(opcode, bytes),
            _ => Self::parse_rare(opcode, bytes),
        }
    }

    fn parse_session(opcode: &[u8; 4], bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.starts_with(PING) {
            return client_in(bytes, 7, 11, Malformed::PingLength).map(|client| Self::Ping { client });
        }
        if bytes.starts_with(CLOSE) {
            return client_in(bytes, 5, 9, Malformed::CloseLength).map(|client| Self::Close { client });
        }
        match opcode {
            LOGIN => client_in(bytes, CLIENT.start, 8, Malformed::LoginLength).map(|client| Self::Login { client }),
            ANSWER => {
                let client = client_in(bytes, CLIENT.start, HASH.end, Malformed::AnswerLength)?;
                let hash = array_at(bytes, HASH.start).ok_or(Malformed::AnswerLength)?;
                Ok(Self::Answer { client, hash })
            }
            config::OPCODE => ConfigView::parse(bytes).map(|config| Self::Config { client: config.client(), config }),
            OPTIONS => {
                let client = client_in(bytes, CLIENT.start, bytes.len(), Malformed::OptionsLength)?;
                Ok(Self::Options { client, text: without_nuls(part(bytes, OPTIONS_TEXT..bytes.len())) })
            }
            _ => Err(Malformed::UnknownOpcode),
        }
    }

    fn parse_rare(opcode: &[u8; 4], bytes: &'a [u8]) -> Result<Self, Malformed> {
        match opcode {
            rare::TALKER_ALIAS => TalkerAliasView::parse(bytes).map(Self::TalkerAlias),
            rare::GPS => GpsView::parse(bytes).map(Self::Gps),
            rare::POSITION => PositionView::parse(bytes).map(Self::Position),
            b"RPTR" => Rssi::parse(bytes).map(Self::Rssi),
            b"RPTI" => Interrupt::parse(bytes).map(Self::Interrupt),
            config::local::OPCODE => LocalConfigView::parse(bytes).map(|view| Self::Local(Local::Config(view))),
            TRUNKING => Ok(Self::Trunking(bytes)),
            PROXY_ANNOUNCE => Ok(Self::Proxy(Proxy::Announce { address: part(bytes, PROXY_ADDRESS..bytes.len()) })),
            PROXY_BLACKLIST => {
                let client = client_in(bytes, CLIENT.start, bytes.len(), Malformed::BlacklistLength)?;
                Ok(Self::Proxy(Proxy::Blacklist { client, until: part(bytes, PROXY_UNTIL..bytes.len()) }))
            }
            _ if bytes.starts_with(TRUNKING_CONTROL) => Ok(Self::Trunking(bytes)),
            _ => Err(Malformed::UnknownOpcode),
        }
    }

    /// The client's ID, where the message holds one that can be told without knowing the session.
    pub fn client(&self) -> Option<ClientId> {
        match self {
            Self::Login { client }
            | Self::Answer { client, .. }
            | Self::Config { client, .. }
            | Self::Close { client }
            | Self::Options { client, .. }
            | Self::Ping { client }
            | Self::Proxy(Proxy::Blacklist { client, .. }) => Some(*client),
            Self::Frame(view) => Some(view.client()),
            Self::TalkerAlias(view) => view.client(),
            Self::Gps(view) => view.client(),
            Self::Position(view) => Some(view.client()),
            Self::Rssi(rssi) => Some(rssi.client),
            Self::Interrupt(interrupt) => Some(interrupt.client),
            Self::Local(Local::Config(view)) => Some(view.client()),
            Self::Local(Local::Ping | Local::Beacon) | Self::Trunking(_) | Self::Proxy(Proxy::Announce { .. }) => None,
        }
    }

    /// Writes the datagram and gives the part of `buffer` that it takes. Texts that do not fit are cut; what parsing
    /// left out (padding of RPTO, tails of RPTC and DMRD) is not restored.
    pub fn emit<'b>(&self, buffer: &'b mut [u8; MAX_DATAGRAM]) -> &'b [u8] {
        let out = Writer::new(buffer);
        let out = match self {
            Self::Login { client } => out.put(LOGIN).put(&client.to_bytes()),
            Self::Answer { client, hash } => out.put(ANSWER).put(&client.to_bytes()).put(*hash),
            Self::Config { config, .. } => out.put(config.bytes()),
            Self::Close { client } => out.put(CLOSE).put(&client.to_bytes()),
            Self::Options { client, text } => out.put(OPTIONS).put(&client.to_bytes()).put(text),
            Self::Ping { client } => out.put(PING).put(&client.to_bytes()),
            Self::Frame(view) => out.put(&view.to_frame()),
            Self::TalkerAlias(view) => out.put(view.bytes()),
            Self::Gps(view) => out.put(view.bytes()),
            Self::Position(view) => out.put(view.bytes()),
            Self::Rssi(rssi) => put_front(out, rssi.emit()),
            Self::Interrupt(interrupt) => put_front(out, interrupt.emit()),
            Self::Local(Local::Config(view)) => out.put(view.bytes()),
            Self::Local(Local::Ping) => out.put(LOCAL_PING),
            Self::Local(Local::Beacon) => out.put(LOCAL_BEACON),
            Self::Trunking(bytes) => out.put(bytes),
            Self::Proxy(Proxy::Announce { address }) => out.put(PROXY_ANNOUNCE).put(address),
            Self::Proxy(Proxy::Blacklist { client, until }) => {
                out.put(PROXY_BLACKLIST).put(&client.to_bytes()).put(until)
            }
        };
        out.finish()
    }
}

pub(super) fn put_front<const N: usize>(out: Writer<'_>, (bytes, len): ([u8; N], usize)) -> Writer<'_> {
    out.put(part(&bytes, 0..len))
}

const fn without_nuls(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = text {
        text = rest;
    }
    text
}
