//! Puts the short texts of an event into one allocation, because an event has many, and they come and go
//! together.
//!
//! Knows nothing of events. A long text gets an allocation of its own: it may belong to many events, which
//! then share it without holding the other texts of one of them.

use arcstr::{ArcStr, Substr};

/// The maximum length of a short text, in bytes.
const SHORT: usize = 256;

/// Returns the text in `buffer`, and these texts, which must be taken in their order. The short ones are appended
/// to the buffer.
pub(super) fn share<'t>(
    buffer: &mut String,
    texts: impl Iterator<Item = &'t str> + Clone,
) -> (Substr, impl Iterator<Item = Substr>) {
    let mut end = buffer.len();
    buffer.extend(texts.clone().filter(|text| is_short(text)));
    let whole = ArcStr::from(&**buffer);
    let first = whole.substr(..end);
    let shared = texts.map(move |text| {
        if !is_short(text) {
            return text.into();
        }
        let start = end;
        end += text.len();
        whole.substr(start..end)
    });
    (first, shared)
}

fn is_short(text: &str) -> bool {
    text.len() <= SHORT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_share_an_allocation_and_long_ones_have_their_own() {
        let long = "x".repeat(SHORT + 1);
        let texts = ["ä", &long, "", "b"];
        let mut buffer = "id".to_owned();
        let (first, shared) = share(&mut buffer, texts.into_iter());
        let shared: Vec<_> = shared.collect();
        assert_eq!(*first, *"id");
        assert!(shared.iter().zip(texts).all(|(shared, text)| **shared == *text));
        let is_with_first = |text: &Substr| ArcStr::ptr_eq(text.parent(), first.parent());
        assert_eq!(shared.iter().map(is_with_first).collect::<Vec<_>>(), [true, false, true, true]);
        assert_eq!(first.parent().len(), "idäb".len());
    }
}
