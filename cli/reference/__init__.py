"""The campaign reference (`docs/campaigns.md`): prose, and tables of what the code itself says."""

from cli.reference.page import reference

__all__ = ["reference"]
