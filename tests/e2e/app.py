"""`python -m tests.e2e.app OUT PYTHON [SETTING=VALUE …]`: writes the very stack of `app.py` to OUT.

Left out is what the emulator rejects (`gaps.LEFT_OUT`). The asset is built for that version of
Python, since the emulator runs the functions on its own. Calls nothing of AWS.
"""

import sys
from functools import partial
from unittest.mock import patch

from infra import asset
from infra.stack import compose
from infra.stages import project_context
from tests.e2e.gaps import LEFT_OUT

# `infra` comes first: it chooses the Node that `aws_cdk` starts when it is imported.
import aws_cdk as cdk  # isort: skip


def leave_out(stack: cdk.Stack) -> list[str]:
    """Removes what the emulator rejects; the paths of what went."""
    rejected = [
        node
        for node in stack.node.find_all()
        for gap in LEFT_OUT
        if isinstance(node, cdk.CfnResource)
        and node.cfn_resource_type == gap.kind
        and getattr(node, gap.attribute) is not None
    ]
    for resource in rejected:
        scope = resource.node.scope
        if scope is not None:
            scope.node.try_remove_child(resource.node.id)
    return [resource.node.path for resource in rejected]


def main(out: str, python: str, *settings: str) -> None:
    context = {**project_context(), **dict(each.split("=", 1) for each in settings)}
    app = cdk.App(context=context, outdir=out, analytics_reporting=False)
    with patch.multiple(asset, LAMBDA_PYTHON=python, build=partial(asset.build, python=python)):
        leave_out(compose(app))
        app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
