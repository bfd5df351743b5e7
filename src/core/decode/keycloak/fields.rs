//! The fields of Keycloak's events under the names that its publishers give them, gathered in one pass.
//!
//! Keycloak's own JSON (as Jackson writes it), the listeners that rename or wrap fields (`uid`, `eventId`,
//! `eventType`, `dateTime`, `authDetails`), and the columns of Keycloak's tables (`user_id`). What is not
//! named here (`@class`, `representation`, …) is passed over.

use std::borrow::Cow;

use crate::core::{
    decode::tree::{Node, Tree, first, first_id},
    identity::reason::Refused,
};

/// The outermost object.
#[derive(Default)]
pub(super) struct Fields<'t, 'a> {
    pub(super) id: Node<'t, 'a>,
    pub(super) time: Node<'t, 'a>,
    pub(super) r#type: Node<'t, 'a>,
    pub(super) realm: Node<'t, 'a>,
    pub(super) realm_name: Node<'t, 'a>,
    pub(super) client: Node<'t, 'a>,
    pub(super) user: Node<'t, 'a>,
    pub(super) session: Node<'t, 'a>,
    pub(super) ip: Node<'t, 'a>,
    pub(super) error: Node<'t, 'a>,
    pub(super) details: Node<'t, 'a>,
    /// The object itself, if it has keys that Keycloak's own JSON has not: most records need not be looked
    /// through for these.
    others: Node<'t, 'a>,
}

impl<'t, 'a> Fields<'t, 'a> {
    pub(super) fn of(node: Node<'t, 'a>) -> Self {
        let mut fields = Self::default();
        for (key, value) in node.entries() {
            match fields.named(key.str()) {
                Some(field) => *field = value,
                None => fields.others = node,
            }
        }
        fields
    }

    /// The fields of an object that has no other key.
    pub(super) fn own(node: Node<'t, 'a>) -> Option<Self> {
        let mut fields = Self::default();
        for (key, value) in node.entries() {
            *fields.named(key.str())? = value;
        }
        Some(fields)
    }

    /// The value of a key that Keycloak's own JSON has not.
    pub(super) fn other(&self, key: &str) -> Node<'t, 'a> {
        if self.others.is_some() { self.others.get(key) } else { Node::Null }
    }

    /// The text of a field, or of the first of its other names that has one.
    pub(super) fn text<const N: usize>(
        own: Node<'t, 'a>,
        others: impl FnOnce() -> [Node<'t, 'a>; N],
    ) -> Option<Cow<'a, str>> {
        own.text().or_else(|| first(others()))
    }

    /// The same for a field that an event stands on, see [`Node::id`].
    pub(super) fn id<const N: usize>(
        own: Node<'t, 'a>,
        others: impl FnOnce() -> [Node<'t, 'a>; N],
    ) -> Result<Option<Cow<'a, str>>, Refused> {
        match own.id() {
            Ok(Some(text)) => Ok(Some(text)),
            own => first_id(others()).and_then(|text| if text.is_some() { Ok(text) } else { own }),
        }
    }

    /// The details, from whichever field has some; `held` keeps those that are written as texts.
    pub(super) fn any_details(&self, held: &'t mut [Tree<'a>; 3]) -> Node<'t, 'a> {
        let [own, column, long_column] = held;
        let own = self.details.object(own);
        let columns = [
            self.other("details_json_long_value").object(long_column),
            self.other("details_json").object(column),
        ];
        let has_some = |node: &Node<'t, 'a>| node.entries().next().is_some();
        columns.into_iter().find(has_some).unwrap_or(own)
    }

    /// The field of a key of Keycloak's own JSON.
    fn named(&mut self, key: &str) -> Option<&mut Node<'t, 'a>> {
        // The earlier a name stands, the sooner it is found.
        Some(match key {
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
            "details" => &mut self.details,
            _ => return None,
        })
    }
}
