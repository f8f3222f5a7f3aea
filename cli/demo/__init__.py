"""`softask demo`: the recipe, played by an app over HTTP, two weeks included."""

import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cli.demo.process import ServerFailed, dev_server
from cli.demo.recipe import play_recipe
from cli.demo.stage import Stage


def play(campaigns: Sequence[Path] = (), endpoint: str | None = None) -> int:
    """Plays it against a dev server of its own: 0, or 1 where a step differs or nothing starts."""
    console = Console(highlight=False, width=_width())
    try:
        with dev_server(campaigns, endpoint) as url, Stage(url, console) as stage:
            # Tables that outlive the server may know the users of an earlier run.
            play_recipe(stage, suffix=f"-{uuid.uuid4().hex[:6]}" if endpoint else "")
            return stage.conclude()
    except ServerFailed as error:
        Console(stderr=True, highlight=False, markup=False).print(str(error), soft_wrap=True)
        return 1


def _width() -> int | None:
    """The terminal's own; in a pipe 100, unless COLUMNS says otherwise."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
