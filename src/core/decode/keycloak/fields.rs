//! The fields of Keycloak's events under the names that publishers use, gathered in one pass.
//!
//! The names are those of Keycloak's own JSON (as Jackson writes it), of listeners that rename or wrap fields
//! (`uid`, `eventId`, `eventType`, `dateTime`, `authDetails`), and of the columns of Keycloak's tables
//! (`user_id`). The case of all but rare names of columns is ignored. All other keys (`@class`,
//! `representation`, …) are ignored.

use std::{borrow::Cow, iter};

use crate::core::{
    decode::{
        envelope::is_of_an_envelope,
        tree::{Node, Object, Tree, first, first_id},
    },
    identity::reason::Refused,
    time::Timestamp,
};

/// A field under one of its names.
#[derive(Clone, Copy)]
pub(super) enum FieldName {
    Id,
    Time,
    Type,
    Realm,
    RealmName,
    Client,
    User,
    Session,
    Ip,
    Error,
    Details,
    // Names that only other publishers and the tables use.
    Uid,
    EventId,
    Timestamp,
    DateTime,
    TimeColumn,
    EventTime,
    OccurredAt,
    CreatedAt,
    AdminTime,
    EventType,
    // Names in the style of columns that no table of Keycloak has.
    EventIdColumn,
    TypeColumn,
    RealmNameColumn,
    RealmColumn,
    RealmObject,
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
    AuthDetails,
    DetailsColumn,
    CodeId,
    LongDetailsColumn,
}

const NUMBER: usize = FieldName::LongDetailsColumn as usize + 1;

impl FieldName {
    #[inline]
    fn named(key: &str) -> Option<Self> {
        Self::own(key).or_else(|| Self::of_publishers(key)).or_else(|| Self::folded(key))
    }

    /// The field of a key in Keycloak's own JSON. Keys that are listed first are found faster.
    #[inline]
    fn own(key: &str) -> Option<Self> {
        Some(match key {
            "id" => Self::Id,
            "time" => Self::Time,
            "type" => Self::Type,
            "realmId" => Self::Realm,
            "realmName" => Self::RealmName,
            "clientId" => Self::Client,
            "userId" => Self::User,
            "sessionId" => Self::Session,
            "ipAddress" => Self::Ip,
            "error" => Self::Error,
            "details" => Self::Details,
            _ => return None,
        })
    }

    /// The field of a key that Keycloak's own JSON does not have.
    fn of_publishers(key: &str) -> Option<Self> {
        Some(match key {
            "uid" => Self::Uid,
            "eventId" => Self::EventId,
            "event_id" => Self::EventIdColumn,
            "timestamp" => Self::Timestamp,
            "dateTime" => Self::DateTime,
            "event_time" => Self::TimeColumn,
            "eventTime" => Self::EventTime,
            "occurredAt" => Self::OccurredAt,
            "createdAt" => Self::CreatedAt,
            "admin_event_time" => Self::AdminTime,
            "eventType" => Self::EventType,
            "event_type" => Self::TypeColumn,
            "realm_name" => Self::RealmNameColumn,
            "realm_id" => Self::RealmColumn,
            "realm" => Self::RealmObject,
            "user_id" => Self::UserColumn,
            "session_id" => Self::SessionColumn,
            "client_id" => Self::ClientColumn,
            "username" => Self::Username,
            "userName" | "user_name" => Self::UserName,
            "ip_address" | "user_ip" => Self::IpColumn,
            "userAgent" | "user_agent" => Self::UserAgent,
            "operationType" => Self::Operation,
            "operation_type" => Self::OperationColumn,
            "resourceType" => Self::Resource,
            "resourceTypeAsString" => Self::ResourceText,
            "resource_type" => Self::ResourceColumn,
            "resourcePath" => Self::Path,
            "resource_path" => Self::PathColumn,
            "authDetails" => Self::AuthDetails,
            "details_json" => Self::DetailsColumn,
            "details_json_long_value" => Self::LongDetailsColumn,
            "code_id" => Self::CodeId,
            _ => return None,
        })
    }

