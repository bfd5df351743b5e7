//! How a Keycloak event is known from another provider's.
//!
//! Knows nothing of what it says. Keycloak's types are capitals (`LOGIN_ERROR`), alone or after `access.`
//! or `admin.`; every publisher writes the realm's id or the user's, the session's or the client's. A realm
//! without a type is a Keycloak event that lacks it, and is refused as such. A document of our own format is
//! no Keycloak event, whatever else it has.

use crate::core::{
    decode::{
        identity_event,
        keycloak::{admin, fields::Fields, kind},
        tree::Node,
    },
    identity::Kind,
};

/// Whether the value has the shape of this format.
pub(in crate::core::decode) fn recognises(node: Node<'_, '_>) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| node.get(key).is_stated());
    let has_realm = || has(&["realmId", "realmName", "realm_id"]);
    let has_subject = || has(&["userId", "sessionId", "clientId", "user_id", "session_id", "client_id"]);
    let name = [node.get("type"), node.get("eventType")].into_iter().find_map(Node::word);
    match name {
        Some(name) if name.starts_with("access.") => true,
        Some(name) if is_name(name) => has_realm() || has_subject() || kind(name, None).is_ok(),
        Some(name) if Kind::named(name).is_some() && identity_event::is_version(node) => false,
        _ => has_realm() || admin::is_admin_event(&Fields::of(node)),
    }
}

/// Whether the fields of Keycloak's own JSON are those of a Keycloak event; the others are not looked at.
pub(super) fn is_own(fields: &Fields<'_, '_>) -> bool {
    fields.r#type.word().is_some_and(is_name) && fields.realm.is_stated()
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
