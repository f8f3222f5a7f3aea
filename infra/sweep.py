"""The function that closes retry windows which are over, and its schedule."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.function import Function
from infra.stages import Stage
from infra.tables import DUE_INDEX, TableSet

_INTERVAL = Duration.minutes(15)


class Sweep(Function):
    """Lambda `sweep`, every 15 minutes.

    A run that could not be started goes to the dead-letter queue; the next one does its work too,
    so a late run is dropped when its successor is due.
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
            handler="functions.sweep.handler.handler",
            description="Softask: deletes the retry windows that are due",
            environment={
                "SOFTASK_STAGE": stage.name,
                "SOFTASK_WINDOWS_TABLE": tables.windows.table_name,
            },
            timeout=Duration.minutes(5),
        )
        self.allow(["dynamodb:DeleteItem"], tables.windows.table_arn)
        self.allow(["dynamodb:Query"], f"{tables.windows.table_arn}/index/{DUE_INDEX}")
        self.alias.configure_async_invoke(max_event_age=_INTERVAL, retry_attempts=1)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        role = self._scheduler_role()
        if key:
            key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")
        self._schedule(role)

    def _schedule(self, role: iam.Role) -> None:
        scheduler.Schedule(
            self,
            "Schedule",
            description="Softask: sweeps the retry windows that are due",
            schedule=scheduler.ScheduleExpression.rate(_INTERVAL),
            target=targets.LambdaInvoke(
                self.alias,
                role=role,
                dead_letter_queue=self.dead_letters,
                max_event_age=_INTERVAL,
                retry_attempts=3,
            ),
        )

    def _scheduler_role(self) -> iam.Role:
        stack = Stack.of(self)
        group = stack.format_arn(
            service="scheduler", resource="schedule-group", resource_name="default"
        )
        return iam.Role(
            self,
            "SchedulerRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": group}
                },
            ),
        )
