//! Records of other identity providers, and Keycloak's records in an envelope: as the provider writes them,
//! with the fields that matter and some that do not.
//!
//! Knows nothing of how this service reads them. Personal data is made up.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Realm,
    life::{Happening, Person},
};

/// Who writes the records of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Vendor {
    Keycloak,
    /// Keycloak's JSON in a structured `CloudEvents` event.
    CloudEvents,
    Okta,
    Auth0,
    FusionAuth,
    /// Our own public format, as any program may publish it.
    Document,
}

/// A record and the slots of its app events.
pub(super) struct VendorRecord {
    pub(super) value: Value,
    pub(super) slots: &'static [&'static str],
}

impl Vendor {
    /// The vendor of a user; half of all users have Keycloak.
    pub(super) fn of(person: &Person) -> Self {
        match person.number % 10 {
            5 => Self::CloudEvents,
            6 => Self::Okta,
            7 => Self::Auth0,
            8 => Self::FusionAuth,
            9 => Self::Document,
            _ => Self::Keycloak,
        }
    }

    /// The name, for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::CloudEvents => "keycloak in CloudEvents",
            Self::Okta => "okta",
            Self::Auth0 => "auth0",
            Self::FusionAuth => "fusionauth",
            Self::Document => "identity-event",
        }
    }

    /// The record of what happened to a person at a time (milliseconds since 1970), with the event id `id`;
    /// `None` if it is Keycloak's.
    pub(super) fn write(
        self,
        id: &str,
        time: i64,
        (realm, person): (Realm, &Person),
        happening: Happening,
    ) -> Option<VendorRecord> {
        match self {
            Self::Keycloak | Self::CloudEvents => None,
            Self::Okta => Some(okta(id, time, person, happening)),
            Self::Auth0 => Some(auth0(id, time, (realm, person), happening)),
            Self::FusionAuth => Some(fusionauth(id, time, (realm, person), happening)),
            Self::Document => Some(document(id, time, (realm, person), happening)),
        }
    }
}

/// A record of Keycloak in a structured event.
pub(super) fn cloud_event(id: &str, time: i64, realm: Realm, record: &[u8]) -> Value {
    let source = format!("https://sso.example.com/realms/{}", realm.name());
    json!({
        "specversion": "1.0", "id": id, "source": source,
        "type": "org.keycloak.event", "time": iso(time), "datacontenttype": "application/json",
        "data": serde_json::from_slice::<Value>(record).unwrap_or_default(),
    })
}

fn okta(id: &str, time: i64, person: &Person, happening: Happening) -> VendorRecord {
    let (event_type, slots): (_, &[&str]) = match happening {
        Happening::Register => ("user.lifecycle.create", &["sign_up"]),
        Happening::Login => ("user.session.start", &["sign_in", "session"]),
        Happening::SingleSignOn => ("user.authentication.sso", &["session"]),
        Happening::Logout => ("user.session.end", &["session"]),
        Happening::SessionDeleted => ("user.session.expire", &["session"]),
        Happening::Failed(_) => ("user.session.start", &["auth_fail"]),
        _ => ("policy.evaluate_sign_on", &[]),
    };
    let failed = matches!(happening, Happening::Failed(_));
    let outcome = if failed {
        json!({ "result": "FAILURE", "reason": "INVALID_CREDENTIALS" })
    } else {
        json!({ "result": "SUCCESS", "reason": null })
    };
    let user = person.user_id();
    let target = json!([{ "id": user, "type": "User", "alternateId": person.email() }]);
    let value = json!({
        "actor": {
            "id": user, "type": "User", "alternateId": person.email(), "displayName": person.user_name(),
        },
        "client": {
            "userAgent": { "rawUserAgent": AGENT, "os": "Linux", "browser": "FIREFOX" },
            "ipAddress": person.address(), "geographicalContext": { "city": "Bern", "country": "Switzerland" },
        },
        "authenticationContext": { "externalSessionId": person.session_id(), "authenticationStep": 0 },
        "displayMessage": "made up", "eventType": event_type, "outcome": outcome, "severity": "INFO",
        "published": iso(time), "uuid": id, "version": "0",
        "target": if happening == Happening::Register { target } else { Value::Null },
    });
    VendorRecord { value, slots }
}

fn auth0(id: &str, time: i64, (realm, person): (Realm, &Person), happening: Happening) -> VendorRecord {
    let (code, slots): (_, &[&str]) = match happening {
        Happening::Register => ("ss", &["sign_up"]),
        Happening::Login => ("s", &["sign_in", "session"]),
        Happening::SingleSignOn => ("ssa", &["session"]),
        Happening::Logout => ("slo", &["session"]),
        Happening::Failed(_) => ("fp", &["auth_fail"]),
        _ => ("seccft", &[]),
    };
    let value = json!({
        "log_id": id,
        "data": {
            "date": iso(time), "type": code, "description": "made up", "connection": "users",
            "client_id": "web", "client_name": "Shop", "ip": person.address(), "user_agent": AGENT,
            "details": { "session_id": person.session_id(), "initiatedAt": time - 5000 },
            "hostname": "shop.example.com", "user_id": format!("auth0|{}", person.user_id()),
            "user_name": person.email(), "tenant_name": realm.name(), "log_id": id,
        },
    });
    VendorRecord { value, slots }
}

fn fusionauth(id: &str, time: i64, (realm, person): (Realm, &Person), happening: Happening) -> VendorRecord {
    let (event_type, slots): (_, &[&str]) = match happening {
        Happening::Register => ("user.create.complete", &["sign_up"]),
        Happening::Login | Happening::LoginWithoutSession => ("user.login.success", &["sign_in"]),
        Happening::Failed(_) => ("user.login.failed", &["auth_fail"]),
        _ => ("user.update.complete", &[]),
    };
    let value = json!({
        "event": {
            "id": id, "createInstant": time, "type": event_type, "tenantId": fusionauth_tenant(realm), "applicationId": "web",
            "info": { "ipAddress": person.address(), "userAgent": AGENT },
            "user": { "id": person.user_id(), "email": person.email(), "active": true },
        },
    });
    VendorRecord { value, slots }
}

fn document(id: &str, time: i64, (realm, person): (Realm, &Person), happening: Happening) -> VendorRecord {
    let (event_type, slots): (_, &[&str]) = match happening {
        Happening::Register => ("sign_up", &["sign_up"]),
        Happening::Login => ("sign_in", &["sign_in", "session"]),
        Happening::SingleSignOn => ("session_resumed", &["session"]),
        Happening::Logout | Happening::SessionDeleted => ("session_stopped", &["session"]),
        Happening::Failed(_) => ("sign_in_failed", &["auth_fail"]),
        _ => ("activity", &[]),
    };
    let value = json!({
        "version": 1, "type": event_type, "id": id, "time": iso(time), "provider": "example",
        "realm": realm.name(), "user": person.user_id(), "session": person.session_id(), "client": "web",
    });
    VendorRecord { value, slots }
}

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// The id of a realm in FusionAuth, which calls it a tenant.
pub(super) const fn fusionauth_tenant(realm: Realm) -> &'static str {
    match realm {
        Realm::Shop => "f1d9a6f0-9d3b-4c5e-8a7b-2c1d0e9f8a7b",
        Realm::Acme => "0b7c2d1e-5a4f-4e3d-9c2b-1a0f9e8d7c6b",
    }
}

/// A time in ISO 8601 with milliseconds.
fn iso(time: i64) -> String {
    Timestamp::from_millisecond(time).map(|time| format!("{time:.3}")).unwrap_or_default()
}
