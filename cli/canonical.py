"""A campaign or settings file in one form, so that two of them differ only where they mean to."""

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from functions.core.campaign import CampaignFile, SettingsFile, parse_campaign, parse_settings
from functions.core.errors import CampaignError

Json = dict[str, Any]

_ONE_LINE = 1_000_000


def canonical(file: CampaignFile | SettingsFile) -> Json:
    """What the file says beyond the defaults, in the order of its types."""
    plain: Json = _plain(file)
    return plain


def canonical_campaign(data: Json) -> Json:
    """The same of a stored campaign; as it stands if it is older or newer than these types."""
    try:
        return canonical(parse_campaign(data))
    except CampaignError:
        return data


def canonical_settings(data: Json) -> Json:
    """The same of stored settings."""
    try:
        return canonical(parse_settings(data))
    except CampaignError:
        return data


def to_yaml(data: Json) -> str:
    """As a file; every text stands in one line, so that a diff shows it whole."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=_ONE_LINE)


def differences(before: Json, after: Json, old: str, new: str) -> list[str]:
    """The lines of a unified diff of both files, named `old` and `new`; none where they agree."""
    lines, others = (to_yaml(data).splitlines() for data in (before, after))
    return list(difflib.unified_diff(lines, others, old, new, lineterm=""))


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        said = ((field, getattr(value, field.name)) for field in _fields(type(value)))
        return {field.encode_name: _plain(own) for field, own in said if own != _default(field)}
    if isinstance(value, Mapping):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(own) for own in value]
    return value


def _fields(kind: type[msgspec.Struct]) -> list[msgspec.structs.FieldInfo]:
    """Its own before those that it shares: a condition's subject before its operators."""
    own = kind.__annotations__
    return sorted(msgspec.structs.fields(kind), key=lambda field: field.name not in own)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
