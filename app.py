"""The CDK app: the stack of the stage named by `-c stage=…` (dev by default)."""

import sys

from infra.stack import compose
from infra.stages import StageError

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip


def main() -> None:
    app = cdk.App(analytics_reporting=False)
    try:
        compose(app)
    except StageError as error:
        sys.exit(f"softask: {error}")
    app.synth()


main()
