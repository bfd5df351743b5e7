//! What Entra's records become, category by category and field by field.

use super::*;
use crate::core::decode::{line::lines, tree::parse};

#[track_caller]
fn check(value: &str, expected: &str) {
    assert_eq!(lines(value, decode), expected);
}

/// Checks a record of `category` with `result` and `properties`.
#[track_caller]
fn record(category: &str, result: &str, properties: &str, expected: &str) {
    let value = format!(
        r#"{{"category":"{category}","resultType":{result},"tenantId":"t","properties":{{{properties}}}}}"#
    );
    check(&value, expected);
}

#[test]
fn a_whole_sign_in() {
    check(
        r#"{"records":[{"time":"2026-11-22T21:21:00.0000000Z","category":"SignInLogs","resultType":"0",
            "resourceId":"/tenants/t1/providers/Microsoft.aadiam","operationName":"Sign-in activity",
            "tenantId":"t1","callerIpAddress":"192.0.2.9","correlationId":"x","properties":{"id":"e1",
            "createdDateTime":"2026-11-22T21:20:28.2449999Z","userId":"u1","sessionId":"s1",
            "userPrincipalName":"anna@example.com","userDisplayName":"Anna Berg","appId":"a1",
            "appDisplayName":"Wiki","clientAppUsed":"Browser","resourceDisplayName":"Graph",
            "authenticationProtocol":"none","authenticationRequirement":"singleFactorAuthentication",
            "conditionalAccessStatus":"notApplied","isInteractive":true,"riskLevelDuringSignIn":"none",
            "userType":"Member","ipAddress":"192.0.2.7","userAgent":"Mozilla/5.0","servicePrincipalId":"",
            "deviceDetail":{"deviceId":"d1","operatingSystem":"Windows10","browser":"Edge 120","displayName":"x"},
            "location":{"city":"Bellevue","state":"Washington","countryOrRegion":"US",
            "geoCoordinates":{"latitude":47.5,"longitude":-122.25}},"status":{"errorCode":0}}}]}"#,
        "SignIn id=e1 time=1795382428244 realm=t1 user=u1 name=anna@example.com session=s1 client=a1 \
         ip=192.0.2.7 agent=Mozilla/5.0 device.id=d1 device.platform=Windows10 device.browser=Edge 120 \
         city=Bellevue country=US region=Washington lat=47.5 long=-122.25 \
         person.preferred_username=anna@example.com person.name=Anna Berg appDisplayName:Wiki \
         clientAppUsed:Browser resourceDisplayName:Graph authenticationProtocol:none \
         authenticationRequirement:singleFactorAuthentication conditionalAccessStatus:notApplied \
         isInteractive:true riskLevelDuringSignIn:none userType:Member",
    );
}

