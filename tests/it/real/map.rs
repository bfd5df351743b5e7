//! `map` on a topic of a real Kafka.

use crate::support::{kafka::Kafka, last_records};

pub(super) fn the_last_records_of_a_topic_are_read_and_no_group_is_joined() {
    let kafka = Kafka::shared();
    kafka.create_topic("map-last", 1, &[]);
    last_records::check(&kafka.client, "map-last");
    let groups = kafka.client.groups();
    assert!(!groups.contains(&last_records::group("map-last")), "{groups:?}");
}
