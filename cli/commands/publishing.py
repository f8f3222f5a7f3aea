"""From a file to what is live: checked, compared, shown, sent, and refused by file and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cli.campaigns import CampaignFileError, read_campaign, read_settings, refused_at
from cli.canonical import canonical, canonical_campaign, canonical_settings, differences
from cli.commands.target import because, fail
from cli.remote import Refused, Remote, path_of
from cli.render import printable, put_diff
from functions.core.campaign import CampaignFile, SettingsFile, parse_settings
from functions.core.errors import CampaignError

Json = dict[str, Any]


class Stopped(Exception):
    """A file that was not published; the message says why."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the operator wants it: `ask` is whether to show the difference and ask first."""

    reason: str | None
    expect: int | None = None
    check: bool = False
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server has of a campaign; `newest` counts drafts in and is None if it has none."""

    newest: int | None = None
    live: Json | None = None
    draft: Json | None = None


# --- campaigns ---


def publish_campaigns(remote: Remote, paths: Sequence[Path], wishes: Wishes) -> None:
    """Each in turn, once all are valid; ends the command at the first that is refused."""
    settings = live_settings(remote)
    files = _read_all(paths, settings)
    for done, (path, file) in enumerate(files):
        try:
            _publish(remote, path, file, wishes)
        except (Refused, Stopped) as error:
            told = str(_placed(error, path, "campaign") if isinstance(error, Refused) else error)
            fail("\n".join([told, *_left(paths, done)]))


def standing(remote: Remote, campaign: str) -> Standing:
    """Read from the server."""
    shown = found(remote, path_of("campaigns", campaign))
    if shown is None:
        return Standing()
    versions = remote.get(path_of("campaigns", campaign, "versions"))["versions"]
    draft = shown.get("draft")
    stored = [version["version"] for version in versions]
    return Standing(
        newest=max([shown["version"], *stored, *([draft] if draft else [])]),
        live=shown if shown["isLive"] else None,
        draft=remote.get(path_of("campaigns", campaign), version=draft) if draft else None,
    )


def found(remote: Remote, path: str) -> Json | None:
    """What is there; None where Softask says that nothing is."""
    try:
        return remote.get(path)
    except Refused as error:
        if error.code != "not_found":
            raise
        return None


def _read_all(paths: Sequence[Path], settings: SettingsFile) -> list[tuple[Path, CampaignFile]]:
    files, problems = [], []
    for path in paths:
        try:
            files.append((path, read_campaign(path, settings)))
        except CampaignFileError as error:
            problems.append(str(error))
    if problems:
        fail("\n".join([*problems, "Nothing was published."]))
    return files


def _publish(remote: Remote, path: Path, file: CampaignFile, wishes: Wishes) -> None:
    have = standing(remote, file.id)
    over = have.draft if file.status == "draft" else have.live
    if over is not None and canonical_campaign(over["campaign"]) == canonical(file):
        told = f"unchanged (version {over['version']}, {over['status']})"
        typer.echo(f"{file.id}: {told} {at(remote)}")
        return
    if wishes.ask and have.live is not None and file.status != "draft":
        _ask(file.id, canonical_campaign(have.live["campaign"]), canonical(file), str(path))
    expected = have.newest if wishes.expect is None else wishes.expect
    body = {"campaign": canonical(file), "expectedVersion": expected, **because(wishes.reason)}
    answer = remote.put(path_of("campaigns", file.id), body | _checking(wishes))
    before = "new" if expected is None else f"version {expected}"
    only = "; checked only, nothing was stored" if wishes.check else ""
    told = f"{before} → {answer['version']} ({answer['status']})"
    typer.echo(f"{file.id}: {told} {at(remote)}{only}")
    warn(file.id, answer)


def _checking(wishes: Wishes) -> Json:
    return {"check": True} if wishes.check else {}


def _left(paths: Sequence[Path], done: int) -> list[str]:
    if len(paths) == 1:
        return []
    left = ", ".join(map(str, paths[done:]))
    return [f"Stopped: {done} of {len(paths)} files done, not {left}."]


# --- settings ---


def live_settings(remote: Remote) -> SettingsFile:
    """Those that the server applies, to check files against."""
    try:
        return parse_settings(remote.get(path_of("settings"))["settings"])
    except CampaignError as error:
        fail(f"The server's settings are not of this version of softask: {error}")


def publish_settings(remote: Remote, path: Path, wishes: Wishes) -> None:
    """The file in place of the server's settings."""
    try:
        wanted = canonical(read_settings(path))
    except CampaignFileError as error:
        fail(f"{error}\nNothing was published.")
    have = remote.get(path_of("settings"))
    current = canonical_settings(have["settings"])
    if current == wanted:
        typer.echo(f"settings: unchanged (revision {have['revision']}) {at(remote)}")
        return
    try:
        if wishes.ask:
            _ask("settings", current, wanted, str(path))
        answer = put_settings(remote, have, wanted, wishes.reason)
    except (Refused, Stopped) as error:
        fail(str(_placed(error, path, "settings") if isinstance(error, Refused) else error))
    typer.echo(f"settings: revision {have['revision']} → {answer['revision']} {at(remote)}")
    warn("settings", answer)


def put_settings(remote: Remote, have: Json, wanted: Json, reason: str | None) -> Json:
    """Replaces exactly those settings that were read."""
    body = {"settings": wanted, "expectedRevision": have["revision"], **because(reason)}
    return remote.put(path_of("settings"), body)


# --- both ---


def at(remote: Remote) -> str:
    """Which server it was: who forgot --url would else take a dev server's answer for a stage's."""
    return f"at {printable(remote.url)}"


def warn(what: str, answer: Json) -> None:
    """Prints what is allowed and probably not meant."""
    for warning in answer.get("warnings", ()):
        typer.echo(f"{what}: warning: {warning}", err=True)


def _ask(what: str, before: Json, after: Json, new: str) -> None:
    put_diff(differences(before, after, f"{what} (live)", new))
    if not typer.confirm(f"Publish {what}?"):
        raise Stopped(f"{what}: not published.")


def _placed(error: Refused, path: Path, root: str) -> Exception:
    """A refusal of what stands in the file names its line; any other stays what it is."""
    field = error.field or ""
    if error.status != 400 or not (field + ".").startswith(f"{root}."):
        return error
    return refused_at(path, field.removeprefix(root).removeprefix("."), error.message)
