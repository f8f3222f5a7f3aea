"""Asking first: somebody at a terminal says yes, or nothing is done."""

import sys

import typer

from cli.commands.target import fail


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def require_somebody() -> None:
    """Ends the command where nobody could answer."""
    if not is_terminal():
        fail("There is nobody to ask here: say --yes.", 2)


def ask(question: str, otherwise: str) -> None:
    """Ends the command, with what did not happen, unless the answer is yes."""
    require_somebody()
    if not typer.confirm(question):
        fail(otherwise)
