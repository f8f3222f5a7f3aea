"""The stack of one stage."""

from aws_cdk import App, Stack
from constructs import Construct

from infra.softask import SoftAsk
from infra.stages import Stage, read_stage


class SoftaskStack(Stack):
    """One deployment: one app in one stage. Account and region are those of the deploying call."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id, description=f"Softask, stage {stage.name}")
        SoftAsk(self, "Softask", stage=stage).write_outputs()


def compose(app: App) -> SoftaskStack:
    """The stack of the stage that the app's context names; raises StageError."""
    stage = read_stage(app.node.get_all_context())
    return SoftaskStack(app, f"softask-{stage.name}", stage=stage)
