//! The generator of records, and the mapping with Pinpoint's encoder: two independent implementations of the
//! same rules agree on every record.

use std::time::Duration;

use pinpoint_sidecar::{
    core::{
        decode::Decoder,
        destination::{Encoder as _, FieldCounts},
        event::{InFull, Refusal},
        map::{Mapper, config::SessionsConfig},
        record::{Ownership, Record},
        time::{Moment, Timestamp},
    },
    edge::aws::pinpoint::PutEvents,
    tools::demo::generate::{Expected, Generator, GeneratorOptions, Produced, Providers},
};

const START: Timestamp = Timestamp(1_795_382_400_000);

/// Maps generated records and compares the results with the generator's expectations.
#[track_caller]
fn check(seed: u64, users: u32, hostile: f64) {
    for providers in [Providers::Keycloak, Providers::Several] {
        check_of(providers, seed, users, hostile);
    }
}

#[track_caller]
fn check_of(providers: Providers, seed: u64, users: u32, hostile: f64) {
    let options = GeneratorOptions { users, records: 5000, seed, hostile, start_time: START, providers };
    let mut mapper = Mapper::new(Decoder::default(), &SessionsConfig::default());
    let mut now = Moment::START;
    for (offset, produced) in (0..).zip(Generator::new(&options)) {
        let elapsed = u64::try_from(produced.timestamp.0 - START.0).unwrap();
        now = now.max(Moment::after_start(Duration::from_millis(elapsed)));
        let Produced { timestamp, key, value, expected, .. } = produced;
        let shown = String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned();
        let record = Record {
            ownership: Ownership(0),
            topic: "keycloak-events".into(),
            partition: 0,
            offset,
            timestamp: Some(timestamp),
            key: key.map(Into::into),
            value: value.map(Into::into),
            headers: Vec::new(),
            redriven: None,
        };
        let outcome = outcome(mapper.map(&record, now).mapped.in_full());
        let expected = match expected {
            Expected::Repeated { event_ids } => Expected::Delivered { event_ids },
            other => other,
        };
        assert_eq!(outcome, expected, "seed {seed}, record {offset}: {shown:.300}");
    }
}

fn outcome(mapped: InFull) -> Expected {
    if mapped.refused.is_some() {
        return Expected::DeadLetter;
    }
    if mapped.ignored.is_some() {
        return Expected::Ignored;
    }
    let fit = |delivery| PutEvents.fit(delivery, &mut FieldCounts::default());
    let ids = mapped.deliveries.into_iter().map(|delivery| Ok(fit(delivery)?.delivery.event.id.to_string()));
    let ids: Result<_, Refusal> = ids.collect();
    ids.map_or(Expected::DeadLetter, |event_ids| Expected::Delivered { event_ids })
}

#[test]
fn each_generated_record_becomes_what_the_generator_expects() {
    for seed in 0..4 {
        check(seed, 200, 0.0);
        check(seed, 50, 0.1);
    }
    check(9, 10, 1.0);
}
