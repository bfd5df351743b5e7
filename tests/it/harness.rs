//! Tests of the test support itself.

use crate::support::mock::MockKafka;

#[test]
fn the_embedded_broker_returns_the_produced_messages() {
    let kafka = MockKafka::start();
    kafka.create_topic("round-trip", 2);
    kafka.client.check_round_trip("round-trip");
}
