//! Routes a request: to the service that it names, or to the server's own pages.
//!
//! Knows nothing of what a call contains.

use hyper::{HeaderMap, Method, Request, body::Incoming, header::CONTENT_TYPE};

use crate::tools::emulator::{
    Control,
    answer::Reply,
    call, pages,
    services::{Address, Head, SERVICES, Service},
};

pub(super) async fn answer(control: &Control, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
    if let ["_emulator", page @ ..] = &segments[..] {
        return Reply::Answer(pages::answer(control, page, request).await);
    }
    let Some((service, operation, application)) = find(&segments, request.headers()) else {
        return Reply::Answer(pages::not_found());
    };
    if request.method() != Method::POST {
        return Reply::Answer(pages::method_not_allowed());
    }
    let (parts, body) = request.into_parts();
    let head = Head { operation, application, headers: parts.headers };
    call::serve(control, service, head, body).await
}

/// The service, the operation and the application that a request names.
fn find(path: &[&str], headers: &HeaderMap) -> Option<(&'static Service, String, String)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let service = |wanted: &dyn Fn(Address) -> bool| SERVICES.iter().copied().find(|one| wanted(one.address));
    let none = String::new;
    match path {
        ["v1", "apps", application, "events"] if !application.is_empty() => {
            let service = service(&|address| address == Address::Application)?;
            Some((service, none(), (*application).to_owned()))
        }
        ["service", name, "operation", operation] => {
            let service = service(&|address| matches!(address, Address::Rpc(own) if own == *name))?;
            Some((service, (*operation).to_owned(), none()))
        }
        [""] => match header("x-amz-target").split_once('.') {
            Some((name, operation)) => {
                let service = service(&|address| matches!(address, Address::Target(own) if own == name))?;
                Some((service, operation.to_owned(), none()))
            }
            None if header(CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded") => {
                Some((service(&|address| address == Address::Form)?, none(), none()))
            }
            None => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, header: (&'static str, &str), expected: Option<(&str, &str, &str)>) {
        let mut headers = HeaderMap::new();
        headers.insert(header.0, header.1.parse().unwrap());
        let path: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let found = find(&path, &headers);
        let found = found.as_ref().map(|(service, operation, app)| (service.name, &**operation, &**app));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_request_names_its_service() {
        let none = ("accept", "any");
        check("/v1/apps/app/events", none, Some(("pinpoint", "", "app")));
        check("/v1/apps//events", none, None);
        check("/v1/apps/app/messages", none, None);
        check("/service/AWSEventsV2/operation/PutEvents", none, Some(("eventbridgev2", "PutEvents", "")));
        check("/service/Other/operation/PutEvents", none, None);
        let target = |target| ("x-amz-target", target);
        check("/", target("AWSEvents.PutEvents"), Some(("eventbridge", "PutEvents", "")));
        check("/", target("Kinesis_20131202.PutRecords"), Some(("kinesis", "PutRecords", "")));
        check("/", target("Firehose_20150804.Other"), Some(("firehose", "Other", "")));
        check("/", target("DynamoDB_20120810.PutItem"), None);
        check("/", target("PutRecords"), None);
        check(
            "/",
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            Some(("sts", "", "")),
        );
        check("/", none, None);
        check("/other", target("AWSEvents.PutEvents"), None);
    }
}
