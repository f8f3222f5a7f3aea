"""The campaigns that a dev server serves, read from their files."""

from collections.abc import Sequence
from pathlib import Path

from cli.campaigns import SETTINGS, read_files, read_package
from functions.core.campaign import Package

FOLDER = Path(__file__).parents[2] / "campaigns"
"""The campaigns that ship, with the settings that hold for others too."""


def read(files: Sequence[Path] = ()) -> Package:
    """These campaigns, or all that ship where none is named; else `CampaignFileError`."""
    return read_files(files, FOLDER / SETTINGS) if files else read_package(FOLDER)
