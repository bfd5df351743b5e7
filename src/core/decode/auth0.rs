//! Auth0's tenant logs, as its log streams write them.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes> and the schema of each type in
//! <https://github.com/auth0/auth0-log-schemas>. A log is `{"log_id", "data": {…}}` or its `data` alone, one
//! or an array of them, which may be the `logs` of an object (the content format JSON Object and the Management API),
//! or the `detail` of an Amazon `EventBridge` event.
//!
//! | type | meaning |
//! |---|---|
//! | `s`, `sens`, `sepft`, `seotpft`, `seoobft`, `sercft` | a sign-in; `s` has a session |
//! | `sepkotpft`, `sepkoobft`, `sepkrcft` | a sign-in by a passkey and a second factor |
//! | `ssa` | a session resumed: a silent authentication |
//! | `slo` | the end of a session |
//! | `universal_logout_succeeded` | the end of all sessions of the user |
//! | `ss` | a sign-up |
//! | `fp`, `fu`, `fens`, `limit_wc`, `limit_mu`, `pwd_leak`, `gd_auth_failed`, `fcoa` | a failed sign-in |
//! | `f` | a failed sign-in; ignored if it names no user, because then a client or a page is at fault |
//! | anything else | ignored |
//!
//! | value | field |
//! |---|---|
//! | id | `log_id` |
//! | time | `date`; not `details.initiatedAt`, which is the time at which the page was opened |
//! | realm | `tenant_name`: a tenant has no other id, and its name cannot change |
//! | user | `user_id`, except of `fu`: the schema of `fu` allows any text that was typed |
//! | user name | `user_name` |
//! | session | `details.session_id` |
//! | client | `client_id` |
//! | reason | of a failure `details.error.oauthError` if it is a code and not a sentence, otherwise the type; of an end `logout` |
//! | address, user agent | `ip`, `user_agent` |
//! | person | `user_name`, which is an e-mail address, a telephone number or a name |
//! | attributes | the fields in [`ATTRIBUTES`] |
//!
//! `description` is not used as the reason, because it quotes the user's name and address for `limit_wc` and
//! `pwd_leak`. `date` is ISO 8601 with a `Z`. Exporters that rewrite it drop the `Z`, so a date without an
//! offset is read as UTC, which is what Auth0 wrote.

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults, gather,
        mail::is_mail,
        scalar::is_code,
        time,
        tree::{List, Node, first_id},
    },
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
    time::Timestamp,
};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "auth0";

/// The fields that become attributes, under Auth0's names.
const ATTRIBUTES: [&str; 8] = [
    "client_name",
    "connection",
    "strategy",
    "strategy_type",
    "organization_id",
    "organization_name",
    "hostname",
    "is_mobile",
];

/// Recognises the format by its `log_id`, which no other provider has.
pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    let log = Log::of(logs(node).map_or(Some(node), List::first).unwrap_or_default());
    let named = [log.outer.get("log_id"), log.data.get("log_id")].iter().any(|id| !id.str().is_empty());
    named && !log.data.get("type").str().is_empty()
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    if let Some(logs) = logs(node) { gather::batch(logs, read) } else { smallvec![read(node)] }
}

/// The logs of a batch.
fn logs<'n, 'a>(node: Node<'n, 'a>) -> Option<List<'n, 'a>> {
    match (node, node.get("logs")) {
        (Node::List(logs), _) | (_, Node::List(logs)) => Some(logs),
        _ => None,
    }
}

/// A log, and the object around it.
struct Log<'n, 'a> {
    outer: Node<'n, 'a>,
    data: Node<'n, 'a>,
}

impl<'n, 'a> Log<'n, 'a> {
    fn of(node: Node<'n, 'a>) -> Self {
        let within = |node: Node<'n, 'a>, key| {
            let inner = node.get(key);
            if inner.is_object() { inner } else { node }
        };
        let outer = within(node, "detail");
        Self { outer, data: within(outer, "data") }
    }
}

fn read<'a>(node: Node<'_, 'a>) -> EventResult<'a> {
    if !node.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let log = Log::of(node);
    let name = log.data.get("type").id()?.ok_or(Refused::NoType)?;
    let kind = kind(&name)?;
    let event = event_of(&log, kind, name)?;
    if kind == Kind::SignInFailed && event.user.is_none() && event.user_name.is_none() {
        return Err(Ignored::NoUser.into());
    }
    Ok(event)
}

fn kind(name: &str) -> Result<Kind, Ignored> {
    match name {
        "s" | "sens" | "sepft" | "seotpft" | "seoobft" | "sercft" | "sepkotpft" | "sepkoobft"
        | "sepkrcft" => Ok(Kind::SignIn),
        "ssa" => Ok(Kind::SessionResumed),
        "slo" => Ok(Kind::SessionStopped),
        "universal_logout_succeeded" => Ok(Kind::SessionsStopped),
        "ss" => Ok(Kind::SignUp),
        "f" | "fp" | "fu" | "fens" | "limit_wc" | "limit_mu" | "pwd_leak" | "gd_auth_failed" | "fcoa" => {
            Ok(Kind::SignInFailed)
        }
        _ => Err(Ignored::TypeNotMapped),
    }
}

