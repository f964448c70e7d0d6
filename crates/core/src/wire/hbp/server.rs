//! What a server sends to a client. Owns the byte table of the answers; never decides which one is due. Also read by test
//! clients, replay and peer mode. Source: `wire.md` 1.1-1.7, 2.1.

use super::client::{TRUNKING, TRUNKING_CONTROL, client_in, put_front};
use super::dmrd::{self, DmrdView};
use super::login::SALT_LENGTH;
use super::rare::{self, BeaconRequest};
use crate::id::ClientId;
use crate::wire::{MAX_DATAGRAM, Malformed, Writer, array_at};

/// RPTACK: opcode, then salt or id4; nothing from xlxd.
pub const ACK: &[u8; 6] = b"RPTACK";
/// MSTNAK: opcode, id4; no ID from xlxd.
pub const NAK: &[u8; 6] = b"MSTNAK";
/// MSTPONG: opcode, id4.
pub const PONG: &[u8; 7] = b"MSTPONG";
/// MSTCL: opcode, id4; no ID from xlxd and the FreeDMR proxy.
pub const CLOSE: &[u8; 5] = b"MSTCL";

/// A message from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// RPTACK. After RPTL its four octets are the salt, else the client's ID: only the state of the login tells.
    Ack(Option<[u8; SALT_LENGTH]>),
    /// MSTNAK: refusal.
    Nak(Option<ClientId>),
    /// MSTPONG: answer to a ping. xlxd sends the ID with its octets reversed.
    Pong(ClientId),
    /// MSTCL: the server ends the session.
    Close(Option<ClientId>),
    /// RPTSBKN: wish for a beacon.
    Beacon(BeaconRequest),
    /// DMRD: a burst.
    Frame(DmrdView<'a>),
    /// Message of the trunking dialect, the whole datagram: not supported.
    Trunking(&'a [u8]),
}

impl<'a> ServerMessage<'a> {
    /// The answer to RPTL.
    pub const fn challenge(salt: [u8; SALT_LENGTH]) -> Self {
        Self::Ack(Some(salt))
    }

    /// The answer to RPTK, RPTC and RPTO.
    pub const fn acknowledge(client: ClientId) -> Self {
        Self::Ack(Some(client.to_bytes()))
    }

    /// Reads one datagram.
    ///
    /// # Errors
    /// What [`Malformed`] says; the bare MSTCL of 5 octets and xlxd's answers of 6 are legible.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_DATAGRAM {
            return Err(Malformed::TooLong);
        }
        if bytes.len() < CLOSE.len() {
            return Err(Malformed::TooShort);
        }
        if bytes.starts_with(dmrd::OPCODE) {
            return DmrdView::parse(bytes).map(Self::Frame);
        }
        if bytes.starts_with(ACK) {
            return optional(bytes, ACK.len(), Malformed::AckLength).map(|id| Self::Ack(id.map(ClientId::to_bytes)));
        }
        if bytes.starts_with(NAK) {
            return optional(bytes, NAK.len(), Malformed::NakLength).map(Self::Nak);
        }
        if bytes.starts_with(PONG) {
            return client_in(bytes, 7, 11, Malformed::PongLength).map(Self::Pong);
        }
        if bytes.starts_with(CLOSE) {
            return optional(bytes, CLOSE.len(), Malformed::CloseLength).map(Self::Close);
        }
        if bytes.starts_with(rare::BEACON) {
            return BeaconRequest::parse(bytes).map(Self::Beacon);
        }
        if bytes.starts_with(TRUNKING_CONTROL) || bytes.starts_with(TRUNKING) {
            return Ok(Self::Trunking(bytes));
        }
        Err(Malformed::UnknownOpcode)
    }

    /// Writes the datagram and gives the part of `buffer` that it takes. A frame always has 55 octets.
    pub fn emit<'b>(&self, buffer: &'b mut [u8; MAX_DATAGRAM]) -> &'b [u8] {
        let out = Writer::new(buffer);
        let out = match self {
            Self::Ack(octets) => out.put(ACK).put(octets.as_ref().map_or(&[], |octets| octets)),
            Self::Nak(client) => put_optional(out.put(NAK), *client),
            Self::Pong(client) => out.put(PONG).put(&client.to_bytes()),
            Self::Close(client) => put_optional(out.put(CLOSE), *client),
            Self::Beacon(request) => put_front(out, request.emit()),
            Self::Frame(view) => out.put(&view.to_frame()),
            Self::Trunking(bytes) => out.put(bytes),
        };
        out.finish()
    }
}

/// Nothing or an id4 after an opcode.
fn optional(bytes: &[u8], opcode: usize, wrong: Malformed) -> Result<Option<ClientId>, Malformed> {
    if bytes.len() == opcode {
        return Ok(None);
    }
    let id = array_at(bytes, opcode).filter(|_| bytes.len() == opcode + 4).ok_or(wrong)?;
    Ok(Some(ClientId::from_bytes(*id)))
}

fn put_optional(out: Writer<'_>, client: Option<ClientId>) -> Writer<'_> {
    match client {
        Some(client) => out.put(&client.to_bytes()),
        None => out,
    }
}
