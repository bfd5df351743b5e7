//! The records for the benchmarks: sign-ins as Keycloak 26 writes them, each with the given user and a
//! session of its own.
//!
//! Knows nothing of what is measured.

/// The kind of a realm's id.
pub(crate) const REALM: usize = 2;

/// The sign-in number `number`, by the user number `user`.
pub(crate) fn sign_in(number: usize, user: usize) -> Vec<u8> {
    sign_in_at(0, number, user)
}

/// The sign-in number `number` at a realm, by the user number `user`.
pub(crate) fn sign_in_at(realm: usize, number: usize, user: usize) -> Vec<u8> {
    let (event, realm, person, session) = (id(1, number), id(REALM, realm), id(3, user), id(4, number));
    let time = 1_795_382_400_000 + number;
    let head =
        format!(r#"{{"id":"{event}","time":{time},"type":"LOGIN","realmId":"{realm}","realmName":"shop""#);
    let whose =
        format!(r#""clientId":"web","userId":"{person}","sessionId":"{session}","ipAddress":"203.0.113.7""#);
    let how = r#""auth_method":"openid-connect","auth_type":"code","consent":"no_consent_required""#;
    let uri = r#""redirect_uri":"https://shop.example.com/callback","response_type":"code""#;
    let details = format!(r#"{{{how},{uri},"code_id":"{session}","username":"anna.{user}"}}"#);
    format!(r#"{head},{whose},"error":null,"details":{details}}}"#).into_bytes()
}

/// An id in the form of a UUID, one for each kind and number.
pub(crate) fn id(kind: usize, number: usize) -> String {
    // Scattered, as random ids are: consecutive numbers must not be neighbours in any map.
    let scattered = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{kind:08x}-{:04x}-4000-8000-{:012x}", scattered >> 48, scattered & 0xffff_ffff_ffff)
}
