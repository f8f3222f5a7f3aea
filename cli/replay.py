"""Records that the ledger could not take: from the bucket that keeps them, to the ledger again.

Lambda writes an object for each batch that it gave up: what it knows of the failure, and under
`payload` the whole event. An object goes once the function took all that it holds, so whoever is
killed on the way has lost nothing, and what is told twice is counted once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError

_PATIENT = Config(connect_timeout=5, read_timeout=90)
"""The function may take a minute; a call that was given up would run beside the next."""


class Left(Exception):
    """An object that stays in the bucket; the message says why."""


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    function_arn: str


class _Invocation(msgspec.Struct, frozen=True, rename="camel"):
    """As Lambda writes it; `payload` as JSON or as a text that holds JSON."""

    request_context: _Context
    payload: msgspec.Raw


class _Event(msgspec.Struct, frozen=True, rename={"records": "Records"}):
    records: tuple[msgspec.Raw, ...]


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    batch_item_failures: tuple[msgspec.Raw, ...]


class _Fault(msgspec.Struct, frozen=True, rename="camel"):
    error_type: str
    error_message: str


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """An object of the bucket. The oldest sorts first; `size` in bytes."""

    at: datetime
    key: str
    size: int


class Replay:
    """One bucket's records, and the function that takes them again. Raises what boto3 raises."""

    def __init__(self, bucket: str, function: str, session: boto3.Session) -> None:
        self._bucket = bucket
        self._function = function
        self._s3: Any = session.client("s3")
        self._lambda: Any = session.client("lambda", config=_PATIENT)

    def kept(self) -> list[Kept]:
        """All that lies in the bucket, oldest first."""
        return sorted(self._listed())

    def take(self, kept: Kept) -> int:
        """Feeds the object's records to the function, deletes it, and returns how many they were.

        0 where it is gone already. Raises `Left` where the function did not take all of them, or
        is not the one that failed at them: another stage's would count them as its own.
        """
        body = self._read(kept.key)
        if body is None:
            return 0
        payload, count = _payload(body, self._function)
        answer = self._lambda.invoke(
            FunctionName=self._function, InvocationType="RequestResponse", Payload=payload
        )
        _check(answer["Payload"].read(), count, failed="FunctionError" in answer)
        self._s3.delete_object(Bucket=self._bucket, Key=kept.key)
        return count

    def _listed(self) -> Iterator[Kept]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        for page in pages:
            for found in page.get("Contents", ()):
                yield Kept(found["LastModified"], found["Key"], found["Size"])

    def _read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return body


def _payload(body: bytes, function: str) -> tuple[bytes, int]:
    """The event in an invocation record, byte for byte, and how many records it holds."""
    try:
        invocation = msgspec.json.decode(body, type=_Invocation)
        payload = bytes(invocation.payload)
        if payload.startswith(b'"'):
            payload = msgspec.json.decode(payload, type=str).encode()
        count = len(msgspec.json.decode(payload, type=_Event).records)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Left("it is not what Lambda keeps of a failed invocation") from None
    failed = _name(invocation.request_context.function_arn)
    if failed != _name(function):
        raise Left(f"it is of {failed}, which is another function")
    return payload, count


def _name(function: str) -> str:
    """Of `name`, `name:alias` or an ARN, which may end with an alias, too."""
    parts = function.split(":")
    return parts[6] if function.startswith("arn:") and len(parts) > 6 else parts[0]


def _check(answer: bytes, count: int, *, failed: bool) -> None:
    if failed:
        raise Left(f"the function failed{_fault(answer)}")
    try:
        failures = msgspec.json.decode(answer, type=_Answer).batch_item_failures
    except msgspec.DecodeError:
        raise Left("that function is not the ledger: its answer says nothing of records") from None
    if failures:
        raise Left(f"{len(failures)} of its {count} records failed again; the log says why")


def _fault(answer: bytes) -> str:
    try:
        fault = msgspec.json.decode(answer, type=_Fault)
    except msgspec.DecodeError:
        return ""
    return f": {fault.error_type}: {fault.error_message}"
