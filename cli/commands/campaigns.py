"""`softask campaigns`: what is live, what was, and what shall be."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.commands import consent
from cli.commands.target import (
    DEV_SERVER,
    AsJson,
    Profile,
    Reason,
    Region,
    Url,
    Yes,
    because,
    fail,
    remote_at,
)

if TYPE_CHECKING:
    from cli.remote import Remote

Json = dict[str, Any]
Way = Literal["pause", "resume"]

app = typer.Typer(
    help="List, compare, publish, pause and roll back campaigns.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Campaign = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id.")]
OneOrAll = Annotated[str | None, typer.Argument(metavar="ID", help="The campaign's id.")]
All = Annotated[bool, typer.Option("--all", help="Every campaign, by the settings.")]

_REACHES = "Every function knows it within 30 seconds."


@app.command("list")
def list_(
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Every campaign with the version and the status that hold now.

    Example: softask campaigns list
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.get(path_of("campaigns"))
        if as_json:
            render.put_json(answer)
            return
        if answer["paused"]:
            render.put("Everything is paused: softask campaigns resume --all")
        headings = ("campaign", "version", "status", "draft", "rollout", "published")
        render.put(render.table(headings, map(_row, answer["campaigns"])))


@app.command()
def show(
    campaign: Campaign,
    version: Annotated[
        int | None, typer.Option(min=0, help="That version instead of the live one.")
    ] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the file alone.")] = False,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """The campaign as a file, with who published it and when.

    Example: softask campaigns show push-softask --yaml > live.yaml
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.canonical import canonical_campaign, to_yaml  # noqa: PLC0415
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.get(path_of("campaigns", campaign), version=version)
        if as_json:
            render.put_json(answer)
            return
        if not as_yaml:
            state = "live" if answer["isLive"] else "not live"
            typer.echo(f"# version {answer['version']}, {answer['status']}, {state}")
            typer.echo(f"# {_published(answer)}")
        typer.echo(to_yaml(canonical_campaign(answer["campaign"])), nl=False)


