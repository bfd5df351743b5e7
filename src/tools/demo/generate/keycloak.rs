//! Records of Keycloak, field by field as version 26 writes them, including nulls.
//!
//! Knows nothing of what the records become. They contain made-up personal data (`@example.com`, addresses
//! reserved for documentation), so that a test can look for it where it must not appear.

use fastrand::Rng;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Realm,
    life::{Happening, Person},
};

mod details;

const FIRST_NAMES: [&str; 12] =
    ["Anna", "Ben", "Cora", "Dinesh", "Élise", "Farah", "Goran", "Hana", "Ivo", "Jun", "Karim", "Ольга"];
const LAST_NAMES: [&str; 10] =
    ["Abel", "Brandt", "Cho", "Dupont", "Eriksen", "Ferrari", "García", "Haddad", "Ito", "O'Neil"];

const REDIRECT_URI: &str = "https://shop.example.com/callback";

/// A realm of Keycloak, and its administrator.
pub(super) struct KeycloakRealm {
    name: &'static str,
    id: String,
    master_id: String,
    admin_id: String,
    service_account_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserEvent<'a> {
    id: &'a str,
    time: i64,
    r#type: &'a str,
    realm_id: &'a str,
    realm_name: &'a str,
    client_id: Option<&'a str>,
    user_id: Option<String>,
    session_id: Option<String>,
    ip_address: Option<String>,
    error: Option<&'a str>,
    details: Option<Value>,
}

