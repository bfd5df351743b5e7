//! Fits an endpoint to what `PutEvents` accepts, and merges newer values into a snapshot.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    address, body,
    limits::{
        self, ATTRIBUTES, COORDINATES, COUNTRY, DEMOGRAPHIC, ENDPOINT_BYTES, LOCATION, LONGEST_KEY,
        LONGEST_USER_ID, Limit, USER_ATTRIBUTES, VALUES,
    },
};
use crate::core::{
    code::Code,
    destination::FieldCounts,
    event::{Endpoint, Location, Refusal},
};

type Attributes = BTreeMap<Box<str>, Vec<Box<str>>>;

/// Cuts texts that are too long, leaves out values that the service refuses, and makes the endpoint as small
/// as it must be. Returns how many bytes it takes.
///
/// # Errors
/// If the service refuses the user's id.
pub(super) fn fit(endpoint: &mut Arc<Endpoint>, counts: &mut FieldCounts) -> Result<usize, Refusal> {
    if endpoint.user_id.as_deref().is_some_and(|id| !is_user_id(id)) {
        let message =
            "the user id is longer than 255 characters or holds `$`, `{`, `}` or a control character";
        return Err(Refusal { code: Code("user_id_not_allowed"), message: message.to_owned() });
    }
    if !is_allowed(endpoint) {
        mend(Arc::make_mut(endpoint), counts);
    }
    Ok(shrink(endpoint, counts))
}

/// Adds the fields that `newer` states to the snapshot, and returns how many bytes it then takes. A snapshot
/// that has become too large is replaced by `newer`.
pub(super) fn merge(snapshot: &mut Arc<Endpoint>, newer: &Arc<Endpoint>) -> usize {
    Arc::make_mut(snapshot).update(newer);
    let bytes = body::endpoint_bytes(snapshot);
    if bytes <= ENDPOINT_BYTES {
        return bytes;
    }
    *snapshot = Arc::clone(newer);
    body::endpoint_bytes(snapshot)
}

fn is_user_id(id: &str) -> bool {
    // Bytes are checked faster than characters, and nearly every id is plain ASCII.
    let is_plain = id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'$' | b'{' | b'}'));
    let is_allowed = |c: char| !matches!(c, '$' | '{' | '}') && !c.is_control();
    limits::is_within(id, LONGEST_USER_ID) && (is_plain || id.chars().all(is_allowed))
}

fn is_allowed(endpoint: &Endpoint) -> bool {
    address::is_reachable(endpoint)
        && are_allowed(ATTRIBUTES, &endpoint.attributes)
        && are_allowed(USER_ATTRIBUTES, &endpoint.user_attributes)
        && endpoint.demographic.as_ref().is_none_or(|device| limits::allow(&DEMOGRAPHIC, device.texts()))
        && endpoint.location.as_deref().is_none_or(is_place)
}

fn are_allowed(limit: Limit, attributes: &Attributes) -> bool {
    attributes.iter().all(|(key, values)| {
        limits::is_within(key, LONGEST_KEY)
            && values.len() <= VALUES
            && values.iter().all(|value| limit.allows(value))
    })
}

fn is_place(place: &Location) -> bool {
    let has_coordinates = place.latitude.is_some() || place.longitude.is_some();
    limits::allow(&LOCATION, place.texts())
        && place.country.as_deref().is_none_or(is_country)
        && has_coordinates == place.coordinates().is_some()
}

/// Whether the text has the form of an ISO 3166-1 code.
fn is_country(text: &str) -> bool {
    matches!(text.len(), 2 | 3) && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn mend(endpoint: &mut Endpoint, counts: &mut FieldCounts) {
    address::mend(endpoint, counts);
    mend_attributes(ATTRIBUTES, &mut endpoint.attributes, counts);
    mend_attributes(USER_ATTRIBUTES, &mut endpoint.user_attributes, counts);
    if let Some(device) = &mut endpoint.demographic {
        limits::cut(&DEMOGRAPHIC, device.texts_mut(), counts);
    }
    if let Some(place) = &mut endpoint.location {
        mend_place(place, counts);
    }
    endpoint.location.take_if(|place| **place == Location::default());
}

fn mend_attributes(limit: Limit, attributes: &mut Attributes, counts: &mut FieldCounts) {
    attributes.retain(|key, values| {
        let most = if limits::is_within(key, LONGEST_KEY) { VALUES } else { 0 };
        values.drain(most.min(values.len())..).for_each(|_| counts.leave_out(limit.name));
        !values.is_empty()
    });
    for value in attributes.values_mut().flatten() {
        limit.cut(value, counts);
    }
}

fn mend_place(place: &mut Location, counts: &mut FieldCounts) {
    if place.country.take_if(|country| !is_country(country)).is_some() {
        counts.leave_out(COUNTRY);
    }
    if !is_place(&Location { latitude: place.latitude, longitude: place.longitude, ..Location::default() }) {
        (place.latitude, place.longitude) = (None, None);
        counts.leave_out(COORDINATES);
    }
    limits::cut(&LOCATION, place.texts_mut(), counts);
}

/// Leaves out attributes until the endpoint is small enough: those of the endpoint before those of the user,
/// and the last by name first. The other fields together are always small enough.
fn shrink(endpoint: &mut Arc<Endpoint>, counts: &mut FieldCounts) -> usize {
    let mut bytes = body::endpoint_bytes(endpoint);
    while bytes > ENDPOINT_BYTES {
        let endpoint = Arc::make_mut(endpoint);
        let (attributes, limit) = if endpoint.attributes.is_empty() {
            (&mut endpoint.user_attributes, USER_ATTRIBUTES)
        } else {
            (&mut endpoint.attributes, ATTRIBUTES)
        };
        let Some((key, values)) = attributes.pop_last() else { break };
        bytes -= body::attribute_bytes(&key, &values);
        counts.leave_out(limit.name);
    }
    bytes
}
