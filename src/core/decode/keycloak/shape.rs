//! How a Keycloak event is known from another provider's, by the fields that were read of it.
//!
//! Knows nothing of what it says. Keycloak's types are capitals (`LOGIN_ERROR`), alone or after `access.`
//! or `admin.`; every publisher writes the realm's id or the user's, the session's or the client's. A realm
//! without a type is a Keycloak event that lacks it, and is refused as such. A document of our own format is
//! none, whatever else it has.

use crate::core::{
    decode::{
        identity_event::is_current,
        json::Scalar,
        keycloak::{
            admin::is_admin_event,
            fields::{Fields, Rare},
            kind,
        },
    },
    identity::Kind,
};

/// Whether the fields are those of a Keycloak event.
pub(super) fn fits(fields: &Fields<'_>) -> bool {
    let written = fields.r#type.text().or_else(|| fields.rare.get(Rare::EventType)?.text());
    match written {
        Some(name) if name.starts_with("access.") => true,
        Some(name) if is_name(name) => has_realm(fields) || has_subject(fields) || kind(name, None).is_ok(),
        Some(name) if is_ours(name, fields) => false,
        _ => has_realm(fields) || is_admin_event(fields),
    }
}

/// Whether a type and the version beside it are those of our own format.
fn is_ours(name: &str, fields: &Fields<'_>) -> bool {
    Kind::named(name).is_some() && fields.rare.get(Rare::Version).is_some_and(is_current)
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn has_realm(fields: &Fields<'_>) -> bool {
    is_there(&fields.realm) || is_there(&fields.realm_name) || fields.rare.get(Rare::RealmColumn).is_some()
}

fn has_subject(fields: &Fields<'_>) -> bool {
    let columns = [Rare::UserColumn, Rare::SessionColumn, Rare::ClientColumn];
    let has_column = columns.into_iter().any(|column| fields.rare.get(column).is_some());
    has_column || [&fields.user, &fields.session, &fields.client].into_iter().any(is_there)
}

fn is_there(value: &Scalar<'_>) -> bool {
    !matches!(value, Scalar::Null)
}
