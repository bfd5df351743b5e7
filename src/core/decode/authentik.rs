//! authentik's events.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://docs.goauthentik.io/sys-mgmt/events/event-actions> and the model
//! (<https://github.com/goauthentik/authentik/blob/main/authentik/events/models.py>). An event arrives in one
//! of three forms: as the API and a webhook mapping write it; within `results[]` of the API's list; or as the
//! log line that authentik writes for every event (`"event": "Created Event"`), which has neither `pk` nor
//! `created`. Other log lines are ignored.
//!
//! | action | meaning |
//! |---|---|
//! | `login` | a sign-in |
//! | `login_failed` | a failed sign-in |
//! | `logout` | the end of an unnamed session |
//! | `user_write` with `context.created` true | a sign-up: a flow created a user; otherwise the user was changed |
//! | anything else | ignored |
//!
//! | value | field |
//! |---|---|
//! | id | `pk` |
//! | time | `created` (with microseconds); of a log line `timestamp` if it has an offset, which authentik's own never has |
//! | realm | none, because users belong to the whole instance; `brand.name` is the realm's name |
//! | user | `user.pk`; of a failed sign-in only if `user.username` is the name that was typed, because otherwise it is the anonymous user |
//! | user name | `user.username`; of a failed sign-in `context.username` |
//! | person | `user.email`; of a sign-up `context.email` and `context.name` |
//! | reason | the `action` of a failed sign-in and of the end of a session |
//! | address, agent | `client_ip` (255.255.255.255 means that it is unknown), `context.http_request.user_agent` |
//! | place | `context.geo`: `city`, `country`, `lat`, `long` |
//! | attributes | `auth_method`, `stage` (its name), `brand` (its pk) |
//!
//! `user.pk` is a small number that is unique only within one instance. So the events of two instances must
//! not be delivered to one application.

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults,
        gather::{self, Person},
        tree::Node,
    },
    identity::{
        GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "authentik";

/// The address that authentik writes if it does not know one.
const NO_ADDRESS: &str = "255.255.255.255";

/// The message of a log line that records an event.
const RECORDED: &str = "Created Event";

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    is_event(node) || is_page(node)
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    match node.get("results") {
        Node::List(events) if events.is_empty() => smallvec![Err(Ignored::Empty.into())],
        Node::List(events) => events.iter().map(read).collect(),
        _ => smallvec![read(node)],
    }
}

fn is_event(node: Node<'_, '_>) -> bool {
    let text = |key: &str| node.get(key).str();
    let ours = text("app").starts_with("authentik") || text("logger").starts_with("authentik.");
    ours && !text("action").is_empty() && node.get("user").is_object() && node.get("context").is_object()
}

/// Whether the value is a page of the API's list, which may have no events.
fn is_page(node: Node<'_, '_>) -> bool {
    let Node::List(events) = node.get("results") else { return false };
    node.get("pagination").is_object() && events.first().is_none_or(is_event)
}

fn read<'a>(node: Node<'_, 'a>) -> EventResult<'a> {
    if !node.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    if !matches!(node.get("event").str(), "" | RECORDED) {
        return Err(Ignored::TypeNotMapped.into());
    }
    let action = node.get("action").id()?.ok_or(Refused::NoType)?;
    let kind = kind(&action, node.at(&["context", "created"]).flag())?;
    Ok(event(kind, node)?)
}

fn kind(action: &str, created: Option<bool>) -> Result<Kind, Ignored> {
    match action {
        "login" => Ok(Kind::SignIn),
        "login_failed" => Ok(Kind::SignInFailed),
        "logout" => Ok(Kind::SessionStopped),
        "user_write" if created == Some(true) => Ok(Kind::SignUp),
        _ => Err(Ignored::TypeNotMapped),
    }
}

