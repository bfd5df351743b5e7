//! Maps very many mutated records twice, of every format and of none, in every envelope: the results must be
//! equal.
//!
//! `FUZZ_INPUTS` sets how many records there are, and `FUZZ_SEED` where to start. A failure prints its seed
//! and its number; the same seed leads to it again.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{hostile::check_limits, *};
use crate::{
    config::{self, Config, Sources},
    core::{
        decode::{Choice, Decoder, Format, Wanted, config::FormatsConfig},
        event::InFull,
        identity::GeoLocation,
        map::{
            Mapper, Mapping, MappingCounts,
            endpoint::Additions,
            tests::{at, hostile::mutate, samples::SAMPLES},
        },
    },
};

/// A number that takes less than a minute of one core without optimisation.
const INPUTS: u64 = 1_000_000;

/// After this many records the mappers are replaced, and the random numbers start again.
const BLOCK: u64 = 1000;

const PAGES: [&str; 13] = [
    include_str!("../../../../../../deploy/providers/auth0.md"),
    include_str!("../../../../../../deploy/providers/authentik.md"),
    include_str!("../../../../../../deploy/providers/caep.md"),
    include_str!("../../../../../../deploy/providers/cognito.md"),
    include_str!("../../../../../../deploy/providers/custom.md"),
    include_str!("../../../../../../deploy/providers/entra.md"),
    include_str!("../../../../../../deploy/providers/fusionauth.md"),
    include_str!("../../../../../../deploy/providers/identity-event.md"),
    include_str!("../../../../../../deploy/providers/keycloak.md"),
    include_str!("../../../../../../deploy/providers/ocsf.md"),
    include_str!("../../../../../../deploy/providers/okta.md"),
    include_str!("../../../../../../deploy/providers/ory.md"),
    include_str!("../../../../../../deploy/providers/wso2.md"),
];

/// A document of our own format with all fields, most of them too long.
const EVERYTHING: &str = include_str!("../../../../../../tests/fuzz/everything.json");

