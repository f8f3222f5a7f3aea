"""A letter before the money is gone."""

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.stages import Stage

_STEPS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))


class Budget(Construct):
    """A monthly budget of `dollars` for the whole account; AWS writes to the stage's address.

    A stack alone can be told apart by tags only, and by those only once somebody has activated
    them for billing: until then such a budget would say nothing.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, dollars: int) -> None:
        super().__init__(scope, construct_id)
        address = budgets.CfnBudget.SubscriberProperty(
            subscription_type="EMAIL", address=stage.alarm_email
        )
        budgets.CfnBudget(
            self,
            "Monthly",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"softask-{stage.name}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=dollars, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[address],
                )
                for kind, percent in _STEPS
            ],
        )
