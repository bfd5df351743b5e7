//! Tests of realistic routes, and a comparison of the index with the plain rule.

use proptest::{collection::vec, prelude::*};

use super::*;

fn name(text: &str) -> DestinationName {
    text.parse().unwrap()
}

fn names(texts: &[&str]) -> Vec<DestinationName> {
    texts.iter().copied().map(name).collect()
}

/// Parses a route as the configuration writes it.
fn route(yaml_as_json: &str) -> RouteConfig {
    serde_json::from_str(yaml_as_json).unwrap()
}

fn origin(provider: &str, realm: (&str, &str), client: &str) -> Origin {
    let text = |text: &str| (!text.is_empty()).then(|| text.into());
    Origin {
        provider: provider.into(),
        realm_id: text(realm.0),
        realm_name: text(realm.1),
        client: text(client),
    }
}

/// Checks where a sign-in of the `topic` and `origin` goes by these routes.
#[track_caller]
fn check(routes: &[&str], topic: &str, origin: &Origin, expected: &str) {
    let destinations = names(&["shop", "lab"]);
    let last = r#"{ "topic": "nowhere", "to": ["shop", "lab"] }"#;
    let routes: Vec<_> = routes.iter().chain([&last]).map(|text| route(text)).collect();
    let routing = Router::new(&destinations, &routes, Some(Unrouted::DeadLetter)).unwrap();
    let actual = match routing.route(topic, Some(origin), EventType::SignIn) {
        Route::To(ids) => {
            ids.iter().map(|id| destinations[usize::from(id.0)].as_str()).collect::<Vec<_>>().join("+")
        }
        Route::Ignore => "ignored".into(),
        Route::DeadLetter => "dead letter".into(),
    };
    assert_eq!(actual, expected);
}

#[test]
fn the_first_route_whose_conditions_all_hold_wins() {
    let routes = [
        r#"{ "realm": ["shop", "09923c55"], "to": "shop" }"#,
        r#"{ "provider": "okta", "event": ["_userauth.sign_in"], "to": ["shop", "lab"] }"#,
        r#"{ "topic": "lab-events", "client": "lab-app", "to": "lab" }"#,
    ];
    check(&routes, "t", &origin("keycloak", ("09923c55", ""), ""), "shop");
    check(&routes, "t", &origin("keycloak", ("x", "shop"), ""), "shop");
    check(&routes, "t", &origin("okta", ("", "shop"), ""), "shop");
    check(&routes, "t", &origin("okta", ("", "other"), ""), "shop+lab");
    check(&routes, "lab-events", &origin("okta", ("", ""), "lab-app"), "shop+lab");
    check(&routes, "lab-events", &origin("wso2", ("", ""), "lab-app"), "lab");
    check(&routes, "lab-events", &origin("wso2", ("", ""), "app"), "dead letter");
    check(&routes, "t", &origin("wso2", ("", ""), "lab-app"), "dead letter");
}

