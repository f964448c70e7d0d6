//! What an operator types into a hotspot to reach the built-in listener. Sends nothing: the address is only looked up in
//! the routing table. Source: design §6 (the Pi-Star lines).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// The lines to paste.
pub(super) struct Lines<'a> {
    /// Shown in the hotspot.
    pub(super) server: &'a str,
    /// Where hotspots of the same network find the server; none when it is not known.
    pub(super) address: Option<IpAddr>,
    /// UDP port.
    pub(super) port: u16,
    /// As text; generated ones are ASCII.
    pub(super) passphrase: &'a str,
    /// The file that keeps it.
    pub(super) kept_in: &'a str,
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.map_or_else(|| "YOUR-ADDRESS".to_owned(), |address| address.to_string());
        let Self { server, port, passphrase, kept_in, .. } = self;
        write!(
            f,
            "\
No listener is configured: hotspots log in on UDP port {port} with a generated passphrase.
It is kept in {kept_in}; write a ragchew.yaml to choose your own.

Pi-Star or WPSD, expert editor, DMR Gateway:

    [DMR Network 1]
    Enabled=1
    Name={server}
    Address={address}
    Port={port}
    Password={passphrase}
    # Id is your own DMR ID, with 01 to 99 behind it if you have several hotspots
    Id=
    PassAllTG0=1
    PassAllTG1=2
    PassAllPC0=1
    PassAllPC1=2

From outside your network use your public address and let UDP port {port} in.
Then talk on TG 9990 to hear yourself.
"
        )
    }
}

/// An address of this machine by which others reach it: the one that it would send from. Connecting a UDP socket sends
/// nothing; 192.0.2.1 is reserved for documentation.
pub(super) fn local_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(address: Option<IpAddr>) -> String {
        let kept_in = "/var/lib/ragchew/passphrase";
        Lines { server: "Ragchew", address, port: 62_031, passphrase: "abcd", kept_in }.to_string()
    }

    #[test]
    fn the_lines_hold_everything_that_a_hotspot_asks_for() {
        let text = lines(Some(Ipv4Addr::new(192, 0, 2, 7).into()));
        for line in
            ["[DMR Network 1]", "Enabled=1", "Name=Ragchew", "Address=192.0.2.7", "Port=62031", "Password=abcd", "Id="]
        {
            assert!(text.lines().any(|found| found.trim() == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("TG 9990"));
    }

    #[test]
    fn an_unknown_address_is_left_to_the_operator() {
        assert!(lines(None).contains("Address=YOUR-ADDRESS"));
        assert!(local_address().is_none_or(|address| !address.is_loopback()));
    }
}
