//! Why something was not done: one named reason for everything that the core refuses, counted here and shown alike by
//! the log, `explain` and the dashboards. Owns names, sentences and counters; decides nothing. Source: design §3.

use crate::wire::Malformed;
use serde::{Deserialize, Serialize};

macro_rules! refusals {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $text:literal;)*) => {
        /// Why a datagram, a login or a frame was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Refusal { $(#[doc = $text] $(#[$meta])* $variant,)* }

        impl Refusal {
            /// Every reason, in order of the packet's way.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable name, for counters and scripts.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

refusals! {
    NotForServers = "not_for_servers", "the message is one that servers do not take part in";
    UnknownSocket = "unknown_socket", "the socket belongs to no listener";
    Draining = "draining", "the server is stopping";
    LoginRate = "login_rate", "too many logins from this source; try again more slowly";
    FailedLogins = "failed_logins", "too many wrong passphrases of this client; ignored for 30 s";
    RegisterAcl = "register_acl", "the client's ID is not admitted by the listener's register ACL";
    ListenerFull = "listener_full", "the listener has as many clients as max_clients allows";
    NoChallenge = "no_challenge", "an answer without a valid challenge, or with a wrong passphrase";
    StatusProbe = "status_probe", "a status probe gets its challenge and nothing more";
    TakeoverTooSoon = "takeover_too_soon", "the client's ID moved to another address less than 10 s ago";
    NoSession = "no_session", "no session of this client ID";
    OtherAddress = "other_address", "the session of this client ID lives at another address";
    WrongState = "wrong_state", "the message does not fit the state of the login";
    FromLiveAddress = "from_live_address", "a refusal to an address with a running session would log that session out";
    NakRate = "nak_rate", "refusals to this source, or in all, are limited";
    BadConfig = "bad_config", "the RPTC is too short to hold what it must";
    OptionsRate = "options_rate", "OPTIONS come faster than one a second";
    OptionsKey = "options_key", "OPTIONS without the KEY of the session";
    NullStream = "null_stream", "the stream ID is 0";
    BadFrameType = "bad_frame_type", "the frame type is invalid";
    BadSource = "bad_source", "the source ID is 0 or out of range";
    BadDestination = "bad_destination", "the destination is 0";
    SubscriberAcl = "subscriber_acl", "the source ID is not admitted by the subscriber ACL";
    TalkgroupAcl = "talkgroup_acl", "the talkgroup is not admitted on this slot";
    UnitCall = "unit_call", "unit calls are not carried";
    DataCall = "data_call", "data calls are not carried";
    IdleFrame = "idle_frame", "idle bursts carry nothing";
    SlotBusy = "slot_busy", "another call is on the air on this slot of this client";
    StreamStarts = "stream_starts", "this slot begins calls faster than it may";
    StrayTerminator = "stray_terminator", "a terminator of a call that is not on the air";
    AfterEnd = "after_end", "the call has ended";
    OtherAddressing = "other_addressing", "source or talkgroup changed in mid-call";
    Loop = "loop", "this call is already known from elsewhere";
    TooManyStreams = "too_many_streams", "the memory of streams is full";
    RateGuard = "rate_guard", "more than 25 frames per second";
    TooLongCall = "too_long_call", "the transmission is longer than the talk limit";
    Duplicate = "duplicate", "this frame was already there";
    Late = "late", "the frame is older than one already sent on";
    NotRouted = "not_routed", "the talkgroup stays with the client";
    FirstCall = "first_call", "the first call on a talkgroup only activates it";
    BusyTalkgroup = "busy_talkgroup", "the talkgroup that was joined is busy";
    EchoBusy = "echo_busy", "an echo is being played, or too many are";
    TooManySubscriptions = "too_many_subscriptions", "the table of subscriptions is full";
    SlotNotServed = "slot_not_served", "the client does not listen on this slot";
    TargetHeardOther = "target_heard_other", "the receiver's own user spoke on another talkgroup within the hang time";
    TargetSentOther = "target_sent_other", "the receiver heard another talkgroup within the hang time";
    TargetTalking = "target_talking", "the receiver's own user is speaking on this talkgroup";
    TargetSentAnother = "target_sent_another", "the receiver is hearing another speaker";
    AwaitsSuperframe = "awaits_superframe", "a receiver that joins late begins at the next burst A";
    AliasRefused = "alias_refused", "a talker alias that belongs to no call, or too many of them";
}

/// How often each reason occurred since the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusals {
    #[serde(with = "crate::carried::array")]
    counts: [u64; Refusal::ALL.len()],
    #[serde(with = "crate::carried::array")]
    malformed: [u64; Malformed::COUNT],
}

impl Default for Refusals {
    fn default() -> Self {
        Self { counts: [0; Refusal::ALL.len()], malformed: [0; Malformed::COUNT] }
    }
}

impl Refusals {
    /// Counts one.
    pub fn count(&mut self, why: Refusal) {
        if let Some(count) = self.counts.get_mut(why as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Counts a datagram that is no message.
    pub fn count_malformed(&mut self, why: Malformed) {
        if let Some(count) = self.malformed.get_mut(why.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// How often a datagram was malformed in this way.
    pub fn malformed(&self, why: Malformed) -> u64 {
        self.malformed.get(why.index()).copied().unwrap_or(0)
    }

    /// How often `why` occurred.
    pub fn get(&self, why: Refusal) -> u64 {
        self.counts.get(why as usize).copied().unwrap_or(0)
    }

    /// The names of the reasons that occurred, with their counts.
    pub fn occurred(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let malformed = Malformed::ALL.iter().map(|&why| (why.name(), self.malformed(why)));
        let refused = Refusal::ALL.iter().map(|&why| (why.name(), self.get(why)));
        malformed.chain(refused).filter(|&(_, n)| n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own_and_counts_for_itself() {
        let malformed = Malformed::ALL.iter().map(|why| why.name());
        let mut names: Vec<_> = Refusal::ALL.iter().map(|why| why.name()).chain(malformed).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Refusal::ALL.len() + Malformed::COUNT);
        for (i, &why) in Refusal::ALL.iter().enumerate() {
            assert_eq!(why as usize, i);
            let mut counts = Refusals::default();
            counts.count(why);
            assert_eq!(counts.occurred().collect::<Vec<_>>(), [(why.name(), 1)]);
        }
    }

    #[test]
    fn a_counter_that_is_full_stays_full() {
        let mut full = Refusals { counts: [u64::MAX; Refusal::ALL.len()], malformed: [u64::MAX; Malformed::COUNT] };
        full.count(Refusal::Loop);
        full.count_malformed(Malformed::TooShort);
        assert_eq!((full.get(Refusal::Loop), full.malformed(Malformed::TooShort)), (u64::MAX, u64::MAX));
    }
}
