//! Tests of the test support itself.

use crate::support::mock::MockKafka;

#[test]
fn the_embedded_broker_gives_back_what_was_produced() {
    let kafka = MockKafka::start();
    kafka.create_topic("round-trip", 2);
    kafka.client.check_round_trip("round-trip");
}
