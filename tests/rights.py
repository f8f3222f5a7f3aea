"""What each function may ask of AWS, and a watch over what it does ask in tests.

`RIGHTS` says it once. Every test below tests/integration fails whose functions ask for more, and
tests/infra/test_iam_proof.py shows that the roles in the template allow exactly as much, and that
all of it is used. So what the suite saw is what the policies say, both ways.

What another process asks for, such as a dev server that a test starts, is not seen.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from botocore.model import OperationModel

from cli.local_tables import NAMES

Right = tuple[str, str]
"""An action, as IAM names it, and on what: a table, an index of it, the bus, or a parameter."""

BUS = "the bus"
DEVICE_KEYS = "/softask/<stage>/device-keys/"
DUE = "windows/index/due"

RIGHTS: Mapping[str, frozenset[Right]] = {
    "track": frozenset(
        {
            ("dynamodb:GetItem", "profiles"),
            ("dynamodb:BatchGetItem", "profiles"),
            ("dynamodb:PutItem", "profiles"),
            ("dynamodb:PutItem", "windows"),
            ("dynamodb:DeleteItem", "windows"),
            ("dynamodb:GetItem", "campaigns"),
            ("ssm:GetParameter", DEVICE_KEYS),
        }
    ),
    "admin": frozenset(
        {
            ("dynamodb:GetItem", "profiles"),
            ("dynamodb:PutItem", "profiles"),
            ("dynamodb:PutItem", "windows"),
            ("dynamodb:DeleteItem", "windows"),
            ("dynamodb:Query", "windows"),
            ("dynamodb:GetItem", "ledger"),
            ("dynamodb:PutItem", "ledger"),
            ("dynamodb:Query", "ledger"),
            ("dynamodb:BatchWriteItem", "ledger"),
            ("dynamodb:Query", "counters"),
            ("dynamodb:GetItem", "campaigns"),
            ("dynamodb:PutItem", "campaigns"),
            ("dynamodb:Query", "campaigns"),
            ("ssm:PutParameter", DEVICE_KEYS),
        }
    ),
    "sweep": frozenset({("dynamodb:Query", DUE), ("dynamodb:DeleteItem", "windows")}),
    "ledger": frozenset(
        {
            ("dynamodb:ConditionCheckItem", "ledger"),
            ("dynamodb:PutItem", "ledger"),
            ("dynamodb:GetItem", "ledger"),
            ("dynamodb:Query", "ledger"),
            ("dynamodb:BatchWriteItem", "ledger"),
            ("dynamodb:UpdateItem", "counters"),
            ("events:PutEvents", BUS),
        }
    ),
}
"""By function. What Lambda does by itself with a function's role is not among it."""

_TESTS = f"{Path(__file__).parent}/"
_FUNCTIONS = Path(__file__).parents[1] / "functions"
_CODE = {name: f"{_FUNCTIONS / name}/" for name in RIGHTS}
_TABLES = {
    name: variable.removeprefix("SOFTASK_").removesuffix("_TABLE").lower()
    for variable, name in NAMES.items()
}


class Watch:
    """`used`: what each function asked for so far."""

    def __init__(self) -> None:
        self.used: defaultdict[str, set[Right]] = defaultdict(set)

    def see(self, operation: OperationModel, request: Mapping[str, Any]) -> None:
        """One call, whoever makes it: a test's own look at a table is no function's."""
        if function := _asking():
            service = operation.service_model.service_name
            self.used[function].update(of(service, operation.name, json.loads(request["body"])))

    def too_much(self) -> dict[str, set[Right]]:
        """What no role allows, by function."""
        return {
            function: beyond
            for function, used in self.used.items()
            if (beyond := used - RIGHTS[function])
        }


def _asking() -> str | None:
    """The function of whose code the call comes: the outermost on this thread's stack, which is
    Lambda's entry point or what a test calls in its place.

    A test that acts in the middle of a function's call is a beginning of its own.
    """
    found, frame = None, sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment] # ends with None
        file = frame.f_code.co_filename
        if file.startswith(_TESTS) and file != __file__:
            break
        found = next((name for name, code in _CODE.items() if file.startswith(code)), found)
    return found


def of(service: str, operation: str, asked: Mapping[str, Any]) -> Iterator[Right]:
    """What IAM asks for: a transaction is authorised through the actions it is made of."""
    match service:
        case "dynamodb":
            yield from _of_tables(operation, asked)
        case "events":
            yield from ((f"events:{operation}", BUS) for _ in asked["Entries"])
        case "ssm" if "/device-keys/" in asked.get("Name", ""):
            yield f"ssm:{operation}", DEVICE_KEYS
        case _:
            yield f"{service}:{operation}", json.dumps(asked)


def _of_tables(operation: str, asked: Mapping[str, Any]) -> Iterator[Right]:
    for part in asked.get("TransactItems", ()):
        for kind, item in part.items():
            # `ConditionCheck`, `Delete`, `Get`, `Put`, `Update`.
            yield f"dynamodb:{kind}Item", _table(item)
    for name in asked.get("RequestItems", ()):
        yield f"dynamodb:{operation}", _TABLES.get(name, name)
    if "TableName" in asked:
        yield f"dynamodb:{operation}", _table(asked)


def _table(asked: Mapping[str, Any]) -> str:
    name = _TABLES.get(asked["TableName"], asked["TableName"])
    return f"{name}/index/{asked['IndexName']}" if "IndexName" in asked else name


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Fails the test whose functions ask for more than `RIGHTS`, even where they hide the fault."""
    seen, send = Watch(), Endpoint.make_request

    def make_request(self: Endpoint, operation: OperationModel, request: dict[str, Any]) -> Any:
        seen.see(operation, request)
        return send(self, operation, request)

    monkeypatch.setattr(Endpoint, "make_request", make_request)
    yield seen
    assert seen.too_much() == {}
