//! The fields of Keycloak's events under the names that its publishers give them.
//!
//! One tolerant reader for all publishers: Keycloak's own JSON (as Jackson writes it), the listeners that
//! rename or wrap fields (`uid`, `eventId`, `eventType`, `dateTime`, `authDetails`), and the columns of
//! Keycloak's tables (`user_id`). What is not named here (`@class`, `representation`, …) is skipped. What
//! few records have is kept in lists and boxes, so that the others do not pay for it.

use crate::decode::{
    Wanted,
    json::{Keys, Scalar, Slot},
    keycloak::details::Details,
};

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
    pub(super) realm_name: Scalar<'a>,
    pub(super) user: Scalar<'a>,
    pub(super) user_column: Scalar<'a>,
    pub(super) session: Scalar<'a>,
    pub(super) session_column: Scalar<'a>,
    pub(super) client: Scalar<'a>,
    pub(super) client_column: Scalar<'a>,
    pub(super) username: Scalar<'a>,
    pub(super) user_name: Scalar<'a>,
    pub(super) ip: Scalar<'a>,
    pub(super) error: Scalar<'a>,
    /// What a publisher or a table has beside these.
    pub(super) rare: Vec<(Rare, Scalar<'a>)>,
    /// Whether the object has a field of an envelope, and so is not what it looks like.
    pub(super) enveloped: bool,
    pub(super) details: Details<'a>,
    pub(super) details_column: Option<Box<Details<'a>>>,
    pub(super) long_details_column: Option<Box<Details<'a>>>,
    pub(super) auth: Option<Box<AuthDetails<'a>>>,
}

/// A field that few records have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rare {
    IpColumn,
    UserAgent,
    Operation,
    OperationColumn,
    Resource,
    ResourceText,
    ResourceColumn,
    Path,
    PathColumn,
    AdminTime,
}

/// `authDetails`: who did it; in an `access.*` event the user, in an admin event the administrator.
#[derive(Default)]
pub(super) struct AuthDetails<'a> {
    pub(super) user: Scalar<'a>,
    pub(super) session: Scalar<'a>,
    pub(super) client: Scalar<'a>,
    pub(super) username: Scalar<'a>,
    pub(super) ip: Scalar<'a>,
}

impl<'a> Fields<'a> {
    /// Fields that keep what is wanted.
    pub(super) fn wanting(wanted: Wanted) -> Self {
        Self { details: Details::wanting(wanted), ..Self::default() }
    }

    /// Takes the value of a rare field.
    pub(super) fn take(&mut self, name: Rare) -> Scalar<'a> {
        let found = self.rare.iter_mut().rev().find(|(rare, _)| *rare == name);
        found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// Whether a rare field has a text.
    pub(super) fn has(&self, names: &[Rare]) -> bool {
        self.rare.iter().any(|(rare, value)| names.contains(rare) && matches!(value, Scalar::Text(_)))
    }

    /// Takes the details from whichever column has them, where there are columns.
    pub(super) fn settle_details(&mut self) {
        for column in [self.details_column.take(), self.long_details_column.take()].into_iter().flatten() {
            if !column.is_empty() {
                self.details = *column;
            }
        }
    }

    fn rare(&mut self, name: Rare) -> Slot<'_, 'a> {
        let last = self.rare.len();
        self.rare.push((name, Scalar::Null));
        Slot::Value(&mut self.rare[last].1)
    }

    fn column(&mut self, long: bool) -> Slot<'_, 'a> {
        let wanted = self.details.wanted();
        let column = if long { &mut self.long_details_column } else { &mut self.details_column };
        Slot::Object(&mut **column.get_or_insert_with(|| Box::new(Details::wanting(wanted))))
    }
}

impl<'a> Keys<'a> for Fields<'a> {
    fn clear(&mut self) {
        *self = Self::wanting(self.details.wanted());
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
            "realmName" => &mut self.realm_name,
            "userId" => &mut self.user,
            "user_id" => &mut self.user_column,
            "sessionId" => &mut self.session,
            "session_id" => &mut self.session_column,
            "clientId" => &mut self.client,
            "client_id" => &mut self.client_column,
            "username" => &mut self.username,
            "userName" => &mut self.user_name,
            "ipAddress" => &mut self.ip,
            "error" => &mut self.error,
            "details" => return Slot::Object(&mut self.details),
            "authDetails" => return Slot::Object(&mut **self.auth.get_or_insert_default()),
            "details_json" => return self.column(false),
            "details_json_long_value" => return self.column(true),
            "ip_address" => return self.rare(Rare::IpColumn),
            "userAgent" => return self.rare(Rare::UserAgent),
            "operationType" => return self.rare(Rare::Operation),
            "operation_type" => return self.rare(Rare::OperationColumn),
            "resourceType" => return self.rare(Rare::Resource),
            "resourceTypeAsString" => return self.rare(Rare::ResourceText),
            "resource_type" => return self.rare(Rare::ResourceColumn),
            "resourcePath" => return self.rare(Rare::Path),
            "resource_path" => return self.rare(Rare::PathColumn),
            "admin_event_time" => return self.rare(Rare::AdminTime),
            "specversion" | "__op" | "__deleted" => {
                self.enveloped = true;
                return Slot::Unread;
            }
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
            "ipAddress" => &mut self.ip,
            _ => return Slot::Unread,
        })
    }
}
