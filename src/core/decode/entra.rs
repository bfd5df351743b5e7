//! Microsoft Entra ID's sign-in and audit logs, as its diagnostic settings stream them to Event Hubs.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://learn.microsoft.com/entra/identity/monitoring-health/concept-activity-log-schemas> and the
//! description of a record that it links to, the error codes of
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> and, for sessions,
//! <https://learn.microsoft.com/entra/identity/authentication/how-to-authentication-track-linkable-identifiers>.
//! A value is `{"records": […]}`, an array, or one record. Keys are read in any case: some exporters write
//! `resulttype` and `operationname`.
//!
//! | category | result | is |
//! |---|---|---|
//! | `SignInLogs`, `ADFSSignInLogs` | `0` | a sign-in with its session |
//! | `SignInLogs` | an error that is no interrupt | a failed sign-in |
//! | `SignInLogs` | one of [`INTERRUPTS`] | ignored: the person was asked something on the way |
//! | `NonInteractiveUserSignInLogs` | `0` | use of a session: a client renewed its tokens |
//! | `AuditLogs` | `success` | a sign-up if [`sign_up`] says so, else ignored |
//! | all else | | ignored |
//!
//! Ignored are so `ServicePrincipalSignInLogs`, `ManagedIdentitySignInLogs` and a record that names a
//! service principal and no user: there is no person. `NonInteractiveUserSignInLogs` that fail are ignored
//! too: nobody typed anything. Entra logs no end of a session.
//!
//! | what | field |
//! |---|---|
//! | id | `properties.id` |
//! | time | `properties.createdDateTime`, `properties.activityDateTime`, `time` |
//! | realm | `tenantId`, else the tenant in `resourceId` |
//! | user | `properties.userId`; of a sign-up the `targetResources[]` of type `User` |
//! | user name | `properties.userPrincipalName`, `.alternateSignInName`, `.signInIdentifier` |
//! | session | `properties.sessionId`, one for all that follows from one interactive sign-in |
//! | client | `properties.appId` |
//! | reason | the error code of a failure |
//! | address, user agent | `properties.ipAddress`, `callerIpAddress`; `properties.userAgent` |
//! | device, place | `properties.deviceDetail`, `properties.location` |
//! | person | `userPrincipalName` and `userDisplayName` |
//! | attributes | those of [`ATTRIBUTES`] |
//!
//! The result is `resultType`, a text or a number, else `properties.status.errorCode`. A user id of zeros
//! is null. Times have seven digits of fraction, and some exporters leave the `Z` out: they are UTC, says
//! the first of the pages.

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults, gather, time,
        tree::{Node, first, first_id},
    },
    identity::{
        Device, GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
    time::Timestamp,
};

/// The provider's name, as it goes into endpoint ids.
const PROVIDER: &str = "entra";

/// The errors that say that a sign-in goes on with another step and not that a person failed: nobody is
/// signed in yet (50058), a second factor is to be enrolled or given (50072, 50074), a password is to be
/// registered (50125), "keep me signed in" is asked (50140), another provider's challenge comes (50158), the
/// browser is to present its token (50168), the application is to be confirmed (50199).
const INTERRUPTS: [&str; 8] = ["50058", "50072", "50074", "50125", "50140", "50158", "50168", "50199"];

/// What else an event says, under Entra's names.
const ATTRIBUTES: [&str; 9] = [
    "appDisplayName",
    "clientAppUsed",
    "resourceDisplayName",
    "authenticationProtocol",
    "authenticationRequirement",
    "conditionalAccessStatus",
    "isInteractive",
    "riskLevelDuringSignIn",
    "userType",
];

/// What a directory's user id is where there is none.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Whether the value has the shape of this format. Other services of Azure write records of the same
/// outline, so the resource must be a directory, or the operation a sign-in.
pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    if matches!(get(node, "records"), Node::List(records) if records.is_empty()) {
        return true;
    }
    let record = node.first().or(get(node, "records").first()).unwrap_or(node);
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

/// What the value says.
pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    match (node, get(node, "records")) {
        (Node::List(records), _) | (_, Node::List(records)) => gather::batch(records, read),
        _ => smallvec![read(node)],
    }
}

fn read<'a>(record: Node<'_, 'a>) -> EventResult<'a> {
    if !record.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let category = get(record, "category").id()?.ok_or(Refused::NoType)?;
    match &*category.to_ascii_lowercase() {
        "signinlogs" | "signin" | "adfssigninlogs" => sign_in(record),
        "noninteractiveusersigninlogs" => match &*result(record)? {
            "0" => Ok(event_of(record, Kind::Activity, get(properties(record), "userId"))?),
            _ => Err(Ignored::TypeNotMapped.into()),
        },
        "auditlogs" => audit(record),
        _ => Err(Ignored::TypeNotMapped.into()),
    }
}

fn sign_in<'a>(record: Node<'_, 'a>) -> EventResult<'a> {
    let result = result(record)?;
    let user = get(properties(record), "userId");
    let is_service = user.text().is_none() && get(properties(record), "servicePrincipalId").text().is_some();
    match &*result {
        _ if is_service => Err(Ignored::TypeNotMapped.into()),
        "0" => Ok(event_of(record, Kind::SignIn, user)?),
        code if INTERRUPTS.contains(&code) => Err(Ignored::TypeNotMapped.into()),
        _ => Ok(IdentityEvent { reason: Some(result), ..event_of(record, Kind::SignInFailed, user)? }),
    }
}

