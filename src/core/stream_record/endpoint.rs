//! Writes what is known of an endpoint, in the words of Pinpoint's `Endpoint`: the stream record and the
//! requests of `PutEvents` have the same fields.

use crate::core::{
    event::{Demographic, Endpoint, Location},
    json::{Key, Object, Sink},
};

pub(crate) fn fields<S: Sink>(fields: &mut Object<'_, S>, endpoint: &Endpoint) {
    fields.text_if_any("Address", endpoint.address.as_deref());
    fields.object_if_any("Attributes", |attributes| {
        for (key, values) in &endpoint.attributes {
            attributes.texts(Key::Any(key), values);
        }
    });
    fields.text_if_any("ChannelType", endpoint.channel_type.as_deref());
    if let Some(about) = &endpoint.demographic {
        fields.object_if_any("Demographic", |fields| demographic(fields, about));
    }
    if let Some(place) = &endpoint.location {
        fields.object_if_any("Location", |fields| location(fields, place));
    }
    fields.text_if_any("OptOut", endpoint.opt_out.as_deref());
    fields.object_if_any("User", |user| {
        user.object_if_any("UserAttributes", |attributes| {
            for (key, values) in &endpoint.user_attributes {
                attributes.texts(Key::Any(key), values);
            }
        });
        user.text_if_any("UserId", endpoint.user_id.as_deref());
    });
}

fn demographic<S: Sink>(fields: &mut Object<'_, S>, demographic: &Demographic) {
    fields.text_if_any("AppVersion", demographic.app_version.as_deref());
    fields.text_if_any("Locale", demographic.locale.as_deref());
    fields.text_if_any("Make", demographic.make.as_deref());
    fields.text_if_any("Model", demographic.model.as_deref());
    fields.text_if_any("ModelVersion", demographic.model_version.as_deref());
    fields.text_if_any("Platform", demographic.platform.as_deref());
    fields.text_if_any("PlatformVersion", demographic.platform_version.as_deref());
    fields.text_if_any("Timezone", demographic.timezone.as_deref());
}

fn location<S: Sink>(fields: &mut Object<'_, S>, location: &Location) {
    fields.text_if_any("City", location.city.as_deref());
    fields.text_if_any("Country", location.country.as_deref());
    if let Some((latitude, longitude)) = location.coordinates() {
        fields.formatted("Latitude", format_args!("{latitude:?}"));
        fields.formatted("Longitude", format_args!("{longitude:?}"));
    }
    fields.text_if_any("PostalCode", location.postal_code.as_deref());
    fields.text_if_any("Region", location.region.as_deref());
}
