//! Personal data is not sent unless a key asks for it.

use proptest::prelude::*;

use super::*;
use crate::core::{
    destination::{DestinationId, EndpointBatch, RequestId},
    identity::{Device, GeoLocation, IdentityEvent, Kind},
    map::{
        Mapper,
        tests::{T, deliveries},
    },
};

/// An event of this kind with all fields. Personal data has `mark` in it.
fn full(kind: Kind, mark: &str) -> IdentityEvent<'static> {
    let own = |text: &str| Some(text.to_owned().into());
    let personal = |name: &str| Some(format!("{mark}{name}").into());
    let names = ["email", "phone_number", "given_name", "family_name", "locale", "zoneinfo", "opt_out"];
    IdentityEvent {
        id: own("e"),
        time: Some(Timestamp(T)),
        realm: own("r"),
        realm_name: personal("realm"),
        user: own("u"),
        user_name: personal("name"),
        session: own("s"),
        session_start: None,
        client: own("web"),
        reason: own("a_reason"),
        ip: personal("198.51.100.7"),
        user_agent: personal("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"),
        device: Some(Box::new(Device {
            id: personal("device"),
            make: personal("make"),
            model: personal("model"),
            platform: personal("platform"),
            platform_version: personal("version"),
            browser: personal("browser"),
            app_version: personal("app"),
            locale: personal("locale"),
            timezone: personal("timezone"),
        })),
        place: Some(Box::new(GeoLocation {
            city: personal("city"),
            country: personal("country"),
            region: personal("region"),
            postal_code: personal("code"),
            latitude: Some(34.123_987),
            longitude: Some(-118.123_987),
        })),
        person: names.map(|name| (name.into(), vec![format!("{mark}{name}").into()])).into(),
        attributes: vec![("note".into(), format!("{mark}note").into())],
        ..IdentityEvent::new(kind, "keycloak")
    }
}

/// The body of the request for the events of one identity event.
fn body(mapper: &mut Mapper, event: &IdentityEvent<'_>) -> Option<String> {
    Some(request(deliveries(mapper, event)?))
}

/// The body of a request with these deliveries, all for one endpoint.
fn request(deliveries: Vec<Delivery>) -> String {
    let fit = |delivery| PutEvents.fit(delivery, &mut FieldCounts::default()).unwrap().delivery;
    let deliveries: Vec<_> = deliveries.into_iter().map(fit).collect();
    let first = &deliveries[0];
    assert!(deliveries.iter().all(|delivery| delivery.endpoint_id == first.endpoint_id));
    let batch = EndpointBatch {
        endpoint_id: first.endpoint_id,
        endpoint: Arc::clone(&first.endpoint),
        events: deliveries.iter().map(|delivery| Arc::clone(&delivery.event)).collect(),
    };
    let body = PutEvents.body(&Request {
        destination: DestinationId::default(),
        id: RequestId(1),
        endpoints: vec![batch],
    });
    String::from_utf8(body).unwrap()
}

const KINDS: [Kind; 9] = [
    Kind::SignIn,
    Kind::SignUp,
    Kind::SignInFailed,
    Kind::SessionStarted,
    Kind::SessionResumed,
    Kind::SessionPaused,
    Kind::SessionStopped,
    Kind::SessionsStopped,
    Kind::Activity,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_personal_is_sent_by_default(mark in "xq[a-z]{6}") {
        let mut mapper = mapper();
        let mut sent = 0;
        for kind in KINDS {
            let mut event = full(kind, &mark);
            for user in [Some("u".into()), None] {
                event.user = user;
                let Some(body) = body(&mut mapper, &event) else { continue };
                prop_assert!(!body.contains(&mark) && !body.contains("123987"), "{kind:?}: {body}");
                prop_assert!(!body.contains("Demographic") && !body.contains("Location"));
                sent += 1;
            }
        }
        prop_assert!(sent >= 4);
    }
}

#[test]
fn the_fields_that_are_always_sent_have_not_grown() {
    let mut mapper = mapper();
    insta::assert_snapshot!(body(&mut mapper, &full(Kind::SignIn, "x")).unwrap());
}