fn event_of<'a>(log: &Log<'_, 'a>, kind: Kind, name: Cow<'a, str>) -> Result<IdentityEvent<'a>, Refused> {
    let (data, details) = (log.data, log.data.get("details"));
    let user = if name == "fu" { None } else { data.get("user_id").id()? };
    Ok(IdentityEvent {
        id: first_id([log.outer.get("log_id"), data.get("log_id")])?,
        time: date(data.get("date")),
        realm: data.get("tenant_name").id()?,
        person: if user.is_some() { person(data.get("user_name")) } else { Vec::new() },
        user,
        user_name: data.get("user_name").text(),
        session: details.get("session_id").id()?,
        client: data.get("client_id").text(),
        reason: match kind {
            Kind::SignInFailed => {
                details.at(&["error", "oauthError"]).text().filter(|text| is_code(text)).or(Some(name))
            }
            Kind::SessionStopped | Kind::SessionsStopped => Some("logout".into()),
            _ => None,
        },
        ip: data.get("ip").text(),
        user_agent: data.get("user_agent").text(),
        attributes: gather::attributes(data, &ATTRIBUTES.map(|name| (name, data.get(name)))),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

fn date(node: Node<'_, '_>) -> Option<Timestamp> {
    node.time().or_else(|| time::in_utc(node.str()))
}

/// The claim that a user name belongs to. Auth0 uses one field for an e-mail address, a number and a name.
fn person<'a>(name: Node<'_, 'a>) -> Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)> {
    let claim = match name.str() {
        text if is_mail(text) => "email",
        text if text.starts_with('+') => "phone_number",
        _ => "preferred_username",
    };
    gather::person(&[(claim, name)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::{line::lines, tree::parse};

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(lines(value, decode), expected);
    }

    /// Checks a log of type `name` with `fields` in its data.
    #[track_caller]
    fn log(name: &str, fields: &str, expected: &str) {
        check(&format!(r#"{{"log_id":"l","data":{{"type":"{name}"{fields}}}}}"#), expected);
    }

    #[test]
    fn the_logs_of_an_object_are_a_batch() {
        let log = r#"{"log_id":"l","data":{"log_id":"l","type":"s","user_id":"u"}}"#;
        check(&format!(r#"{{"logs":[{log},{log}]}}"#), "SignIn id=l user=u\nSignIn id=l user=u");
        let page = r#"{"start":0,"limit":50,"length":1,"logs":[{"log_id":"l","type":"ss","user_id":"u"}]}"#;
        check(page, "SignUp id=l user=u");
        check(r#"{"logs":[]}"#, "ignored: empty");
        let recognised = |value: &str| recognises(parse(value.as_bytes()).ok().unwrap().root());
        assert!(recognised(page));
        assert!(!recognised(r#"{"logs":[]}"#) && !recognised(r#"{"logs":[{"type":"s"}]}"#));
    }

    #[test]
    fn a_universal_logout_ends_all_sessions() {
        log("universal_logout_succeeded", r#","user_id":"u""#, "SessionsStopped id=l user=u reason=logout");
    }

    #[test]
    fn a_whole_sign_in() {
        log(
            "s",
            r#","log_id":"l","date":"2026-11-22T21:20:28.244Z","tenant_name":"shop","client_id":"c",
                "client_name":"Web","connection":"Users","strategy":"auth0","strategy_type":"database",
                "organization_id":"org_1","organization_name":"example","hostname":"shop.example.com",
                "is_mobile":false,"ip":"192.0.2.7","user_agent":"Chrome 120.0.0 / Mac OS X 10.15.7",
                "user_id":"auth0|0a1b","user_name":"anna@example.com","description":"",
                "details":{"initiatedAt":1795382400000,"completedAt":1795382428200,"session_id":"s1",
                    "prompts":[{"session_id":"x"}]}"#,
            "SignIn id=l time=1795382428244 realm=shop user=auth0|0a1b name=anna@example.com session=s1 \
             client=c ip=192.0.2.7 agent=Chrome 120.0.0 / Mac OS X 10.15.7 person.email=anna@example.com \
             client_name:Web connection:Users strategy:auth0 strategy_type:database organization_id:org_1 \
             organization_name:example hostname:shop.example.com is_mobile:false",
        );
    }

    #[test]
    fn each_type() {
        let fields = r#","user_id":"u","details":{"session_id":"s1"}"#;
        log("s", fields, "SignIn id=l user=u session=s1");
        for name in ["sens", "sepft", "seotpft", "seoobft", "sercft", "sepkotpft", "sepkoobft", "sepkrcft"] {
            log(name, r#","user_id":"u""#, "SignIn id=l user=u");
        }
        log("ssa", fields, "SessionResumed id=l user=u session=s1");
        log("slo", fields, "SessionStopped id=l user=u session=s1 reason=logout");
        log("ss", r#","user_id":"u""#, "SignUp id=l user=u");
        for name in ["f", "fp", "fens", "limit_wc", "limit_mu", "pwd_leak", "gd_auth_failed", "fcoa"] {
            log(name, r#","user_id":"u""#, &format!("SignInFailed id=l user=u reason={name}"));
        }
        for name in ["fs", "fsa", "flo", "scoa", "seacft", "sertft", "gd_auth_succeed", "sapi", "limit_sul"] {
            log(name, fields, "ignored: type_not_mapped");
        }
    }

    #[test]
    fn a_failure_has_a_user_or_what_was_typed() {
        log("fp", r#","user_id":"","user_name":"anna""#, "SignInFailed id=l name=anna reason=fp");
        log("fu", r#","user_id":"typed","user_name":"typed""#, "SignInFailed id=l name=typed reason=fu");
        log("f", r#","user_id":"","user_name":"""#, "ignored: no_user");
        log("fcoa", "", "ignored: no_user");
        log("s", r#","user_id":"""#, "SignIn id=l");
    }

    #[test]
    fn a_reason_is_a_code_and_never_a_description() {
        log(
            "f",
            r#","user_id":"u","description":"d","details":{"error":{"oauthError":"access_denied",
                "message":"User anna@example.com is blocked"}}"#,
            "SignInFailed id=l user=u reason=access_denied",
        );
        let sentence = "Callback URL mismatch. https://app.example.com/cb is not in the list.";
        let details = format!(r#","user_id":"u","details":{{"error":{{"oauthError":"{sentence}"}}}}"#);
        log("f", &details, "SignInFailed id=l user=u reason=f");
        log(
            "limit_wc",
            r#","user_name":"anna","description":"User (anna) tried 10 times""#,
            "SignInFailed id=l name=anna reason=limit_wc",
        );
    }

    #[test]
    fn a_user_name_is_one_of_three_claims() {
        log(
            "s",
            r#","user_id":"u","user_name":"+15550100""#,
            "SignIn id=l user=u name=+15550100 person.phone_number=+15550100",
        );
        log(
            "s",
            r#","user_id":"u","user_name":"anna""#,
            "SignIn id=l user=u name=anna person.preferred_username=anna",
        );
    }

    #[test]
    fn each_wrapper() {
        let sign_in = "SignIn id=l user=u";
        check(r#"{"type":"s","log_id":"l","user_id":"u"}"#, sign_in);
        check(
            r#"{"id":"b","source":"aws.partner/auth0.com/shop","detail":{"log_id":"l","data":{"type":"s","user_id":"u"}}}"#,
            sign_in,
        );
        check(
            r#"[{"log_id":"l","data":{"type":"s","user_id":"u"}},{"data":{"type":"fs"}},5]"#,
            "SignIn id=l user=u\nignored: type_not_mapped\nrefused: not_an_event",
        );
        check("[]", "ignored: empty");
    }

    #[test]
    fn a_date_without_an_offset_is_utc() {
        log("s", r#","date":"2026-11-22 21:20:28.244000000""#, "SignIn id=l time=1795382428244");
        log("s", r#","date":"2026-11-22T22:20:28.244+01:00""#, "SignIn id=l time=1795382428244");
        log("s", r#","date":"today""#, "SignIn id=l");
    }

    #[test]
    fn a_type_and_ids_must_be_there_and_texts() {
        check(r#"{"log_id":"l","data":{"user_id":"u"}}"#, "refused: no_type");
        check("null", "refused: not_an_event");
        log("s", r#","user_id":["u"]"#, "refused: field_not_text");
        log("s", r#","details":{"session_id":1.5}"#, "refused: field_not_text");
        log("s", r#","tenant_name":{}"#, "refused: field_not_text");
        check(r#"{"log_id":{},"data":{"type":"s"}}"#, "refused: field_not_text");
        check(r#"{"log_id":"l","data":{"type":{}}}"#, "refused: field_not_text");
        log("sapi", r#","user_id":[]"#, "ignored: type_not_mapped");
    }

    #[test]
    fn its_own_records_are_recognised() {
        let check = |value: &str, expected| {
            assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
        };
        check(r#"{"log_id":"l","data":{"type":"s"}}"#, true);
        check(r#"{"log_id":"l","type":"s"}"#, true);
        check(r#"[{"log_id":"l","data":{"type":"s"}}]"#, true);
        check(r#"{"detail":{"log_id":"l","data":{"type":"s"}}}"#, true);
        check(r#"{"data":{"type":"s"}}"#, false);
        check(r#"{"log_id":"l"}"#, false);
        check(r#"{"id":"i","type":"LOGIN"}"#, false);
        check("[]", false);
    }
}
