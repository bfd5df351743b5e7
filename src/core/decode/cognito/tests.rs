use super::*;
use crate::core::decode::{line::lines, tree::parse};

#[track_caller]
fn check(value: &str, expected: &str) {
    assert_eq!(lines(value, decode), expected);
}

/// A line of the user activity log.
fn logged(name: &str, response: &str, fields: &str) -> String {
    format!(
        r#"{{"eventTimestamp":"1795382428244","eventSource":"USER_ACTIVITY","logLevel":"INFO","message":{{
            "version":"1","eventId":"e","eventType":"{name}","userSub":"u","userName":"anna","userPoolId":"p",
            "clientId":"web","creationDate":"Sun Nov 22 21:20:28 UTC 2026","eventResponse":"{response}",
            "riskLevel":"","riskDecision":"PASS","challenges":[],"idpName":""{fields}}},
            "logSourceId":{{"userPoolId":"p"}}}}"#
    )
}

/// An event of the API, with its user and pool next to it.
fn listed(name: &str, response: &str, fields: &str) -> String {
    format!(
        r#"{{"EventId":"e","EventType":"{name}","CreationDate":1795382428.244,"EventResponse":"{response}",
            "UserPoolId":"p","UserName":"anna","sub":"u"{fields}}}"#
    )
}

/// The input of a trigger.
fn trigger(source: &str, fields: &str) -> String {
    format!(
        r#"{{"version":"1","triggerSource":"{source}","region":"eu-west-1","userPoolId":"p","userName":"anna",
            "callerContext":{{"awsSdkVersion":"1","clientId":"web"}},"request":{{{fields}}},"response":{{}}}}"#
    )
}

#[test]
fn each_type_and_response_becomes_its_kind() {
    let head = "id=e time=1795382428244 realm=p user=u name=anna";
    check(&listed("SignIn", "Pass", ""), &format!("SignIn {head}"));
    check(&listed("SignUp", "Pass", ""), &format!("SignUp {head}"));
    check(&listed("SignIn", "Fail", ""), &format!("SignInFailed {head} reason=Fail"));
    check(&listed("SignIn", "InProgress", ""), "ignored: type_not_mapped");
    check(&listed("SignUp", "InProgress", ""), "ignored: type_not_mapped");
    check(&listed("SignUp", "Fail", ""), "ignored: type_not_mapped");
    check(&listed("ForgotPassword", "Pass", ""), "ignored: type_not_mapped");
    check(&listed("PasswordChange", "Pass", ""), "ignored: type_not_mapped");
    check(&listed("ResendCode", "Pass", ""), "ignored: type_not_mapped");
}

#[test]
fn the_log_has_the_same_in_another_spelling() {
    let context = r#","deviceName":"Other, Other","ipAddress":"192.0.2.1","city":"Seattle","country":"United States",
        "compromisedCredentialDetected":"false""#;
    let says = "client=web ip=192.0.2.1 city=Seattle country=United States \
                DeviceName:Other, Other RiskDecision:PASS CompromisedCredentialsDetected:false";
    let head = "id=e time=1795382428000 realm=p user=u name=anna";
    check(&logged("SignIn", "Pass", context), &format!("SignIn {head} {says}"));
    check(&logged("SignUp", "InProgress", context), "ignored: type_not_mapped");
    let notification =
        r#"{"eventSource":"USER_NOTIFICATION","message":{"details":"x"},"logSourceId":{"userPoolId":"p"}}"#;
    check(notification, "ignored: type_not_mapped");
    check(&notification.replace("USER_NOTIFICATION", "USER_ACTIVITY"), "refused: no_type");
}

#[test]
fn the_context_says_where_and_the_risk_why() {
    let context = r#","EventContextData":{"IpAddress":"192.0.2.1","DeviceName":"Chrome 126, Windows 10",
        "Timezone":"+01:00","City":"Munich","Country":"Germany"},
        "EventRisk":{"RiskDecision":"Block","RiskLevel":"High","CompromisedCredentialsDetected":true}"#;
    check(
        &listed("SignIn", "Fail", context),
        "SignInFailed id=e time=1795382428244 realm=p user=u name=anna reason=Block ip=192.0.2.1 device.timezone=+01:00 \
         city=Munich country=Germany DeviceName:Chrome 126, Windows 10 RiskDecision:Block RiskLevel:High \
         CompromisedCredentialsDetected:true",
    );
    let challenges = r#","ChallengeResponses":[{"ChallengeName":"Password","ChallengeResponse":"Success"},
        {"ChallengeName":"Mfa","ChallengeResponse":"Failure"}]"#;
    check(
        &listed("SignIn", "Fail", challenges),
        "SignInFailed id=e time=1795382428244 realm=p user=u name=anna reason=Mfa",
    );
}

