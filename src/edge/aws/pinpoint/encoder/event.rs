//! Fits an event to what `PutEvents` accepts.

use std::sync::Arc;

use super::limits::{self, APP, EVENT_ATTRIBUTES, KEYS, LONGEST_KEY, METRICS};
use crate::core::{
    destination::FieldCounts,
    event::{AppEvent, Session},
};

/// Cuts texts that are too long, and leaves out attributes and metrics that the service refuses.
pub(super) fn fit(event: &mut Arc<AppEvent>, counts: &mut FieldCounts) {
    if !is_allowed(event) {
        mend(Arc::make_mut(event), counts);
    }
}

fn is_allowed(event: &AppEvent) -> bool {
    let is_key = |key: &str| limits::is_within(key, LONGEST_KEY);
    event.attributes.len() + event.metrics.len() <= KEYS
        && event.attributes.iter().all(|(key, value)| is_key(key) && EVENT_ATTRIBUTES.allows(value))
        && event.metrics.iter().all(|(key, value)| is_key(key) && value.is_finite())
        && event.session.as_ref().is_none_or(has_short_duration)
        && event.app.as_ref().is_none_or(|app| limits::allow(&APP, app.texts()))
}

/// Whether the session's duration fits the service's 32 bits of milliseconds, which are 24.8 days. The
/// service takes the end only together with the duration.
fn has_short_duration(session: &Session) -> bool {
    session.stop.is_none_or(|(_, duration)| i32::try_from(duration).is_ok())
}

fn mend(event: &mut AppEvent, counts: &mut FieldCounts) {
    let mut keys = 0;
    let mut keep = |field, key: &str, is_valid: bool, counts: &mut FieldCounts| {
        let keep = is_valid && keys < KEYS && limits::is_within(key, LONGEST_KEY);
        keys += usize::from(keep);
        if !keep {
            counts.leave_out(field);
        }
        keep
    };
    event.attributes.retain(|(key, _)| keep(EVENT_ATTRIBUTES.name, key, true, counts));
    event.metrics.retain(|(key, value)| keep(METRICS, key, value.is_finite(), counts));
    for (_, value) in &mut event.attributes {
        EVENT_ATTRIBUTES.cut(value, counts);
    }
    if let Some(session) = event.session.as_mut().filter(|session| !has_short_duration(session)) {
        session.stop = None;
    }
    if let Some(app) = event.app.as_mut().filter(|app| !limits::allow(&APP, app.texts())) {
        limits::cut(&APP, Arc::make_mut(app).texts_mut(), counts);
    }
}
