"""`softask keys`: who may call: make, replace and revoke the keys of a stage."""

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    require,
)

if TYPE_CHECKING:
    from cli.remote import Remote

Json = dict[str, Any]

app = typer.Typer(
    help="Make, replace and revoke the keys of a stage.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]
PublicKey = Annotated[
    Path | None,
    typer.Option("--public-key", metavar="FILE", help="Of a user key: PEM or JWK, P-256."),
]
NewKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--new-key-file",
        metavar="FILE",
        help="Of a user key: make a pair, and write the private half there.",
    ),
]

_NEXT = {
    "write": "put the secret into the app as its write key.",
    "server": "put the secret where your servers keep theirs; it may act for every user.",
    "device": "nothing: POST /v1/devices signs with it.",
}
_TAKEN_OVER = "nothing: apps that have that write key may call now."
_LOST = {
    "user": "Whoever brings a token that was signed with it",
    "device": "Whoever brings a token that was signed with it",
}

_OPTIONS = {
    "publicKey": "--public-key",
    "overlapSeconds": "--overlap",
    "issuer": "--issuer",
    "sha256": "--sha256",
    "name": "--name",
    "reason": "--reason",
}
"""What the API's fields are called here."""

HEADINGS = ("id", "use", "made (UTC)", "by", "ends (UTC)", "issuer", "name")
YIELDING = ("by", "issuer", "name")
"""What breaks first in a narrow terminal."""

_DIGEST = re.compile("[0-9A-Fa-f]{64}")
_SECRET = re.compile("(?:wk|sk)_.")
_SPAN = re.compile(r"(?:[0-9]{1,9}[smhd])+")


@app.command("list")
def list_keys(
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Every key, and what is done about tokens.

    Example: softask keys list
    """
    with remote_at(url, profile, region) as remote:
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        answer = remote.get(path_of("keys"))
        if as_json:
            render.put_json(answer)
            return
        count = len(answer["keys"])
        typer.echo(
            f"{_place(answer, remote)}: tokens {render.printable(answer['auth'])}, ", nl=False
        )
        typer.echo(f"{count} key{'' if count == 1 else 's'}")
        if count:
            render.put_whole(HEADINGS, [_row(key) for key in answer["keys"]], YIELDING)


@app.command()
def create(
    use: Annotated[
        Literal["write", "server", "user", "device"],
        typer.Argument(metavar="USE", help="write, server, user or device."),
    ],
    name: Annotated[str, typer.Option(metavar="TEXT", help="What it is for, to people.")] = "",
    issuer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a user key: what iss of its tokens says."),
    ] = None,
    public_key: PublicKey = None,
    new_key_file: NewKeyFile = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Of a write key that is in use already: its SHA-256."),
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Make a key. A secret is printed once, and is kept nowhere.

    write: names the app; travels in it. server: a secret that may act for every user. user:
    verifies what your backend signs. device: Softask signs for anonymous installs with it.

    Example: softask keys create user --issuer me --new-key-file key.pem
    """
    if use == "user":
        _require_key(public_key, new_key_file)
    said = {"use": use, "name": name, **because(reason)}
    said |= _said(issuer=issuer, sha256=None if sha256 is None else _digest(sha256))
    with (
        remote_at(url, profile, region) as remote,
        _in_options(),
        _public(public_key, new_key_file) as public,
    ):
        from cli.remote import path_of  # noqa: PLC0415 - httpx, botocore

        answer = remote.post(path_of("keys"), {**said, **public})
        _tell(answer, remote, new_key_file, as_json)


@app.command()
def rotate(
    id_: Id,
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="How long the old one holds on, such as 36h or 30d; 0s: not at all.",
        ),
    ] = None,
    public_key: PublicKey = None,
    new_key_file: NewKeyFile = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Make a key in place of another, which holds on.

    Without --overlap: a write key for 30 days, a device key for 90, the others for one.

    Example: softask keys rotate wk-0123456789ab --overlap 60d
    """
    _require_id(id_)
    if id_.startswith("uk-"):
        _require_key(public_key, new_key_file)
    said = because(reason) | _said(overlapSeconds=None if overlap is None else seconds(overlap))
    with (
        remote_at(url, profile, region) as remote,
        _in_options(),
        _public(public_key, new_key_file) as public,
    ):
        from cli.remote import path_of  # noqa: PLC0415 - httpx, botocore

        answer = remote.post(path_of("keys", id_, "rotate"), {**said, **public})
        _tell(answer, remote, new_key_file, as_json)


@app.command()
def revoke(
    id_: Id,
    force: Annotated[
        bool, typer.Option("--force", help="Even the last write key: no app may call then.")
    ] = False,
    yes: Yes = False,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Refuse a key from now on.

    Every function knows within 20 seconds.

    Example: softask keys revoke sk-0123456789ab --reason "leaked"
    """
    _require_id(id_)
    if not yes:
        consent.require_somebody()
    with remote_at(url, profile, region) as remote, _in_options():
        from cli import render  # noqa: PLC0415 - rich
        from cli.remote import path_of  # noqa: PLC0415

        if not yes:
            _ask(remote.get(path_of("keys")), remote, id_)
        said = "true" if force else None
        answer = remote.delete(path_of("keys", id_), force=said, reason=reason)
        if as_json:
            render.put_json(answer)
            return
        place = _place(answer, remote)
        typer.echo(f"{render.printable(id_)}: revoked in {place} (revision {answer['revision']})")
        typer.echo("Every function knows within 20 seconds.")
        for warning in answer.get("warnings", ()):
            typer.echo(f"warning: {render.printable(warning)}", err=True)


