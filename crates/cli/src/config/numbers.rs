//! Numbers of listeners and sockets, kept by the running process so that a reload gives the same name and the same
//! address the same number. Never gives a number to another name. Source: design §6 (reload).

use ragchew_core::id::ListenerId;
use ragchew_core::net::SocketId;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Which names and addresses have which numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    listeners: HashMap<Box<str>, ListenerId>,
    sockets: HashMap<SocketAddr, SocketId>,
}

impl Numbers {
    /// The number of a listener's name; none when all 65,536 are taken, after which only a restart helps.
    pub fn listener(&mut self, name: &str) -> Option<ListenerId> {
        if let Some(&id) = self.listeners.get(name) {
            return Some(id);
        }
        let id = ListenerId(u16::try_from(self.listeners.len()).ok()?);
        self.listeners.insert(name.into(), id);
        Some(id)
    }

    /// The number of an address; none when all 65,536 are taken.
    pub fn socket(&mut self, address: SocketAddr) -> Option<SocketId> {
        if let Some(&id) = self.sockets.get(&address) {
            return Some(id);
        }
        let id = SocketId(u16::try_from(self.sockets.len()).ok()?);
        self.sockets.insert(address, id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_address_keep_their_numbers_and_no_number_is_given_twice() {
        let mut numbers = Numbers::default();
        let (a, b): (SocketAddr, SocketAddr) = ("0.0.0.0:1".parse().unwrap(), "0.0.0.0:2".parse().unwrap());
        assert_eq!([numbers.listener("a"), numbers.listener("b")], [Some(ListenerId(0)), Some(ListenerId(1))]);
        assert_eq!([numbers.listener("b"), numbers.listener("c")], [Some(ListenerId(1)), Some(ListenerId(2))]);
        assert_eq!([numbers.socket(a), numbers.socket(b), numbers.socket(a)].map(|id| id.unwrap().0), [0, 1, 0]);
    }

    #[test]
    fn the_last_number_is_given_and_then_no_more() {
        let mut numbers = Numbers::default();
        let last = (0..65_536u32).map(|n| numbers.listener(&n.to_string())).last().unwrap();
        assert_eq!((last, numbers.listener("one more")), (Some(ListenerId(u16::MAX)), None));
    }
}
