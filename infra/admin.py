"""The function that operates what is live."""

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.function import Function
from infra.stages import Stage
from infra.tables import TableSet
from infra.track import device_keys_arn, profile_environment


class Admin(Function):
    """Lambda `admin`: publishes, pauses and explains campaigns; moves users in, and out; reports;
    makes and revokes keys.

    Who may call it is the API's business (IAM); what it may do is written here.
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
            handler="functions.admin.handler.handler",
            description="Softask: operates live campaigns, for signed callers",
            environment={
                **profile_environment(stage, tables),
                "SOFTASK_LEDGER_TABLE": tables.ledger.table_name,
                "SOFTASK_COUNTERS_TABLE": tables.counters.table_name,
            },
            # An import gives up after 20 s; API Gateway would after 30.
            timeout=Duration.seconds(29),
        )
        # A transaction is authorised through the actions it is made of.
        self.allow(["dynamodb:GetItem", "dynamodb:PutItem"], tables.profiles.table_arn)
        self.allow(
            ["dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"],
            tables.windows.table_arn,
        )
        self.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchWriteItem"],
            tables.ledger.table_arn,
        )
        self.allow(["dynamodb:Query"], tables.counters.table_arn)
        self.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
            tables.campaigns.table_arn,
        )
        self.allow(["ssm:PutParameter"], device_keys_arn(self, stage))