def _ask(answer: Json, remote: "Remote", id_: str) -> None:
    """Names the key and where it is: two stages have keys of much the same look."""
    from cli.render import printable  # noqa: PLC0415 - rich

    place = _place(answer, remote)
    key = next((each for each in answer["keys"] if each["id"] == id_), None)
    if key is None:
        fail(f"There is no key {printable(id_)} in {place}.")
    about = ", ".join(printable(each) for each in (key["use"], key["name"]) if each)
    loser = _LOST.get(key["use"], "Whoever calls with it")
    question = f"Revoke {printable(id_)} ({about}) in {place}? {loser} is refused then."
    consent.ask(question, "Nothing was revoked.")


def _place(answer: Json, remote: "Remote") -> str:
    """Which server, and which stage it is."""
    from cli.render import printable  # noqa: PLC0415 - rich

    url = printable(remote.url)
    return f"stage {printable(answer['stage'])} at {url}" if "stage" in answer else url


def seconds(span: str) -> int:
    """`36h` as 129,600; ends the command for what is no span."""
    if not _SPAN.fullmatch(span):
        fail(f"{span} is no span such as 90s, 15m, 36h or 30d.", 2)
    from functions.core.campaign import milliseconds  # noqa: PLC0415 - the whole campaign file
    from functions.core.model import SECOND  # noqa: PLC0415

    return sum(map(milliseconds, re.findall("[0-9]+[smhd]", span))) // SECOND


def _require_id(text: str) -> None:
    """Ends the command for a secret too: an id travels in the URL, and so in logs on its way."""
    require(text, "ID")
    secret = text.strip()
    if not _SECRET.match(secret):
        return
    from functions.store.access import PREFIXES, id_of  # noqa: PLC0415 - msgspec

    use = next(use for use, prefix in PREFIXES.items() if secret.startswith(f"{prefix}_"))
    its_id = id_of(use, hashlib.sha256(secret.encode()).hexdigest())
    fail(f"That is the key itself; its id is {its_id}. Nothing was sent.", 2)


def _require_key(file: Path | None, new_file: Path | None) -> None:
    if file is None and new_file is None:
        problem = "--new-key-file FILE makes a pair; --public-key FILE takes yours."
        fail(f"A user key needs its public half: {problem}", 2)


