//! What a verdict can find wrong, each in a sentence.
//!
//! Knows nothing of how it is found.

use crate::tools::emulator::Rule;

/// Something that is wrong, as often as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Problem {
    /// An event that neither arrived nor is a dead letter, of a record that was committed past.
    EventMissing,
    /// A record that cannot be read, was committed past and is no dead letter.
    LetterMissing,
    /// A dead letter of what should have been delivered or ignored.
    LetterUnasked,
    /// A dead letter that there is already.
    LetterRepeated,
    /// A dead letter that is not the record that was produced.
    LetterAltered,
    /// An event that arrived and is of no record.
    EventUnknown,
    /// An event with another type than its id says, or for two endpoints.
    EventUnsound,
    /// An event that arrived again, and neither its record nor a fault explains it.
    DuplicateUnexplained,
    /// A record that was not committed past, although nobody ended the run early.
    RecordLeft,
    /// A record that the service counts otherwise than it was seen to end.
    RecordMiscounted,
    /// A request over the quota.
    OverQuota,
    /// An endpoint in two requests at one time.
    EndpointTwice,
    /// A rule of `PutEvents` that was broken.
    RuleBroken(Rule),
}

impl Problem {
    /// What is wrong, `count` times.
    pub(super) fn sentence(self, count: u64) -> String {
        match self {
            Self::EventMissing => {
                format!("{count} events are lost: committed past, not accepted, no dead letters")
            }
            Self::LetterMissing => {
                format!("{count} unreadable records are lost: committed past, no dead letters")
            }
            Self::LetterUnasked => {
                format!("{count} dead letters are of what should have been delivered or ignored")
            }
            Self::LetterRepeated => format!("{count} dead letters were written twice"),
            Self::LetterAltered => format!("{count} dead letters differ from the record that was produced"),
            Self::EventUnknown => format!("{count} events were accepted that are of no record"),
            Self::EventUnsound => {
                format!("{count} events have another type than their id says, or went to two endpoints")
            }
            Self::DuplicateUnexplained => {
                format!(
                    "{count} events were accepted again, and neither their records nor the faults explain it"
                )
            }
            Self::RecordLeft => format!("{count} records were never committed past"),
            Self::RecordMiscounted => {
                format!("{count} records are counted by the service otherwise than they were seen to end")
            }
            Self::OverQuota => format!("{count} requests were over the quota"),
            Self::EndpointTwice => format!("{count} times an endpoint was in two requests at once"),
            Self::RuleBroken(rule) => {
                format!("{count} times a rule of PutEvents was broken: {}", rule.name())
            }
        }
    }
}