    /// The field of a key in another case, as Athena, Glue and Snowflake fold it and serialisers of .NET write it. A row
    /// of a table in upper case, such as Oracle's, is an envelope instead.
    fn folded(key: &str) -> Option<Self> {
        const NAMES: [(&str, FieldName); 29] = [
            ("id", FieldName::Id),
            ("time", FieldName::Time),
            ("type", FieldName::Type),
            ("error", FieldName::Error),
            ("details", FieldName::Details),
            ("uid", FieldName::Uid),
            ("timestamp", FieldName::Timestamp),
            ("realm", FieldName::RealmObject),
            ("username", FieldName::Username),
            ("user_id", FieldName::UserColumn),
            ("session_id", FieldName::SessionColumn),
            ("client_id", FieldName::ClientColumn),
            ("ip_address", FieldName::IpColumn),
            ("realmId", FieldName::Realm),
            ("realmName", FieldName::RealmName),
            ("clientId", FieldName::Client),
            ("userId", FieldName::User),
            ("sessionId", FieldName::Session),
            ("ipAddress", FieldName::Ip),
            ("eventId", FieldName::EventId),
            ("dateTime", FieldName::DateTime),
            ("eventType", FieldName::EventType),
            ("userAgent", FieldName::UserAgent),
            ("operationType", FieldName::Operation),
            ("resourceType", FieldName::Resource),
            ("resourceTypeAsString", FieldName::ResourceText),
            ("resourcePath", FieldName::Path),
            ("authDetails", FieldName::AuthDetails),
            ("detailsJson", FieldName::DetailsColumn),
        ];
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, field)| *field)
    }
}

/// The name of a type without the prefix that some listeners give those of user events.
pub(super) fn without_access(name: &str) -> &str {
    name.strip_prefix("access.").unwrap_or(name)
}

/// The fields of the outermost object.
pub(super) struct Fields<'t, 'a> {
    object: Option<Object<'t, 'a>>,
    /// The place of each field's value; 0 if there is none.
    places: [u32; NUMBER],
    /// Whether there are keys that Keycloak's own JSON does not have. Most records have none.
    pub(super) has_others: bool,
}

impl<'t, 'a> Fields<'t, 'a> {
    pub(super) fn of(node: Node<'t, 'a>) -> Self {
        let mut fields = Self { object: None, places: [0; NUMBER], has_others: false };
        let Node::Object(object) = node else { return fields };
        fields.object = Some(object);
        for (key, at) in object.keys() {
            fields.put(key, at);
        }
        fields
    }

    /// The fields of an object that is in no envelope and begins like a Keycloak event. Other objects may be
    /// Keycloak events too.
    #[inline]
    pub(super) fn of_likely(node: Node<'t, 'a>) -> Option<Self> {
        let Node::Object(object) = node else { return None };
        let (first, _) = object.keys().next()?;
        if first != "@class" && FieldName::named(first).is_none() {
            return None;
        }
        let mut fields = Self { object: Some(object), places: [0; NUMBER], has_others: false };
        for (key, at) in object.keys() {
            if !fields.put(key, at) && is_of_an_envelope(key) {
                return None;
            }
        }
        Some(fields)
    }

    /// Notes the place of a key's value, if the key is a field's.
    #[inline]
    fn put(&mut self, key: &str, at: usize) -> bool {
        let exact = FieldName::own(key).or_else(|| {
            self.has_others = true;
            FieldName::of_publishers(key)
        });
        // A name in another case never takes the place of the exact one.
        let is_new = |field: &FieldName| self.places[*field as usize] == 0;
        let place = exact.or_else(|| FieldName::folded(key).filter(is_new));
        if let Some(field) = place {
            self.places[field as usize] = u32::try_from(at).unwrap_or_default();
        }
        place.is_some()
    }

