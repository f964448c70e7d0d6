//! The golden vectors under `testdata/`. Reads them once; changes nothing.

use super::coding::Burst;
use std::collections::BTreeMap;
use std::sync::OnceLock;

fn all() -> &'static BTreeMap<String, serde_json::Value> {
    static ALL: OnceLock<BTreeMap<String, serde_json::Value>> = OnceLock::new();
    ALL.get_or_init(|| {
        let text = include_str!("../../../../testdata/vectors.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let list = file["vectors"].as_array().unwrap();
        list.iter().map(|vector| (vector["id"].as_str().unwrap().to_owned(), vector.clone())).collect()
    })
}

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The bytes of vector `id`.
pub(crate) fn hex(id: &str) -> Vec<u8> {
    bytes(all()[id]["hex"].as_str().unwrap())
}

/// The link control that vector `id` codes.
pub(crate) fn lc(id: &str) -> [u8; 9] {
    bytes(all()[id]["lc"].as_str().unwrap()).try_into().unwrap()
}

/// The burst in the DMRD vector `id`.
pub(crate) fn burst(id: &str) -> Burst {
    hex(id)[20..53].try_into().unwrap()
}
