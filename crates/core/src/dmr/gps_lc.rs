//! GPS LC (FLCO 8): the talker's position in an embedded LC. Owns the numbers; never stores or reports them, since
//! location is personal data (`wire.md` 5.9). Integers only.

use super::{Flco, LinkControl};

/// How far off the position may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PositionError {
    /// Less than 2 m.
    Below2m = 0,
    /// Less than 20 m.
    Below20m = 1,
    /// Less than 200 m.
    Below200m = 2,
    /// Less than 2 km.
    Below2km = 3,
    /// Less than 20 km.
    Below20km = 4,
    /// Less than or equal to 200 km.
    Below200km = 5,
    /// More than 200 km.
    More = 6,
    /// Unknown, or no position.
    Unknown = 7,
}

impl PositionError {
    const fn from_low_bits(bits: u8) -> Self {
        match bits & 7 {
            0 => Self::Below2m,
            1 => Self::Below20m,
            2 => Self::Below200m,
            3 => Self::Below2km,
            4 => Self::Below20km,
            5 => Self::Below200km,
            6 => Self::More,
            _ => Self::Unknown,
        }
    }
}

/// A position as transmitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GpsInfo {
    /// How far off it may be.
    pub error: PositionError,
    /// Longitude in units of 360/2²⁵ degrees, east positive: −2²⁴ … 2²⁴ − 1.
    pub longitude: i32,
    /// Latitude in units of 180/2²⁴ degrees, north positive: −2²³ … 2²³ − 1.
    pub latitude: i32,
}

impl GpsInfo {
    /// The position of a clear, standard LC with FLCO 8.
    pub fn from_lc(lc: LinkControl) -> Option<Self> {
        if !lc.is_standard() || lc.flco() != Flco::GpsInfo {
            return None;
        }
        let [head, x0, x1, x2, y0, y1, y2] = lc.payload();
        Some(Self {
            error: PositionError::from_low_bits(head >> 1),
            longitude: sign_extend(u32::from_be_bytes([head & 1, x0, x1, x2]), 25),
            latitude: sign_extend(u32::from_be_bytes([0, y0, y1, y2]), 24),
        })
    }

    /// The LC that carries it; numbers out of range lose their high bits.
    pub const fn to_lc(self) -> LinkControl {
        let [x, x0, x1, x2] = self.longitude.to_be_bytes();
        let [_, y0, y1, y2] = self.latitude.to_be_bytes();
        let head = (self.error as u8) << 1 | x & 1;
        LinkControl::from_payload(Flco::GpsInfo, [head, x0, x1, x2, y0, y1, y2])
    }

    /// Longitude in millionths of a degree, east positive, rounded to nearest.
    pub const fn longitude_microdegrees(self) -> i32 {
        microdegrees(self.longitude)
    }

    /// Latitude in millionths of a degree, north positive, rounded to nearest.
    pub const fn latitude_microdegrees(self) -> i32 {
        microdegrees(self.latitude)
    }
}

/// Both units are 360/2²⁵ = 180/2²⁴ degrees.
const fn microdegrees(units: i32) -> i32 {
    ((units as i64 * 360_000_000 + (1 << 24)) >> 25) as i32
}

const fn sign_extend(value: u32, bits: u32) -> i32 {
    (value << (32 - bits)) as i32 >> (32 - bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_lcs_have_no_position() {
        assert_eq!(GpsInfo::from_lc(LinkControl([0; 9])), None);
        assert_eq!(GpsInfo::from_lc(LinkControl([8, 0x10, 0, 0, 0, 0, 0, 0, 0])), None);
        assert_eq!(GpsInfo::from_lc(LinkControl([0x88, 0, 0, 0, 0, 0, 0, 0, 0])), None);
    }

    #[test]
    fn the_ends_of_the_scale_are_180_and_90_degrees() {
        let info = GpsInfo { error: PositionError::Unknown, longitude: -(1 << 24), latitude: -(1 << 23) };
        assert_eq!((info.longitude_microdegrees(), info.latitude_microdegrees()), (-180_000_000, -90_000_000));
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(error in 0u8..8, longitude in -(1 << 24)..1 << 24, latitude in -(1 << 23)..1 << 23) {
            let info = GpsInfo { error: PositionError::from_low_bits(error), longitude, latitude };
            prop_assert_eq!(GpsInfo::from_lc(info.to_lc()), Some(info));
        }
    }
}
