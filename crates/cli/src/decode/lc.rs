//! Link control as people read it, and how many bits its codes put right. Source: `wire.md` 5.5-5.7.

use ragchew_core::dmr::{Burst, Flco, LcCarrier, LinkControl, embedded_lc, full_lc};
use ragchew_core::id::{RadioId, id3};
use ragchew_core::wire::hbp::{DmrdView, FrameKind};

/// The LC of a header or terminator, and how many of its 196 bits were wrong.
pub(super) fn full(kind: FrameKind, burst: &Burst) -> Option<(LinkControl, u32)> {
    let carrier = match kind {
        FrameKind::VoiceHeader => LcCarrier::Header,
        FrameKind::Terminator => LcCarrier::Terminator,
        _ => return None,
    };
    let lc = full_lc::decode(burst.info(), carrier).ok()?;
    Some((lc, burst.info().distance(full_lc::encode(lc, carrier))))
}

/// The LC of four fragments, and how many of their 128 bits were wrong.
pub(super) fn embedded(fragments: [u32; 4]) -> Option<(LinkControl, u32)> {
    let lc = embedded_lc::decode(fragments).ok()?;
    let sent = embedded_lc::encode(lc);
    Some((lc, fragments.iter().zip(sent).map(|(got, sent)| (got ^ sent).count_ones()).sum()))
}

/// What an LC says.
pub(super) fn words(lc: LinkControl) -> String {
    let destination = id3(lc.destination());
    match lc.flco() {
        _ if lc.protected() => "enciphered LC".to_owned(),
        Flco::GroupVoice => format!("group, {} to TG {destination}", lc.source()),
        Flco::UnitVoice => format!("unit, {} to radio {destination}", lc.source()),
        Flco::TalkerAlias(block) => format!("talker alias block {block}"),
        Flco::GpsInfo => "position".to_owned(),
        Flco::Other(flco) => format!("FLCO {flco}, feature set {:#04x}", lc.fid()),
    }
}

/// In what a voice LC contradicts the frame that carries it.
pub(super) fn contradiction(lc: LinkControl, view: &DmrdView<'_>) -> Option<String> {
    let unit = lc.flco() == Flco::UnitVoice;
    let said = (lc.source(), id3(lc.destination()), unit);
    let framed = (view.source(), view.destination_raw(), view.is_unit());
    let name = |(source, destination, unit): (RadioId, u32, bool)| {
        format!("{source} to {} {destination}", if unit { "radio" } else { "TG" })
    };
    (said != framed).then(|| format!("LC says {}, the frame {}", name(said), name(framed)))
}

/// Service options that are set, by name.
pub(super) fn service_options(lc: LinkControl) -> Vec<String> {
    let named =
        [(lc.emergency(), "emergency"), (lc.privacy(), "privacy"), (lc.broadcast(), "broadcast"), (lc.ovcm(), "OVCM")];
    let mut options: Vec<_> = named.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).to_owned()).collect();
    options.extend((lc.priority() > 0).then(|| format!("priority {}", lc.priority())));
    options
}
