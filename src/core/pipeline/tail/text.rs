//! The text of a tail: base64 of a version, the partition's hash, the position with its record's fingerprint,
//! the runs, and a checksum of everything before it.
//!
//! Numbers are LEB128, offsets are written as distances, hashes as eight bytes. A short run takes eleven
//! bytes. What always holds: every text can be parsed safely, and a parsed tail has ascending runs, none
//! before the position, with at most one record for each offset.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use twox_hash::XxHash64;

use super::{Fingerprint, MAX_TEXT, Run, Scope, Tail};

const VERSION: u8 = 1;

const CHECKSUM: usize = 4;

/// Returns `None` if no run fits.
pub(super) fn encode(tail: &Tail, scope: Scope, limit: usize) -> Option<Box<str>> {
    let room = (limit / 4 * 3 + limit % 4 * 3 / 4).saturating_sub(CHECKSUM);
    let mut bytes = vec![VERSION];
    bytes.extend(scope.0.to_le_bytes());
    put_number(&mut bytes, tail.position.cast_unsigned());
    bytes.push(u8::from(tail.at_position.is_some()));
    bytes.extend(tail.at_position.iter().flat_map(|fingerprint| fingerprint.0.to_le_bytes()));
    let head = bytes.len();
    let mut next = tail.position;
    for run in &tail.runs {
        let before = bytes.len();
        put_run(&mut bytes, next, run);
        if bytes.len() > room {
            bytes.truncate(before);
            break;
        }
        next = run.last + 1;
    }
    if bytes.len() == head {
        return None;
    }
    bytes.extend(checksum(&bytes));
    Some(STANDARD_NO_PAD.encode(bytes).into())
}

pub(super) fn parse(text: &str, scope: Scope) -> Option<Tail> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let (body, sum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let rest = &mut &body[..];
    if checksum(body) != *sum || take(rest)? != [VERSION] || take(rest)? != scope.0.to_le_bytes() {
        return None;
    }
    let position = i64::try_from(take_number(rest)?).ok()?;
    let at_position = match take(rest)? {
        [0] => None,
        [1] => Some(take_fingerprint(rest)?),
        _ => return None,
    };
    let (mut runs, mut next) = (Vec::new(), position);
    while !rest.is_empty() {
        let run = take_run(rest, next)?;
        next = run.last.checked_add(1)?;
        runs.push(run);
    }
    Some(Tail { position, at_position, runs })
}

/// Writes the distance from the end of the previous run, the distance from its first to its last offset, and
/// the number of gaps between these.
fn put_run(bytes: &mut Vec<u8>, next: i64, run: &Run) {
    let span = (run.last - run.first).cast_unsigned();
    put_number(bytes, (run.first - next).cast_unsigned());
    put_number(bytes, span);
    put_number(bytes, span + 1 - run.records);
    bytes.extend(run.fingerprint.0.to_le_bytes());
}

fn take_run(rest: &mut &[u8], next: i64) -> Option<Run> {
    let first = next.checked_add_unsigned(take_number(rest)?)?;
    let span = take_number(rest)?;
    let last = first.checked_add_unsigned(span)?;
    let records = (span + 1).checked_sub(take_number(rest)?).filter(|records| *records > 0)?;
    Some(Run { first, last, records, fingerprint: take_fingerprint(rest)? })
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let [byte] = take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_fingerprint(rest: &mut &[u8]) -> Option<Fingerprint> {
    take(rest).map(u64::from_le_bytes).map(Fingerprint)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let hash = XxHash64::oneshot(0, bytes).to_le_bytes();
    [hash[0], hash[1], hash[2], hash[3]]
}
