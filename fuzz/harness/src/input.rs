//! Reads a fuzzer's bytes from front to back as small numbers and texts. Never fails: what is no longer there is 0.

/// A reader of arbitrary bytes.
#[derive(Clone, Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// Begins at the front.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The next octet.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }
    /// The next two, big-endian.
    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }
    /// The next `N`.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }
    /// The next `n`, or what is left.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}