    /// The value of a field; null if there is none.
    #[inline]
    pub(super) fn get(&self, field: FieldName) -> Node<'t, 'a> {
        match (self.object, self.places[field as usize]) {
            (None, _) | (_, 0) => Node::Null,
            (Some(object), at) => object.node(at as usize),
        }
    }

    /// The realm, if it is an object with an id and a name. A text does not show which of the two it is.
    pub(super) fn realm_object(&self) -> Node<'t, 'a> {
        let realm = self.get(FieldName::RealmObject);
        if realm.is_object() { realm } else { Node::Null }
    }

    /// # Errors
    ///
    /// If the realm's id has another type than [`Node::id`] accepts.
    pub(super) fn realm(&self) -> Result<Option<Cow<'a, str>>, Refused> {
        self.id(self.get(FieldName::Realm), || {
            [self.get(FieldName::RealmColumn), self.realm_object().get("id")]
        })
    }

    pub(super) fn realm_name(&self) -> Option<Cow<'a, str>> {
        self.text(self.get(FieldName::RealmName), || {
            [self.get(FieldName::RealmNameColumn), self.realm_object().get("name")]
        })
    }

    /// Whether one of the fields has a value.
    pub(super) fn has(&self, fields: &[FieldName]) -> bool {
        fields.iter().any(|field| self.get(*field).is_stated())
    }

    /// The text of the first field that has one.
    pub(super) fn word(&self, fields: &[FieldName]) -> Option<&'t str> {
        fields.iter().find_map(|field| self.get(*field).word())
    }

    /// The name of the type, as written.
    pub(super) fn type_name(&self) -> Option<&'t str> {
        self.word(&[FieldName::Type, FieldName::EventType, FieldName::TypeColumn])
    }

    pub(super) fn each<const N: usize>(&self, fields: [FieldName; N]) -> impl Iterator<Item = Node<'t, 'a>> {
        fields.into_iter().map(|field| self.get(field))
    }

    /// The text of `own`, or else of the first value under a name that Keycloak's own JSON does not have.
    /// Most records have only Keycloak's names.
    #[inline]
    pub(super) fn text<const N: usize>(
        &self,
        own: Node<'t, 'a>,
        others: impl FnOnce() -> [Node<'t, 'a>; N],
    ) -> Option<Cow<'a, str>> {
        if self.has_others { first(iter::once(own).chain(others())) } else { own.text() }
    }

    /// Like [`Fields::text`], for a field that an event depends on.
    ///
    /// # Errors
    ///
    /// See [`first_id`].
    #[inline]
    pub(super) fn id<const N: usize>(
        &self,
        own: Node<'t, 'a>,
        others: impl FnOnce() -> [Node<'t, 'a>; N],
    ) -> Result<Option<Cow<'a, str>>, Refused> {
        if self.has_others { first_id(iter::once(own).chain(others())) } else { own.id() }
    }

    /// The first field with a readable time. In a column, a text may be a decimal.
    pub(super) fn time(&self, fields: &[FieldName]) -> Option<Timestamp> {
        fields.iter().find_map(|field| match (self.get(*field), field) {
            (node, FieldName::TimeColumn | FieldName::AdminTime) => {
                node.time().or_else(|| node.decimal_time())
            }
            (node, _) => node.time(),
        })
    }

    /// The details, from the first field that has any; `held` stores details that are written as text.
    pub(super) fn details(&self, held: &'t mut Tree<'a>) -> Node<'t, 'a> {
        let wanted = self.object.map(Object::wanted).unwrap_or_default();
        held.wanted = wanted;
        let columns = [FieldName::LongDetailsColumn, FieldName::DetailsColumn].map(|column| self.get(column));
        for node in columns.into_iter().filter(|_| self.has_others) {
            let Some(tree) = node.held() else {
                if node.entries().next().is_some() {
                    return node;
                }
                continue;
            };
            if tree.root().entries().next().is_some() {
                *held = tree;
                held.wanted = wanted;
                return held.root();
            }
        }
        self.get(FieldName::Details).object(held)
    }
}
