//! What a real Keycloak wrote, and what must become of it.

use pinpoint_sidecar::{
    core::time::Timestamp,
    tools::demo::generate::{Expected, Produced, Realm},
};
use serde_json::Value;

/// What Keycloak 26.4.7 wrote through the most used publisher, one record a line.
pub(super) const SAMPLES: &str = include_str!("../../data/keycloak-26.4.7.jsonl");

/// How long a UUID is as a text.
const UUID: usize = 36;

/// The samples as records, with what the table for Keycloak says of their types.
pub(super) fn samples() -> impl Iterator<Item = Produced> {
    SAMPLES.lines().map(sample)
}

/// The samples of another life, in which all events, users and sessions have other ids.
pub(super) fn life(number: u16) -> impl Iterator<Item = Produced> {
    samples().map(move |sample| {
        let value = sample.value.map(|value| renamed(&String::from_utf8(value).expect("text"), number));
        let Expected::Delivered { event_ids } = sample.expected else {
            return Produced { value: value.map(Into::into), ..sample };
        };
        let event_ids = event_ids.iter().map(|id| renamed(id, number)).collect();
        Produced { value: value.map(Into::into), expected: Expected::Delivered { event_ids }, ..sample }
    })
}

fn sample(line: &str) -> Produced {
    let event: Value = serde_json::from_str(line).expect("Keycloak writes JSON");
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let slots: &[&str] = match (text("type"), text("error")) {
        ("LOGIN", _) => &["sign_in", "session"],
        ("REGISTER", _) => &["sign_up"],
        ("LOGOUT", _) => &["session"],
        ("LOGIN_ERROR", "invalid_redirect_uri" | "client_not_found") => &[],
        ("LOGIN_ERROR", _) => &["auth_fail"],
        // An administrator ends a session, and all those that a user has: one.
        _ if text("resourcePath").starts_with("sessions/") => &["session"],
        _ if text("resourcePath").ends_with("/logout") => &["session:a0f0d6d8-a1a2-60ee-80e8-83642b9b674a"],
        _ => &[],
    };
    let event_ids: Vec<_> = slots.iter().map(|slot| format!("{}:{slot}", text("id"))).collect();
    let expected = if slots.is_empty() { Expected::Ignored } else { Expected::Delivered { event_ids } };
    Produced {
        timestamp: Timestamp(0),
        key: None,
        value: Some(line.into()),
        expected,
        from: "keycloak",
        realm: Realm::Shop,
    }
}

/// Replaces the last four digits of each UUID in a text.
fn renamed(text: &str, number: u16) -> String {
    let mut renamed = text.to_owned();
    for start in 0..=text.len().saturating_sub(UUID) {
        let end = start + UUID;
        if text.get(start..end).is_some_and(is_uuid) {
            renamed.replace_range(end - 4..end, &format!("{number:04x}"));
        }
    }
    renamed
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