fn event<'a>(kind: Kind, node: Node<'_, 'a>) -> Result<IdentityEvent<'a>, Refused> {
    let (user, context) = (node.get("user"), node.get("context"));
    let named = user.get("username");
    let typed = if kind == Kind::SignInFailed { context.get("username") } else { named };
    let known = typed.str() == named.str();
    let geo = context.get("geo");
    let place = GeoLocation {
        city: geo.get("city").text(),
        country: geo.get("country").text(),
        latitude: geo.get("lat").number(),
        longitude: geo.get("long").number(),
        ..GeoLocation::default()
    };
    let user_id = user.get("pk").id()?;
    let (created, logged) = (node.get("created").time(), node.get("timestamp").time());
    Ok(IdentityEvent {
        id: node.get("pk").id()?,
        time: created.or(logged),
        realm_name: node.at(&["brand", "name"]).text(),
        user: user_id.filter(|_| known),
        user_name: typed.text(),
        reason: match kind {
            Kind::SignInFailed | Kind::SessionStopped => node.get("action").text(),
            _ => None,
        },
        ip: node.get("client_ip").text().filter(|address| address != NO_ADDRESS),
        user_agent: context.at(&["http_request", "user_agent"]).text(),
        place: gather::place(place),
        person: person(kind, known, user, context),
        attributes: gather::attributes(
            node,
            &[
                ("auth_method", context.get("auth_method")),
                ("stage", context.at(&["stage", "name"])),
                ("brand", node.at(&["brand", "pk"])),
            ],
        ),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

fn person<'a>(kind: Kind, known: bool, user: Node<'_, 'a>, context: Node<'_, 'a>) -> Person<'a> {
    match kind {
        Kind::SignUp => gather::person(&[("email", context.get("email")), ("name", context.get("name"))]),
        _ if known => gather::person(&[("email", user.get("email"))]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::{line::lines, tree::parse};

    const ANNA: &str = r#"{"pk":7,"email":"anna@example.com","username":"anna"}"#;
    const HEAD: &str = "id=e time=1795382428244 realm_name=Shop";
    const TAIL: &str = "ip=192.0.2.1 agent=Mozilla/5.0";

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(lines(value, decode), expected);
    }

    fn event(action: &str, user: &str, context: &str) -> String {
        format!(
            r#"{{"pk":"e","user":{user},"action":"{action}","app":"authentik.events.signals",
                "context":{{"http_request":{{"path":"/","method":"GET","user_agent":"Mozilla/5.0"}}{context}}},
                "client_ip":"192.0.2.1","created":"2026-11-22T21:20:28.244999Z",
                "brand":{{"pk":"b","name":"Shop"}}}}"#
        )
    }

    #[test]
    fn a_sign_in_says_how_and_where() {
        let geo = r#","auth_method":"password","geo":{"lat":48.1,"long":11.5,"city":"Munich","country":"DE","continent":"EU"}"#;
        check(
            &event("login", ANNA, geo),
            &format!(
                "SignIn {HEAD} user=7 name=anna {TAIL} city=Munich country=DE lat=48.1 long=11.5 \
                 person.email=anna@example.com auth_method:password brand:b"
            ),
        );
    }

    #[test]
    fn a_failed_sign_in_is_of_the_name_that_was_typed() {
        let typed = r#","username":"anna","password":"***","stage":{"pk":"s","name":"password"}"#;
        let anonymous = r#"{"pk":2,"email":"","username":"AnonymousUser"}"#;
        check(
            &event("login_failed", anonymous, typed),
            &format!("SignInFailed {HEAD} name=anna reason=login_failed {TAIL} stage:password brand:b"),
        );
        check(
            &event("login_failed", ANNA, typed),
            &format!(
                "SignInFailed {HEAD} user=7 name=anna reason=login_failed {TAIL} person.email=anna@example.com \
                 stage:password brand:b"
            ),
        );
        let nobody = r#"{"pk":null,"email":"","username":"anna"}"#;
        check(
            &event("login_failed", nobody, typed),
            &format!("SignInFailed {HEAD} name=anna reason=login_failed {TAIL} stage:password brand:b"),
        );
    }

    #[test]
    fn a_logout_is_the_end_of_a_session() {
        check(
            &event("logout", ANNA, ""),
            &format!(
                "SessionStopped {HEAD} user=7 name=anna reason=logout {TAIL} person.email=anna@example.com brand:b"
            ),
        );
    }

    #[test]
    fn a_user_that_is_written_signed_up_only_if_created() {
        let written = |created: &str| {
            event(
                "user_write",
                ANNA,
                &format!(r#","name":"Anna Ost","email":"anna@example.com","created":{created}"#),
            )
        };
        check(
            &written("true"),
            &format!(
                "SignUp {HEAD} user=7 name=anna {TAIL} person.email=anna@example.com person.name=Anna Ost brand:b"
            ),
        );
        check(&written("false"), "ignored: type_not_mapped");
        check(&written("null"), "ignored: type_not_mapped");
        check(&event("user_write", ANNA, ""), "ignored: type_not_mapped");
    }

    #[test]
    fn a_log_line_has_neither_id_nor_offset() {
        let line = |event: &str| {
            format!(
                r#"{{"action":"login","auth_via":"unauthenticated","client_ip":"255.255.255.255","context":{{}},
                    "event":"{event}","level":"info","logger":"authentik.events.models","pid":60,
                    "timestamp":"2026-11-22T21:20:28.244999","user":{ANNA}}}"#
            )
        };
        check(&line("Created Event"), "SignIn user=7 name=anna person.email=anna@example.com");
        check(&line("Task published"), "ignored: type_not_mapped");
        check(r#"{"event":"/-/health/live/","logger":"authentik.asgi"}"#, "ignored: type_not_mapped");
        recognised(&line("Created Event"), true);
    }

    #[test]
    fn a_page_has_many_events() {
        let page = |events: &str| format!(r#"{{"pagination":{{"count":2}},"results":[{events}]}}"#);
        let two = format!("{},{}", event("logout", "{}", ""), event("email_sent", ANNA, ""));
        check(
            &page(&two),
            &format!("SessionStopped {HEAD} reason=logout {TAIL} brand:b\nignored: type_not_mapped"),
        );
        check(&page(""), "ignored: empty");
        recognised(&page(&two), true);
        recognised(&page(""), true);
    }

    #[test]
    fn what_is_no_event_says_why() {
        check(&event("authorize_application", ANNA, ""), "ignored: type_not_mapped");
        check(&event("custom_login", ANNA, ""), "ignored: type_not_mapped");
        check(r#"{"pk":"e","user":{}}"#, "refused: no_type");
        check(r#"{"body":"a","severity":"transition","user_email":"anna@example.com"}"#, "refused: no_type");
        check(r#"{"action":{}}"#, "refused: field_not_text");
        check(&event("login", r#"{"pk":[]}"#, ""), "refused: field_not_text");
        check(r#"{"pk":{},"action":"login"}"#, "refused: field_not_text");
        check(r#"{"results":[17]}"#, "refused: not_an_event");
        check("[]", "refused: not_an_event");
    }

    #[track_caller]
    fn recognised(value: &str, expected: bool) {
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected);
    }

    #[test]
    fn its_shape_is_an_action_of_its_apps() {
        recognised(&event("anything", ANNA, ""), true);
        recognised(&event("login", ANNA, "").replace("authentik.events.signals", "web"), false);
        recognised(r#"{"action":"login","app":"authentik","user":"anna","context":{}}"#, false);
        recognised(r#"{"results":[]}"#, false);
        recognised("{}", false);
    }
}
