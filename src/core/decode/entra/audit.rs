//! Entra's audit records about persons: a registration, or a sign-in to a tenant of Azure AD B2C.
//!
//! Knows nothing of sign-in records. B2C logs its customers' sign-ins nowhere else. One sign-in has several
//! records; the one that issues the token for the identity concludes it and is the one that counts, see
//! <https://learn.microsoft.com/azure/active-directory-b2c/view-audit-logs>.

use crate::core::{
    decode::{
        EventResult,
        entra::{claims, event_of, get, opened, properties},
        gather,
        tree::{Node, Tree, first},
    },
    identity::{IdentityEvent, Kind, reason::Ignored},
};

/// The activity that concludes a sign-in, in lower case.
const B2C_SIGN_IN: &str = "issue an id_token to the application";

pub(super) fn audit<'a>(record: Node<'_, 'a>) -> EventResult<'a> {
    if has_failed(record) {
        return Err(Ignored::TypeNotMapped.into());
    }
    let properties = properties(record);
    let activity = [get(properties, "activityDisplayName"), get(record, "operationName")];
    let activity = first(activity).unwrap_or_default().to_ascii_lowercase();
    let is_b2c = get(properties, "loggedByService").str() == "B2C";
    let (mut held_targets, mut held_by) = (Tree::default(), Tree::default());
    let target = user(opened(get(properties, "targetResources"), &mut held_targets));
    let initiated_by = opened(get(properties, "initiatedBy"), &mut held_by);
    let by = get(initiated_by, "user");
    if is_b2c && activity == B2C_SIGN_IN {
        sign_in(record, target, get(initiated_by, "app"))
    } else if is_sign_up(&activity, by, target) {
        sign_up(record, target, by)
    } else {
        Err(Ignored::TypeNotMapped.into())
    }
}

/// Whether the record states an outcome that is not a success. The outcome is `result`, otherwise
/// `resultType`. Older records have a number: 1 is a failure, 2 a timeout.
fn has_failed(record: Node<'_, '_>) -> bool {
    let outcomes = [get(properties(record), "result"), get(record, "resultType")];
    outcomes.into_iter().find_map(is_success) == Some(false)
}

/// Whether an outcome is a success; `None` if nothing is stated.
fn is_success(outcome: Node<'_, '_>) -> Option<bool> {
    let by_number = outcome.number().map(|code| code == 0.0);
    by_number.or_else(|| Some(outcome.word()?.eq_ignore_ascii_case("success")))
}

/// Whether an activity means that a person registered. It is one of three: a "viral" user creation, as
/// Microsoft calls a guest's self-service sign-up; an activity whose name contains self-service sign-up; or
/// the creation of a user by that same user. See
/// <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>.
fn is_sign_up(activity: &str, by: Node<'_, '_>, target: Node<'_, '_>) -> bool {
    let by = get(by, "id").text();
    match activity {
        "viral user creation" => true,
        "add user" | "create user" => by.is_some() && by == get(target, "id").text(),
        name => name.contains("self-service sign-up") || name.contains("self-service sign up"),
    }
}

fn sign_up<'a>(record: Node<'_, 'a>, target: Node<'_, 'a>, by: Node<'_, 'a>) -> EventResult<'a> {
    let event = event_of(record, Kind::SignUp, get(target, "id"))?;
    Ok(IdentityEvent {
        user_name: get(target, "userPrincipalName").text(),
        person: claims(get(target, "userPrincipalName"), get(target, "displayName")),
        ip: get(by, "ipAddress").text().or(event.ip),
        ..event
    })
}

fn sign_in<'a>(record: Node<'_, 'a>, target: Node<'_, 'a>, app: Node<'_, 'a>) -> EventResult<'a> {
    let mut held_details = Tree::default();
    let details = opened(get(properties(record), "additionalDetails"), &mut held_details);
    let detail = |key: &str| {
        let detail = details.list().find(|detail| get(*detail, "key").str() == key);
        get(detail.unwrap_or_default(), "value")
    };
    let event = event_of(record, Kind::SignIn, get(target, "id"))?;
    Ok(IdentityEvent {
        client: first([get(app, "appId"), get(app, "servicePrincipalName"), detail("ApplicationId")]),
        ip: detail("ClientIpAddress").text().or(event.ip),
        user_agent: detail("Client").text(),
        attributes: gather::attributes(record, &[("PolicyId", detail("PolicyId"))]),
        ..event
    })
}

/// The user among the resources that a record is about.
fn user<'n, 'a>(resources: Node<'n, 'a>) -> Node<'n, 'a> {
    let user = resources.list().find(|resource| get(*resource, "type").str() == "User");
    user.unwrap_or_default()
}
