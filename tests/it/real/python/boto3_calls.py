"""Calls every operation of the emulator with boto3, AWS's SDK for Python: its results, limits and errors.

Run as `python boto3_calls.py URL`, where URL is that of `pinpoint-sidecar emulator`. Prints a line for each
operation, and ends with an error at the first result that is not as it should be.
"""

import contextlib
import json
import sys
import time
import urllib.request

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

URL = sys.argv[1].rstrip("/")
REGION = "eu-west-1"
ACCOUNT = "111122223333"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-busv2/identity/abcdefghij0123456789abcde"
ROLE = "arn:aws:iam::444455556666:role/events/identity"
RECORD = {
    "event_type": "_userauth.sign_in",
    "client": {"client_id": "endpoint-1"},
    "attributes": {"event_id": "1:sign_in", "name": "Zoë"},
}


def client(service, **credentials):
    """A client that makes one attempt, with any credentials unless some are given."""
    credentials = credentials or {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client(service, region_name=REGION, endpoint_url=URL, config=config, **credentials)


def page(path, method="GET", value=None):
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(f"{URL}/_emulator/{path}", data=body, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def events():
    """The accepted events since the last look, which are forgotten."""
    lines = page("events").splitlines()
    page("events", "DELETE")
    return [json.loads(line) for line in lines]


@contextlib.contextmanager
def faults(**values):
    page("faults", "PUT", values)
    try:
        yield
    finally:
        page("faults", "PUT", {})


def same(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def refused(status, code, call, **parameters):
    """Fails unless the call is refused with this status and code."""
    try:
        call(**parameters)
    except ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        same(found, (status, code))
    else:
        raise AssertionError(f"{code} was expected, and the call succeeded")


def pinpoint():
    put = client("pinpoint").put_events
    event = {"EventType": "_userauth.sign_in", "Timestamp": "2026-11-22T10:00:00.000Z"}

    def batch(ids):
        items = {"endpoint-1": {"Endpoint": {}, "Events": {each: event for each in ids}}}
        return {"ApplicationId": "app", "EventsRequest": {"BatchItem": items}}

    answer = put(**batch(["1", "2"]))["EventsResponse"]["Results"]["endpoint-1"]
    same([item["StatusCode"] for item in answer["EventsItemResponse"].values()], [202, 202])
    same([event["destination"] for event in events()], ["pinpoint/app"] * 2)
    refused(400, "BadRequestException", put, **batch(map(str, range(101))))
    with faults(throttled=1):
        refused(429, "TooManyRequestsException", put, **batch(["1"]))


def eventbridgev2():
    put = client("eventbridgev2").put_events

    def entry(key, **more):
        metadata = {"EventGroupId": "group-1", "DeduplicationId": key}
        entry = {"Source": "com.example.identity", "DetailType": "_userauth.sign_in", "Time": 1795341600.123}
        return entry | {"Detail": json.dumps(RECORD), "SystemMetadata": metadata} | more

    answer = put(EventBusArn=BUS, Entries=[entry("1"), entry("2"), entry("1")])
    codes = [each["SuccessCode"] for each in answer["Entries"]]
    same(codes, ["PUBLISHED", "PUBLISHED", "DEDUPLICATED"])
    same(answer["FailedEntryCount"], 0)
    first, second = events()
    same((first["event_id"], first["endpoint_id"], first["record"]), ("1:sign_in", "endpoint-1", RECORD))
    same((first["entry"]["group"], first["entry"]["time"]), ("group-1", 1795341600.123))
    same((first["destination"], second["destination"]), (f"eventbridgev2/{BUS}",) * 2)

    same(client("eventbridgev2").describe_event_bus(EventBusArn=BUS)["State"], "ACTIVE")
    invalid = 400, "InvalidInputException"
    many = [entry(str(key)) for key in range(101)]
    refused(*invalid, put, EventBusArn=BUS, Entries=many)
    same(len(put(EventBusArn=BUS, Entries=many[:100])["Entries"]), 100)
    refused(*invalid, put, EventBusArn=BUS, Entries=[entry("1", Source="aws.ec2")])
    refused(*invalid, put, EventBusArn=BUS, Entries=[entry("1", DetailType="t" * 129)])
    refused(*invalid, put, EventBusArn=BUS, Entries=[entry("1", Detail="{")])
    refused(*invalid, put, EventBusArn=BUS, Entries=[entry("1", Detail=json.dumps("x" * (1 << 20)))])
    refused(*invalid, put, EventBusArn=BUS, Entries=[entry("k" * 129)])
    refused(*invalid, put, EventBusArn="identity", Entries=[entry("1")])
    with faults(throttled=1):
        refused(429, "ThrottlingException", put, EventBusArn=BUS, Entries=[entry("3")])
    with faults(events_failed=1):
        answer = put(EventBusArn=BUS, Entries=[entry("3")])
        same((answer["FailedEntryCount"], answer["Entries"][0]["ErrorCode"]), (1, "InternalException"))
    with faults(outage={"how": {"answer": {"status": 404, "code": "ResourceNotFoundException"}}}):
        refused(404, "ResourceNotFoundException", put, EventBusArn=BUS, Entries=[entry("3")])


def eventbridge():
    put = client("events").put_events

    def entry(**more):
        entry = {"Source": "com.example.identity", "DetailType": "_userauth.sign_in", "Time": 1795341600}
        return entry | {"Detail": json.dumps(RECORD), "EventBusName": "identity"} | more

    answer = put(Entries=[entry(), entry(Source="aws.ec2"), entry(Detail="{"), entry(EventBusName="other")])
    codes = [each.get("ErrorCode") for each in answer["Entries"]]
    same(codes, [None, "NotAuthorizedForSourceException", "MalformedDetail", None])
    same(answer["FailedEntryCount"], 2)
    same([event["destination"] for event in events()], ["eventbridge/identity", "eventbridge/other"])
    same(len(put(Entries=[entry()] * 10)["Entries"]), 10)
    same(client("events").describe_event_bus(Name="identity")["Name"], "identity")
    refused(400, "ValidationException", put, Entries=[entry()] * 11)
    refused(400, "ValidationException", put, Entries=[entry(Detail=json.dumps({"a": "x" * (1 << 20)}))])
    with faults(throttled=1):
        refused(400, "ThrottlingException", put, Entries=[entry()])
    with faults(failed=1, only=[{"service": "kinesis", "faults": {}}]):
        try:
            put(Entries=[entry()])
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503)


def kinesis():
    stream = client("kinesis")
    data = json.dumps(RECORD).encode()

    def records(*keys, data=data):
        return {"StreamName": "identity", "Records": [{"Data": data, "PartitionKey": key} for key in keys]}

    answer = stream.put_records(**records("a", "b"))
    same((answer["FailedRecordCount"], len(answer["Records"])), (0, 2))
    assert all(each["SequenceNumber"] and each["ShardId"] for each in answer["Records"]), answer
    first, _ = events()
    same((first["destination"], first["entry"]["partition_key"], first["record"]), ("kinesis/identity", "a", RECORD))
    refused(400, "DryRunOperationException", stream.put_records, **records("a"), DryRun=True)
    refused(400, "ValidationException", stream.put_records, **records(*["a"] * 501))
    refused(400, "ValidationException", stream.put_records, **records("k" * 257))
    refused(400, "InvalidArgumentException", stream.put_records, **records("a", data=b"x" * (1 << 20)))
    page("streams", "PUT", {"shards": 1, "limit": {"records": 2, "bytes": 1000000}})
    answer = stream.put_records(**records("a", "b", "c"))
    codes = [each.get("ErrorCode") for each in answer["Records"]]
    same(codes, [None, None, "ProvisionedThroughputExceededException"])
    page("streams", "PUT", {"keys": "ignored"})
    summary = stream.describe_stream_summary(StreamName="identity")["StreamDescriptionSummary"]
    same((summary["OpenShardCount"], summary["RecordDistributionStrategy"]), (4, "AUTO"))
    page("streams", "PUT", {})
    only = {"service": "kinesis", "operation": "PutRecords", "destination": "identity", "faults": {"throttled": 1}}
    with faults(only=[only]):
        throttled = "ProvisionedThroughputExceededException"
        refused(400, throttled, stream.put_records, **records("a"))
        stream.put_records(**(records("a") | {"StreamName": "other"}))
        stream.describe_stream_summary(StreamName="identity")
    with faults(answer_lost=1):
        try:
            stream.put_records(**records("a"))
        except (ClientError, ConnectionClosedError):
            pass
        else:
            raise AssertionError("an answer that is lost came")


def firehose():
    lake = client("firehose")
    line = json.dumps(RECORD).encode() + b"\n"

    def records(*data):
        return {"DeliveryStreamName": "lake", "Records": [{"Data": each} for each in data]}

    answer = lake.put_record_batch(**records(line, line + line))
    same((answer["FailedPutCount"], len(answer["RequestResponses"])), (0, 2))
    same([(event["destination"], event["event_id"]) for event in events()], [("firehose/lake", "1:sign_in")] * 3)
    refused(400, "ValidationException", lake.put_record_batch, **records(*[line] * 501))
    refused(400, "ValidationException", lake.put_record_batch, **records(b"x" * 1024001))
    refused(400, "InvalidArgumentException", lake.put_record_batch, **records(*[b"x" * 1000000] * 5))
    with faults(throttled=1):
        refused(503, "ServiceUnavailableException", lake.put_record_batch, **records(line))
    with faults(events_throttled=1):
        answer = lake.put_record_batch(**records(line))
        same(answer["RequestResponses"][0]["ErrorCode"], "ServiceUnavailableException")
    described = lake.describe_delivery_stream(DeliveryStreamName="lake")["DeliveryStreamDescription"]
    same(described["DeliveryStreamStatus"], "ACTIVE")


def sts():
    def assume(**more):
        parameters = {"RoleArn": ROLE, "RoleSessionName": "pinpoint-sidecar", "DurationSeconds": 900}
        return client("sts").assume_role(**(parameters | more))

    def identity(credentials):
        keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        return client("sts", **keys).get_caller_identity()

    answer = assume()
    arn = "arn:aws:sts::444455556666:assumed-role/identity/pinpoint-sidecar"
    same(answer["AssumedRoleUser"]["Arn"], arn)
    left = answer["Credentials"]["Expiration"].timestamp() - time.time()
    assert 880 < left <= 901, left
    who = identity(answer["Credentials"])
    same((who["Account"], who["Arn"]), ("444455556666", arn))
    same(client("sts").get_caller_identity()["Account"], ACCOUNT)
    refused(403, "InvalidClientTokenId", identity, credentials=answer["Credentials"] | {"SessionToken": "other"})
    refused(400, "ValidationError", assume, RoleArn="arn:aws:iam::444455556666:user/identity")
    refused(400, "ValidationError", assume, RoleSessionName="a")
    refused(400, "ValidationError", assume, DurationSeconds=3601)
    refused(400, "ValidationError", assume, ExternalId="x")
    with faults(role_external_id="acme-7f3c"):
        refused(403, "AccessDenied", assume)
        refused(403, "AccessDenied", assume, ExternalId="another")
        assume(ExternalId="acme-7f3c")
    with faults(role_lasts="0s"):
        expired = assume()["Credentials"]
    refused(403, "ExpiredToken", identity, credentials=expired)
    denied = {"outage": {"how": {"answer": {"status": 403, "code": "AccessDenied"}}}}
    with faults(only=[{"destination": ROLE, "faults": denied}]):
        refused(403, "AccessDenied", assume)
        assume(RoleArn="arn:aws:iam::444455556666:role/other")


page("quota", "PUT", {"requests_per_second": 1000, "in_flight": 15})
for operation in (pinpoint, eventbridgev2, eventbridge, kinesis, firehose, sts):
    page("events", "DELETE")
    operation()
    print(f"{operation.__name__}: as it should be")
print(f"boto3 {boto3.__version__}, botocore {botocore.__version__}")
