"""Campaign files: YAML on the operator's side, JSON for the functions.

Errors name the file, the line and the place within it, so that an editor can jump there.
"""

import inspect
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from functions.core.campaign import (
    CampaignFile,
    Package,
    Published,
    SettingsFile,
    parse_campaign,
    parse_settings,
)
from functions.core.compiling import compile_campaign
from functions.core.errors import CampaignError, spell

SETTINGS = "settings.yaml"

Place = tuple[str | int, ...]

_HINTS = (
    ("'\\t'", "indent with spaces"),
    ("mapping values are not allowed", "quote a text that has a colon: 'Reminders: get them'"),
    ("expected <block end>", "check the indentation, and quote a text that begins with { or ["),
    ("another document", "a file holds one campaign"),
)

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class CampaignFileError(ValueError):
    """A campaign or settings file that cannot be used: `file:line: place: problem`."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans and no timestamps: `on`, `no` and dates stay the text they are.

    A key that stands twice in one mapping is an error, where PyYAML keeps the last; so is one
    that is left empty, as an audience whose conditions were all commented out.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML reads it as a class attribute
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(key, "a key must be plain text")
            if key.value in seen:
                raise _refused(key, f"key {key.value!r} stands twice")
            if value.tag == "tag:yaml.org,2002:null" and value.value == "":
                raise _refused(key, f"key {key.value!r} says nothing; fill it in or leave it out")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:true|false)$"),
    list("tf"),
)


def read_package(folder: Path) -> Package:
    """Every campaign in a folder with its settings, strictly checked; else `CampaignFileError`."""
    files = sorted(path for path in folder.glob("*.yaml") if path.name != SETTINGS)
    return read_files(files, folder / SETTINGS)


def read_files(files: Sequence[Path], settings: Path) -> Package:
    """These campaigns with these settings, strictly checked; else `CampaignFileError`."""
    shared = read_settings(settings)
    campaigns = tuple(read_campaign(path, shared) for path in files)
    _check_unique(files, campaigns)
    return Package(shared, campaigns)


def compile_folder(folder: Path) -> bytes:
    """The folder's campaigns as the JSON that ships with the functions, as version 0."""
    return msgspec.json.format(msgspec.json.encode(read_package(folder)), indent=1)


def campaign_schema() -> bytes:
    """The JSON Schema of a campaign file, for editors (`docs/campaign.schema.json`)."""
    return _schema("Softask campaign", CampaignFile)


def settings_schema() -> bytes:
    """The JSON Schema of the settings file, for editors (`docs/settings.schema.json`)."""
    return _schema("Softask settings", SettingsFile)


def _schema(title: str, kind: type[msgspec.Struct]) -> bytes:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_unindented(msgspec.json.schema(kind)),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _unindented(schema: dict[str, Any]) -> dict[str, Any]:
    """Descriptions without their indentation, which Python 3.13 drops and earlier ones keep."""
    for definition in schema["$defs"].values():
        definition["description"] = inspect.cleandoc(definition["description"])
    return schema


def read_settings(path: Path) -> SettingsFile:
    """The settings that hold across campaigns; else `CampaignFileError`."""
    text, data = _load(path)
    try:
        return parse_settings(data)
    except CampaignError as error:
        raise _located(path, text, error) from None


def read_campaign(path: Path, settings: SettingsFile) -> CampaignFile:
    """One campaign file, parsed and compiled once to check it; else `CampaignFileError`."""
    text, data = _load(path)
    try:
        campaign = parse_campaign(data)
        compile_campaign(Published(campaign), settings)
    except CampaignError as error:
        raise _located(path, text, error) from None
    return campaign


def refused_at(path: Path, spelled: str, problem: str) -> CampaignFileError:
    """A server's refusal of the file, whose place is spelled as in `trigger.any[0].event`."""
    text, _ = _load(path)
    place = tuple(int(step[1]) if step[1] else step[2] for step in _STEP.finditer(spelled))
    return _located(path, text, CampaignError(place, problem))


def read_yaml(text: str) -> Any:
    """YAML as campaign files are read; else `yaml.YAMLError`."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with fewer types


def _load(path: Path) -> tuple[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, read_yaml(text)
    except OSError as error:
        raise CampaignFileError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CampaignFileError(f"{path}: not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CampaignFileError(f"{path}:{line}: {error.problem}{_hint(error)}") from None
    except yaml.YAMLError as error:
        raise CampaignFileError(f"{path}: {error}") from None


def _hint(error: yaml.MarkedYAMLError) -> str:
    """How the usual slips are mended, whose YAML problem says little."""
    said = next((hint for part, hint in _HINTS if part in (error.problem or "")), None)
    return f"; {said}" if said else ""


def _refused(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _check_unique(files: Sequence[Path], campaigns: tuple[CampaignFile, ...]) -> None:
    homes: dict[str, Path] = {}
    for path, campaign in zip(files, campaigns, strict=True):
        if campaign.id in homes:
            problem = f"id: {campaign.id!r} is also the id of {homes[campaign.id]}"
            raise CampaignFileError(f"{path}:1: {problem}")
        homes[campaign.id] = path


def _located(path: Path, text: str, error: CampaignError) -> CampaignFileError:
    line = _line_of(yaml.compose(text, _Loader), error.place)
    place = f"{spell(error.place)}: " if error.place else ""
    return CampaignFileError(f"{path}:{line}: {place}{error.problem}")


def _line_of(node: yaml.Node | None, place: Place) -> int:
    """The line of the place, or of the nearest thing around it that the file does say."""
    line = 1
    for step in place:
        found = _step_into(node, step)
        if found is None:
            return line
        line, node = found
    return line


def _step_into(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child.start_mark.line + 1, child
    return None
