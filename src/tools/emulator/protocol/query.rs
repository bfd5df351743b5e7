//! Bodies of the query protocol: a form is read strictly, and an answer is XML.
//!
//! Knows nothing of an operation's fields.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use hyper::StatusCode;

use crate::tools::emulator::answer::REQUEST_ID;

/// The namespace of STS, the one service that speaks this protocol.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The fields of a form, each written once.
pub(in crate::tools::emulator) type Form<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// Reads a form; `None` if a field is written twice.
pub(in crate::tools::emulator) fn read(body: &[u8]) -> Option<Form<'_>> {
    let mut form = Form::new();
    for (name, value) in form_urlencoded::parse(body) {
        if form.insert(name, value).is_some() {
            return None;
        }
    }
    Some(form)
}

/// The answer to an action: `<ActionResponse><ActionResult>…`.
pub(in crate::tools::emulator) fn response(action: &str, result: &Element) -> Vec<u8> {
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{}</{action}Result><ResponseMetadata>\
         <RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>",
        result.0
    )
    .into_bytes()
}

/// The content of an element, as it is being written.
#[derive(Default)]
pub(in crate::tools::emulator) struct Element(String);

impl Element {
    pub(in crate::tools::emulator) fn with(mut self, name: &str, text: &str) -> Self {
        // Writing into a text cannot fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(text));
        self
    }

    pub(in crate::tools::emulator) fn within(mut self, name: &str, inner: &Self) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", inner.0);
        self
    }
}

pub(super) fn error(code: &str, message: &str, status: StatusCode) -> Vec<u8> {
    let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
    let error = Element::default().with("Type", fault).with("Code", code).with("Message", message);
    let error = Element::default().within("Error", &error).with("RequestId", REQUEST_ID).0;
    format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}</ErrorResponse>").into_bytes()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_each_field_once() {
        let form = read(b"Action=A&Arn=a%3Ab&Name=x+y").unwrap();
        let fields: Vec<_> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(fields, [("Action", "A"), ("Arn", "a:b"), ("Name", "x y")]);
        assert!(read(b"a=1&a=2").is_none());
    }

    #[test]
    fn a_response_has_a_result() {
        let result = Element::default().with("Arn", "a<b");
        let xml = String::from_utf8(response("Do", &result)).unwrap();
        let expected = "<DoResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><DoResult><Arn>a&lt;b</Arn></DoResult>";
        assert!(xml.starts_with(expected), "{xml}");
    }
}
