"""Softask as one construct, for its own stack or another CDK app's."""

from collections.abc import Mapping

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import asset
from infra.admin import Admin
from infra.api import Api
from infra.backups import Backups
from infra.budget import Budget
from infra.encryption import CustomerKey
from infra.events import Events
from infra.ledger import Ledger
from infra.monitoring import Monitoring
from infra.rollout import Rollout
from infra.stages import Stage, StageError, checked
from infra.sweep import Sweep
from infra.tables import Tables, TableSet
from infra.track import Track

_LOGS_BY_POLICY = "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy"


class SoftAsk(Construct):
    """The whole backend: tables, the functions `track`, `admin`, `sweep` and `ledger`, the bus
    of events, the HTTP API, the alarms, and what the stage asks for beside them.

    Handed in: `code`, if the package `functions` and its dependencies were built otherwise than
    by `asset.code` (with other campaigns, say); `tables` of the shape of `Tables`; `api`, to which
    only routes are added.
    For the app around it: `url`, `tables`, `functions` by name, `ledger`, `bus`, the topic
    `alarms`, `grant_admin`, and `write_outputs` for whoever operates it.
    Raises StageError where the stage's values are wrong, or do not go with what is handed in.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        code: lambda_.Code | None = None,
        tables: TableSet | None = None,
        api: apigatewayv2.IHttpApi | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        # An app's own flags may differ; the bucket's owner enforces its policy, and has no lists.
        self.node.set_context(_LOGS_BY_POLICY, True)
        stage = checked(stage)
        if api and (stage.domain_name or stage.allow_origins):
            raise StageError("domainName and allowOrigins are for an API that Softask makes")
        code = code or asset.code(stage.architecture)
        key = CustomerKey(self, "Encryption", stage=stage).key if stage.customer_key else None
        self.tables = tables or Tables(self, "Tables", keep_data=stage.keep_data, key=key).all
        track = Track(self, "Track", stage=stage, code=code, tables=self.tables, key=key)
        admin = Admin(self, "Admin", stage=stage, code=code, tables=self.tables, key=key)
        sweep = Sweep(self, "Sweep", stage=stage, code=code, tables=self.tables, key=key)
        self.ledger = Ledger(self, "Ledger", stage=stage, code=code, tables=self.tables, key=key)
        self.functions = {"track": track, "admin": admin, "sweep": sweep, "ledger": self.ledger}
        self._dead_letters = sweep.dead_letters
        self.bus = Events(self, "Events", stage=stage, ledger=self.ledger).bus
        self._api = Api(
            self, "Api", stage=stage, track=track.alias, admin=admin.alias, key=key, http=api
        )
        self.url = self._api.url
        monitoring = Monitoring(
            self,
            "Monitoring",
            stage=stage,
            functions=self.functions,
            sweep=sweep,
            ledger=self.ledger,
            tables=self.tables,
            api=self._api,
            key=key,
        )
        self.alarms = monitoring.topic
        if stage.canary:
            self._roll_out(monitoring.alarms)
        if stage.backups:
            Backups(self, "Backups", stage=stage, tables=self.tables, key=key)
        if stage.monthly_budget is not None:
            Budget(self, "Budget", stage=stage, dollars=stage.monthly_budget)
        if not stage.write_key_hashes:
            Annotations.of(self).add_warning_v2(
                "softask:noWriteKeys",
                f"Stage {stage.name} names no write keys, so every call is refused until "
                "`softask keys create write` has made one, or its writeKeyHashes have one",
            )

    def grant_admin(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets a principal, such as a role of operators, call every admin route."""
        return self._api.grant_admin(grantee)

    def write_outputs(self) -> None:
        """Gives the stack that holds this the outputs that `softask doctor --stack` and the
        commands of docs/operations.md go by. Raises StageError where it has them already.
        """
        stack = Stack.of(self)
        for name, value in self._outputs().items():
            if stack.node.try_find_child(name):
                raise StageError(
                    f"{stack.stack_name} has something called {name} already, such as another "
                    "deployment's output: give what is to be operated by itself a stack of its own"
                )
            CfnOutput(stack, name, value=value)

    def _outputs(self) -> dict[str, str]:
        return {
            "ApiUrl": self.url,
            "EventBus": self.bus.event_bus_name,
            "ProfilesTable": self.tables.profiles.table_name,
            "RetryWindowsTable": self.tables.windows.table_name,
            "CampaignsTable": self.tables.campaigns.table_name,
            "LedgerTable": self.tables.ledger.table_name,
            "CountersTable": self.tables.counters.table_name,
            # What `softask ledger replay` takes.
            "LedgerFunction": self.ledger.alias.function_name,
            "FailedRecords": self.ledger.failed_records.bucket_name,
            "DeadLetters": self._dead_letters.queue_url,
        }

    def _roll_out(self, alarms: Mapping[str, cloudwatch.IAlarm]) -> None:
        judges = {name: [alarms[f"{name}-errors"]] for name in self.functions}
        # Faults that a function answers or notes by itself are no errors of it for Lambda.
        judges["track"] += [alarms["api-errors"], alarms["campaigns-not-refreshed"]]
        judges["ledger"].append(alarms["ledger-failing"])
        Rollout(self, "Rollout", functions=self.functions, alarms=judges)
