//! The problems that a verdict can find, and a sentence for each.
//!
//! Knows nothing of how they are found.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum VerdictProblem {
    /// An event that neither arrived nor is a dead letter, of a record that was committed past.
    EventMissing,
    /// An unreadable record that was committed past and is no dead letter.
    DeadLetterMissing,
    /// A dead letter of a record or event that should have been delivered or ignored.
    DeadLetterUnexpected,
    /// A second dead letter of the same record or event.
    DeadLetterRepeated,
    /// A dead letter that differs from the record that was produced.
    DeadLetterAltered,
    /// An event that arrived and belongs to no record.
    EventUnknown,
    /// An event whose type does not fit its id, or that went to two endpoints or destinations.
    EventUnsound,
    /// An event that arrived at another realm's destination.
    EventMisrouted,
    /// An event that arrived before one of an earlier record of its endpoint, though the order is promised.
    OutOfOrder,
    /// An event that a destination took twice, though it recognises copies.
    CopyAccepted,
    /// An event that arrived again although neither its record nor a fault explains it.
    DuplicateUnexplained,
    /// A record that was not committed past, although nobody ended the run early.
    RecordLeft,
    /// A record whose end the service counts differently from what was observed.
    RecordMiscounted,
    /// A record of the tenant that was produced while its role was refused, though it was never held.
    HoldMissing,
    /// An event that waited for the tenant, though it is not the tenant's.
    OthersWaited,
    /// A record whose events spilled, and that the redrive left out.
    RedriveMissing,
    /// A record that was redriven again.
    RedriveRepeated,
    /// A redriven record whose events had not spilled, or that differs from the original.
    RedriveUnexpected,
    /// An event of a redriven record that was committed past, which neither arrived nor was refused.
    RedrivenLost,
    /// More requests over the quota than a busy machine explains.
    OverQuota,
    /// An endpoint in two requests at the same time.
    EndpointTwice,
    /// A rule of the service, by its name.
    RuleBroken(&'static str),
}

impl VerdictProblem {
    pub(super) fn sentence(self, count: u64) -> String {
        match self {
            Self::EventMissing => {
                format!("{count} events are lost: committed past, but neither accepted nor dead letters")
            }
            Self::DeadLetterMissing => {
                format!("{count} unreadable records are lost: committed past, but no dead letters")
            }
            Self::DeadLetterUnexpected => {
                format!("{count} dead letters should have been delivered or ignored")
            }
            Self::DeadLetterRepeated => format!("{count} dead letters were written twice"),
            Self::DeadLetterAltered => {
                format!("{count} dead letters differ from the record that was produced")
            }
            Self::EventUnknown => format!("{count} accepted events belong to no record"),
            Self::EventUnsound => {
                format!(
                    "{count} events have a type that does not fit their id, or went to two endpoints or destinations"
                )
            }
            Self::EventMisrouted => format!("{count} events arrived at the destination of the other realm"),
            Self::OutOfOrder => format!("{count} events arrived before earlier ones of their endpoint"),
            Self::CopyAccepted => {
                format!("{count} events were accepted twice, though the destination recognises copies")
            }
            Self::HoldMissing => {
                format!("the tenant was never held, though {count} records came while its role was refused")
            }
            Self::OthersWaited => format!("{count} events of the others waited for the tenant"),
            Self::RedriveMissing => format!("{count} records spilled and were not redriven"),
            Self::RedriveRepeated => format!("{count} records were redriven more than once"),
            Self::RedriveUnexpected => {
                format!("{count} redriven records had not spilled, or differ from the original")
            }
            Self::RedrivenLost => {
                format!(
                    "{count} redriven events are lost: committed past, but neither accepted nor dead letters"
                )
            }
            Self::DuplicateUnexplained => {
                format!(
                    "{count} events were accepted again, which neither their records nor the faults explain"
                )
            }
            Self::RecordLeft => format!("{count} records were never committed past"),
            Self::RecordMiscounted => {
                format!("{count} records ended differently from what the service counts")
            }
            Self::OverQuota => format!("{count} requests were over the quota"),
            Self::EndpointTwice => format!("an endpoint was in two requests at once, {count} times"),
            Self::RuleBroken(rule) => {
                format!("a rule of the service was broken, {count} times: {rule}")
            }
        }
    }
}
