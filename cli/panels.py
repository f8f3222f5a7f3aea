"""The help page of a command that has many others: in groups, plain, and as quick as without."""

from typing import TYPE_CHECKING, cast

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter
    from typer.core import TyperCommand

TRY = "Try it"
CAMPAIGNS = "Campaigns"
USERS = "Users"
OPERATE = "Operate"
REFERENCE = "Reference"

_ORDER = (TRY, CAMPAIGNS, USERS, OPERATE, REFERENCE)


class Panels(TyperGroup):
    """Lists each command under its `rich_help_panel`, which Typer itself reads only with rich."""

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Every command must have one of the panels."""
        listed: dict[str, list[tuple[str, str]]] = {panel: [] for panel in _ORDER}
        names = self.list_commands(ctx)
        # The margin and the gap of the list.
        width = formatter.width - max(map(len, names)) - 6
        for name in names:
            command = cast("TyperCommand", self.commands[name])
            told = command.get_short_help_str(width)
            listed[str(command.rich_help_panel)].append((name, told))
        for panel, rows in listed.items():
            with formatter.section(panel):
                formatter.write_dl(rows)