@app.command()
def versions(
    campaign: Campaign,
    before: Annotated[
        int | None, typer.Option(min=0, help="Only versions before this one.")
    ] = None,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """The campaign's versions, newest first, at most 100.

    Example: softask campaigns versions push-softask
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.get(path_of("campaigns", campaign, "versions"), before=before)
        if as_json:
            render.put_json(answer)
            return
        rows = (
            (version["version"], _role(version), render.status(version["status"]), _by(version))
            for version in answer["versions"]
        )
        render.put(render.table(("version", "", "status", "published"), rows))


@app.command()
def diff(
    campaign: Campaign,
    before: Annotated[str | None, typer.Argument(metavar="A", help="A version, or a file.")] = None,
    after: Annotated[str | None, typer.Argument(metavar="B", help="A version, or a file.")] = None,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """What differs between two versions or files.

    From A to B; of one alone, from that version to the live one, or from the live one to that
    file. With neither: from the live version to the draft or, without a draft, from the version
    before the live one.

    Example: softask campaigns diff push-softask campaigns/push-softask.yaml
    """
    with remote_at(url, profile, region) as remote:
        from cli.canonical import differences  # noqa: PLC0415
        from cli.commands.comparing import sides  # noqa: PLC0415
        from cli.render import put_diff  # noqa: PLC0415 - rich

        old, new = sides(remote, campaign, before, after)
        lines = differences(old.file, new.file, old.name, new.name)
        if lines:
            put_diff(lines)
        else:
            typer.echo(f"No difference between {old.name} and {new.name}.")


@app.command()
def publish(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Campaign files.")],
    expect: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Only if N is the newest version; else whichever is."
        ),
    ] = None,
    reason: Reason = None,
    check: Annotated[bool, typer.Option("--check", help="Check, and store nothing.")] = False,
    yes: Yes = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Check campaign files and make them live.

    A file whose status is draft becomes the draft beside what is live. On a terminal the
    difference is shown first, with a question.

    Example: softask campaigns publish campaigns/push-softask.yaml
    """
    if expect is not None and len(files) > 1:
        fail("--expect is of one campaign: name one file.", 2)
    with remote_at(url, profile, region) as remote:
        from cli.commands import publishing  # noqa: PLC0415

        ask = consent.is_terminal() and not yes and not check
        wishes = publishing.Wishes(reason, expect, check, ask)
        publishing.publish_campaigns(remote, files, wishes)


@app.command()
def pause(
    campaign: OneOrAll = None,
    everything: All = False,
    reason: Reason = None,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Stop showing a campaign, or all of them. Outcomes are still recorded.

    Example: softask campaigns pause push-softask --reason "a crash"
    """
    _check_one_or_all(campaign, everything)
    with remote_at(url, profile, region) as remote:
        typer.echo(_turn(remote, campaign, "pause", reason))
        typer.echo(_REACHES)


@app.command()
def resume(
    campaign: OneOrAll = None,
    everything: All = False,
    reason: Reason = None,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show a paused campaign again, or end the pause of all.

    Example: softask campaigns resume push-softask --reason "mended"
    """
    _check_one_or_all(campaign, everything)
    with remote_at(url, profile, region) as remote:
        typer.echo(_turn(remote, campaign, "resume", reason))
        typer.echo(_REACHES)


@app.command()
def rollback(
    campaign: Campaign,
    version: Annotated[
        int, typer.Argument(metavar="VERSION", min=0, help="The version to make live again.")
    ],
    reason: Reason = None,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Make an earlier version live again, at once. A pause stays.

    Example: softask campaigns rollback push-softask 0 --reason "fewer yes"
    """
    with remote_at(url, profile, region) as remote:
        from cli.commands.publishing import at  # noqa: PLC0415
        from cli.remote import path_of  # noqa: PLC0415

        shown = remote.get(path_of("campaigns", campaign))
        live = shown["version"] if shown["isLive"] else None
        if live == version:
            typer.echo(f"{campaign}: version {version} is live already {at(remote)}")
            return
        body = {"version": version, "expectedVersion": live, **because(reason)}
        answer = remote.post(path_of("campaigns", campaign, "rollback"), body)
        before = "none live" if live is None else f"version {live}"
        told = f"{before} → {answer['version']} ({answer['status']})"
        typer.echo(f"{campaign}: {told} {at(remote)}")
        typer.echo(_REACHES)


# --- turning on and off ---


def _check_one_or_all(campaign: str | None, everything: bool) -> None:
    if (campaign is None) != everything:
        fail("Name one campaign, or say --all.", 2)


def _turn(remote: "Remote", campaign: str | None, way: Way, reason: str | None) -> str:
    from cli.commands.publishing import at  # noqa: PLC0415
    from cli.remote import path_of  # noqa: PLC0415

    if campaign is None:
        return _turn_all(remote, way == "pause", reason)
    answer = remote.post(path_of("campaigns", campaign, way), because(reason))
    return f"{campaign}: {answer['status']} (version {answer['version']}) {at(remote)}"


def _turn_all(remote: "Remote", paused: bool, reason: str | None) -> str:
    from cli.commands.publishing import at, put_settings  # noqa: PLC0415
    from cli.remote import path_of  # noqa: PLC0415

    word = "paused" if paused else "not paused"
    have = remote.get(path_of("settings"))
    if have["settings"].get("paused", False) == paused:
        return f"settings: {word} already (revision {have['revision']}) {at(remote)}"
    answer = put_settings(remote, have, {**have["settings"], "paused": paused}, reason)
    told = f"{word} (revision {have['revision']} → {answer['revision']})"
    return f"settings: {told} {at(remote)}"


# --- words ---


def _row(campaign: Json) -> tuple[Any, ...]:
    from cli import render  # noqa: PLC0415

    return (
        campaign["id"],
        campaign["version"],
        render.status(campaign["status"]),
        campaign["draft"],
        f"{campaign['rollout']:g} %",
        _by(campaign),
    )


def _role(version: Json) -> str:
    if version["isLive"]:
        return "live"
    return "draft" if version["isDraft"] else ""


def _published(stored: Json) -> str:
    told = _by(stored)
    return f"published {told}" if stored["publishedAt"] else told


def _by(stored: Json) -> str:
    """When, by whom and why it was published, and paused or resumed since."""
    if stored["publishedAt"] is None:
        published = "shipped with the deploy"
    else:
        published = _told(stored["publishedAt"], stored["publishedBy"], stored["reason"])
    changed_at = stored.get("statusChangedAt")
    if changed_at is None:
        return published
    since = _told(changed_at, stored["statusChangedBy"], stored["statusReason"])
    what = "paused" if stored["status"] == "paused" else "resumed"
    return f"{published}; {what} {since}"


def _told(at: str, by: str, reason: str | None) -> str:
    from cli.render import moment, person, printable  # noqa: PLC0415

    told = f"{moment(at)} by {person(by)}"
    return f"{told}: {printable(reason)}" if reason else told