/// A random id such as `73fba50c-e077-4737-b9cc-175c13da85eb`.
pub(super) fn uuid(rng: &mut Rng) -> String {
    // The bits that mark a random UUID: version 4, variant 8 to b.
    let bits = rng.u128(..) & !(0xf << 76) & !(0xc << 60) | (0x4 << 76) | (0x8 << 60);
    let digits = format!("{bits:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

impl KeycloakRealm {
    pub(super) fn new(realm: Realm, rng: &mut Rng) -> Self {
        let [id, master_id, admin_id, service_account_id] = [(); 4].map(|()| uuid(rng));
        Self { name: realm.name(), id, master_id, admin_id, service_account_id }
    }

    /// The record of what happened to a person at a time (milliseconds since 1970), with the event id `id`.
    pub(super) fn record(&self, id: &str, time: i64, person: &Person, happening: Happening) -> Vec<u8> {
        match happening {
            Happening::AdminLogout | Happening::AdminUpdate => {
                let logout = happening == Happening::AdminLogout;
                let user_id = if logout { person.somebody() } else { person.user_id() };
                self.admin_event(id, time, &user_id, logout)
            }
            _ => self.user_event(id, time, person, happening),
        }
    }

    fn user_event(&self, id: &str, time: i64, person: &Person, happening: Happening) -> Vec<u8> {
        let user_id = match happening {
            Happening::FailedUnknown | Happening::FailedNobody | Happening::ClientFailed(_) => None,
            Happening::ClientLogin => Some(self.service_account_id.clone()),
            _ => Some(person.user_id()),
        };
        let event = UserEvent {
            id,
            time,
            r#type: type_name(happening),
            realm_id: &self.id,
            realm_name: self.name,
            client_id: client_id(happening),
            user_id,
            session_id: has_session(happening).then(|| person.session_id()),
            ip_address: (happening != Happening::SessionDeleted).then(|| person.address()),
            error: error(happening),
            details: details::details(person, happening),
        };
        // Cannot fail for our own type, whose keys are text.
        serde_json::to_vec(&event).unwrap_or_default()
    }

    fn admin_event(&self, id: &str, time: i64, user_id: &str, logout: bool) -> Vec<u8> {
        let (operation, path, resource, representation) = if logout {
            ("ACTION", format!("users/{user_id}/logout"), "logout", None)
        } else {
            ("UPDATE", format!("users/{user_id}"), user_id, Some(r#"{"email":"changed@example.com"}"#))
        };
        let event = json!({
            "id": id, "time": time, "realmId": self.id, "realmName": self.name,
            "authDetails": {
                "realmId": self.master_id, "realmName": "master", "clientId": "security-admin-console",
                "userId": self.admin_id, "ipAddress": "192.0.2.1",
            },
            "resourceType": "USER", "operationType": operation, "resourcePath": path,
            "representation": representation, "error": null, "details": null,
            "resourceTypeAsString": "USER", "resourceId": resource,
        });
        event.to_string().into_bytes()
    }
}

impl Person {
    pub(super) fn user_id(&self) -> String {
        uuid(&mut Rng::with_seed(self.id))
    }

    /// The id of another user, who never has an open session. Which sessions an administrator's logout finds
    /// open depends on what was read before, which differs from run to run.
    fn somebody(&self) -> String {
        uuid(&mut Rng::with_seed(!self.id))
    }

    /// The id of the session: 24 characters, as 26.7 writes it, or a UUID, as 26.4 does.
    pub(super) fn session_id(&self) -> String {
        let mut rng = Rng::with_seed(self.session);
        if self.number.is_multiple_of(2) {
            return uuid(&mut rng);
        }
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..24).map(|_| char::from(alphabet[rng.usize(..alphabet.len())])).collect()
    }

    fn first_name(&self) -> &'static str {
        FIRST_NAMES[self.number as usize % FIRST_NAMES.len()]
    }

    fn last_name(&self) -> &'static str {
        LAST_NAMES[self.number as usize / FIRST_NAMES.len() % LAST_NAMES.len()]
    }

    pub(super) fn email(&self) -> String {
        format!("{}@example.com", self.user_name())
    }

    pub(super) fn user_name(&self) -> String {
        format!("{}.{}", self.first_name().to_lowercase(), self.number)
    }

    pub(super) fn address(&self) -> String {
        format!("203.0.113.{}", self.number % 256)
    }
}

fn type_name(happening: Happening) -> &'static str {
    match happening {
        Happening::Register => "REGISTER",
        Happening::Login | Happening::SingleSignOn | Happening::LoginWithoutSession => "LOGIN",
        Happening::CodeToToken => "CODE_TO_TOKEN",
        Happening::Refresh => "REFRESH_TOKEN",
        Happening::Logout => "LOGOUT",
        Happening::SessionDeleted => "USER_SESSION_DELETED",
        Happening::Failed(_)
        | Happening::FailedUnknown
        | Happening::FailedNobody
        | Happening::ClientFailed(_) => "LOGIN_ERROR",
        Happening::Other(name) => name,
        Happening::ClientLogin => "CLIENT_LOGIN",
        Happening::AdminLogout | Happening::AdminUpdate => "",
    }
}

fn client_id(happening: Happening) -> Option<&'static str> {
    match happening {
        Happening::SessionDeleted | Happening::Other("USER_DISABLED_BY_TEMPORARY_LOCKOUT") => None,
        Happening::SingleSignOn | Happening::LoginWithoutSession => Some("mobile"),
        Happening::ClientLogin => Some("batch"),
        Happening::ClientFailed("client_not_found") => Some("nope"),
        _ => Some("web"),
    }
}

fn has_session(happening: Happening) -> bool {
    matches!(
        happening,
        Happening::Login
            | Happening::SingleSignOn
            | Happening::CodeToToken
            | Happening::Refresh
            | Happening::Logout
            | Happening::SessionDeleted
    )
}

fn error(happening: Happening) -> Option<&'static str> {
    match happening {
        Happening::Failed(error) | Happening::ClientFailed(error) => Some(error),
        Happening::FailedUnknown => Some("user_not_found"),
        Happening::FailedNobody => Some("invalid_user_credentials"),
        Happening::Other(name) if name.ends_with("_ERROR") => Some("invalid_token"),
        _ => None,
    }
}
