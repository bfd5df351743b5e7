//! STS: `AssumeRole` and `GetCallerIdentity`, in the query protocol.
//!
//! There is every role that a call names, with the longest session that a role has by default. A role can
//! demand an `ExternalId`, refuse, or hand out credentials that expire early: these are faults. Whoever uses
//! the credentials is the role, for all services.

use std::{ops::RangeInclusive, time::Duration};

use super::{Address, Call, Head, Parsed, Served, Service, entries};
use crate::tools::emulator::{
    answer::Answer,
    credentials::Caller,
    journal::Origin,
    protocol::{
        Problem, Protocol,
        query::{self, Element, Form},
    },
    state::ServerState,
};

const VERSION: &str = "2011-06-15";
/// The longest session, unless the role's owner allows more; and always the longest of a chained role.
const MAX_DURATION: u64 = 3600;
const MIN_DURATION: u64 = 900;
const MAX_TAGS: usize = 50;

pub(super) static SERVICE: Service = Service {
    name: "sts",
    signing_name: "sts",
    address: Address::Form,
    protocol: Protocol::Query,
    has_quota: false,
    max_body: 1 << 20,
    too_large: Problem::breach("sts.body_size", 413, "RequestEntityTooLarge", "The request is too large."),
    throttled: Problem::new(400, "Throttling", "Rate exceeded"),
    failed: Problem::new(500, "InternalFailure", "Internal failure."),
    refused: Problem::new(400, "ValidationError", "The request is refused."),
    read,
};

fn read<'a>(_: &'a Head, body: &'a [u8]) -> Parsed<'a> {
    let repeated = || Problem::breach("sts.model", 400, "MalformedInput", "A parameter is written twice.");
    let form = query::read(body).ok_or_else(repeated)?;
    if form.get("Version").is_none_or(|version| version != VERSION) {
        return Err(Problem::breach("sts.version", 400, "InvalidAction", "The version is not 2011-06-15."));
    }
    match form.get("Action").map(|action| &**action) {
        Some("AssumeRole") => Ok(Box::new(AssumeRole::read(&form)?)),
        Some("GetCallerIdentity") => Ok(Box::new(GetCallerIdentity)),
        _ => Err(SERVICE.unknown_operation()),
    }
}

fn invalid(rule: &'static str, message: &'static str) -> Problem {
    Problem::breach(rule, 400, "ValidationError", message)
}

/// Parameters that stand once in a form of `AssumeRole`.
const PARAMETERS: [&str; 10] = [
    "Action",
    "Version",
    "RoleArn",
    "RoleSessionName",
    "DurationSeconds",
    "ExternalId",
    "Policy",
    "SourceIdentity",
    "SerialNumber",
    "TokenCode",
];

/// Parameters that are lists.
const LISTS: [&str; 4] = ["Tags.", "TransitiveTagKeys.", "PolicyArns.", "ProvidedContexts."];

#[derive(Debug, PartialEq, Eq)]
struct AssumeRole {
    arn: String,
    account: String,
    /// The name of the role, without its path.
    role: String,
    session: String,
    duration: Duration,
    external_id: Option<String>,
}

impl AssumeRole {
    fn read(form: &Form<'_>) -> Result<Self, Problem> {
        let known =
            |name: &str| PARAMETERS.contains(&name) || LISTS.iter().any(|list| name.starts_with(list));
        if !form.keys().all(|name| known(name)) {
            return Err(Problem::breach("sts.model", 400, "MalformedInput", "A parameter is unknown."));
        }
        let text = |name: &str| form.get(name).map(ToString::to_string);
        let arn = text("RoleArn").unwrap_or_default();
        let Some((account, role)) = role_of(&arn) else {
            return Err(invalid("sts.role_arn", "RoleArn is not the ARN of a role."));
        };
        let session = text("RoleSessionName").filter(|name| is_name(name, 2..=64, "+=,.@-_"));
        let session = session.ok_or_else(|| {
            invalid("sts.session_name", "RoleSessionName must have 2 to 64 letters, digits or +=,.@-_.")
        })?;
        let external_id = text("ExternalId");
        if external_id.as_ref().is_some_and(|id| !is_name(id, 2..=1224, "+=,.@:/-_")) {
            return Err(invalid(
                "sts.external_id",
                "ExternalId must have 2 to 1224 letters, digits or +=,.@:/-_.",
            ));
        }
        check_tags(form)?;
        let duration = duration(text("DurationSeconds"))?;
        let (account, role) = (account.to_owned(), role.to_owned());
        Ok(Self { arn, account, role, session, duration, external_id })
    }
}

