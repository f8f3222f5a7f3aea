"""The stages of a deployment, as typed values read from CDK context (`cdk.json` and `-c`)."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from functions.environment import Auth, HostName
from functions.track.routes import ORIGIN
from functions.wire.keys import OF_NOTHING

ROOT = Path(__file__).resolve().parent.parent

HOST_SAYS = "a host name such as push.example.com, without https:// and without a path"
_NAME = "[a-z][a-z0-9-]{0,15}"

_MOST = 1_000_000
Count = Annotated[int, Meta(ge=1, le=_MOST, description=f"a whole number from 1 to {_MOST:,}")]
KeyHash = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}\Z",
        description="the SHA-256 of a write key in 64 digits, as `printf %s KEY | sha256sum` prints"
        " it; or leave it out, and run `softask keys create write`",
    ),
]
Origin = Annotated[
    str, Meta(pattern=ORIGIN, description="an origin such as https://app.example.com, or *")
]
Email = Annotated[
    str,
    Meta(pattern=r"^(?:[^@\s]+@[^@\s]+)?\Z", description="an address such as ops@example.com"),
]
Host = Annotated[HostName, Meta(description=HOST_SAYS)]
Certificate = Annotated[
    str,
    Meta(pattern=r"^(?:arn:[a-z-]+:acm:[^\s]+)?\Z", description="the ARN of a certificate of ACM"),
]
HostedZone = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]*\Z", description="the id of a zone in Route 53, such as Z0123456789ABC"
    ),
]
Salt = Annotated[
    str,
    Meta(
        pattern=rf"^(?:{_NAME}/\d{{12}}/[a-z]+(?:-[a-z0-9]+)+)?\Z",
        description="the salt that the tables' keys were made with, which is stage/account/region"
        " of their first deployment: prod/123456789012/eu-west-1",
    ),
]
Name = Annotated[
    str,
    Meta(
        pattern=rf"^{_NAME}\Z",
        description="a small letter, then at most 15 small letters, digits and dashes",
    ),
]
Architecture = Literal["arm64", "x86_64"]


class StageError(ValueError):
    """The settings do not describe a stage; the message names the place."""


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What differs between deployments. What is left out is as a production of its own needs it.

    `name`: one deployment each in an account and region; a part of every hashed key.
    `keep_data`: tables resist deletion, and what holds data outlives the stack.
    `backups`: AWS Backup keeps a copy of every table each day, for 35 days.
    `customer_key`: a KMS key of the stack's own for tables, logs, queue, bucket and topic.
    `salt`: of tables that come from another stage, account or region; empty: of this deployment.
    With another one, all tables seem empty.
    `snap_start`: `track` restores from a snapshot; costs per published version.
    `canary`: CodeDeploy gives new code a tenth of the calls first, and takes it back on an alarm.
    `reserved_concurrency`: as many runs of `track` at once, and no more; None: the account's limit.
    `throttle_rate`, `throttle_burst`: requests a second, and at once, that a route lets through.
    `auth`: whether users' tokens are looked at (`observe`: nobody is refused), and asked for.
    `write_key_hashes`: SHA-256 in hex of each write key that holds while none was made live.
    `allow_origins`: whose pages may call the API from a browser (`https://app.example.com`).
    `domain_name`, `certificate_arn`: the API's own name, and its certificate in the same region.
    `public_host`: whom apps shall call, where that is not the host that they reached; of a
    CloudFront in front.
    `hosted_zone_id`: of Route 53, where that name is to be written; empty: it is written elsewhere.
    `default_endpoint`: whether the API also answers under the name that AWS gave it.
    `tracing`: functions send their times to X-Ray; costs more than the tables of a small stage.
    `event_archive`: the bus keeps its events for 14 days, to be replayed.
    `alarm_email`: whom alarms write to, once the address has agreed; empty: nobody.
    `monthly_budget`: in dollars, of the whole account; AWS writes to `alarm_email` at 80 %, and
    when 100 % is reached or foreseen.
    `architecture`: arm64, unless an emulator on another machine is to run the functions.
    """

    name: Name
    keep_data: bool = True
    backups: bool = False
    customer_key: bool = False
    salt: Salt = ""
    snap_start: bool = False
    canary: bool = False
    reserved_concurrency: Count | None = None
    log_retention: Literal["ONE_WEEK", "ONE_MONTH", "THREE_MONTHS", "SIX_MONTHS", "ONE_YEAR"] = (
        "THREE_MONTHS"
    )
    log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO"
    throttle_rate: Count = 1000
    throttle_burst: Count = 2000
    auth: Auth = "enforce"
    write_key_hashes: tuple[KeyHash, ...] = ()
    allow_origins: tuple[Origin, ...] = ()
    domain_name: Host = ""
    certificate_arn: Certificate = ""
    hosted_zone_id: HostedZone = ""
    default_endpoint: bool = True
    public_host: Host = ""
    tracing: bool = False
    event_archive: bool = False
    alarm_email: Email = ""
    monthly_budget: Count | None = None
    architecture: Architecture = "arm64"

    def __post_init__(self) -> None:
        if bool(self.domain_name) != bool(self.certificate_arn):
            raise StageError("domainName and certificateArn go together")
        if self.hosted_zone_id and not self.domain_name:
            raise StageError("hostedZoneId needs domainName")
        if not self.default_endpoint and not self.domain_name:
            raise StageError("defaultEndpoint=false needs domainName: nothing else would answer")
        if self.monthly_budget is not None and not self.alarm_email:
            raise StageError("monthlyBudget needs alarmEmail: nobody else would be told")
        if not OF_NOTHING.isdisjoint(self.write_key_hashes):
            raise StageError(
                "writeKeyHashes has the hash of nothing, which an empty key would open: is the "
                "variable that it was made of set?"
            )

    @property
    def device_keys(self) -> str:
        """Where SSM holds the private halves of the keys that sign devices' tokens."""
        return f"/softask/{self.name}/device-keys/"


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
    place = f"cdk.json: context.stages.{name}"
    _check_known(settings, f"{place}: setting")
    return _override(_convert({**settings, "name": name}, place), own)