def _digest(text: str) -> str:
    require(text, "--sha256")
    if not _DIGEST.fullmatch(text):
        fail("--sha256 takes the 64 digits that `printf %s KEY | sha256sum` prints.", 2)
    return text.lower()


@contextmanager
def _in_options() -> Iterator[None]:
    """What the API refuses within the block, in this command's words."""
    from cli.remote import Refused  # noqa: PLC0415 - httpx, botocore

    try:
        yield
    except Refused as error:
        option = _OPTIONS.get((error.field or "").partition(".")[0])
        said = f"{option}: {error.message}" if option else str(error)
        raise Refused(error.status, said.replace("force=true", "--force"), error.code) from None


@contextmanager
def _public(file: Path | None, new_file: Path | None) -> Iterator[Json]:
    """The public key for the body. A pair that was refused within the block leaves no file."""
    if file is not None and new_file is not None:
        fail("Say --public-key or --new-key-file, not both.", 2)
    if file is None and new_file is None:
        yield {}
        return
    from cli import key_files  # noqa: PLC0415 - cryptography
    from cli.remote import Refused  # noqa: PLC0415

    try:
        public = key_files.read_public(file) if file else key_files.make(new_file or Path())
    except key_files.KeyFileError as error:
        fail(str(error), 2)
    try:
        yield {"publicKey": public}
    except Refused as error:
        if new_file is not None and 400 <= error.status < 500:
            new_file.unlink()
        elif new_file is not None:
            typer.echo(f"{new_file} is kept: softask keys list tells whether its key is.", err=True)
        raise


def _said(**parts: Any) -> Json:
    return {name: value for name, value in parts.items() if value is not None}


def _tell(answer: Json, remote: "Remote", new_key_file: Path | None, as_json: bool) -> None:
    from cli import render  # noqa: PLC0415 - rich

    if as_json:
        render.put_json(answer)
        return
    key, replaced = answer["key"], answer.get("replaced")
    typer.echo(f"id: {render.printable(key['id'])}")
    typer.echo(f"in: {_place(answer, remote)}")
    if answer["secret"]:
        typer.echo(f"secret (shown only now): {render.printable(answer['secret'])}")
    typer.echo(f"Next: {_next(answer, new_key_file)}")
    if replaced:
        ends = replaced["endsAt"]
        is_over = ends == key.get("madeAt")
        until = "has ended" if is_over else f"holds until {render.moment(ends)}"
        typer.echo(f"{render.printable(replaced['id'])} {until}.")


def _next(answer: Json, new_key_file: Path | None) -> str:
    key = answer["key"]
    if key["use"] == "write" and not answer["secret"]:
        return _TAKEN_OVER
    if key["use"] != "user":
        return _NEXT.get(key["use"], "see docs/authentication.md.")
    from cli.render import printable  # noqa: PLC0415 - rich

    told = {"--key": new_key_file or "PRIVATE_KEY_FILE", "--kid": key["id"]}
    told |= {"--issuer": key.get("issuer", ""), "--stage": answer.get("stage", "STAGE")}
    options = " ".join(f"{name} {shlex.quote(printable(of))}" for name, of in told.items())
    return f"sign users' tokens in your backend; to try it: softask token u1 {options}"


def _minute(at: str) -> str:
    """`2026-11-21T10:00:12.345Z` as `2026-11-21 10:00`."""
    return at[:16].replace("T", " ")


def _row(key: Mapping[str, Any]) -> tuple[Any, ...]:
    from cli import render  # noqa: PLC0415 - rich

    made, ends = key.get("madeAt"), key.get("endsAt")
    return (
        key["id"],
        key["use"],
        _minute(made) if made else "with the deploy",
        render.person(key.get("madeBy")) or None,
        _minute(ends) if ends else None,
        key.get("issuer"),
        key["name"] or None,
    )
