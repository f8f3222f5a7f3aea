"""A CDK app of one's own that holds Softask, with tables and an HTTP API that it has already.

    python -m infra.cdk synth --app "python -m infra.examples.own_app"

Copy it, and leave out what Softask shall make by itself: tables and API are optional.
"""

from infra import SoftAsk, Stage, Tables

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct


class Data(cdk.Stack):
    """What must outlive everything else is in a stack that is hardly ever deployed."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.tables = Tables(self, "Push", keep_data=True).all


class Shop(cdk.Stack):
    """The shop's own API, which also asks for push permission."""

    def __init__(self, scope: Construct, construct_id: str, *, data: Data) -> None:
        super().__init__(scope, construct_id)
        api = apigatewayv2.HttpApi(self, "Api", api_name="shop")
        push = SoftAsk(
            self,
            "Push",
            stage=Stage(name="shop", canary=True, reserved_concurrency=200),
            tables=data.tables,
            api=api,
        )
        operators = iam.Role(self, "Operators", assumed_by=iam.AccountRootPrincipal())
        push.grant_admin(operators)
        push.alarms.add_subscription(subscriptions.EmailSubscription("ops@shop.example"))
        events.Rule(
            self,
            "Approvals",
            event_bus=push.bus,
            event_pattern=events.EventPattern(detail_type=["PushSoftAskApproved"]),
            targets=[targets.SqsQueue(sqs.Queue(self, "Approved", enforce_ssl=True))],
        )
        # For `softask doctor --stack shop`, and the runbook.
        push.write_outputs()


def compose(app: cdk.App) -> tuple[Data, Shop]:
    """Both stacks; account and region are those of the deploying call."""
    data = Data(app, "shop-data")
    return data, Shop(app, "shop", data=data)


if __name__ == "__main__":
    app = cdk.App(analytics_reporting=False)
    compose(app)
    app.synth()