/// The texts before and after a record, for each envelope.
const ENVELOPES: [(&str, &str); 11] = [
    (r#"{"specversion":"1.0","type":"t","source":"s","id":"c","time":"2026-11-22T21:20:28Z","data":"#, "}"),
    (r#"{"specversion":"1.0","type":"t","source":"s","data_base64":"eyJ0eXBlIjoiTE9HSU4ifQ==","data":"#, "}"),
    (r#"{"op":"c","before":null,"after":"#, "}"),
    (r#"{"schema":{},"payload":{"op":"u","before":{},"after":"#, "}}"),
    (r#"{"schema":{"type":"string"},"payload":"#, "}"),
    (r#"{"@timestamp":"2026-11-22T21:20:28Z","log":{"offset":7},"message":"#, "}"),
    (r#"{"username":"u","event":"#, "}"),
    (r#"{"__op":"c","__deleted":"false","DETAILS":"#, "}"),
    ("[", "]"),
    (r#"[{"type":"LOGIN"},"#, ",null]"),
    ("\0\0\0\0\x01", ""),
];

const HEADERS: [(&str, &str); 4] = [
    ("ce_specversion", "1.0"),
    ("ce_id", "\u{1}"),
    ("ce_time", "2026-11-22T21:20:28Z"),
    ("content-type", "application/cloudevents+json; charset=utf-8"),
];

#[test]
fn a_great_many_mutated_records_of_every_format_never_panic_and_keep_the_limits() {
    let (inputs, seed) = (setting("FUZZ_INPUTS").unwrap_or(INPUTS), setting("FUZZ_SEED").unwrap_or(0));
    let (config, corpus) = (config(), corpus());
    let mut outcomes = [0_u64; 4];
    let mut recognised = [0_u64; Format::ALL.len()];
    let mut counts = FieldCounts::new(PutEvents.fields());
    for block in 0..inputs.div_ceil(BLOCK) {
        let mut random = fastrand::Rng::with_seed(seed ^ block.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut mappers = mappers(&config);
        for input in block * BLOCK..inputs.min((block + 1) * BLOCK) {
            let record = next(&mut random, &corpus);
            let mapper = random.usize(..mappers.len());
            let mapper = &mut mappers[mapper];
            let outcome =
                catch_unwind(AssertUnwindSafe(|| check_record(mapper, &record, input % BLOCK, &mut counts)));
            let Ok(outcome) = outcome else { panic!("FUZZ_SEED={seed}: input {input}, see above") };
            outcomes[outcome] += 1;
        }
        for mapper in &mappers {
            let MappingCounts { recognised: read, .. } = mapper.counts();
            recognised.iter_mut().zip(read).for_each(|(sum, count)| *sum += count);
        }
    }
    // The mutations are mild enough to reach every format and every kind of answer, and strong enough to
    // reach every limit.
    assert!(outcomes.iter().all(|count| *count > inputs / 1000), "{outcomes:?}");
    assert!(recognised.iter().all(|count| *count > inputs / 200), "{recognised:?}");
    let limited = counts.shortened.values().zip(counts.left_out.values()).map(|(cut, out)| cut + out);
    assert!(limited.into_iter().all(|count| count > inputs / 100_000), "{counts:?}");
}

#[expect(clippy::disallowed_methods, reason = "a test reads how it is to be replayed")]
fn setting(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Maps a record twice. Returns which kind of answer it has.
fn check_record(mapper: &mut Mapper, record: &Record, now: u64, counts: &mut FieldCounts) -> usize {
    let before = mapper.counts().sessions;
    let Mapping { mapped, entries } = mapper.map(record, at(now));
    let outcome = mapped.in_full();
    let ids = ids(&outcome);
    // No event is shorter than eight bytes. One event becomes at most three app events, or stops known
    // sessions.
    let most = record.value.as_ref().map_or(0, |value| value.len()) / 2 + usize::try_from(before).unwrap();
    assert!(ids.len() <= most && entries.len() <= most, "{} and {} of {most}", ids.len(), entries.len());
    if !ids.is_empty() {
        assert_eq!(ids, self::ids(&mapper.map(record, at(now)).mapped.in_full()));
    }
    let kind = match (&outcome.refused, &outcome.ignored) {
        (None, None) => 0,
        (Some(_), _) if !ids.is_empty() => 1,
        (None, Some(_)) => 2,
        (Some(_), _) => 3,
    };
    check_limits(outcome, counts);
    kind
}

fn ids(mapped: &InFull) -> Vec<String> {
    mapped.deliveries.iter().map(|delivery| delivery.event.id.to_string()).collect()
}

/// The configuration of every mapper, which adds everything to events and endpoints that can be added.
fn config() -> Config {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/everything.yaml");
    config::load(&Sources { file: Some(file.into()), environment: Vec::new() }).unwrap()
}

/// The location of an IP address, which exceeds the limits for many addresses.
fn locate(ip: &str) -> Option<GeoLocation<'static>> {
    let degrees = f64::from(u32::try_from(ip.len()).ok()?) * 10.0;
    let text = |times| Some(ip.repeat(times).into());
    Some(GeoLocation {
        city: text(5),
        country: Some(ip.get(..2)?.to_owned().into()),
        region: text(9),
        postal_code: text(12),
        latitude: Some(degrees),
        longitude: ip.len().is_multiple_of(2).then_some(degrees),
    })
}

/// A mapper for each choice of a format, with the page's filter, and one more that recognises
/// formats and shares sessions.
fn mappers(config: &Config) -> Vec<Mapper> {
    let (_, filter) = PAGES[4].split_once("custom: |\n").unwrap();
    let filter = filter.split("```").next().unwrap();
    let mapper = |format| {
        // Compiling the filter takes longer than mapping many records.
        let custom = (format == Choice::Named(Format::CUSTOM)).then(|| filter.to_owned());
        let formats = FormatsConfig { format, custom, ..FormatsConfig::default() };
        let decoder = Decoder::new(&formats).unwrap().wanting(Wanted { attributes: true });
        let additions = Additions::new(config.endpoint.clone(), config.event.clone(), Box::new(locate));
        Mapper::new(decoder, &config.sessions).with(additions)
    };
    let named = Format::ALL.map(Choice::Named).map(mapper);
    named.into_iter().chain([mapper(Choice::Auto), mapper(Choice::Auto).sharing()]).collect()
}

/// The examples of the pages, the records of a real Keycloak, and a document with all fields.
fn corpus() -> Vec<&'static [u8]> {
    let blocks = |page: &'static str| page.split("```json\n").skip(1);
    let examples = PAGES.into_iter().flat_map(blocks).filter_map(|rest| rest.split("```").next());
    let others = SAMPLES.lines().step_by(4).chain([EVERYTHING]);
    let corpus: Vec<_> = examples.chain(others).map(str::as_bytes).collect();
    assert!(corpus.len() > PAGES.len(), "each page has an example");
    corpus
}

/// A mutated record of the corpus, possibly in envelopes.
fn next(random: &mut fastrand::Rng, corpus: &[&'static [u8]]) -> Record {
    let mut value = corpus[random.usize(..corpus.len())].to_vec();
    for _ in 0..random.u8(..3).saturating_sub(random.u8(..3)) {
        let (before, after) = ENVELOPES[random.usize(..ENVELOPES.len())];
        value = [before.as_bytes(), &value, after.as_bytes()].concat();
    }
    for _ in 0..random.u8(..4) {
        let other = corpus[random.usize(..corpus.len())];
        if random.bool() { mutate(random, &mut value, other) } else { distort(random, &mut value, other) }
    }
    let mut record = record(value);
    for (name, value) in HEADERS {
        if random.u8(..8) == 0 {
            record.headers.push((name.into(), Some(value.as_bytes().into())));
        }
    }
    record
}

/// Mutates `value` as a whole, or one member of an object in it.
fn distort(random: &mut fastrand::Rng, value: &mut Vec<u8>, other: &[u8]) {
    let place = random.usize(..=value.len());
    match random.u8(..64) {
        0 => value.truncate(place),
        1 => {
            value.truncate(place);
            value.extend_from_slice(&other[random.usize(..other.len())..]);
        }
        2 => {
            let deep = [r#"{"a":"#, "["][random.usize(..2)].repeat(random.usize(..200));
            value.splice(place..place, deep.bytes());
        }
        3 => {
            let long =
                ["x", "ü", r"\n", r"\ud83d\ude00", " "][random.usize(..5)].repeat(random.usize(..2000));
            value.splice(place..place, long.bytes());
        }
        4..8 => {
            if let Ok(text) = str::from_utf8(value) {
                *value = serde_json::to_vec(text).unwrap();
            }
        }
        8..16 => {
            if let Some(byte) = value.get(place).copied().filter(u8::is_ascii_alphanumeric) {
                value.splice(place..=place, format!("\\u{byte:04x}").into_bytes());
            }
        }
        kind => {
            let is_end = |byte: &u8| matches!(byte, b',' | b'}');
            let Some(start) = value[place..].iter().position(|byte| *byte == b',') else { return };
            let start = place + start;
            let Some(length) = value[start + 1..].iter().position(is_end) else { return };
            let member = value[start..=start + length].to_vec();
            if kind < 40 {
                value.drain(start..=start + length);
            } else {
                let end = if kind < 52 { start } else { value.iter().rposition(is_end).unwrap_or(start) };
                value.splice(end..end, member);
            }
        }
    }
}
