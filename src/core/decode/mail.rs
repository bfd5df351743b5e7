//! Distinguishes an e-mail address from an id.
//!
//! Knows nothing of formats. An e-mail address is personal and can change, so it never becomes a user's id,
//! even if a provider writes it in place of one.

use std::borrow::Cow;

/// Whether the text has the form of an e-mail address: some text, an `@`, and a host name.
pub(super) fn is_mail(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, host)| {
        let named = host.split('.').all(|label| !label.is_empty());
        !local.is_empty() && named && !host.contains(char::is_whitespace)
    })
}

/// The id, unless it is an e-mail address.
pub(super) fn unless_mail(id: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    id.filter(|id| !is_mail(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_mail(text), expected);
    }

    #[test]
    fn an_address_is_no_id() {
        check("anna@example.com", true);
        check("saml_anna@example.com", true);
        check("anna@localhost", true);
        check("73fba50c-e077-4737-b9cc-175c13da85eb", false);
        check("anna@", false);
        check("@anna", false);
        check("anna@example..com", false);
        check("anna @ home", false);
        check("", false);
    }
}
