"""Makes what the service sends to in moto, an independent emulator of AWS, and reads back what arrived.

Run as `python moto_service.py make KIND URL [ROLE]` before, and as `python moto_service.py read KIND URL [ROLE]`
after: in the account of the role, if there is one. `read` prints each record that arrived as a line of JSON.
`python moto_service.py roles KIND URL` prints each session of a role that somebody has assumed.
"""

import json
import sys
import urllib.request

import boto3

DO, KIND, URL, ROLE = [*sys.argv[1:], ""][:4]
OWN = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def client(service, keys=None):
    return boto3.client(service, region_name="eu-west-1", endpoint_url=URL, **(keys or KEYS))


def assumed():
    """The credentials of the role; moto knows its account by them."""
    session = {"RoleArn": ROLE, "RoleSessionName": "moto_service"}
    answer = client("sts", OWN).assume_role(**session)["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


KEYS = assumed() if ROLE else OWN


class Kinesis:
    """A stream with two shards."""

    def __init__(self):
        self.kinesis = client("kinesis")

    def make(self):
        self.kinesis.create_stream(StreamName="identity", ShardCount=2)
        self.kinesis.get_waiter("stream_exists").wait(StreamName="identity")

    def read(self):
        for shard in self.kinesis.list_shards(StreamName="identity")["Shards"]:
            start = {"StreamName": "identity", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = self.kinesis.get_shard_iterator(**start)["ShardIterator"]
            while True:
                answer = self.kinesis.get_records(ShardIterator=iterator, Limit=1000)
                for record in answer["Records"]:
                    yield {"key": record["PartitionKey"], "record": json.loads(record["Data"])}
                iterator = answer["NextShardIterator"]
                if not answer["Records"]:
                    break


class Firehose:
    """A delivery stream into a bucket."""

    def __init__(self):
        self.firehose = client("firehose")
        self.s3 = client("s3")

    def make(self):
        place = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket="lake", CreateBucketConfiguration=place)
        bucket = {"BucketARN": "arn:aws:s3:::lake", "RoleARN": "arn:aws:iam::123456789012:role/lake"}
        self.firehose.create_delivery_stream(
            DeliveryStreamName="identity-to-s3",
            DeliveryStreamType="DirectPut",
            ExtendedS3DestinationConfiguration=bucket,
        )

    def read(self):
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket="lake"):
            for item in page.get("Contents", []):
                content = self.s3.get_object(Bucket="lake", Key=item["Key"])["Body"].read()
                # Each record ends with a newline.
                assert content.endswith(b"\n"), content[-20:]
                for line in content.splitlines():
                    yield {"record": json.loads(line)}


class EventBridge:
    """A classic bus, whose events a rule brings to a queue."""

    def __init__(self):
        self.events = client("events")
        self.sqs = client("sqs")

    def make(self):
        self.events.create_event_bus(Name="identity")
        queue = self.sqs.create_queue(QueueName="identity")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        pattern = json.dumps({"source": ["com.example.identity"]})
        self.events.put_rule(Name="all", EventBusName="identity", EventPattern=pattern)
        target = {"Id": "queue", "Arn": attributes["QueueArn"]}
        self.events.put_targets(Rule="all", EventBusName="identity", Targets=[target])

    def read(self):
        queue = self.sqs.get_queue_url(QueueName="identity")["QueueUrl"]
        while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                yield {"source": event["source"], "type": event["detail-type"], "record": event["detail"]}
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


KINDS = {"kinesis": Kinesis, "firehose": Firehose, "eventbridge": EventBridge}


def roles():
    with urllib.request.urlopen(f"{URL}/moto-api/data.json") as page:
        for role in json.load(page)["sts"]["AssumedRole"]:
            yield {name: role[name] for name in ("role_arn", "session_name", "external_id")}


kind = KINDS[KIND]()
if DO == "make":
    kind.make()
else:
    for line in kind.read() if DO == "read" else roles():
        print(json.dumps(line))
