"""Softask as one construct, for its own stack or another CDK app's."""

from aws_cdk import Annotations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.admin import Admin
from infra.api import Api
from infra.events import Events
from infra.ledger import Ledger
from infra.monitoring import Monitoring
from infra.stages import Stage
from infra.sweep import Sweep
from infra.tables import Tables
from infra.track import Track


class SoftAsk(Construct):
    """The whole backend: tables, the functions `track`, `admin`, `sweep` and `ledger`, the bus
    of events, the HTTP API, and the alarms.

    `code` holds the package `functions` and its dependencies (`infra.asset.code` builds it).
    `tables`, `ledger`, `bus`, `alarms` (a topic) and `url` are for the app around it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, code: lambda_.Code
    ) -> None:
        super().__init__(scope, construct_id)
        self.tables = Tables(self, "Tables", keep_data=stage.keep_data)
        track = Track(self, "Track", stage=stage, code=code, tables=self.tables)
        admin = Admin(self, "Admin", stage=stage, code=code, tables=self.tables)
        sweep = Sweep(self, "Sweep", stage=stage, code=code, tables=self.tables)
        self.ledger = Ledger(self, "Ledger", stage=stage, code=code, tables=self.tables)
        self.bus = Events(self, "Events", stage=stage, ledger=self.ledger).bus
        api = Api(self, "Api", stage=stage, track=track.alias, admin=admin.alias)
        self.url = api.url
        self.alarms = Monitoring(
            self,
            "Monitoring",
            stage=stage,
            functions={"track": track, "admin": admin, "sweep": sweep, "ledger": self.ledger},
            sweep=sweep,
            ledger=self.ledger,
            tables=self.tables,
            api=api,
        ).topic
        if not stage.write_key_hashes:
            Annotations.of(self).add_warning_v2(
                "softask:noWriteKeys",
                f"Stage {stage.name} has no write keys, so every call will be refused: "
                "deploy with -c writeKeyHashes=<sha256 hex>[,<sha256 hex>]",
            )
