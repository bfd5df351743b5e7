//! The fields of Keycloak's events under the names that its publishers give them.
//!
//! One tolerant reader for all publishers: Keycloak's own JSON (as Jackson writes it), the listeners that
//! rename or wrap fields (`uid`, `eventId`, `eventType`, `dateTime`, `authDetails`), and the columns of
//! Keycloak's tables (`user_id`). What is not named here (`@class`, `representation`, …) is skipped. What
//! few records have is kept in a list and in boxes, so that the others do not pay for it.

use crate::core::decode::{
    Wanted,
    json::{Keys, Scalar, Slot},
    keycloak::details::Details,
    time::time,
};
use crate::core::time::Timestamp;

/// The outermost object.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Scalar<'a>,
    pub(super) time: Scalar<'a>,
    pub(super) r#type: Scalar<'a>,
    pub(super) realm: Scalar<'a>,
    pub(super) realm_name: Scalar<'a>,
    pub(super) user: Scalar<'a>,
    pub(super) session: Scalar<'a>,
    pub(super) client: Scalar<'a>,
    pub(super) ip: Scalar<'a>,
    pub(super) error: Scalar<'a>,
    pub(super) rare: RareFields<'a>,
    patience: Patience,
    pub(super) details: Details<'a>,
    pub(super) details_column: Option<Box<Details<'a>>>,
    pub(super) long_details_column: Option<Box<Details<'a>>>,
    pub(super) auth: Option<Box<AuthDetails<'a>>>,
}

/// When an object is not looked at further.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Patience {
    /// Never: it is Keycloak's.
    #[default]
    Endless,
    /// When it turns out to be an envelope.
    Long,
    /// Also when it begins unlike most events.
    Short,
}

/// What a publisher or a table has beside Keycloak's own.
#[derive(Default)]
pub(super) struct RareFields<'a>(Vec<(Rare, Scalar<'a>)>);

/// A field that Keycloak's own events do not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rare {
    Uid,
    EventId,
    Timestamp,
    DateTime,
    TimeColumn,
    EventType,
    RealmColumn,
    UserColumn,
    SessionColumn,
    ClientColumn,
    Username,
    UserName,
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
    /// What a document of our own format has, and no event of Keycloak's.
    Version,
}

impl Rare {
    fn named(key: &str) -> Option<Self> {
        Some(match key {
            "uid" => Self::Uid,
            "eventId" => Self::EventId,
            "timestamp" => Self::Timestamp,
            "dateTime" => Self::DateTime,
            "event_time" => Self::TimeColumn,
            "eventType" => Self::EventType,
            "realm_id" => Self::RealmColumn,
            "user_id" => Self::UserColumn,
            "session_id" => Self::SessionColumn,
            "client_id" => Self::ClientColumn,
            "username" => Self::Username,
            "userName" => Self::UserName,
            "ip_address" => Self::IpColumn,
            "userAgent" => Self::UserAgent,
            "operationType" => Self::Operation,
            "operation_type" => Self::OperationColumn,
            "resourceType" => Self::Resource,
            "resourceTypeAsString" => Self::ResourceText,
            "resource_type" => Self::ResourceColumn,
            "resourcePath" => Self::Path,
            "resource_path" => Self::PathColumn,
            "admin_event_time" => Self::AdminTime,
            "version" => Self::Version,
            _ => return None,
        })
    }
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
        let mut fields = Self::default();
        fields.details.want(wanted);
        fields
    }

    /// Gives up when `patience` ends.
    pub(super) fn be(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Takes the details from whichever column has them, where there are columns.
    pub(super) fn settle_details(&mut self) {
        for column in [self.details_column.take(), self.long_details_column.take()].into_iter().flatten() {
            if !column.is_empty() {
                self.details = *column;
            }
        }
    }

    /// Whether nothing that most events begin with was read.
    fn is_blank(&self) -> bool {
        self.rare.0.is_empty()
            && [&self.id, &self.time, &self.r#type].iter().all(|value| matches!(value, Scalar::Null))
    }

    /// Where a key belongs that Keycloak's own events do not have. Not a part of `slot`, which is quicker
    /// without it.
    #[inline(never)]
    fn other(&mut self, key: &str) -> Slot<'_, 'a> {
        match key {
            "authDetails" => Slot::Object(&mut **self.auth.get_or_insert_default()),
            "details_json" => self.column(false),
            "details_json_long_value" => self.column(true),
            "specversion" | "__op" | "__deleted" if self.patience >= Patience::Long => Slot::Foreign,
            "version" if self.patience == Patience::Short && self.is_blank() => Slot::Foreign,
            "@class" => Slot::Unread,
            _ => match Rare::named(key) {
                Some(name) => Slot::Value(self.rare.last(name)),
                None if self.patience == Patience::Short && self.is_blank() => Slot::Foreign,
                None => Slot::Unread,
            },
        }
    }

    fn column(&mut self, long: bool) -> Slot<'_, 'a> {
        let wanted = self.details.wanted();
        let column = if long { &mut self.long_details_column } else { &mut self.details_column };
        Slot::Object(&mut **column.get_or_insert_with(|| Box::new(Details::wanting(wanted))))
    }
}

impl<'a> RareFields<'a> {
    /// A new value of a field, which stands for those before.
    fn last(&mut self, name: Rare) -> &mut Scalar<'a> {
        let last = self.0.len();
        self.0.push((name, Scalar::Null));
        &mut self.0[last].1
    }

    /// Takes the value of a field.
    pub(super) fn take(&mut self, name: Rare) -> Scalar<'a> {
        let found = self.0.iter_mut().rev().find(|(rare, _)| *rare == name);
        found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// The first of the fields that is a time.
    pub(super) fn time(&self, names: &[Rare]) -> Option<Timestamp> {
        names.iter().find_map(|name| time(self.get(*name)?))
    }

    /// The value of a field, if it has one.
    pub(super) fn get(&self, name: Rare) -> Option<&Scalar<'a>> {
        let found = self.0.iter().rev().find(|(rare, _)| *rare == name);
        found.map(|(_, value)| value).filter(|value| !matches!(value, Scalar::Null))
    }

    /// Whether one of the fields has a text.
    pub(super) fn has(&self, names: &[Rare]) -> bool {
        self.0.iter().any(|(rare, value)| names.contains(rare) && matches!(value, Scalar::Text(_)))
    }
}

impl<'a> Keys<'a> for Fields<'a> {
    fn clear(&mut self) {
        *self = Self { patience: self.patience, ..Self::wanting(self.details.wanted()) };
    }

    fn slot(&mut self, key: &str) -> Slot<'_, 'a> {
        // Keycloak's own names first: the earlier a name stands, the sooner it is found.
        Slot::Value(match key {
            "id" => &mut self.id,
            "time" => &mut self.time,
            "type" => &mut self.r#type,
            "realmId" => &mut self.realm,
            "realmName" => &mut self.realm_name,
            "clientId" => &mut self.client,
            "userId" => &mut self.user,
            "sessionId" => &mut self.session,
            "ipAddress" => &mut self.ip,
            "error" => &mut self.error,
            "details" => return Slot::Object(&mut self.details),
            _ => return self.other(key),
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
