//! The bounds of one record: how many events it may become, and how long the ids may be that they share.
//!
//! Knows nothing of formats. Each event's ids are hashed, so a long id that thousands of events share would
//! be hashed thousands of times. A record with one event shares nothing.

use crate::core::{
    decode::EventResult,
    identity::{IdentityEvent, reason::Refused},
};

/// The maximum number of events that one record may become.
pub(super) const MOST_EVENTS: usize = 10_000;

/// The maximum length in bytes of an id of an event that is not alone in its record, and of an id that an
/// envelope provides. It is several times the length of any provider's ids.
pub(super) const LONGEST_SHARED: usize = 1_000;

/// Refuses the events of a record whose ids are too long.
///
/// # Errors
///
/// If the record has more events than [`MOST_EVENTS`].
pub(super) fn bound(events: &mut [EventResult<'_>]) -> Result<(), Refused> {
    if events.len() > MOST_EVENTS {
        return Err(Refused::TooManyEvents);
    }
    if events.len() > 1 {
        for item in events {
            if item.as_ref().is_ok_and(has_long_id) {
                *item = Err(Refused::TooLarge.into());
            }
        }
    }
    Ok(())
}

/// Whether one of the texts that are hashed is too long to be shared.
fn has_long_id(event: &IdentityEvent<'_>) -> bool {
    let device = event.device.as_ref().and_then(|device| device.id.as_ref());
    let ids = [&event.id, &event.realm, &event.user, &event.user_name, &event.session, &event.client];
    let ids = ids.into_iter().flatten().chain(device).chain([&event.provider]);
    ids.into_iter().any(|id| id.len() > LONGEST_SHARED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity::Kind;

    fn event(id: usize) -> IdentityEvent<'static> {
        let id = Some("i".repeat(id).into());
        IdentityEvent { id, ..IdentityEvent::new(Kind::Activity, "test") }
    }

    #[test]
    fn an_id_is_as_long_as_it_likes_where_nothing_shares_it() {
        let mut alone = [Ok(event(2_000_000))];
        bound(&mut alone).unwrap();
        assert!(alone[0].is_ok());
        let mut two = [Ok(event(LONGEST_SHARED)), Ok(event(LONGEST_SHARED + 1))];
        bound(&mut two).unwrap();
        assert!(two[0].is_ok());
        assert!(two[1] == Err(Refused::TooLarge.into()));
    }

    #[test]
    fn a_record_becomes_so_many_events_at_most() {
        let mut events: Vec<_> = (0..=MOST_EVENTS).map(|_| Ok(event(1))).collect();
        assert!(bound(&mut events[1..]).is_ok());
        assert!(bound(&mut events) == Err(Refused::TooManyEvents));
    }
}