def checked(stage: Stage) -> Stage:
    """The same stage; raises StageError for one that was built in Python from wrong values."""
    return _convert(msgspec.to_builtins(stage), "Stage")


def _override(stage: Stage, overrides: Mapping[str, object]) -> Stage:
    _check_known(overrides, "-c or ~/.cdk.json: context key")
    settings = {**msgspec.to_builtins(stage), **overrides}
    for name in _LISTS:
        if isinstance(text := settings[name], str):
            settings[name] = [part.strip() for part in text.split(",") if part.strip()]
    return _convert(settings, "-c")


def _check_known(settings: Mapping[str, object], place: str) -> None:
    if unknown := sorted(set(settings) - _SETTINGS):
        known = ", ".join(sorted(_SETTINGS))
        raise StageError(f"{place} {unknown[0]!r}: unknown; use: {known}")


def _convert(settings: object, place: str) -> Stage:
    try:
        return msgspec.convert(settings, Stage, strict=False)
    except msgspec.ValidationError as error:
        raise StageError(f"{place}: {_explained(str(error))}") from error


def _explained(problem: str) -> str:
    """What the setting takes, in place of what was wrong with it: that may hold a secret."""
    found = re.search(r" - at `\$\.(\w+)(\S*)`$", problem)
    if found is None:
        return problem
    name, index = found.groups()
    hints = get_type_hints(Stage, include_extras=True)
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(Stage)}
    return f"{name}{index} takes {_words(hints[fields[name]])}"


def _words(hint: Any) -> str:
    """What a type lets through, which is said in its `Meta` or plain from it."""
    if hint is bool:
        return "true or false"
    parts = get_args(hint)
    if get_origin(hint) is Annotated:
        return str(parts[-1].description)
    if get_origin(hint) is Literal:
        return f"{', '.join(parts[:-1])} or {parts[-1]}"
    return _words(parts[0])
