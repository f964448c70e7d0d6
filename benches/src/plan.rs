//! Who is who in a run: groups of one speaker and so many receivers, each client at an address of its own. Server, forwarder
//! and load agree on it. Owns no socket.

use std::net::Ipv4Addr;

/// ID of the first client.
pub const FIRST_CLIENT: u32 = 2_000_000;
/// Talkgroup of the first group.
pub const FIRST_TALKGROUP: u32 = 10_000;
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 16, 0, 1]);

/// The groups of a run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Calls at once, each on a talkgroup of its own.
    pub groups: usize,
    /// Receivers of each.
    pub receivers: usize,
}

impl Plan {
    /// Clients in all.
    pub fn clients(self) -> usize {
        self.groups * (self.receivers + 1)
    }

    /// Place of a group's speaker among the clients.
    pub fn speaker(self, group: usize) -> usize {
        group * (self.receivers + 1)
    }

    /// Place of a group's receiver among the clients.
    pub fn receiver(self, group: usize, number: usize) -> usize {
        self.speaker(group) + 1 + number
    }

    /// The group of a client.
    pub fn group(self, client: usize) -> usize {
        client / (self.receivers + 1)
    }

    /// The talkgroup of a group.
    pub fn talkgroup(self, group: usize) -> u32 {
        FIRST_TALKGROUP + group as u32
    }

    /// Which of so many sockets of the load plays a client: the speakers have the first.
    pub fn socket(self, client: usize, sockets: usize) -> usize {
        match client % (self.receivers + 1) {
            0 => 0,
            receiver => 1 + (receiver - 1) % (sockets - 1),
        }
    }
}

/// The address of a client.
pub fn address(client: usize) -> Ipv4Addr {
    Ipv4Addr::from(FIRST_ADDRESS + client as u32)
}

/// The client at an address.
pub fn client_at(address: Ipv4Addr) -> usize {
    u32::from(address).wrapping_sub(FIRST_ADDRESS) as usize
}

/// The ID of a client.
pub fn id(client: usize) -> u32 {
    FIRST_CLIENT + client as u32
}
