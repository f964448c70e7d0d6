//! Target of the protocols between servers: OpenBridge, FBP with its retired versions, and bridge control. What a parser
//! takes, its emitter writes so that it reads the same again, and a code covers every octet that it says it covers.
//! Source: `wire.md` 3.

use ragchew_core::wire::bridge_control::{self, BridgeControl, BridgeControlView};
use ragchew_core::wire::fbp::{self, Fbp, FbpView, RetiredView};
use ragchew_core::wire::hbp::Dmrd;
use ragchew_core::wire::mac::{BLAKE_LENGTH, HMAC_LENGTH, LinkKey};
use ragchew_core::wire::openbridge::{self, OpenBridgeView};
use ragchew_core::wire::{MAX_DATAGRAM, Malformed};

/// Where an emitter of frames normalises, in the bits of an HBP frame.
const BITS: usize = 15;

/// Any datagram as each of them; at most one takes it.
pub(crate) fn links(data: &[u8]) {
    let key = LinkKey::legacy(b"one of two");
    let taken = [openbridge(data, &key), fbp(data, &key), retired(data, &key), control(data, &key)];
    assert!(taken.iter().filter(|taken| taken.is_ok()).count() <= 1, "{taken:?}");
}

/// What a datagram between servers is, if it is one.
pub fn kind(data: &[u8]) -> Option<&'static str> {
    let control = |view: BridgeControlView<'_>| match view.message() {
        BridgeControl::KeepAlive => "BCKA",
        BridgeControl::SourceQuench { .. } => "BCSQ",
        BridgeControl::Stun => "BCST",
        BridgeControl::Version(_) => "BCVE",
        BridgeControl::Topology { .. } => "BCTO",
    };
    let fbp = |view: FbpView<'_>| if view.source_repeater().is_some() { "FBP 5" } else { "FBP 4" };
    (OpenBridgeView::parse(data).map(|_| "OpenBridge").ok())
        .or_else(|| FbpView::parse(data).map(fbp).ok())
        .or_else(|| RetiredView::parse(data).map(|_| "FBP 2 or 3").ok())
        .or_else(|| BridgeControlView::parse(data).map(control).ok())
}

fn openbridge(data: &[u8], key: &LinkKey) -> Result<(), Malformed> {
    let view = OpenBridgeView::parse(data)?;
    let frame = Dmrd::from(view.frame());
    let emitted = openbridge::emit(&frame, key);
    let read = OpenBridgeView::parse(&emitted).expect("what is emitted is legible");
    assert_eq!((Dmrd::from(read.frame()), read.network()), (frame, view.network()));
    same_head(data, &emitted, openbridge::FRAME.end);
    sealed(&emitted, 0..openbridge::FRAME.end, key, |bytes, key| {
        OpenBridgeView::parse(bytes).is_ok_and(|view| view.verify(key))
    });
    Ok(())
}

fn fbp(data: &[u8], key: &LinkKey) -> Result<(), Malformed> {
    let meaning = Fbp::from(FbpView::parse(data)?);
    let mut buffer = [0; MAX_DATAGRAM];
    let emitted = meaning.emit(key, &mut buffer);
    assert_eq!(Fbp::parse(emitted), Ok(meaning), "emitted and parsed again");
    assert_eq!(emitted.len(), data.len());
    assert_eq!(meaning.source_repeater.is_some(), data.len() == fbp::LENGTH_V5);
    same_head(data, emitted, data.len() - BLAKE_LENGTH);
    sealed(emitted, 0..emitted.len() - BLAKE_LENGTH, key, |bytes, key| {
        FbpView::parse(bytes).is_ok_and(|view| view.verify(key))
    });
    Ok(())
}

/// Recognised, never emitted.
fn retired(data: &[u8], key: &LinkKey) -> Result<(), Malformed> {
    let view = RetiredView::parse(data)?;
    assert_eq!(view.frame().client().to_bytes(), data[11..15]);
    assert_eq!(view.timestamp().0.to_be_bytes(), data[53..61]);
    assert_eq!(view.hops(), data[61]);
    for (version, covered) in [(2, 61), (3, 53)] {
        let mut signed = data.to_vec();
        signed[fbp::RETIRED_LENGTH - BLAKE_LENGTH..].copy_from_slice(&key.blake(&data[..covered]));
        assert_eq!(RetiredView::parse(&signed).map(|view| view.verify(key)), Ok(Some(version)));
    }
    Ok(())
}

fn control(data: &[u8], key: &LinkKey) -> Result<(), Malformed> {
    let message = BridgeControlView::parse(data)?.message();
    let mut buffer = [0; MAX_DATAGRAM];
    let emitted = message.emit(key, &mut buffer);
    assert_eq!(BridgeControl::parse(emitted), Ok(message), "emitted and parsed again");
    let signed = match message {
        BridgeControl::Topology { .. } => data.len() - BLAKE_LENGTH,
        _ => data.len() - HMAC_LENGTH,
    };
    assert_eq!(emitted[..signed], data[..signed], "every octet but the code is as it came");
    assert_eq!(emitted.len(), data.len());
    // The code of BCVE covers the version alone; its opcode may be changed only into what is none.
    let covered = if matches!(message, BridgeControl::Version(_)) { bridge_control::VERSION } else { 0..signed };
    sealed(emitted, covered, key, |bytes, key| BridgeControlView::parse(bytes).is_ok_and(|view| view.verify(key)));
    Ok(())
}

fn same_head(came: &[u8], emitted: &[u8], length: usize) {
    for (at, (came, emitted)) in came[..length].iter().zip(&emitted[..length]).enumerate() {
        assert!(came == emitted || at == BITS, "octet {at} is not normalised");
    }
}

/// The code is that of the key, of no other key, and of no datagram with another octet where it covers, or in the code.
fn sealed(
    datagram: &[u8],
    covered: core::ops::Range<usize>,
    key: &LinkKey,
    verified: impl Fn(&[u8], &LinkKey) -> bool,
) {
    assert!(verified(datagram, key), "the code of the key");
    assert!(!verified(datagram, &LinkKey::legacy(b"the other")), "the code of another key");
    // One octet each of what is covered and of the code, chosen by the content.
    let chosen = datagram.iter().fold(0usize, |sum, &octet| sum.wrapping_mul(31).wrapping_add(usize::from(octet)));
    for at in [covered.start + chosen % covered.len(), datagram.len() - 1 - chosen % BLAKE_LENGTH] {
        let mut forged = datagram.to_vec();
        forged[at] ^= 1 << (chosen / 7 % 8);
        assert!(!verified(&forged, key), "octet {at} may be forged");
    }
}
