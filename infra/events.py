"""The bus on which a team's own rules hear of what happened."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from functions.ledger.events import SOURCE
from infra.function import Function
from infra.stages import Stage


class Events(Construct):
    """The EventBridge bus `softask-<stage>`, on which `ledger` puts what it has recorded.

    It has no rules: they belong to the stacks that want to hear, which find it by its name
    (docs/events.md). `event_archive` keeps events for 14 days, to be replayed to a late rule.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, ledger: Function
    ) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=f"softask-{stage.name}",
            description=f"Softask, stage {stage.name}: what happened to users, told at least once",
        )
        ledger.allow(["events:PutEvents"], self.bus.event_bus_arn)
        ledger.add_environment("SOFTASK_EVENT_BUS", self.bus.event_bus_name)
        if stage.event_archive:
            self.bus.archive(
                "Archive",
                description=f"Softask, stage {stage.name}: the events of the last 14 days",
                event_pattern=events.EventPattern(source=[SOURCE]),
                retention=Duration.days(14),
            )
