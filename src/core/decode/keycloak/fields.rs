//! The fields of Keycloak's events under the names that its publishers give them, gathered in one pass.
//!
//! Keycloak's own JSON (as Jackson writes it), the listeners that rename or wrap fields (`uid`, `eventId`,
//! `eventType`, `dateTime`, `authDetails`), and the columns of Keycloak's tables (`user_id`). What is not
//! named here (`@class`, `representation`, …) is passed over.

use crate::core::decode::tree::{Node, Tree};

/// The outermost object.
#[derive(Default)]
pub(super) struct Fields<'t, 'a> {
    pub(super) id: Node<'t, 'a>,
    pub(super) uid: Node<'t, 'a>,
    pub(super) event_id: Node<'t, 'a>,
    pub(super) time: Node<'t, 'a>,
    pub(super) timestamp: Node<'t, 'a>,
    pub(super) date_time: Node<'t, 'a>,
    pub(super) time_column: Node<'t, 'a>,
    pub(super) admin_time: Node<'t, 'a>,
    pub(super) r#type: Node<'t, 'a>,
    pub(super) event_type: Node<'t, 'a>,
    pub(super) realm: Node<'t, 'a>,
    pub(super) realm_column: Node<'t, 'a>,
    pub(super) realm_name: Node<'t, 'a>,
    pub(super) user: Node<'t, 'a>,
    pub(super) user_column: Node<'t, 'a>,
    pub(super) session: Node<'t, 'a>,
    pub(super) session_column: Node<'t, 'a>,
    pub(super) client: Node<'t, 'a>,
    pub(super) client_column: Node<'t, 'a>,
    pub(super) ip: Node<'t, 'a>,
    pub(super) ip_column: Node<'t, 'a>,
    pub(super) username: Node<'t, 'a>,
    pub(super) user_name: Node<'t, 'a>,
    pub(super) user_agent: Node<'t, 'a>,
    pub(super) error: Node<'t, 'a>,
    pub(super) operation: Node<'t, 'a>,
    pub(super) operation_column: Node<'t, 'a>,
    pub(super) resource: Node<'t, 'a>,
    pub(super) resource_text: Node<'t, 'a>,
    pub(super) resource_column: Node<'t, 'a>,
    pub(super) path: Node<'t, 'a>,
    pub(super) path_column: Node<'t, 'a>,
    pub(super) auth: Node<'t, 'a>,
    details: Node<'t, 'a>,
    details_column: Node<'t, 'a>,
    long_details_column: Node<'t, 'a>,
}

impl<'t, 'a> Fields<'t, 'a> {
    pub(super) fn of(node: Node<'t, 'a>) -> Self {
        let mut fields = Self::default();
        for (key, value) in node.entries() {
            if let Some(field) = fields.named(key.str()) {
                *field = value;
            }
        }
        fields
    }

    /// The details, from whichever field has some; `held` keeps those that are written as texts.
    pub(super) fn details(&self, held: &'t mut [Tree<'a>; 3]) -> Node<'t, 'a> {
        let [own, column, long_column] = held;
        let own = self.details.object(own);
        let columns = [self.long_details_column.object(long_column), self.details_column.object(column)];
        let has_some = |node: &Node<'t, 'a>| node.entries().next().is_some();
        columns.into_iter().find(has_some).unwrap_or(own)
    }

    fn named(&mut self, key: &str) -> Option<&mut Node<'t, 'a>> {
        Some(match key {
            "id" => &mut self.id,
            "uid" => &mut self.uid,
            "eventId" => &mut self.event_id,
            "time" => &mut self.time,
            "timestamp" => &mut self.timestamp,
            "dateTime" => &mut self.date_time,
            "event_time" => &mut self.time_column,
            "admin_event_time" => &mut self.admin_time,
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
            "ipAddress" => &mut self.ip,
            "ip_address" => &mut self.ip_column,
            "username" => &mut self.username,
            "userName" => &mut self.user_name,
            "userAgent" => &mut self.user_agent,
            "error" => &mut self.error,
            "operationType" => &mut self.operation,
            "operation_type" => &mut self.operation_column,
            "resourceType" => &mut self.resource,
            "resourceTypeAsString" => &mut self.resource_text,
            "resource_type" => &mut self.resource_column,
            "resourcePath" => &mut self.path,
            "resource_path" => &mut self.path_column,
            "authDetails" => &mut self.auth,
            "details" => &mut self.details,
            "details_json" => &mut self.details_column,
            "details_json_long_value" => &mut self.long_details_column,
            _ => return None,
        })
    }
}
