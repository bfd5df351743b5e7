//! How a Keycloak event is known from another provider's, by the fields that were read of it.
//!
//! Knows nothing of what it says. Keycloak's types are capitals (`LOGIN_ERROR`), alone or after `access.`
//! or `admin.`; every publisher writes the realm's id or the user's, the session's or the client's. A realm
//! without a type is a Keycloak event that lacks it, and is refused as such.

use crate::decode::{
    json::Scalar,
    keycloak::{admin::is_admin_event, fields::Fields, kind},
};

/// Whether the fields are those of a Keycloak event.
pub(super) fn fits(fields: &Fields<'_>) -> bool {
    let written = fields.r#type.text().or(fields.event_type.text());
    match written {
        Some(name) if name.starts_with("access.") => true,
        Some(name) if is_name(name) => kind(name, None).is_ok() || has_realm(fields) || has_subject(fields),
        _ => has_realm(fields) || is_admin_event(fields),
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn has_realm(fields: &Fields<'_>) -> bool {
    is_there(&[&fields.realm, &fields.realm_column, &fields.realm_name])
}

fn has_subject(fields: &Fields<'_>) -> bool {
    let user = [&fields.user, &fields.user_column];
    let session = [&fields.session, &fields.session_column];
    is_there(&user) || is_there(&session) || is_there(&[&fields.client, &fields.client_column])
}

fn is_there(values: &[&Scalar<'_>]) -> bool {
    values.iter().any(|value| !matches!(value, Scalar::Null))
}
