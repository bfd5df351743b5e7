//! The rules of `PutEvents`, as far as a request shows them: what its model states, and what the service
//! refuses beyond the model.
//!
//! Written from the rules alone, so that it shares no mistake with the service under test.

use serde_json::{Map, Value};

const CHANNEL_TYPES: [&str; 13] = [
    "PUSH",
    "GCM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "ADM",
    "SMS",
    "VOICE",
    "EMAIL",
    "BAIDU",
    "CUSTOM",
    "IN_APP",
];
const EVENT_TYPES: [&str; 7] = [
    "_session.start",
    "_session.stop",
    "_session.pause",
    "_session.resume",
    "_userauth.sign_in",
    "_userauth.sign_up",
    "_userauth.auth_fail",
];

/// The rules that the request line and the headers break, for a body of `length` bytes.
pub(crate) fn broken_by_head(line: &str, headers: &str, length: usize) -> Vec<String> {
    let mut broken = Broken::default();
    let header = |name: &str| {
        let mut values = headers.lines().filter_map(|line| line.split_once(": "));
        values.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let id = line.strip_prefix("POST /v1/apps/").and_then(|rest| rest.strip_suffix("/events HTTP/1.1"));
    broken.unless(id.is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())), "path");
    broken.unless(header("content-type") == Some("application/json"), "content-type");
    broken.unless(header("content-length") == Some(&length.to_string()), "content-length");
    broken.unless(header("transfer-encoding").is_none(), "transfer-encoding");
    let signature = header("authorization").unwrap_or_default();
    broken.unless(signature.starts_with("AWS4-HMAC-SHA256 "), "authorization: SigV4");
    broken.unless(signature.contains("/us-east-1/mobiletargeting/aws4_request"), "authorization: scope");
    broken.unless(length <= 4_000_000, "body: 4 MB");
    broken.0
}

/// The rules that a body breaks.
pub(crate) fn broken_by_body(body: &Value) -> Vec<String> {
    let mut broken = Broken::default();
    broken.by_emptiness("body", body);
    broken.by_fields("body", body, &["BatchItem"], &["BatchItem"]);
    let mut events = 0;
    for (id, item) in fields(&body["BatchItem"]) {
        broken.unless(!id.is_empty() && !id.contains(['$', '{', '}']), "endpoint id");
        broken.by_fields("item", item, &["Endpoint", "Events"], &["Endpoint", "Events"]);
        broken.by_endpoint(&item["Endpoint"]);
        for (id, event) in fields(&item["Events"]) {
            broken.unless(!id.is_empty(), "event id");
            broken.by_event(event);
            events += 1;
        }
    }
    broken.unless((1..=100).contains(&events), "1 to 100 events");
    broken.0
}

#[derive(Default)]
struct Broken(Vec<String>);

impl Broken {
    fn unless(&mut self, kept: bool, rule: &str) {
        if !kept {
            self.0.push(rule.to_owned());
        }
    }

    fn by_endpoint(&mut self, endpoint: &Value) {
        let known = [
            "Address",
            "Attributes",
            "ChannelType",
            "Demographic",
            "EffectiveDate",
            "EndpointStatus",
            "Location",
            "Metrics",
            "OptOut",
            "RequestId",
            "User",
        ];
        self.by_fields("Endpoint", endpoint, &known, &[]);
        self.by_lists("Attributes", &endpoint["Attributes"]);
        if let Some(channel_type) = endpoint.get("ChannelType") {
            self.unless(CHANNEL_TYPES.iter().any(|known| channel_type == known), "ChannelType");
        }
        if let Some(opt_out) = endpoint.get("OptOut") {
            self.unless(opt_out == "NONE" || opt_out == "ALL", "OptOut");
        }
        self.by_demographic(&endpoint["Demographic"]);
        self.by_location(&endpoint["Location"]);
        self.by_fields("User", &endpoint["User"], &["UserId", "UserAttributes"], &[]);
        self.by_lists("UserAttributes", &endpoint["User"]["UserAttributes"]);
        let user_id = endpoint["User"]["UserId"].as_str().unwrap_or("none");
        self.unless(!user_id.contains(['$', '{', '}']), "UserId");
        self.unless(endpoint.to_string().len() <= 15 * 1024, "Endpoint: 15 KB");
    }