#[test]
fn a_route_without_conditions_matches_everything_that_no_route_before_it_does() {
    let routes = [r#"{ "realm": "a", "to": "shop" }"#, r#"{ "to": "lab" }"#];
    check(&routes, "t", &origin("x", ("a", ""), ""), "shop");
    check(&routes, "t", &origin("x", ("b", ""), ""), "lab");
    check(&routes, "nowhere", &origin("x", ("", ""), ""), "lab");
}

#[test]
fn a_destination_that_is_named_twice_gets_an_event_once() {
    check(&[r#"{ "to": ["lab", "shop", "lab"] }"#], "t", &Origin::default(), "shop+lab");
}

#[test]
fn an_event_that_no_route_matches_is_ignored_where_that_is_written() {
    let routes = [route(r#"{ "realm": "a", "to": "shop" }"#)];
    let routing = Router::new(&names(&["shop"]), &routes, Some(Unrouted::Ignore)).unwrap();
    assert_eq!(routing.route("t", None, EventType::SignIn), Route::Ignore);
}

#[test]
fn the_only_destination_needs_no_routes_and_no_origin() {
    let routing = Router::new(&names(&["default"]), &[], None).unwrap();
    assert!(!routing.needs_origin());
    assert_eq!(routing.route("t", None, EventType::SignIn), Route::To(&[DestinationId(0)]));
}

#[test]
fn an_origin_is_needed_for_conditions_on_realm_provider_and_client() {
    let needs = |condition: &str| {
        let routes = [route(&format!("{{ {condition}, \"to\": \"shop\" }}"))];
        Router::new(&names(&["shop"]), &routes, Some(Unrouted::Ignore)).unwrap().needs_origin()
    };
    assert!(needs(r#""realm": "a""#) && needs(r#""provider": "a""#) && needs(r#""client": "a""#));
    assert!(!needs(r#""topic": "a""#) && !needs(r#""event": "_session.start""#));
}

#[test]
fn all_problems_are_found_at_once() {
    let destinations = names(&["lab", "shop"]);
    let found =
        |routes: &[RouteConfig], unrouted| Router::new(&destinations, routes, unrouted).unwrap_err().0;
    assert_eq!(found(&[], None), [RouteProblem::NoRoutes]);
    let routes = [
        route(r#"{ "realm": "a", "to": ["shop", "shp"] }"#),
        route(r#"{ "realm": "b" }"#),
        route(r#"{ "to": "shop" }"#),
        route(r#"{ "realm": "behind one that matches everything", "to": "lab" }"#),
    ];
    assert_eq!(
        found(&routes, None),
        [
            RouteProblem::NoUnrouted,
            RouteProblem::Unknown { route: 0, place: 1 },
            RouteProblem::Nowhere { route: 1 },
            RouteProblem::Unreached(name("lab")),
        ]
    );
}

/// The number of routes that are examined for an event.
fn looked_at(routes: &[RouteConfig], origin: &Origin) -> usize {
    let routing = Router::new(&names(&["shop"]), routes, Some(Unrouted::Ignore)).unwrap();
    let properties = EventProperties { topic: "t", origin: Some(origin), event_type: EventType::SignIn };
    routing.found(&properties).map(<[usize]>::len).sum()
}

#[test]
fn a_thousand_routes_cost_as_much_as_one() {
    let thousand = |condition: fn(usize) -> String| {
        let routes = (0..1000).map(|number| route(&format!("{{ {}, \"to\": \"shop\" }}", condition(number))));
        looked_at(&routes.collect::<Vec<_>>(), &origin("okta", ("r7", "shop"), "c7"))
    };
    assert_eq!(thousand(|number| format!(r#""realm": "r{number}""#)), 1);
    assert_eq!(thousand(|number| format!(r#""client": ["c{number}", "d{number}"]"#)), 1);
    assert_eq!(
        thousand(|number| format!(r#""realm": "shop", "provider": "okta", "client": "c{number}""#)),
        1
    );
    assert_eq!(thousand(|number| format!(r#""realm": "r{number}", "event": "_userauth.sign_in""#)), 1);
}

/// Applies the routing rule without an index.
fn plainly<'r>(
    routes: &'r [RouteConfig],
    topic: &str,
    origin: &Origin,
    event: EventType,
) -> Option<&'r RouteConfig> {
    let holds = |condition: &[Box<str>], texts: &[Option<&str>]| {
        condition.is_empty() || condition.iter().any(|one| texts.contains(&Some(&**one)))
    };
    routes.iter().find(|route| {
        holds(&route.realm, &[origin.realm_id.as_deref(), origin.realm_name.as_deref()])
            && holds(&route.provider, &[Some(&origin.provider)])
            && holds(&route.client, &[origin.client.as_deref()])
            && holds(&route.topic, &[Some(topic)])
            && (route.event.is_empty() || route.event.contains(&event))
    })
}

fn text() -> impl Strategy<Value = Box<str>> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(Into::into)
}

fn condition() -> impl Strategy<Value = config::OneOrMore<Box<str>>> {
    prop_oneof![2 => Just(Vec::new()), 1 => vec(text(), 1..3)].prop_map(Into::into)
}

fn event() -> impl Strategy<Value = EventType> {
    prop::sample::select(EventType::ALL.to_vec())
}

fn any_route() -> impl Strategy<Value = RouteConfig> {
    let events = prop_oneof![2 => Just(Vec::new()), 1 => vec(event(), 1..4)];
    let to = prop::sample::subsequence(names(&["d0", "d1", "d2"]), 1..=3);
    (condition(), condition(), condition(), condition(), events, to).prop_map(
        |(realm, provider, client, topic, event, to)| RouteConfig {
            realm,
            provider,
            client,
            topic,
            event: event.into(),
            to: to.into(),
        },
    )
}

/// Provider, the realm's id and name, and client; an empty text stands for an absent one.
fn any_origin() -> impl Strategy<Value = [&'static str; 4]> {
    let maybe = || prop::sample::select(vec!["", "a", "b", "c"]);
    [maybe(), maybe(), maybe(), maybe()]
}

proptest! {
    #[test]
    fn the_index_agrees_with_the_plain_rule(
        routes in vec(any_route(), 1..12), topic in text(), origins in any_origin(), event in event(),
    ) {
        let destinations = names(&["d0", "d1", "d2"]);
        let [provider, id, name, client] = origins;
        let origin = origin(provider, (id, name), client);
        let compiled = routes.iter().map(|route| Compiled::new(route, &destinations)).collect();
        let routing = Router::of(compiled, Unrouted::Ignore);
        let expected = plainly(&routes, &topic, &origin, event).map(|route| Compiled::new(route, &destinations).to);
        let found = match routing.route(&topic, Some(&origin), event) {
            Route::To(ids) => Some(ids.to_vec()),
            Route::Ignore | Route::DeadLetter => None,
        };
        prop_assert_eq!(found, expected);
    }
}
