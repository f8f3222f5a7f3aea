"""The function that answers the app's calls."""

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.function import Function
from infra.stages import Stage
from infra.tables import TableSet


def device_keys_arn(scope: Construct, stage: Stage) -> str:
    """Of the parameters that hold the private halves of the keys that sign devices' tokens."""
    return Stack.of(scope).format_arn(
        service="ssm", resource="parameter", resource_name=f"{stage.device_keys.lstrip('/')}*"
    )


def profile_environment(stage: Stage, tables: TableSet) -> dict[str, str]:
    """For a function that works on profiles under the live campaigns.

    The salt of the hashed keys names stage, account and region, so that a stack which is created
    anew beside its retained tables still finds its users; a stage that moved keeps its old one.
    """
    return {
        "SOFTASK_STAGE": stage.name,
        "SOFTASK_SALT": stage.salt or f"{stage.name}/{Aws.ACCOUNT_ID}/{Aws.REGION}",
        "SOFTASK_PROFILES_TABLE": tables.profiles.table_name,
        "SOFTASK_WINDOWS_TABLE": tables.windows.table_name,
        "SOFTASK_CAMPAIGNS_TABLE": tables.campaigns.table_name,
        "SOFTASK_WRITE_KEY_HASHES": ",".join(stage.write_key_hashes),
        "SOFTASK_AUTH": stage.auth,
        "SOFTASK_DEVICE_KEYS": stage.device_keys,
    }


class Track(Function):
    """Lambda `track`: reads and conditionally writes profiles and their retry windows, and signs
    the tokens of anonymous installs."""

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
            handler="functions.track.handler.handler",
            description="Softask: decides on tracked events and answers with actions",
            environment={
                **profile_environment(stage, tables),
                "SOFTASK_PUBLIC_HOST": stage.public_host,
            },
            # A batch gives up after 8 s, one user after DynamoDB's time-outs; API Gateway after 30.
            timeout=Duration.seconds(29),
            snap_start=stage.snap_start,
            reserved_concurrency=stage.reserved_concurrency,
        )
        # A transaction is authorised through the actions it is made of.
        self.allow(
            ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"],
            tables.profiles.table_arn,
        )
        self.allow(["dynamodb:PutItem", "dynamodb:DeleteItem"], tables.windows.table_arn)
        self.allow(["dynamodb:GetItem"], tables.campaigns.table_arn)
        self.allow(["ssm:GetParameter"], device_keys_arn(self, stage))
