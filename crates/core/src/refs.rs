//! References to records: small, copied, and finding nothing once the record is gone. Owns no record.

use slotmap::new_key_type;

new_key_type! {
    /// Reference to a session, and to its station while it runs.
    pub(crate) struct SessionRef;
    /// Reference to a subscription.
    pub(crate) struct SubscriptionRef;
    /// Reference to a conference.
    pub(crate) struct ConferenceRef;
    /// Reference to a call.
    pub(crate) struct CallRef;
    /// Reference to an echo.
    pub(crate) struct EchoRef;
}
