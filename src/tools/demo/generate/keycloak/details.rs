//! The details of Keycloak's user events, which differ from type to type.
//!
//! Knows nothing of the fields that all events have.

use serde_json::{Value, json};

use super::{Happening, Person, REDIRECT_URI};

pub(super) fn details(person: &Person, happening: Happening) -> Option<Value> {
    let name = person.user_name();
    Some(match happening {
        Happening::Register => json!({
            "auth_method": "openid-connect", "register_method": "form", "redirect_uri": REDIRECT_URI,
            "last_name": person.last_name(), "first_name": person.first_name(),
            "code_id": person.session_id(), "email": format!("{name}@example.com"), "username": name,
        }),
        Happening::Login | Happening::SingleSignOn => json!({
            "auth_method": "openid-connect", "auth_type": "code", "redirect_uri": REDIRECT_URI,
            "consent": "no_consent_required", "code_id": person.session_id(), "username": name,
        }),
        Happening::LoginWithoutSession => json!({
            "auth_method": "openid-connect", "grant_type": "password", "scope": "openid profile email",
            "client_auth_method": "client-secret", "username": name,
        }),
        Happening::CodeToToken => json!({
            "grant_type": "authorization_code", "refresh_token_type": "Refresh",
            "scope": "openid profile email", "code_id": person.session_id(),
            "client_auth_method": "client-secret",
        }),
        Happening::Refresh => json!({
            "grant_type": "refresh_token", "refresh_token_type": "Refresh",
            "access_token_expiration_time": "300", "scope": "openid profile email",
            "refresh_token_sub": person.user_id(), "client_auth_method": "client-secret",
        }),
        Happening::SessionDeleted => json!({ "reason": "user_session_expired" }),
        Happening::FailedUnknown => login_form(&format!("nobody.{}", person.session % 100)),
        Happening::Failed(_) => login_form(&name),
        Happening::ClientLogin => json!({
            "grant_type": "client_credentials", "scope": "profile email",
            "client_auth_method": "client-secret", "username": "service-account-batch",
        }),
        Happening::Other(_) => json!({ "username": name }),
        // Keycloak writes null if it knows nothing of the client.
        Happening::ClientFailed("client_not_found") | Happening::AdminLogout | Happening::AdminUpdate => {
            return None;
        }
        Happening::Logout | Happening::FailedNobody | Happening::ClientFailed(_) => {
            json!({ "redirect_uri": REDIRECT_URI })
        }
    })
}

fn login_form(user_name: &str) -> Value {
    json!({
        "auth_method": "openid-connect", "auth_type": "code", "redirect_uri": REDIRECT_URI,
        "username": user_name,
    })
}
