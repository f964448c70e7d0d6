//! Descriptors that whoever started this program left open in it: they are not handed on to its workers. Owns none of them and
//! closes none. Source: design §5 (workers), proc(5), fcntl(2).

use crate::sys;
use std::fs;

/// Standard input, output and error, which every child is given anew.
const STANDARD: i32 = 2;

/// Has every descriptor but the first three closed in programs that this one starts. To be called before the first of them;
/// what is opened here later is closed there anyway. Without `/proc` nothing is done.
pub fn keep_from_children() {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|&number: &i32| number > STANDARD).for_each(sys::close_on_exec);
}
