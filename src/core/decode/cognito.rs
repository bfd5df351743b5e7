//! Amazon Cognito user pools, in the three shapes in which their events are available.
//!
//! Knows nothing of Pinpoint and of other records.
//!
//! 1. **The user activity log** that threat protection exports (`userAuthEvents`,
//!    <https://docs.aws.amazon.com/cognito/latest/developerguide/exporting-quotas-and-usage.html>):
//!    `{eventTimestamp, eventSource, logLevel, message{…}, logSourceId{userPoolId}}`.
//! 2. **The events of the API** (`AuthEventType`,
//!    <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AuthEventType.html>),
//!    a single event or `AuthEvents[]`. The API does not repeat the user and the pool, so they are expected
//!    next to the events.
//! 3. **The input of a Lambda trigger** (`triggerSource`, see `cognito/trigger.rs`).
//!
//! Shapes 1 and 2 have the same fields in two spellings (`EventId`, `eventId`); either spelling is read in
//! both.
//!
//! | type and response | meaning |
//! |---|---|
//! | `SignIn` `Pass` | a sign-in |
//! | `SignIn` `Fail` | a failed sign-in |
//! | `SignUp` `Pass` | a sign-up |
//! | `SignIn` and `SignUp` with `InProgress` (a challenge or a confirmation is pending) | ignored |
//! | `SignUp` `Fail`, `ForgotPassword`, `PasswordChange`, `ResendCode`, anything else | ignored |
//! | logs of another `eventSource`; CloudTrail's records, which do not state how a sign-in ended | ignored |
//!
//! | value | field |
//! |---|---|
//! | id | `EventId` |
//! | time | `CreationDate`: a number, RFC 3339 or the log's `Wed Jul 17 17:25:55 UTC 2024`; `eventTimestamp` |
//! | realm | `UserPoolId`, `logSourceId.userPoolId` |
//! | user | `userSub`, `sub`; otherwise the user name, which does not change within a pool, unless it is an e-mail address |
//! | user name | `UserName`, `Username` |
//! | client | `ClientId` |
//! | reason of a failure | `Block` if the risk decision was to block, otherwise the name of the failed challenge, otherwise `Fail` |
//! | address, place, time zone | `IpAddress`, `City`, `Country`, `Timezone` of `EventContextData`; of the event itself in the log |
//! | attributes | `DeviceName`, `RiskDecision`, `RiskLevel`, `CompromisedCredentialsDetected`, `idpName` |

use std::borrow::Cow;

use jiff::{civil::DateTime, tz::TimeZone};

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults,
        gather::{self, Copies},
        mail::unless_mail,
        tree::{List, Node},
    },
    identity::{
        Device, GeoLocation, IdentityEvent, Kind, PLAUSIBLE_TIMES,
        reason::{Ignored, Refused},
    },
    time::Timestamp,
};

mod trigger;

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "cognito";

/// The event source of `CloudTrail`'s records.
const CLOUD_TRAIL: &str = "cognito-idp.amazonaws.com";

/// The date format of the log: Java's `Date.toString`, always in UTC.
const LOGGED_DATE: &str = "%a %b %d %H:%M:%S UTC %Y";

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    let text = |key: &str| !node.get(key).str().is_empty();
    trigger::recognises(node)
        || (text("EventType") && text("EventResponse"))
        || is_page(node)
        || (text("eventSource") && !node.at(&["logSourceId", "userPoolId"]).str().is_empty())
        || is_from_cloud_trail(node)
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    if !node.is_object() {
        return smallvec![Err(Refused::NotAnEvent.into())];
    }
    if let Node::List(events) = node.get("AuthEvents") {
        return many(events, node);
    }
    smallvec![if node.get("triggerSource").is_some() { trigger::read(node) } else { one(node) }]
}

/// Whether the value is a response of the API, which may have no events.
fn is_page(node: Node<'_, '_>) -> bool {
    let Node::List(events) = node.get("AuthEvents") else { return false };
    events.first().is_none_or(|event| !event.get("EventType").str().is_empty())
}

fn is_from_cloud_trail(node: Node<'_, '_>) -> bool {
    node.get("eventSource").str() == CLOUD_TRAIL && !node.get("eventName").str().is_empty()
}

/// Whether the value is another log of a pool, such as the log of sent messages (`userNotification`).
fn is_another_log(node: Node<'_, '_>) -> bool {
    let source = node.get("eventSource").str();
    node.get("message").is_object() && !matches!(source, "" | "USER_ACTIVITY" | "USER_AUTH_EVENTS")
}

/// Reads the events in a response of the API, and their common user.
fn many<'a>(events: List<'_, 'a>, around: Node<'_, 'a>) -> EventResults<'a> {
    let user = match PoolUser::of(around) {
        Ok(user) => user,
        Err(reason) => return smallvec![Err(reason.into())],
    };
    let mut copies = Copies::new();
    let items: EventResults<'_> = events.iter().map(|event| read(event, &user, &mut copies)).collect();
    if items.is_empty() { smallvec![Err(Ignored::Empty.into())] } else { items }
}

