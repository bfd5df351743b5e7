//! For tests: shows the events that a format makes from a value, one per line.

use std::{borrow::Cow, fmt::Write};

use crate::core::{
    decode::{
        EventResult, EventResults, Wanted,
        tree::{Node, parse},
    },
    identity::{Device, GeoLocation, reason::Unmapped},
    time::Timestamp,
};

/// Decodes `value` with `decode`. Shows one line per event: the kind, then `field=value` in the order of
/// their declaration, without empty fields; or the reason why there is no event.
#[track_caller]
pub(super) fn lines(value: &str, decode: for<'a> fn(Node<'_, 'a>) -> EventResults<'a>) -> String {
    match parse(value.as_bytes()) {
        Ok(mut tree) => {
            tree.wanted = Wanted { attributes: true };
            of(&decode(tree.root()))
        }
        Err(reason) => format!("refused: {}", reason.code()),
    }
}

/// Shows one line for each of `items`.
pub(in crate::core) fn of(items: &[EventResult<'_>]) -> String {
    items.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(item: &EventResult<'_>) -> String {
    let event = match item {
        Ok(event) => event,
        Err(Unmapped::Ignored(reason)) => return format!("ignored: {}", reason.code()),
        Err(Unmapped::Refused(reason)) => return format!("refused: {}", reason.code()),
    };
    let mut line = format!("{:?}", event.kind);
    let time = |time: Option<Timestamp>| time.map(|time| time.0.to_string().into());
    add(&mut line, "id", event.id.as_ref());
    add(&mut line, "time", time(event.time).as_ref());
    add(&mut line, "realm", event.realm.as_ref());
    add(&mut line, "realm_name", event.realm_name.as_ref());
    add(&mut line, "user", event.user.as_ref());
    add(&mut line, "name", event.user_name.as_ref());
    add(&mut line, "session", event.session.as_ref());
    add(&mut line, "start", time(event.session_start).as_ref());
    add(&mut line, "client", event.client.as_ref());
    add(&mut line, "reason", event.reason.as_ref());
    add(&mut line, "ip", event.ip.as_ref());
    add(&mut line, "agent", event.user_agent.as_ref());
    if let Some(device) = &event.device {
        add_device(&mut line, device);
    }
    if let Some(place) = &event.place {
        add_place(&mut line, place);
    }
    for (name, values) in &event.person {
        let _ = write!(line, " person.{name}={}", values.join("|"));
    }
    for (name, value) in &event.attributes {
        let _ = write!(line, " {name}:{value}");
    }
    line
}

fn add_device(line: &mut String, device: &Device<'_>) {
    add(line, "device.id", device.id.as_ref());
    add(line, "device.model", device.model.as_ref());
    add(line, "device.platform", device.platform.as_ref());
    add(line, "device.platform_version", device.platform_version.as_ref());
    add(line, "device.browser", device.browser.as_ref());
    add(line, "device.timezone", device.timezone.as_ref());
}

fn add_place(line: &mut String, place: &GeoLocation<'_>) {
    let degrees = |degrees: Option<f64>| degrees.map(|degrees| degrees.to_string().into());
    add(line, "city", place.city.as_ref());
    add(line, "country", place.country.as_ref());
    add(line, "region", place.region.as_ref());
    add(line, "postal_code", place.postal_code.as_ref());
    add(line, "lat", degrees(place.latitude).as_ref());
    add(line, "long", degrees(place.longitude).as_ref());
}

fn add(line: &mut String, name: &str, text: Option<&Cow<'_, str>>) {
    if let Some(text) = text {
        let _ = write!(line, " {name}={text}");
    }
}
