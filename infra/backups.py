"""Copies of the tables that outlive a mistake made with the tables."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.stages import Stage
from infra.tables import TableSet


class Backups(Construct):
    """An AWS Backup vault with a copy of every table a day, each kept for 35 days.

    As long as point-in-time recovery reaches back, and no longer: a deleted user is gone from
    both at the same time.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        tables: TableSet,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        vault = backup.BackupVault(
            self,
            "Vault",
            encryption_key=key,
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )
        plan = backup.BackupPlan(
            self,
            "Plan",
            backup_plan_name=f"softask-{stage.name}",
            backup_vault=vault,
            backup_plan_rules=[
                backup.BackupPlanRule(
                    rule_name="daily",
                    schedule_expression=events.Schedule.cron(hour="4", minute="0"),
                    delete_after=Duration.days(35),
                )
            ],
        )
        plan.add_selection(
            "Tables",
            allow_restores=True,
            resources=[backup.BackupResource.from_arn(each.table_arn) for each in tables.each()],
        )