fn duration(text: Option<String>) -> Result<Duration, Problem> {
    let seconds = match text {
        None => MAX_DURATION,
        Some(text) => text.parse().unwrap_or_default(),
    };
    match seconds {
        MIN_DURATION..=MAX_DURATION => Ok(Duration::from_secs(seconds)),
        0..MIN_DURATION => Err(invalid("sts.duration", "DurationSeconds must be 900 or more.")),
        _ => Err(invalid(
            "sts.duration",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role, or the 1 hour \
             session limit for roles assumed by role chaining.",
        )),
    }
}

/// Session tags: 50, with keys of 1 to 128 and values of up to 256 characters.
fn check_tags(form: &Form<'_>) -> Result<(), Problem> {
    let tags = form.iter().filter(|(name, _)| name.starts_with("Tags."));
    let mut keys = 0;
    for (name, value) in tags {
        let length = value.chars().count();
        let fits = if name.ends_with(".Key") {
            keys += 1;
            (1..=128).contains(&length)
        } else {
            name.ends_with(".Value") && length <= 256
        };
        if !fits {
            return Err(invalid("sts.tags", "A tag is too long or has no key."));
        }
    }
    if keys > MAX_TAGS { Err(invalid("sts.tags", "There must be at most 50 tags.")) } else { Ok(()) }
}

impl Call for AssumeRole {
    fn operation(&self) -> &'static str {
        "AssumeRole"
    }

    fn destination(&self) -> &str {
        &self.arn
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        entries::check_call(state, origin, &SERVICE, |text| {
            self.arn.contains(text) || self.session.contains(text)
        })?;
        let faults = state.faults.of(origin.call()).faults;
        if faults.role_external_id.is_some() && faults.role_external_id != self.external_id {
            let (caller, role) = (origin.caller.arn(), &self.arn);
            let message =
                format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}");
            return Err(Problem { message: message.into(), ..Problem::new(403, "AccessDenied", "") });
        }
        let lasts = faults.role_lasts.map_or(self.duration, |lasts| lasts.0);
        let caller = Caller::Role {
            account: self.account.clone(),
            role: self.role.clone(),
            session: self.session.clone(),
        };
        let (arn, id) = (caller.arn(), caller.user_id());
        let issued = state.credentials.issue(caller, origin.now, lasts);
        let expires = jiff::Timestamp::from_millisecond(origin.time.0).unwrap_or_default() + lasts;
        let credentials = Element::default()
            .with("AccessKeyId", &issued.access_key)
            .with("SecretAccessKey", &issued.secret_key)
            .with("SessionToken", &issued.token)
            .with("Expiration", &format!("{expires:.0}"));
        let user = Element::default().with("AssumedRoleId", &id).with("Arn", &arn);
        let result = Element::default().within("Credentials", &credentials).within("AssumedRoleUser", &user);
        Ok(Served { answer: answer(self.operation(), &result), confirmed: 0 })
    }
}

struct GetCallerIdentity;

impl Call for GetCallerIdentity {
    fn operation(&self) -> &'static str {
        "GetCallerIdentity"
    }

    fn destination(&self) -> &'static str {
        ""
    }

    fn serve(&self, _: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        let caller = &origin.caller;
        let result = Element::default()
            .with("Arn", &caller.arn())
            .with("UserId", &caller.user_id())
            .with("Account", caller.account());
        Ok(Served { answer: answer(self.operation(), &result), confirmed: 0 })
    }
}

fn answer(action: &str, result: &Element) -> Answer {
    SERVICE.protocol.success(query::response(action, result))
}

/// The account and the role in `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
fn role_of(arn: &str) -> Option<(&str, &str)> {
    let ["arn", partition, "iam", "", account, role] = arn.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let role = role.strip_prefix("role/")?.rsplit('/').next()?;
    let valid = partition.starts_with("aws")
        && arn.len() <= 2048
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && is_name(role, 1..=64, "+=,.@-_");
    valid.then_some((account, role))
}

/// Whether a text has so many letters, digits or other characters.
fn is_name(text: &str, length: RangeInclusive<usize>, others: &str) -> bool {
    let fits = |one: char| one.is_ascii_alphanumeric() || others.contains(one);
    length.contains(&text.len()) && text.chars().all(fits)
}

#[cfg(test)]
mod tests;
