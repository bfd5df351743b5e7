//! Microsoft Entra ID's sign-in and audit logs, as its diagnostic settings stream them to Event Hubs, as
//! Microsoft Graph lists them, and as rows of Log Analytics.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://learn.microsoft.com/entra/identity/monitoring-health/concept-activity-log-schemas> and the
//! description of a record that it links to, the error codes in
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> and, for sessions,
//! <https://learn.microsoft.com/entra/identity/authentication/how-to-authentication-track-linkable-identifiers>.
//! A value is `{"records": […]}`, Graph's `{"value": […]}`, an array, or a single record. Keys are read in
//! any case: some exporters write `resulttype` and `operationname`, and the columns of Log Analytics are
//! capitalised.
//!
//! A record of a diagnostic setting has `properties`. Graph's objects and Log Analytics' rows are flat, so
//! for them `properties` below means the record itself. The category of a row is its table (`Type`). Graph
//! states no category, so its objects are recognised by `isInteractive` and `activityDateTime`. See
//! <https://learn.microsoft.com/graph/api/resources/signin> and
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/signinlogs>.
//!
//! | category | result | meaning |
//! |---|---|---|
//! | `SignInLogs`, `ADFSSignInLogs` | `0` | a sign-in with its session |
//! | `SignInLogs` | an error that is not an interrupt | a failed sign-in |
//! | `SignInLogs` | one of [`INTERRUPTS`] | ignored: the person was asked for another step |
//! | `NonInteractiveUserSignInLogs` | `0` | activity in a session: a client renewed its tokens |
//! | `AuditLogs` | `success` | a sign-up, or a sign-in of Azure AD B2C, see `entra/audit.rs`; otherwise ignored |
//! | anything else | | ignored |
//!
//! This ignores `ServicePrincipalSignInLogs`, `ManagedIdentitySignInLogs`, and any record that names a
//! service principal but no user, because no person is involved. Failed `NonInteractiveUserSignInLogs` are
//! ignored too, because nobody typed anything. Entra does not log the end of a session.
//!
//! | value | field |
//! |---|---|
//! | id | `properties.id` |
//! | time | `properties.createdDateTime`, `properties.activityDateTime`, `time`, `TimeGenerated` |
//! | realm | `tenantId`; of a row `AADTenantId` (its `TenantId` is the workspace); otherwise the tenant in `resourceId`, `resourceTenantId` |
//! | user | `properties.userId`; of an audit record the `targetResources[]` of type `User` |
//! | user name | `properties.userPrincipalName`, `.alternateSignInName`, `.signInIdentifier` |
//! | session | `properties.sessionId`, the same for everything that follows from one interactive sign-in |
//! | client | `properties.appId`; of B2C `initiatedBy.app.appId` |
//! | reason | the error code of a failure |
//! | address, user agent | `properties.ipAddress`, `callerIpAddress`; `properties.userAgent` |
//! | device, place | `properties.deviceDetail`, `properties.location` or `.locationDetails`, each also as JSON text |
//! | person | `userPrincipalName` and `userDisplayName` |
//! | attributes | the fields in [`ATTRIBUTES`] |
//!
//! For B2C, `additionalDetails` holds the address (`ClientIpAddress`), the user agent (`Client`) and an
//! attribute (`PolicyId`), see <https://learn.microsoft.com/azure/active-directory-b2c/view-audit-logs>.
//!
//! The result of a sign-in is `resultType`, as text or a number, otherwise `properties.status.errorCode`. The
//! result of an audit record is `properties.result`, otherwise `resultType`. Its `targetResources`,
//! `initiatedBy` and `additionalDetails` may also be JSON text.
//!
//! A user id of zeros counts as null. Times have seven fractional digits, and some exporters drop the `Z`:
//! according to the first page above, they are in UTC.

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults, gather, time,
        tree::{Node, Tree, first, first_id},
    },
    identity::{
        Device, GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
    time::Timestamp,
};

mod audit;
mod shape;

pub(super) use shape::recognises;

use shape::category;

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "entra";

/// The errors of a sign-in that goes on with another step, so the person has not failed: nobody is signed in
/// yet (50058), a second factor must be enrolled or given (50072, 50074), a password must be registered
/// (50125), the person is asked to stay signed in (50140), another provider's challenge follows (50158), the
/// browser must present its token (50168), the application must be confirmed (50199).
const INTERRUPTS: [&str; 8] = ["50058", "50072", "50074", "50125", "50140", "50158", "50168", "50199"];