    fn by_demographic(&mut self, demographic: &Value) {
        let known = [
            "AppVersion",
            "Locale",
            "Make",
            "Model",
            "ModelVersion",
            "Platform",
            "PlatformVersion",
            "Timezone",
        ];
        self.by_fields("Demographic", demographic, &known, &[]);
        for field in ["AppVersion", "Make", "ModelVersion", "Platform", "PlatformVersion"] {
            self.by_length(field, &demographic[field], 50);
        }
        self.by_length("Model", &demographic["Model"], 100);
    }

    fn by_location(&mut self, location: &Value) {
        let known = ["City", "Country", "PostalCode", "Region", "Latitude", "Longitude"];
        self.by_fields("Location", location, &known, &[]);
        self.by_length("City", &location["City"], 75);
        self.by_length("Region", &location["Region"], 75);
        let country = location["Country"].as_str().unwrap_or("US");
        let is_code = matches!(country.len(), 2 | 3) && country.bytes().all(|b| b.is_ascii_uppercase());
        self.unless(is_code, "Country");
        let within = |field: &str, bound: f64| {
            location.get(field).map(|degrees| degrees.as_f64().is_some_and(|degrees| degrees.abs() <= bound))
        };
        let pair = (within("Latitude", 90.0), within("Longitude", 180.0));
        self.unless(matches!(pair, (None, None) | (Some(true), Some(true))), "Latitude and Longitude");
    }

    fn by_event(&mut self, event: &Value) {
        let known = [
            "EventType",
            "Timestamp",
            "AppPackageName",
            "AppTitle",
            "AppVersionCode",
            "ClientSdkVersion",
            "SdkName",
            "Attributes",
            "Metrics",
            "Session",
        ];
        self.by_fields("Event", event, &known, &["EventType", "Timestamp"]);
        self.unless(EVENT_TYPES.iter().any(|known| event["EventType"] == *known), "EventType");
        self.by_timestamp("Timestamp", &event["Timestamp"]);
        let attributes = fields(&event["Attributes"]);
        self.unless(attributes.clone().count() + fields(&event["Metrics"]).count() <= 40, "40 keys");
        for (key, value) in attributes {
            self.unless(key.chars().count() <= 50, "attribute key");
            self.unless(value.is_string(), "attribute");
            self.by_length("attribute", value, 200);
        }
        if let Some(session) = event.get("Session") {
            self.by_session(session);
        }
    }

    fn by_session(&mut self, session: &Value) {
        let known = ["Id", "StartTimestamp", "StopTimestamp", "Duration"];
        self.by_fields("Session", session, &known, &["Id", "StartTimestamp"]);
        self.by_timestamp("StartTimestamp", &session["StartTimestamp"]);
        let duration =
            session.get("Duration").map(|lasted| lasted.as_i64().is_some_and(|ms| i32::try_from(ms).is_ok()));
        let stop = session.get("StopTimestamp");
        self.unless(
            matches!((stop, duration), (None, None) | (Some(_), Some(true))),
            "StopTimestamp and Duration",
        );
        if let Some(stop) = stop {
            self.by_timestamp("StopTimestamp", stop);
        }
    }

