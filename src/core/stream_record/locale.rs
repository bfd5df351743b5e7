//! Splits the locale of a device into language and country.

/// The parts of a locale such as `en_GB` or `zh-Hans-CN`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Locale<'a> {
    /// The whole locale, joined by underscores.
    pub(super) code: String,
    pub(super) language: &'a str,
    /// Two letters or three digits, if the locale names a country or a region.
    pub(super) country: Option<&'a str>,
}

impl<'a> Locale<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut parts = text.split(['_', '-']);
        let language = parts.next().unwrap_or_default();
        Self { code: text.replace('-', "_"), language, country: parts.find(|part| is_country(part)) }
    }
}

fn is_country(part: &str) -> bool {
    let all = |is: fn(&u8) -> bool| part.bytes().all(|byte| is(&byte));
    match part.len() {
        2 => all(u8::is_ascii_alphabetic),
        3 => all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, language: &str, country: Option<&str>) {
        assert_eq!(Locale::of(text), Locale { code: code.to_owned(), language, country });
    }

    #[test]
    fn a_locale_is_split_at_underscores_and_hyphens() {
        check("en_GB", "en_GB", "en", Some("GB"));
        check("en-GB", "en_GB", "en", Some("GB"));
        check("de", "de", "de", None);
        check("zh-Hans-CN", "zh_Hans_CN", "zh", Some("CN"));
        check("es-419", "es_419", "es", Some("419"));
        check("ca-valencia", "ca_valencia", "ca", None);
        check("", "", "", None);
        check("-", "_", "", None);
        check("ü_ö", "ü_ö", "ü", None);
    }
}
