"""The private halves of the device keys: SecureString parameters of SSM, and nowhere else."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, Protocol

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from functions.core.model import SECOND
from functions.store.connection import Connection, Unavailable

PrivateKey = Mapping[str, str]
"""A JWK of ES256 with its private part `d`."""

_CONFIG = Config(
    connect_timeout=Connection.connect_timeout_seconds,
    read_timeout=Connection.read_timeout_seconds,
    retries={"total_max_attempts": 1 + Connection.max_retry_attempts},
)
_PASSING = {"InternalServerError", "ThrottlingException", "TooManyUpdates"}


ASK_AGAIN = 10 * SECOND
"""So long a half that could not be read is not asked for: longer than the SDK itself tries."""


class NotHeld(Unavailable):
    """The store answered, but not with that half: it is gone, or may not be read."""


class DeviceKeys(Protocol):
    """Private halves by their key's id. Both raise `Unavailable` where there is no answer."""

    def get(self, id_: str, now: int) -> PrivateKey:
        """The half that was put there; raises `NotHeld`."""

    def put(self, id_: str, private: PrivateKey) -> None:
        """Keeps a new key's half; an id is used once."""


class Parameters:
    """`prefix`: `/softask/<stage>/device-keys/`, which the key's id follows.

    What was read is kept: a key never changes. What could not be read is told once, and asked for
    after a while: whoever has the app may ask for tokens. The client is made when it is needed.

    on_unread(id, error): hears of every read that failed.
    """

    def __init__(
        self, prefix: str, on_unread: Callable[[str, Unavailable], None] = lambda *_: None
    ) -> None:
        self._prefix = prefix
        self._on_unread = on_unread
        self._known: dict[str, PrivateKey] = {}
        self._failed: dict[str, tuple[int, type[Unavailable]]] = {}

    def get(self, id_: str, now: int) -> PrivateKey:
        """One read a key and process."""
        if id_ in self._known:
            return self._known[id_]
        if id_ in self._failed:
            failed_at, kind = self._failed[id_]
            if failed_at <= now < failed_at + ASK_AGAIN:
                raise kind(f"{id_} could not be read a moment ago")
        try:
            self._known[id_] = self._read(id_)
        except Unavailable as error:
            self._failed[id_] = now, type(error)
            self._on_unread(id_, error)
            raise
        return self._known[id_]

    def _read(self, id_: str) -> PrivateKey:
        try:
            told = self._client.get_parameter(Name=self._prefix + id_, WithDecryption=True)
            return msgspec.json.decode(told["Parameter"]["Value"], type=dict[str, str])
        except (ClientError, msgspec.DecodeError) as error:
            raise NotHeld(id_) from error
        except BotoCoreError as error:
            raise Unavailable(id_) from error

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