    /// Each key needs a list of up to 50 texts of up to 100 characters.
    fn by_lists(&mut self, name: &str, lists: &Value) {
        for (key, list) in fields(lists) {
            self.unless(key.chars().count() <= 50, name);
            let is_text = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= 100);
            let texts = list.as_array().is_some_and(|texts| texts.len() <= 50 && texts.iter().all(is_text));
            self.unless(texts, name);
        }
    }

    /// A timestamp is UTC, with milliseconds and a literal `Z`.
    fn by_timestamp(&mut self, name: &str, timestamp: &Value) {
        let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
        let shape: String = timestamp.as_str().unwrap_or_default().chars().map(digits).collect();
        self.unless(shape == "0000-00-00T00:00:00.000Z", name);
    }

    fn by_length(&mut self, name: &str, text: &Value, longest: usize) {
        self.unless(text.as_str().unwrap_or_default().chars().count() <= longest, name);
    }

    /// An object has only known fields, and all required ones. The parent's rules decide whether
    /// it may be absent.
    fn by_fields(&mut self, name: &str, object: &Value, known: &[&str], required: &[&str]) {
        self.unless(object.is_object() || object.is_null(), name);
        for (field, _) in fields(object) {
            self.unless(known.contains(&field.as_str()), &format!("{name}: unknown {field}"));
        }
        for field in required {
            self.unless(object.get(field).is_some(), &format!("{name}: {field} is required"));
        }
    }

    /// No text is empty, and no value is null.
    fn by_emptiness(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => self.unless(false, &format!("{name}: null")),
            Value::String(text) => self.unless(!text.is_empty(), &format!("{name}: empty")),
            Value::Array(values) => values.iter().for_each(|value| self.by_emptiness(name, value)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.by_emptiness(name, value)),
            Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> + Clone {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A checker that accepts everything checks nothing, so the checker is tested.
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(endpoint: &Value, event: &Value, expected: &str) {
        let body = json!({ "BatchItem": { "e": { "Endpoint": endpoint, "Events": { "a": event } } } });
        assert_eq!(broken_by_body(&body).join("; "), expected);
    }

    #[track_caller]
    fn check_event(extra: &Value, expected: &str) {
        let mut event = json!({ "EventType": "_session.stop", "Timestamp": "2026-11-22T10:00:00.000Z" });
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        check(&json!({}), &event, expected);
    }

    #[track_caller]
    fn check_endpoint(endpoint: &Value, expected: &str) {
        check(
            endpoint,
            &json!({ "EventType": "_session.stop", "Timestamp": "2026-11-22T10:00:00.000Z" }),
            expected,
        );
    }

    #[test]
    fn each_rule_can_be_broken_by_an_event() {
        let at = "2026-11-22T10:00:00.000Z";
        check_event(&json!({}), "");
        check_event(&json!({ "EventType": "_session.ended" }), "EventType");
        check_event(&json!({ "Timestamp": "2026-11-22T10:00:00.000+0000" }), "Timestamp");
        check_event(&json!({ "Timestamp": "2026-11-22T10:00:00Z" }), "Timestamp");
        check_event(&json!({ "Attributes": { "a": "" } }), "a: empty");
        check_event(&json!({ "Attributes": { "a": "x".repeat(201) } }), "attribute");
        check_event(&json!({ "Attributes": { "k".repeat(51): "x" } }), "attribute key");
        check_event(
            &json!({ "Session": { "Id": "s" } }),
            "Session: StartTimestamp is required; StartTimestamp",
        );
        check_event(&json!({ "Session": { "Id": "s", "StartTimestamp": at } }), "");
        let stop = json!({ "Id": "s", "StartTimestamp": at, "StopTimestamp": at });
        check_event(&json!({ "Session": stop }), "StopTimestamp and Duration");
        let duration = json!({ "Id": "s", "StartTimestamp": at, "Duration": 1 });
        check_event(&json!({ "Session": duration }), "StopTimestamp and Duration");
        check_event(&json!({ "Type": "x" }), "Event: unknown Type");
    }

    #[test]
    fn each_rule_can_be_broken_by_an_endpoint() {
        check_endpoint(&json!({ "ChannelType": "MAIL" }), "ChannelType");
        check_endpoint(&json!({ "OptOut": "SOME" }), "OptOut");
        check_endpoint(&json!({ "User": { "UserId": "${a}" } }), "UserId");
        check_endpoint(&json!({ "User": { "Id": "a" } }), "User: unknown Id");
        check_endpoint(&json!({ "Attributes": { "a": "b" } }), "Attributes");
        check_endpoint(&json!({ "Demographic": { "Make": "x".repeat(51) } }), "Make");
        check_endpoint(&json!({ "Location": { "Country": "Germany" } }), "Country");
        check_endpoint(&json!({ "Location": { "Latitude": 1.0 } }), "Latitude and Longitude");
        check_endpoint(
            &json!({ "Location": { "Latitude": 123.0, "Longitude": 1.0 } }),
            "Latitude and Longitude",
        );
        check_endpoint(&json!({ "Address": null }), "Address: null");
    }

    #[test]
    fn each_rule_can_be_broken_by_the_rest() {
        let wrapped = json!({ "EventsRequest": { "BatchItem": {} } });
        let expected = ["body: unknown EventsRequest", "body: BatchItem is required", "1 to 100 events"];
        assert_eq!(broken_by_body(&wrapped), expected);
        let line = "PUT /v1/apps/a/events HTTP/1.1";
        let head = "Transfer-Encoding: chunked\r\nauthorization: Basic a";
        let expected = [
            "path",
            "content-type",
            "content-length",
            "transfer-encoding",
            "authorization: SigV4",
            "authorization: scope",
            "body: 4 MB",
        ];
        assert_eq!(broken_by_head(line, head, 4_000_001), expected);
    }
}