/// The fields that become attributes, under Entra's names.
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

/// The user id that a directory writes if there is no user.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    match (node, get(node, "records"), get(node, "value")) {
        (Node::List(records), ..) | (_, Node::List(records), _) | (_, _, Node::List(records)) => {
            gather::batch(records, read)
        }
        _ => smallvec![read(node)],
    }
}

fn read<'a>(record: Node<'_, 'a>) -> EventResult<'a> {
    if !record.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    match &*category(record)? {
        "signinlogs" | "signin" | "adfssigninlogs" => sign_in(record),
        "noninteractiveusersigninlogs" => match &*result(record)? {
            "0" => Ok(event_of(record, Kind::Activity, get(properties(record), "userId"))?),
            _ => Err(Ignored::TypeNotMapped.into()),
        },
        "auditlogs" => audit::audit(record),
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

fn event_of<'a>(record: Node<'_, 'a>, kind: Kind, user: Node<'_, 'a>) -> Result<IdentityEvent<'a>, Refused> {
    let properties = properties(record);
    let name = get(properties, "userPrincipalName");
    let user = user.id()?.filter(|id| id != NOBODY);
    let times = ["createdDateTime", "activityDateTime"].map(|key| get(properties, key));
    let times = times.into_iter().chain(["time", "TimeGenerated"].map(|key| get(record, key)));
    let (mut held_device, mut held_place) = (Tree::default(), Tree::default());
    let device_detail = get(properties, "deviceDetail").object(&mut held_device);
    let location = match get(properties, "locationDetails") {
        Node::Null => get(properties, "location"),
        details => details,
    };
    Ok(IdentityEvent {
        id: get(properties, "id").id()?,
        time: times.into_iter().find_map(utc),
        realm: tenant(record)?,
        person: if user.is_some() { claims(name, get(properties, "userDisplayName")) } else { Vec::new() },
        user,
        user_name: first([name, get(properties, "alternateSignInName"), get(properties, "signInIdentifier")]),
        session: get(properties, "sessionId").id()?,
        client: get(properties, "appId").text(),
        ip: first([get(properties, "ipAddress"), get(record, "callerIpAddress")]),
        user_agent: get(properties, "userAgent").text(),
        device: gather::device(device(device_detail)),
        place: gather::place(place(location.object(&mut held_place))),
        attributes: gather::attributes(record, &ATTRIBUTES.map(|name| (name, get(properties, name)))),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

/// The value of a key, whose case is ignored.
fn get<'n, 'a>(node: Node<'n, 'a>, key: &str) -> Node<'n, 'a> {
    node.get_by(|name| name.eq_ignore_ascii_case(key))
}

/// This value, or the one in this text, as exporters write the dynamic columns of Log Analytics. The tree of
/// the text is stored in `held`.
fn opened<'n, 'a>(node: Node<'n, 'a>, held: &'n mut Tree<'a>) -> Node<'n, 'a> {
    if !matches!(node, Node::Text(_) | Node::Escaped(_)) {
        return node;
    }
    *held = node.parsed().unwrap_or_default();
    held.root()
}

/// The properties of a record, or the record itself if it is flat.
fn properties<'n, 'a>(record: Node<'n, 'a>) -> Node<'n, 'a> {
    match get(record, "properties") {
        Node::Null => record,
        properties => properties,
    }
}

/// The error code; `0` means success. Without it, the outcome of a record is unknown.
fn result<'a>(record: Node<'_, 'a>) -> Result<Cow<'a, str>, Refused> {
    let mut held = Tree::default();
    let status = get(properties(record), "status").object(&mut held);
    first_id([get(record, "resultType"), get(status, "errorCode")])?.ok_or(Refused::NoType)
}

fn tenant<'a>(record: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    let is_row = get(record, "TimeGenerated").is_some();
    let stated = if is_row { get(record, "AADTenantId") } else { get(record, "tenantId") }.id()?;
    let path = get(record, "resourceId").str().split('/');
    let in_path = || Some(path.skip_while(|part| *part != "tenants").nth(1)?.to_owned().into());
    Ok(stated.or_else(in_path).or_else(|| get(record, "resourceTenantId").text()))
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
