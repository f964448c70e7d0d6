//! The DMR air interface inside the 33-byte burst: its fields and its codes. Bytes in, plain `Copy` data out; no heap,
//! no time, no state but the two assemblers. Never knows networks, talkgroups or who hears whom. Source: `wire.md` 5.
//!
//! ```
//! use ragchew_core::dmr::{ColourCode, FullLcCoding, LcCarrier, LinkControl, full_lc, header_burst};
//! use ragchew_core::id::{RadioId, RfTg};
//!
//! let lc = LinkControl::group(RfTg(91), RadioId(2_345_678));
//! let mut burst = header_burst(lc, ColourCode::ONE);
//! FullLcCoding::new(lc.with_destination(RfTg(235).to_bytes())).apply_header(&mut burst);
//! let read = full_lc::decode(burst.info(), LcCarrier::Header)?;
//! assert_eq!(read.group_destination(), Some(RfTg(235)));
//! # Ok::<(), ragchew_core::dmr::FecError>(())
//! ```

use core::fmt;

pub mod bptc;
pub mod burst;
pub mod crc;
pub mod csbk;
pub mod data_header;
pub mod emb;
pub mod embedded_lc;
pub mod full_lc;
pub mod gps_lc;
pub mod hamming;
pub mod link_control;
pub mod reed_solomon;
pub mod short_lc;
pub mod slot_type;
pub mod sync;
pub mod talker_alias;
pub mod trellis34;
#[cfg(test)]
mod vectors;

pub use burst::{Burst, InfoBits, VocoderFrame};
pub use csbk::{Csbk, CsbkOpcode};
pub use data_header::{DataFormat, DataHeader};
pub use emb::{Emb, Lcss};
pub use embedded_lc::EmbeddedLcAssembler;
pub use full_lc::{FullLcCoding, LcCarrier, header_burst, terminator_burst, voice_burst};
pub use gps_lc::{GpsInfo, PositionError};
pub use link_control::{Flco, LinkControl};
pub use short_lc::ShortLc;
pub use slot_type::{ColourCode, DataType, SlotType};
pub use sync::{SyncContent, SyncPattern, SyncSource};
pub use talker_alias::{AliasFormat, AliasText, TalkerAliasAssembler};

/// Why bits could not be read as what they should carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FecError {
    /// More bits are wrong than the code can repair.
    Uncorrectable,
    /// The code found a consistent word, but its checksum (CRC, Reed-Solomon parity, 5-bit sum) disagrees: bits beyond
    /// the code's power were wrong, or the word is of another kind (the masks differ).
    Checksum,
    /// The word is sound, but its value has no meaning in this place (a reserved data type, another opcode).
    Reserved,
}

impl fmt::Display for FecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uncorrectable => "too many bit errors to repair",
            Self::Checksum => "checksum does not match",
            Self::Reserved => "reserved value",
        })
    }
}

impl core::error::Error for FecError {}
