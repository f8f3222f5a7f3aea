"""The function that turns stream records into counted facts, and the two streams it reads."""

from typing import Any

import jsii
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.function import Function
from infra.stages import Stage
from infra.tables import TableSet

_HAS_OUTBOX = {
    "dynamodb": {"NewImage": {"outbox": {"B": lambda_.FilterRule.exists()}}},
}
_IS_TOMBSTONE = {
    "dynamodb": {"NewImage": {"deleted_at": {"N": lambda_.FilterRule.exists()}}},
}
# A window that was due already may be moved before the sweep comes: that is its end, too.
_GONE_OR_MOVED = {"eventName": lambda_.FilterRule.or_("REMOVE", "MODIFY")}

_READ_STREAM = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
]


@jsii.implements(lambda_.IEventSourceDlq)
class _WholeRecords:
    """Sends records that keep failing to a bucket, whole.

    CDK's own S3OnFailureDestination grants reading and deleting as well.
    """

    def __init__(self, bucket: s3.Bucket) -> None:
        self._bucket = bucket

    def bind(self, _target: Any, _function: Any) -> lambda_.DlqDestinationConfig:
        return lambda_.DlqDestinationConfig(destination=self._bucket.bucket_arn)


class Ledger(Function):
    """Lambda `ledger`, fed with profiles' outboxes and tombstones, and with retry windows' ends.

    A record that fails is retried, its batch bisected around it, and at last kept whole in S3
    for 30 days, while the rest of its shard proceeds. The records of one item stay in order.
    `softask ledger replay` takes what lies in `failed_records` to the `alias` again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        code: lambda_.Code,
        tables: TableSet,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stage=stage,
            code=code,
            key=key,
            handler="functions.ledger.handler.handler",
            description="Softask: writes and counts each fact of the streams once",
            environment={
                "SOFTASK_STAGE": stage.name,
                "SOFTASK_LEDGER_TABLE": tables.ledger.table_name,
                "SOFTASK_COUNTERS_TABLE": tables.counters.table_name,
            },
            timeout=Duration.minutes(1),
        )
        # Facts are put beside a check of the mark that deletes their user, and counted with that.
        self.allow(["dynamodb:PutItem", "dynamodb:ConditionCheckItem"], tables.ledger.table_arn)
        self.allow(["dynamodb:UpdateItem"], tables.counters.table_arn)
        # A tombstone deletes what its user's mark names.
        self.allow(
            ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchWriteItem"],
            tables.ledger.table_arn,
        )
        self.failed_records = self._failed_records(stage, key)
        self.streams = (
            self._read("Profiles", tables.profiles, _HAS_OUTBOX, _IS_TOMBSTONE),
            self._read("RetryWindows", tables.windows, _GONE_OR_MOVED),
        )

    def _failed_records(self, stage: Stage, key: kms.IKey | None) -> s3.Bucket:
        """Records hold profiles whole: where data matters, `Reads` says who took them."""
        # S3 delivers its logs to no bucket that is encrypted with a customer's key.
        reads = _bucket(self, "Reads", stage, kept=Duration.days(365)) if stage.keep_data else None
        bucket = _bucket(self, "FailedRecords", stage, kept=Duration.days(30), key=key, reads=reads)
        self.allow(["s3:PutObject"], bucket.arn_for_objects("*"))
        self.allow(["s3:ListBucket"], bucket.bucket_arn)
        if key:
            self.allow(["kms:GenerateDataKey"], key.key_arn)
        return bucket

    def _read(
        self, construct_id: str, table: dynamodb.ITable, *patterns: dict[str, Any]
    ) -> lambda_.EventSourceMapping:
        """Delivers the records that one of the patterns matches."""
        stream = table.table_stream_arn
        if stream is None:
            raise ValueError(f"table {construct_id} has no stream")
        self.allow(_READ_STREAM, stream)
        return lambda_.EventSourceMapping(
            self,
            construct_id,
            target=self.alias,
            event_source_arn=stream,
            filters=[lambda_.FilterCriteria.filter(pattern) for pattern in patterns],
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=100,
            max_batching_window=Duration.seconds(1),
            parallelization_factor=2,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            # What passes within the hour, such as a bus that is down, puts no record aside.
            retry_attempts=100,
            max_record_age=Duration.hours(12),
            on_failure=_WholeRecords(self.failed_records),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )


def _bucket(
    scope: Construct,
    construct_id: str,
    stage: Stage,
    *,
    kept: Duration,
    key: kms.IKey | None = None,
    reads: s3.IBucket | None = None,
) -> s3.Bucket:
    """Private and encrypted, for objects that expire. Accesses are logged to `reads`."""
    return s3.Bucket(
        scope,
        construct_id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        server_access_logs_bucket=reads,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=kept,
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
        removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
    )
