//! Reads what an event states of its session, and writes the end of a session.
//!
//! Knows nothing of the session index. An unknown start is never invented.

use std::borrow::Cow;

use crate::core::{
    event::EventType,
    identity::{IdentityEvent, Kind},
    map::{
        ids::{self, Fingerprint},
        outputs::{Outputs, StatedSession},
        sessions::Owner,
    },
    time::Timestamp,
};

/// The session's id as it is delivered, and the fingerprint under which it is remembered.
pub(super) fn session<'a>(event: &'a IdentityEvent<'_>) -> Option<(Cow<'a, str>, Fingerprint)> {
    let id = event.session.as_deref()?;
    let realm = event.realm.as_deref().unwrap_or_default();
    Some((ids::session_id(id), Fingerprint::of(&[&event.provider, realm, id])))
}

/// An event about a session with a remembered owner.
pub(super) fn completed(event: &IdentityEvent<'_>, owner: &Owner) -> IdentityEvent<'static> {
    stated(event, owner.parts().event(Kind::SessionStopped))
}

/// Adds the parts of an event that are not about the owner of its session. The index does not remember the
/// name of the realm.
pub(super) fn stated(event: &IdentityEvent<'_>, of: IdentityEvent<'static>) -> IdentityEvent<'static> {
    let own = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
    IdentityEvent {
        id: event.id.as_ref().map(own),
        reason: event.reason.as_ref().map(own),
        realm_name: event.realm_name.as_ref().map(own),
        time: event.time,
        ..of
    }
}

pub(super) fn reason<'a>(event: &'a IdentityEvent<'_>) -> &'a str {
    event.reason.as_deref().unwrap_or_default()
}

/// Adds the pause or the end of a session at `stop`.
pub(super) fn push_end(
    event_type: EventType,
    id: &str,
    start: Option<Timestamp>,
    stop: Timestamp,
    reason: &str,
    outputs: &mut Outputs<'_>,
) {
    let Some(start) = start else { return push_without_start(event_type, id, reason, outputs) };
    let stop = Some((stop, duration(start, stop)));
    outputs.push(event_type, Some(StatedSession { id, start, stop }), &[("reason", reason)]);
}

/// Adds an event of a session whose start is not known, without inventing one.
pub(super) fn push_without_start(event_type: EventType, id: &str, reason: &str, outputs: &mut Outputs<'_>) {
    let unknown = [("reason", reason), ("session_id", id), ("session_start_unknown", "true")];
    outputs.push(event_type, None, &unknown);
}

/// How long a session lasted, in milliseconds; 0 if the clocks of its two events disagree.
fn duration(start: Timestamp, stop: Timestamp) -> i64 {
    (stop.0 - start.0).max(0)
}
