"""The page about the domain events (`docs/events.md`): prose, and what the types themselves say."""

from cli.events.page import page

__all__ = ["page"]
