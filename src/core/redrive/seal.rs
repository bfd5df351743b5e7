//! Seals the header of a redriven record, and opens it.
//!
//! The value of the header is an HMAC-SHA-256 in hex digits, a space, and a JSON document, which is a
//! [`Redriven`]. The HMAC covers everything that the service uses of the record: the topic that it is
//! written to, the document, key, value, and all other headers in their order. So nobody without the secret
//! can change any of it, or put the header onto another record or into another topic. Whoever may write to
//! the topic can repeat a redriven record as a whole. That repeats its events under the same ids, as a
//! repeated original record would, and reaches no other destination.
//!
//! Kafka's own partition, offset and timestamp of the redriven record are not covered: nobody knows them
//! before it is written, and the service takes those of the original from the document.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::core::{
    map::config::value::Secret,
    record::{Header, Record},
    redrive::{REDRIVE_HEADER, Redriven},
};

/// The first part of the HMAC's input, which no other use of the secret has.
const PURPOSE: &str = "pinpoint-sidecar redrive v1";

/// The hex digits of an HMAC.
const DIGITS: usize = 64;

/// Seals and opens headers with one secret.
#[derive(Clone)]
pub struct Seal {
    /// The HMAC after it has absorbed the secret; cloned for each record.
    key: Hmac<Sha256>,
}

/// What a redriven record consists of, beside the sealed header.
pub struct Sealed<'a> {
    /// The topic that it is written to.
    pub topic: &'a str,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// All its other headers.
    pub headers: &'a [Header],
}

/// What a record's header turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The record has no such header.
    Absent,
    /// The header counts.
    Authentic(Redriven),
    /// The header counts for nothing: it was not sealed with this secret for this record.
    Forged,
}

