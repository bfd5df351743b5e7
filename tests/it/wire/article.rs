//! The two examples of AWS's article on identity providers, each from Keycloak's records and a configuration
//! to the body of the request.

use std::{fs, sync::Arc};

use pinpoint_sidecar::{
    config::{self, Config, Sources},
    core::{
        decode::{Decoder, Wanted},
        destination::{DestinationId, Encoder as _, EndpointBatch, FieldCounts, Request, RequestId},
        event::Delivery,
        identity::GeoLocation,
        map::{Mapper, endpoint::Additions},
        record::{Ownership, Record},
        time::{Moment, Timestamp},
    },
    edge::aws::pinpoint::PutEvents,
};

/// The body of the request for `records`, with the settings of endpoints and events in `yaml`.
fn body(yaml: &str, records: &[&str]) -> String {
    let config = config(yaml);
    let place = |ip: &str| {
        (ip == "198.51.100.7").then(|| GeoLocation {
            city: Some("Los Angeles".into()),
            country: Some("US".into()),
            region: Some("California".into()),
            postal_code: Some("90012".into()),
            latitude: Some(34.0544),
            longitude: Some(-118.2441),
        })
    };
    let decoder = Decoder::default().wanting(Wanted { attributes: true });
    let additions = Additions::new(config.endpoint, config.event, Box::new(place));
    let mut mapper = Mapper::new(decoder, &config.sessions).with(additions);
    let deliveries = records.iter().flat_map(|value| {
        let outcome = mapper.map(&record(value), Moment::START).mapped.in_full();
        assert_eq!(outcome.refused, None);
        outcome.deliveries
    });
    request(deliveries)
}

fn record(value: &str) -> Record {
    Record {
        ownership: Ownership(1),
        topic: "events".into(),
        partition: 3,
        offset: 42,
        timestamp: Some(Timestamp(1_795_382_429_000)),
        key: None,
        value: Some(value.as_bytes().into()),
        headers: Vec::new(),
        redriven: None,
    }
}

/// The body of a request with these deliveries, all for one endpoint.
fn request(deliveries: impl Iterator<Item = Delivery>) -> String {
    let fit = |delivery| PutEvents.fit(delivery, &mut FieldCounts::default()).unwrap().delivery;
    let deliveries: Vec<_> = deliveries.map(fit).collect();
    let first = &deliveries[0];
    assert!(deliveries.iter().all(|delivery| delivery.endpoint_id == first.endpoint_id));
    let batch = EndpointBatch {
        endpoint_id: first.endpoint_id,
        endpoint: Arc::clone(&first.endpoint),
        events: deliveries.iter().map(|delivery| Arc::clone(&delivery.event)).collect(),
    };
    let request = Request { destination: DestinationId::default(), id: RequestId(1), endpoints: vec![batch] };
    String::from_utf8(PutEvents.body(&request)).unwrap()
}

fn config(yaml: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let needed = "destination: { pinpoint: { application: 0123456789abcdef0123456789abcdef } }\n\
                  dead_letter: { discard: true }\n";
    fs::write(&path, format!("{needed}{yaml}")).unwrap();
    config::load(&Sources { file: Some(path), environment: Vec::new() }).unwrap()
}

const REGISTER: &str = r#"{"id":"6f1c0f5e-3c55-4f3c-9d8c-0a5c0a8d2b11","time":1795382428000,"type":"REGISTER",
    "realmId":"09923c55-c2ca-40ab-8758-65020722d663","realmName":"shop","clientId":"web",
    "userId":"73fba50c-e077-4737-b9cc-175c13da85eb","sessionId":null,"ipAddress":"198.51.100.7","error":null,
    "details":{"auth_method":"openid-connect","register_method":"form","username":"customer",
    "email":"customer@example.com","first_name":"John","last_name":"Doe",
    "newsletter":"Subscribed","daily_deals":"Unsubscribed","opt_out":"false",
    "code_id":"Qm9vdHN0cmFwU2Vzc2lvbjEy","redirect_uri":"https://shop.example.com/"}}"#;

const PREFERENCES: &str = "
endpoint:
  address: { from: person.email, channel: EMAIL }
  attributes:
    EmailPreference_Newsletter: attributes.newsletter
    EmailPreference_DailyDeals: attributes.daily_deals
  user_attributes: { FirstName: person.given_name, LastName: person.family_name }
";

#[test]
fn a_sign_up_makes_an_endpoint_with_an_address_attributes_and_a_user() {
    insta::assert_snapshot!(body(PREFERENCES, &[REGISTER]));
}

#[test]
fn an_opt_out_goes_out_where_a_field_states_it_and_a_key_asks() {
    let asked =
        format!("{PREFERENCES}  opt_out: {{ from: attributes.opt_out, all: [true], none: [false] }}\n");
    let (without, with) = (body(PREFERENCES, &[REGISTER]), body(&asked, &[REGISTER]));
    assert!(!without.contains("OptOut"));
    assert_eq!(with.replace(r#""OptOut":"NONE","#, ""), without);
    let silent = REGISTER.replace(r#""opt_out":"false","#, "");
    assert_eq!(body(&asked, &[&silent]), without);
}

#[test]
fn a_sign_in_and_its_session_share_a_request_with_demographic_and_location() {
    let login = r#"{"id":"0b0e9a3e-6f0b-4b52-8a53-64a0f3a9c7d2","time":1795382430000,"type":"LOGIN",
        "realmId":"09923c55-c2ca-40ab-8758-65020722d663","realmName":"shop","clientId":"web",
        "userId":"73fba50c-e077-4737-b9cc-175c13da85eb","sessionId":"Qm9vdHN0cmFwU2Vzc2lvbjEy",
        "ipAddress":"198.51.100.7","error":null,"details":{"auth_method":"openid-connect",
        "username":"customer","locale":"en_US","timezone":"America/Los_Angeles",
        "user_agent":"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
        "code_id":"Qm9vdHN0cmFwU2Vzc2lvbjEy"}}"#;
    let yaml = r#"
endpoint:
  demographic:
    from: [user_agent]
    app_version: { value: "1.0" }
    locale: attributes.locale
    timezone: attributes.timezone
  location: { from: [event, ip], database: /data/GeoLite2-City.mmdb }
"#;
    let ours = body(yaml, &[login]);
    insta::assert_snapshot!(ours);
    let impossible = login.replace(
        r#""code_id""#,
        r#""geo_city":"Los Angeles","geo_country":"US","geo_region":"California","geo_lat":123.0,"geo_lon":123.0,"code_id""#,
    );
    let theirs = body(yaml, &[&impossible]);
    assert!(
        theirs.contains(r#""Location":{"City":"Los Angeles","Country":"US","Region":"California"}"#),
        "{theirs}"
    );
    assert!(!theirs.contains("Latitude") && !theirs.contains("Longitude"));
}
