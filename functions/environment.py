"""What a function is told by its environment, as one typed value."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PREFIX = "SOFTASK_"

Auth = Literal["off", "observe", "enforce"]
"""What a stage makes of the tokens that prove who speaks.

off: they are not looked at.
observe: they are verified, and nobody is refused; what would be, is told. Nothing counts as
proven by them: a token of an install is given to whoever asks for one, and merges are let through.
enforce: whoever proves nothing is refused.
"""


HostName = Annotated[
    str, Meta(max_length=253, pattern=r"^(?:(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,63})?$(?!\n)")
]
"""`push.example.com`, without a scheme, a port or a path; or empty."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Names of tables and the like. Each function is given only what it uses; the rest is empty.

    salt: goes into every hashed key; no secret, but it must stay the same for a table's life.
    event_bus: where the ledger tells of what it recorded; empty: nowhere.
    write_key_hashes: SHA-256, in hexadecimal, of the write keys while no `LIVE` item names any.
    auth: see `Auth`.
    public_host: by which name the app calls, where it is not the API's own; a CDN's.
    device_keys: what the names of the SSM parameters with the device keys' private halves begin
    with; the key's id follows.
    """

    stage: str = "dev"
    salt: str = ""
    profiles_table: str = ""
    windows_table: str = ""
    campaigns_table: str = ""
    ledger_table: str = ""
    counters_table: str = ""
    event_bus: str = ""
    write_key_hashes: tuple[str, ...] = ()
    auth: Auth = "off"
    public_host: HostName = ""
    device_keys: str = ""


def read_environment(variables: Mapping[str, str] = os.environ) -> Environment:
    """`SOFTASK_PROFILES_TABLE` and its kin; hashes are separated by commas."""
    told = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX)
    }
    hashes = told.pop("write_key_hashes", "")
    fields = {"write_key_hashes": [each.strip() for each in hashes.split(",") if each.strip()]}
    return msgspec.convert({**told, **fields}, Environment)
