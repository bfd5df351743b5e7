//! The input of a Lambda trigger of a user pool
//! (<https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html>),
//! which an operator's own function can publish.
//!
//! Knows nothing of the pool's logs.
//!
//! | `triggerSource` | meaning |
//! |---|---|
//! | `PostAuthentication_*` | a sign-in |
//! | `PostConfirmation_ConfirmSignUp` | a sign-up |
//! | `PostConfirmation_ConfirmForgotPassword`, `Pre*`, anything else | ignored: nothing has happened yet, or it is no event |
//!
//! | value | field |
//! |---|---|
//! | id, time | Cognito provides neither; `eventId` and `creationDate` are read if the function adds them |
//! | realm | `userPoolId` |
//! | user | `request.userAttributes.sub`; otherwise `userName` unless it is an e-mail address |
//! | user name | `userName` |
//! | client | `callerContext.clientId` |
//! | person | the standard claims ([`CLAIMS`]) among `request.userAttributes` |
//! | attributes | `triggerSource`, `region`, `newDeviceUsed` |
//!
//! A failed sign-in invokes no trigger afterwards, so this shape has no failed sign-ins.

use crate::core::{
    decode::{EventResult, cognito::PROVIDER, gather, mail::unless_mail, tree::Node},
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The standard claims that a pool can have as attributes of the same name.
const CLAIMS: [&str; 12] = [
    "email",
    "phone_number",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "gender",
    "birthdate",
    "locale",
    "zoneinfo",
];

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    let text = |key: &str| !node.get(key).str().is_empty();
    text("triggerSource") && text("userPoolId") && node.get("request").is_object()
}

pub(super) fn read<'a>(node: Node<'_, 'a>) -> EventResult<'a> {
    let source = node.get("triggerSource").id()?.ok_or(Refused::NoType)?;
    let kind = kind(&source)?;
    Ok(event(kind, node)?)
}

fn kind(source: &str) -> Result<Kind, Ignored> {
    match source {
        "PostConfirmation_ConfirmSignUp" => Ok(Kind::SignUp),
        _ if source.starts_with("PostAuthentication_") => Ok(Kind::SignIn),
        _ => Err(Ignored::TypeNotMapped),
    }
}

fn event<'a>(kind: Kind, node: Node<'_, 'a>) -> Result<IdentityEvent<'a>, Refused> {
    let person = node.at(&["request", "userAttributes"]);
    let user_name = node.get("userName").id()?;
    let sub = person.get("sub").id()?;
    Ok(IdentityEvent {
        id: node.get("eventId").id()?,
        time: node.get("creationDate").time(),
        realm: node.get("userPoolId").id()?,
        user: sub.or_else(|| unless_mail(user_name.clone())),
        user_name,
        client: node.at(&["callerContext", "clientId"]).text(),
        person: gather::person(&CLAIMS.map(|claim| (claim, person.get(claim)))),
        attributes: gather::attributes(
            node,
            &[
                ("triggerSource", node.get("triggerSource")),
                ("region", node.get("region")),
                ("newDeviceUsed", node.at(&["request", "newDeviceUsed"])),
            ],
        ),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}
