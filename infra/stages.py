"""The stages of a deployment, as typed values read from CDK context (`cdk.json` and `-c`)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from functions.track.routes import ORIGIN

ROOT = Path(__file__).resolve().parent.parent

Count = Annotated[int, msgspec.Meta(ge=1)]
KeyHash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Origin = Annotated[str, msgspec.Meta(pattern=ORIGIN)]
Email = Annotated[str, msgspec.Meta(pattern=r"^(?:[^@\s]+@[^@\s]+)?$")]
Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,15}$")]
Architecture = Literal["arm64", "x86_64"]


class StageError(ValueError):
    """The CDK context does not describe a stage; the message names the place."""


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What differs between deployments.

    `keep_data`: tables resist deletion, and what holds data outlives the stack.
    `snap_start`: `track` restores from a snapshot; costs per published version.
    `throttle_rate`, `throttle_burst`: requests a second, and at once, that the API lets through.
    `write_key_hashes`: SHA-256 in hex of each accepted write key; none: every call is refused.
    `allow_origins`: whose pages may call the API from a browser (`https://app.example.com`).
    `event_archive`: the bus keeps its events for 14 days, to be replayed.
    `alarm_email`: whom alarms write to, once the address has agreed; empty: nobody.
    `architecture`: arm64, unless an emulator on another machine is to run the functions.
    """

    name: Name
    keep_data: bool
    snap_start: bool
    log_retention: Literal["ONE_WEEK", "ONE_MONTH", "THREE_MONTHS", "SIX_MONTHS", "ONE_YEAR"]
    log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"]
    throttle_rate: Count
    throttle_burst: Count
    write_key_hashes: tuple[KeyHash, ...] = ()
    allow_origins: tuple[Origin, ...] = ()
    event_archive: bool = False
    alarm_email: Email = ""
    architecture: Architecture = "arm64"


_SETTINGS = {field.encode_name for field in msgspec.structs.fields(Stage)} - {"name"}
_LISTS = ("writeKeyHashes", "allowOrigins")
"""Settings that `-c` can only give as text, separated by commas."""


def project_context() -> dict[str, object]:
    """The context of the project's own `cdk.json`, for a synthesis without the CDK CLI."""
    content = json.loads((ROOT / "cdk.json").read_bytes())
    return msgspec.convert(content["context"], dict[str, object])


def read_stage(context: Mapping[str, object]) -> Stage:
    """The stage that `-c stage=…` names (dev by default), with its settings from `stages`.

    Any setting may be replaced for one run: `-c snapStart=false`, `-c writeKeyHashes=<hex>,<hex>`.
    Raises StageError for an unknown stage, setting or value. Keys that are no identifiers
    (`@aws-cdk/…`, `aws:cdk:…`, `cli-telemetry`) are CDK's own.
    """
    own = {key: value for key, value in context.items() if key.isidentifier()}
    stages = own.pop("stages", {})
    name = own.pop("stage", "dev")
    if not isinstance(stages, Mapping) or name not in stages:
        declared = ", ".join(stages) if isinstance(stages, Mapping) else "none"
        raise StageError(f'-c stage={name}: unknown stage; "stages" in cdk.json has: {declared}')
    settings = stages[name]
    if not isinstance(settings, Mapping) or "name" in settings:
        raise StageError(f"cdk.json: context.stages.{name}: expected settings, without a name")
    declared_stage = _convert({**settings, "name": name}, f"cdk.json: context.stages.{name}")
    return _override(declared_stage, own)


def _override(stage: Stage, overrides: Mapping[str, object]) -> Stage:
    if unknown := sorted(set(overrides) - _SETTINGS):
        known = ", ".join(sorted(_SETTINGS))
        raise StageError(f"context key {unknown[0]!r} (-c or ~/.cdk.json): unknown; use: {known}")
    settings = {**msgspec.to_builtins(stage), **overrides}
    for name in _LISTS:
        if isinstance(text := settings[name], str):
            settings[name] = [part.strip() for part in text.split(",") if part.strip()]
    return _convert(settings, "-c")


def _convert(settings: object, place: str) -> Stage:
    try:
        return msgspec.convert(settings, Stage, strict=False)
    except msgspec.ValidationError as error:
        raise StageError(f"{place}: {error}") from error
