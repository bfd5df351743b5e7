//! The list of the fields that are sent: each field of the wire, and what the configuration fills it with.

use std::fmt::Write;

use crate::{
    config::Config,
    core::map::config::{
        endpoint::{DeviceSource, EndpointConfig, FailedSignIn, IdOf, PlaceSource, UserIdForm},
        field::Field,
        value::Value,
    },
};

/// The fields that are sent, one per line. Fields that may be personal data are marked.
#[must_use]
pub fn sent(config: &Config) -> String {
    let mut list = List::default();
    list.endpoint(&config.endpoint);
    list.event(config);
    list.text()
}

#[derive(Default)]
struct List(Vec<Line>);

struct Line {
    field: String,
    from: String,
    personal: bool,
}

impl List {
    fn endpoint(&mut self, config: &EndpointConfig) {
        let hash = if config.secret.is_some() { "keyed hash" } else { "hash" };
        let more = match config.id {
            IdOf::User => "",
            IdOf::UserClient => ", client",
            IdOf::UserDevice => ", device.id",
        };
        self.fixed("Endpoint id", &format!("{hash} of provider, realm, user{more}"));
        let unknown = match config.failed_sign_in {
            FailedSignIn::Drop => "nothing is sent".to_owned(),
            FailedSignIn::Endpoint => {
                let number = config.failed_sign_in_endpoints;
                format!("{hash} of provider, realm and one of {number} numbers by the {hash} of user_name")
            }
        };
        self.fixed("Endpoint id of unknown users", &unknown);
        let user_id = match config.user_id {
            UserIdForm::AsIs => "user".to_owned(),
            UserIdForm::Hash => format!("{hash} of provider, realm, user"),
        };
        self.fixed("Endpoint.User.UserId", &user_id);
        if let Some(address) = &config.address {
            self.field(format!("Endpoint.Address ({})", address.channel.name()), &address.from);
        }
        for (key, value) in &config.user_attributes {
            self.value(format!("Endpoint.User.UserAttributes.{key}"), value);
        }
        for (key, value) in &config.attributes {
            self.value(format!("Endpoint.Attributes.{key}"), value);
        }
        if let Some(opt_out) = &config.opt_out {
            self.field("Endpoint.OptOut".to_owned(), &opt_out.from);
        }
        self.demographic(config);
        self.location(config);
    }

    fn demographic(&mut self, config: &EndpointConfig) {
        let Some(config) = &config.demographic else { return };
        let parts = [
            ("AppVersion", &config.app_version, Some("device.app_version"), false),
            ("Locale", &config.locale, Some("device.locale"), false),
            ("Make", &config.make, Some("device.make"), true),
            ("Model", &config.model, Some("device.model or device.browser"), true),
            ("ModelVersion", &config.model_version, None, true),
            ("Platform", &config.platform, Some("device.platform"), true),
            ("PlatformVersion", &config.platform_version, Some("device.platform_version"), true),
            ("Timezone", &config.timezone, Some("device.timezone"), false),
        ];
        for (name, own, device, in_agent) in parts {
            let asked = config.from.iter().filter_map(|source| match source {
                DeviceSource::Event => device.map(str::to_owned),
                DeviceSource::UserAgent => in_agent.then(|| "the parsed user_agent".to_owned()),
            });
            let from: Vec<_> = own.iter().map(shown).chain(asked).collect();
            if !from.is_empty() {
                let personal = own.as_ref().is_some_and(is_personal);
                self.line(format!("Endpoint.Demographic.{name}"), from.join(", else "), personal);
            }
        }
    }

    fn location(&mut self, config: &EndpointConfig) {
        let Some(config) = &config.location else { return };
        let asked = config.from.iter().map(|source| match source {
            PlaceSource::Event => "place",
            PlaceSource::Ip => "the location of ip",
        });
        let from = asked.collect::<Vec<_>>().join(", else ");
        for name in ["City", "Country", "PostalCode", "Region", "Latitude, Longitude"] {
            self.line(format!("Endpoint.Location.{name}"), from.clone(), true);
        }
    }

    fn event(&mut self, config: &Config) {
        let event = &config.event;
        self.fixed("Event.EventType, Timestamp", "what happened, and when");
        self.fixed("Event.Session", "session, its start and end");
        for (key, from) in [
            ("client_id", "client"),
            ("error", "reason, of a failed sign-in"),
            ("event_id", "the event's id"),
            ("realm", "realm"),
            ("reason", "reason, of the end of a session"),
            ("session_id", "session, if its start is not known"),
            ("session_start_unknown", "true, if the session's start is not known"),
            ("source_event_id", "the provider's id of the event"),
        ] {
            self.fixed(&format!("Event.Attributes.{key}"), from);
        }
        for (key, value) in &event.attributes {
            self.value(format!("Event.Attributes.{key}"), value);
        }
        for (key, field) in &event.metrics {
            self.field(format!("Event.Metrics.{key}"), field);
        }
        let app = &event.app;
        let parts =
            [("Title", &app.title), ("VersionCode", &app.version_code), ("PackageName", &app.package_name)];
        for (name, value) in parts {
            if let Some(value) = value {
                self.value(format!("Event.App{name}"), value);
            }
        }
    }

    fn fixed(&mut self, field: &str, from: &str) {
        self.line(field.to_owned(), from.to_owned(), false);
    }

    fn field(&mut self, field: String, from: &Field) {
        self.line(field, from.to_string(), from.is_personal());
    }

    fn value(&mut self, field: String, value: &Value) {
        self.line(field, shown(value), is_personal(value));
    }

    fn line(&mut self, field: String, from: String, personal: bool) {
        self.0.push(Line { field, from, personal });
    }

    fn text(&self) -> String {
        let width = self.0.iter().map(|line| line.field.chars().count()).max().unwrap_or_default();
        let mut text = "what is sent, and where it comes from (* may be personal):\n".to_owned();
        for Line { field, from, personal } in &self.0 {
            let mark = if *personal { '*' } else { ' ' };
            // Writing into a `String` does not fail.
            let _ = writeln!(text, "{mark} {field:width$}  {from}");
        }
        text
    }
}

/// Where a value comes from. A constant is not shown, because it may have been read from a file.
fn shown(value: &Value) -> String {
    match value {
        Value::Field(field) => field.to_string(),
        Value::Constant(_) => "a constant".to_owned(),
    }
}

fn is_personal(value: &Value) -> bool {
    matches!(value, Value::Field(field) if field.is_personal())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;

    use super::*;
    use crate::config::{self, Sources};

    fn sent_by(yaml: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(folder.path().join("secret"), "0123456789abcdef").unwrap();
        fs::write(&path, yaml.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        let sources = Sources { file: Some(path), environment: Vec::new() };
        sent(&config::load(&sources).unwrap())
    }

    #[test]
    fn the_fields_that_are_always_sent_are_not_personal() {
        let list = sent_by(include_str!("../../config/tests/example.yaml"));
        assert!(list.lines().skip(1).all(|line| line.starts_with(' ')), "{list}");
        assert_snapshot!(list);
    }

    #[test]
    fn everything_that_a_configuration_asks_for_is_listed() {
        assert_snapshot!(sent_by(include_str!("../../config/tests/endpoint.yaml")));
    }
}
