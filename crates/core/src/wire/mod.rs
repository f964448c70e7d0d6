//! Datagram formats: one room per protocol, each a byte table, a checked view that cannot panic, and a plain struct that
//! round-trips. Owns bytes; never keeps state and never decides what a message is worth. Source: `wire.md` 0-6.

use core::fmt;
use core::ops::Range;

pub mod bridge_control;
pub mod fbp;
pub mod hbp;
pub mod mac;
pub mod openbridge;
#[cfg(test)]
pub(crate) mod vectors;

/// Largest datagram that is looked at, in octets; a longer one is dropped (`wire.md` 6, input limits).
pub const MAX_DATAGRAM: usize = 512;
/// Smallest datagram that may be answered, in octets (`wire.md` 6, input limits and trap 36).
pub const MIN_DATAGRAM: usize = 8;

macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident => $name:literal,)*) => {
        /// Why a datagram is no message. Anything malformed changes no state; it is counted by [`Malformed::index`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Malformed {
            $($(#[$meta])* $variant,)*
        }

        impl Malformed {
            /// Every reason, in the order of [`Malformed::index`].
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// How many reasons there are: the size of a table of counters.
            pub const COUNT: usize = Self::ALL.len();

            /// Stable name in snake case, for counters and logs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reasons! {
    /// Under [`MIN_DATAGRAM`], or a DMRD under 53 octets.
    TooShort => "too_short",
    /// Over [`MAX_DATAGRAM`].
    TooLong => "too_long",
    /// The first octets name no message of this protocol and direction.
    UnknownOpcode => "unknown_opcode",
    /// RPTL that is not 8 octets.
    LoginLength => "login_length",
    /// RPTK that is not 40 octets.
    AnswerLength => "answer_length",
    /// RPTC under 98 octets.
    ConfigLength => "config_length",
    /// RPTCL that is not 9 octets, or MSTCL that is neither 5 nor 9.
    CloseLength => "close_length",
    /// RPTO too short for an id.
    OptionsLength => "options_length",
    /// RPTPING that is not 11 octets.
    PingLength => "ping_length",
    /// DMRD of 54, 56 to 70, or more than 71 octets.
    FrameLength => "frame_length",
    /// DMRA that is neither 15 nor 19 octets.
    TalkerAliasLength => "talker_alias_length",
    /// DMRA with a block number above 3.
    TalkerAliasBlock => "talker_alias_block",
    /// DMRG that is neither 14 nor 18 octets.
    GpsLength => "gps_length",
    /// RPTG that is not 25 octets.
    PositionLength => "position_length",
    /// RPTRSSI outside 18 to 25 octets.
    RssiLength => "rssi_length",
    /// RPTINTR that is neither 13 nor 17 octets.
    InterruptLength => "interrupt_length",
    /// RPTSBKN that is neither 11 nor 15 octets.
    BeaconLength => "beacon_length",
    /// DMRC that is not 119 octets.
    LocalConfigLength => "local_config_length",
    /// PRBL too short for an id.
    BlacklistLength => "blacklist_length",
    /// RPTACK that is neither 6 nor 10 octets.
    AckLength => "ack_length",
    /// MSTNAK that is neither 6 nor 10 octets.
    NakLength => "nak_length",
    /// MSTPONG that is not 11 octets.
    PongLength => "pong_length",
    /// An id that should be eight hexadecimal digits is not.
    HexId => "hex_id",
    /// A slot that should be `:1` or `:2` is not.
    SlotText => "slot_text",
    /// OpenBridge DMRD that is not 73 octets.
    OpenBridgeLength => "open_bridge_length",
    /// DMRE that is neither 85 nor 89 octets, or DMRF that is not 78.
    FbpLength => "fbp_length",
    /// DMRE with a version that its length cannot have.
    FbpVersion => "fbp_version",
    /// BC.. that is none of the known messages.
    BridgeControlOpcode => "bridge_control_opcode",
    /// BC.. whose length is not the one of its opcode.
    BridgeControlLength => "bridge_control_length",
}

impl Malformed {
    /// Position in [`Malformed::ALL`], below [`Malformed::COUNT`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for Malformed {}

/// The `N` octets from `at`, if all of them are there.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

/// As much of `range` as is there: a missing field is empty, one that is cut gives what remains.
pub(crate) fn part(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range.start..range.end.min(bytes.len())).unwrap_or_default()
}

/// Fills a datagram from its start; what does not fit is left out.
pub(crate) struct Writer<'b> {
    buffer: &'b mut [u8; MAX_DATAGRAM],
    len: usize,
}

impl<'b> Writer<'b> {
    pub(crate) fn new(buffer: &'b mut [u8; MAX_DATAGRAM]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) fn put(mut self, bytes: &[u8]) -> Self {
        let room = self.buffer.get_mut(self.len..).unwrap_or_default();
        self.len += room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self
    }

    pub(crate) fn finish(self) -> &'b [u8] {
        part(self.buffer, 0..self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_index_a_table_and_have_distinct_names() {
        for (at, reason) in Malformed::ALL.iter().enumerate() {
            assert_eq!(reason.index(), at);
        }
        let names: std::collections::BTreeSet<_> = Malformed::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), Malformed::COUNT);
    }

    #[test]
    fn a_writer_leaves_out_what_does_not_fit() {
        let mut buffer = [0; MAX_DATAGRAM];
        let written = Writer::new(&mut buffer).put(&[1; 510]).put(&[2; 5]).put(&[3]).finish();
        assert_eq!((written.len(), written.last()), (MAX_DATAGRAM, Some(&2)));
    }
}
