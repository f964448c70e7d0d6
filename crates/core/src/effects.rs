//! What the core wants done, in a buffer that the shell owns and reuses. A transmit is one shared frame plus what differs
//! for its receiver. Never sends anything itself. Source: design §2 rules 4 and 11.

use crate::config::Config;
use crate::control::ControlReply;
use crate::id::{ClientId, Slot};
use crate::net::Path;
use crate::report::ReportEvent;
use crate::wire::hbp::dmrd;

/// Bytes of a frame towards clients: always with BER and RSSI (`wire.md` 1.7).
pub const FRAME_LEN: usize = 55;
/// Bytes of the longest control datagram.
pub const CONTROL_LEN: usize = 15;

/// One datagram to send. A wish: the core is not told what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The receiver, and the socket and address of ours to send from.
    pub path: Path,
    /// What to send.
    pub payload: Payload,
}

/// What a transmit carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A burst: goes into the voice ring.
    Voice {
        /// Index into the shared frames.
        frame: u32,
        /// The receiver's own ID, for bytes 11–14.
        client: ClientId,
        /// The receiver's slot, for the slot bit.
        slot: Slot,
    },
    /// An answer or a notice: goes before voice.
    Control(ControlBytes),
}

/// A short datagram by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlBytes {
    len: u8,
    bytes: [u8; CONTROL_LEN],
}

impl ControlBytes {
    /// From a message; what lies behind [`CONTROL_LEN`] bytes is cut.
    pub fn new(message: &[u8]) -> Self {
        let mut bytes = [0; CONTROL_LEN];
        let len = message.len().min(CONTROL_LEN);
        if let (Some(to), Some(from)) = (bytes.get_mut(..len), message.get(..len)) {
            to.copy_from_slice(from);
        }
        Self { len: len as u8, bytes }
    }

    /// The message.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// What came out of one or more inputs. The shell clears it after carrying it out.
#[derive(Debug, Default)]
pub struct Effects {
    frames: Vec<[u8; FRAME_LEN]>,
    transmits: Vec<Transmit>,
    events: Vec<ReportEvent>,
    // Boxed, so that what crosses to the thread that frees it is one pointer.
    #[allow(clippy::vec_box)]
    retired: Vec<Box<Config>>,
    replies: Vec<ControlReply>,
    drained: bool,
}

impl Effects {
    /// An empty buffer with room for what one busy turn needs.
    pub fn with_capacity(transmits: usize) -> Self {
        Self {
            frames: Vec::with_capacity(transmits / 4 + 16),
            transmits: Vec::with_capacity(transmits),
            events: Vec::with_capacity(256),
            retired: Vec::new(),
            replies: Vec::new(),
            drained: false,
        }
    }

    /// Datagrams to send, in order.
    pub fn transmits(&self) -> &[Transmit] {
        &self.transmits
    }

    /// What happened, in order.
    pub fn events(&self) -> &[ReportEvent] {
        &self.events
    }

    /// Answers to what was asked by [`crate::Input::Control`].
    pub fn replies(&self) -> &[ControlReply] {
        &self.replies
    }

    /// Whether the orderly end is complete: every client was told.
    pub fn drained(&self) -> bool {
        self.drained
    }

    /// Tables that were replaced, to be freed where it may take time.
    pub fn take_retired(&mut self) -> Vec<Box<Config>> {
        core::mem::take(&mut self.retired)
    }

    /// The bytes of `transmit`, written into `buffer`; their number.
    pub fn render(&self, transmit: &Transmit, buffer: &mut [u8; FRAME_LEN]) -> usize {
        match transmit.payload {
            Payload::Control(ref control) => {
                let bytes = control.as_slice();
                if let Some(to) = buffer.get_mut(..bytes.len()) {
                    to.copy_from_slice(bytes);
                }
                bytes.len()
            }
            Payload::Voice { frame, client, slot } => {
                let Some(shared) = self.frames.get(frame as usize) else { return 0 };
                *buffer = *shared;
                buffer[dmrd::CLIENT].copy_from_slice(&client.to_bytes());
                buffer[dmrd::BITS] = match slot {
                    Slot::One => buffer[dmrd::BITS] & !dmrd::SLOT_BIT,
                    Slot::Two => buffer[dmrd::BITS] | dmrd::SLOT_BIT,
                };
                FRAME_LEN
            }
        }
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.transmits.clear();
        self.events.clear();
        self.retired.clear();
        self.replies.clear();
        self.drained = false;
    }

    /// Forgets events, answers and replaced tables, for who wants to know only what several inputs send.
    pub fn keep_transmits_only(&mut self) {
        self.events.clear();
        self.replies.clear();
        self.retired.clear();
    }

    /// Whether the shell should flush before the next input.
    pub fn past_soft_limit(&self) -> bool {
        self.transmits.len() >= crate::limits::EFFECTS_SOFT_LIMIT
    }

    /// Whether something was added since the last [`Effects::clear`].
    pub fn is_empty(&self) -> bool {
        let nothing = self.transmits.is_empty() && self.events.is_empty() && self.retired.is_empty();
        nothing && self.replies.is_empty() && !self.drained
    }
}

/// How the core fills its effects; public for doubles of the core and for tools.
impl Effects {
    /// Adds a frame that transmits of this turn may share; its index.
    pub fn push_frame(&mut self, frame: [u8; FRAME_LEN]) -> u32 {
        let index = self.frames.len() as u32;
        self.frames.push(frame);
        index
    }

    /// Adds a burst: the shared frame of that index, with the receiver's own ID and slot.
    pub fn push_voice(&mut self, path: Path, frame: u32, client: ClientId, slot: Slot) {
        self.transmits.push(Transmit { path, payload: Payload::Voice { frame, client, slot } });
    }

    /// Adds a control datagram; what lies behind [`CONTROL_LEN`] bytes is cut.
    pub fn push_control(&mut self, path: Path, message: &[u8]) {
        self.transmits.push(Transmit { path, payload: Payload::Control(ControlBytes::new(message)) });
    }

    /// Adds an event.
    pub fn push_event(&mut self, event: ReportEvent) {
        self.events.push(event);
    }

    /// Adds a table that was replaced.
    pub fn push_retired(&mut self, config: Box<Config>) {
        self.retired.push(config);
    }

    /// Adds the answer to a request.
    pub fn push_reply(&mut self, reply: ControlReply) {
        self.replies.push(reply);
    }

    /// The orderly end is complete.
    pub fn set_drained(&mut self) {
        self.drained = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{LocalIp, SocketId};
    use crate::report::What;
    use crate::time::Wall;

    #[test]
    fn what_is_only_told_can_be_forgotten_without_what_is_to_be_sent() {
        let path = Path { socket: SocketId(0), local: LocalIp::Unknown, remote: ([192, 0, 2, 1], 1).into() };
        let mut effects = Effects::default();
        let frame = effects.push_frame([7; FRAME_LEN]);
        effects.push_voice(path, frame, ClientId(5), Slot::One);
        effects.push_event(ReportEvent { at: Wall(0), retold: false, what: What::Reloaded { kept: 0, closed: 0 } });
        effects.push_retired(Box::default());
        effects.keep_transmits_only();
        assert!(effects.events().is_empty() && effects.take_retired().is_empty());
        let mut bytes = [0; FRAME_LEN];
        assert_eq!((effects.transmits().len(), effects.render(&effects.transmits()[0], &mut bytes)), (1, FRAME_LEN));
        assert_eq!(bytes[0], 7);
    }
}
