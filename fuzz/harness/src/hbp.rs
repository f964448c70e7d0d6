//! Targets of the Homebrew protocol: what a parser takes, its emitter writes so that it reads the same again.
//! Source: `wire.md` 1.

use ragchew_core::id::ClientId;
use ragchew_core::wire::MAX_DATAGRAM;
use ragchew_core::wire::hbp::dmrd::LENGTH;
use ragchew_core::wire::hbp::{
    ClientMessage, ConfigView, Dmrd, DmrdView, GpsMessage, LocalConfig, Position, PositionView, RepeaterConfig,
    ServerMessage, TalkerAliasMessage,
};

/// Any datagram as a client's.
pub(crate) fn client(data: &[u8]) {
    let Ok(message) = ClientMessage::parse(data) else { return };
    let mut buffer = [0; MAX_DATAGRAM];
    let emitted = message.emit(&mut buffer);
    assert_eq!(ClientMessage::parse(emitted), Ok(message), "emitted and parsed again");
    let mut again = [0; MAX_DATAGRAM];
    assert_eq!(ClientMessage::parse(emitted).map(|m| m.emit(&mut again).to_vec()), Ok(emitted.to_vec()));
    assert!(emitted.len() <= data.len().max(LENGTH), "{} octets became {}", data.len(), emitted.len());
    let named = message.client();
    for session in [named.unwrap_or_default(), ClientId::from_bytes(four(data))] {
        classified(data, session);
    }
    if let ClientMessage::Position(view) = message {
        position(view);
    }
}

/// Any datagram as a server's.
pub(crate) fn server(data: &[u8]) {
    let Ok(message) = ServerMessage::parse(data) else { return };
    let mut buffer = [0; MAX_DATAGRAM];
    let emitted = message.emit(&mut buffer);
    assert_eq!(ServerMessage::parse(emitted), Ok(message), "emitted and parsed again");
    assert!(emitted.len() <= data.len().max(LENGTH));
}

/// Any datagram as a burst.
pub(crate) fn dmrd(data: &[u8]) {
    let Ok(view) = DmrdView::parse(data) else { return };
    let frame = view.to_frame();
    assert_eq!(DmrdView::parse(&frame), Ok(view), "the forwarded form says the same");
    let common = data.len().min(frame.len());
    assert_eq!(frame[..common], data[..common], "and every octet is as it came");
    assert!(frame[common..].iter().all(|&octet| octet == 0));
    let by_meaning = Dmrd::from(view);
    let emitted = by_meaning.emit();
    assert_eq!(Dmrd::parse(&emitted), Ok(by_meaning), "emitted and parsed again");
    for (at, (sent, came)) in emitted.iter().zip(frame).enumerate() {
        assert!(*sent == came || at == 15, "octet {at} is not normalised");
    }
    let kind = view.kind();
    assert!(!(kind.is_voice() && kind.is_data()));
}

/// Any datagram as a description of a client, in both lengths and as the local form.
pub(crate) fn rptc(data: &[u8]) {
    if let Ok(view) = ConfigView::parse(data) {
        assert!(view.bytes().len() <= data.len());
        let _ = view.is_simplex();
        let meaning = RepeaterConfig::parse(data).expect("what has a view has a meaning");
        let once = meaning.emit();
        let read = RepeaterConfig::parse(&once).expect("what is emitted is legible");
        // Coordinates lose decimals in the field's eight or nine octets, once, and then perhaps the sign of a zero.
        assert_eq!(RepeaterConfig::parse(&read.emit()), Ok(read), "the same after another round");
        let cut = RepeaterConfig { latitude: read.latitude, longitude: read.longitude, ..meaning };
        assert_eq!(read, cut, "nothing but decimals is lost");
        let near = |a: Option<i32>, b: Option<i32>| match (a, b) {
            (Some(a), Some(b)) => a.abs_diff(b) < 1_000,
            (a, b) => a == b,
        };
        assert!(near(meaning.latitude, read.latitude) && near(meaning.longitude, read.longitude));
    }
    if let Ok(meaning) = LocalConfig::parse(data) {
        assert_eq!(LocalConfig::parse(&meaning.emit()), Ok(meaning));
    }
}

fn four(data: &[u8]) -> [u8; 4] {
    data.get(4..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
}

/// DMRA and DMRG have layouts that only the session tells apart.
fn classified(data: &[u8], session: ClientId) {
    if let Ok(message) = TalkerAliasMessage::classify(data, session) {
        let (bytes, len) = message.emit();
        assert_eq!(TalkerAliasMessage::classify(&bytes[..len], session), Ok(message));
        assert_eq!(bytes[..len], data[..len]);
    }
    if let Ok(message) = GpsMessage::classify(data, session) {
        let (bytes, len) = message.emit();
        assert_eq!(GpsMessage::classify(&bytes[..len], session), Ok(message));
        assert_eq!(bytes[..len], data[..len]);
    }
}

fn position(view: PositionView<'_>) {
    let once = Position::from(view).emit();
    let read = PositionView::parse(&once).expect("what is emitted is legible");
    let (first, twice) = (Position::from(view), Position::from(read));
    let near = |a: Option<i32>, b: Option<i32>| match (a, b) {
        // Four decimals are written, the last one rounded.
        (Some(a), Some(b)) => a.abs_diff(b) <= 50,
        (a, b) => a == b,
    };
    assert!(near(first.latitude, twice.latitude) && near(first.longitude, twice.longitude), "{first:?} {twice:?}");
    let emitted = twice.emit();
    assert_eq!(PositionView::parse(&emitted).map(Position::from), Ok(twice), "the same after another round");
}
