"""The stack of one stage."""

from aws_cdk import App, CfnOutput, Stack
from constructs import Construct

from infra.softask import SoftAsk
from infra.stages import Stage, read_stage


class SoftaskStack(Stack):
    """One deployment: one app in one stage. Account and region are those of the deploying call."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id, description=f"Softask, stage {stage.name}")
        softask = SoftAsk(self, "Softask", stage=stage)
        CfnOutput(self, "ApiUrl", value=softask.url)
        CfnOutput(self, "EventBus", value=softask.bus.event_bus_name)
        tables = softask.tables
        CfnOutput(self, "ProfilesTable", value=tables.profiles.table_name)
        CfnOutput(self, "RetryWindowsTable", value=tables.windows.table_name)
        CfnOutput(self, "CampaignsTable", value=tables.campaigns.table_name)
        CfnOutput(self, "LedgerTable", value=tables.ledger.table_name)
        CfnOutput(self, "CountersTable", value=tables.counters.table_name)
        # What `softask ledger replay` takes.
        CfnOutput(self, "LedgerFunction", value=softask.ledger.alias.function_name)
        CfnOutput(self, "FailedRecords", value=softask.ledger.failed_records.bucket_name)


def compose(app: App) -> SoftaskStack:
    """The stack of the stage that the app's context names; raises StageError."""
    stage = read_stage(app.node.get_all_context())
    return SoftaskStack(app, f"softask-{stage.name}", stage=stage)
