//! Minimal databases, written by hand.

use std::fs;

use super::*;

enum Value {
    Text(&'static str),
    Short(u16),
    Number(u32),
    Long(u64),
    Degrees(f64),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}

use Value::{Degrees, List, Long, Map, Number, Short, Text};

impl Value {
    fn write(&self, to: &mut Vec<u8>) {
        // The type is in the upper three bits, the size in the others; sizes over 28 continue in another
        // byte.
        let mut head = |kind: u8, size: usize| match u8::try_from(size) {
            Ok(size @ ..29) => to.push(kind * 32 + size),
            _ => to.extend([kind * 32 + 29, u8::try_from(size - 29).unwrap()]),
        };
        match self {
            Text(text) => {
                head(2, text.len());
                to.extend_from_slice(text.as_bytes());
            }
            Degrees(degrees) => {
                head(3, 8);
                to.extend(degrees.to_be_bytes());
            }
            Short(number) => {
                head(5, 2);
                to.extend(number.to_be_bytes());
            }
            Number(number) => {
                head(6, 4);
                to.extend(number.to_be_bytes());
            }
            Long(number) => {
                // For a type over 7, its number less 7 follows.
                head(0, 8);
                to.push(9 - 7);
                to.extend(number.to_be_bytes());
            }
            Map(entries) => {
                head(7, entries.len());
                for (key, value) in entries {
                    Text(key).write(to);
                    value.write(to);
                }
            }
            List(items) => {
                head(0, items.len());
                to.push(11 - 7);
                for item in items {
                    item.write(to);
                }
            }
        }
    }
}

/// A database of this type that has `data` for the addresses that begin with `network`.
fn database(kind: &'static str, network: &[u8], data: &Value) -> Vec<u8> {
    let bits: Vec<_> = network.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let nodes = u32::try_from(bits.len()).unwrap();
    let mut bytes = Vec::new();
    for (index, bit) in (1..).zip(&bits) {
        // The last node leads to the data, which begins 16 bytes after the tree; the other branch leads to
        // nothing.
        let on = if index == nodes { nodes + 16 } else { index };
        for way in 0..2 {
            let to = if way == *bit { on } else { nodes };
            bytes.extend_from_slice(&to.to_be_bytes()[1..]);
        }
    }
    bytes.extend([0; 16]);
    data.write(&mut bytes);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    Map(vec![
        ("binary_format_major_version", Short(2)),
        ("binary_format_minor_version", Short(0)),
        ("build_epoch", Long(1)),
        ("database_type", Text(kind)),
        ("description", Map(vec![("en", Text("a test"))])),
        ("ip_version", Short(4)),
        ("languages", List(vec![Text("en")])),
        ("node_count", Number(nodes)),
        ("record_size", Short(24)),
    ])
    .write(&mut bytes);
    bytes
}

fn cities(city: &'static str) -> Vec<u8> {
    let named = |name| Map(vec![("names", Map(vec![("en", Text(name))]))]);
    let data = Map(vec![
        ("city", named(city)),
        ("country", Map(vec![("iso_code", Text("US"))])),
        ("location", Map(vec![("latitude", Degrees(34.0544)), ("longitude", Degrees(-118.2441))])),
        ("postal", Map(vec![("code", Text("90012"))])),
        ("subdivisions", List(vec![named("California")])),
    ]);
    database("Test-City", &[198, 51, 100], &data)
}

fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn the_place_of_an_address_is_found() {
    let (_folder, path) = written("cities.mmdb", &cities("Los Angeles"));
    let locate = Database::open(&path).unwrap().locate();
    let expected = GeoLocation {
        city: Some("Los Angeles".into()),
        country: Some("US".into()),
        region: Some("California".into()),
        postal_code: Some("90012".into()),
        latitude: Some(34.0544),
        longitude: Some(-118.2441),
    };
    for address in ["198.51.100.7", "198.51.100.255", "198.51.100.7:4711", "::ffff:198.51.100.7"] {
        assert!(locate(address) == Some(expected.clone()), "{address}");
    }
    for unknown in ["203.0.113.1", "127.0.0.1", "2001:db8::1", "", "unknown", "198.51.100.7, 10.0.0.1"] {
        assert!(locate(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn a_file_that_is_not_a_location_database_is_refused() {
    let refused = |bytes: &[u8]| {
        let (_folder, path) = written("x.mmdb", bytes);
        Database::open(&path).err().map(|error| code(&error))
    };
    let whole = cities("Los Angeles");
    assert_eq!(refused(&whole), None);
    assert_eq!(refused(b""), Some("broken"));
    assert_eq!(refused(b"no database"), Some("broken"));
    assert_eq!(refused(&whole[..whole.len() / 2]), Some("broken"));
    assert_eq!(refused(&database("Test-ASN", &[198], &Map(Vec::new()))), Some("without_places"));
    assert_eq!(Database::open(Path::new("/nowhere")).err().map(|error| code(&error)), Some("unreadable"));
}

#[test]
fn a_changed_file_is_read_anew_and_a_broken_one_changes_nothing() {
    let (_folder, path) = written("cities.mmdb", &cities("Los Angeles"));
    let mut database = Database::open(&path).unwrap();
    let locate = database.locate();
    let city = || locate("198.51.100.7").and_then(|place| place.city);
    assert!(matches!(database.reload_if_changed(), Reload::Unchanged));
    fs::write(&path, b"half a file").unwrap();
    assert!(matches!(database.reload_if_changed(), Reload::Refused(GeoError::Broken(_))));
    assert!(matches!(database.reload_if_changed(), Reload::Unchanged), "a change is reported once");
    fs::remove_file(&path).unwrap();
    assert!(matches!(database.reload_if_changed(), Reload::Refused(GeoError::Unreadable(_))));
    assert!(matches!(database.reload_if_changed(), Reload::Unchanged), "a change is reported once");
    assert_eq!(city().as_deref(), Some("Los Angeles"));
    fs::write(&path, cities("Sacramento")).unwrap();
    assert!(matches!(database.reload_if_changed(), Reload::Reloaded));
    assert_eq!(city().as_deref(), Some("Sacramento"));
}

#[test]
fn the_thread_ends_when_its_handle_is_dropped() {
    let (_folder, path) = written("cities.mmdb", &cities("Los Angeles"));
    drop(Database::open(&path).unwrap().reload_on_change().unwrap());
}

#[test]
fn damaged_databases_never_panic() {
    let whole = cities("Los Angeles");
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = whole.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        if let Ok(reader) = Reader::from_source(bytes) {
            place(&reader, "198.51.100.7");
        }
    }
}