#[test]
fn each_category_and_result() {
    let user = r#""userId":"u","sessionId":"s""#;
    record("SignInLogs", "0", user, "SignIn realm=t user=u session=s");
    record("SignInLogs", r#""0""#, user, "SignIn realm=t user=u session=s");
    record("SignIn", "0", user, "SignIn realm=t user=u session=s");
    record("ADFSSignInLogs", r#""0""#, user, "SignIn realm=t user=u session=s");
    record("SignInLogs", "50126", user, "SignInFailed realm=t user=u session=s reason=50126");
    record("SignInLogs", r#""50053""#, user, "SignInFailed realm=t user=u session=s reason=50053");
    for code in ["50058", "50074", "50140", "50158", "50072", "50125", "50168", "50199"] {
        record("SignInLogs", code, user, "ignored: type_not_mapped");
        record("SignInLogs", &format!(r#""{code}""#), user, "ignored: type_not_mapped");
    }
    record("NonInteractiveUserSignInLogs", "0", user, "Activity realm=t user=u session=s");
    record("NonInteractiveUserSignInLogs", "50126", user, "ignored: type_not_mapped");
    record("RiskyUsers", "0", user, "ignored: type_not_mapped");
}

#[test]
fn placeholders_are_no_values() {
    record("SignInLogs", "0", r#""userId":"u","ipAddress":"<null>","appId":"-""#, "SignIn realm=t user=u");
    let nowhere = r#""geoCoordinates":{"latitude":0,"longitude":0}"#;
    let place = |country: &str| {
        format!(r#""userId":"u","location":{{"city":"","state":"","countryOrRegion":"{country}",{nowhere}}}"#)
    };
    record("SignInLogs", "0", &place(""), "SignIn realm=t user=u");
    record("SignInLogs", "0", &place("DE"), "SignIn realm=t user=u country=DE");
}

/// Checks a sign-up with this `resultType` and `result`.
#[track_caller]
fn audit(result_type: &str, result: &str, expected: &str) {
    let target = r#""targetResources":[{"id":"u","type":"User"}]"#;
    let properties = format!(r#""activityDisplayName":"Viral user creation","result":{result},{target}"#);
    record("AuditLogs", result_type, &properties, expected);
}

#[test]
fn the_result_of_an_audit_record_may_be_a_number() {
    for success in ["0", "0.0", r#""0""#, r#""0.0""#] {
        audit(r#""""#, success, "SignUp realm=t user=u");
    }
    for failure in ["1", "2", "1.0", r#""1""#, r#""1.0""#, r#""timeout""#] {
        audit(r#""""#, failure, "ignored: type_not_mapped");
    }
}

#[test]
fn the_result_of_an_audit_record_may_stand_in_result_type_alone() {
    for success in [r#""Success""#, "0", "0.0", r#""0""#, r#""""#, "null"] {
        audit(success, "null", "SignUp realm=t user=u");
    }
    for failure in [r#""Failure""#, r#""failure""#, "1", "1.0", r#""1.0""#] {
        audit(failure, "null", "ignored: type_not_mapped");
        audit(failure, r#""""#, "ignored: type_not_mapped");
    }
    audit(r#""Success""#, r#""failure""#, "ignored: type_not_mapped");
    audit(r#""Failure""#, r#""success""#, "SignUp realm=t user=u");
}

#[test]
fn a_service_principal_is_no_person() {
    record("ServicePrincipalSignInLogs", "0", r#""servicePrincipalId":"p""#, "ignored: type_not_mapped");
    record("ManagedIdentitySignInLogs", "0", r#""servicePrincipalId":"p""#, "ignored: type_not_mapped");
    record("SignInLogs", "0", r#""servicePrincipalId":"p","userId":"""#, "ignored: type_not_mapped");
    record("SignInLogs", "0", r#""servicePrincipalId":"p","userId":"u""#, "SignIn realm=t user=u");
}

#[test]
fn a_failure_of_nobody_has_what_was_typed() {
    record(
        "SignInLogs",
        "50034",
        r#""userId":"00000000-0000-0000-0000-000000000000","userPrincipalName":"nobody@example.com""#,
        "SignInFailed realm=t name=nobody@example.com reason=50034",
    );
    record(
        "SignInLogs",
        "50034",
        r#""userPrincipalName":"","alternateSignInName":"+15550100""#,
        "SignInFailed realm=t name=+15550100 reason=50034",
    );
}

#[test]
fn a_person_who_registers_is_a_sign_up() {
    let audit = |activity: &str, result: &str, by: &str, expected: &str| {
        let properties = format!(
            r#""id":"e","activityDisplayName":"{activity}","result":"{result}",
                "activityDateTime":"2026-11-22T21:20:28.2449999Z",
                "initiatedBy":{{"user":{{"id":"{by}","ipAddress":"192.0.2.7"}}}},
                "targetResources":[{{"type":"Group","id":"g"}},{{"type":"User","id":"u","displayName":"Anna",
                    "userPrincipalName":"anna@example.com"}}]"#
        );
        record("AuditLogs", r#""""#, &properties, expected);
    };
    let sign_up = "SignUp id=e time=1795382428244 realm=t user=u name=anna@example.com ip=192.0.2.7 \
                   person.preferred_username=anna@example.com person.name=Anna";
    audit("Viral user creation", "success", "", sign_up);
    audit("Self-service sign-up", "success", "", sign_up);
    audit("Add user", "success", "u", sign_up);
    audit("Create user", "Success", "u", sign_up);
    audit("Add user", "success", "admin", "ignored: type_not_mapped");
    audit("Add user", "failure", "u", "ignored: type_not_mapped");
    audit("Viral user creation", "failure", "", "ignored: type_not_mapped");
    audit("Update user", "success", "u", "ignored: type_not_mapped");
    audit("Change password (self-service)", "success", "u", "ignored: type_not_mapped");
    record("AuditLogs", "0", r#""activityDisplayName":"Add user""#, "ignored: type_not_mapped");
}

#[test]
fn keys_are_read_in_any_case() {
    check(
        r#"{"category":"SignInLogs","resulttype":0,"tenantid":"t","calleripaddress":"192.0.2.7",
            "operationname":"Sign-in activity","properties":{"userId":"u"}}"#,
        "SignIn realm=t user=u ip=192.0.2.7",
    );
    check(
        r#"{"Category":"SignInLogs","ResultType":"50126","resourceid":"/tenants/t/providers/Microsoft.aadiam",
            "Properties":{"UserId":"u"}}"#,
        "SignInFailed realm=t user=u reason=50126",
    );
}

#[test]
fn the_result_is_also_in_the_status() {
    let check = |status: &str, expected: &str| {
        let properties = format!(r#""properties":{{"userId":"u","status":{status}}}"#);
        check(&format!(r#"{{"category":"SignInLogs",{properties}}}"#), expected);
    };
    check(r#"{"errorCode":0}"#, "SignIn user=u");
    check(r#"{"errorCode":50126}"#, "SignInFailed user=u reason=50126");
    check("{}", "refused: no_type");
    check(r#"{"errorCode":[]}"#, "refused: field_not_text");
}

#[test]
fn times_are_utc() {
    let time = |time: &str, expected: &str| record("SignInLogs", "0", time, expected);
    let at = "SignIn time=1795382428244 realm=t";
    time(r#""createdDateTime":"2026-11-22T21:20:28.2449999Z""#, at);
    time(r#""createdDateTime":"2026-11-22T21:20:28.2449999""#, at);
    time(r#""createdDateTime":"2026-11-22 21:20:28.244999900""#, at);
    time(r#""createdDateTime":"2026-11-22T22:20:28.2449999+01:00""#, at);
    time(r#""createdDateTime":"soon""#, "SignIn realm=t");
    check(
        r#"{"category":"SignInLogs","resultType":0,"time":"2026-11-22 21:20:28.244","properties":{}}"#,
        "SignIn time=1795382428244",
    );
}

#[test]
fn each_wrapper() {
    let record = r#"{"category":"SignInLogs","resultType":0,"properties":{"userId":"u"}}"#;
    check(record, "SignIn user=u");
    check(
        &format!(r#"{{"records":[{record},{{}},"x"]}}"#),
        "SignIn user=u\nrefused: no_type\nrefused: not_an_event",
    );
    check(&format!("[{record}]"), "SignIn user=u");
    check(r#"{"records":[]}"#, "ignored: empty");
    check("[]", "ignored: empty");
}

#[test]
fn a_category_and_ids_must_be_there_and_texts() {
    check(r#"{"resultType":0,"properties":{"userId":"u"}}"#, "refused: no_type");
    check("5", "refused: not_an_event");
    check(r#"{"category":{}}"#, "refused: field_not_text");
    record("SignInLogs", "0", r#""userId":{}"#, "refused: field_not_text");
    record("SignInLogs", "0", r#""sessionId":[]"#, "refused: field_not_text");
    record("SignInLogs", "0", r#""id":1.5"#, "refused: field_not_text");
    record("SignInLogs", "{}", r#""userId":"u""#, "refused: field_not_text");
    check(
        r#"{"category":"SignInLogs","resultType":0,"tenantId":[],"properties":{}}"#,
        "refused: field_not_text",
    );
    record("AuditLogs", "0", r#""activityDisplayName":"Viral user creation""#, "SignUp realm=t");
    check(r#"{"category":"SignInLogs","resultType":0,"properties":[]}"#, "SignIn");
}

#[test]
fn its_own_records_are_recognised() {
    let check = |value: &str, expected| {
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
    };
    let audit = r#"{"category":"AuditLogs","operationName":"Add user","properties":{},
        "resourceId":"/tenants/t/providers/Microsoft.aadiam"}"#;
    check(audit, true);
    check(&format!(r#"{{"records":[{audit}]}}"#), true);
    check(&format!("[{audit}]"), true);
    check(r#"{"category":"SignInLogs","operationname":"Sign-in activity","properties":{}}"#, true);
    check(
        r#"{"category":"x","operationName":"Read","properties":{},"resourceId":"/subscriptions/s"}"#,
        false,
    );
    check(r#"{"category":"SignInLogs","operationName":"Sign-in activity"}"#, false);
    check(r#"{"records":[]}"#, true);
    check(r#"{"records":[{}]}"#, false);
    check(r#"{"operationType":"CREATE","resourceType":"USER"}"#, false);
}

/// A B2C sign-in with this activity, result and service.
fn b2c(activity: &str, result: &str, service: &str) -> String {
    format!(
        r#"{{"id":"B2C_1","category":"Authentication","result":"{result}","activityDisplayName":"{activity}",
            "activityDateTime":"2026-11-22T21:20:28.2441234Z","loggedByService":"{service}",
            "initiatedBy":{{"user":null,"app":{{"appId":"a","displayName":null}}}},
            "targetResources":[{{"id":"u","type":"User","userPrincipalName":null}}],"additionalDetails":[
            {{"key":"TenantId","value":"example.onmicrosoft.com"}},{{"key":"PolicyId","value":"B2C_1_signup_signin"}},
            {{"key":"Client","value":"Mozilla/5.0"}},{{"key":"ClientIpAddress","value":"192.0.2.7"}}]}}"#
    )
}

#[test]
fn a_customer_signs_in_to_b2c_when_a_token_is_issued() {
    let event = "user=u client=a ip=192.0.2.7 agent=Mozilla/5.0 PolicyId:B2C_1_signup_signin";
    let streamed = |properties: &str, expected: &str| {
        check(&format!(r#"{{"category":"AuditLogs","tenantId":"t","properties":{properties}}}"#), expected);
    };
    let issued = "Issue an id_token to the application";
    let expected = format!("SignIn id=B2C_1 time=1795382428244 realm=t {event}");
    streamed(&b2c(issued, "success", "B2C"), &expected);
    streamed(&b2c(issued, "failure", "B2C"), "ignored: type_not_mapped");
    streamed(&b2c(issued, "success", "Core Directory"), "ignored: type_not_mapped");
    streamed(&b2c("Issue an access token to the application", "success", "B2C"), "ignored: type_not_mapped");
    streamed(&b2c("Validate local account credentials", "success", "B2C"), "ignored: type_not_mapped");
    // Graph lists the same record without a tenant.
    check(&b2c(issued, "success", "B2C"), &format!("SignIn id=B2C_1 time=1795382428244 {event}"));
}

/// An object of Microsoft Graph with this error code and `fields`.
fn graph(code: u32, fields: &str) -> String {
    format!(
        r#"{{"id":"e","createdDateTime":"2026-11-22T21:20:28Z","userDisplayName":"Anna Berg",
            "userPrincipalName":"anna@example.com","userId":"u","appId":"a","appDisplayName":"Wiki",
            "ipAddress":"192.0.2.7","status":{{"errorCode":{code},"failureReason":"Other."}},
            "deviceDetail":{{"deviceId":"","operatingSystem":"Windows10","browser":"Edge 120"}},
            "location":{{"city":"Bellevue","state":"Washington","countryOrRegion":"US"}}{fields}}}"#
    )
}

#[test]
fn the_sign_ins_of_microsoft_graph_are_read() {
    let rest = |start: &str, reason: &str| {
        format!(
            "{start} user=u name=anna@example.com client=a{reason} ip=192.0.2.7 device.platform=Windows10 \
             device.browser=Edge 120 city=Bellevue country=US region=Washington \
             person.preferred_username=anna@example.com person.name=Anna Berg appDisplayName:Wiki"
        )
    };
    let at = "id=e time=1795382428000";
    check(&graph(0, ""), &rest(&format!("SignIn {at}"), ""));
    check(&graph(50126, ""), &rest(&format!("SignInFailed {at}"), " reason=50126"));
    check(&graph(50140, ""), "ignored: type_not_mapped");
    let quiet = rest(&format!("Activity {at}"), "") + " isInteractive:false";
    check(&graph(0, r#","isInteractive":false"#), &quiet);
    let in_tenant = rest(&format!("SignIn {at} realm=t"), "");
    check(&graph(0, r#","resourceTenantId":"t","resourceId":"00000003""#), &in_tenant);
    let page = format!(r#"{{"@odata.context":"x","value":[{},{}]}}"#, graph(50140, ""), graph(50140, ""));
    check(&page, "ignored: type_not_mapped\nignored: type_not_mapped");
}

/// A row of Log Analytics in this table, with this result and `fields`.
fn row(table: &str, result: &str, fields: &str) -> String {
    format!(
        r#"{{"TimeGenerated":"2026-11-22T21:20:28.244Z","Type":"{table}","TenantId":"workspace","AADTenantId":"t",
            "OperationName":"Sign-in activity","Category":"SignInLogs","ResultType":"{result}","Id":"e","UserId":"u",
            "AppId":"a","IPAddress":"192.0.2.7","Location":"US","SessionId":"s"{fields}}}"#
    )
}

#[test]
fn the_rows_of_log_analytics_are_read() {
    let event = "id=e time=1795382428244 realm=t user=u session=s client=a";
    check(&row("SigninLogs", "0", ""), &format!("SignIn {event} ip=192.0.2.7"));
    check(&row("SigninLogs", "50126", ""), &format!("SignInFailed {event} reason=50126 ip=192.0.2.7"));
    check(&row("AADNonInteractiveUserSignInLogs", "0", ""), &format!("Activity {event} ip=192.0.2.7"));
    check(&row("AADServicePrincipalSignInLogs", "0", ""), "ignored: type_not_mapped");
    let details = r#","DeviceDetail":{"browser":"Edge 120"},"LocationDetails":{"city":"Bellevue"}"#;
    let known = format!("SignIn {event} ip=192.0.2.7 device.browser=Edge 120 city=Bellevue");
    check(&row("SigninLogs", "0", details), &known);
    let texts = r#","DeviceDetail":"{\"browser\":\"Edge 120\"}","LocationDetails":"{\"city\":\"Bellevue\"}""#;
    check(&row("SigninLogs", "0", texts), &known);
    check(
        r#"{"TimeGenerated":"2026-11-22T21:20:28.244Z","Type":"AuditLogs","Category":"UserManagement","AADTenantId":"t",
            "OperationName":"Viral user creation","Result":"success","TargetResources":[{"id":"u","type":"User"}]}"#,
        "SignUp time=1795382428244 realm=t user=u",
    );
    check(&format!(r#"{{"records":[{}]}}"#, row("SigninLogs", "50140", "")), "ignored: type_not_mapped");
}

#[test]
fn the_lists_of_a_row_may_be_json_text() {
    let row = |fields: &str, expected: &str| {
        check(
            &format!(
                r#"{{"TimeGenerated":"2026-11-22T21:20:28.244Z","Type":"AuditLogs","AADTenantId":"t",{fields}}}"#
            ),
            expected,
        );
    };
    let at = "time=1795382428244 realm=t user=u";
    let target = r#""Result":"success","TargetResources":"[{\"id\":\"u\",\"type\":\"User\"}]""#;
    row(&format!(r#""OperationName":"Viral user creation",{target}"#), &format!("SignUp {at}"));
    let by = r#""{\"user\":{\"id\":\"u\",\"ipAddress\":\"192.0.2.7\"}}""#;
    let own = format!(r#""OperationName":"Add user","InitiatedBy":{by},{target}"#);
    row(&own, &format!("SignUp {at} ip=192.0.2.7"));
    let issued = r#""OperationName":"Issue an id_token to the application","LoggedByService":"B2C""#;
    let by = r#""InitiatedBy":"{\"app\":{\"appId\":\"a\"}}""#;
    let details = r#""AdditionalDetails":"[{\"key\":\"PolicyId\",\"value\":\"p\"},{\"key\":\"Client\",\"value\":\"Edge\"}]""#;
    row(&format!("{issued},{by},{details},{target}"), &format!("SignIn {at} client=a agent=Edge PolicyId:p"));
    row(
        r#""OperationName":"Viral user creation","TargetResources":"[{""#,
        "SignUp time=1795382428244 realm=t",
    );
}

#[test]
fn what_graph_and_log_analytics_write_is_recognised() {
    let check = |value: &str, expected| {
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
    };
    check(&graph(0, ""), true);
    check(&format!(r#"{{"value":[{}]}}"#, graph(0, "")), true);
    check(&b2c("x", "success", "B2C"), true);
    check(&row("SigninLogs", "0", ""), true);
    check(&format!("[{}]", row("ADFSSignInLogs", "0", "")), true);
    check(&row("AzureActivity", "0", ""), false);
    check(r#"{"value":[]}"#, false);
    check(r#"{"createdDateTime":"2026-11-22T21:20:28Z","userId":"u","appId":"a","status":"active"}"#, false);
}