fn audit<'a>(record: Node<'_, 'a>) -> EventResult<'a> {
    let target = target(properties(record));
    if !sign_up(record, target) {
        return Err(Ignored::TypeNotMapped.into());
    }
    let event = event_of(record, Kind::SignUp, get(target, "id"))?;
    Ok(IdentityEvent {
        user_name: get(target, "userPrincipalName").text(),
        person: claims(get(target, "userPrincipalName"), get(target, "displayName")),
        ip: get(get(get(properties(record), "initiatedBy"), "user"), "ipAddress").text().or(event.ip),
        ..event
    })
}

/// Whether an audit record says that a person registered: a "viral" user creation, which is what Microsoft
/// calls the self-service one of a guest; an activity that is called a self-service sign-up; or the creation
/// of a user by that same user. See
/// <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>.
fn sign_up(record: Node<'_, '_>, target: Node<'_, '_>) -> bool {
    let properties = properties(record);
    let activity = [get(properties, "activityDisplayName"), get(record, "operationName")];
    let activity = first(activity).unwrap_or_default().to_ascii_lowercase();
    // Older records have a number: 1 is a failure, 2 a time-out.
    if get(properties, "result")
        .text()
        .is_some_and(|result| result != "0" && !result.eq_ignore_ascii_case("success"))
    {
        return false;
    }
    let by = get(get(get(properties, "initiatedBy"), "user"), "id").text();
    match &*activity {
        "viral user creation" => true,
        "add user" | "create user" => by.is_some() && by == get(target, "id").text(),
        name => name.contains("self-service sign-up") || name.contains("self-service sign up"),
    }
}

fn target<'n, 'a>(properties: Node<'n, 'a>) -> Node<'n, 'a> {
    let mut targets = get(properties, "targetResources").list();
    targets.find(|target| get(*target, "type").str() == "User").unwrap_or_default()
}

fn event_of<'a>(record: Node<'_, 'a>, kind: Kind, user: Node<'_, 'a>) -> Result<IdentityEvent<'a>, Refused> {
    let properties = properties(record);
    let name = get(properties, "userPrincipalName");
    let user = user.id()?.filter(|id| id != NOBODY);
    let times = ["createdDateTime", "activityDateTime"].map(|key| get(properties, key));
    Ok(IdentityEvent {
        id: get(properties, "id").id()?,
        time: times.into_iter().chain([get(record, "time")]).find_map(utc),
        realm: tenant(record)?,
        person: if user.is_some() { claims(name, get(properties, "userDisplayName")) } else { Vec::new() },
        user,
        user_name: first([name, get(properties, "alternateSignInName"), get(properties, "signInIdentifier")]),
        session: get(properties, "sessionId").id()?,
        client: get(properties, "appId").text(),
        ip: first([get(properties, "ipAddress"), get(record, "callerIpAddress")]),
        user_agent: get(properties, "userAgent").text(),
        device: gather::device(device(get(properties, "deviceDetail"))),
        place: gather::place(place(get(properties, "location"))),
        attributes: gather::attributes(record, &ATTRIBUTES.map(|name| (name, get(properties, name)))),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

/// The value of a key, in whichever case it is written.
fn get<'n, 'a>(node: Node<'n, 'a>, key: &str) -> Node<'n, 'a> {
    node.get_by(|name| name.eq_ignore_ascii_case(key))
}

fn properties<'n, 'a>(record: Node<'n, 'a>) -> Node<'n, 'a> {
    get(record, "properties")
}

/// The error code, `0` for none: without it a record does not say whether it is a success.
fn result<'a>(record: Node<'_, 'a>) -> Result<Cow<'a, str>, Refused> {
    let code = get(get(properties(record), "status"), "errorCode");
    first_id([get(record, "resultType"), code])?.ok_or(Refused::NoType)
}

fn tenant<'a>(record: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    let stated = get(record, "tenantId").id()?;
    let path = get(record, "resourceId").str().split('/');
    Ok(stated.or_else(|| Some(path.skip_while(|part| *part != "tenants").nth(1)?.to_owned().into())))
}

fn utc(node: Node<'_, '_>) -> Option<Timestamp> {
    node.time().or_else(|| time::in_utc(node.str()))
}

fn device<'a>(detail: Node<'_, 'a>) -> Device<'a> {
    Device {
        id: get(detail, "deviceId").text(),
        platform: gather::known(get(detail, "operatingSystem")),
        browser: gather::known(get(detail, "browser")),
        ..Device::default()
    }
}

fn place<'a>(location: Node<'_, 'a>) -> GeoLocation<'a> {
    let coordinates = get(location, "geoCoordinates");
    GeoLocation {
        city: get(location, "city").text(),
        country: get(location, "countryOrRegion").text(),
        region: get(location, "state").text(),
        postal_code: None,
        latitude: get(coordinates, "latitude").number(),
        longitude: get(coordinates, "longitude").number(),
    }
}

fn claims<'a>(name: Node<'_, 'a>, display_name: Node<'_, 'a>) -> Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)> {
    gather::person(&[("preferred_username", name), ("name", display_name)])
}

#[cfg(test)]
mod tests;
