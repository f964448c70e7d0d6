//! DMRD offsets.
/// Offset of the client ID.
pub const CLIENT: usize = 11;
/// Offset of the bits byte.
pub const BITS: usize = 15;
/// Slot bit.
pub const SLOT_BIT: u8 = 0x80;
