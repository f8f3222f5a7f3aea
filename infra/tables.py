"""The five tables. Who may do what with them is granted where a function meets its table."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

_TEXT = dynamodb.AttributeType.STRING
_NUMBER = dynamodb.AttributeType.NUMBER

DUE_INDEX = "due"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSet:
    """The tables that the functions work on: those of `Tables`, or an app's own of that shape.

    `profiles` streams new images, `windows` old ones, and has the index `due`.
    """

    profiles: dynamodb.ITable
    windows: dynamodb.ITable
    campaigns: dynamodb.ITable
    ledger: dynamodb.ITable
    counters: dynamodb.ITable

    def each(self) -> Iterator[dynamodb.ITable]:
        """One after the other."""
        return (getattr(self, field.name) for field in fields(self))


class Tables(Construct):
    """Profiles, RetryWindows, Campaigns, Ledger and Counters, together as `all`: on demand,
    encrypted, restorable to a second.

    `keep_data` protects them against deletion and lets them outlive the stack. `key` encrypts
    them, in place of the key that AWS keeps for DynamoDB.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        keep_data: bool,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._keep_data = keep_data
        self._key = key
        profiles = self._table(
            "Profiles",
            "user_key",
            time_to_live="retain_until",
            stream=dynamodb.StreamViewType.NEW_IMAGE,
        )
        windows = self._table(
            "RetryWindows",
            "user_key",
            sort_key=_attribute("campaign", _TEXT),
            time_to_live="expires_at",
            stream=dynamodb.StreamViewType.OLD_IMAGE,
        )
        windows.add_global_secondary_index(
            index_name=DUE_INDEX,
            partition_key=_attribute("due_shard", _NUMBER),
            sort_key=_attribute("due_at", _NUMBER),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        campaigns = self._table("Campaigns", "campaign", sort_key=_attribute("version", _NUMBER))
        ledger = self._table(
            "Ledger",
            "user_key",
            sort_key=_attribute("fact_id", _TEXT),
            time_to_live="expires_at",
        )
        counters = self._table("Counters", "campaign_shard", sort_key=_attribute("cell", _TEXT))
        self.all = TableSet(
            profiles=profiles,
            windows=windows,
            campaigns=campaigns,
            ledger=ledger,
            counters=counters,
        )

    def _table(
        self,
        construct_id: str,
        partition_key: str,
        *,
        sort_key: dynamodb.Attribute | None = None,
        time_to_live: str | None = None,
        stream: dynamodb.StreamViewType | None = None,
    ) -> dynamodb.TableV2:
        table = dynamodb.TableV2(
            self,
            construct_id,
            partition_key=_attribute(partition_key, _TEXT),
            sort_key=sort_key,
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=time_to_live,
            dynamo_stream=stream,
            deletion_protection=self._keep_data,
            removal_policy=RemovalPolicy.RETAIN if self._keep_data else RemovalPolicy.DESTROY,
        )
        resource = table.node.default_child
        if self._key and isinstance(resource, dynamodb.CfnGlobalTable):
            # CDK's own `customer_managed_key` refuses a stack whose region is the caller's.
            resource.add_property_override(
                "Replicas.0.SSESpecification.KMSMasterKeyId", self._key.key_arn
            )
        return table


def _attribute(name: str, kind: dynamodb.AttributeType) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=kind)
