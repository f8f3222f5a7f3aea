"""`softask import users`: the command's options, its progress and its closing words."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.commands.target import DEV_SERVER, Profile, Region, Url, fail, remote_at
from cli.moving_in.columns import Columns, read_mapped
from cli.moving_in.files import FileProblem, UserFile, open_users
from cli.moving_in.rows import read_words
from cli.moving_in.state import (
    NOTES,
    Counts,
    RefusedFile,
    Settings,
    State,
    StateFile,
    fingerprint,
)
from functions.clock import wall_clock
from functions.core.moments import parse_time

if TYPE_CHECKING:
    from cli.moving_in.run import Post

app = typer.Typer(
    help="Move in from the system in use before.", no_args_is_help=True, rich_markup_mode=None
)

Save = Callable[[State], None]

INTERRUPTED = 130


@app.callback()
def _group() -> None:
    """One group, though it has one command."""


@app.command()
def users(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or JSON Lines: .csv, .jsonl, with .gz too.")
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Which column says it; repeatable."),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=STATUS", help="What a word of the file means; repeatable."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it was exported; else when it was last changed."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read all of it and send nothing.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where a run was broken off.")
    ] = False,
    url: Url = DEV_SERVER,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Take over who granted, denied or declined, and who was asked.

    So nobody is asked anew. A run that was broken off goes on where it was. Exits with 1 if records
    were refused.

    Example: softask import users users.csv --map user_id=external_id --dry-run
    """
    try:
        settings = Settings(
            file=fingerprint(file),
            url=url.rstrip("/"),
            as_of=_as_of(file, as_of),
            mapped=read_mapped(mapping or ()),
            words=read_words(status or ()),
        )
        with open_users(file) as opened:
            moving = _Moving(file, opened, settings)
            if dry_run:
                moving.try_out()
                return
            with remote_at(url, profile, region) as remote:
                moving.carry_out(remote.post, restart=restart)
    except FileProblem as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror or error}", 2)


class _Moving:
    """One file on its way to one server."""

    def __init__(self, path: Path, opened: UserFile, settings: Settings) -> None:
        self._path = path
        self._opened = opened
        self._settings = settings
        self._columns = Columns(settings.mapped)
        self._state_file = StateFile(path)
        self._refused = RefusedFile(path, opened.raw_columns)
        if opened.columns is not None:
            self._columns.check(opened.columns, path)
            self._say_ignored()

    def try_out(self) -> None:
        """What a run would do, as far as the file alone tells."""
        place = self._state_file.path
        if place.exists():
            raise FileProblem(f"{place}: a run is unfinished; finish it first.")
        self._refused.cut(0)
        state = self._go(_take_all, State(settings=self._settings), lambda _: None)
        self._conclude(state.counts, "would be imported")

    def carry_out(self, post: "Post", *, restart: bool) -> None:
        """From where the last run was broken off, or from the beginning."""
        if restart:
            self._state_file.remove()
        state = self._unfinished()
        if state is None:
            state = State(settings=self._settings)
        else:
            _say(f"Going on after {state.counts.records:,} records.")
        self._refused.cut(state.refused_bytes)
        with _resumable(self._state_file.path):
            state = self._go(post, state, self._state_file.write)
        self._state_file.remove()
        self._conclude(state.counts, "imported")

    def _unfinished(self) -> State | None:
        place = self._state_file.path
        try:
            state = self._state_file.read()
        except msgspec.DecodeError:
            raise FileProblem(f"{place} cannot be read; --restart begins anew.") from None
        if state is None:
            return None
        differing = state.settings.differing(self._settings)
        if differing:
            said = ", ".join(differing)
            raise FileProblem(f"{place}: broken off with another {said}; --restart begins anew.")
        return state

    def _go(self, post: "Post", state: State, save: Save) -> State:
        from cli.moving_in.run import Reader, Run, Sender  # noqa: PLC0415 - httpx, botocore

        reader = Reader(self._columns, self._settings.words, wall_clock())
        with _progress(self._path, self._opened) as advance:

            def save_and_advance(state: State) -> None:
                save(state)
                advance(state)

            run = Run(reader, Sender(post), self._refused, save_and_advance)
            return run.go(self._opened.records, state)

    def _conclude(self, counts: Counts, imported: str) -> None:
        if self._opened.columns is None:
            self._say_ignored()
        typer.echo(f"{self._path}: {counts.records:,} records")
        for count, words in (
            (counts.imported, imported),
            (counts.unchanged, "known already"),
            (counts.silent, "say nothing that is imported"),
            (counts.elsewhere, "are no phone's (by device_type)"),
            (counts.refused, f"refused: see {self._refused.path}"),
        ):
            if count:
                typer.echo(f"{count:>12,}  {words}")
        if counts.refused:
            raise typer.Exit(1)

    def _say_ignored(self) -> None:
        """Not of the notes in a table of refused records, which nobody could miss."""
        is_refused = (self._opened.columns or ())[: len(NOTES)] == NOTES
        ignored = [name for name in self._columns.ignored if not (is_refused and name in NOTES)]
        if ignored:
            _say(f"Ignored columns: {', '.join(ignored)}")


def _as_of(file: Path, told: str | None) -> int:
    """Milliseconds; the file's own date where none is told."""
    if told is None:
        return file.stat().st_mtime_ns // 1_000_000
    try:
        return parse_time(told)
    except ValueError:
        raise FileProblem(f"--as-of {told}: write it as in 2026-11-21T10:00:00Z.") from None


def _take_all(_path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A server's answer, where there is no server."""
    rows = range(len(body["users"]))
    return {"results": [{"row": row, "status": "imported"} for row in rows]}


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _resumable(state: Path) -> Iterator[None]:
    """Says how to go on, whatever broke the run off; nothing where it had not come anywhere."""
    try:
        yield
    except BaseException as error:
        if state.exists():
            _say("Broken off. The same command goes on from there; what is sent twice counts once.")
        if isinstance(error, KeyboardInterrupt):
            raise typer.Exit(INTERRUPTED) from None
        raise


@contextmanager
def _progress(path: Path, opened: UserFile) -> Iterator[Save]:
    """A bar on a terminal; it measures the file by its bytes."""
    if not _is_terminal():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    shown = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(path.name, total=path.stat().st_size)

        def advance(state: State) -> None:
            said = f"{path.name}: {state.counts.records:,} records"
            bar.update(task, completed=opened.position, description=said)

        yield advance


def _is_terminal() -> bool:
    return sys.stderr.isatty()
