//! Distinguishes a Keycloak event from another provider's.
//!
//! Knows nothing of its content. Keycloak's types are in upper case (`LOGIN_ERROR`), alone or after `access.`
//! or `admin.`. Many other providers' types are too, and all providers' events have a user or a session. So
//! only a realm, a client, details or the fields of an admin event show that a record is Keycloak's. A realm
//! without a type is a Keycloak event that lacks its type, and is refused as such. A document of our own
//! format is never a Keycloak event, whatever other fields it has.

use crate::core::{
    decode::{
        identity_event,
        keycloak::{
            admin,
            fields::{FieldName, Fields, without_access},
        },
        tree::Node,
    },
    identity::Kind,
};

pub(in crate::core::decode) fn recognises(node: Node<'_, '_>) -> bool {
    fits(node, &Fields::of(node))
}

/// Like [`recognises`], for fields that were already gathered.
pub(super) fn fits(node: Node<'_, '_>, fields: &Fields<'_, '_>) -> bool {
    let has_realm = || fields.has(&[FieldName::Realm, FieldName::RealmName, FieldName::RealmColumn]);
    let has_mark = || {
        has_realm()
            || fields.has(&[FieldName::Client, FieldName::ClientColumn, FieldName::RealmNameColumn])
            || has_details(fields)
            || fields.realm_object().is_some()
    };
    match fields.type_name() {
        Some(name) if is_name(without_access(name)) => has_mark() || admin::has_fields(fields),
        Some(name) if Kind::named(name).is_some() && identity_event::is_version(node) => false,
        _ => has_realm() || admin::has_fields(fields),
    }
}

/// Whether the details are an object or a text that begins like one. Many other events have details in prose.
fn has_details(fields: &Fields<'_, '_>) -> bool {
    let details = fields.get(FieldName::Details);
    details.is_object()
        || details.str().trim_start().starts_with('{')
        || fields.has(&[FieldName::DetailsColumn, FieldName::LongDetailsColumn])
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::tree::parse;

    #[track_caller]
    fn check(value: &str, expected: bool) {
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
    }

    #[test]
    fn a_type_needs_a_mark_of_keycloaks_beside_it() {
        for mark in [
            r#""realmId":"r""#,
            r#""realmid":"r""#,
            r#""realm_id":"r""#,
            r#""realmName":"shop""#,
            r#""clientId":"c""#,
            r#""client_id":"c""#,
            r#""details":{}"#,
            r#""details":"{\"username\":\"anna\"}""#,
            r#""detailsJson":"{}""#,
        ] {
            for kind in ["type", "eventType"] {
                check(&format!(r#"{{"{kind}":"LOGIN",{mark}}}"#), true);
                check(&format!(r#"{{"{kind}":"access.LOGIN",{mark}}}"#), true);
            }
        }
        for none in [
            r#""userId":"u","sessionId":"s","ipAddress":"192.0.2.7""#,
            r#""user_id":"u","session_id":"s","username":"anna""#,
            r#""userId":"u","realmId":null,"clientId":"""#,
            r#""userId":"u","details":"by the menu","payload":{}"#,
            r#""userId":"u","details":["menu"]"#,
        ] {
            check(&format!(r#"{{"eventType":"LOGIN",{none}}}"#), false);
            check(&format!(r#"{{"type":"access.LOGIN",{none}}}"#), false);
            check(&format!(r#"{{"type":"PAGE_VIEW",{none}}}"#), false);
        }
    }

    #[test]
    fn an_admin_event_is_known_by_its_fields() {
        check(r#"{"operationType":"UPDATE","resourceType":"USER"}"#, true);
        check(r#"{"type":"UPDATE","resourceType":"USER"}"#, true);
        check(r#"{"type":"USER-UPDATE","resourcePath":"users/u"}"#, true);
        check(r#"{"type":"admin.USER-UPDATE","authDetails":{"userId":"boss"}}"#, true);
        check(r#"{"eventType":"USER-ACTION","resourcePath":"users/u/logout"}"#, true);
        check(r#"{"operationType":"DELETE","resourcePath":"sessions/s"}"#, true);
        check(r#"{"operationType":"READ","resourcePath":"/orders/1","userId":"u"}"#, false);
        check(r#"{"type":"ORDER-UPDATE","userId":"u"}"#, false);
        check(r#"{"type":"UPDATE","resourceType":"ORDER","resourceId":"o","userId":"u"}"#, false);
        check(r#"{"operationType":"CREATE","resourceType":"Patient","id":"p","userId":"u"}"#, false);
        check(r#"{"type":"admin.login","userId":"u"}"#, false);
        check(r#"{"type":"UPDATE","userId":"u"}"#, false);
    }
}
