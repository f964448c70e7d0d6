//! What a client said of itself in its RPTC, kept as small as it is so that it can be told again. Owns the form; judges
//! nothing of it. Source: `wire.md` 1.4, design §5.

use crate::report::{SessionTag, Text, What};
use crate::wire::hbp::{ConfigView, Slots};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// Two frequencies, colour code, slots, and behind them each text: its length, and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said(Box<[u8]>);

impl Said {
    pub(crate) fn of(config: &ConfigView<'_>) -> Self {
        let texts = [config.callsign(), config.location(), config.description(), config.software(), config.package()];
        let mut bytes = Vec::with_capacity(10 + texts.iter().map(|text| 1 + text.len()).sum::<usize>());
        bytes.extend(config.rx_frequency().unwrap_or(0).to_be_bytes());
        bytes.extend(config.tx_frequency().unwrap_or(0).to_be_bytes());
        bytes.push(config.colour_code().unwrap_or(0));
        bytes.push(config.slots().map_or(b'?', Slots::to_char));
        for text in texts {
            // The longest field has 40 octets.
            let length = u8::try_from(text.len()).unwrap_or(0);
            bytes.push(length);
            bytes.extend(text.iter().take(usize::from(length)));
        }
        Self(bytes.into_boxed_slice())
    }

    /// What is told of it: that the client is there, what it runs, and how it describes itself.
    pub(crate) fn events(&self, who: SessionTag, remote: SocketAddr) -> [What; 3] {
        let mut rest = &*self.0;
        let (rx_hz, tx_hz) = (number(&mut rest), number(&mut rest));
        let [colour_code, slots] = take(&mut rest);
        let [callsign, location, description, software, package] = core::array::from_fn(|_| text(&mut rest));
        [
            What::Connected { who, remote, callsign: Text::new(callsign), rx_hz, tx_hz, colour_code, slots },
            What::Software { who, software: Text::new(software), package: Text::new(package) },
            What::Described {
                who,
                callsign: Text::new(callsign),
                location: Text::new(location),
                description: Text::new(description),
            },
        ]
    }
}

/// The next bytes; zeros when there are not so many, which only a damaged snapshot brings about.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((head, tail)) = rest.split_first_chunk() else { return [0; N] };
    *rest = tail;
    *head
}

fn number(rest: &mut &[u8]) -> u32 {
    u32::from_be_bytes(take(rest))
}

fn text<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let [length] = take(rest);
    let (text, tail) = rest.split_at_checked(usize::from(length)).unwrap_or_default();
    *rest = tail;
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ClientId, ListenerId, SessionNo};

    #[test]
    fn what_a_client_said_is_told_as_it_came_and_kept_without_its_padding() {
        let mut rptc = [b' '; 302];
        for (at, text) in [
            (0, "RPTC\0\0\0\x01M0TST"),
            (16, "439000000431400000"),
            (36, "07"),
            (58, "Here"),
            (78, "A test"),
            (97, "3"),
            (222, "20240101"),
            (262, "MMDVM_HS"),
        ] {
            rptc[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        let config = ConfigView::parse(&rptc).unwrap();
        let said = Said::of(&config);
        assert_eq!(said.0.len(), 10 + 5 + "M0TSTHereA test20240101MMDVM_HS".len());
        let who = SessionTag { session: SessionNo(1), listener: ListenerId(0), client: ClientId(1) };
        let remote = ([192, 0, 2, 1], 1).into();
        let [connected, software, described] = said.events(who, remote);
        let (callsign, rx_hz, tx_hz) = (Text::new(b"M0TST"), 439_000_000, 431_400_000);
        assert_eq!(connected, What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code: 7, slots: b'3' });
        let package = Text::new(b"MMDVM_HS");
        assert_eq!(software, What::Software { who, software: Text::new(b"20240101"), package });
        let (location, description) = (Text::new(b"Here"), Text::new(b"A test"));
        assert_eq!(described, What::Described { who, callsign, location, description });
    }

    #[test]
    fn damaged_bytes_say_nothing_and_nothing_panics() {
        let who = SessionTag { session: SessionNo(1), listener: ListenerId(0), client: ClientId(1) };
        for bytes in [&[][..], &[1, 2, 3], &[0; 10], &[9; 11], &[9; 60]] {
            let _ = Said(bytes.into()).events(who, ([192, 0, 2, 1], 1).into());
        }
    }
}