#[test]
fn a_date_is_read_as_each_of_its_writers_writes_it() {
    let at = |date: &str| format!(r#"{{"EventType":"SignIn","EventResponse":"Pass","CreationDate":{date}}}"#);
    check(&at("1795382428.244"), "SignIn time=1795382428244");
    check(&at(r#""2026-11-22T21:20:28.244Z""#), "SignIn time=1795382428244");
    check(&at(r#""Sun Nov 22 21:20:28 UTC 2026""#), "SignIn time=1795382428000");
    check(&at(r#""Sun Nov 22 21:20:28 CET 2026""#), "SignIn");
    check(&at(r#""Sun Nov 22 21:20:28 UTC 9998""#), "SignIn");
    check(&at("{}"), "SignIn");
    check(
        r#"{"eventTimestamp":"1795382428244","message":{"eventType":"SignIn","eventResponse":"Pass"}}"#,
        "SignIn time=1795382428244",
    );
}

#[test]
fn the_sub_is_the_user_and_a_name_only_in_its_place() {
    let of = |who: &str| format!(r#"{{"EventType":"SignIn","EventResponse":"Pass"{who}}}"#);
    check(&of(r#","UserName":"anna","sub":"u""#), "SignIn user=u name=anna");
    check(&of(r#","Username":"anna""#), "SignIn user=anna name=anna");
    check(&of(r#","username":"anna@example.com""#), "SignIn name=anna@example.com");
    check(&of(r#","username":"anna@example.com","userSub":"u""#), "SignIn user=u name=anna@example.com");
    check(
        r#"{"triggerSource":"PostAuthentication_Authentication","userName":"anna@example.com"}"#,
        "SignIn name=anna@example.com triggerSource:PostAuthentication_Authentication",
    );
}

#[test]
fn the_apis_answer_has_many_events_of_one_user() {
    check(
        r#"{"UserPoolId":"p","Username":"anna","AuthEvents":[
            {"EventId":"a","EventType":"SignIn","EventResponse":"Pass"},
            {"EventId":"b","EventType":"ResendCode","EventResponse":"Pass"},
            {"EventId":"c","EventType":"SignIn","EventResponse":"Fail","Username":"ben"}],"NextToken":"n"}"#,
        "SignIn id=a realm=p user=anna name=anna\nignored: type_not_mapped\n\
         SignInFailed id=c realm=p user=ben name=ben reason=Fail",
    );
    check(r#"{"AuthEvents":[]}"#, "ignored: empty");
    check(r#"{"Username":{},"AuthEvents":[{}]}"#, "refused: field_not_text");
}

#[test]
fn only_a_trigger_after_the_fact_is_an_event() {
    let who = r#""newDeviceUsed":true,"userAttributes":{"sub":"u","email":"anna@example.com","given_name":"Anna",
        "custom:tier":"gold","cognito:user_status":"CONFIRMED"}"#;
    let says = "realm=p user=u name=anna client=web person.email=anna@example.com person.given_name=Anna";
    check(
        &trigger("PostAuthentication_Authentication", who),
        &format!(
            "SignIn {says} triggerSource:PostAuthentication_Authentication region:eu-west-1 newDeviceUsed:true"
        ),
    );
    check(
        &trigger("PostConfirmation_ConfirmSignUp", who),
        &format!(
            "SignUp {says} triggerSource:PostConfirmation_ConfirmSignUp region:eu-west-1 newDeviceUsed:true"
        ),
    );
    for source in [
        "PostConfirmation_ConfirmForgotPassword",
        "PreAuthentication_Authentication",
        "PreSignUp_SignUp",
        "PreTokenGen",
        "TokenGeneration_Authentication",
        "CustomMessage_SignUp",
        "UserMigration_Authentication",
    ] {
        check(&trigger(source, who), "ignored: type_not_mapped");
    }
}

#[test]
fn a_triggers_function_may_add_an_id_and_a_time() {
    let value = trigger("PostAuthentication_Authentication", "");
    check(
        &value.replacen('{', r#"{"eventId":"e","creationDate":1795382428244,"#, 1),
        "SignIn id=e time=1795382428244 realm=p user=anna name=anna client=web \
         triggerSource:PostAuthentication_Authentication region:eu-west-1",
    );
}

#[test]
fn what_is_no_event_says_why() {
    check(r#"{"EventId":"e","EventResponse":"Pass"}"#, "refused: no_type");
    check("[]", "refused: not_an_event");
    check(r#"{"EventType":["SignIn"]}"#, "refused: field_not_text");
    check(&listed("SignIn", "Pass", r#","EventId":{}"#), "refused: field_not_text");
    check(&listed("SignIn", "Pass", r#","UserPoolId":{}"#), "refused: field_not_text");
    check(&listed("SignIn", "Pass", r#","sub":1.5"#), "refused: field_not_text");
    check(&listed("SignIn", "Pass", r#","UserName":[]"#), "refused: field_not_text");
    check(r#"{"triggerSource":{}}"#, "refused: field_not_text");
    check(r#"{"triggerSource":""}"#, "refused: no_type");
    check(
        &trigger("PostAuthentication_Authentication", r#""userAttributes":{"sub":{}}"#),
        "refused: field_not_text",
    );
    check(
        r#"{"eventSource":"cognito-idp.amazonaws.com","eventName":"InitiateAuth"}"#,
        "ignored: type_not_mapped",
    );
}

#[track_caller]
fn recognised(value: &str, expected: bool) {
    assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected);
}

#[test]
fn it_has_four_shapes() {
    recognised(&logged("SignIn", "Pass", ""), true);
    recognised(&listed("SignIn", "Pass", ""), true);
    recognised(r#"{"AuthEvents":[{"EventType":"SignIn"}]}"#, true);
    recognised(&trigger("PreSignUp_SignUp", ""), true);
    recognised(r#"{"eventSource":"cognito-idp.amazonaws.com","eventName":"InitiateAuth"}"#, true);
    recognised(r#"{"eventSource":"s3.amazonaws.com","eventName":"PutObject"}"#, false);
    recognised(r#"{"eventType":"LOGIN","userId":"u"}"#, false);
    recognised(r#"{"eventType":"user.session.start","uuid":"a"}"#, false);
    recognised(r#"{"AuthEvents":[]}"#, true);
    recognised(r#"{"AuthEvents":[{}]}"#, false);
    recognised(r#"{"userPoolId":"p","userName":"u"}"#, false);
    recognised("[]", false);
}
