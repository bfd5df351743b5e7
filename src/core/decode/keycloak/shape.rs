//! How a Keycloak event is known from another provider's.
//!
//! Knows nothing of what it says. Keycloak's types are capitals (`LOGIN_ERROR`), alone or after `access.`
//! or `admin.`; every publisher writes the realm's id or the user's, the session's or the client's. A realm
//! without a type is a Keycloak event that lacks it, and is refused as such. A document of our own format is
//! no Keycloak event, whatever else it has.

use crate::core::{
    decode::{
        identity_event,
        keycloak::{
            admin,
            fields::{FieldName, Fields},
            kind,
        },
        tree::Node,
    },
    identity::Kind,
};

/// Whether the value has the shape of this format.
pub(in crate::core::decode) fn recognises(node: Node<'_, '_>) -> bool {
    fits(node, &Fields::of(node))
}

/// Like [`recognises`], with the fields of the value.
pub(super) fn fits(node: Node<'_, '_>, fields: &Fields<'_, '_>) -> bool {
    let has_realm = || fields.has(&[FieldName::Realm, FieldName::RealmName, FieldName::RealmColumn]);
    let has_subject = || {
        fields.realm_object().is_some()
            || fields.has(&[FieldName::User, FieldName::Session, FieldName::Client])
            || fields.has(&[FieldName::UserColumn, FieldName::SessionColumn, FieldName::ClientColumn])
    };
    let name = fields.word(&[FieldName::Type, FieldName::EventType]);
    match name {
        Some(name) if name.starts_with("access.") => true,
        Some(name) if is_name(name) => has_realm() || has_subject() || kind(name, None).is_ok(),
        Some(name) if Kind::named(name).is_some() && identity_event::is_version(node) => false,
        _ => has_realm() || admin::is_admin_event(fields),
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
