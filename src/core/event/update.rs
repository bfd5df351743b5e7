//! Merges newer data about an endpoint into older data, field by field.

use crate::core::event::{Endpoint, Text};

impl Endpoint {
    /// Takes over each field that `newer` states.
    pub fn update(&mut self, newer: &Self) {
        update_text(&mut self.user_id, &newer.user_id);
        update_text(&mut self.address, &newer.address);
        update_text(&mut self.channel_type, &newer.channel_type);
        update_text(&mut self.opt_out, &newer.opt_out);
        self.user_attributes.extend(newer.user_attributes.clone());
        self.attributes.extend(newer.attributes.clone());
        if let Some(newer) = &newer.demographic {
            let own = self.demographic.get_or_insert_default();
            own.texts_mut().into_iter().zip(newer.texts()).for_each(|(text, newer)| update_text(text, newer));
        }
        if newer.location.is_some() {
            // A location is one fact: a new city with the old coordinates would be nowhere.
            self.location.clone_from(&newer.location);
        }
    }
}

fn update_text(text: &mut Text, newer: &Text) {
    if newer.is_some() {
        text.clone_from(newer);
    }
}
