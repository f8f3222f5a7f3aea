"""The five tables. Who may do what with them is granted where a function meets its table."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

_TEXT = dynamodb.AttributeType.STRING
_NUMBER = dynamodb.AttributeType.NUMBER

DUE_INDEX = "due"


class Tables(Construct):
    """Profiles, RetryWindows, Campaigns, Ledger and Counters: on demand, encrypted, restorable to
    a second.

    `keep_data` protects them against deletion and lets them outlive the stack.
    """

    def __init__(self, scope: Construct, construct_id: str, *, keep_data: bool) -> None:
        super().__init__(scope, construct_id)
        self._keep_data = keep_data
        self.profiles = self._table(
            "Profiles",
            "user_key",
            time_to_live="retain_until",
            stream=dynamodb.StreamViewType.NEW_IMAGE,
        )
        self.windows = self._table(
            "RetryWindows",
            "user_key",
            sort_key=_attribute("campaign", _TEXT),
            time_to_live="expires_at",
            stream=dynamodb.StreamViewType.OLD_IMAGE,
        )
        self.windows.add_global_secondary_index(
            index_name=DUE_INDEX,
            partition_key=_attribute("due_shard", _NUMBER),
            sort_key=_attribute("due_at", _NUMBER),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        self.campaigns = self._table(
            "Campaigns", "campaign", sort_key=_attribute("version", _NUMBER)
        )
        self.ledger = self._table(
            "Ledger",
            "user_key",
            sort_key=_attribute("fact_id", _TEXT),
            time_to_live="expires_at",
        )
        self.counters = self._table(
            "Counters", "campaign_shard", sort_key=_attribute("cell", _TEXT)
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
        return dynamodb.TableV2(
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


def _attribute(name: str, kind: dynamodb.AttributeType) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=kind)
