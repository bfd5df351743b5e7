//! The fields of Keycloak's events under the names that its publishers give them.
//!
//! One tolerant reader for all publishers: Keycloak's own JSON (as Jackson writes it), the listeners that
//! rename or wrap fields (`uid`, `eventId`, `eventType`, `dateTime`, `authDetails`), and the columns of
//! Keycloak's tables (`user_id`). What is not named here (`@class`, `representation`, …) is skipped.

use crate::decode::json::{Keys, Scalar, Slot};

/// The outermost object.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Scalar<'a>,
    pub(super) uid: Scalar<'a>,
    pub(super) event_id: Scalar<'a>,
    pub(super) time: Scalar<'a>,
    pub(super) timestamp: Scalar<'a>,
    pub(super) date_time: Scalar<'a>,
    pub(super) event_time: Scalar<'a>,
    pub(super) r#type: Scalar<'a>,
    pub(super) event_type: Scalar<'a>,
    pub(super) realm: Scalar<'a>,
    pub(super) realm_column: Scalar<'a>,
    pub(super) user: Scalar<'a>,
    pub(super) user_column: Scalar<'a>,
    pub(super) session: Scalar<'a>,
    pub(super) session_column: Scalar<'a>,
    pub(super) client: Scalar<'a>,
    pub(super) client_column: Scalar<'a>,
    pub(super) username: Scalar<'a>,
    pub(super) user_name: Scalar<'a>,
    pub(super) error: Scalar<'a>,
    pub(super) operation_type: Scalar<'a>,
    pub(super) resource_type: Scalar<'a>,
    pub(super) details: Details<'a>,
    pub(super) auth: AuthDetails<'a>,
}

/// `details`: free texts, of which these are read.
#[derive(Default)]
pub(super) struct Details<'a> {
    pub(super) username: Scalar<'a>,
    pub(super) code_id: Scalar<'a>,
    pub(super) reason: Scalar<'a>,
}

/// `authDetails`: who did it; in an `access.*` event the user, in an admin event the administrator.
#[derive(Default)]
pub(super) struct AuthDetails<'a> {
    pub(super) user: Scalar<'a>,
    pub(super) session: Scalar<'a>,
    pub(super) client: Scalar<'a>,
    pub(super) username: Scalar<'a>,
}

impl<'a> Keys<'a> for Fields<'a> {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn slot(&mut self, key: &str) -> Slot<'_, 'a> {
        Slot::Value(match key {
            "id" => &mut self.id,
            "uid" => &mut self.uid,
            "eventId" => &mut self.event_id,
            "time" => &mut self.time,
            "timestamp" => &mut self.timestamp,
            "dateTime" => &mut self.date_time,
            "event_time" => &mut self.event_time,
            "type" => &mut self.r#type,
            "eventType" => &mut self.event_type,
            "realmId" => &mut self.realm,
            "realm_id" => &mut self.realm_column,
            "userId" => &mut self.user,
            "user_id" => &mut self.user_column,
            "sessionId" => &mut self.session,
            "session_id" => &mut self.session_column,
            "clientId" => &mut self.client,
            "client_id" => &mut self.client_column,
            "username" => &mut self.username,
            "userName" => &mut self.user_name,
            "error" => &mut self.error,
            "operationType" => &mut self.operation_type,
            "resourceType" => &mut self.resource_type,
            "details" => return Slot::Object(&mut self.details),
            "authDetails" => return Slot::Object(&mut self.auth),
            _ => return Slot::Unread,
        })
    }
}

impl<'a> Keys<'a> for Details<'a> {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn slot(&mut self, key: &str) -> Slot<'_, 'a> {
        Slot::Value(match key {
            "username" => &mut self.username,
            "code_id" => &mut self.code_id,
            "reason" => &mut self.reason,
            _ => return Slot::Unread,
        })
    }
}

impl<'a> Keys<'a> for AuthDetails<'a> {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn slot(&mut self, key: &str) -> Slot<'_, 'a> {
        Slot::Value(match key {
            "userId" => &mut self.user,
            "sessionId" => &mut self.session,
            "clientId" => &mut self.client,
            "username" => &mut self.username,
            _ => return Slot::Unread,
        })
    }
}