fn one<'a>(node: Node<'_, 'a>) -> EventResult<'a> {
    let message = node.get("message");
    if is_from_cloud_trail(node) || is_another_log(node) {
        return Err(Ignored::TypeNotMapped.into());
    }
    let event = if message.is_object() { message } else { node };
    read(event, &PoolUser::of(node)?, &mut Copies::new())
}

/// The user of an event and the user's pool, from the event or from the object around it.
struct PoolUser<'a> {
    pool: Option<Cow<'a, str>>,
    sub: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    time: Option<Timestamp>,
}

impl<'a> PoolUser<'a> {
    fn of(node: Node<'_, 'a>) -> Result<Self, Refused> {
        let pool = field(node, &["UserPoolId", "userPoolId"]).id()?;
        let logged = node.at(&["logSourceId", "userPoolId"]).id()?;
        Ok(Self {
            pool: pool.or(logged),
            sub: field(node, &["userSub", "sub", "Sub"]).id()?,
            name: field(node, &["UserName", "userName", "Username", "username"]).id()?,
            time: node.get("eventTimestamp").time(),
        })
    }
}

fn read<'a>(event: Node<'_, 'a>, around: &PoolUser<'a>, copies: &mut Copies) -> EventResult<'a> {
    let name = field(event, &["EventType", "eventType"]).id()?.ok_or(Refused::NoType)?;
    let kind = kind(&name, field(event, &["EventResponse", "eventResponse"]).str())?;
    let own = PoolUser::of(event)?;
    let user_name = own.name.or_else(|| around.name.clone());
    let sub = own.sub.or_else(|| around.sub.clone());
    let read = IdentityEvent {
        id: field(event, &["EventId", "eventId"]).id()?,
        time: created(event).or(around.time),
        realm: own.pool.or_else(|| around.pool.clone()),
        user: sub.or_else(|| unless_mail(user_name.clone())),
        user_name,
        client: field(event, &["ClientId", "clientId"]).text(),
        reason: (kind == Kind::SignInFailed).then(|| failure(event)),
        ..context(event, kind)
    };
    copies.count(&read)?;
    Ok(read)
}

fn kind(name: &str, response: &str) -> Result<Kind, Ignored> {
    match (name, response) {
        ("SignIn", "Pass") => Ok(Kind::SignIn),
        ("SignIn", "Fail") => Ok(Kind::SignInFailed),
        ("SignUp", "Pass") => Ok(Kind::SignUp),
        _ => Err(Ignored::TypeNotMapped),
    }
}

/// An event with only its context: where it happened and how risky it was.
fn context<'a>(event: Node<'_, 'a>, kind: Kind) -> IdentityEvent<'a> {
    let (of, risk) = (nested(event, "EventContextData"), nested(event, "EventRisk"));
    let place = GeoLocation {
        city: field(of, &["City", "city"]).text(),
        country: field(of, &["Country", "country"]).text(),
        ..GeoLocation::default()
    };
    let timezone = field(of, &["Timezone", "timezone"]).text();
    let compromised = ["CompromisedCredentialsDetected", "compromisedCredentialDetected"];
    IdentityEvent {
        ip: field(of, &["IpAddress", "ipAddress"]).text(),
        place: gather::place(place),
        device: gather::device(Device { timezone, ..Device::default() }),
        attributes: gather::attributes(
            event,
            &[
                ("DeviceName", field(of, &["DeviceName", "deviceName"])),
                ("RiskDecision", field(risk, &["RiskDecision", "riskDecision"])),
                ("RiskLevel", field(risk, &["RiskLevel", "riskLevel"])),
                ("CompromisedCredentialsDetected", field(risk, &compromised)),
                ("idpName", event.get("idpName")),
            ],
        ),
        ..IdentityEvent::new(kind, PROVIDER)
    }
}

/// Why a sign-in failed, as far as the event states it.
fn failure<'a>(event: Node<'_, 'a>) -> Cow<'a, str> {
    let decision = field(nested(event, "EventRisk"), &["RiskDecision", "riskDecision"]).str();
    if decision.eq_ignore_ascii_case("Block") {
        return "Block".into();
    }
    let mut challenges = field(event, &["ChallengeResponses", "challenges"]).list();
    let failed = challenges
        .find(|challenge| field(*challenge, &["ChallengeResponse", "challengeResponse"]).str() == "Failure");
    let name = failed.and_then(|challenge| field(challenge, &["ChallengeName", "challengeName"]).text());
    name.unwrap_or("Fail".into())
}

fn created(event: Node<'_, '_>) -> Option<Timestamp> {
    let date = field(event, &["CreationDate", "creationDate"]);
    date.time().or_else(|| {
        let read = DateTime::strptime(LOGGED_DATE, date.str()).ok()?;
        let time = read.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
        PLAUSIBLE_TIMES.contains(&time).then_some(Timestamp(time))
    })
}

/// The object of that key, or the event itself: the log has these fields without the object around them.
fn nested<'n, 'a>(event: Node<'n, 'a>, key: &str) -> Node<'n, 'a> {
    let nested = event.get(key);
    if nested.is_object() { nested } else { event }
}

/// The first of the keys that has a value.
fn field<'n, 'a>(node: Node<'n, 'a>, keys: &[&str]) -> Node<'n, 'a> {
    keys.iter().map(|key| node.get(key)).find(|node| node.is_some()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
