//! What one record may become: how many events, and how long the ids are that they may share.
//!
//! Knows nothing of formats. Each event's ids are hashed, so that a long one which thousands of events
//! share would cost its length as often as there are events. A record with one event shares nothing.

use crate::{
    decode::Item,
    identity::{IdentityEvent, reason::Refused},
};

/// How many events one record may become.
pub(super) const MOST_EVENTS: usize = 10_000;

/// The longest id of an event that is not alone in its record, and the longest that an envelope gives, in
/// bytes: several times that of any provider.
pub(super) const LONGEST_SHARED: usize = 1_000;

/// The events of a record, those with ids that are too long refused.
///
/// # Errors
///
/// There are more than one record may become.
pub(super) fn bounded(mut events: Vec<Item<'_>>) -> Result<Vec<Item<'_>>, Refused> {
    if events.len() > MOST_EVENTS {
        return Err(Refused::TooManyEvents);
    }
    if events.len() > 1 {
        for item in &mut events {
            if item.as_ref().is_ok_and(has_long_id) {
                *item = Err(Refused::TooLarge.into());
            }
        }
    }
    Ok(events)
}

/// Whether something that is hashed is too long to be shared.
fn has_long_id(event: &IdentityEvent<'_>) -> bool {
    let device = event.device.as_ref().and_then(|device| device.id.as_ref());
    let ids = [&event.id, &event.realm, &event.user, &event.user_name, &event.session, &event.client];
    let ids = ids.into_iter().flatten().chain(device).chain([&event.provider]);
    ids.into_iter().any(|id| id.len() > LONGEST_SHARED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Kind;

    fn event(id: usize) -> IdentityEvent<'static> {
        let id = Some("i".repeat(id).into());
        IdentityEvent { id, ..IdentityEvent::new(Kind::Activity, "test") }
    }

    #[test]
    fn an_id_is_as_long_as_it_likes_where_nothing_shares_it() {
        assert!(bounded(vec![Ok(event(2_000_000))]).unwrap()[0].is_ok());
        let two = bounded(vec![Ok(event(LONGEST_SHARED)), Ok(event(LONGEST_SHARED + 1))]).unwrap();
        assert!(two[0].is_ok());
        assert!(two[1] == Err(Refused::TooLarge.into()));
    }

    #[test]
    fn a_record_becomes_so_many_events_at_most() {
        let events = |number| (0..number).map(|_| Ok(event(1))).collect();
        assert!(bounded(events(MOST_EVENTS)).is_ok());
        assert!(bounded(events(MOST_EVENTS + 1)) == Err(Refused::TooManyEvents));
    }
}
