//! Loads `testdata/vectors.json` for the tests of this crate.

use super::hbp::dmrd::{self, Dmrd};
use super::mac::LinkKey;
use proptest::prelude::*;
use serde_json::Value;

const FILE: &str = include_str!("../../../../testdata/vectors.json");

/// One entry: its id, its bytes and everything else that it says.
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) entry: Value,
}

impl Vector {
    /// A member that is hexadecimal text.
    pub(crate) fn hex(&self, member: &str) -> Vec<u8> {
        unhex(self.entry[member].as_str().unwrap_or_else(|| panic!("{}: no {member}", self.id)))
    }
}

/// All vectors of a kind, in the order of the file.
pub(crate) fn of_kind(kind: &str) -> Vec<Vector> {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let all = file["vectors"].as_array().unwrap().iter();
    all.filter(|entry| entry["kind"] == kind)
        .map(|entry| Vector {
            id: entry["id"].as_str().unwrap().to_owned(),
            bytes: unhex(entry["hex"].as_str().unwrap()),
            entry: entry.clone(),
        })
        .collect()
}

/// The bytes of the vector with this kind and id.
pub(crate) fn bytes_of(kind: &str, id: &str) -> Vec<u8> {
    of_kind(kind).into_iter().find(|vector| vector.id == id).unwrap_or_else(|| panic!("no vector {id}")).bytes
}

/// The key of a vector of the OpenBridge family: already padded, which padding does not change.
pub(crate) fn key_of(vector: &Vector) -> LinkKey {
    LinkKey::legacy(&vector.hex("key_hex"))
}

/// Any frame that emitting does not change.
pub(crate) fn any_frame() -> impl Strategy<Value = Dmrd> {
    proptest::collection::vec(any::<u8>(), dmrd::LENGTH).prop_map(|mut bytes| {
        bytes[..4].copy_from_slice(dmrd::OPCODE);
        Dmrd::parse(&bytes).unwrap()
    })
}

/// Hexadecimal text as bytes.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
