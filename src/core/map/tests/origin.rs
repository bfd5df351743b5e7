//! The origin of an event, by which routes select events.

use super::*;

fn routed() -> Mapper {
    mapper().with(Additions::default().with_origins())
}

/// A user event of the session `s` in the realm `r`, named `shop`, with further `fields`.
fn user_event(id: &str, seconds: i64, kind: &str, fields: &str) -> Record {
    let time = T + seconds * 1000;
    record(format!(
        r#"{{"id":"{id}","time":{time},"type":"{kind}","realmId":"r","realmName":"shop","userId":"u","sessionId":"s"{fields}}}"#
    ))
}

/// The origins of a record's events: provider, id and name of the realm, client.
fn origins(mapper: &mut Mapper, record: &Record) -> Vec<String> {
    let (Mapped::Deliver(deliveries) | Mapped::Partly(deliveries, _)) =
        mapper.map(record, Moment::START).mapped
    else {
        return Vec::new();
    };
    let words = |delivery: &Delivery| {
        let Some(origin) = delivery.origin.as_deref() else { return "none".to_owned() };
        let texts = [
            Some(&origin.provider),
            origin.realm_id.as_ref(),
            origin.realm_name.as_ref(),
            origin.client.as_ref(),
        ];
        texts.map(|text| text.map_or("-", |text| text)).join(" ")
    };
    deliveries.iter().map(words).collect()
}

#[test]
fn events_carry_no_origin_unless_routes_ask_for_it() {
    assert_eq!(origins(&mut mapper(), &login("a", 0, "s")), ["none", "none"]);
}

#[test]
fn the_client_is_the_one_that_the_session_was_opened_for() {
    let mut mapper = routed();
    let web = r#","clientId":"web""#;
    let other = r#","clientId":"other""#;
    let both = ["keycloak r shop web"; 2];
    assert_eq!(origins(&mut mapper, &user_event("a", 0, "LOGIN", web)), both);
    assert_eq!(origins(&mut mapper, &user_event("b", 1, "LOGIN", other)), both);
    assert_eq!(origins(&mut mapper, &user_event("c", 2, "LOGOUT", "")), both[..1]);
    // The origins stay the same after the session has ended.
    assert_eq!(origins(&mut mapper, &user_event("c", 2, "LOGOUT", "")), both[..1]);
}

#[test]
fn the_client_is_the_events_own_where_the_opening_is_not_known() {
    let mut mapper = routed();
    let other = r#","clientId":"other""#;
    assert_eq!(origins(&mut mapper, &user_event("a", 0, "LOGOUT", other)), ["keycloak r shop other"]);
    assert_eq!(origins(&mut routed(), &user_event("b", 0, "LOGOUT", "")), ["keycloak r shop -"]);
}

#[test]
fn the_ends_of_several_sessions_go_where_each_was_opened() {
    let mut mapper = routed();
    for (id, session, client) in [("a", "s1", "web"), ("b", "s2", "app")] {
        let login = user_event(id, 0, "LOGIN", &format!(r#","clientId":"{client}""#));
        let text = String::from_utf8(login.value.clone().unwrap().into_vec()).unwrap();
        mapper.map(
            &record(text.replace(r#""sessionId":"s""#, &format!(r#""sessionId":"{session}""#))),
            Moment::START,
        );
    }
    let all = record(format!(
        r#"{{"id":"c","time":{T},"realmId":"r","realmName":"shop","operationType":"ACTION","resourceType":"USER","resourcePath":"users/u/logout"}}"#
    ));
    let mut found = origins(&mut mapper, &all);
    found.sort();
    assert_eq!(found, ["keycloak r shop app", "keycloak r shop web"]);
}
