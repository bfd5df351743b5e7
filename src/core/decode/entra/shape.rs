//! Recognises Entra's records, and determines the category of each.
//!
//! Knows nothing of their content. A record of a diagnostic setting states its category, a row of Log
//! Analytics states its table, and an object of Microsoft Graph is recognised by its fields.

use std::borrow::Cow;

use crate::core::{
    decode::{entra::get, tree::Node},
    identity::reason::Refused,
};

/// The tables of Log Analytics with their categories, in lower case.
const TABLES: [(&str, &str); 6] = [
    ("signinlogs", "signinlogs"),
    ("aadnoninteractiveusersigninlogs", "noninteractiveusersigninlogs"),
    ("aadserviceprincipalsigninlogs", "serviceprincipalsigninlogs"),
    ("aadmanagedidentitysigninlogs", "managedidentitysigninlogs"),
    ("adfssigninlogs", "adfssigninlogs"),
    ("auditlogs", "auditlogs"),
];

pub(in crate::core::decode) fn recognises(node: Node<'_, '_>) -> bool {
    if matches!(get(node, "records"), Node::List(records) if records.is_empty()) {
        return true;
    }
    let first = node.first().or(get(node, "records").first()).or(get(node, "value").first());
    let record = first.unwrap_or(node);
    is_streamed(record) || table(record).is_some() || graph_category(record).is_some()
}

/// The category of a record, in lower case.
///
/// # Errors
///
/// If the record has no category, or one that is not text.
pub(super) fn category<'a>(record: Node<'_, 'a>) -> Result<Cow<'a, str>, Refused> {
    if let Some(category) = table(record).or_else(|| graph_category(record)) {
        return Ok(category.into());
    }
    let category = get(record, "category").id()?.ok_or(Refused::NoType)?;
    Ok(category.to_ascii_lowercase().into())
}

/// Whether this is a record of a diagnostic setting. Other Azure services write records of the same
/// structure, so the resource must be a directory, or the operation a sign-in.
fn is_streamed(record: Node<'_, '_>) -> bool {
    let operation = get(record, "operationName").str();
    let is_directory = || {
        let provider = get(record, "resourceId").str().rsplit('/').next();
        provider.is_some_and(|provider| provider.eq_ignore_ascii_case("Microsoft.aadiam"))
    };
    get(record, "properties").is_object()
        && !get(record, "category").str().is_empty()
        && !operation.is_empty()
        && (operation == "Sign-in activity" || is_directory())
}

/// The category of a row of Log Analytics.
fn table(record: Node<'_, '_>) -> Option<&'static str> {
    let name = get(record, "TimeGenerated").is_some().then(|| get(record, "Type").str())?;
    TABLES.iter().find(|(table, _)| table.eq_ignore_ascii_case(name)).map(|(_, category)| *category)
}

/// The category of an object of Microsoft Graph: a `signIn` or a `directoryAudit`.
fn graph_category(record: Node<'_, '_>) -> Option<&'static str> {
    let has = |keys: &[&str]| keys.iter().all(|key| get(record, key).is_some());
    if has(&["createdDateTime", "userId", "appId"]) && get(record, "status").is_object() {
        let is_interactive = get(record, "isInteractive").flag() != Some(false);
        return Some(if is_interactive { "signinlogs" } else { "noninteractiveusersigninlogs" });
    }
    let is_audit = has(&["activityDateTime", "activityDisplayName", "loggedByService", "targetResources"]);
    is_audit.then_some("auditlogs")
}
