//! What a redriven record was redriven for, and has not become yet.
//!
//! Knows nothing of routes. The configuration, the session index or the decoder may have changed since the
//! events were refused, so a record may not become all of them again. What always holds: nothing of it is
//! lost silently. What is missing in the end becomes a dead letter again.

use crate::core::{
    code::Code,
    event::Refusal,
    redrive::{Redriven, Selection},
};

/// Part of a redriven record. It is empty for all other records, and for one that is redriven as a whole.
#[derive(Default)]
pub(super) struct Missing {
    selections: Vec<Selection>,
    /// Why parts of the record cannot be read.
    reason: Option<Refusal>,
}

impl Missing {
    pub(super) fn of(redriven: Option<&Redriven>) -> Self {
        Self { selections: redriven.map(|it| it.send.clone()).unwrap_or_default(), reason: None }
    }

    pub(super) fn is_any(&self) -> bool {
        !self.selections.is_empty()
    }

    /// Takes the refusal of a part of the record, if the record was redriven for some of its events: whatever
    /// is missing in the end is missing for that reason. Gives it back if it was not.
    pub(super) fn take_reason(&mut self, refusal: Option<Refusal>) -> Option<Refusal> {
        if self.is_any() {
            self.reason = refusal;
            return None;
        }
        refusal
    }

    /// Notes that the record has become this event for a destination, or that no destination is to get it.
    pub(super) fn found(&mut self, destination: Option<&str>, event: &str) {
        self.selections.retain_mut(|selection| {
            let is_meant = destination.is_none_or(|name| selection.is_at(name)) && selection.includes(event);
            selection.events.retain(|named| !is_meant || **named != *event);
            !(is_meant && selection.events.is_empty())
        });
    }

    /// Takes what is still missing, as refusals.
    pub(super) fn take_refusals(&mut self) -> Vec<(Refusal, Selection)> {
        if !self.is_any() {
            return Vec::new();
        }
        let reason = self.reason.take().unwrap_or_else(|| Refusal {
            code: Code("not_redriven"),
            message: "the redriven record does not become the event for the destination any more".to_owned(),
        });
        std::mem::take(&mut self.selections).into_iter().map(|missing| (reason.clone(), missing)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::redrive::tests::{redriven, selection};

    #[track_caller]
    fn check(send: Vec<Selection>, found: &[(Option<&str>, &str)], left: &[Selection]) {
        let mut missing = Missing::of(Some(&redriven(send)));
        for (destination, event) in found {
            missing.found(*destination, event);
        }
        let refusals = missing.take_refusals();
        assert!(refusals.iter().all(|(refusal, _)| refusal.code == Code("not_redriven")));
        assert_eq!(refusals.into_iter().map(|(_, selection)| selection).collect::<Vec<_>>(), left);
        assert!(!missing.is_any());
    }

    #[test]
    fn what_is_not_found_is_left() {
        let both = || vec![selection(Some("shop"), &["a", "b"]), selection(Some("lab"), &["a"])];
        check(both(), &[], &both());
        check(
            both(),
            &[(Some("shop"), "a")],
            &[selection(Some("shop"), &["b"]), selection(Some("lab"), &["a"])],
        );
        check(both(), &[(None, "a")], &[selection(Some("shop"), &["b"])]);
        check(both(), &[(Some("shop"), "a"), (Some("lab"), "a"), (Some("shop"), "b")], &[]);
        check(both(), &[(Some("other"), "a"), (Some("shop"), "c")], &both());
        check(vec![selection(Some("shop"), &[])], &[(Some("shop"), "a"), (Some("shop"), "b")], &[]);
        check(vec![selection(Some("shop"), &[])], &[(Some("lab"), "a")], &[selection(Some("shop"), &[])]);
        check(vec![selection(None, &["a"])], &[(Some("shop"), "a"), (Some("lab"), "a")], &[]);
        check(vec![], &[], &[]);
    }

    #[test]
    fn the_reason_is_that_of_the_part_that_cannot_be_read() {
        let refusal = Refusal { code: Code("not_json"), message: String::new() };
        let mut missing = Missing::of(Some(&redriven(vec![selection(Some("shop"), &["a"])])));
        assert_eq!(missing.take_reason(Some(refusal.clone())), None);
        assert_eq!(missing.take_refusals(), [(refusal.clone(), selection(Some("shop"), &["a"]))]);
        assert_eq!(Missing::default().take_reason(Some(refusal.clone())), Some(refusal));
    }
}
