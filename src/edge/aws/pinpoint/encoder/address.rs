//! Checks from the form of an address whether its channel can reach it, and corrects the form if possible.

use std::borrow::Cow;

use super::limits::ADDRESS;
use crate::core::{destination::FieldCounts, event::Endpoint};

/// The maximum length of an e-mail address (RFC 5321), in bytes.
const LONGEST_EMAIL: usize = 254;

/// Whether the endpoint's address can be sent unchanged.
pub(super) fn is_reachable(endpoint: &Endpoint) -> bool {
    match reachable(endpoint) {
        None => endpoint.address.is_none(),
        Some(address) => matches!(address, Cow::Borrowed(_)),
    }
}

/// Writes the address as its channel accepts it, or leaves it out together with its channel.
pub(super) fn mend(endpoint: &mut Endpoint, counts: &mut FieldCounts) {
    let had_one = endpoint.address.is_some();
    endpoint.address = reachable(endpoint).map(|address| address.into_owned().into());
    if had_one && endpoint.address.is_none() {
        endpoint.channel_type = None;
        counts.leave_out(ADDRESS);
    }
}

/// The address as its channel accepts it: borrowed if nothing changes.
fn reachable(endpoint: &Endpoint) -> Option<Cow<'_, str>> {
    let address = endpoint.address.as_deref()?;
    match endpoint.channel_type.as_deref() {
        Some("EMAIL") => is_email(address).then_some(Cow::Borrowed(address)),
        Some("SMS" | "VOICE") => e164(address),
        _ => Some(Cow::Borrowed(address)),
    }
}

fn is_email(text: &str) -> bool {
    if text.len() > LONGEST_EMAIL {
        return false;
    }
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let legal = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '@');
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=64).contains(&local.len())
        && local.chars().all(legal)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// A number in E.164, without the signs that people write between digits.
fn e164(text: &str) -> Option<Cow<'_, str>> {
    let is_written_between = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let digits = text.strip_prefix('+')?;
    let number = if digits.contains(is_written_between) {
        // Seventeen characters are already too many, whatever follows.
        text.chars().filter(|c| !is_written_between(*c)).take(17).collect()
    } else {
        Cow::Borrowed(text)
    };
    let is_e164 = (8..=16).contains(&number.len())
        && number.bytes().skip(1).all(|byte| byte.is_ascii_digit())
        && !number.starts_with("+0");
    is_e164.then_some(number)
}
