//! Access control lists: an action and inclusive ranges. Owns their text form and the check; does not know what the
//! numbers are. Source: `behaviour.md` 6.1 and S-194 to S-202.

use core::fmt;
use serde::{Deserialize, Serialize};

/// What a match means; no match means the opposite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Listed numbers are admitted.
    Permit,
    /// Listed numbers are refused.
    Deny,
}

/// An access control list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    action: Action,
    ranges: Vec<(u32, u32)>,
}

/// Largest number of a list of client IDs.
pub const MAX_CLIENT: u32 = u32::MAX;
/// Largest number of a list of radio IDs or talkgroups.
pub const MAX_ID: u32 = 16_776_415;

/// What is wrong with the text of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AclError {
    /// Neither PERMIT nor DENY before the colon.
    Action(String),
    /// An entry that is neither ALL nor a number nor a range.
    Entry(String),
    /// A number, or both ends of a range, outside 1 … the maximum.
    Range {
        /// The entry.
        entry: String,
        /// The largest number that this kind of list knows.
        max: u32,
    },
}

impl fmt::Display for AclError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(found) => write!(f, "an ACL begins with PERMIT: or DENY:, not {found:?}"),
            Self::Entry(found) => write!(f, "{found:?} is neither ALL, nor a number, nor a range such as 1000-2000"),
            Self::Range { entry, max } => write!(f, "{entry} lies outside 1 to {max}"),
        }
    }
}

impl Acl {
    /// Admits every client ID.
    pub fn permit_all_clients() -> Self {
        Self { action: Action::Permit, ranges: vec![(1, MAX_CLIENT)] }
    }

    /// Admits every radio ID or talkgroup up to 16776415; all-call (16777215) lies above.
    pub fn permit_all_ids() -> Self {
        Self { action: Action::Permit, ranges: vec![(1, MAX_ID)] }
    }

    /// `DENY:1`, the usual list of speakers.
    pub fn default_subscriber() -> Self {
        Self { action: Action::Deny, ranges: vec![(1, 1)] }
    }

    /// Reads `ACTION:entry,entry…`; an entry is `ALL`, a number or `a-b`; blanks are allowed; nothing at all is
    /// `PERMIT:ALL`. `max` is the largest number of this kind of list.
    pub fn parse(text: &str, max: u32) -> Result<Self, AclError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self { action: Action::Permit, ranges: vec![(1, max)] });
        }
        let (action, entries) = text.split_once(':').ok_or_else(|| AclError::Action(text.to_owned()))?;
        let action = match action.trim().to_ascii_uppercase().as_str() {
            "PERMIT" => Action::Permit,
            "DENY" => Action::Deny,
            _ => return Err(AclError::Action(action.trim().to_owned())),
        };
        let mut ranges = Vec::new();
        for entry in entries.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry.eq_ignore_ascii_case("ALL") {
                ranges = vec![(1, max)];
                break;
            }
            ranges.push(parse_entry(entry, max)?);
        }
        ranges.sort_unstable();
        Ok(Self { action, ranges })
    }

    /// Whether `number` is admitted.
    pub fn admits(&self, number: u32) -> bool {
        let listed = self.ranges.iter().any(|&(low, high)| (low..=high).contains(&number));
        listed == (self.action == Action::Permit)
    }
}

fn parse_entry(entry: &str, max: u32) -> Result<(u32, u32), AclError> {
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| AclError::Entry(entry.to_owned()));
    let (low, high) = match entry.split_once('-') {
        Some((low, high)) => (number(low)?, number(high)?),
        None => (number(entry)?, number(entry)?),
    };
    let inside = |n: u32| (1..=max).contains(&n);
    if !inside(low) && !inside(high) {
        return Err(AclError::Range { entry: entry.to_owned(), max });
    }
    Ok((low.min(high), low.max(high)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_list(text: &str) -> Acl {
        Acl::parse(text, MAX_ID).unwrap()
    }

    #[test]
    fn s_194_deny_refuses_what_it_lists() {
        let acl = id_list("DENY:1,1000-2000");
        assert_eq!([1, 1000, 2000, 2001].map(|n| acl.admits(n)), [false, false, false, true]);
    }

    #[test]
    fn s_195_permit_admits_only_what_it_lists() {
        let acl = id_list("PERMIT:3100-3199");
        assert_eq!([3100, 3199, 3200].map(|n| acl.admits(n)), [true, true, false]);
    }

    #[test]
    fn s_196_a_range_with_one_end_inside_loads() {
        let acl = id_list("DENY:0-82");
        assert_eq!([0, 82, 83].map(|n| acl.admits(n)), [false, false, true]);
    }

    #[test]
    fn s_197_a_number_outside_is_an_error() {
        assert!(matches!(Acl::parse("PERMIT:0", MAX_ID), Err(AclError::Range { .. })));
        assert!(matches!(Acl::parse("PERMIT:16776416-16777000", MAX_ID), Err(AclError::Range { .. })));
    }

    #[test]
    fn s_198_an_empty_list_admits_all() {
        assert!(id_list("").admits(1) && id_list("  ").admits(MAX_ID));
    }

    #[test]
    fn all_call_is_not_in_permit_all_and_blanks_and_case_do_not_matter() {
        let acl = id_list(" permit : all ");
        assert!(acl.admits(MAX_ID) && !acl.admits(16_777_215) && !acl.admits(0));
        assert_eq!(acl, Acl::permit_all_ids());
    }

    #[test]
    fn what_is_no_list_is_named() {
        assert_eq!(Acl::parse("ALLOW:1", MAX_ID), Err(AclError::Action("ALLOW".into())));
        assert_eq!(Acl::parse("DENY:1,x", MAX_ID), Err(AclError::Entry("x".into())));
        assert_eq!(Acl::parse("3100", MAX_ID), Err(AclError::Action("3100".into())));
    }
}
