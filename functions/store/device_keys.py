"""The private halves of the device keys: SecureString parameters of SSM, and nowhere else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, Protocol

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from functions.store.connection import Connection, Unavailable

PrivateKey = Mapping[str, str]
"""A JWK of ES256 with its private part `d`."""

_CONFIG = Config(
    connect_timeout=Connection.connect_timeout_seconds,
    read_timeout=Connection.read_timeout_seconds,
    retries={"total_max_attempts": 1 + Connection.max_retry_attempts},
)
_PASSING = {"InternalServerError", "ThrottlingException", "TooManyUpdates"}


class DeviceKeys(Protocol):
    """Private halves by their key's id. Both raise `Unavailable` for a passing fault."""

    def get(self, id_: str) -> PrivateKey:
        """The half that was put there."""

    def put(self, id_: str, private: PrivateKey) -> None:
        """Keeps a new key's half; an id is used once."""


class Parameters:
    """`prefix`: `/softask/<stage>/device-keys/`, which the key's id follows.

    What was read is kept: a key never changes. The client is made when it is first needed.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._known: dict[str, PrivateKey] = {}

    def get(self, id_: str) -> PrivateKey:
        """One read a key and process."""
        if id_ not in self._known:
            with _translated_errors():
                told = self._client.get_parameter(Name=self._prefix + id_, WithDecryption=True)
            value = told["Parameter"]["Value"]
            self._known[id_] = msgspec.json.decode(value, type=dict[str, str])
        return self._known[id_]

    def put(self, id_: str, private: PrivateKey) -> None:
        """Never over another: what is there under a key's id is this half, sent a second time."""
        value = msgspec.json.encode(private).decode()
        exists = self._client.exceptions.ParameterAlreadyExists
        with _translated_errors(), suppress(exists):
            self._client.put_parameter(
                Name=self._prefix + id_, Value=value, Type="SecureString", Overwrite=False
            )

    @cached_property
    def _client(self) -> Any:
        return get_session().create_client("ssm", config=_CONFIG)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _PASSING:
            raise Unavailable from error
        raise
    except BotoCoreError as error:
        raise Unavailable from error