impl Seal {
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self { key: secret.hmac() }
    }

    /// The value of the header of a record.
    ///
    /// # Errors
    /// Never: a document of texts and whole numbers can always be serialised.
    pub fn header(&self, record: &Sealed<'_>, redriven: &Redriven) -> serde_json::Result<String> {
        let document = serde_json::to_string(redriven)?;
        let mac = self.mac(record, &document).finalize().into_bytes();
        Ok(format!("{} {document}", hex::encode(mac)))
    }

    /// Opens the header of a record that was read. Without a secret every header is forged.
    #[must_use]
    pub fn open(seal: Option<&Self>, record: &Record) -> Opened {
        let is_ours = |(name, _): &&Header| **name == *REDRIVE_HEADER;
        let mut ours = record.headers.iter().filter(is_ours);
        let Some((_, value)) = ours.next() else { return Opened::Absent };
        let is_only = ours.next().is_none();
        let opened = seal.zip(value.as_deref()).filter(|_| is_only);
        let opened = opened.and_then(|(seal, value)| seal.opened(record, value));
        opened.map_or(Opened::Forged, Opened::Authentic)
    }

    fn opened(&self, record: &Record, value: &[u8]) -> Option<Redriven> {
        let (digits, document) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        let mut mac = [0; DIGITS / 2];
        hex::decode_to_slice(digits, &mut mac).ok()?;
        let others: Vec<_> =
            record.headers.iter().filter(|(name, _)| **name != *REDRIVE_HEADER).cloned().collect();
        let sealed = Sealed {
            topic: &record.topic,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &others,
        };
        // Compares in constant time.
        self.mac(&sealed, document).verify_slice(&mac).ok()?;
        serde_json::from_str(document).ok()
    }

    /// Each part is preceded by its length, so that no two records have the same input. A missing part has no
    /// length that any other can have.
    fn mac(&self, record: &Sealed<'_>, document: &str) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        let mut absorb = |part: Option<&[u8]>| {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            mac.update(&length.to_be_bytes());
            mac.update(part.unwrap_or_default());
        };
        let Sealed { topic, key, value, headers } = record;
        for part in [PURPOSE, topic, document] {
            absorb(Some(part.as_bytes()));
        }
        absorb(*key);
        absorb(*value);
        for (name, value) in *headers {
            absorb(Some(name.as_bytes()));
            absorb(value.as_deref());
        }
        mac
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::{
        dead_letter::tests::dead_letter,
        redrive::tests::{redriven, selection},
    };

    pub(crate) const SECRET: &str = "0123456789abcdef";

    pub(crate) fn seal(secret: &str) -> Seal {
        Seal::new(&Secret(secret.to_owned()))
    }

    /// The record with the header that seals it.
    pub(crate) fn sealed(mut record: Record, secret: &str, redriven: &Redriven) -> Record {
        let content = Sealed {
            topic: &record.topic.clone(),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers.clone(),
        };
        let header = seal(secret).header(&content, redriven).unwrap();
        record.headers.push((REDRIVE_HEADER.into(), Some(header.into_bytes().into())));
        record
    }

    fn original() -> Record {
        (*dead_letter(1).record).clone()
    }

    fn stated() -> Redriven {
        redriven(vec![selection(Some("shop"), &["e1:session"])])
    }

    #[track_caller]
    fn check(record: &Record, expected: &Opened) {
        assert_eq!(&Seal::open(Some(&seal(SECRET)), record), expected);
    }

    #[test]
    fn a_sealed_header_is_opened_wherever_the_record_lies() {
        let record =
            Record { partition: 7, offset: 99, timestamp: None, ..sealed(original(), SECRET, &stated()) };
        check(&record, &Opened::Authentic(stated()));
        check(&original(), &Opened::Absent);
        let whole = redriven(vec![]);
        check(&sealed(original(), SECRET, &whole), &Opened::Authentic(whole.clone()));
    }

    #[test]
    fn a_header_of_another_secret_is_forged() {
        check(&sealed(original(), "0123456789abcdeF", &stated()), &Opened::Forged);
        assert_eq!(Seal::open(None, &sealed(original(), SECRET, &stated())), Opened::Forged);
    }

    #[test]
    fn a_header_on_another_record_is_forged() {
        let good = sealed(original(), SECRET, &stated());
        let (trace, empty, ours) = (&good.headers[0], &good.headers[1], &good.headers[2]);
        for other in [
            Record { topic: "others".into(), ..good.clone() },
            Record { key: Some((*b"other").into()), ..good.clone() },
            Record { key: None, ..good.clone() },
            Record { value: Some((*b"other").into()), ..good.clone() },
            Record { value: None, ..good.clone() },
            Record { key: good.value.clone(), value: good.key.clone(), ..good.clone() },
            Record { headers: vec![empty.clone(), trace.clone(), ours.clone()], ..good.clone() },
            Record { headers: vec![trace.clone(), ours.clone()], ..good.clone() },
            Record {
                headers: vec![trace.clone(), ("empty".into(), Some([].into())), ours.clone()],
                ..good.clone()
            },
            Record {
                headers: vec![trace.clone(), empty.clone(), ours.clone(), trace.clone()],
                ..good.clone()
            },
        ] {
            check(&other, &Opened::Forged);
        }
    }

    #[test]
    fn a_header_that_was_changed_is_forged() {
        let good = sealed(original(), SECRET, &stated());
        let text = String::from_utf8(good.headers[2].1.clone().unwrap().into()).unwrap();
        let with = |text: String| {
            let mut record = original();
            record.headers.push((REDRIVE_HEADER.into(), Some(text.into_bytes().into())));
            record
        };
        check(&with(text.clone()), &Opened::Authentic(stated()));
        for (from, to) in [
            ("shop", "lab"),
            ("e1:session", "e1:sign_in"),
            ("42", "43"),
            ("\"attempts\":1", "\"attempts\":0"),
        ] {
            assert!(text.contains(from), "{from}");
            check(&with(text.replace(from, to)), &Opened::Forged);
        }
        for text in ["", " ", "{}", &text[1..], &text[..70], &text[DIGITS + 1..]] {
            check(&with(text.to_owned()), &Opened::Forged);
        }
    }

    #[test]
    fn two_headers_are_forged_even_if_one_is_authentic() {
        let good = sealed(original(), SECRET, &stated());
        let twice = Record { headers: [&*good.headers, &good.headers[2..]].concat(), ..good };
        check(&twice, &Opened::Forged);
        let mut none = original();
        none.headers.push((REDRIVE_HEADER.into(), None));
        check(&none, &Opened::Forged);
    }

    /// The expected value was computed with Python's hmac.
    #[test]
    fn golden_header() {
        let record = Sealed { topic: "t", key: None, value: Some(b"v"), headers: &[] };
        let stated = Redriven {
            timestamp: None,
            topic: "t".into(),
            partition: 0,
            offset: 1,
            attempts: 1,
            send: vec![],
        };
        let header = seal(SECRET).header(&record, &stated).unwrap();
        let document = r#"{"topic":"t","partition":0,"offset":1,"attempts":1}"#;
        assert_eq!(header, format!("{GOLDEN} {document}"));
    }

    const GOLDEN: &str = "33aeb4e1a44cda02c7a418e3b182f24821c61eeaf1a4a09d55e4a643bcee4bcd";
}
